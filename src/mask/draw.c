/* draw.c - rows drawn for an attribution, as the code of WAGLE's paper does: forget rows in an
 * order by the seed, each once before one comes again; retain rows with replacement. They are those
 * of the first passes of training by the same seed. */
#include "mask/attribute.h"

#include "base/number.h"

/* The dataset's examples become those with numbers row [n]; their tokens stay where they are. */
static wagle_status take(wagle_ctx *ctx, const int64_t *row, int64_t n, wg_dataset *d)
{
    wg_example *taken;

    WG_TRY(WG_ALLOC(ctx, &taken, n));
    for (int64_t i = 0; i < n; i++)
        taken[i] = d->example[row[i]];
    wg_free(d->example);
    d->example = taken;
    d->n = n;
    return WAGLE_OK;
}

static void in_turn(uint64_t seed, int64_t rows, int64_t n, int64_t *order, int64_t *row)
{
    for (int64_t i = 0; i < n; i++) {
        if (i % rows == 0)
            wg_random_permutation(seed, (uint64_t)(i / rows) << 8 | WG_STREAM_SHUFFLE, order, rows);
        row[i] = order[i % rows];
    }
}

static void with_replacement(uint64_t seed, int64_t rows, int64_t of_pass, int64_t n, int64_t *row)
{
    for (int64_t i = 0; i < n; i++)
        row[i] = wg_random_below(seed, (uint64_t)(i / of_pass) << 8 | WG_STREAM_PAIR,
                                 (uint64_t)(i % of_pass), rows);
}

wagle_status wg_attribution_draw(wagle_ctx *ctx, int64_t n, wg_attribution *a)
{
    const int64_t of_pass = a->forget.n > 0 ? a->forget.n : n;
    int64_t *row = NULL, *order = NULL;
    wagle_status st = WAGLE_OK;

    if (n == 0)
        return WAGLE_OK;
    WG_TRY_GOTO(WG_ALLOC(ctx, &row, n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &order, of_pass), done);
    if (a->forget.n > 0) {
        in_turn(a->seed, a->forget.n, n, order, row);
        WG_TRY_GOTO(take(ctx, row, n, &a->forget), done);
    }
    if (a->retain.n > 0) {
        with_replacement(a->seed, a->retain.n, of_pass, n, row);
        WG_TRY_GOTO(take(ctx, row, n, &a->retain), done);
    }
done:
    wg_free(row);
    wg_free(order);
    return st;
}
