#include "base/context.h"

#include "base/pool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int wg_threads(const wagle_ctx *ctx)
{
    const char *wish = getenv("OMP_NUM_THREADS"); /* other libraries ask there too */
    const long threads = ctx->threads > 0 ? ctx->threads
                         : wish != NULL   ? strtol(wish, NULL, 10)
                                          : 0;

    return threads > 0 && threads <= INT_MAX ? (int)threads : wg_processors();
}

/* --- names of options in texts -----------------------------------------------------------------
 */

enum { OPTION_BYTES = 128 };

/* name: "lr", "retain_term=none", "out FILE"; is changed */
static const char *name_of(const wagle_ctx *ctx, char *name, char room[OPTION_BYTES])
{
    const size_t n = strcspn(name, "= ");
    const char *value = name[n] != '\0' ? name + n + 1 : NULL;

    if (ctx->name == NULL) {
        name[strcspn(name, " ")] = '\0';
        return name;
    }
    name[n] = '\0';
    ctx->name(ctx->name_user, name, value, room, OPTION_BYTES);
    return room;
}

/* text with the markers as names, into out [bytes]. */
static void write_names(const wagle_ctx *ctx, const char *text, char *out, size_t bytes)
{
    char marker[OPTION_BYTES], name[OPTION_BYTES];
    size_t n = 0;

    while (*text != '\0' && n + 1 < bytes) {
        const size_t length = strncmp(text, "@{", 2) == 0 ? strcspn(text + 2, "}") : OPTION_BYTES;
        if (length >= OPTION_BYTES || text[2 + length] == '\0') {
            out[n++] = *text++;
            continue;
        }
        memcpy(marker, text + 2, length);
        marker[length] = '\0';
        n += (size_t)snprintf(out + n, bytes - n, "%s", name_of(ctx, marker, name));
        n = n < bytes ? n : bytes - 1;
        text += 2 + length + 1;
    }
    out[n] = '\0';
}

/* --- messages ----------------------------------------------------------------------------------
 */

static void record(wagle_ctx *ctx, const char *format, va_list args)
{
    char text[WG_MESSAGE_BYTES];

    if (ctx->message[0] != '\0')
        return;
    vsnprintf(text, sizeof text, format, args);
    write_names(ctx, text, ctx->message, sizeof ctx->message);
    for (char *c = ctx->message; *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

wagle_status(wg_fail)(wagle_ctx *ctx, wagle_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    record(ctx, format, args);
    va_end(args);
    return status;
}

void wg_explain(wagle_ctx *ctx, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    record(ctx, format, args);
    va_end(args);
}

wagle_status wg_fail_errno(wagle_ctx *ctx, int error, const char *format, ...)
{
    char what[WG_MESSAGE_BYTES / 2];
    const bool exhausted =
        error == ENOSPC || error == EFBIG || error == EDQUOT || error == ENOMEM || error == EIO;
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return wg_fail(ctx, exhausted ? WAGLE_E_RESOURCE : WAGLE_E_INPUT, "%s: %s", what,
                   strerror(error));
}

wagle_status wg_note(wagle_ctx *ctx, wagle_status st, const char *prefix)
{
    char named[WG_MESSAGE_BYTES / 2];

    write_names(ctx, prefix, named, sizeof named);
    if (st != WAGLE_OK && strstr(ctx->message, named) == NULL) {
        char line[WG_MESSAGE_BYTES];
        snprintf(line, sizeof line, "%s: %.*s", named, WG_MESSAGE_BYTES / 2 - 3, ctx->message);
        memcpy(ctx->message, line, sizeof line);
    }
    return st;
}

void wg_begin(wagle_ctx *ctx)
{
    wg_forget_failure(ctx);
    if (ctx->nested > 0)
        return;
    ctx->interrupted = 0;
    ctx->agreed = false;
    ctx->stage = NULL;
}

void wg_nest(wagle_ctx *ctx)
{
    ctx->nested++;
}

void wg_unnest(wagle_ctx *ctx)
{
    ctx->nested--;
}

void wg_forget_failure(wagle_ctx *ctx)
{
    ctx->message[0] = '\0';
}

void wg_log(wagle_ctx *ctx, int level, const char *format, ...)
{
    char text[WG_MESSAGE_BYTES], line[WG_MESSAGE_BYTES];
    va_list args;

    if (ctx->log == NULL)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    write_names(ctx, text, line, sizeof line);
    ctx->log(ctx->log_user, level, line);
}

/* How far the whole is while a stage of its part is at done of total. */
static int64_t done_of(const wg_stage *f, const char *stage, int64_t done, int64_t total)
{
    const bool counts = f->counts != NULL && strcmp(f->counts, stage) == 0 && total > 0;

    return counts ? f->done + f->part * done / total : f->done;
}

/* What is said of a part, as the stages that it is part of say it, from the innermost outwards. */
static void tell(const wagle_ctx *ctx, const wg_stage *f, const char *stage, int64_t done,
                 int64_t total, const char *detail)
{
    char text[WG_MESSAGE_BYTES], count[64] = "";

    if (f == NULL) {
        ctx->progress(ctx->progress_user, stage, done, total, detail);
        return;
    }
    if (f->total == 0) {
        snprintf(text, sizeof text, "%.100s: %.200s", f->stage, stage);
        tell(ctx, f->outer, text, done, total, detail);
        return;
    }
    if (total > 0)
        snprintf(count, sizeof count, " %lld/%lld", (long long)done, (long long)total);
    snprintf(text, sizeof text, "%.200s%s%s%.400s", stage, count, detail != NULL ? "  " : "",
             detail != NULL ? detail : "");
    tell(ctx, f->outer, f->stage, done_of(f, stage, done, total), f->total, text);
}

void wg_progress(wagle_ctx *ctx, const char *stage, int64_t done, int64_t total, const char *detail)
{
    char line[WG_MESSAGE_BYTES];

    if (ctx->progress == NULL)
        return;
    if (detail != NULL)
        write_names(ctx, detail, line, sizeof line);
    tell(ctx, ctx->stage, stage, done, total, detail != NULL ? line : NULL);
}

static int64_t checks_left;

void wg_interrupt_at(int64_t n)
{
    checks_left = n;
}

void wg_cut_off(wagle_ctx *ctx, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(ctx->why, sizeof ctx->why, format, arguments);
    va_end(arguments);
    atomic_store(&ctx->cut_off, true);
}

wagle_status wg_check_cut_off(wagle_ctx *ctx)
{
    return atomic_load(&ctx->cut_off) ? wg_fail(ctx, WAGLE_E_RESOURCE, "%s", ctx->why) : WAGLE_OK;
}

wagle_status wg_check_interrupt(wagle_ctx *ctx)
{
    WG_TRY(wg_check_cut_off(ctx));
    if (checks_left > 0 && --checks_left == 0)
        ctx->interrupted = 1;
    if (ctx->parent != NULL && ctx->parent->interrupted)
        ctx->interrupted = 1;
    if (ctx->processes.count > 1 && !ctx->agreed) /* one alone would leave the others waiting */
        return WAGLE_OK;
    return ctx->interrupted ? wg_fail(ctx, WAGLE_E_INTERRUPTED, "interrupted") : WAGLE_OK;
}

double wg_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
