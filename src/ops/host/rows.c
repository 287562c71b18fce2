/* rows.c - rows of tables, of logits and of soft targets. */
#include "ops/host/host.h"

#include "base/number.h"
#include <math.h>
#include <string.h>

/* Selected weights in bf16 over a stretch of a tensor that begins with weight `first`. */
typedef struct half_task {
    int64_t first, end;
    const uint64_t *bits;
    const int64_t *rank;
    const uint16_t *value;
    wg_real *to;
} half_task;

static void overlay_blocks(const void *task, int64_t from, int64_t to)
{
    const half_task *t = task;
    const int64_t block = t->first / WG_OVERLAY_BLOCK;
    const int64_t low = from > 0 ? (block + from) * WG_OVERLAY_BLOCK : t->first;
    const int64_t high =
        (block + to) * WG_OVERLAY_BLOCK < t->end ? (block + to) * WG_OVERLAY_BLOCK : t->end;
    const uint16_t *value = t->value + wg_selected_before(low, t->bits, t->rank);

    for (int64_t i = low; i < high; i++)
        if (t->bits[i >> 6] >> (i & 63) & 1)
            t->to[i - t->first] = (wg_real)wg_bf16_float(*value++);
}

static void overlay_half(const wg_ops *self, const wg_weights *w, int64_t first, int64_t n,
                         wg_real *to)
{
    const half_task task = {first, first + n, w->bits, w->rank, w->half, to};
    const int64_t block = first / WG_OVERLAY_BLOCK;
    const int64_t blocks = n > 0 ? (first + n - 1) / WG_OVERLAY_BLOCK - block + 1 : 0;

    wg_parallel(self->pool, blocks, wg_grain(WG_OVERLAY_BLOCK), overlay_blocks, &task);
}

/* Part [from, from+n) of a panel, as reals. */
static void fill_part(const wg_ops *self, const wg_panel *p, int64_t from, int64_t n, wg_real *to)
{
    const wg_weights *w = &p->weights;
    const int64_t first = p->first + from;
    const char *stored = (const char *)w->stored + (size_t)first * wg_dtype_size(w->type);

    if (w->value != NULL && w->bits == NULL) {
        memcpy(to, w->value + first, (size_t)n * sizeof *to);
        return;
    }
    if (w->half != NULL && w->bits == NULL) {
        self->widen(self, WG_BF16, w->half + first, n, to);
        return;
    }
    self->widen(self, w->type, stored, n, to);
    if (w->half != NULL)
        overlay_half(self, w, first, n, to);
    if (w->value != NULL)
        self->overlay(self, first, n, w->bits, w->rank, w->value, to);
}

typedef struct panel_task {
    wg_ops alone; /* a part is too small for more threads */
    const wg_panel *panel;
} panel_task;

static void fill_bf16(const void *task, int64_t first, int64_t end)
{
    enum { SOME = WG_OVERLAY_BLOCK };
    const panel_task *t = task;
    const wg_panel *p = t->panel;

    for (int64_t from = first * SOME; from < end * SOME && from < p->n; from += SOME) {
        const int64_t n = p->n - from < SOME ? p->n - from : SOME;
        uint16_t *to = (uint16_t *)p->to + from;
        wg_real room[SOME];
        fill_part(&t->alone, p, from, n, room);
        for (int64_t i = 0; i < n; i++)
            to[i] = wg_float_bf16((float)room[i]);
    }
}

void wg_host_fill_panels(WG_SELF, int m, const wg_panel *list)
{
    panel_task task = {*self, NULL};

    task.alone.pool = NULL;
    for (int k = 0; k < m; k++) {
        task.panel = &list[k];
        if (list[k].type == WG_BF16)
            wg_parallel(self->pool, (list[k].n + WG_OVERLAY_BLOCK - 1) / WG_OVERLAY_BLOCK, 4,
                        fill_bf16, &task);
        else
            fill_part(self, &list[k], 0, list[k].n, list[k].to);
    }
}

typedef struct embed_task {
    wg_ops alone; /* a row is too short for more threads */
    const wg_weights *table;
    int64_t D, offset;
    const int32_t *ids;
    wg_real scale, *x;
} embed_task;

static void embed_rows(const void *task, int64_t first, int64_t end)
{
    const embed_task *t = task;
    const int64_t D = t->D;

    for (int64_t n = first; n < end; n++) {
        wg_real *to = t->x + n * D;
        const wg_real *from =
            wg_weights_as(&t->alone, t->table, WG_F32, (t->ids[n] + t->offset) * D, D, to);
        for (int64_t d = 0; d < D && (from != to || t->scale != 1); d++)
            to[d] = from[d] * t->scale;
    }
}

static void add_embedded_rows(const void *task, int64_t first, int64_t end)
{
    const embed_task *t = task;
    const int64_t D = t->D;

    for (int64_t n = first; n < end; n++)
        for (int64_t d = 0; d < D; d += WG_HOST_ROW) {
            const int64_t some = D - d < WG_HOST_ROW ? D - d : WG_HOST_ROW;
            wg_real *to = t->x + n * D + d, room[WG_HOST_ROW];
            const wg_real *from = wg_weights_as(&t->alone, t->table, WG_F32,
                                                (t->ids[n] + t->offset) * D + d, some, room);
            for (int64_t i = 0; i < some; i++)
                to[i] += from[i] * t->scale;
        }
}

void wg_host_embed(WG_SELF, const wg_weights *table, int64_t N, int64_t D, const int32_t *ids,
                   int64_t offset, wg_real scale, bool add, wg_real *x)
{
    embed_task task = {*self, table, D, offset, ids, scale, x};

    task.alone.pool = NULL;
    wg_parallel(self->pool, N, wg_grain(D), add ? add_embedded_rows : embed_rows, &task);
}

void wg_host_xent_finish(WG_SELF, int64_t M, wg_real *maximum, const wg_real *sum,
                         const wg_real *picked, wg_real *nll)
{
    for (int64_t m = 0; m < M; m++) {
        maximum[m] += (wg_real)log((double)sum[m]);
        nll[m] = maximum[m] - picked[m];
    }
}

typedef struct stats_task {
    int64_t first, n, ld;
    const wg_real *logits, *lse;
    wg_real *most;
    int32_t *best;
    double *mean, *square;
} stats_task;

static void stats_of_rows(const void *task, int64_t from, int64_t to)
{
    const stats_task *t = task;

    for (int64_t m = from; m < to; m++) {
        const wg_real *z = t->logits + m * t->ld;
        for (int64_t v = 0; t->best != NULL && v < t->n; v++)
            if (z[v] > t->most[m]) {
                t->most[m] = z[v];
                t->best[m] = (int32_t)(t->first + v);
            }
        for (int64_t v = 0; t->mean != NULL && v < t->n; v++) {
            const double log_p = (double)(z[v] - t->lse[m]), p = exp(log_p);
            t->mean[m] += p * log_p;
            t->square[m] += p * log_p * log_p;
        }
    }
}

void wg_host_row_stats(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                       int64_t ld, const wg_real *lse, wg_real *most, int32_t *best, double *mean,
                       double *square)
{
    const stats_task task = {first, n, ld, logits, lse, most, best, mean, square};

    wg_parallel(self->pool, M, wg_grain((mean != NULL ? 8 : 1) * n), stats_of_rows, &task);
}

typedef struct sample_task {
    int64_t first, n, ld, row;
    const wg_real *logits;
    uint64_t seed, stream;
    double *most;
    int32_t *which;
} sample_task;

static void sample_some_rows(const void *task, int64_t from, int64_t to)
{
    const sample_task *t = task;

    for (int64_t m = from; m < to; m++) {
        const uint32_t draw = (uint32_t)wg_random(t->seed, t->stream, (uint64_t)(t->row + m));
        double most = t->first == 0 ? -INFINITY : t->most[m];
        for (int64_t v = 0; v < t->n; v++) {
            const double u = ((double)wg_mix(draw, (uint32_t)(t->first + v)) + 0.5) / 0x1p32;
            const double value = (double)t->logits[m * t->ld + v] - log(-log(u));
            if (value > most) {
                most = value;
                t->which[m] = (int32_t)(t->first + v);
            }
        }
        t->most[m] = most;
    }
}

void wg_host_sample_rows(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                         int64_t ld, int64_t row, uint64_t seed, uint64_t stream, double *most,
                         int32_t *which)
{
    const sample_task task = {first, n, ld, row, logits, seed, stream, most, which};

    wg_parallel(self->pool, M, wg_grain(8 * n), sample_some_rows, &task);
}

typedef struct shift_task {
    int64_t first, n, ld;
    const int32_t *target;
    wg_real shift;
    const wg_real *logits;
    wg_real *q;
} shift_task;

static void shift_rows(const void *task, int64_t from, int64_t to)
{
    const shift_task *t = task;

    for (int64_t m = from; m < to; m++) {
        const int64_t token = t->target[m] - t->first;
        memcpy(t->q + m * t->n, t->logits + m * t->ld, (size_t)t->n * sizeof *t->q);
        if (t->shift != 0 && token >= 0 && token < t->n)
            t->q[m * t->n + token] -= t->shift;
    }
}

void wg_host_shift_target(WG_SELF, int64_t M, int64_t first, int64_t n, const int32_t *target,
                          wg_real shift, const wg_real *logits, int64_t ld, wg_real *q)
{
    const shift_task task = {first, n, ld, target, shift, logits, q};

    wg_parallel(self->pool, M, wg_grain(n), shift_rows, &task);
}

void wg_host_soft_finish(WG_SELF, int64_t M, bool divergence, const wg_real *lse,
                         const wg_real *target_lse, const double *cross, wg_real *nll)
{
    for (int64_t m = 0; m < M; m++)
        nll[m] = (wg_real)((double)lse[m] - cross[m] +
                           (divergence ? cross[M + m] - (double)target_lse[m] : 0));
}

void wg_host_hinge_finish(WG_SELF, int64_t M, const wg_real *lse, wg_real *token, wg_real *other,
                          wg_real *nll)
{
    for (int64_t m = 0; m < M; m++) {
        token[m] = (wg_real)exp(-(double)nll[m]);
        other[m] = (wg_real)exp((double)other[m] - (double)lse[m]);
        nll[m] = 1 + token[m] - other[m];
    }
}

void wg_host_hinge_target(WG_SELF, int64_t M, int64_t first, int64_t n, const int32_t *target,
                          const int32_t *runner_up, const wg_real *weight, const wg_real *token,
                          const wg_real *other, wg_real *q, wg_real *share)
{
    memset(q, 0, (size_t)(M * n) * sizeof *q);
    for (int64_t m = 0; m < M; m++) {
        const int64_t label = target[m] - first, second = runner_up[m] - first;
        if (label >= 0 && label < n)
            q[m * n + label] = -weight[m] * token[m];
        if (second >= 0 && second < n)
            q[m * n + second] = weight[m] * other[m];
        share[m] = weight[m] * (other[m] - token[m]);
    }
}
