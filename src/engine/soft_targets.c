/* soft_targets.c - label rows whose target is a distribution, or the runner-up. */
#include "engine/state.h"

#include "base/number.h"
#include <math.h>
#include <string.h>

/* Rows of e->soft_row: of the target's logits; of hinges. */
enum { MOST, SUM, SPARE, ROWS };
enum { TOKEN = MOST, OTHER = SUM };

static wg_real *soft_row(const wg_softened *s, int row)
{
    return s->row.data + row * (s->of.to - s->of.from);
}

/* e->soft_q [n,width] = the logits whose softmax is the target, of label rows [from, from+n); own:
 * the model's. */
static wg_real *target_logits(wg_engine *e, const wg_softened *soft, const wg_batch *batch,
                              int64_t from, int64_t n, int64_t first, int64_t width,
                              const wg_real *own, int64_t ld)
{
    const wg_soft *s = &soft->of;
    wg_real *q = e->soft_q.data;

    if (s->reference != NULL)
        own =
            wg_head_logits(s->reference, from - s->from + s->reference_from, n, first, width, &ld);
    for (int64_t i = 0; i < n; i++) {
        const int64_t token = batch->target[from + i] - first;
        memcpy(q + i * width, own + i * ld, (size_t)width * sizeof *q);
        if (s->shift != 0 && token >= 0 && token < width)
            q[i * width + token] -= s->shift;
    }
    return q;
}

void wg_each_label_chunk(wg_engine *e, const wg_batch *batch, int64_t from, int64_t to,
                         wg_label_chunk *each, void *user)
{
    const wg_config *c = &e->model->config;

    for (int64_t first = 0; first < c->V; first += WG_VOCAB_CHUNK) {
        const int64_t width = wg_vocabulary_chunk(c, first);
        for (int64_t j = from; j < to; j += WG_CHUNK_TOKENS) {
            const int64_t n = wg_label_block(j, to);
            int64_t ld;
            const wg_real *own = wg_head_logits(e, j, n, first, width, &ld);
            each(e, user, batch, j, n, first, width, own, ld);
        }
    }
}

static void add_mass(wg_engine *e, void *user, const wg_batch *batch, int64_t from, int64_t n,
                     int64_t first, int64_t width, const wg_real *own, int64_t ld)
{
    wg_softened *s = user;
    const int64_t at = from - s->of.from;
    const wg_real *q = target_logits(e, s, batch, from, n, first, width, own, ld);

    e->model->ops->xent_forward(n, first, width, q, width, batch->target + from,
                                soft_row(s, MOST) + at, soft_row(s, SUM) + at,
                                soft_row(s, SPARE) + at);
}

/* s->cross [2][rows] += the part of sum_v q_v own_v, and of sum_v q_v reference_v for a divergence.
 */
static void add_cross(wg_engine *e, void *user, const wg_batch *batch, int64_t from, int64_t n,
                      int64_t first, int64_t width, const wg_real *own, int64_t ld)
{
    wg_softened *s = user;
    const wg_ops *ops = e->model->ops;
    const int64_t at = from - s->of.from;
    wg_real *q = target_logits(e, s, batch, from, n, first, width, own, ld),
            *one = soft_row(s, SPARE);
    int64_t other;

    for (int64_t i = 0; i < n; i++)
        one[at + i] = 1;
    ops->softmax(n, width, soft_row(s, MOST) + at, one + at, q, width);
    ops->dot_rows(n, width, q, width, own, ld, s->cross + at);
    if (s->of.divergence) {
        const wg_real *z =
            wg_head_logits(s->of.reference, at + s->of.reference_from, n, first, width, &other);
        ops->dot_rows(n, width, q, width, z, other, s->cross + (s->of.to - s->of.from) + at);
    }
}

static void find_runner_up(wg_engine *e, void *user, const wg_batch *batch, int64_t from, int64_t n,
                           int64_t first, int64_t width, const wg_real *own, int64_t ld)
{
    wg_softened *s = user;
    const int64_t at = from - s->of.from;

    e->model->ops->runner_up(n, first, width, own, ld, batch->target + from,
                             soft_row(s, OTHER) + at, s->runner_up + at);
}

static void shifted(wg_engine *e, wg_softened *s, const wg_batch *batch, wg_real *nll)
{
    const wg_real *lse = wg_label_lse(e, batch->M) + s->of.from;
    wg_real *most = soft_row(s, MOST), *mass = soft_row(s, SUM);
    const int64_t n = s->of.to - s->of.from;

    wg_each_label_chunk(e, batch, s->of.from, s->of.to, add_mass, s);
    for (int64_t i = 0; i < n; i++)
        most[i] += (wg_real)log((double)mass[i]); /* now the log-sum-exp */
    wg_each_label_chunk(e, batch, s->of.from, s->of.to, add_cross, s);
    for (int64_t i = 0; i < n; i++)
        nll[i] = (wg_real)((double)lse[i] - s->cross[i] +
                           (s->of.divergence ? s->cross[n + i] - (double)most[i] : 0));
}

static void hinge(wg_engine *e, wg_softened *s, const wg_batch *batch, wg_real *nll)
{
    const wg_real *lse = wg_label_lse(e, batch->M) + s->of.from;
    wg_real *token = soft_row(s, TOKEN), *other = soft_row(s, OTHER);

    wg_each_label_chunk(e, batch, s->of.from, s->of.to, find_runner_up, s);
    for (int64_t i = 0; i < s->of.to - s->of.from; i++) {
        token[i] = (wg_real)exp(-(double)nll[i]);
        other[i] = (wg_real)exp((double)other[i] - (double)lse[i]);
        nll[i] = 1 + token[i] - other[i];
    }
}

wagle_status wg_engine_soften(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                              const wg_soft *soft, wg_real *nll)
{
    const int64_t n = soft->to - soft->from;
    const int64_t rows = n < WG_CHUNK_TOKENS ? n : WG_CHUNK_TOKENS;
    const int64_t width = wg_vocabulary_chunk(&e->model->config, 0);
    wg_softened *s = &e->soft[e->n_soft];

    s->of = *soft;
    WG_TRY(wg_buffer_reserve(ctx, &s->row, ROWS * n));
    WG_TRY(wg_buffer_reserve(ctx, &e->soft_q, rows * width));
    for (int64_t i = 0; i < ROWS * n; i++)
        s->row.data[i] = i / n == MOST || soft->kind == WG_SOFT_HINGE ? (wg_real)-INFINITY : 0;
    e->n_soft++;
    if (soft->kind == WG_SOFT_HINGE) {
        WG_TRY(WG_GROW(ctx, &s->runner_up, &s->runner_up_room, n));
        hinge(e, s, batch, nll + soft->from);
        return WAGLE_OK;
    }
    WG_TRY(WG_GROW(ctx, &s->cross, &s->cross_room, 2 * n));
    memset(s->cross, 0, (size_t)(2 * n) * sizeof *s->cross);
    shifted(e, s, batch, nll + soft->from);
    return WAGLE_OK;
}

/* weight * (p_token (onehot(token) - p) - p_other (onehot(other) - p)), p the softmax. */
static void hinge_target(wg_engine *e, const wg_softened *s, const wg_batch *batch, int64_t from,
                         int64_t n, int64_t first, int64_t width, const wg_real *weight,
                         wg_real *share)
{
    const int64_t at = from - s->of.from;
    const wg_real *token = soft_row(s, TOKEN) + at, *other = soft_row(s, OTHER) + at;
    wg_real *q = e->soft_q.data;

    memset(q, 0, (size_t)(n * width) * sizeof *q);
    for (int64_t i = 0; i < n; i++) {
        const int64_t label = batch->target[from + i] - first,
                      second = s->runner_up[at + i] - first;
        if (label >= 0 && label < width)
            q[i * width + label] = -weight[i] * token[i];
        if (second >= 0 && second < width)
            q[i * width + second] = weight[i] * other[i];
        share[i] = weight[i] * (other[i] - token[i]);
    }
}

void wg_soft_gradient(wg_engine *e, wg_softened *s, const wg_batch *batch, int64_t from, int64_t n,
                      int64_t first, int64_t width, wg_real *logits, int64_t ld,
                      const wg_real *weight)
{
    const wg_ops *ops = e->model->ops;
    const int64_t at = from - s->of.from;
    const wg_real *share = weight + from;

    if (s->of.kind == WG_SOFT_HINGE) {
        wg_real *own = soft_row(s, SPARE) + at;
        hinge_target(e, s, batch, from, n, first, width, weight + from, own);
        share = own;
    } else {
        wg_real *q = target_logits(e, s, batch, from, n, first, width, logits, ld);
        ops->softmax(n, width, soft_row(s, MOST) + at, share, q, width);
    }
    ops->xent_soft_backward(n, width, logits, ld, e->soft_q.data, wg_label_lse(e, batch->M) + from,
                            share, (wg_real)e->model->config.final_cap);
}

/* A draw from the softmax of each row: the largest of logit + Gumbel noise. */
typedef struct draw {
    uint64_t seed, stream;
    double *most;   /* [M] */
    int32_t *which; /* [M] */
} draw;

static void draw_chunk(wg_engine *e, void *user, const wg_batch *batch, int64_t from, int64_t n,
                       int64_t first, int64_t width, const wg_real *own, int64_t ld)
{
    const draw *d = user;

    (void)e;
    (void)batch;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t row = (uint32_t)wg_random(d->seed, d->stream, (uint64_t)(from + i));
        for (int64_t v = 0; v < width; v++) {
            const double u = ((double)wg_mix(row, (uint32_t)(first + v)) + 0.5) / 0x1p32;
            const double value = (double)own[i * ld + v] - log(-log(u));
            if (value > d->most[from + i]) {
                d->most[from + i] = value;
                d->which[from + i] = (int32_t)(first + v);
            }
        }
    }
}

wagle_status wg_engine_draw_labels(wagle_ctx *ctx, wg_engine *e, wg_batch *batch, uint64_t seed,
                                   uint64_t stream)
{
    draw d = {.seed = seed, .stream = stream, .which = batch->target};

    WG_TRY(WG_ALLOC(ctx, &d.most, batch->M));
    for (int64_t j = 0; j < batch->M; j++)
        d.most[j] = -INFINITY;
    wg_each_label_chunk(e, batch, 0, batch->M, draw_chunk, &d);
    wg_free(d.most);
    return WAGLE_OK;
}
