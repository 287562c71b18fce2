#include "optim/optimizer.h"

enum { SHORTEST = 4096, STRETCHES = 1024 };

/* Weights of a stretch, of n that train. */
static int64_t stretch_weights(int64_t n)
{
    const int64_t some = (n + STRETCHES - 1) / STRETCHES;

    return (some + SHORTEST - 1) / SHORTEST * SHORTEST;
}

static bool is_protected(const wg_optimizer *a, int t)
{
    return a->protect != NULL && a->protect->of[t] >= 0;
}

/* Stretches of the trained tensors into list; list NULL: counts them. */
static int64_t cut(const wg_optimizer *a, wg_stretch *list)
{
    const int64_t usual = stretch_weights(a->n);
    int64_t made = 0;

    for (int t = 0; t < a->model->files.n; t++) {
        const int64_t most = is_protected(a, t) ? a->count[t] : usual;
        for (int64_t at = 0; a->first[t] >= 0 && at < a->count[t]; at += most) {
            const int64_t left = a->count[t] - at;
            if (list != NULL)
                list[made] = (wg_stretch){t, a->first[t] + at, left < most ? left : most};
            made++;
        }
    }
    return made;
}

/* Each process has the stretches that begin in its slice of the weights. */
static wagle_status hand_out(wagle_ctx *ctx, const wg_optimizer *a, wg_sharing *s)
{
    int64_t i = 0;

    WG_TRY(WG_ALLOC(ctx, &s->from, wg_ranks(ctx) + 1));
    WG_TRY(WG_ALLOC(ctx, &s->slice, wg_ranks(ctx) + 1));
    for (int r = 0; r <= wg_ranks(ctx); r++) {
        while (i < s->n && s->stretch[i].first < wg_slice(ctx, a->n, r))
            i++;
        s->from[r] = i;
        s->slice[r] = i < s->n ? s->stretch[i].first : a->n;
    }
    return WAGLE_OK;
}

wagle_status wg_sharing_new(wagle_ctx *ctx, wg_optimizer *a)
{
    const wg_ops *ops = a->model->ops;
    wg_sharing *s = &a->sharing;

    if (wg_parts(ctx) == 1)
        return WAGLE_OK;
    s->rank = wg_rank(ctx);
    s->parts = wg_parts_of(ctx, s->rank, NULL);
    s->n = cut(a, NULL);
    WG_TRY(WG_ALLOC(ctx, &s->stretch, s->n));
    cut(a, s->stretch);
    WG_TRY(hand_out(ctx, a, s));
    for (int level = 0; level < wg_tree_levels(s->parts); level++)
        WG_TRY(ops->alloc(ops, ctx, a->n, sizeof(float), NULL, &s->waits[level]));
    WG_TRY(ops->alloc(ops, ctx, s->n, sizeof(double), NULL, &s->squares));
    WG_TRY(WG_ALLOC(ctx, &s->square, s->n));
    return ops->host || !wg_together(ctx) ? WAGLE_OK : WG_ALLOC(ctx, &s->host, a->n);
}

void wg_sharing_free(const wg_ops *ops, wg_sharing *s)
{
    for (int level = 0; level < WG_TREE_LEVELS; level++)
        ops->free(ops, &s->waits[level]);
    ops->free(ops, &s->squares);
    wg_free(s->stretch);
    wg_free(s->from);
    wg_free(s->slice);
    wg_free(s->square);
    wg_free(s->host);
}

void wg_sharing_part(wg_optimizer *a)
{
    wg_sharing *s = &a->sharing;
    const wg_ops *ops = a->model->ops;
    const int merges = wg_tree_merges(s->part);

    if (s->parts == 0)
        return;
    for (int level = 0; level < merges; level++)
        ops->axpy(ops, a->n, 1, s->waits[level].data, a->gradient);
    if (++s->part == s->parts)
        s->part = 0;
    else
        ops->copy(ops, s->waits[merges].data, a->gradient, (size_t)a->n * sizeof *a->gradient);
}

void wg_sharing_slice(const wg_optimizer *a, int64_t *first, int64_t *n)
{
    const wg_sharing *s = &a->sharing;

    *first = s->parts > 0 ? s->slice[s->rank] : 0;
    *n = s->parts > 0 ? s->slice[s->rank + 1] - *first : a->n;
}

wagle_status wg_sharing_sum(wagle_ctx *ctx, wg_optimizer *a)
{
    const wg_sharing *s = &a->sharing;
    const wg_ops *ops = a->model->ops;
    float *all = s->host != NULL ? s->host : a->gradient;
    int64_t first, n;

    if (s->parts == 0 || !wg_together(ctx))
        return WAGLE_OK;
    wg_sharing_slice(a, &first, &n);
    if (s->host != NULL)
        WG_TRY(ops->download(ops, ctx, all, a->gradient, (size_t)a->n * sizeof *all));
    WG_TRY(wg_reduce_scatter(ctx, all, s->slice, all + first));
    if (s->host != NULL)
        ops->upload(ops, a->gradient + first, all + first, (size_t)n * sizeof *all);
    return WAGLE_OK;
}

wagle_status wg_sharing_measure(wagle_ctx *ctx, wg_optimizer *a)
{
    wg_sharing *s = &a->sharing;
    const wg_ops *ops = a->model->ops;
    const int64_t from = s->from[s->rank], to = s->from[s->rank + 1];
    double *sum = s->squares.data;
    double *total = &a->square[a->model->files.n];

    for (int64_t i = from; i < to; i++) {
        const float *g = a->gradient + s->stretch[i].first;
        ops->dot(ops, s->stretch[i].n, g, g, sum + i);
    }
    if (to > from)
        WG_TRY(ops->download(ops, ctx, s->square + from, sum + from,
                             (size_t)(to - from) * sizeof *sum));
    WG_TRY(wg_all_gather(ctx, s->square, sizeof *s->square, s->from));
    for (int t = 0; t <= a->model->files.n; t++)
        a->square[t] = 0;
    for (int64_t i = 0; i < s->n; i++) {
        a->square[s->stretch[i].tensor] += s->square[i];
        *total += s->square[i];
    }
    return WAGLE_OK;
}

wagle_status wg_sharing_spread(wagle_ctx *ctx, wg_optimizer *a)
{
    const wg_sharing *s = &a->sharing;
    const wg_ops *ops = a->model->ops;
    const size_t size = a->half != NULL ? sizeof *a->half : sizeof *a->master;
    char *own = a->half != NULL ? (char *)a->half : (char *)a->master;
    char *all = s->host != NULL ? (char *)s->host : own;
    int64_t first, n;

    if (s->parts == 0 || !wg_together(ctx))
        return WAGLE_OK;
    wg_sharing_slice(a, &first, &n);
    const size_t before = (size_t)first * size;
    if (s->host != NULL)
        WG_TRY(ops->download(ops, ctx, all + before, own + before, (size_t)n * size));
    WG_TRY(wg_all_gather(ctx, all, size, s->slice));
    if (s->host != NULL)
        ops->upload(ops, own, all, (size_t)a->n * size);
    return WAGLE_OK;
}

wagle_status wg_sharing_gather(wagle_ctx *ctx, const wg_optimizer *a, void *state, size_t size)
{
    return a->sharing.parts > 0 ? wg_gather_slices(ctx, state, size, a->sharing.slice) : WAGLE_OK;
}

wagle_status wg_sharing_scatter(wagle_ctx *ctx, const wg_optimizer *a, void *state, size_t size)
{
    return a->sharing.parts > 0 ? wg_scatter_slices(ctx, state, size, a->sharing.slice) : WAGLE_OK;
}

int64_t wg_sharing_bytes(const wagle_ctx *ctx, int64_t weights)
{
    return (int64_t)sizeof(float) * weights * wg_tree_levels(wg_parts_of(ctx, wg_rank(ctx), NULL)) +
           wg_sum_bytes(ctx, weights);
}
