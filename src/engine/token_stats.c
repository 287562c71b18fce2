/* token_stats.c - more that label rows say than the loss: the likeliest token, the spread of log p.
 */
#include "engine/state.h"

#include <math.h>

/* In memory of the back end. */
typedef struct stats {
    double *mean, *square; /* [M] each, or NULL */
    int32_t *best;         /* [M] or NULL */
} stats;

static void add_chunk(wg_engine *e, void *user, const wg_batch *batch, int64_t at, int64_t n,
                      int64_t first, int64_t width, const wg_real *logits, int64_t ld)
{
    const stats *s = user;
    const wg_ops *ops = e->model->ops;

    ops->row_stats(ops, n, first, width, logits, ld, wg_label_lse(e, batch->M) + at,
                   wg_label_most(e, batch->M) + at, s->best != NULL ? s->best + at : NULL,
                   s->mean != NULL ? s->mean + at : NULL, s->mean != NULL ? s->square + at : NULL);
}

wagle_status wg_engine_token_stats(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                   const wg_token_stats *look)
{
    const wg_ops *ops = e->model->ops;
    const int64_t M = batch->M;
    const size_t bytes = (size_t)M * (2 * sizeof(double) + sizeof(int32_t));
    stats s;

    WG_TRY(wg_buffer_reserve(ctx, ops, &e->stats, wg_reals_for((int64_t)bytes, 1)));
    s.mean = look->mean != NULL ? (double *)(void *)e->stats.data : NULL;
    s.square = (double *)(void *)e->stats.data + M;
    s.best = look->best != NULL ? (int32_t *)(void *)(s.square + M) : NULL;
    ops->zero(ops, e->stats.data, bytes);
    ops->fill(ops, M, (wg_real)-INFINITY, wg_label_most(e, M));
    wg_each_label_chunk(e, batch, 0, M, add_chunk, &s);
    if (look->best != NULL)
        WG_TRY(ops->download(ops, ctx, look->best, s.best, (size_t)M * sizeof *s.best));
    if (look->mean == NULL)
        return WAGLE_OK;
    WG_TRY(ops->download(ops, ctx, look->mean, s.mean, (size_t)M * sizeof *s.mean));
    return ops->download(ops, ctx, look->square, s.square, (size_t)M * sizeof *s.square);
}
