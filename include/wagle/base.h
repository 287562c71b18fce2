/* base.h - what every function of the library shares: version, status, context. Include wagle.h. */
#ifndef WAGLE_BASE_H
#define WAGLE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WAGLE_API __attribute__((visibility("default")))
#define WAGLE_CHECK __attribute__((warn_unused_result))
#else
#define WAGLE_API
#define WAGLE_CHECK
#endif

/* Every structure of options has defaults, wagle_X_defaults(&o): call them before you set members.
 * They also set `size`, the structure's size in the header that your program was compiled with, so
 * that a later library neither reads nor writes past it: members are only added, at the end. */
#define WAGLE_SIZED(function, structure)                                                           \
    WAGLE_API void function##_sized(structure *o, size_t size);                                    \
    static inline void function(structure *o)                                                      \
    {                                                                                              \
        function##_sized(o, sizeof *o);                                                            \
    }

#define WAGLE_VERSION_MAJOR 0
#define WAGLE_VERSION_MINOR 2
#define WAGLE_VERSION_PATCH 0
#define WAGLE_VERSION "0.2.0"
/* The version of the library that runs, which may be another than this header's. Any thread. */
WAGLE_API const char *wagle_version(void);

/* What a call came to; the number is also the exit code of the command. */
typedef enum wagle_status {
    WAGLE_OK = 0,
    WAGLE_E_RUN = 1,      /* the run failed: NaN in a loss, a metric that cannot be had */
    WAGLE_E_USAGE = 2,    /* an option is wrong or missing */
    WAGLE_E_INPUT = 3,    /* a file is missing, damaged or does not fit the others */
    WAGLE_E_RESOURCE = 4, /* not enough memory or disk */
    WAGLE_E_UNMET = 5,    /* stop_when was not reached; the model was made all the same */
    WAGLE_E_INTERRUPTED = 130
} wagle_status;

/* --- options -----------------------------------------------------------------------------
 */

/* The enumerations of choices.def, beside this header: options whose value is one of a fixed set.
 * The first of each is 0. */
#define WAGLE_CHOICES(type) typedef enum type {
#define WAGLE_CHOICE(constant, word) constant,
#define WAGLE_CHOICES_END(type)                                                                    \
    }                                                                                              \
    type;
#include "choices.def"
#undef WAGLE_CHOICES
#undef WAGLE_CHOICE
#undef WAGLE_CHOICES_END

/* In place of a number, where its comment allows it: the default, which may depend on other options
 * or on the model. */
#define WAGLE_AUTO (-1)
/* In place of a learning rate: searched on the model at hand. */
#define WAGLE_LR_AUTO 0.0

/* --- context ----------------------------------------------------------------------------- */

typedef struct wagle_ctx wagle_ctx;

/* stage: what is being done; done of total units; detail: fields as "loss 0.5  lr 1e-05", with two
 * spaces between them, or NULL. Called from the calling thread only. */
typedef void wagle_progress_fn(void *user, const char *stage, int64_t done, int64_t total,
                               const char *detail);
/* A line of log without newline. level: 0 warning, 1 information, 2 detail. */
typedef void wagle_log_fn(void *user, int level, const char *line);

/* What an option is called in messages and in the log; written into out [bytes] with a NUL. option:
 * a member of a structure of options (retain_term), an objective's own (npo.beta), or memory,
 * gpu_memory or device of the context. value: what it is or should be ("none"; "true" of a bool),
 * or a word for any value ("FILE"); or NULL. */
typedef void wagle_name_fn(void *user, const char *option, const char *value, char *out,
                           size_t bytes);

/* *out: free with wagle_ctx_free. WAGLE_E_RESOURCE, and NULL, without memory. Any thread. */
WAGLE_API WAGLE_CHECK wagle_status wagle_ctx_new(wagle_ctx **out);
/* NULL is none. No call of the context may run. */
WAGLE_API void wagle_ctx_free(wagle_ctx *ctx);
/* The line that explains the last failure; "" if none. The context's: valid until its next call. */
WAGLE_API const char *wagle_message(const wagle_ctx *ctx);
/* Who is told how far the work is, and gets the log; fn NULL: nobody. Between calls only. A
 * function that is told may call wagle_interrupt, and nothing else of the same context. */
WAGLE_API void wagle_on_progress(wagle_ctx *ctx, wagle_progress_fn *fn, void *user);
WAGLE_API void wagle_on_log(wagle_ctx *ctx, wagle_log_fn *fn, void *user);
/* Names of options for a program whose users do not see the structures: the command's are its
 * flags. fn NULL: as the members are called (retain_term, retain_term=none). Between calls only. */
WAGLE_API void wagle_on_name(wagle_ctx *ctx, wagle_name_fn *fn, void *user);
/* Worker threads of the context's calls; 0: as many as the machine offers, or OMP_NUM_THREADS.
 * Results do not depend on it. Between calls only. */
WAGLE_API void wagle_set_threads(wagle_ctx *ctx, int threads);
/* Where calls compute: device "cpu" (NULL), "cuda", "cuda:N" or "auto" (a card if there is one);
 * precision: of products; tf32 is there on a card alone. WAGLE_E_USAGE: no such name, or not there.
 * That a card is missing is said by the call that wants it. Models that are open stay where they
 * are. */
WAGLE_API WAGLE_CHECK wagle_status wagle_set_device(wagle_ctx *ctx, const char *device,
                                                    wagle_precision precision);
/* The best units of the processor that products may use: "portable" (C alone), "avx2", "avx512",
 * "avx512_bf16" or "amx", each with those before it; NULL: all that there are. For tests, and to
 * get the bits of another machine. WAGLE_E_USAGE: no such name, or this machine does not have it.
 * Between calls only. */
WAGLE_API WAGLE_CHECK wagle_status wagle_set_cpu_units(wagle_ctx *ctx, const char *most);
/* Bytes that the context's models and runs may take of a card's memory, beside what CUDA itself
 * takes; 0: what is free when the first model is opened there, less 5 %. Weights that do not fit
 * are read from the host again when they are next; results do not depend on it. Without effect
 * on the CPU, and while models are open on the card. */
WAGLE_API void wagle_set_gpu_memory(wagle_ctx *ctx, int64_t bytes);
/* Bytes a run may take; 0: no bound. A run obeys, or is refused before it starts. */
WAGLE_API void wagle_set_memory(wagle_ctx *ctx, int64_t bytes);
/* attribute, finetune and unlearn then only plan: wagle_plan has what they would take, and nothing
 * is written. */
WAGLE_API void wagle_set_dry_run(wagle_ctx *ctx, bool on);
/* The plan of the last dry run as text, "" if there was none; valid until the next call. */
WAGLE_API const char *wagle_plan(const wagle_ctx *ctx);
/* The memory and disk of it as JSON, in bytes; "" and valid as above. */
WAGLE_API const char *wagle_plan_json(const wagle_ctx *ctx);
/* Asks the running call to stop at the next safe point: it returns WAGLE_E_INTERRUPTED. Without
 * effect while none runs: a call that begins forgets it. Safe in a signal handler, and in any
 * thread. */
WAGLE_API void wagle_interrupt(wagle_ctx *ctx);

/* Frees text that the library made (JSON, generated text); NULL is none. Any thread. */
WAGLE_API void wagle_string_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
