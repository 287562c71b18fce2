/* soft_targets.c - label rows whose target is a distribution, or the runner-up. */
#include "engine/state.h"

#include <math.h>

/* Rows of e->soft_row: of the target's logits; of hinges. */
enum { MOST, SUM, SPARE, ROWS };
enum { TOKEN = MOST, OTHER = SUM };

static wg_real *soft_row(const wg_soft_rows *s, int row)
{
    return s->row.data + row * (s->of.to - s->of.from);
}

/* Doubles [2][rows]. */
static double *cross_of(const wg_soft_rows *s)
{
    return (double *)(void *)s->cross.data;
}

static int32_t *runner_up_of(const wg_soft_rows *s)
{
    return (int32_t *)(void *)s->runner_up.data;
}

/* e->soft_q [n,width] = the logits whose softmax is the target, of label rows [from, from+n); own:
 * the model's. */
static wg_real *target_logits(wg_engine *e, const wg_soft_rows *soft, int64_t from, int64_t n,
                              int64_t first, int64_t width, const wg_real *own, int64_t ld)
{
    const wg_soft *s = &soft->of;
    const wg_ops *ops = e->model->ops;

    if (s->reference != NULL)
        own =
            wg_head_logits(s->reference, from - s->from + s->reference_from, n, first, width, &ld);
    ops->shift_target(ops, n, first, width, e->index.target + from, s->shift, own, ld,
                      e->soft_q.data);
    return e->soft_q.data;
}

static void add_mass(wg_engine *e, void *user, const wg_batch *batch, int64_t from, int64_t n,
                     int64_t first, int64_t width, const wg_real *own, int64_t ld)
{
    wg_soft_rows *s = user;
    const int64_t at = from - s->of.from;
    const wg_ops *ops = e->model->ops;
    const wg_real *q = target_logits(e, s, from, n, first, width, own, ld);

    (void)batch;
    ops->xent_forward(ops, n, first, width, q, width, e->index.target + from,
                      soft_row(s, MOST) + at, soft_row(s, SUM) + at, soft_row(s, SPARE) + at);
}

/* s->cross [2][rows] += the part of sum_v q_v own_v, and of sum_v q_v reference_v for a divergence.
 */
static void add_cross(wg_engine *e, void *user, const wg_batch *batch, int64_t from, int64_t n,
                      int64_t first, int64_t width, const wg_real *own, int64_t ld)
{
    wg_soft_rows *s = user;
    const wg_ops *ops = e->model->ops;
    const int64_t at = from - s->of.from;
    wg_real *q = target_logits(e, s, from, n, first, width, own, ld), *one = soft_row(s, SPARE);
    int64_t other;

    (void)batch;
    ops->fill(ops, n, 1, one + at);
    ops->softmax(ops, n, width, soft_row(s, MOST) + at, one + at, q, width);
    ops->dot_rows(ops, n, width, q, width, own, ld, cross_of(s) + at);
    if (s->of.divergence) {
        const wg_real *z =
            wg_head_logits(s->of.reference, at + s->of.reference_from, n, first, width, &other);
        ops->dot_rows(ops, n, width, q, width, z, other,
                      cross_of(s) + (s->of.to - s->of.from) + at);
    }
}

static void find_runner_up(wg_engine *e, void *user, const wg_batch *batch, int64_t from, int64_t n,
                           int64_t first, int64_t width, const wg_real *own, int64_t ld)
{
    wg_soft_rows *s = user;
    const int64_t at = from - s->of.from;
    const wg_ops *ops = e->model->ops;

    (void)batch;
    ops->runner_up(ops, n, first, width, own, ld, e->index.target + from, soft_row(s, OTHER) + at,
                   runner_up_of(s) + at);
}

static void shifted(wg_engine *e, wg_soft_rows *s, const wg_batch *batch, wg_real *nll)
{
    const wg_ops *ops = e->model->ops;
    const wg_real *lse = wg_label_lse(e, batch->M) + s->of.from;
    const int64_t n = s->of.to - s->of.from;

    wg_each_label_chunk(e, batch, s->of.from, s->of.to, add_mass, s);
    /* MOST becomes the log-sum-exp; nll is written again below */
    ops->xent_finish(ops, n, soft_row(s, MOST), soft_row(s, SUM), soft_row(s, SPARE), nll);
    wg_each_label_chunk(e, batch, s->of.from, s->of.to, add_cross, s);
    ops->soft_finish(ops, n, s->of.divergence, lse, soft_row(s, MOST), cross_of(s), nll);
}

static void hinge(wg_engine *e, wg_soft_rows *s, const wg_batch *batch, wg_real *nll)
{
    const wg_ops *ops = e->model->ops;
    const wg_real *lse = wg_label_lse(e, batch->M) + s->of.from;

    wg_each_label_chunk(e, batch, s->of.from, s->of.to, find_runner_up, s);
    ops->hinge_finish(ops, s->of.to - s->of.from, lse, soft_row(s, TOKEN), soft_row(s, OTHER), nll);
}

wagle_status wg_engine_soften(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                              const wg_soft *soft, wg_real *nll)
{
    const int64_t n = soft->to - soft->from;
    const int64_t rows = n < WG_CHUNK_TOKENS ? n : WG_CHUNK_TOKENS;
    const int64_t width = wg_vocabulary_chunk(&e->model->config, 0);
    const wg_ops *ops = e->model->ops;
    wg_soft_rows *s = &e->soft[e->n_soft];
    wg_real *own = wg_label_nll(e, batch->M) + soft->from;

    s->of = *soft;
    WG_TRY(wg_buffer_reserve(ctx, ops, &s->row, ROWS * n));
    WG_TRY(wg_buffer_reserve(ctx, ops, &s->cross, wg_reals_for(2 * n, sizeof(double))));
    WG_TRY(wg_buffer_reserve(ctx, ops, &s->runner_up, wg_reals_for(n, sizeof(int32_t))));
    WG_TRY(wg_buffer_reserve(ctx, ops, &e->soft_q, rows * width));
    ops->zero(ops, s->row.data, (size_t)(ROWS * n) * sizeof *own);
    ops->zero(ops, s->cross.data, (size_t)(2 * n) * sizeof(double));
    ops->zero(ops, s->runner_up.data, (size_t)n * sizeof(int32_t));
    ops->fill(ops, n, (wg_real)-INFINITY, soft_row(s, MOST));
    e->n_soft++;
    if (soft->kind == WG_SOFT_HINGE) {
        ops->fill(ops, n, (wg_real)-INFINITY, soft_row(s, OTHER));
        hinge(e, s, batch, own);
    } else {
        shifted(e, s, batch, own);
    }
    return ops->download(ops, ctx, nll + soft->from, own, (size_t)n * sizeof *own);
}

void wg_soft_gradient(wg_engine *e, wg_soft_rows *s, const wg_batch *batch, int64_t from, int64_t n,
                      int64_t first, int64_t width, wg_real *logits, int64_t ld)
{
    const wg_ops *ops = e->model->ops;
    const int64_t at = from - s->of.from;
    const wg_real *weight = wg_label_weight(e, batch->M) + from, *share = weight;

    /* of a hinge: weight * (p_token (onehot(token) - p) - p_other (onehot(other) - p)), p the
     * softmax */
    if (s->of.kind == WG_SOFT_HINGE) {
        ops->hinge_target(ops, n, first, width, e->index.target + from, runner_up_of(s) + at,
                          weight, soft_row(s, TOKEN) + at, soft_row(s, OTHER) + at, e->soft_q.data,
                          soft_row(s, SPARE) + at);
        share = soft_row(s, SPARE) + at;
    } else {
        wg_real *q = target_logits(e, s, from, n, first, width, logits, ld);
        ops->softmax(ops, n, width, soft_row(s, MOST) + at, share, q, width);
    }
    ops->xent_soft_backward(ops, n, width, logits, ld, e->soft_q.data,
                            wg_label_lse(e, batch->M) + from, share,
                            (wg_real)e->model->config.final_cap);
}

/* A draw from the softmax of each row. */
typedef struct draw {
    uint64_t seed, stream;
    double *most; /* [M] */
} draw;

static void draw_chunk(wg_engine *e, void *user, const wg_batch *batch, int64_t from, int64_t n,
                       int64_t first, int64_t width, const wg_real *own, int64_t ld)
{
    const draw *d = user;
    const wg_ops *ops = e->model->ops;

    (void)batch;
    ops->sample_rows(ops, n, first, width, own, ld, from, d->seed, d->stream, d->most + from,
                     e->index.target + from);
}

wagle_status wg_engine_draw_labels(wagle_ctx *ctx, wg_engine *e, wg_batch *batch, uint64_t seed,
                                   uint64_t stream)
{
    const wg_ops *ops = e->model->ops;
    const size_t bytes = (size_t)batch->M * sizeof *batch->target;
    draw d = {.seed = seed, .stream = stream};

    WG_TRY(wg_buffer_reserve(ctx, ops, &e->stats, wg_reals_for(batch->M, sizeof *d.most)));
    d.most = (double *)(void *)e->stats.data;
    wg_each_label_chunk(e, batch, 0, batch->M, draw_chunk, &d);
    return ops->download(ops, ctx, batch->target, e->index.target, bytes);
}
