/* The real model: import from GGUF, every tensor's hash, twenty losses, a greedy answer. */
#include "support.h"

#include "base/hash.h"
#include "session/generate.h"
#include "train/train.h"

#define GGUF WG_SCRATCH "/smollm2-gguf/SmolLM2-135M-Instruct.Q4_1.gguf"
#define MODEL WG_SCRATCH "/smollm2"

static wagle_ctx *ctx;

static int import_model(void **state)
{
    wagle_import_options o;
    const char *ci = getenv("CI");
    FILE *file;

    (void)state;
    ctx = new_context();
    file = fopen(GGUF, "r");
    if (file == NULL &&
        system("sh '" WG_SHARED "/get-smollm2.sh' '" WG_SCRATCH "/smollm2-gguf' >/dev/null") != 0) {
        if (ci != NULL && ci[0] != '\0')
            fail_msg("the real model could not be fetched, and CI must have it");
        exit(77);
    }
    if (file != NULL)
        fclose(file);
    wagle_import_defaults(&o);
    o.gguf = GGUF;
    o.out = MODEL;
    o.force = true;
    assert_ok(ctx, wagle_import(ctx, &o));
    return 0;
}

static int close_context(void **state)
{
    (void)state;
    wagle_ctx_free(ctx);
    return 0;
}

static void imported_tensors_have_the_gold_hashes(void **state)
{
    json_t *want = gold_json(WG_SHARED "/gold/smollm2/tensors.json"), *entry;
    const char *name;
    wg_tensors files;

    (void)state;
    assert_ok(ctx, wg_tensors_open(ctx, MODEL, &files));
    assert_int_equal(files.n, json_object_size(want));
    json_object_foreach (want, name, entry) {
        const wg_tensor *t = gold_tensor(&files, name);
        char hash[WG_SHA256_TEXT];
        wg_sha256 h;
        assert_ok(ctx, wg_sha256_begin(ctx, &h));
        wg_sha256_add(&h, t->data, t->bytes);
        wg_sha256_end(&h, hash);
        assert_string_equal(hash, json_string_value(json_object_get(entry, "sha256_bf16")));
    }
    wg_tensors_close(&files);
    json_decref(want);
}

static void twenty_answers_have_the_gold_losses(void **state)
{
    json_t *facts = gold_json(WG_SHARED "/gold/smollm2/gold.json");
    const json_t *want = json_object_get(facts, "rows");
    const wagle_data data = {
        .path = WG_SHARED "/data/tofu/forget01.json", .limit = 20, .chat = "none"};
    wg_real *nll[20] = {0};
    wg_dataset rows;
    wg_session s;

    (void)state;
    assert_ok(ctx, wg_session_open(ctx, MODEL, &s));
    assert_ok(ctx, wg_dataset_load(ctx, &s.reader, &data, &rows));
    assert_int_equal(rows.n, 20);
    assert_ok(ctx, wg_rows_nll(ctx, &s, &rows, NULL, nll));
    for (size_t i = 0; i < 20; i++) {
        const json_t *row = json_array_get(want, i);
        const wg_example *e = &rows.example[i];
        const double sum = wg_sum(nll[i], e->n_labels);
        assert_int_equal(e->n, (int64_t)json_at(row, "n"));
        assert_int_equal(e->n - e->n_labels, (int64_t)json_at(row, "first_label"));
        if (fabs(sum - json_at(row, "nll_answer")) > 1e-4 * sum)
            fail_msg("row %d: %.6f, %.6f expected", (int)i, sum, json_at(row, "nll_answer"));
        wg_free(nll[i]);
    }
    wg_dataset_free(&rows);
    wg_session_close(&s);
    json_decref(facts);
}

static void the_greedy_answer_is_that_of_the_gold(void **state)
{
    json_t *facts = gold_json(WG_SHARED "/gold/smollm2/gold.json");
    const json_t *greedy = json_object_get(facts, "greedy"), *want = json_object_get(greedy, "ids");
    const char *prompt = json_string_value(json_object_get(greedy, "prompt"));
    const wg_sampling how = {.max_tokens = (int64_t)json_array_size(want), .top_p = 1};
    wg_ids ids = {0}, out = {0};
    wg_session s;

    (void)state;
    assert_ok(ctx, wg_session_open(ctx, MODEL, &s));
    assert_ok(ctx, wg_reader_tokenizer(ctx, &s.reader));
    assert_ok(ctx, wg_encode(ctx, s.reader.tokenizer, prompt, strlen(prompt), true, &ids));
    assert_ok(ctx, wg_generate(ctx, &s, &ids, 1, &how, &out));
    assert_int_equal(out.n, json_array_size(want));
    for (int64_t i = 0; i < out.n; i++)
        assert_int_equal(out.id[i], json_integer_value(json_array_get(want, (size_t)i)));
    wg_free(ids.id);
    wg_free(out.id);
    wg_session_close(&s);
    json_decref(facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imported_tensors_have_the_gold_hashes),
        cmocka_unit_test(twenty_answers_have_the_gold_losses),
        cmocka_unit_test(the_greedy_answer_is_that_of_the_gold),
    };
    return cmocka_run_group_tests(tests, import_model, close_context);
}
