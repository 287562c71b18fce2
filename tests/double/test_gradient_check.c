/* Finite differences of the whole model along random directions, in double precision with the
 * reference operations: (L(w + e u) - L(w - e u)) = 2 e <grad, u> + O(e^3). */
#include "support.h"

#include "base/number.h"
#include "engine/engine.h"

static double direction(int tensor, int64_t i)
{
    return wg_random_normal(11, (uint64_t)tensor, (uint64_t)i);
}

typedef struct slope {
    double along;
} slope;

static wagle_status project(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                            const wg_real *const grad[WG_STREAMS])
{
    slope *s = user;

    (void)ctx;
    for (int64_t i = 0; i < n; i++)
        s->along += (grad[0][i] + (grad[1] != NULL ? grad[1][i] : 0)) * direction(tensor, i);
    return WAGLE_OK;
}

static void shift(wg_model *m, double *const *base, double step)
{
    for (int t = 0; t < m->files.n; t++)
        for (int64_t i = 0; i < m->files.tensor[t].count; i++)
            m->resident[t][i] = base[t][i] + step * direction(t, i);
}

static double loss(wagle_ctx *ctx, wg_engine *e, const wg_batch *b, const double *weight)
{
    double nll[256], sum = 0;

    assert_ok(ctx, wg_engine_forward(ctx, e, b, true, NULL, nll));
    for (int64_t j = 0; j < b->M; j++)
        sum += nll[j] * weight[j];
    return sum;
}

static void check(const char *name, int streams)
{
    wagle_ctx *ctx = new_context();
    wg_model *m;
    wg_engine *e;
    wg_tensors gold;
    wg_batch batch = {0};
    wg_example example[WG_MOST_SEQUENCES];
    const wg_example *list[WG_MOST_SEQUENCES];
    double weight[256], *base[128], difference, step = 1e-6;
    slope s = {0};
    char path[512];

    snprintf(path, sizeof path, WG_GOLD "/models/%s/gold.safetensors", name);
    assert_ok(ctx, wg_tensors_open(ctx, path, &gold));
    snprintf(path, sizeof path, WG_GOLD "/models/%s", name);
    assert_ok(ctx, wg_model_open(ctx, path, &m));
    assert_ok(ctx, wg_model_make_resident(ctx, m));
    assert_ok(ctx, wg_engine_new(ctx, m, &e));
    const int64_t n = gold_sequences(&gold, "", example);
    for (int64_t i = 0; i < n; i++)
        list[i] = &example[i];
    assert_ok(ctx, wg_batch_fill(ctx, &batch, list, n, 1));
    for (int64_t j = 0; j < batch.M; j++)
        weight[j] = wg_random_normal(5, 0, (uint64_t)j);
    for (int t = 0; t < m->files.n; t++) {
        base[t] = malloc((size_t)m->files.tensor[t].count * sizeof(double));
        memcpy(base[t], m->resident[t], (size_t)m->files.tensor[t].count * sizeof(double));
    }
    loss(ctx, e, &batch, weight);
    const wg_sink sink = {.user = &s, .accept = project};
    assert_ok(ctx, wg_engine_backward(ctx, e, &batch, weight, streams, NULL, &sink));
    shift(m, base, step);
    difference = loss(ctx, e, &batch, weight);
    shift(m, base, -step);
    difference -= loss(ctx, e, &batch, weight);
    if (fabs(difference / (2 * step) - s.along) > 1e-6 * fabs(s.along))
        fail_msg("%s, %d streams: slope %.12g, finite difference %.12g", name, streams, s.along,
                 difference / (2 * step));
    for (int t = 0; t < m->files.n; t++)
        free(base[t]);
    wg_batch_free(&batch);
    wg_engine_free(e);
    wg_model_close(m);
    wg_tensors_close(&gold);
    wagle_ctx_free(ctx);
}

static void gradient_is_the_slope_of_the_loss(void **state)
{
    static const char *const names[] = {
#define GOLD_MODEL(function, name) name,
#include "models.def"
#undef GOLD_MODEL
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int streams = 1; streams <= 2; streams++)
            check(names[i], streams);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradient_is_the_slope_of_the_loss)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
