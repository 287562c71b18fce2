#include "mask/part_sums.h"

#include "base/memory.h"
#include <string.h>

wagle_status wg_part_sums_new(wagle_ctx *ctx, int64_t weights, const bool wanted[WG_SUMS],
                              wg_part_sums *out)
{
    *out = (wg_part_sums){.parts = wg_parts_of(ctx, wg_rank(ctx), NULL)};
    for (int level = 0; level < wg_tree_levels(out->parts); level++)
        for (int i = 0; i < WG_SUMS; i++)
            if (wanted[i])
                WG_TRY(WG_ALLOC(ctx, &out->waits[level][i], weights));
    return WG_ALLOC(ctx, &out->slice, wg_ranks(ctx) + 1);
}

void wg_part_sums_free(wg_part_sums *s)
{
    for (int i = 0; i < WG_SUMS; i++) {
        for (int level = 0; level < WG_TREE_LEVELS; level++)
            wg_free(s->waits[level][i]);
        wg_free(s->own[i]);
    }
    wg_free(s->slice);
    wg_free(s->whole);
    *s = (wg_part_sums){0};
}

void wg_part_sums_next(wg_part_sums *s)
{
    s->part++;
    s->at = 0;
}

/* A range of a part is added; NULL: its sum waits for the next part. */
static const float *merge(const wg_part_sums *s, int kind, const float *part, int64_t n)
{
    float *waits[WG_TREE_LEVELS] = {NULL};

    for (int level = 0; level < wg_tree_levels(s->parts); level++)
        waits[level] = s->waits[level][kind] + s->at;
    return wg_tree_add(s->part, s->parts, n, part, waits);
}

bool wg_part_sums_add(wg_part_sums *s, const float *of[WG_SUMS], int64_t n)
{
    for (int i = 0; i < WG_SUMS; i++)
        if (of[i] != NULL)
            of[i] = merge(s, i, of[i], n);
    s->at += n;
    return s->part + 1 == s->parts;
}

wagle_status wg_part_sums_join(wagle_ctx *ctx, wg_part_sums *s, const float *of[WG_SUMS],
                               int64_t *first, int64_t *n)
{
    const int me = wg_rank(ctx);

    for (int r = 0; r <= wg_ranks(ctx); r++)
        s->slice[r] = wg_slice(ctx, *n, r);
    for (int i = 0; i < WG_SUMS; i++) {
        if (of[i] == NULL)
            continue;
        WG_TRY(WG_GROW(ctx, &s->own[i], &s->own_room[i], s->slice[me + 1] - s->slice[me]));
        WG_TRY(wg_reduce_scatter(ctx, of[i], s->slice, s->own[i]));
        of[i] = s->own[i];
    }
    *first = s->slice[me];
    *n = s->slice[me + 1] - *first;
    return WAGLE_OK;
}

wagle_status wg_part_sums_whole(wagle_ctx *ctx, wg_part_sums *s, const float *slice,
                                bool everywhere, const float **whole)
{
    const int me = wg_rank(ctx);
    const int64_t first = s->slice[me];

    *whole = slice;
    if (!wg_together(ctx))
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &s->whole, &s->whole_room, s->slice[wg_ranks(ctx)]));
    memcpy(s->whole + first, slice, (size_t)(s->slice[me + 1] - first) * sizeof *slice);
    *whole = s->whole;
    return everywhere ? wg_all_gather(ctx, s->whole, sizeof *s->whole, s->slice)
                      : wg_gather_slices(ctx, s->whole, sizeof *s->whole, s->slice);
}

int64_t wg_part_sums_bytes(const wagle_ctx *ctx, int64_t weights, int64_t widest, int kinds)
{
    const int64_t levels = wg_tree_levels(wg_parts_of(ctx, wg_rank(ctx), NULL));
    const int64_t slices = wg_parts(ctx) > 1 ? (kinds + 1) * widest : 0;
    const int64_t copies = wg_together(ctx) && levels == 0 ? kinds * widest : 0;

    return (levels * kinds * weights + slices + copies) * (int64_t)sizeof(float) +
           wg_sum_bytes(ctx, widest);
}
