/* Every string of gold/tokenizers is encoded and decoded like in the `tokenizers` library. */
#include "support.h"

#include "base/number.h"
#include "text/tokenizer.h"

static const char *folder;

static void check_ids(wagle_ctx *ctx, const wagle_tokenizer *t, const json_t *row, const char *key,
                      bool special, int64_t line)
{
    const json_t *text = json_object_get(row, "text"), *want = json_object_get(row, key);
    wg_ids ids = {0};

    assert_ok(ctx,
              wg_encode(ctx, t, json_string_value(text), json_string_length(text), special, &ids));
    if ((int64_t)json_array_size(want) != ids.n)
        fail_msg("%s line %d (%s): %d ids, %d expected", folder, (int)line, key, (int)ids.n,
                 (int)json_array_size(want));
    for (int64_t i = 0; i < ids.n; i++)
        if (ids.id[i] != json_integer_value(json_array_get(want, (size_t)i)))
            fail_msg("%s line %d: id %d", folder, (int)line, (int)i);
    wg_free(ids.id);
}

static void check_text(wagle_ctx *ctx, const wagle_tokenizer *t, const json_t *row, const char *key,
                       bool skip, int64_t line)
{
    const json_t *list = json_object_get(row, "ids"), *want = json_object_get(row, key);
    int32_t ids[8192];
    wg_text out = {0};

    for (size_t i = 0; i < json_array_size(list); i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    assert_ok(ctx, wg_decode(ctx, t, ids, (int64_t)json_array_size(list), skip, &out));
    if ((size_t)out.bytes != json_string_length(want) ||
        memcmp(out.text, json_string_value(want), (size_t)out.bytes) != 0)
        fail_msg("%s line %d (%s): '%s', '%s' expected", folder, (int)line, key, out.text,
                 json_string_value(want));
    wg_text_free(&out);
}

static void check_folder(const char *path)
{
    wagle_ctx *ctx = new_context();
    wagle_tokenizer *t;
    char name[512];
    FILE *file;
    char *line = NULL;
    size_t room = 0;
    int64_t n = 0;

    folder = path;
    assert_ok(ctx, wagle_tokenizer_open(ctx, path, &t));
    snprintf(name, sizeof name, "%s/gold.jsonl", path);
    file = fopen(name, "r");
    assert_non_null(file);
    while (getline(&line, &room, file) > 0) {
        json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL);
        assert_non_null(row);
        n++;
        check_ids(ctx, t, row, "ids", false, n);
        check_ids(ctx, t, row, json_object_get(row, "with_special") ? "with_special" : "ids", true,
                  n);
        check_text(ctx, t, row, "decoded", false, n);
        check_text(ctx, t, row, json_object_get(row, "decoded_skip") ? "decoded_skip" : "decoded",
                   true, n);
        json_decref(row);
    }
    assert_true(n > 250);
    free(line);
    fclose(file);
    wagle_tokenizer_free(t);
    wagle_ctx_free(ctx);
}

#define TOKENIZER(function, root, name)                                                            \
    static void function(void **state)                                                             \
    {                                                                                              \
        (void)state;                                                                               \
        check_folder(root "/tokenizers/" name);                                                    \
    }
TOKENIZER(smollm_like, WG_GOLD, "smollm-like")
TOKENIZER(gpt2, WG_GOLD, "gpt2")
TOKENIZER(llama3, WG_GOLD, "llama3")
TOKENIZER(qwen2, WG_GOLD, "qwen2")
TOKENIZER(prefix_space, WG_GOLD, "prefix-space")
TOKENIZER(gemma, WG_GOLD, "gemma")
TOKENIZER(llama2_legacy, WG_GOLD, "llama2-legacy")
TOKENIZER(llama2_metaspace, WG_GOLD, "llama2-metaspace")
TOKENIZER(unigram, WG_GOLD, "unigram")

/* Compares 2,000 strings with the sentencepiece library. */
static void check_sentencepiece(const char *where)
{
    wagle_ctx *ctx = new_context();
    wagle_tokenizer *t;
    char path[512], *line = NULL;
    size_t room = 0;
    int n = 0;

    assert_ok(ctx, wagle_tokenizer_open(ctx, where, &t));
    snprintf(path, sizeof path, "%s/gold.jsonl", where);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (getline(&line, &room, file) > 0) {
        json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL);
        assert_non_null(row);
        check_ids(ctx, t, row, "ids", false, ++n);
        json_decref(row);
    }
    assert_int_equal(n, 2000);
    free(line);
    fclose(file);
    wagle_tokenizer_free(t);
    wagle_ctx_free(ctx);
}

static void sentencepiece_bpe(void **state)
{
    (void)state;
    check_sentencepiece(WG_GOLD "/sentencepiece/bpe");
}

static void sentencepiece_unigram(void **state)
{
    (void)state;
    check_sentencepiece(WG_GOLD "/sentencepiece/unigram");
}

static void smollm2_from_shared(void **state)
{
    const char *ci = getenv("CI");
    FILE *file = fopen(WG_SHARED "/gold/tokenizers/smollm2/tokenizer.json", "r");

    (void)state;
    if (file == NULL) {
        if (ci != NULL && ci[0] != '\0')
            fail_msg("%s is missing, and CI must have it", WG_SHARED);
        skip();
    }
    fclose(file);
    check_folder(WG_SHARED "/gold/tokenizers/smollm2");
}

/* A random valid code point; common ones are frequent. */
static int32_t random_code(uint64_t stream, uint64_t i)
{
    static const int32_t below[] = {0x80, 0x100, 0x800, 0x3000, 0x10000, 0x110000};
    const int64_t most = below[wg_random_below(23, stream, 2 * i, 6)];
    const int32_t code = (int32_t)wg_random_below(23, stream, 2 * i + 1, most);

    return code >= 0xD800 && code < 0xE000 ? 'a' : code;
}

static void bytes_come_back_whatever_they_were(void **state)
{
    static const char *const names[] = {"gpt2", "llama3", "smollm-like"};
    wagle_ctx *ctx = new_context();

    (void)state;
    for (int k = 0; k < 3; k++) {
        char path[512];
        wagle_tokenizer *t;
        snprintf(path, sizeof path, WG_GOLD "/tokenizers/%s", names[k]);
        assert_ok(ctx, wagle_tokenizer_open(ctx, path, &t));
        for (uint64_t round = 0; round < 500; round++) {
            wg_text text = {0}, back = {0};
            wg_ids ids = {0};
            assert_ok(ctx, wg_text_add(ctx, &text, "", 0));
            for (uint64_t i = 0; i < round % 60; i++) {
                char one[4];
                const int n = wg_utf8_encode(random_code(round, i), one);
                assert_ok(ctx, wg_text_add(ctx, &text, one, (size_t)n));
            }
            assert_ok(ctx, wg_encode(ctx, t, text.text, (size_t)text.bytes, false, &ids));
            assert_ok(ctx, wg_decode(ctx, t, ids.id, ids.n, false, &back));
            assert_int_equal(back.bytes, text.bytes);
            assert_memory_equal(back.text, text.text, (size_t)text.bytes);
            wg_free(ids.id);
            wg_text_free(&text);
            wg_text_free(&back);
        }
        wagle_tokenizer_free(t);
    }
    wagle_ctx_free(ctx);
}

static void a_megabyte_without_a_space_is_encoded(void **state)
{
    enum { BYTES = 1 << 20 };
    wagle_ctx *ctx = new_context();
    wagle_tokenizer *t;
    char *text = malloc(BYTES);
    wg_ids ids = {0};
    wg_text back = {0};

    (void)state;
    for (int i = 0; i < BYTES; i++)
        text[i] = "abcdeortinghs"[(unsigned)i * 7919u % 13u];
    assert_ok(ctx, wagle_tokenizer_open(ctx, WG_GOLD "/tokenizers/llama3", &t));
    assert_ok(ctx, wg_encode(ctx, t, text, BYTES, false, &ids));
    assert_ok(ctx, wg_decode(ctx, t, ids.id, ids.n, false, &back));
    assert_int_equal(back.bytes, BYTES);
    assert_memory_equal(back.text, text, BYTES);
    wg_free(ids.id);
    wg_text_free(&back);
    wagle_tokenizer_free(t);
    free(text);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smollm_like),
        cmocka_unit_test(gpt2),
        cmocka_unit_test(llama3),
        cmocka_unit_test(qwen2),
        cmocka_unit_test(prefix_space),
        cmocka_unit_test(gemma),
        cmocka_unit_test(llama2_legacy),
        cmocka_unit_test(llama2_metaspace),
        cmocka_unit_test(unigram),
        cmocka_unit_test(sentencepiece_bpe),
        cmocka_unit_test(sentencepiece_unigram),
        cmocka_unit_test(smollm2_from_shared),
        cmocka_unit_test(bytes_come_back_whatever_they_were),
        cmocka_unit_test(a_megabyte_without_a_space_is_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
