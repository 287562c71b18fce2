/* Token ids and embeddings of encoders in the forms that people have on disk are those of
 * sentence-transformers (tests/gold/make/encoder.py). */
#include "support.h"

#include "encoder/parts.h"

#define ENCODER WG_GOLD "/encoder/"
#define COPY WG_SCRATCH "/encoder-copy"

typedef struct gold {
    json_t *row; /* [n] of {text, ids} */
    wg_str *text;
    int64_t n;
    wg_tensors file;
    const float *embedding; /* [n,width] */
    int64_t width;
} gold;

static void open_gold(wagle_ctx *ctx, const char *folder, gold *out)
{
    char path[512], *line = NULL;
    size_t room = 0;

    snprintf(path, sizeof path, "%s/gold.jsonl", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    *out = (gold){.row = json_array()};
    while (getline(&line, &room, file) > 0)
        assert_int_equal(json_array_append_new(out->row, json_loads(line, JSON_ALLOW_NUL, NULL)),
                         0);
    free(line);
    fclose(file);
    out->n = (int64_t)json_array_size(out->row);
    assert_ok(ctx, WG_ALLOC(ctx, &out->text, out->n));
    for (int64_t i = 0; i < out->n; i++)
        out->text[i] = wg_json_str(json_object_get(json_array_get(out->row, (size_t)i), "text"));
    snprintf(path, sizeof path, "%s/gold.safetensors", folder);
    assert_ok(ctx, wg_tensors_open(ctx, path, &out->file));
    const wg_tensor *t = wg_tensors_find(&out->file, "embedding");
    assert_int_equal(t->shape.dim[0], out->n);
    out->width = t->shape.dim[1];
    out->embedding = t->data;
}

static void close_gold(gold *g)
{
    json_decref(g->row);
    wg_free(g->text);
    wg_tensors_close(&g->file);
}

static void check_ids(wagle_ctx *ctx, const wg_encoder *e, const gold *g)
{
    int longest = 0;

    for (int64_t i = 0; i < g->n; i++) {
        const json_t *want = json_object_get(json_array_get(g->row, (size_t)i), "ids");
        wg_ids ids = {0};
        assert_ok(ctx, wg_encoder_tokens(ctx, e, g->text[i], &ids));
        longest = ids.n > longest ? (int)ids.n : longest;
        bool same = ids.n == (int64_t)json_array_size(want);
        for (int64_t k = 0; same && k < ids.n; k++)
            same = ids.id[k] == json_integer_value(json_array_get(want, (size_t)k));
        if (!same)
            fail_msg("text %d, '%s': other ids", (int)i, g->text[i].text);
        wg_free(ids.id);
    }
    assert_true(longest >= 24); /* some texts are cut */
}

static void check_folder(const char *name, int n)
{
    wagle_ctx *ctx = new_context();
    const wg_ops *ops;
    wg_encoder *e;
    char folder[512];
    gold g;

    snprintf(folder, sizeof folder, ENCODER "%s", name);
    open_gold(ctx, folder, &g);
    assert_int_equal(g.n, n);
    assert_ok(ctx, wg_ops_open(ctx, &ops));
    assert_ok(ctx, wg_encoder_open(ctx, ops, folder, &e));
    assert_int_equal(wg_encoder_width(e), g.width);
    check_ids(ctx, e, &g);
    float *made = calloc((size_t)(g.n * g.width), sizeof *made);
    assert_ok(ctx, wg_encoder_embed(ctx, e, g.text, g.n, made));
    for (int64_t i = 0; i < g.n * g.width; i++)
        if (!(fabsf(made[i] - g.embedding[i]) <= 1e-5F))
            fail_msg("%s: text %d, number %d: %.8g, %.8g expected", name, (int)(i / g.width),
                     (int)(i % g.width), (double)made[i], (double)g.embedding[i]);
    free(made);
    wg_encoder_close(e);
    ops->close(ops);
    close_gold(&g);
    wagle_ctx_free(ctx);
}

static void files_of_minilm(void **state)
{
    (void)state;
    check_folder("uncased", 473);
}

static void vocab_txt_and_a_plain_bert_model_in_float16(void **state)
{
    (void)state;
    check_folder("cased", 473);
}

static void all_poolings_to_unit_length_in_bfloat16(void **state)
{
    (void)state;
    check_folder("pooled", 90);
}

/* Embeds the texts of gold `name` by so many threads, `together` at a time. */
static float *embed_by(int threads, const char *name, int64_t together, int64_t *size)
{
    wagle_ctx *ctx = new_context();
    const wg_ops *ops;
    wg_encoder *e;
    char folder[512];
    gold g;

    snprintf(folder, sizeof folder, ENCODER "%s", name);
    wagle_set_threads(ctx, threads);
    open_gold(ctx, folder, &g);
    assert_ok(ctx, wg_ops_open(ctx, &ops));
    assert_ok(ctx, wg_encoder_open(ctx, ops, folder, &e));
    float *made = calloc((size_t)(g.n * g.width), sizeof *made);
    for (int64_t i = 0; i < g.n; i += together)
        assert_ok(ctx, wg_encoder_embed(ctx, e, g.text + i, i + together < g.n ? together : g.n - i,
                                        made + i * g.width));
    *size = g.n * g.width;
    wg_encoder_close(e);
    ops->close(ops);
    close_gold(&g);
    wagle_ctx_free(ctx);
    return made;
}

static void bits_depend_on_neither_threads_nor_neighbours(void **state)
{
    static const char *const names[] = {"uncased", "cased", "pooled"};
    int64_t n, m;

    (void)state;
    for (int i = 0; i < 3; i++) {
        float *one = embed_by(1, names[i], 1, &n), *all = embed_by(4, names[i], 1 << 20, &m);
        assert_int_equal(n, m);
        assert_memory_equal(one, all, (size_t)n * sizeof *one);
        free(one);
        free(all);
    }
}

static void the_cosine_is_that_of_the_vectors(void **state)
{
    const float a[] = {3, 4}, b[] = {4, 3}, none[] = {0, 0};

    (void)state;
    assert_true(fabs(wg_cosine(a, b, 2) - 0.96) < 1e-12);
    assert_true(fabs(wg_cosine(a, a, 2) - 1) < 1e-12);
    assert_true(wg_cosine(a, none, 2) == 0);
}

/* --- files that are refused ------------------------------------------------------------------- */

static void copy_folder(wagle_ctx *ctx, const char *from)
{
    static const char *const files[] = {
        "config.json",           "model.safetensors",         "tokenizer.json",
        "tokenizer_config.json", "sentence_bert_config.json", "config_sentence_transformers.json",
        "modules.json",          "1_Pooling/config.json"};
    char a[600], b[600];

    wg_remove_tree(COPY);
    assert_ok(ctx, wg_make_folder(ctx, COPY));
    assert_ok(ctx, wg_make_folder(ctx, COPY "/1_Pooling"));
    assert_ok(ctx, wg_make_folder(ctx, COPY "/2_Normalize"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(a, sizeof a, "%s/%s", from, files[i]);
        snprintf(b, sizeof b, COPY "/%s", files[i]);
        assert_ok(ctx, wg_copy_file(ctx, a, b));
    }
}

/* Sets one key of a JSON file of the copy. */
static void set_key(const char *file, const char *key, const char *json)
{
    char path[600];

    snprintf(path, sizeof path, COPY "/%s", file);
    json_t *root = wg_exists(path) ? json_load_file(path, 0, NULL) : json_object();
    assert_int_equal(json_object_set_new(root, key, json_loads(json, JSON_DECODE_ANY, NULL)), 0);
    assert_int_equal(json_dump_file(root, path, 0), 0);
    json_decref(root);
}

/* The copy is refused with these words, on one line. what: that is wrong with it. */
static void assert_not_opened(wagle_ctx *ctx, const wg_ops *ops, const char *what,
                              const char *words)
{
    wg_encoder *e;
    wagle_status st;

    wg_begin(ctx);
    st = wg_encoder_open(ctx, ops, COPY, &e);
    if (st != WAGLE_E_INPUT || strstr(wagle_message(ctx), words) == NULL)
        fail_msg("%s: %d, '%s'", what, (int)st, wagle_message(ctx));
    assert_null(e);
    assert_null(strchr(wagle_message(ctx), '\n'));
}

static void a_key_that_changes_the_result_is_refused_by_name(void **state)
{
    static const struct {
        const char *file, *key, *json, *said;
    } bad[] = {
        {"config.json", "model_type", "\"mpnet\"", "model_type 'mpnet' is no encoder"},
        {"config.json", "is_decoder", "true", "is_decoder"},
        {"config.json", "add_cross_attention", "true", "add_cross_attention"},
        {"config.json", "quantization_config", "{\"bits\":4}", "quantization_config"},
        {"config.json", "pruned_heads", "{\"0\":[1]}", "pruned_heads"},
        {"config.json", "position_embedding_type", "\"relative_key\"", "'relative_key'"},
        {"config.json", "hidden_act", "\"quick_gelu\"", "hidden_act 'quick_gelu'"},
        {"config.json", "hidden_size", "30", "multiple of num_attention_heads"},
        {"config.json", "hidden_size", "64", "pooling of width 32, hidden_size is 64"},
        {"config.json", "intermediate_size", "64",
         "tensor 'encoder.layer.0.intermediate.dense.weight': shape [48,32], config.json says "
         "[64,32]"},
        {"config.json", "vocab_size", "0", "vocab_size must be a whole number"},
        {"config.json", "layer_norm_eps", "\"1\"", "layer_norm_eps"},
        {"config.json", "num_hidden_layers", "3", "no tensor 'encoder.layer.2.attention"},
        {"config.json", "max_position_embeddings", "20", "max_seq_length 24, the model has 20"},
        {"sentence_bert_config.json", "max_seq_length", "2", "leave no room"},
        {"sentence_bert_config.json", "max_seq_length", "-1", "max_seq_length must be"},
        {"sentence_bert_config.json", "do_lower_case", "1", "do_lower_case"},
        {"sentence_bert_config.json", "model_args", "{\"a\":1}", "model_args"},
        {"sentence_bert_config.json", "modality_config", "{}", "modality_config"},
        {"sentence_bert_config.json", "unheard_of", "0", "unheard_of"},
        {"1_Pooling/config.json", "pooling_mode", "\"attention\"", "pooling_mode 'attention'"},
        {"1_Pooling/config.json", "pooling_mode", "[]", "pooling_mode names none"},
        {"1_Pooling/config.json", "pooling_mode_max_tokens", "2", "pooling_mode_max_tokens"},
        {"1_Pooling/config.json", "word_embedding_dimension", "384", "pooling of width 384"},
        {"1_Pooling/config.json", "unheard_of", "0", "unheard_of"},
        {"config_sentence_transformers.json", "truncate_dim", "16", "truncate_dim"},
        {"config_sentence_transformers.json", "model_type", "\"CrossEncoder\"", "model_type"},
        {"tokenizer_config.json", "truncation_side", "\"middle\"", "truncation_side"},
        {"tokenizer_config.json", "model_max_length", "\"x\"", "model_max_length"},
        {"tokenizer_config.json", "do_lower_case", "3", "do_lower_case must be true or false"},
        {"tokenizer_config.json", "cls_token", "null", "needs unk_token, sep_token, cls_token"},
        {"tokenizer_config.json", "tokenizer_class", "\"RobertaTokenizer\"", "RobertaTokenizer"},
    };
    wagle_ctx *ctx = new_context();
    const wg_ops *ops;
    char what[128];

    (void)state;
    assert_ok(ctx, wg_ops_open(ctx, &ops));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        copy_folder(ctx, ENCODER "uncased");
        set_key(bad[i].file, bad[i].key, bad[i].json);
        snprintf(what, sizeof what, "%s: %s = %s", bad[i].file, bad[i].key, bad[i].json);
        assert_not_opened(ctx, ops, what, bad[i].said);
    }
    ops->close(ops);
    wagle_ctx_free(ctx);
}

static void modules_that_are_not_computed_here_are_refused(void **state)
{
#define MODULE(type, path)                                                                         \
    "{\"type\":\"sentence_transformers.models." type "\",\"path\":\"" path "\"}"
    static const char *const bad[][2] = {
        {"{}", "not a list"},
        {"[" MODULE("Transformer", "") "]", "not a list"},
        {"[" MODULE("CLIPModel", "") "," MODULE("Pooling", "1_Pooling") "]", "CLIPModel"},
        {"[" MODULE("Pooling", "1_Pooling") "," MODULE("Transformer", "") "]", "models.Pooling"},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "../1_Pooling") "]", "path within"},
        {"[" MODULE("Transformer", "/etc") "," MODULE("Pooling", "1_Pooling") "]", "path within"},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "3_Pooling") "]", "no config.json"},
        {"[" MODULE("Transformer",
                    "") "," MODULE("Pooling", "1_Pooling") "," MODULE("Dense", "2_Normalize") "]",
         "models.Dense"},
        {"[{\"type\":\"own.Transformer\",\"path\":\"\"}," MODULE("Pooling", "1_Pooling") "]",
         "own.Transformer"},
    };
    wagle_ctx *ctx = new_context();
    const wg_ops *ops;
    wg_encoder *e;

    (void)state;
    assert_ok(ctx, wg_ops_open(ctx, &ops));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        copy_folder(ctx, ENCODER "uncased");
        assert_ok(ctx,
                  wg_write_file(ctx, COPY "/modules.json", bad[i][0], strlen(bad[i][0]), true));
        assert_not_opened(ctx, ops, bad[i][0], bad[i][1]);
    }
    copy_folder(ctx, ENCODER "uncased");
    set_key("config_sentence_transformers.json", "default_prompt_name", "\"query\"");
    assert_ok(ctx, wg_encoder_open(ctx, ops, COPY, &e)); /* there is no such prompt */
    wg_encoder_close(e);
    set_key("config_sentence_transformers.json", "prompts", "{\"query\":\"query: \"}");
    assert_not_opened(ctx, ops, "a default prompt", "default_prompt_name 'query'");
    ops->close(ops);
    wagle_ctx_free(ctx);
}

static void a_token_beyond_the_vocabulary_is_refused(void **state)
{
    wagle_ctx *ctx = new_context();
    const wg_str text[] = {wg_strz("the book"), wg_strz("a <new> book")};
    const wg_ops *ops;
    wg_encoder *e;
    float embedding[32];

    (void)state;
    assert_ok(ctx, wg_ops_open(ctx, &ops));
    copy_folder(ctx, ENCODER "uncased");
    set_key("tokenizer_config.json", "extra_special_tokens", "[\"<new>\"]");
    assert_ok(ctx, wg_encoder_open(ctx, ops, COPY, &e));
    assert_ok(ctx, wg_encoder_embed(ctx, e, text, 1, embedding));
    assert_refused(ctx, wg_encoder_embed(ctx, e, text + 1, 1, embedding), WAGLE_E_INPUT,
                   "token 420, vocab_size is 420");
    wg_encoder_close(e);
    ops->close(ops);
    wagle_ctx_free(ctx);
}

/* The second token of a text that is too long: 25 if its beginning stays, 30 if its end does. */
static void the_end_that_is_cut_off_is_read_from_either_file(void **state)
{
    wagle_ctx *ctx = new_context();
    const wg_ops *ops;
    wg_text text = {0};

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_ok(ctx, wg_text_addz(ctx, &text, "a b c d e f g h i "));
    assert_ok(ctx, wg_ops_open(ctx, &ops));
    copy_folder(ctx, ENCODER "uncased");
    for (int i = 0; i < 3; i++) {
        wg_ids ids = {0};
        wg_encoder *e;
        if (i == 1)
            set_key("tokenizer.json", "truncation", "{\"direction\":\"Left\",\"max_length\":9}");
        if (i == 2)
            set_key("tokenizer_config.json", "truncation_side", "\"right\"");
        assert_ok(ctx, wg_encoder_open(ctx, ops, COPY, &e));
        assert_ok(ctx, wg_encoder_tokens(ctx, e, wg_text_str(&text), &ids));
        assert_int_equal(ids.n, 24);
        assert_int_equal(ids.id[1], i == 1 ? 30 : 25);
        wg_free(ids.id);
        wg_encoder_close(e);
    }
    wg_text_free(&text);
    ops->close(ops);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_minilm),
        cmocka_unit_test(vocab_txt_and_a_plain_bert_model_in_float16),
        cmocka_unit_test(all_poolings_to_unit_length_in_bfloat16),
        cmocka_unit_test(bits_depend_on_neither_threads_nor_neighbours),
        cmocka_unit_test(the_cosine_is_that_of_the_vectors),
        cmocka_unit_test(a_key_that_changes_the_result_is_refused_by_name),
        cmocka_unit_test(modules_that_are_not_computed_here_are_refused),
        cmocka_unit_test(the_end_that_is_cut_off_is_read_from_either_file),
        cmocka_unit_test(a_token_beyond_the_vocabulary_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
