/* context.c - making a context, and who listens to it. */
#include "base/context.h"

#include "dist/dist.h"
#include "io/safetensors.h"

#include <stdlib.h>
#include <sys/resource.h>

wagle_status wagle_ctx_new(wagle_ctx **out)
{
    *out = calloc(1, sizeof **out);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

void wagle_ctx_free(wagle_ctx *ctx)
{
    if (ctx == NULL)
        return;
    wg_merged_free(ctx->merged);
    wg_free(ctx->adapter);
    wg_free(ctx->plan);
    wg_free(ctx->plan_json);
    wg_leave_processes(ctx);
    free(ctx);
}

const char *wagle_version(void)
{
    return WAGLE_VERSION;
}

const char *wagle_message(const wagle_ctx *ctx)
{
    return ctx->message;
}

void wagle_on_progress(wagle_ctx *ctx, wagle_progress_fn *fn, void *user)
{
    ctx->progress = fn;
    ctx->progress_user = user;
}

void wagle_on_log(wagle_ctx *ctx, wagle_log_fn *fn, void *user)
{
    ctx->log = fn;
    ctx->log_user = user;
}

void wagle_on_name(wagle_ctx *ctx, wagle_name_fn *fn, void *user)
{
    ctx->name = fn;
    ctx->name_user = user;
}

void wagle_set_threads(wagle_ctx *ctx, int threads)
{
    ctx->threads = threads;
}

void wagle_set_memory(wagle_ctx *ctx, int64_t bytes)
{
    ctx->memory = bytes;
}

void wagle_set_dry_run(wagle_ctx *ctx, bool on)
{
    ctx->dry_run = on;
}

const char *wagle_plan_json(const wagle_ctx *ctx)
{
    return ctx->plan_json != NULL ? ctx->plan_json : "";
}

const char *wagle_plan(const wagle_ctx *ctx)
{
    return ctx->plan != NULL ? ctx->plan : "";
}

void wagle_interrupt(wagle_ctx *ctx)
{
    ctx->interrupted = 1;
}

void wagle_string_free(char *text)
{
    wg_free(text);
}

int64_t wagle_peak_memory(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (int64_t)usage.ru_maxrss * 1024;
}
