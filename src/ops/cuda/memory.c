/* memory.c - memory of the card, and copies. All of it is used in the order of one stream; stored.c
 * has the weights, which arrive on another. */
#include "ops/cuda/state.h"

#include <string.h>

static wg_cuda_address address(const void *data)
{
    return (wg_cuda_address)(uintptr_t)data;
}

/* What an operation that failed earlier came to. */
static wagle_status failure(const wg_ops *self, wagle_ctx *ctx)
{
    const wg_cuda *c = self->state;

    return c->broken ? wg_fail(ctx, c->status, "%s", c->message) : WAGLE_OK;
}

/* --- memory within the limit ------------------------------------------------------------------
 */

bool wg_cuda_take(wg_cuda *c, size_t bytes, wg_cuda_address *out)
{
    const size_t wanted = wg_cuda_whole(bytes);

    *out = 0;
    while (c->used + wanted > c->limit || c->lib.driver.alloc(out, wanted) != WG_CUDA_SUCCESS) {
        *out = 0;
        if (!wg_cuda_evict(c))
            return false;
    }
    c->used += wanted;
    return true;
}

void wg_cuda_give(wg_cuda *c, wg_cuda_address data, size_t bytes)
{
    (void)c->lib.driver.stream_wait(c->stream);
    (void)c->lib.driver.free(data);
    c->used -= wg_cuda_whole(bytes);
}

static const char lacks[] = "not enough GPU memory: asked for %.1f MB, but %.1f of %.1f MB are "
                            "taken; smaller batches or a higher @{gpu_memory} help";

void wg_cuda_lacks(wg_cuda *c, size_t bytes)
{
    wg_cuda_break(c, WAGLE_E_RESOURCE, lacks, (double)bytes / 1e6, (double)c->used / 1e6,
                  (double)c->limit / 1e6);
}

/* With a folder, where data may be that is too large for memory: pinned memory of the host, which
 * the kernels read and write where it is. */
static bool take_somewhere(wg_cuda *c, size_t bytes, bool pinned, void **out)
{
    wg_cuda_address data = 0;

    if (pinned)
        return c->lib.driver.host_alloc(out, wg_cuda_whole(bytes), WG_CUDA_HOST_MAPPED) ==
               WG_CUDA_SUCCESS;
    if (!wg_cuda_take(c, bytes, &data))
        return false;
    *out = (void *)(uintptr_t)data;
    return true;
}

wagle_status wg_cuda_alloc(const wg_ops *self, wagle_ctx *ctx, int64_t count, size_t size,
                           const char *folder, wg_scratch *out)
{
    wg_cuda *c = wg_cuda_ready(self);
    wg_scratch made = {.filed = folder != NULL};
    const double megabytes = (double)count * (double)size / 1e6;

    *out = (wg_scratch){0};
    if (c == NULL)
        return failure(self, ctx);
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &made.bytes) ||
        !take_somewhere(c, made.bytes, made.filed, &made.data))
        return made.filed ? wg_fail(ctx, WAGLE_E_RESOURCE,
                                    "not enough memory: %.1f MB, pinned for the card", megabytes)
                          : wg_fail(ctx, WAGLE_E_RESOURCE, lacks, megabytes, (double)c->used / 1e6,
                                    (double)c->limit / 1e6);
    if (made.filed)
        memset(made.data, 0, made.bytes);
    else if (!wg_cuda_did(
                 c, c->lib.driver.set(address(made.data), 0, wg_cuda_whole(made.bytes), c->stream),
                 "clearing memory")) {
        wg_cuda_give(c, address(made.data), made.bytes);
        return failure(self, ctx);
    }
    *out = made;
    return WAGLE_OK;
}

/* Whatever uses it is waited for. */
static void free_memory(const wg_ops *self, wg_scratch *memory)
{
    wg_cuda *c = self->state;

    if (memory->data != NULL && c->lib.driver.set_current(c->context) == WG_CUDA_SUCCESS) {
        if (memory->filed) {
            (void)c->lib.driver.stream_wait(c->stream);
            (void)c->lib.driver.host_free(memory->data);
        } else {
            wg_cuda_give(c, address(memory->data), memory->bytes);
        }
    }
    *memory = (wg_scratch){0};
}

/* --- verbs -------------------------------------------------------------------------------------
 */

static void zero(const wg_ops *self, void *to, size_t bytes)
{
    wg_cuda *c = wg_cuda_ready(self);

    if (c != NULL && bytes > 0)
        (void)wg_cuda_did(c, c->lib.driver.set(address(to), 0, bytes, c->stream),
                          "clearing memory");
}

static void copy(const wg_ops *self, void *to, const void *from, size_t bytes)
{
    wg_cuda *c = wg_cuda_ready(self);

    if (c != NULL && bytes > 0 && to != from)
        (void)wg_cuda_did(c, c->lib.driver.copy(address(to), address(from), bytes, c->stream),
                          "copying");
}

static void copy2d(const wg_ops *self, int64_t rows, int64_t width, const float *from,
                   int64_t from_ld, float *to, int64_t to_ld)
{
    LAUNCH_ELEMENTS(copy2d, rows, width, &width, &from, &from_ld, &to, &to_ld);
}

static void copy_rows(const wg_ops *self, int64_t n, int64_t width, const int64_t *from_row,
                      const float *from, const int64_t *to_row, float *to)
{
    LAUNCH_ROWS(copy_rows, n, &width, &from_row, &from, &to_row, &to);
}

/* The driver has read `host` when this returns: it is not memory that the driver knows (pinned). */
static void upload(const wg_ops *self, void *to, const void *host, size_t bytes)
{
    wg_cuda *c = wg_cuda_ready(self);

    if (c != NULL && bytes > 0)
        (void)wg_cuda_did(c, c->lib.driver.upload(address(to), host, bytes, c->stream),
                          "uploading");
}

wagle_status wg_cuda_sync(const wg_ops *self, wagle_ctx *ctx)
{
    wg_cuda *c = wg_cuda_ready(self);

    if (c != NULL)
        (void)wg_cuda_did(c, c->lib.driver.stream_wait(c->stream), "waiting for a kernel");
    return failure(self, ctx);
}

wagle_status wg_cuda_download(const wg_ops *self, wagle_ctx *ctx, void *host, const void *from,
                              size_t bytes)
{
    wg_cuda *c = wg_cuda_ready(self);

    if (c != NULL && bytes > 0)
        (void)wg_cuda_did(c, c->lib.driver.download(host, address(from), bytes, c->stream),
                          "downloading");
    return wg_cuda_sync(self, ctx);
}

void wg_cuda_memory_ops(wg_ops *ops)
{
    ops->alloc = wg_cuda_alloc;
    ops->free = free_memory;
    ops->zero = zero;
    ops->copy = copy;
    ops->copy2d = copy2d;
    ops->copy_rows = copy_rows;
    ops->upload = upload;
    ops->download = wg_cuda_download;
    ops->sync = wg_cuda_sync;
}
