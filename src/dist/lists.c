/* lists.c - what processes have made of their rows comes together. */
#include "dist/dist.h"

#include "base/memory.h"
#include <string.h>

/* The lists of rows [from, to) and their places in `all`: copied there, or (back) made of it. */
static wagle_status copy_lists(wagle_ctx *ctx, int64_t from, int64_t to, const int64_t *count,
                               void **list, size_t size, char *all, bool back)
{
    for (int64_t i = from; i < to; i++) {
        const size_t bytes = (size_t)count[i] * size;
        if (back)
            WG_TRY(WG_ALLOC(ctx, (char **)&list[i], (int64_t)bytes + 1));
        if (bytes > 0)
            memcpy(back ? list[i] : (void *)all, back ? (void *)all : list[i], bytes);
        all += bytes;
    }
    return WAGLE_OK;
}

/* row [ranks + 1]: where the rows of each process begin; element: its elements. */
static wagle_status gather(wagle_ctx *ctx, const int64_t *row, int64_t *element, int64_t *count,
                           void **list, size_t size)
{
    const int ranks = wg_ranks(ctx), me = wg_rank(ctx);
    char *all;
    wagle_status st;

    WG_TRY(wg_all_gather(ctx, count, sizeof *count, row));
    for (int r = 0; r < ranks; r++) {
        element[r + 1] = element[r];
        for (int64_t i = row[r]; i < row[r + 1]; i++)
            element[r + 1] += count[i];
    }
    WG_TRY(WG_ALLOC(ctx, &all, element[ranks] * (int64_t)size + 1));
    st = copy_lists(ctx, row[me], row[me + 1], count, list, size, all + (size_t)element[me] * size,
                    false);
    if (st == WAGLE_OK)
        st = wg_all_gather(ctx, all, size, element);
    for (int r = 0; st == WAGLE_OK && r < ranks; r++)
        if (r != me)
            st = copy_lists(ctx, row[r], row[r + 1], count, list, size,
                            all + (size_t)element[r] * size, true);
    wg_free(all);
    return st;
}

wagle_status wg_all_gather_lists(wagle_ctx *ctx, int64_t rows, int64_t *count, void **list,
                                 size_t size)
{
    int64_t *row, *element = NULL;
    wagle_status st;

    if (!wg_together(ctx))
        return WAGLE_OK;
    WG_TRY(wg_row_starts(ctx, rows, &row));
    st = WG_ALLOC(ctx, &element, wg_ranks(ctx) + 1);
    if (st == WAGLE_OK)
        st = gather(ctx, row, element, count, list, size);
    wg_free(row);
    wg_free(element);
    return st;
}
