/* budget.h - what a run will take: decided, checked and printed before it starts. */
#ifndef WG_SESSION_BUDGET_H
#define WG_SESSION_BUDGET_H

#include "session/network.h"
#include "session/session.h"

/* Where a cost lies if the model is on a card; else all of them lie on the host. */
typedef enum wg_cost_place { WG_COST_HOST, WG_COST_CARD, WG_COST_BOTH } wg_cost_place;

typedef struct wg_cost {
    const char *what;
    int64_t bytes;
    wg_cost_place where;
} wg_cost;

typedef struct wg_need {
    wg_intent intent;    /* of the largest pass; budget is filled in here */
    const wg_cost *cost; /* [n] what the run holds beside the passes */
    int n;
    const char *hint;   /* what would bring it down, or NULL */
    int64_t steps;      /* in all; an attribution is one; 0: the plan tells no time */
    int64_t updated;    /* weights that the optimizer visits a step */
    int passes;         /* of the process with most, one after the other, each step; 0: one */
    wg_traffic traffic; /* of each process in a step, where there are several */
    bool only_check;    /* a dry run writes no plan of it */
} wg_need;

/* A run's memory by purpose, of the host and of a card. */
typedef struct wg_budget_line {
    const char *what;
    int64_t bytes;
    bool card;
} wg_budget_line;

enum { WG_BUDGET_LINES = 32 };
typedef struct wg_budget_lines {
    wg_budget_line line[WG_BUDGET_LINES];
    int n;
    int64_t card_limit; /* 0: there is no card */
} wg_budget_lines;

/* What a run writes, bytes: the model, a checkpoint, most that lies there at once. */
typedef struct wg_disk {
    int64_t model, checkpoint, in_all;
} wg_disk;

/* Time of a pass over that of its products: activations, norms, attention, packing. Measured. */
#define WG_BESIDE_PRODUCTS 1.12

/* Sets what wagle_plan_json returns. */
WAGLE_CHECK wagle_status wg_set_plan_json(wagle_ctx *ctx, const json_t *plan);
/* Adds it to the plan of a dry run. */
WAGLE_CHECK wagle_status wg_budget_add(wagle_ctx *ctx, const wg_disk *disk);

/* Writes the plan for wagle_plan. */
WAGLE_CHECK wagle_status wg_budget_tell(wagle_ctx *ctx, const wg_session *s, const wg_need *need,
                                        const wg_plan *plan, const wg_budget_lines *lines);
/* Limits the session's engine to what --memory leaves it, or on a card --gpu-memory.
 * WAGLE_E_RESOURCE if that is too little.
 * In a dry run also measures the machine and writes the plan for wagle_plan. */
WAGLE_CHECK wagle_status wg_budget(wagle_ctx *ctx, wg_session *s, const wg_need *need);
/* What a run on a model would take, and whether it fits the card, if there is one, and `memory`
 * bytes of the host (0: no limit). */
typedef struct wg_fit {
    int64_t host, card;
    bool streamed, fits;
} wg_fit;
wg_fit wg_budget_fit(const wg_model *m, int64_t memory, const wg_need *need);

/* A cost that a scratch file may take instead, or the host instead of a card. */
typedef struct wg_spill {
    wg_cost *cost;    /* of the need; once it is spilled 0 bytes, or on the host */
    bool *spilled;    /* becomes true */
    const char *what; /* for the log: "the optimizer's state goes" */
} wg_spill;

/* As wg_budget, where there is no room with parts [n] spilled, in their order, until it has. */
WAGLE_CHECK wagle_status wg_budget_spilling(wagle_ctx *ctx, wg_session *s, const wg_need *need,
                                            const wg_spill *part, int n);
/* Products in the shape of a training step for a second: operations per second, 0 on failure. */
double wg_measure_products(wagle_ctx *ctx, const wg_ops *ops);
/* The same of the processor at a precision. */
double wg_measure_cpu(wagle_ctx *ctx, wagle_precision precision);
/* Tokens, labels and longest of the largest batch of n rows of a, and n of b if it is not NULL. */
wg_intent wg_largest_batch(const wg_dataset *a, const wg_dataset *b, int64_t n);

#endif
