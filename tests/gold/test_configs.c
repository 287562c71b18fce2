/* config.json is read like in transformers. gold/configs has configs (with missing, null and unused
 * keys and older spellings) and the logits of the last token that transformers computes. */
#include "support.h"

#include "engine/engine.h"
#include "model/decode.h"
#include <unistd.h>

#define FOLDER WG_SCRATCH "/configs"

typedef struct gold {
    const json_t *all;
    int32_t ids[64], labels[64];
    int64_t n;
    double tolerance;
} gold;

static void make_folder(wagle_ctx *ctx, const gold *g, const json_t *c)
{
    const char *family = json_string_value(json_object_get(c, "family"));
    json_t *base = json_object_get(json_object_get(g->all, "base"), family);
    json_t *config = json_deep_copy(base), *drop = json_object_get(c, "drop"), *key;
    char weights[512], *target;
    size_t i;

    assert_non_null(config);
    json_object_update(config, json_object_get(c, "set"));
    json_array_foreach (drop, i, key)
        json_object_del(config, json_string_value(key));
    snprintf(weights, sizeof weights, WG_GOLD "/configs/%s",
             json_string_value(json_object_get(c, "weights")));
    assert_ok(ctx, wg_make_folder(ctx, FOLDER));
    assert_int_equal(json_dump_file(config, FOLDER "/config.json", 0), 0);
    (void)remove(FOLDER "/model.safetensors");
    target = realpath(weights, NULL); /* WG_GOLD may be relative; a link starts at its folder */
    assert_non_null(target);
    assert_int_equal(symlink(target, FOLDER "/model.safetensors"), 0);
    free(target);
    json_decref(config);
}

static void compare(const char *how, const json_t *c, const gold *g, const float *logits)
{
    const json_t *want = json_object_get(c, "last_row");

    for (size_t i = 0; i < json_array_size(want); i++) {
        const double error = fabs((double)logits[i] - json_number_value(json_array_get(want, i)));
        if (!(error <= g->tolerance))
            fail_msg("%s, %s: %s: logit %d: %g beside transformers'",
                     json_string_value(json_object_get(c, "family")),
                     json_string_value(json_object_get(c, "name")), how, (int)i, error);
    }
}

static void check_engine(wagle_ctx *ctx, gold *g, const json_t *c, const wg_model *m)
{
    const wg_limit usual = {.streams = 1};
    wg_example one = {.ids = g->ids, .labels = g->labels, .n = g->n, .n_labels = g->n - 1};
    const wg_example *list[] = {&one};
    float nll[64], *logits = malloc((size_t)m->config.V * sizeof *logits);
    wg_batch batch = {.keep_unlabelled = true};
    wg_engine *e;

    assert_ok(ctx, wg_batch_fill(ctx, &batch, list, 1, 1));
    assert_ok(ctx, wg_engine_new(ctx, m, &e));
    wg_engine_limit(e, &usual);
    assert_ok(ctx, wg_engine_forward(ctx, e, &batch, false, NULL, nll));
    assert_ok(ctx, wg_engine_logits(ctx, e, g->n - 1, 1, logits));
    compare("at once", c, g, logits);
    wg_engine_free(e);
    wg_batch_free(&batch);
    free(logits);
}

static void check_decoder(wagle_ctx *ctx, const gold *g, const json_t *c, const wg_model *m)
{
    const int64_t which[] = {0}, fed[] = {g->n / 2};
    const int32_t *const prompt[] = {g->ids};
    float *logits = malloc((size_t)m->config.V * sizeof *logits);
    wg_decoder *d;

    assert_ok(ctx, wg_decoder_new(ctx, m, 1, g->n, &d));
    assert_ok(ctx, wg_decoder_prefill(ctx, d, which, prompt, fed, 1));
    for (int64_t i = fed[0]; i < g->n; i++)
        assert_ok(ctx, wg_decoder_step(ctx, d, which, &g->ids[i], 1, logits));
    compare("token by token", c, g, logits);
    wg_decoder_free(d);
    free(logits);
}

static void logits_are_those_of_transformers_whatever_the_spelling(void **state)
{
    wagle_ctx *ctx = new_context();
    json_t *all = gold_json(WG_GOLD "/configs/cases.json"), *cases, *c;
    gold g = {.all = all, .tolerance = json_at(all, "tolerance")};
    const json_t *ids = json_object_get(all, "ids");
    size_t i;

    wagle_set_threads(ctx, 1);

    (void)state;
    for (g.n = 0; g.n < (int64_t)json_array_size(ids); g.n++)
        g.ids[g.n] = g.labels[g.n] = (int32_t)json_integer_value(json_array_get(ids, (size_t)g.n));
    cases = json_object_get(all, "cases");
    assert_true(json_array_size(cases) >= 300);
    json_array_foreach (cases, i, c) {
        wg_model *m;
        make_folder(ctx, &g, c);
        assert_ok(ctx, wg_model_open(ctx, FOLDER, &m));
        check_engine(ctx, &g, c, m);
        check_decoder(ctx, &g, c, m);
        wg_model_close(m);
    }
    json_decref(all);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_those_of_transformers_whatever_the_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
