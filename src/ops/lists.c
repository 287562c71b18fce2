#include "ops/lists.h"

#include "base/memory.h"

#include <string.h>

enum { ALIGNMENT = 16 };

wagle_status wg_lists_begin(wagle_ctx *ctx, const wg_ops *ops, wg_lists *l, int64_t n,
                            int64_t bytes)
{
    const int64_t most = bytes + n * ALIGNMENT;

    l->used = 0;
    WG_TRY(WG_GROW(ctx, &l->host, &l->room, most));
    return wg_buffer_reserve(ctx, ops, &l->uploaded, wg_reals_for(most, 1));
}

void *wg_lists_take(wg_lists *l, int64_t n, size_t size)
{
    void *here = l->host + l->used;

    l->used += (n * (int64_t)size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return here;
}

void *wg_lists_at(const wg_lists *l, const void *host)
{
    return (char *)l->uploaded.data + ((const char *)host - l->host);
}

void *wg_lists_put(wg_lists *l, const void *from, int64_t n, size_t size)
{
    void *here = wg_lists_take(l, n, size);

    if (n > 0)
        memcpy(here, from, (size_t)n * size);
    return wg_lists_at(l, here);
}

void wg_lists_upload(const wg_ops *ops, wg_lists *l)
{
    ops->upload(ops, l->uploaded.data, l->host, (size_t)l->used);
}

void wg_lists_free(const wg_ops *ops, wg_lists *l)
{
    wg_buffer_free(ops, &l->uploaded);
    wg_free(l->host);
    *l = (wg_lists){0};
}
