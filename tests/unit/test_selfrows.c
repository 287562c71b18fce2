/* Self-generated rows: they depend only on the seed, do not resemble the forget rows, and are read
 * back to the same tokens. */
#include "support.h"

#include "protect/self_rows.h"

#define GOLD_MODEL WG_GOLD "/models/llama-gqa-tied"
#define BARE_MODEL WG_GOLD "/models/gpt2"
#define MODEL WG_SCRATCH "/selfrows-model"
#define NAMES_MODEL WG_SCRATCH "/selfrows-names"
#define FORGET WG_SCRATCH "/selfrows.jsonl"
#define AGAIN WG_SCRATCH "/selfrows-again.jsonl"

enum { NAME = 40 }; /* every NAME-th token is a name */

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    fputs(text, file);
    fclose(file);
}

/* The word of token i. Every `every`-th is a name, with a capital. */
static void word(char out[16], int i, int every)
{
    snprintf(out, 16, "%s%c%c",
             i % every == 0 ? "N"
             : i == 5       ? "?"
                            : "w",
             'a' + i / 26, 'a' + i % 26);
}

static void write_tokenizer(const char *path, int every)
{
    FILE *file = fopen(path, "w");
    char text[16];

    fputs("{\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true},"
          "{\"id\":2,\"content\":\"</s>\",\"special\":true}],"
          "\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},"
          "\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":false},"
          "\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"<unk>\",\"vocab\":{\"<unk>\":0,"
          "\"<s>\":1,\"</s>\":2",
          file);
    for (int i = 3; i < 320; i++) {
        word(text, i, every);
        fprintf(file, ",\"%s\":%d", text, i);
    }
    fputs("}}}", file);
    fclose(file);
}

static void make_model(wagle_ctx *ctx, const char *folder, int every)
{
    char path[512];

    wg_remove_tree(folder);
    assert_ok(ctx, wg_make_folder(ctx, folder));
    snprintf(path, sizeof path, "%s/config.json", folder);
    assert_ok(ctx, wg_copy_file(ctx, GOLD_MODEL "/config.json", path));
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_ok(ctx, wg_copy_file(ctx, GOLD_MODEL "/model.safetensors", path));
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    write_tokenizer(path, every);
    snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
    write_text(path, "{\"bos_token\":\"<s>\",\"eos_token\":\"</s>\"}");
}

static int prepare(void **state)
{
    wagle_ctx *ctx = new_context();

    (void)state;
    make_model(ctx, MODEL, NAME);
    make_model(ctx, NAMES_MODEL, 1);
    wagle_ctx_free(ctx);
    return 0;
}

/* Writes forget rows with all names of a model, 40 in each. */
static void name_all(wagle_ctx *ctx, int every, wg_text *out)
{
    char text[16];
    int n = 0;

    for (int i = 3; i < 320; i++)
        if (i % every == 0) {
            word(text, i, every);
            if (n++ % 40 == 0)
                assert_ok(ctx, wg_text_printf(ctx, out, "%s{\"question\":\"wba\",\"answer\":\"wda",
                                              n > 1 ? "\"}\n" : ""));
            assert_ok(ctx, wg_text_printf(ctx, out, " %s", text));
        }
    assert_ok(ctx, wg_text_addz(ctx, out, "\"}\n"));
}

/* Generates rows of a model, with `forget` as the forget rows; wg_dataset_free. */
static wagle_status write_like(wagle_ctx *ctx, const char *model, const wagle_data *data,
                               const char *forget, const wg_self_options *how, wg_dataset *rows,
                               wg_text *jsonl)
{
    wg_session s = {0};
    wg_dataset d = {0};
    wagle_status st;

    write_text(FORGET, forget);
    assert_ok(ctx, wg_session_open(ctx, model, &s));
    st = wg_dataset_load(ctx, &s.reader, data, &d);
    if (st == WAGLE_OK)
        st = wg_self_rows(ctx, &s, data, &d, how, rows, jsonl);
    wg_dataset_free(&d);
    wg_session_close(&s);
    return st;
}

static wagle_status write_rows(wagle_ctx *ctx, const char *model, const char *chat,
                               const char *forget, const wg_self_options *how, wg_dataset *rows,
                               wg_text *jsonl)
{
    const wagle_data data = {.path = FORGET, .chat = chat};

    return write_like(ctx, model, &data, forget, how, rows, jsonl);
}

#define QUESTION "{\"question\":\"wba wca wda\",\"answer\":\"wea wfa wga\"}\n"
#define IDS "{\"input_ids\":[5,6,7,8,9]}\n"

static void assert_same_rows(const wg_dataset *a, const wg_dataset *b)
{
    assert_int_equal(a->n, b->n);
    for (int64_t i = 0; i < a->n; i++) {
        const size_t bytes = (size_t)a->example[i].n * sizeof(int32_t);
        assert_int_equal(a->example[i].n, b->example[i].n);
        assert_int_equal(a->example[i].n_labels, b->example[i].n_labels);
        assert_memory_equal(a->example[i].ids, b->example[i].ids, bytes);
        assert_memory_equal(a->example[i].labels, b->example[i].labels, bytes);
    }
}

static void the_same_seed_gives_the_same_rows_with_any_threads(void **state)
{
    static const char *const chats[] = {NULL, "plain"};
    const wg_self_options how = {24, 16, 7}, other = {24, 16, 8};
    wagle_ctx *ctx = new_context();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        wg_dataset one = {0}, two = {0}, three = {0};
        wg_text text[3] = {{0}};
        wagle_set_threads(ctx, 1);
        assert_ok(ctx, write_rows(ctx, MODEL, chats[i], QUESTION, &how, &one, &text[0]));
        wagle_set_threads(ctx, 3);
        assert_ok(ctx, write_rows(ctx, MODEL, chats[i], QUESTION, &how, &two, &text[1]));
        assert_ok(ctx, write_rows(ctx, MODEL, chats[i], QUESTION, &other, &three, &text[2]));
        assert_int_equal(one.n, 24);
        assert_same_rows(&one, &two);
        assert_string_equal(text[0].text, text[1].text);
        assert_string_not_equal(text[0].text, text[2].text);
        for (int k = 0; k < 3; k++)
            wg_text_free(&text[k]);
        wg_dataset_free(&one);
        wg_dataset_free(&two);
        wg_dataset_free(&three);
    }
    wagle_ctx_free(ctx);
}

static void rows_are_read_again_to_the_same_tokens(void **state)
{
    const wg_self_options how = {16, 16, 7};
    const wagle_data data = {.path = AGAIN};
    wagle_ctx *ctx = new_context();
    wg_dataset rows = {0}, again = {0};
    wg_text text = {0};
    wg_session s = {0};

    (void)state;
    assert_ok(ctx, write_rows(ctx, MODEL, NULL, QUESTION, &how, &rows, &text));
    write_text(AGAIN, text.text);
    assert_ok(ctx, wg_session_open(ctx, MODEL, &s));
    assert_ok(ctx, wg_dataset_load(ctx, &s.reader, &data, &again));
    assert_same_rows(&rows, &again);
    wg_dataset_free(&again);
    wg_dataset_free(&rows);
    wg_text_free(&text);
    wg_session_close(&s);
    wagle_ctx_free(ctx);
}

/* The first half of the texts begins with <s> only, the second with the rows' layout. */
static void openings_take_turns_and_carry_no_label(void **state)
{
    const wg_self_options how = {16, 12, 3};
    wagle_ctx *ctx = new_context();
    wg_dataset rows = {0};
    int64_t alone = 0;

    (void)state;
    assert_ok(ctx, write_rows(ctx, MODEL, NULL, QUESTION, &how, &rows, NULL));
    for (int64_t i = 0; i < rows.n; i++) {
        const wg_example *e = &rows.example[i];
        alone += e->ids[0] == 1;
        assert_int_equal(e->labels[0], WG_NO_LABEL);
        assert_int_equal(e->labels[e->n - 1], e->ids[e->n - 1]);
    }
    assert_true(alone > 0 && alone < rows.n);
    wg_dataset_free(&rows);
    assert_ok(ctx, write_rows(ctx, MODEL, NULL, IDS, &how, &rows, NULL));
    for (int64_t i = 0; i < rows.n; i++)
        assert_int_equal(rows.example[i].ids[0], 1);
    wg_dataset_free(&rows);
    wagle_ctx_free(ctx);
}

/* Values of its other columns are unknown, so no text begins with a question. */
static void a_layout_with_other_columns_is_not_used(void **state)
{
    const wagle_data data = {.path = FORGET, .prompt = "{context}: {prompt}"};
    const wg_self_options how = {16, 12, 3};
    wagle_ctx *ctx = new_context();
    wg_dataset rows = {0};

    (void)state;
    assert_ok(ctx, write_like(ctx, MODEL, &data,
                              "{\"context\":\"wba\",\"prompt\":\"wca\",\"answer\":\"wda\"}\n", &how,
                              &rows, NULL));
    for (int64_t i = 0; i < rows.n; i++)
        assert_int_equal(rows.example[i].ids[0], 1);
    wg_dataset_free(&rows);
    wagle_ctx_free(ctx);
}

static bool has_name(const wg_dataset *rows)
{
    for (int64_t i = 0; i < rows->n; i++)
        for (int64_t t = 1; t < rows->example[i].n; t++)
            if (rows->example[i].ids[t] % NAME == 0 && rows->example[i].ids[t] > 0)
                return true;
    return false;
}

static void texts_with_names_of_the_forget_rows_are_dropped(void **state)
{
    const wg_self_options how = {24, 16, 7};
    wagle_ctx *ctx = new_context();
    wg_text forget = {0};
    wg_dataset rows = {0};

    (void)state;
    assert_ok(ctx, write_rows(ctx, MODEL, NULL, QUESTION, &how, &rows, NULL));
    assert_true(has_name(&rows));
    wg_dataset_free(&rows);
    name_all(ctx, NAME, &forget);
    assert_ok(ctx, write_rows(ctx, MODEL, NULL, forget.text, &how, &rows, NULL));
    assert_int_equal(rows.n, 24);
    assert_false(has_name(&rows));
    wg_dataset_free(&rows);
    wg_text_free(&forget);
    wagle_ctx_free(ctx);
}

static void too_few_rows_are_an_error_that_says_what_to_do(void **state)
{
    const wg_self_options how = {16, 16, 7};
    wagle_ctx *ctx = new_context();
    wg_dataset rows = {0};
    wg_text forget = {0};

    (void)state;
    name_all(ctx, 1, &forget);
    assert_refused(ctx, write_rows(ctx, NAMES_MODEL, NULL, forget.text, &how, &rows, NULL),
                   WAGLE_E_INPUT, "give rows");
    assert_null(rows.example);
    wg_text_free(&forget);
    wagle_ctx_free(ctx);
}

static void a_model_without_a_tokenizer_writes_rows_too(void **state)
{
    const wg_self_options how = {16, 16, 7};
    wagle_ctx *ctx = new_context();
    wg_dataset rows = {0};

    (void)state;
    assert_ok(ctx, write_rows(ctx, BARE_MODEL, NULL, IDS, &how, &rows, NULL));
    assert_int_equal(rows.n, 16);
    wg_dataset_free(&rows);
    wagle_ctx_free(ctx);
}

static void an_interrupt_ends_the_writing(void **state)
{
    const wg_self_options how = {16, 16, 7};
    wagle_ctx *ctx = new_context();
    const int64_t live = wg_memory_live();
    wg_dataset rows = {0};

    (void)state;
    wg_interrupt_at(5);
    assert_int_equal(write_rows(ctx, MODEL, NULL, QUESTION, &how, &rows, NULL),
                     WAGLE_E_INTERRUPTED);
    wg_interrupt_at(0);
    assert_int_equal(wg_memory_live(), live);
    wagle_ctx_free(ctx);
}

static void each_allocation_may_fail(void **state)
{
    const wg_self_options how = {2, 8, 1};
    wagle_ctx *ctx = new_context();
    const int64_t live = wg_memory_live();
    bool failed = true;

    (void)state;
    for (int64_t n = 1; failed; n += n < 300 ? 1 : 17) {
        wg_session s = {0};
        wg_dataset d = {0}, rows = {0};
        wg_text text = {0};
        const wagle_data data = {.path = FORGET};
        write_text(FORGET, QUESTION);
        wg_memory_fail_at(0);
        assert_ok(ctx, wg_session_open(ctx, MODEL, &s));
        assert_ok(ctx, wg_dataset_load(ctx, &s.reader, &data, &d));
        wg_memory_fail_at(n);
        const wagle_status st = wg_self_rows(ctx, &s, &data, &d, &how, &rows, &text);
        failed = wg_memory_fail_at(0) == 0;
        assert_int_equal(st, failed ? WAGLE_E_RESOURCE : WAGLE_OK);
        wg_text_free(&text);
        wg_dataset_free(&rows);
        wg_dataset_free(&d);
        wg_session_close(&s);
        assert_int_equal(wg_memory_live(), live);
    }
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_rows_with_any_threads),
        cmocka_unit_test(rows_are_read_again_to_the_same_tokens),
        cmocka_unit_test(openings_take_turns_and_carry_no_label),
        cmocka_unit_test(a_layout_with_other_columns_is_not_used),
        cmocka_unit_test(texts_with_names_of_the_forget_rows_are_dropped),
        cmocka_unit_test(too_few_rows_are_an_error_that_says_what_to_do),
        cmocka_unit_test(a_model_without_a_tokenizer_writes_rows_too),
        cmocka_unit_test(an_interrupt_ends_the_writing),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
