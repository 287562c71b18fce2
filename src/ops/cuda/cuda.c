/* cuda.c - opening and closing the back end, failures, launches. */
#include "ops/cuda/state.h"

#include "base/choose.h"
#include "base/memory.h"
#include "ops/cpu/cpu.h"
#include <stdio.h>
#include <string.h>

/* --- failures --- */

void wg_cuda_break(wg_cuda *c, wagle_status status, const char *format, ...)
{
    va_list args;

    if (c->broken)
        return;
    c->broken = true;
    c->status = status;
    va_start(args, format);
    vsnprintf(c->message, sizeof c->message, format, args);
    va_end(args);
}

bool wg_cuda_did(wg_cuda *c, int result, const char *what)
{
    const char *text = NULL;

    if (result == WG_CUDA_SUCCESS)
        return true;
    if (c->lib.driver.error_text(result, &text) != 0 || text == NULL)
        text = "unknown error";
    wg_cuda_break(c, result == WG_CUDA_OUT_OF_MEMORY ? WAGLE_E_RESOURCE : WAGLE_E_RUN,
                  "cuda, %s: %s (%d)", what, text, result);
    return false;
}

wg_cuda *wg_cuda_ready(const wg_ops *self)
{
    wg_cuda *c = self->state;

    /* the thread may be another than the last call's */
    if (c->broken || !wg_cuda_did(c, c->lib.driver.set_current(c->context), "choosing the card"))
        return NULL;
    return c;
}

bool wg_cuda_grow(wg_cuda *c, wg_cuda_room *room, size_t bytes)
{
    if (bytes <= room->bytes)
        return true;
    if (room->data != 0)
        wg_cuda_give(c, room->data, room->bytes);
    *room = (wg_cuda_room){0};
    if (!wg_cuda_take(c, bytes, &room->data)) {
        wg_cuda_lacks(c, bytes);
        return false;
    }
    room->bytes = bytes;
    return true;
}

/* --- launches --- */

int64_t wg_cuda_blocks(int64_t n)
{
    const int64_t blocks = wg_cuda_parts(n, WG_CUDA_THREADS);
    return blocks < 4096 ? blocks : 4096; /* each block goes on where the last one ended */
}

void wg_cuda_launch(const wg_ops *self, wg_cuda_kernel kernel, int64_t x, int64_t y, int threads,
                    const void **arguments)
{
    wg_cuda *c = wg_cuda_ready(self);
    wg_cuda_handle function;

    if (c == NULL || x <= 0 || y <= 0)
        return;
    function = wg_cuda_function(c, kernel);
    if (function == NULL)
        return;
    (void)wg_cuda_did(c,
                      c->lib.driver.launch(function, (unsigned)x, (unsigned)y, 1, (unsigned)threads,
                                           1, 1, 0, c->stream, (void **)(uintptr_t)arguments, NULL),
                      "starting a kernel");
}

/* --- opening --- */

static void close_all(wg_cuda *c)
{
    const wg_cuda_driver *d = &c->lib.driver;
    wg_cuda_room *const rooms[] = {&c->parts, &c->left, &c->right, &c->workspace};

    if (c->context != NULL && d->set_current(c->context) == WG_CUDA_SUCCESS) {
        if (c->stream != NULL)
            (void)d->stream_wait(c->stream);
        wg_cuda_plans_free(c);
        for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
            if (rooms[i]->data != 0)
                (void)d->free(rooms[i]->data);
        wg_cuda_stored_free(c);
        for (int m = 0; m < WG_CUDA_MODULES; m++)
            if (c->module[m] != NULL)
                (void)d->module_unload(c->module[m]);
        if (c->blas != NULL)
            (void)c->lib.blas.destroy(c->blas);
        if (c->read != NULL)
            (void)d->event_free(c->read);
        if (c->copies != NULL)
            (void)d->stream_free(c->copies);
        if (c->stream != NULL)
            (void)d->stream_free(c->stream);
        (void)d->release(c->lib.card);
    }
    wg_cuda_libraries_close(&c->lib);
    if (c->ops.on_host != NULL)
        c->ops.on_host->close(c->ops.on_host);
    wg_free(c->plan);
    wg_free(c);
}

static void close_ops(const wg_ops *self)
{
    wg_cuda *c = self->state;

    if (--c->users > 0)
        return;
    c->owner->card = NULL;
    close_all(c);
}

/* The card and the libraries that the bits depend on. The driver is none of them: NVRTC makes the
 * machine code. */
static void describe(wg_cuda *c)
{
    const wg_cuda_info *i = &c->lib.info;

    snprintf(c->device, sizeof c->device,
             "cuda (%s, %d processors, cublasLt %lld.%lld.%lld, NVRTC %d.%d)", i->name,
             i->processors, (long long)(i->cublaslt / 10000), (long long)(i->cublaslt / 100 % 100),
             (long long)(i->cublaslt % 100), i->nvrtc / 1000, i->nvrtc % 1000 / 10);
}

/* The precision that the context wants on a card. */
static wagle_precision wanted(const wagle_ctx *ctx)
{
    return ctx->precision != WAGLE_PRECISION_AUTO ? ctx->precision : WAGLE_PRECISION_BF16;
}

static void fill_table(wg_cuda *c)
{
    wg_ops *o = &c->ops;

    describe(c);
    o->name = "cuda";
    o->device = c->device;
    o->precision = wg_words_of_wagle_precision[c->precision];
    o->panel_type = c->precision == WAGLE_PRECISION_BF16 ? WG_BF16 : WG_F32;
    o->card_bytes = (int64_t)c->limit;
    o->state = c;
    o->host = false;
    o->close = close_ops;
    wg_cuda_memory_ops(o);
    wg_cuda_stored_ops(o);
    wg_cuda_vector_ops(o);
    wg_cuda_product_ops(o);
    wg_cuda_layer_ops(o);
    wg_cuda_loss_ops(o);
    wg_cuda_selected_ops(o);
    wg_cuda_sequence_ops(o);
}

/* All that is free but a twentieth, or less if the context says so. */
static bool set_limit(wg_cuda *c)
{
    size_t available = 0, total = 0;

    if (!wg_cuda_did(c, c->lib.driver.memory(&available, &total), "asking for free memory"))
        return false;
    c->limit = available - available / 20;
    if (c->owner->card_memory > 0 && (size_t)c->owner->card_memory < available)
        c->limit = (size_t)c->owner->card_memory;
    return true;
}

static void start(wg_cuda *c)
{
    const wg_cuda_driver *d = &c->lib.driver;

    if (!wg_cuda_did(c, d->retain(&c->context, c->lib.card), "taking the card") ||
        !wg_cuda_did(c, d->set_current(c->context), "choosing the card") || !set_limit(c) ||
        !wg_cuda_did(c, d->stream_new(&c->stream, WG_CUDA_STREAM_NON_BLOCKING), "a stream") ||
        !wg_cuda_did(c, d->stream_new(&c->copies, WG_CUDA_STREAM_NON_BLOCKING), "a stream") ||
        !wg_cuda_did(c, d->event_new(&c->read, WG_CUDA_EVENT_UNTIMED), "an event"))
        return;
    if (c->lib.blas.create(&c->blas) != 0)
        wg_cuda_break(c, WAGLE_E_RESOURCE, "%s does not start", c->lib.info.cublaslt_path);
    else if (wg_cuda_grow(c, &c->workspace, WG_CUDA_WORKSPACE))
        (void)wg_cuda_function(c, WG_K_fill); /* a compiler that fails is said now */
}

/* Another model of the context: on the same card, in the same precision. */
static wagle_status share(wagle_ctx *ctx, wg_cuda *c, int ordinal, const wg_ops **out)
{
    if (c->ordinal != ordinal || c->precision != wanted(ctx))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "cuda:%d in %s: models of this context are open on cuda:%d in %s; close "
                       "them first, or use another context",
                       ordinal, wg_words_of_wagle_precision[wanted(ctx)], c->ordinal,
                       wg_words_of_wagle_precision[c->precision]);
    c->users++;
    *out = &c->ops;
    return WAGLE_OK;
}

wagle_status wg_cuda_open(wagle_ctx *ctx, int ordinal, const wg_ops **out)
{
    wg_cuda *c = ctx->card;
    wagle_status st;

    *out = NULL;
    if (c != NULL)
        return share(ctx, c, ordinal, out);
    WG_TRY(WG_ALLOC(ctx, &c, 1));
    c->owner = ctx;
    c->ordinal = ordinal;
    c->users = 1;
    c->precision = wanted(ctx);
    WG_TRY_GOTO(wg_cpu_open(ctx, &c->ops.on_host), failed);
    WG_TRY_GOTO(WG_ALLOC(ctx, &c->plan, WG_CUDA_PLANS), failed);
    WG_TRY_GOTO(wg_cuda_libraries_open(ctx, ordinal, &c->lib), failed);
    start(c);
    if (c->broken) {
        st = wg_fail(ctx, c->status, "%s", c->message);
        goto failed;
    }
    fill_table(c);
    ctx->card = c;
    *out = &c->ops;
    return WAGLE_OK;
failed:
    close_all(c);
    return st;
}

wagle_status wg_cuda_look(wagle_ctx *ctx, int ordinal, wg_cuda_info *out)
{
    wg_cuda_libraries lib = {0};
    wg_cuda_handle context = NULL;
    size_t available = 0, total = 0;
    const wagle_status st = wg_cuda_libraries_open(ctx, ordinal, &lib);

    if (st == WAGLE_OK && lib.driver.retain(&context, lib.card) == WG_CUDA_SUCCESS) {
        if (lib.driver.set_current(context) == WG_CUDA_SUCCESS &&
            lib.driver.memory(&available, &total) == WG_CUDA_SUCCESS)
            lib.info.free = (int64_t)available;
        (void)lib.driver.set_current(NULL);
        (void)lib.driver.release(lib.card);
    }
    *out = lib.info;
    wg_cuda_libraries_close(&lib);
    return st;
}
