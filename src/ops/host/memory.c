/* memory.c - the memory verbs where tensor data lies in the host's memory. */
#include "ops/host/host.h"

#include "base/memory.h"
#include <string.h>

wagle_status wg_host_open(wagle_ctx *ctx, const wg_ops *table, const wg_ops **out)
{
    wg_ops *own = NULL;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &own, 1));
    *own = *table;
    own->threads = wg_threads(ctx);
    *out = own;
    return WAGLE_OK;
}

void wg_host_close(WG_SELF)
{
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

void wg_host_zero(WG_SELF, void *to, size_t bytes)
{
    if (bytes > 0)
        memset(to, 0, bytes);
}

void wg_host_copy(WG_SELF, void *to, const void *from, size_t bytes)
{
    if (bytes > 0 && to != from)
        memcpy(to, from, bytes);
}

void wg_host_copy2d(WG_SELF, int64_t rows, int64_t width, const wg_real *from, int64_t from_ld,
                    wg_real *to, int64_t to_ld)
{
#pragma omp parallel for num_threads(self->threads) if (rows * width > WG_HOST_SMALL)
    for (int64_t i = 0; i < rows; i++)
        memcpy(to + i * to_ld, from + i * from_ld, (size_t)width * sizeof *to);
}

void wg_host_copy_rows(WG_SELF, int64_t n, int64_t width, const int64_t *from_row,
                       const wg_real *from, const int64_t *to_row, wg_real *to)
{
#pragma omp parallel for num_threads(self->threads) if (n * width > WG_HOST_SMALL)
    for (int64_t i = 0; i < n; i++)
        memcpy(to + (to_row != NULL ? to_row[i] : i) * width,
               from + (from_row != NULL ? from_row[i] : i) * width, (size_t)width * sizeof *to);
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
    (void)bytes;
    return mapped;
}

void wg_host_forget(WG_SELF, const void *mapped, size_t bytes)
{
    (void)mapped;
    (void)bytes;
}

void wg_host_ahead(WG_SELF, const void *data, size_t bytes)
{
    wg_map_ahead(data, bytes);
}

void wg_host_release(WG_SELF, const void *data, size_t bytes)
{
    wg_map_release(data, bytes);
}
