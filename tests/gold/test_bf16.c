/* Every family at --precision bf16 on the CPU, compared with gold/models, which are of float32.
 *
 * What may differ follows from the rounding. A number that is rounded to bf16 moves by 2^-9 of
 * itself at most, a product of two by EPSILON = 2^-8. The errors of products are independent of
 * each other and of the numbers, so they add as squares do: the norm of the error of a tensor that
 * n products lie behind may be EPSILON sqrt(n) of the norm of the tensor. Behind a logit are the 7
 * products of each layer and the head; behind a gradient those, and twice as many on the way back.
 *
 * Two things make gradients less exact. Those of queries and keys are differences of two numbers
 * (softmax), each with its error: sqrt(2). And relu's input changes its sign: a relative error e
 * does that to e/pi of normally distributed inputs, and of the half of the gradients that pass so
 * many change wholly. The square of the error grows by 2e/pi in each layer. Clipping q, k and v
 * does the same at two places, one at each end: 4e/pi at most.
 *
 * Mixtures of experts are left out: a router that is rounded may choose another expert, and then
 * the results have nothing in common. test_panels compares them with the specification. */
#define GOLD_MIXTURE(id, folder)
#include "support.h"

#include "engine/engine.h"
#include "model/decode.h"

#define EPSILON (1.0 / 256)

typedef struct compared {
    const wg_model *model;
    const wg_tensors *gold;
    double allowed, rms; /* of gradients: share of the tensor's norm; of the whole model */
    double logits, losses, gradients; /* the largest error so far, as a share of what is allowed */
} compared;

static void at_most(const char *what, double error, double allowed, double *worst_share)
{
    if (!(error <= allowed))
        fail_msg("%s: %g, %g allowed", what, error, allowed);
    *worst_share = fmax(*worst_share, error / allowed);
}

static double norm(const float *x, const float *y, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++) {
        const double d = (double)x[i] - (y != NULL ? (double)y[i] : 0);
        sum += d * d;
    }
    return sqrt(sum);
}

/* Of queries and keys, perhaps with others. */
static bool is_of_scores(const char *name)
{
    static const char *const parts[] = {"q_proj", "k_proj", "q_norm",         "k_norm",
                                        "qkv",    "c_attn", "query_key_value"};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(name, parts[i]) != NULL)
            return true;
    return false;
}

/* Gradients that cancel (of a bias that softmax does not see) are only as exact as what they are
 * sums of: no tensor counts as smaller than the model's gradient is on average. */
static wagle_status compare_gradient(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                                     const wg_real *const grad[WG_STREAMS])
{
    compared *c = user;
    char name[256];

    (void)ctx;
    snprintf(name, sizeof name, "grad.%s", gold_name(c->model->files.tensor[tensor].name));
    const wg_tensor *want = gold_tensor(c->gold, name);
    const double more = is_of_scores(name) ? sqrt(2) : 1;
    assert_int_equal(want->count, n);
    at_most(name, norm(grad[0], want->data, n),
            more * c->allowed * fmax(norm(want->data, NULL, n), c->rms * sqrt((double)n)),
            &c->gradients);
    return WAGLE_OK;
}

static void check_logits(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, double share,
                         compared *c)
{
    const int64_t V = c->model->config.V;
    float *logits = malloc((size_t)(batch->N * V) * sizeof *logits);

    assert_ok(ctx, wg_engine_logits(ctx, e, 0, batch->N, logits));
    for (int64_t s = 0; s < batch->S; s++) {
        char name[64];
        snprintf(name, sizeof name, "logits.%d", (int)s);
        const wg_tensor *want = gold_tensor(c->gold, name);
        at_most(name, norm(logits + batch->start[s] * V, want->data, want->count),
                share * norm(want->data, NULL, want->count), &c->logits);
    }
    free(logits);
}

/* The sum of a sequence's losses: its relative error is at most EPSILON, because the errors of its
 * tokens are independent. weight: of the mean of each sequence. */
static void check_losses(const wg_batch *batch, const json_t *facts, const float *nll,
                         float *weight, compared *c)
{
    for (int64_t s = 0; s < batch->S; s++) {
        const int64_t from = batch->label_start[s], n = batch->label_start[s + 1] - from;
        const double want =
            json_number_value(json_array_get(json_object_get(facts, "loss_sum"), (size_t)s));
        double sum = 0;
        for (int64_t j = from; j < from + n; j++) {
            sum += (double)nll[j];
            weight[j] = 1.0f / (float)n;
        }
        at_most("loss", fabs(sum - want), EPSILON * want, &c->losses);
    }
}

/* Decoding, fed with gold's tokens: each has the largest logit, or one as large but for rounding.
 */
static void check_greedy(wagle_ctx *ctx, const wg_model *model, const json_t *greedy, double share)
{
    const json_t *prompt = json_object_get(greedy, "prompt");
    const json_t *want = json_object_get(greedy, "new_tokens");
    const int64_t P = (int64_t)json_array_size(prompt), n = (int64_t)json_array_size(want);
    const int64_t V = model->config.V, which = 0, fed = P - 1;
    float *logits = malloc((size_t)V * sizeof *logits);
    int32_t ids[128];
    const int32_t *all = ids;
    wg_decoder *d;

    for (int64_t i = 0; i < P + n; i++)
        ids[i] = (int32_t)json_integer_value(
            json_array_get(i < P ? prompt : want, (size_t)(i < P ? i : i - P)));
    assert_ok(ctx, wg_decoder_new(ctx, model, 1, P + n, &d));
    assert_ok(ctx, wg_decoder_prefill(ctx, d, &which, &all, &fed, 1));
    for (int64_t i = fed; i + 1 < P + n; i++) {
        double most = -INFINITY;
        assert_ok(ctx, wg_decoder_step(ctx, d, &which, &ids[i], 1, logits));
        for (int64_t v = 0; v < V; v++)
            most = fmax(most, (double)logits[v]);
        assert_true((double)logits[ids[i + 1]] >= most - 2 * share * largest(logits, V));
    }
    wg_decoder_free(d);
    free(logits);
}

static void check_family(const char *path)
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

    ctx->device = 0;
    ctx->precision = WAGLE_PRECISION_BF16;
    snprintf(name, sizeof name, "%s/gold.json", path);
    json_t *facts = gold_json(name);
    snprintf(name, sizeof name, "%s/gold.safetensors", path);
    assert_ok(ctx, wg_tensors_open(ctx, name, &gold));
    assert_ok(ctx, wg_model_open(ctx, path, &model));
    assert_int_equal(model->ops->panel_type, WG_BF16);
    const double products = 7.0 * (double)model->config.L + 1, share = EPSILON * sqrt(products);
    const double kinks = model->config.clip_qkv > 0            ? 2
                         : model->config.activation == WG_RELU ? 1
                                                               : 0;
    const double flips = kinks * 2 / M_PI * share * (double)model->config.L;
    compared c = {
        .model = model, .gold = &gold, .allowed = sqrt(EPSILON * EPSILON * 3 * products + flips)};
    double squares = 0, count = 0;
    for (int64_t t = 0; t < gold.n; t++)
        if (strncmp(gold.tensor[t].name, "grad.", 5) == 0) {
            squares += pow(norm(gold.tensor[t].data, NULL, gold.tensor[t].count), 2);
            count += (double)gold.tensor[t].count;
        }
    c.rms = sqrt(squares / count);
    const int64_t n = gold_sequences(&gold, "", example);
    for (int64_t i = 0; i < n; i++)
        list[i] = &example[i];
    assert_ok(ctx, wg_engine_new(ctx, model, &e));

    assert_ok(ctx, wg_batch_fill(ctx, &batch, list, n, n));
    assert_ok(ctx, wg_engine_forward(ctx, e, &batch, false, NULL, nll));
    check_logits(ctx, e, &batch, share, &c);
    batch.keep_unlabelled = false;
    assert_ok(ctx, wg_batch_fill(ctx, &batch, list, n, n));
    assert_ok(ctx, wg_engine_forward(ctx, e, &batch, true, NULL, nll));
    check_losses(&batch, facts, nll, weight, &c);
    const wg_sink sink = {.user = &c, .host = true, .accept = compare_gradient};
    assert_ok(ctx, wg_engine_backward(ctx, e, &batch, weight, 1, NULL, &sink));
    check_greedy(ctx, model, json_object_get(facts, "greedy"), share);
    print_message("%s: of what is allowed, logits took %.2f, losses %.2f, gradients %.2f\n",
                  strrchr(path, '/') + 1, c.logits, c.losses, c.gradients);

    wg_engine_free(e);
    wg_batch_free(&batch);
    wg_model_close(model);
    wg_tensors_close(&gold);
    json_decref(facts);
    wagle_ctx_free(ctx);
}

#define CHECK_MODEL check_family
#include "each_model.h"
