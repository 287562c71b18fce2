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

/* Replaces the stored weights of the model by copies in double precision. */
static void lay_over(wagle_ctx *ctx, wg_model *m, double **value)
{
    for (int t = 0; t < m->files.n; t++) {
        const int64_t n = m->files.tensor[t].count;
        value[t] = wg_alloc(ctx, n, sizeof **value);
        assert_ptr_equal(wg_model_view(m, t, 0, n, value[t]), value[t]);
        m->overlay[t].value = value[t];
    }
}

static void shift(const wg_model *m, double *const *value, double *const *base, double step)
{
    for (int t = 0; t < m->files.n; t++)
        for (int64_t i = 0; i < m->files.tensor[t].count; i++)
            value[t][i] = base[t][i] + step * direction(t, i);
}

/* The loss of the first sequence's rows. */
typedef struct subject {
    const char *name;
    int streams;
    wg_soft_kind kind;
    bool divergence, hidden;
    double shift;
} subject;

typedef struct check {
    wagle_ctx *ctx;
    subject of;
    wg_model *model, *reference;
    wg_engine *engine, *beside; /* beside: engine of the reference model */
    wg_batch batch;
    double weight[256], *base[128], *value[128],
        *other[128]; /* other: weights of the reference model */
} check;

static double hidden_loss(const check *c, double *dh)
{
    const int64_t n = c->batch.N * c->model->config.D;
    const wg_real *h;
    double sum = 0;

    assert_ok(c->ctx, wg_engine_hidden(c->ctx, c->engine, &c->batch, 1, true, &h));
    for (int64_t i = 0; i < n; i++) {
        sum += h[i] * h[i];
        if (dh != NULL)
            dh[i] = 2 * h[i];
    }
    return sum;
}

static double loss(check *c)
{
    double nll[256], sum = 0;

    if (c->of.hidden)
        return hidden_loss(c, NULL);
    assert_ok(c->ctx, wg_engine_forward(c->ctx, c->engine, &c->batch, true, NULL, nll));
    if (c->of.kind != WG_SOFT_NONE) {
        const wg_soft soft = {.kind = c->of.kind,
                              .to = c->batch.label_start[1],
                              .reference = c->of.kind == WG_SOFT_SHIFTED ? c->beside : NULL,
                              .shift = c->of.shift,
                              .divergence = c->of.divergence};
        assert_ok(c->ctx, wg_engine_soften(c->ctx, c->engine, &c->batch, &soft, nll));
    }
    for (int64_t j = 0; j < c->batch.M; j++)
        sum += nll[j] * c->weight[j];
    return sum;
}

static void open_models(check *c, const wg_example *const *list, int64_t n)
{
    char path[512];
    double nll[256];

    snprintf(path, sizeof path, WG_GOLD "/models/%s", c->of.name);
    assert_ok(c->ctx, wg_model_open(c->ctx, path, &c->model));
    lay_over(c->ctx, c->model, c->value);
    assert_ok(c->ctx, wg_engine_new(c->ctx, c->model, &c->engine));
    assert_ok(c->ctx, wg_model_open(c->ctx, path, &c->reference));
    lay_over(c->ctx, c->reference, c->other);
    assert_ok(c->ctx, wg_engine_new(c->ctx, c->reference, &c->beside));
    for (int t = 0; t < c->reference->files.n; t++)
        for (int64_t i = 0; i < c->reference->files.tensor[t].count; i++)
            c->other[t][i] *= 1 + 0.1 * direction(t + 100, i);
    c->batch.n_full_label_seqs = c->of.divergence ? n : 0;
    assert_ok(c->ctx, wg_batch_fill(c->ctx, &c->batch, list, n, 1));
    assert_ok(c->ctx, wg_engine_forward(c->ctx, c->beside, &c->batch, false, NULL, nll));
}

static void close_models(check *c)
{
    for (int t = 0; t < c->model->files.n; t++)
        free(c->base[t]);
    for (int t = 0; t < c->model->files.n; t++)
        wg_free(c->value[t]);
    for (int t = 0; t < c->reference->files.n; t++)
        wg_free(c->other[t]);
    wg_batch_free(&c->batch);
    wg_engine_free(c->engine);
    wg_engine_free(c->beside);
    wg_model_close(c->model);
    wg_model_close(c->reference);
}

static void backward(check *c, slope *s)
{
    const wg_sink sink = {.user = s, .accept = project};
    double *dh;

    if (!c->of.hidden) {
        loss(c);
        assert_ok(c->ctx, wg_engine_backward(c->ctx, c->engine, &c->batch, c->weight, c->of.streams,
                                             NULL, &sink));
        return;
    }
    dh = malloc((size_t)(c->batch.N * c->model->config.D) * sizeof *dh);
    hidden_loss(c, dh);
    assert_ok(c->ctx, wg_engine_backward_hidden(c->ctx, c->engine, &c->batch, 1, dh, &sink));
    free(dh);
}

static void check_slope(const subject *of)
{
    check c = {.ctx = new_context(), .of = *of};
    wg_tensors gold;
    wg_example example[WG_MOST_SEQUENCES];
    const wg_example *list[WG_MOST_SEQUENCES];
    double difference;
    const double step = 1e-6;
    slope s = {0};
    char path[512];

    snprintf(path, sizeof path, WG_GOLD "/models/%s/gold.safetensors", of->name);
    assert_ok(c.ctx, wg_tensors_open(c.ctx, path, &gold));
    const int64_t n = gold_sequences(&gold, "", example);
    for (int64_t i = 0; i < n; i++)
        list[i] = &example[i];
    open_models(&c, list, n);
    for (int64_t j = 0; j < c.batch.M; j++)
        c.weight[j] = wg_random_normal(5, 0, (uint64_t)j);
    for (int t = 0; t < c.model->files.n; t++) {
        c.base[t] = malloc((size_t)c.model->files.tensor[t].count * sizeof(double));
        memcpy(c.base[t], c.value[t], (size_t)c.model->files.tensor[t].count * sizeof(double));
    }
    backward(&c, &s);
    shift(c.model, c.value, c.base, step);
    difference = loss(&c);
    shift(c.model, c.value, c.base, -step);
    difference -= loss(&c);
    if (fabs(difference / (2 * step) - s.along) > 1e-6 * fabs(s.along))
        fail_msg("%s, %d streams, soft %d: slope %.12g, finite difference %.12g", of->name,
                 of->streams, (int)of->kind, s.along, difference / (2 * step));
    close_models(&c);
    wg_tensors_close(&gold);
    wagle_ctx_free(c.ctx);
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
            check_slope(&(subject){.name = names[i], .streams = streams});
}

/* Losses with target distributions, hinge and hidden layer; also with soft-caps and scaled
 * embeddings (gemma2), learned positions (gpt2) and an untied head (gpt_neox). */
static void gradient_is_the_slope_of_soft_losses(void **state)
{
    static const char *const names[] = {"llama-gqa-tied", "gemma2", "gpt2", "gpt_neox"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const subject of[] = {
            {.name = names[i], .streams = 1, .kind = WG_SOFT_SHIFTED, .shift = 10},
            {.name = names[i], .streams = 1, .kind = WG_SOFT_SHIFTED, .shift = (double)INFINITY},
            {.name = names[i], .streams = 1, .kind = WG_SOFT_SHIFTED, .divergence = true},
            {.name = names[i], .streams = 1, .kind = WG_SOFT_HINGE},
            {.name = names[i], .streams = 1, .hidden = true}};
        for (size_t k = 0; k < sizeof of / sizeof *of; k++)
            check_slope(&of[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradient_is_the_slope_of_the_loss),
                                       cmocka_unit_test(gradient_is_the_slope_of_soft_losses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
