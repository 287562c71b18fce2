/* join.h - the sweeps of a study, one a task, as one table of methods. */
#ifndef WG_SWEEP_JOIN_H
#define WG_SWEEP_JOIN_H

#include "metric/paired.h"
#include "sweep/sweep.h"

/* The runs of one method in one task that count: those at its best learning rate, or the accepted
 * ones of a search. */
typedef struct wg_cell {
    const json_t **run; /* [n] */
    int64_t n, room;
} wg_cell;

typedef struct wg_method {
    const json_t *of; /* one of its runs, which holds the objective, selector, ... */
    const char *objective;
    const char *name; /* "wagle@auto 0.1 without embeddings" */
    wg_cell *cell;    /* [tasks] */
    bool is_baseline;
    double rank; /* mean of the primary column */
} wg_method;

typedef struct wg_join {
    const wagle_join_options *o;
    json_t **spec, **runs; /* [o->n] of each folder */
    json_t *columns, *keep;
    json_t *compared;     /* columns in which methods are compared: the primary one first */
    const char *primary;  /* column */
    const char *baseline; /* name of a method */
    wg_method *method;    /* [n], by objective, the baseline first */
    int64_t n, room;
    wg_paired *test; /* [n][columns of compared]; n 0: there are no pairs */
    double *holm;    /* [n][columns of compared] */
    double *value;   /* [o->n] for numbers, one a task */
    wg_arena arena;
} wg_join;

/* What numbers, one a task, come to. */
typedef struct wg_over {
    int64_t n; /* tasks that have one */
    double mean, half, low, high;
} wg_over;

/* A number of a run: wg_sweep_column, or wg_join_number for "steps" and "lr". */
typedef double wg_number_fn(const json_t *run, const char *name);
double wg_join_number(const json_t *run, const char *name);
/* A text of a run; `otherwise` where it is empty or not there. */
const char *wg_join_text(const json_t *run, const char *key, const char *otherwise);
/* Mean over a method's runs in one task; NAN: none of them has it. */
double wg_join_value(const wg_cell *cell, wg_number_fn *number, const char *name);
/* Over the tasks. */
wg_over wg_join_over(const wg_join *j, const wg_method *m, wg_number_fn *number, const char *name);

/* --- fit.c --------------------------------------------------------------------------------------
 */

/* Reads every folder into j->spec and j->runs [o->n]; refused where two do not fit together. */
WAGLE_CHECK wagle_status wg_join_read(wagle_ctx *ctx, wg_join *j);
/* The run came to no end, so that it has no numbers. */
bool wg_join_has_failed(const json_t *run);
/* Adds the spec's columns, or those that it keeps, to `list`. */
WAGLE_CHECK wagle_status wg_join_columns(wagle_ctx *ctx, const json_t *spec, json_t *list);
WAGLE_CHECK wagle_status wg_join_kept(wagle_ctx *ctx, const json_t *spec, json_t *list);
/* Adds a text that is not in the list of texts yet. */
WAGLE_CHECK wagle_status wg_join_add(wagle_ctx *ctx, json_t *list, const char *text);

/* --- joined.c: what is written ------------------------------------------------------------------
 */

/* table.md; wg_text_free. */
WAGLE_CHECK wagle_status wg_joined_table(wagle_ctx *ctx, const wg_join *j, wg_text *out);
/* summary.json; json_decref. */
WAGLE_CHECK wagle_status wg_joined_summary(wagle_ctx *ctx, const wg_join *j, json_t **out);
/* plot.svg. */
WAGLE_CHECK wagle_status wg_joined_plot(wagle_ctx *ctx, const wg_join *j, wg_text *out);

#endif
