/* parts.c - who has which parts of the rows, and the order in which their sums are added. */
#include "dist/dist.h"

#include "base/memory.h"
#include <stddef.h>
#include <string.h>

int wg_rank(const wagle_ctx *ctx)
{
    return ctx->processes.count > 0 ? ctx->processes.rank : 0;
}

int wg_ranks(const wagle_ctx *ctx)
{
    return ctx->processes.count > 0 ? ctx->processes.count : 1;
}

bool wg_together(const wagle_ctx *ctx)
{
    return wg_ranks(ctx) > 1;
}

bool wg_writes(const wagle_ctx *ctx)
{
    return wg_rank(ctx) == 0;
}

int wg_parts(const wagle_ctx *ctx)
{
    return ctx->parts > 0 ? ctx->parts : 1;
}

static int power_from(int n)
{
    int p = 1;

    while (p < n)
        p *= 2;
    return p;
}

wagle_status wagle_set_processes(wagle_ctx *ctx, const wagle_processes *p, int parts)
{
    const int count = p != NULL ? p->count : 1;
    const int usual = p == NULL ? 1 : count <= 8 ? 8 : power_from(count);

    if (p != NULL && (p->size < offsetof(wagle_processes, read) || p->exchange == NULL ||
                      count < 1 || p->rank < 0 || p->rank >= count || count > WAGLE_PARTS_MOST))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "wagle_set_processes: size, rank, count (1 to %d) and exchange must be set",
                       WAGLE_PARTS_MOST);
    if (parts < 0 || parts > WAGLE_PARTS_MOST || (parts > 0 && power_from(parts) != parts))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{parts} %d: must be a power of two, at most %d", parts,
                       WAGLE_PARTS_MOST);
    if (parts > 0 && parts < count)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{parts} %d: there are %d processes, and each needs a part", parts, count);
    wg_leave_processes(ctx);
    ctx->parts = parts > 0 ? parts : usual;
    ctx->parts_alone = parts > 0 ? parts : 1;
    return p != NULL ? wg_join_processes(ctx, p) : WAGLE_OK;
}

/* Nodes are halved, the first of the largest ones next, until there is one for each process. */
int wg_parts_of(const wagle_ctx *ctx, int rank, int *first)
{
    const int parts = wg_parts(ctx), ranks = wg_ranks(ctx);
    int large = parts; /* parts of a node that is not halved */

    while (large > 1 && parts / large * 2 <= ranks)
        large /= 2;
    const int halved = ranks - parts / large; /* nodes, of two processes each: the first ones */
    const bool half = rank < 2 * halved;
    if (first != NULL)
        *first = half ? rank * (large / 2) : (rank - halved) * large;
    return half ? large / 2 : large;
}

int64_t wg_rows_of_part(int64_t rows, int part, int parts, int64_t *first)
{
    *first = rows * part / parts;
    return rows * (part + 1) / parts - *first;
}

int wg_tree_merges(int j)
{
    return __builtin_ctz((unsigned)j + 1);
}

int wg_tree_levels(int n)
{
    return __builtin_ctz((unsigned)n);
}

const float *wg_tree_add(int j, int parts, int64_t n, const float *sum, float *const *waits)
{
    const int merges = wg_tree_merges(j);

    for (int level = 0; level < merges; level++) {
        for (int64_t i = 0; i < n; i++)
            waits[level][i] += sum[i];
        sum = waits[level];
    }
    if (j + 1 == parts)
        return sum;
    memcpy(waits[merges], sum, (size_t)n * sizeof *sum);
    return NULL;
}

int64_t wg_slice(const wagle_ctx *ctx, int64_t n, int rank)
{
    return n / wg_ranks(ctx) * rank + n % wg_ranks(ctx) * rank / wg_ranks(ctx);
}

wagle_status wg_row_starts(wagle_ctx *ctx, int64_t rows, int64_t **out)
{
    WG_TRY(WG_ALLOC(ctx, out, wg_ranks(ctx) + 1));
    for (int r = 0, parts = 0; r < wg_ranks(ctx); r++) {
        parts += wg_parts_of(ctx, r, NULL);
        wg_rows_of_part(rows, parts, wg_parts(ctx), &(*out)[r + 1]);
    }
    return WAGLE_OK;
}
