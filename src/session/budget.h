/* budget.h - what a run will take: decided, checked and printed before it starts. */
#ifndef WG_SESSION_BUDGET_H
#define WG_SESSION_BUDGET_H

#include "session/session.h"

typedef struct wg_cost {
    const char *what;
    int64_t bytes;
} wg_cost;

typedef struct wg_need {
    wg_intent intent;    /* of the largest pass; budget is filled in here */
    const wg_cost *cost; /* [n] what the run holds beside the passes */
    int n;
    const char *hint; /* what would bring it down, or NULL */
    int64_t steps;    /* passes in all */
    int64_t updated;  /* weights that the optimizer visits a step */
    bool only_check;  /* a dry run writes no plan of it */
} wg_need;

/* What a run writes, bytes: the model, a checkpoint, most that lies there at once. */
typedef struct wg_disk {
    int64_t model, checkpoint, in_all;
} wg_disk;

/* Adds it to the plan of a dry run. */
WAGLE_CHECK wagle_status wg_budget_add(wagle_ctx *ctx, const wg_disk *disk);

/* Limits the session's engine to what --memory leaves it. WAGLE_E_RESOURCE if that is too little.
 * In a dry run also measures the machine and writes the plan for wagle_plan. */
WAGLE_CHECK wagle_status wg_budget(wagle_ctx *ctx, wg_session *s, const wg_need *need);
/* A cost that a scratch file may take instead. */
typedef struct wg_spill {
    wg_cost *cost;    /* of the need; 0 bytes once it is spilled, or where there is none */
    bool *spilled;    /* becomes true */
    const char *what; /* for the log: "the optimizer's state goes" */
} wg_spill;

/* As wg_budget, where --memory has no room with parts [n] spilled, in their order, until it has. */
WAGLE_CHECK wagle_status wg_budget_spilling(wagle_ctx *ctx, wg_session *s, const wg_need *need,
                                            const wg_spill *part, int n);
/* Products in the shape of a training step for a second: operations per second, 0 on failure. */
double wg_measure_products(wagle_ctx *ctx, const wg_ops *ops);
/* The same of the processor at a precision. */
double wg_measure_cpu(wagle_ctx *ctx, wg_precision precision);
/* Tokens, labels and longest of the largest batch of n rows of a, and n of b if it is not NULL. */
wg_intent wg_largest_batch(const wg_dataset *a, const wg_dataset *b, int64_t n);

#endif
