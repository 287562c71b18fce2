/* context.h - errors, progress, logging and interruption of a call. */
#ifndef WG_BASE_CONTEXT_H
#define WG_BASE_CONTEXT_H

#include <stdarg.h>
#include <stdatomic.h>
#include <wagle/wagle.h>

enum { WG_MESSAGE_BYTES = 1024 };

typedef struct wg_merged wg_merged; /* io/safetensors.h */

struct wagle_ctx {
    char message[WG_MESSAGE_BYTES];
    wagle_progress_fn *progress;
    void *progress_user;
    wagle_log_fn *log;
    void *log_user;
    wagle_name_fn *name;
    void *name_user;
    int threads;
    int device;                /* 0: the CPU; n + 1: card n */
    wagle_precision precision; /* of products; AUTO: bf16 on a card, f32 on the CPU */
    int cpu_units;  /* which products may use: 0 all there are; 1 + wg_cpu_unit: up to that one */
    void *card;     /* the back end of a card while models use it */
    int64_t memory; /* bytes a run may take, 0: no bound */
    int64_t card_memory;       /* bytes of a card, 0: what is free */
    wagle_processes processes; /* that run the calls together; count 0: this one is alone */
    struct wg_mail *mail;      /* what exchanges need, while there are several */
    int parts;                 /* that rows are cut into (dist/dist.h); 0: one */
    int parts_alone;           /* the same of work that this process does alone */
    int64_t sent;              /* bytes, to other processes */
    bool agreed;               /* all processes were told of an interrupt */
    struct wg_shared *shared;  /* weights of which this process keeps a share, or NULL */
    atomic_bool cut_off;       /* another process cannot be reached: `why` says which */
    char why[WG_MESSAGE_BYTES / 2];
    bool dry_run;
    wg_merged *merged;            /* what stands for tensors of a folder, or NULL */
    char *adapter;                /* the folder that they come from */
    char *plan_json;              /* the same as JSON */
    char *plan;                   /* of the last dry run, or NULL */
    atomic_int interrupted;       /* by a signal handler, or another thread */
    int nested;                   /* number of public calls nested in the current one */
    const struct wg_stage *stage; /* what the work at hand is part of; NULL: of nothing */
    const wagle_ctx *parent; /* a call that this context works for in another thread, or NULL: its
                                interrupt ends the calls of this context too */
};

#define WG_TRY(call)                                                                               \
    do {                                                                                           \
        const wagle_status wg_try_status = (call);                                                 \
        if (wg_try_status != WAGLE_OK)                                                             \
            return wg_try_status;                                                                  \
    } while (0)

/* Needs a variable `wagle_status st` in scope. */
#define WG_TRY_GOTO(call, label)                                                                   \
    do {                                                                                           \
        st = (call);                                                                               \
        if (st != WAGLE_OK)                                                                        \
            goto label;                                                                            \
    } while (0)

#define WG_PRINTF(at) __attribute__((format(printf, at, (at) + 1)))

/* Messages, the log and progress write an option as a marker around its name, which becomes what
 * the context calls it (wagle_on_name):
 *
 *     @{lr}                 lr, as a caller of the library reads it; --lr, as the command shows it
 *     @{retain_term=none}   with a value: retain_term=none; --retain-term none
 *     @{out FILE}           with a word for any value: out; --out FILE
 *
 * The marker may also come with an argument. */

/* Records an error message and returns status. The first message of a call is kept. */
WAGLE_CHECK wagle_status wg_fail(wagle_ctx *ctx, wagle_status status, const char *format, ...)
    WG_PRINTF(3);
#ifdef __clang_analyzer__ /* the analyzer cannot see that wg_fail returns its status */
#define wg_fail(ctx, status, ...) ((void)wg_fail(ctx, status, __VA_ARGS__), (status))
#endif
/* Like wg_fail, for functions that report failure as NULL, false or -1. */
void wg_explain(wagle_ctx *ctx, const char *format, ...) WG_PRINTF(2);
/* Like wg_fail, with the text of errno. The status depends on errno: no space is WAGLE_E_RESOURCE.
 */
WAGLE_CHECK wagle_status wg_fail_errno(wagle_ctx *ctx, int error, const char *format, ...)
    WG_PRINTF(3);
/* Puts "prefix: " before the recorded message, if there is one. Returns st. */
WAGLE_CHECK wagle_status wg_note(wagle_ctx *ctx, wagle_status st, const char *prefix);
/* Begins a public call: clears the last error, and an interrupt that arrived between calls. Calls
 * between wg_nest and wg_unnest are nested in one call; an interrupt ends that call. */
void wg_begin(wagle_ctx *ctx);
void wg_nest(wagle_ctx *ctx);
void wg_unnest(wagle_ctx *ctx);
void wg_forget_failure(wagle_ctx *ctx);

void wg_log(wagle_ctx *ctx, int level, const char *format, ...) WG_PRINTF(3);
void wg_progress(wagle_ctx *ctx, const char *stage, int64_t done, int64_t total,
                 const char *detail);
/* Number of threads: as set in the context, else OMP_NUM_THREADS, else the processors available. */
int wg_threads(const wagle_ctx *ctx);

/* Work of which other work is a part, for the progress: a sweep and its runs, a demo and its steps.
 * While ctx->stage points to it, progress is told as that of the whole, and what the part says
 * becomes a field of the detail: "sweep 2/12  npo 45/300  loss 0.3". total 0: the parts are counted
 * themselves: "forget: npo 45/300". Whoever sets ctx->stage sets it back before returning. */
typedef struct wg_stage {
    const char *stage;
    int64_t done, total;
    const char *counts; /* the stage of the part whose progress counts, up to `part`; or NULL */
    int64_t part;
    const struct wg_stage *outer;
} wg_stage;

double wg_seconds(void); /* monotonic clock */
/* From any thread, once: this process cannot go on, because it has lost another one. */
void wg_cut_off(wagle_ctx *ctx, const char *format, ...) WG_PRINTF(2);
/* WAGLE_E_RESOURCE after that. No output is finished then. */
WAGLE_CHECK wagle_status wg_check_cut_off(wagle_ctx *ctx);
/* WAGLE_E_INTERRUPTED once wagle_interrupt was called; or that of wg_check_cut_off. */
WAGLE_CHECK wagle_status wg_check_interrupt(wagle_ctx *ctx);
/* Tests only: simulates wagle_interrupt at the n-th check from now (1 = the next), 0 = never. */
void wg_interrupt_at(int64_t n);

#endif
