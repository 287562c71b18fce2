/* For every family: sums of per-sequence gradients and of their squares, and per-sequence norms,
 * agree with gradients that are computed one sequence at a time. */
#include "support.h"

#include "engine/per_sample_moments.h"

enum { STREAM_BORDER = 1 };

typedef struct sums {
    const wg_model *model;
    float **one, **sum[WG_STREAMS], **square[WG_STREAMS]; /* [tensors][count] */
    double norm;                                          /* squared norm of the current sequence */
    int64_t seen;                                         /* number of weights received */
} sums;

static float **rows(const wg_model *m)
{
    float **all = calloc((size_t)m->files.n, sizeof *all);

    for (int t = 0; t < m->files.n; t++)
        all[t] = calloc((size_t)m->files.tensor[t].count, sizeof **all);
    return all;
}

static void free_rows(const wg_model *m, float **all)
{
    for (int t = 0; t < m->files.n; t++)
        free(all[t]);
    free(all);
}

static wagle_status take_one(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                             const wg_real *const grad[WG_STREAMS])
{
    sums *s = user;

    (void)ctx;
    memcpy(s->one[tensor], grad[0], (size_t)n * sizeof(float));
    for (int64_t i = 0; i < n; i++)
        s->norm += (double)grad[0][i] * (double)grad[0][i];
    return WAGLE_OK;
}

static double far_from(const float *want, const wg_real *have, int64_t n)
{
    return worst(want, have, n) / fmax(largest(want, n), 1e-6);
}

static wagle_status compare(void *user, wagle_ctx *ctx, const wg_moments *m)
{
    sums *s = user;
    const char *name = s->model->files.tensor[m->tensor].name;

    (void)ctx;
    s->seen += m->n;
    for (int k = 0; k < WG_STREAMS; k++) {
        const double a = far_from(s->sum[k][m->tensor] + m->first, m->sum[k], m->n);
        const double b = far_from(s->square[k][m->tensor] + m->first, m->square[k], m->n);
        if (a > 1e-4 || b > 2e-4)
            fail_msg("%s, stream %d: sum %g, square %g", name, k, a, b);
    }
    return WAGLE_OK;
}

/* Computes one sequence's gradient and adds it to its stream's sums. Returns its squared norm. */
static double add_sequence(wagle_ctx *ctx, wg_engine *e, const wg_example *example, int stream,
                           sums *s)
{
    const wg_sink sink = {.user = s, .host = true, .accept = take_one};
    wg_batch batch = {0};
    float nll[256], weight[256];

    assert_ok(ctx, wg_batch_fill(ctx, &batch, &example, 1, 1));
    for (int64_t j = 0; j < batch.M; j++)
        weight[j] = 1.0f / (float)batch.M;
    assert_ok(ctx, wg_engine_forward(ctx, e, &batch, true, NULL, nll));
    s->norm = 0;
    assert_ok(ctx, wg_engine_backward(ctx, e, &batch, weight, 1, NULL, &sink));
    for (int t = 0; t < s->model->files.n; t++)
        for (int64_t i = 0; wg_model_is_weight(s->model, t) && i < s->model->files.tensor[t].count;
             i++) {
            s->sum[stream][t][i] += s->one[t][i];
            s->square[stream][t][i] += s->one[t][i] * s->one[t][i];
        }
    wg_batch_free(&batch);
    return s->norm;
}

static void check_moments(const char *name)
{
    wagle_ctx *ctx = new_context();
    wg_example example[WG_MOST_SEQUENCES];
    const wg_example *list[WG_MOST_SEQUENCES];
    wg_batch batch = {0};
    wg_tensors gold;
    wg_model *m;
    wg_engine *e;
    sums s = {0};
    float nll[512], weight[512];
    double norm[WG_MOST_SEQUENCES], square[WG_MOST_SEQUENCES];
    char path[512];

    snprintf(path, sizeof path, WG_GOLD "/models/%s/gold.safetensors", name);
    assert_ok(ctx, wg_tensors_open(ctx, path, &gold));
    snprintf(path, sizeof path, WG_GOLD "/models/%s", name);
    assert_ok(ctx, wg_model_open(ctx, path, &m));
    assert_ok(ctx, wg_engine_new(ctx, m, &e));
    s.model = m;
    s.one = rows(m);
    for (int k = 0; k < WG_STREAMS; k++) {
        s.sum[k] = rows(m);
        s.square[k] = rows(m);
    }
    const int64_t n = gold_sequences(&gold, "", example);
    for (int64_t i = 0; i < n; i++) {
        list[i] = &example[i];
        norm[i] = add_sequence(ctx, e, &example[i], i >= STREAM_BORDER, &s);
    }
    assert_ok(ctx, wg_batch_fill(ctx, &batch, list, n, STREAM_BORDER));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = batch.label_start[i]; j < batch.label_start[i + 1]; j++)
            weight[j] = 1.0f / (float)(batch.label_start[i + 1] - batch.label_start[i]);
    assert_ok(ctx, wg_engine_forward(ctx, e, &batch, true, NULL, nll));
    assert_ok(ctx, wg_engine_square_norms(ctx, e, &batch, weight, NULL, square));
    for (int64_t i = 0; i < n; i++)
        if (fabs(square[i] - norm[i]) > 1e-4 * norm[i])
            fail_msg("%s: squared norm %g, %g expected", name, square[i], norm[i]);
    const wg_moment_sink sink = {.user = &s, .square = {true, true}, .accept = compare};
    assert_ok(ctx, wg_engine_forward(ctx, e, &batch, true, NULL, nll));
    assert_ok(ctx, wg_engine_moments(ctx, e, &batch, weight, WG_STREAMS, NULL, &sink));
    assert_int_equal(s.seen, wg_model_parameters(m));
    free_rows(m, s.one);
    for (int k = 0; k < WG_STREAMS; k++) {
        free_rows(m, s.sum[k]);
        free_rows(m, s.square[k]);
    }
    wg_batch_free(&batch);
    wg_engine_free(e);
    wg_model_close(m);
    wg_tensors_close(&gold);
    wagle_ctx_free(ctx);
}

static void check(const char *name)
{
    if (!card_lacks(name))
        check_moments(name);
}

static void moments_and_norms_are_those_of_single_sequences(void **state)
{
    (void)state;
#define GOLD_MODEL(function, name) check(name);
#include "models.def"
#undef GOLD_MODEL
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_and_norms_are_those_of_single_sequences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
