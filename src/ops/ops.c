#include "ops/ops.h"

#include "base/memory.h"
#ifdef WG_REAL_DOUBLE
#include "ops/host/host.h"
#else
#include "ops/cpu/cpu.h"
#include "ops/cuda/cuda.h"
#endif

const wg_ops *wg_ops_host(void)
{
#ifdef WG_REAL_DOUBLE
    return &wg_ops_ref;
#else
    return &wg_ops_cpu;
#endif
}

const wg_ops *wg_ops_on_host(const wg_ops *ops)
{
    return ops->on_host != NULL ? wg_ops_on_host(ops->on_host) : ops;
}

#ifdef WG_GUARDED
static wg_ops_opener *tested = wg_guarded_open;
#else
static wg_ops_opener *tested;
#endif

void wg_ops_use(wg_ops_opener *opener)
{
    tested = opener;
}

wagle_status wg_ops_open(wagle_ctx *ctx, const wg_ops **out)
{
    if (tested != NULL)
        return tested(ctx, out);
#ifdef WG_REAL_DOUBLE
    return wg_host_open(ctx, &wg_ops_ref, out);
#else
    return ctx->device > 0 ? wg_cuda_open(ctx, ctx->device - 1, out) : wg_cpu_open(ctx, out);
#endif
}

int64_t wg_selected_before(int64_t first, const uint64_t *bits, const int64_t *rank)
{
    int64_t before = rank[first / WG_OVERLAY_BLOCK];

    for (int64_t w = first / WG_OVERLAY_BLOCK * (WG_OVERLAY_BLOCK / 64); w < first / 64; w++)
        before += __builtin_popcountll(bits[w]);
    if (first % 64 > 0) /* else the word may lie behind the last */
        before += __builtin_popcountll(bits[first / 64] & (((uint64_t)1 << (first % 64)) - 1));
    return before;
}

static size_t item_size(wg_dtype type)
{
    return type == WG_F32 ? sizeof(wg_real) : wg_dtype_size(type);
}

int64_t wg_panel_bytes(wg_dtype type, int64_t n)
{
    return (n * (int64_t)item_size(type) + 15) / 16 * 16;
}

int64_t wg_packed_bytes(const wg_ops *ops, int64_t rows, int64_t width)
{
    return ops->panel_type == WG_F32 ? 0
                                     : wg_panel_bytes(ops->panel_type, rows * wg_packed_ld(width));
}

const void *wg_weights_in_place(const wg_weights *w, wg_dtype type, int64_t first)
{
    const char *stored = (const char *)w->stored + (size_t)first * wg_dtype_size(w->type);

    if (w->value != NULL)
        return w->bits == NULL && type == WG_F32 ? w->value + first : NULL;
    if (w->half != NULL)
        return w->bits == NULL && type == WG_BF16 ? w->half + first : NULL;
    return w->type == type && item_size(type) == wg_dtype_size(type) &&
                   (uintptr_t)stored % item_size(type) == 0
               ? stored
               : NULL;
}

const void *wg_weights_as(const wg_ops *ops, const wg_weights *w, wg_dtype type, int64_t first,
                          int64_t n, void *panel)
{
    const void *here = wg_weights_in_place(w, type, first);

    if (here != NULL)
        return here;
    ops->fill_panels(ops, 1, &(wg_panel){*w, first, n, type, panel});
    return panel;
}

int64_t wg_reals_for(int64_t n, size_t size)
{
    return (n * (int64_t)size + (int64_t)sizeof(wg_real) - 1) / (int64_t)sizeof(wg_real);
}

wagle_status wg_buffer_reserve(wagle_ctx *ctx, const wg_ops *ops, wg_buffer *b, int64_t n)
{
    return wg_buffer_reserve_in(ctx, ops, NULL, b, n);
}

wagle_status wg_buffer_reserve_in(wagle_ctx *ctx, const wg_ops *ops, const char *folder,
                                  wg_buffer *b, int64_t n)
{
    if (n <= b->capacity)
        return WAGLE_OK;
    wg_buffer_free(ops, b);
    WG_TRY(ops->alloc(ops, ctx, n, sizeof(wg_real), folder, &b->memory));
    b->data = b->memory.data;
    b->capacity = n;
    return WAGLE_OK;
}

void wg_buffer_free(const wg_ops *ops, wg_buffer *b)
{
    ops->free(ops, &b->memory);
    *b = (wg_buffer){0};
}

wagle_status wg_host_view(wagle_ctx *ctx, const wg_ops *ops, const void *from, size_t bytes,
                          wg_host_room *room, const void **out)
{
    *out = from;
    if (ops->host)
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &room->data, &room->capacity, (int64_t)bytes));
    *out = room->data;
    return ops->download(ops, ctx, room->data, from, bytes);
}
