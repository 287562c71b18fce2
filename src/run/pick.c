/* pick.c - which rows an update is of: by the seed, or as --pairs says. */
#include "run/run.h"

#include "base/number.h"

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

wagle_status wg_run_pairs(wagle_ctx *ctx, wg_run *w)
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
    w->pick[0] = (wg_pick){w->f, w->r, n, n};
    w->n_picks = 1;
    return WAGLE_OK;
}

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
    for (int64_t i = 0; i < n; i++) {
        w->f[i] = w->order[at + i];
        w->r[i] = w->data.retain.n == 0
                      ? 0
                      : wg_random_below(w->o->seed, (uint64_t)epoch << 8 | WG_STREAM_PAIR,
                                        (uint64_t)(at + i), w->data.retain.n);
    }
    w->n_picks = 0;
    for (int64_t i = 0; i < n; i += w->o->batch) {
        const int64_t size = n - i < w->o->batch ? n - i : w->o->batch;
        w->pick[w->n_picks++] = (wg_pick){w->f + i, w->r + i, size, size};
    }
}

wagle_status wg_run_pick(wagle_ctx *ctx, wg_run *w)
{
    if (w->pairs != NULL)
        return pick_pairs(ctx, w);
    pick_by_seed(w);
    return WAGLE_OK;
}
