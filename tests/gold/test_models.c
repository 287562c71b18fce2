/* Logits, losses and gradients, compared with gold/models, with CPU and reference operations. */
#include "support.h"

#include "model/decode.h"

#include "engine/engine.h"
#include "ops/cpu/cpu.h"

typedef struct gradients {
    const wg_model *model;
    const wg_tensors *gold;
    double grad_rel, model_largest;
    int64_t seen;
} gradients;

static wagle_status compare_gradient(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                                     const wg_real *const grad[WG_STREAMS])
{
    gradients *g = user;
    char name[256];
    const wg_tensor *want;
    double error;

    (void)ctx;
    snprintf(name, sizeof name, "grad.%s", gold_name(g->model->files.tensor[tensor].name));
    want = gold_tensor(g->gold, name);
    assert_int_equal(want->count, n);
    error = worst(grad[0], want->data, n) / fmax(largest(want->data, n), 1e-3 * g->model_largest);
    if (error > g->grad_rel)
        fail_msg("%s: relative error %g, %g allowed", name, error, g->grad_rel);
    g->seen++;
    return WAGLE_OK;
}

static void check_logits(wagle_ctx *ctx, wg_engine *e, const wg_tensors *gold,
                         const wg_batch *batch, int64_t V, double tolerance)
{
    float *logits = malloc((size_t)(batch->N * V) * sizeof *logits);

    assert_ok(ctx, wg_engine_logits(ctx, e, 0, batch->N, logits));
    for (int64_t s = 0; s < batch->S; s++) {
        char name[64];
        snprintf(name, sizeof name, "logits.%d", (int)s);
        const wg_tensor *want = gold_tensor(gold, name);
        const double error = worst(logits + batch->start[s] * V, want->data, want->count);
        if (error > tolerance)
            fail_msg("logits of sequence %d: %g, %g allowed", (int)s, error, tolerance);
    }
    free(logits);
}

/* Checks greedy decoding with the cache: the prompt alone, and together with a copy that is one
 * token longer. */
static void check_greedy(wagle_ctx *ctx, const wg_model *model, const json_t *greedy)
{
    const json_t *prompt = json_object_get(greedy, "prompt");
    const json_t *want = json_object_get(greedy, "new_tokens");
    const int64_t P = (int64_t)json_array_size(prompt), n = (int64_t)json_array_size(want);
    const int64_t V = model->config.V, which[] = {0, 1}, fed[] = {P - 1, P};
    int32_t ids[128], token[2] = {0, 0};
    const int32_t *const both[] = {ids, ids};
    float *logits = malloc((size_t)(2 * V) * sizeof *logits);
    wg_decoder *d;

    for (int64_t i = 0; i < P + n; i++)
        ids[i] = (int32_t)json_integer_value(
            json_array_get(i < P ? prompt : want, (size_t)(i < P ? i : i - P)));
    assert_ok(ctx, wg_decoder_new(ctx, model, 2, P + n + 1, &d));
    assert_ok(ctx, wg_decoder_prefill(ctx, d, which, both, fed, 2));
    for (int64_t i = 0; i + 1 < n; i++) {
        for (int k = 0; k < 2; k++)
            token[k] = ids[fed[k] + i];
        assert_ok(ctx, wg_decoder_step(ctx, d, which, token, 2, logits));
        for (int k = 0; k < 2; k++) {
            int64_t best = 0;
            for (int64_t v = 0; v < V; v++)
                best = logits[k * V + v] > logits[k * V + best] ? v : best;
            if (best != ids[fed[k] + i + 1])
                fail_msg("greedy token %d: %d, gold has %d", (int)i, (int)best,
                         ids[fed[k] + i + 1]);
        }
    }
    wg_decoder_free(d);
    free(logits);
}

static void check_model(const char *path, const wg_ops *ops, const wg_limit *limit)
{
    wagle_ctx *ctx = new_context();
    wg_model *model;
    wg_engine *e;
    wg_tensors gold;
    wg_batch batch = {.keep_unlabelled = true};
    wg_example example[WG_MOST_SEQUENCES];
    const wg_example *list[WG_MOST_SEQUENCES];
    float nll[256], weight[256];
    char name[512];

    snprintf(name, sizeof name, "%s/gold.json", path);
    json_t *facts = gold_json(name);
    const json_t *tolerance = json_object_get(facts, "tolerance");
    snprintf(name, sizeof name, "%s/gold.safetensors", path);
    assert_ok(ctx, wg_tensors_open(ctx, name, &gold));
    assert_ok(ctx, wg_model_open(ctx, path, &model));
    const wg_ops *own = model->ops;
    model->ops = ops != NULL && own->host ? ops : own;
    assert_int_equal(wg_model_parameters(model), (int64_t)json_at(facts, "n_params"));
    const int64_t n = gold_sequences(&gold, "", example);
    for (int64_t i = 0; i < n; i++)
        list[i] = &example[i];
    assert_ok(ctx, wg_batch_fill(ctx, &batch, list, n, n));
    assert_ok(ctx, wg_engine_new(ctx, model, &e));
    wg_engine_limit(e, limit);

    assert_ok(ctx, wg_engine_forward(ctx, e, &batch, false, NULL, nll));
    check_logits(ctx, e, &gold, &batch, model->config.V, json_at(tolerance, "logits_abs"));
    batch.keep_unlabelled = false; /* as in training: positions that predict nothing are skipped */
    assert_ok(ctx, wg_batch_fill(ctx, &batch, list, n, n));
    assert_ok(ctx, wg_engine_forward(ctx, e, &batch, true, NULL, nll));
    for (int64_t s = 0; s < n; s++) {
        const int64_t labels = batch.label_start[s + 1] - batch.label_start[s];
        double sum = 0;
        for (int64_t j = batch.label_start[s]; j < batch.label_start[s + 1]; j++) {
            sum += (double)nll[j];
            weight[j] = 1.0f / (float)labels;
        }
        const double want =
            json_number_value(json_array_get(json_object_get(facts, "loss_sum"), (size_t)s));
        assert_true(fabs(sum - want) <= 1e-5 * want);
    }
    gradients g = {model, &gold, json_at(tolerance, "grad_rel"), 0, 0};
    for (int64_t t = 0; t < gold.n; t++)
        if (strncmp(gold.tensor[t].name, "grad.", 5) == 0)
            g.model_largest =
                fmax(g.model_largest, largest(gold.tensor[t].data, gold.tensor[t].count));
    const wg_sink sink = {.user = &g, .host = true, .accept = compare_gradient};
    assert_ok(ctx, wg_engine_backward(ctx, e, &batch, weight, 1, NULL, &sink));
    assert_int_equal(g.seen, model->files.n);
    check_greedy(ctx, model, json_object_get(facts, "greedy"));

    wg_engine_free(e);
    wg_batch_free(&batch);
    model->ops = own;
    wg_model_close(model);
    wg_tensors_close(&gold);
    json_decref(facts);
    wagle_ctx_free(ctx);
}

static void check_folder(const char *path)
{
    const wg_limit usual = {.streams = 1}, chunks = {.streams = 1, .chunk_tokens = 20};
    const wg_limit spilled = {.streams = 1, .budget = 1, .folder = WG_SCRATCH};
    wagle_ctx lesser = {.threads = 2, .cpu_units = 1 + WG_CPU_PORTABLE};
    const wg_ops *portable;

    if (card_lacks(path))
        return;
    check_model(path, NULL, &usual);
    if (getenv("WG_FEW") != NULL) /* under valgrind */
        return;
    check_model(path, &wg_ops_ref, &usual);
    check_model(path, NULL, &chunks);
    check_model(path, NULL, &spilled);
    assert_ok(&lesser, wg_cpu_open(&lesser, &portable));
    check_model(path, portable, &usual);
    portable->close(portable);
}

#define CHECK_MODEL check_folder
#include "each_model.h"
