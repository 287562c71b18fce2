/* memory.c - memory of the card. All of it is used in the order of one stream. */
#include "ops/cuda/state.h"

#include "base/memory.h"
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

/* `folder` means nothing here yet: the card's memory has no file behind it. */
wagle_status wg_cuda_alloc(const wg_ops *self, wagle_ctx *ctx, int64_t count, size_t size,
                           const char *folder, wg_scratch *out)
{
    wg_cuda *c = wg_cuda_ready(self);
    size_t bytes = 0, available = 0, total = 0;
    wg_cuda_address data = 0;

    (void)folder;
    *out = (wg_scratch){0};
    if (c == NULL)
        return failure(self, ctx);
    const bool fits = count >= 0 && !__builtin_mul_overflow((size_t)count, size, &bytes);
    const size_t wanted = bytes > 0 ? bytes : 1;
    if (!fits || c->lib.driver.alloc(&data, wanted) != WG_CUDA_SUCCESS) {
        (void)c->lib.driver.memory(&available, &total);
        return wg_fail(ctx, WAGLE_E_RESOURCE,
                       "not enough GPU memory: asked for %.1f MB, %.1f MB are free",
                       (double)count * (double)size / 1e6, (double)available / 1e6);
    }
    if (!wg_cuda_did(c, c->lib.driver.set(data, 0, wanted, c->stream), "clearing memory")) {
        (void)c->lib.driver.free(data);
        return failure(self, ctx);
    }
    out->data = (void *)(uintptr_t)data;
    out->bytes = bytes;
    return WAGLE_OK;
}

static void free_memory(const wg_ops *self, wg_scratch *memory)
{
    const wg_cuda *c = self->state;

    /* The driver waits for what still uses it. */
    if (memory->data != NULL && c->lib.driver.set_current(c->context) == WG_CUDA_SUCCESS) {
        (void)c->lib.driver.stream_wait(c->stream);
        (void)c->lib.driver.free(address(memory->data));
    }
    *memory = (wg_scratch){0};
}

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

/* --- stored weights --- */

/* Where the bytes are if they, or a range that holds them, were copied before. */
static const void *find_stored(const wg_cuda *c, const char *mapped, size_t bytes)
{
    for (int64_t i = 0; i < c->n_stored; i++) {
        const wg_cuda_stored *s = &c->stored[i];
        const uintptr_t from = (uintptr_t)mapped, low = (uintptr_t)s->mapped;
        if (from >= low && from + bytes <= low + s->bytes)
            return (const void *)(uintptr_t)(s->data + (from - low));
    }
    return NULL;
}

/* Copied when first asked for, to an address that is a multiple of 256. */
const void *wg_cuda_stored_at(const wg_ops *self, const void *mapped, size_t bytes)
{
    wg_cuda *c = wg_cuda_ready(self);
    wagle_ctx quiet = {0};
    wg_cuda_room room = {0};
    const void *found;

    if (c == NULL)
        return NULL;
    found = find_stored(c, mapped, bytes);
    if (found != NULL)
        return found;
    if (WG_GROW(&quiet, &c->stored, &c->room_stored, c->n_stored + 1) != WAGLE_OK) {
        wg_cuda_break(c, WAGLE_E_RESOURCE, "%s", quiet.message);
        return NULL;
    }
    if (!wg_cuda_grow(c, &room, bytes > 0 ? bytes : 1))
        return NULL;
    c->stored[c->n_stored++] = (wg_cuda_stored){mapped, bytes, room.data};
    upload(self, (void *)(uintptr_t)room.data, mapped, bytes);
    return c->broken ? NULL : (const void *)(uintptr_t)room.data;
}

static void forget(const wg_ops *self, const void *mapped, size_t bytes)
{
    wg_cuda *c = self->state;

    (void)bytes;
    if (c->lib.driver.set_current(c->context) != WG_CUDA_SUCCESS)
        return;
    for (int64_t i = 0; i < c->n_stored; i++)
        if (c->stored[i].mapped == mapped) {
            (void)c->lib.driver.stream_wait(c->stream);
            (void)c->lib.driver.free(c->stored[i].data);
            c->stored[i--] = c->stored[--c->n_stored];
        }
}

/* Weights stay on the card, so advice about them changes nothing. */
static void advice(const wg_ops *self, const void *data, size_t bytes)
{
    (void)self;
    (void)data;
    (void)bytes;
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
    ops->stored = wg_cuda_stored_at;
    ops->forget = forget;
    ops->ahead = advice;
    ops->release = advice;
}
