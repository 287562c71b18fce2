/* sampler.c - which rows an update is of: by the seed, or as --pairs says. */
#include "train/run.h"

#include "base/number.h"
#include <math.h>

static wagle_status bad_pairs(wagle_ctx *ctx, const wg_run *w, size_t step, const char *what)
{
    return wg_fail(ctx, WAGLE_E_INPUT, "%s: step %lld: %s", w->o->pairs, (long long)step, what);
}

/* Row numbers of one entry: [forget, retain], or [forget] where nothing is retained. */
static wagle_status read_pair(wagle_ctx *ctx, const wg_run *w, size_t step, const json_t *pair,
                              int64_t *f, int64_t *r)
{
    const json_t *first = json_array_get(pair, 0), *second = json_array_get(pair, 1);
    const bool both = w->data.retain.n > 0;

    if (!json_is_integer(first) || (both && !json_is_integer(second)))
        return bad_pairs(ctx, w, step, "a list of [forget row, retain row] is wanted");
    *f = json_integer_value(first);
    *r = both ? json_integer_value(second) : 0;
    if (*f < 0 || *f >= w->data.forget.n || *r < 0 || (both && *r >= w->data.retain.n))
        return bad_pairs(ctx, w, step, "a row number that is not there (they count from 0)");
    return WAGLE_OK;
}

wagle_status wg_run_read_pairs(wagle_ctx *ctx, wg_run *w)
{
    if (w->o->pairs == NULL)
        return WAGLE_OK;
    WG_TRY(wg_json_read(ctx, w->o->pairs, &w->pairs));
    if (!json_is_array(w->pairs) || json_array_size(w->pairs) == 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: expected a JSON list of steps", w->o->pairs);
    for (size_t step = 0; step < json_array_size(w->pairs); step++) {
        const json_t *list = json_array_get(w->pairs, step);
        int64_t f, r;
        if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > 4096)
            return bad_pairs(ctx, w, step, "a list of 1 to 4096 pairs is wanted");
        for (size_t i = 0; i < json_array_size(list); i++)
            WG_TRY(read_pair(ctx, w, step, json_array_get(list, i), &f, &r));
    }
    return WAGLE_OK;
}

static wagle_status pick_pairs(wagle_ctx *ctx, wg_run *w)
{
    const json_t *list = json_array_get(w->pairs, (size_t)w->step);
    const int64_t n = (int64_t)json_array_size(list);
    int64_t room = w->room;

    WG_TRY(WG_GROW(ctx, &w->f, &room, n));
    WG_TRY(WG_GROW(ctx, &w->r, &w->room, n));
    for (int64_t i = 0; i < n; i++)
        WG_TRY(read_pair(ctx, w, (size_t)w->step, json_array_get(list, (size_t)i), &w->f[i],
                         &w->r[i]));
    w->pick[0] = (wg_batch_indices){w->f, w->r, n, n, 0, 0};
    w->n_picks = 1;
    return WAGLE_OK;
}

/* --- rows that are skipped ---------------------------------------------------------------------
 */

wagle_status wg_run_skip(wagle_ctx *ctx, wg_run *w)
{
    if (!w->o->skip_forgotten)
        return WAGLE_OK;
    if (w->known == NULL)
        WG_TRY(WG_ALLOC(ctx, &w->known, w->data.forget.n));
    if (w->left == NULL)
        WG_TRY(WG_ALLOC(ctx, &w->left, w->data.forget.n));
    for (int64_t i = 0; i < w->data.forget.n; i++)
        w->known[i] = INFINITY;
    return WAGLE_OK;
}

bool wg_run_skips(const wg_run *w, int64_t row)
{
    return w->known != NULL && wg_stop_holds(&w->stop, w->known[row]);
}

static void list_left(wg_run *w)
{
    w->n_left = 0;
    for (int64_t i = 0; w->known != NULL && i < w->data.forget.n; i++)
        if (!wg_run_skips(w, i))
            w->left[w->n_left++] = i;
}

/* The row whose turn it is, or in place of one that is skipped another. */
static int64_t row_at(const wg_run *w, int64_t epoch, int64_t at)
{
    const int64_t row = w->order[at];

    if (!wg_run_skips(w, row) || w->n_left == 0)
        return row;
    return w->left[wg_random_below(w->o->seed, (uint64_t)epoch << 8 | WG_STREAM_LEFT, (uint64_t)at,
                                   w->n_left)];
}

/* --- an update ---------------------------------------------------------------------------------
 */

/* An epoch visits each forget row once, paired by the seed. */
static void pick_by_seed(wg_run *w)
{
    const int64_t whole = w->o->batch * w->o->accumulate;
    const int64_t epoch = w->step / w->per_epoch, at = w->step % w->per_epoch * whole;
    const int64_t left = w->data.forget.n - at, n = left < whole ? left : whole;

    if (w->ordered != epoch)
        wg_random_permutation(w->o->seed, (uint64_t)epoch << 8 | WG_STREAM_SHUFFLE, w->order,
                              w->data.forget.n);
    w->ordered = epoch;
    list_left(w);
    for (int64_t i = 0; i < n; i++) {
        w->f[i] = row_at(w, epoch, at + i);
        w->r[i] = w->data.retain.n == 0
                      ? 0
                      : wg_random_below(w->o->seed, (uint64_t)epoch << 8 | WG_STREAM_PAIR,
                                        (uint64_t)(at + i), w->data.retain.n);
    }
    w->n_picks = 0;
    for (int64_t i = 0; i < n; i += w->o->batch) {
        const int64_t size = n - i < w->o->batch ? n - i : w->o->batch;
        w->pick[w->n_picks++] = (wg_batch_indices){w->f + i, w->r + i, size, size, 0, 0};
    }
}

wagle_status wg_run_sample_rows(wagle_ctx *ctx, wg_run *w)
{
    if (w->pairs != NULL)
        return pick_pairs(ctx, w);
    pick_by_seed(w);
    return WAGLE_OK;
}
