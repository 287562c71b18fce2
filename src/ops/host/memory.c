/* memory.c - the memory verbs where tensor data lies in the host's memory. */
#include "ops/host/host.h"

#include "base/memory.h"
#include <string.h>

enum { BYTES = 1 << 17 }; /* that one thread writes at a time */

wagle_status wg_host_open(wagle_ctx *ctx, const wg_ops *table, const wg_ops **out)
{
    wg_ops *own = NULL;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &own, 1));
    *own = *table;
    own->shared = ctx->shared;
    const wagle_status st = wg_pool_open(ctx, wg_threads(ctx), &own->pool);
    if (st == WAGLE_OK)
        *out = own;
    else
        wg_free(own);
    return st;
}

void wg_host_close(WG_SELF)
{
    wg_pool_close(self->pool);
    wg_free(self->state);
    wg_free((void *)(uintptr_t)self);
}

wagle_status wg_host_alloc(WG_SELF, wagle_ctx *ctx, int64_t count, size_t size, const char *folder,
                           wg_scratch *out)
{
    return wg_scratch_new(ctx, folder, count, size, folder != NULL, out);
}

void wg_host_free(WG_SELF, wg_scratch *memory)
{
    wg_scratch_free(memory);
}

typedef struct bytes_task {
    const char *from;
    char *to;
} bytes_task;

static void zero_bytes(const void *task, int64_t first, int64_t end)
{
    memset(((const bytes_task *)task)->to + first, 0, (size_t)(end - first));
}

void wg_host_zero(WG_SELF, void *to, size_t bytes)
{
    wg_parallel(self->pool, (int64_t)bytes, BYTES, zero_bytes, &(bytes_task){.to = to});
}

static void copy_bytes(const void *task, int64_t first, int64_t end)
{
    const bytes_task *t = task;

    memcpy(t->to + first, t->from + first, (size_t)(end - first));
}

void wg_host_copy(WG_SELF, void *to, const void *from, size_t bytes)
{
    if (to != from)
        wg_parallel(self->pool, (int64_t)bytes, BYTES, copy_bytes, &(bytes_task){from, to});
}

typedef struct copy_task {
    int64_t width, from_ld, to_ld;
    const int64_t *from_row, *to_row;
    const wg_real *from;
    wg_real *to;
} copy_task;

static void copy_some_rows(const void *task, int64_t first, int64_t end)
{
    const copy_task *t = task;

    for (int64_t i = first; i < end; i++)
        memcpy(t->to + (t->to_row != NULL ? t->to_row[i] : i) * t->to_ld,
               t->from + (t->from_row != NULL ? t->from_row[i] : i) * t->from_ld,
               (size_t)t->width * sizeof *t->to);
}

void wg_host_copy2d(WG_SELF, int64_t rows, int64_t width, const wg_real *from, int64_t from_ld,
                    wg_real *to, int64_t to_ld)
{
    const copy_task task = {width, from_ld, to_ld, NULL, NULL, from, to};

    wg_parallel(self->pool, rows, wg_grain(width), copy_some_rows, &task);
}

void wg_host_copy_rows(WG_SELF, int64_t n, int64_t width, const int64_t *from_row,
                       const wg_real *from, const int64_t *to_row, wg_real *to)
{
    const copy_task task = {width, width, width, from_row, to_row, from, to};

    wg_parallel(self->pool, n, wg_grain(width), copy_some_rows, &task);
}

void wg_host_upload(WG_SELF, void *to, const void *host, size_t bytes)
{
    wg_host_copy(self, to, host, bytes);
}

wagle_status wg_host_download(WG_SELF, wagle_ctx *ctx, void *host, const void *from, size_t bytes)
{
    (void)ctx;
    wg_host_copy(self, host, from, bytes);
    return WAGLE_OK;
}

wagle_status wg_host_sync(WG_SELF, wagle_ctx *ctx)
{
    (void)ctx;
    return WAGLE_OK;
}

const void *wg_host_stored(WG_SELF, const void *mapped, size_t bytes)
{
    wg_shared_need(self->shared, mapped, bytes);
    return mapped;
}

void wg_host_forget(WG_SELF, const void *mapped, size_t bytes)
{
    (void)mapped;
    (void)bytes;
}

void wg_host_ahead(WG_SELF, const void *data, size_t bytes)
{
    if (!wg_shared_ahead(self->shared, data, bytes))
        wg_map_ahead(data, bytes);
}

void wg_host_release(WG_SELF, const void *data, size_t bytes)
{
    if (!wg_shared_release(self->shared, data, bytes))
        wg_map_release(data, bytes);
}
