/* Weights in bf16 panels: losses, logits and gradients have the bits that they have where weights
 * are widened, selected values laid over them, and both factors of each product rounded at the
 * product. On a card (WG_TEST_CARD) the same within what rounding the other way costs. */
#include "support.h"

#include "base/number.h"
#include "engine/engine.h"
#include "model/decode.h"
#include "ops/host/host.h"

enum { DECODED = 3, MOST = 1 << 20 };

/* --- back ends --- */

/* The factor with each element rounded, transposed in place; free it. */
static float *rounded(const wg_operand *x, int64_t rows, int64_t columns)
{
    float *out = malloc((size_t)(rows * columns + 1) * sizeof *out);
    uint16_t half;

    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            const int64_t at = x->transposed ? j * x->ld + i : i * x->ld + j;
            wg_from_float(WG_BF16, (const float *)x->data + at, 1, &half);
            wg_to_float(WG_BF16, &half, 1, &out[i * columns + j]);
        }
    return out;
}

static void rounding_gemm(const wg_ops *self, int64_t M, int64_t N, int64_t K, wg_operand A,
                          wg_operand B, bool add, wg_real *C, int64_t ldc)
{
    float *a = rounded(&A, M, K), *b = rounded(&B, K, N);

    assert_true(A.type == WG_F32 && B.type == WG_F32);
    wg_ops_ref.gemm(self, M, N, K, wg_matrix(a, K), wg_matrix(b, N), add, C, ldc);
    free(a);
    free(b);
}

static wagle_status open_plain(wagle_ctx *ctx, const wg_ops **out)
{
    wg_ops table = wg_ops_ref;

    table.gemm = rounding_gemm;
    return wg_host_open(ctx, &table, out);
}

static wagle_status open_bf16(wagle_ctx *ctx, const wg_ops **out)
{
    wg_ops table = wg_ops_ref;

    table.panel_type = WG_BF16;
    return wg_host_open(ctx, &table, out);
}

static wagle_status open_guarded_bf16(wagle_ctx *ctx, const wg_ops **out)
{
    const wg_ops *inner = NULL;
    const wagle_status st = open_bf16(ctx, &inner);

    return st == WAGLE_OK ? wg_guarded_over(ctx, inner, out) : st;
}

/* --- a selection --- */

typedef enum selection { NONE_SELECTED, A_THIRD, ALL } selection;

/* Selected values of tensor t, which are no numbers of bf16, in memory of the back end. */
static void select_weights(wagle_ctx *ctx, wg_model *m, int t, selection how, wg_scratch memory[3])
{
    const wg_ops *ops = m->ops;
    const int64_t n = m->files.tensor[t].count, words = (n + 63) / 64,
                  blocks = n / WG_OVERLAY_BLOCK + 1;
    uint64_t *bits = calloc((size_t)words, sizeof *bits);
    int64_t *rank = calloc((size_t)blocks, sizeof *rank), count = 0;
    float *value = malloc((size_t)n * sizeof *value);

    for (int64_t i = 0; i < n; i++) {
        if (i % WG_OVERLAY_BLOCK == 0)
            rank[i / WG_OVERLAY_BLOCK] = count;
        if (how == A_THIRD && wg_random_below(5, (uint64_t)t, (uint64_t)i, 3) > 0)
            continue;
        bits[i / 64] |= (uint64_t)1 << (i % 64);
        value[count++] = 0.1f * (float)wg_random_normal(6, (uint64_t)t, (uint64_t)i);
    }
    const void *from[] = {bits, rank, value};
    const int64_t bytes[] = {words * 8, blocks * 8, count * 4};
    for (int i = 0; i < 3; i++) {
        assert_ok(ctx, ops->alloc(ops, ctx, bytes[i], 1, NULL, &memory[i]));
        ops->upload(ops, memory[i].data, from[i], (size_t)bytes[i]);
    }
    m->overlay[t] = (wg_overlay){.bits = how == ALL ? NULL : memory[0].data,
                                 .rank = memory[1].data,
                                 .value = memory[2].data};
    free(bits);
    free(rank);
    free(value);
}

/* --- a run --- */

/* What a back end makes of a model: losses, logits, logits of decoding, gradients. */
typedef struct results {
    float *x;
    int64_t n;
} results;

static void add(results *r, const float *x, int64_t n)
{
    assert_true(r->n + n <= MOST);
    memcpy(r->x + r->n, x, (size_t)n * sizeof *x);
    r->n += n;
}

static wagle_status add_gradient(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                                 const wg_real *const grad[WG_STREAMS])
{
    (void)ctx;
    (void)tensor;
    add(user, grad[0], n);
    return WAGLE_OK;
}

static void run_engine(wagle_ctx *ctx, const wg_model *m, const wg_tensors *gold, results *r)
{
    const wg_sink sink = {.user = r, .host = true, .accept = add_gradient};
    wg_example example[WG_MOST_SEQUENCES];
    const wg_example *list[] = {&example[0], &example[1]};
    wg_batch batch = {0};
    float nll[256], weight[256];
    wg_engine *e;

    assert_true(gold_sequences(gold, "", example) >= 2);
    assert_ok(ctx, wg_batch_fill(ctx, &batch, list, 2, 2));
    assert_ok(ctx, wg_engine_new(ctx, m, &e));
    assert_ok(ctx, wg_engine_forward(ctx, e, &batch, true, NULL, nll));
    add(r, nll, batch.M);
    for (int64_t j = 0; j < batch.M; j++)
        weight[j] = 1.0f / (float)batch.M;
    assert_ok(ctx, wg_engine_backward(ctx, e, &batch, weight, 1, NULL, &sink));
    wg_engine_free(e);
    wg_batch_free(&batch);
}

/* Decoding reads stored weights, so a prompt and some steps with none selected. */
static void run_decoder(wagle_ctx *ctx, const wg_model *m, results *r)
{
    const int32_t ids[] = {5, 17, 3, 40, 8, 11}, *const prompt = ids;
    const int64_t which = 0, length = 3;
    float *logits = malloc((size_t)m->config.V * sizeof *logits);
    wg_decoder *d;

    assert_ok(ctx, wg_decoder_new(ctx, m, 1, 16, &d));
    assert_ok(ctx, wg_decoder_prefill(ctx, d, &which, &prompt, &length, 1));
    for (int i = 0; i < DECODED; i++) {
        assert_ok(ctx, wg_decoder_step(ctx, d, &which, ids + length + i, 1, logits));
        add(r, logits, m->config.V);
    }
    wg_decoder_free(d);
    free(logits);
}

static results run(const char *name, wg_ops_opener *opener, selection how)
{
    wagle_ctx *ctx = new_context();
    results r = {malloc(MOST * sizeof *r.x), 0};
    char path[512];
    wg_tensors gold;
    wg_model *m;

    wg_ops_use(opener);
    ctx->precision = WAGLE_PRECISION_BF16;
    snprintf(path, sizeof path, WG_GOLD "/models/%s/gold.safetensors", name);
    assert_ok(ctx, wg_tensors_open(ctx, path, &gold));
    snprintf(path, sizeof path, WG_GOLD "/models/%s", name);
    assert_ok(ctx, wg_model_open(ctx, path, &m));
    wg_scratch(*memory)[3] = calloc((size_t)m->files.n, sizeof *memory);
    for (int t = 0; how != NONE_SELECTED && t < m->files.n; t++)
        select_weights(ctx, m, t, how, memory[t]);
    run_engine(ctx, m, &gold, &r);
    if (how == NONE_SELECTED)
        run_decoder(ctx, m, &r);
    for (int t = 0; t < m->files.n; t++)
        for (int i = 0; i < 3; i++)
            m->ops->free(m->ops, &memory[t][i]);
    free(memory);
    wg_model_close(m);
    wg_tensors_close(&gold);
    wagle_ctx_free(ctx);
    wg_ops_use(NULL);
    return r;
}

static void check_bits(const char *name, selection how)
{
    const results want = run(name, open_plain, how);
    wg_ops_opener *const same[] = {open_bf16, open_guarded_bf16};

    for (int i = 0; i < 2; i++) {
        const results have = run(name, same[i], how);
        assert_int_equal(have.n, want.n);
        if (memcmp(have.x, want.x, (size_t)want.n * sizeof *want.x) != 0)
            fail_msg("%s, selection %d, back end %d: results differ by %g", name, (int)how, i,
                     worst(want.x, have.x, want.n));
        free(have.x);
    }
    free(want.x);
}

static void check_card(const char *name, selection how)
{
    const results want = run(name, open_plain, how), have = run(name, NULL, how);

    assert_int_equal(have.n, want.n);
    const double error = worst(want.x, have.x, want.n) / largest(want.x, want.n);
    if (!(error < 1e-2))
        fail_msg("%s, selection %d: results differ by %g", name, (int)how, error);
    free(have.x);
    free(want.x);
}

static const char *const models[] = {
#define GOLD_MODEL(identifier, folder) folder,
#include "models.def"
#undef GOLD_MODEL
};

static void check(selection how)
{
    const bool card = getenv("WG_TEST_CARD") != NULL;

    for (size_t i = 0; i < sizeof models / sizeof *models; i += card ? 4 : 1)
        if (card_lacks(models[i]))
            continue;
        else if (card)
            check_card(models[i], how);
        else
            check_bits(models[i], how);
}

static void weights_that_are_stored(void **state)
{
    (void)state;
    check(NONE_SELECTED);
}

static void weights_of_which_some_are_selected(void **state)
{
    (void)state;
    check(A_THIRD);
}

static void weights_that_are_all_selected(void **state)
{
    (void)state;
    check(ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_that_are_stored),
        cmocka_unit_test(weights_of_which_some_are_selected),
        cmocka_unit_test(weights_that_are_all_selected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
