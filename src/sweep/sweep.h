/* sweep.h - a grid of runs, and their results. docs/reference/sweep.md has the keys of a spec.
 */
#ifndef WG_SWEEP_SWEEP_H
#define WG_SWEEP_SWEEP_H

#include "base/file.h"
#include "base/json.h"
#include "train/secant.h"
#include "train/train.h"

/* One point of the grid. */
enum { WG_SWEEP_TEXTS = 16 };

typedef struct wg_point {
    const char *objective;
    const char *selector;   /* "none": all weights; "NAME", "wagle@GAMMA", either with "/SCOPE";
                               "mask:FILE" */
    const char *protect;    /* "none", "ROWS@DAMPING", "ROWS@DAMPING@RANK" */
    const char *adapter;    /* "none", or a folder as the spec has it */
    const char *exclude;    /* its patterns, joined by +: its name */
    const json_t *patterns; /* of exclude: a list of texts, or NULL */
    double density, lr;     /* density 0: that of the file; lr 0: not found yet */
    double start;           /* where the search for lr starts */
    int64_t seed;
    const char *key; /* text that names the point */
} wg_point;

/* What runs next of a point. */
typedef struct wg_sweep_run {
    wg_point point; /* the point, or with spec.updates at a rate that was chosen */
    bool tries;     /* a try of a search */
    wg_trial trial; /* of a try */
    double work;    /* of a search's last run: what its rate took as a try */
} wg_sweep_run;

typedef struct wg_making wg_making; /* jobs.c */

typedef struct wg_sweep {
    json_t *spec;
    const char *out;
    const char *work;    /* folder of the models of a run */
    wg_making *making;   /* files of `out` that jobs are making */
    int rank, processes; /* this process, and how many run points */
    char *folder;        /* of the spec: its paths are relative to it */
    wg_point *point;     /* [n] */
    int64_t n;
    int64_t updates; /* that a run is to take, its rate is searched; 0: rates are given */
    bool tune;       /* seeds after the first run each method's best learning rate alone */
    json_t *done;    /* runs so far, by key */
    wg_reference_cache shared;
    const char *shared_adapter;            /* with which `shared` was computed */
    const char *kwarg[WG_SWEEP_TEXTS + 1]; /* spec.chat_kwargs */
    const char *where[WG_SWEEP_TEXTS + 1], *fields[WG_SWEEP_TEXTS + 1];
    wg_arena arena;
} wg_sweep;

/* --- grid.c ----------------------------------------------------------------------------------- */

/* Refuses keys that a spec does not have, and values of other kinds. */
WAGLE_CHECK wagle_status wg_sweep_check(wagle_ctx *ctx, const wg_sweep *s);
/* Runs of the spec `before` are runs of the spec `now`: only axes or columns differ. */
bool wg_sweep_goes_on(const json_t *before, const json_t *now);
/* The file of a selector "mask:FILE", or NULL. */
const char *wg_sweep_mask_file(const char *selector);
/* The scope in "NAME/SCOPE"; NULL: none is named. */
const char *wg_sweep_scope(const char *selector);
/* A point's `protect`, other than "none", as options; its rows are in the sweep's arena, a file's
 * path as the spec has it. */
WAGLE_CHECK wagle_status wg_sweep_protect(wagle_ctx *ctx, wg_sweep *s, const char *text,
                                          wagle_train_options *o);
/* Whether it is not "none". */
bool wg_sweep_protects(const wg_point *p);
/* "NAME" or "NAME@GAMMA" (auto, diag, a number), with or without "/SCOPE", as options; `name` [64].
 */
WAGLE_CHECK wagle_status wg_sweep_selector(wagle_ctx *ctx, const char *text, char *name,
                                           wagle_attribute_options *o);
/* s->point out of the axes. */
WAGLE_CHECK wagle_status wg_sweep_grid(wagle_ctx *ctx, wg_sweep *s);
/* "protect ROWS" and "adapter DIR" as text, each after `before`, and as members of an object; what
 * is "none" is left out. */
WAGLE_CHECK wagle_status wg_sweep_add_extras(wagle_ctx *ctx, const wg_point *p, const char *before,
                                             wg_text *t);
WAGLE_CHECK wagle_status wg_sweep_set_extras(wagle_ctx *ctx, const wg_point *p, json_t *into);
/* "OBJECTIVE SELECTOR", with what is excluded and the extras. */
WAGLE_CHECK wagle_status wg_sweep_add_method(wagle_ctx *ctx, const wg_point *p, wg_text *t);
/* p->key out of the rest. */
WAGLE_CHECK wagle_status wg_sweep_name(wagle_ctx *ctx, wg_sweep *s, wg_point *p);
WAGLE_CHECK wagle_status wg_sweep_refuse(wagle_ctx *ctx, const char *key, const char *what);

/* --- point.c ---------------------------------------------------------------------------------- */

/* folder/name of the sweep's output, in its arena. */
WAGLE_CHECK wagle_status wg_sweep_path(wagle_ctx *ctx, wg_sweep *s, const char *name,
                                       const char **out);
/* A path of the spec, from the folder of the spec; NULL stays NULL. */
WAGLE_CHECK wagle_status wg_sweep_file(wagle_ctx *ctx, wg_sweep *s, const char *path,
                                       const char **out);
/* A point's options but its mask; `list` holds the objective's own. */
WAGLE_CHECK wagle_status wg_sweep_options(wagle_ctx *ctx, wg_sweep *s, const wg_point *p,
                                          wagle_train_options *o,
                                          wagle_param list[WG_OBJECTIVE_OPTIONS]);
/* The patterns that the point excludes, after `first` if it is not NULL; in the sweep's arena. */
WAGLE_CHECK wagle_status wg_sweep_excluded(wagle_ctx *ctx, wg_sweep *s, const wg_point *p,
                                           const char *first, const char *const **out);
enum { WG_SWEEP_SETS = 32 };
/* Those of spec.suites; `sets` holds its data sets. */
WAGLE_CHECK wagle_status wg_sweep_suite_options(wagle_ctx *ctx, wg_sweep *s, const wg_point *p,
                                                wagle_suite_options *o,
                                                const char *sets[WG_SWEEP_SETS + 1]);
/* Whether the stop rule uses a suite's metric, so that suites run during training. */
bool wg_sweep_stops_by_suite(const wg_sweep *s);
/* The suites' metrics of the untouched model, under "suites" of result. */
WAGLE_CHECK wagle_status wg_sweep_ask_suites(wagle_ctx *ctx, wg_sweep *s, json_t *result);
/* Files that the spec names are there. */
WAGLE_CHECK wagle_status wg_sweep_check_files(wagle_ctx *ctx, wg_sweep *s);
/* Runs a point in s->work, which is removed afterwards: *out, json_decref, is its numbers. trial:
 * NULL, or what the run must keep to be evaluated. */
WAGLE_CHECK wagle_status wg_sweep_point(wagle_ctx *ctx, wg_sweep *s, const wg_point *p,
                                        wg_trial *trial, json_t **out);

/* --- adapter.c: the axis `adapter` --------------------------------------------------------------
 */

/* Whether it is not "none". */
bool wg_sweep_adapts(const wg_point *p);
/* Before the first run: the adapter is there and fits the model. */
WAGLE_CHECK wagle_status wg_sweep_check_adapter(wagle_ctx *ctx, wg_sweep *s, const wg_point *p);
/* From here on the context reads the model with the point's adapter, until wg_sweep_drop_adapter.
 */
WAGLE_CHECK wagle_status wg_sweep_use_adapter(wagle_ctx *ctx, wg_sweep *s, const wg_point *p);
void wg_sweep_drop_adapter(wagle_ctx *ctx, const wg_point *p);

/* --- jobs.c: points that run at the same time ---------------------------------------------------
 */

enum { WG_SWEEP_JOBS = 64 };
/* Runs what is left of the sweep, `left` points, up to `jobs` of them at once. */
WAGLE_CHECK wagle_status wg_sweep_run_jobs(wagle_ctx *ctx, wg_sweep *s, int jobs, int64_t left);
/* Begins to make a file of `out`, once no other job is making it; the file may be there then.
 * `path` must last until wg_sweep_made. */
void wg_sweep_making(wg_sweep *s, const char *path);
void wg_sweep_made(wg_sweep *s, const char *path);

/* --- search.c: spec.updates ---------------------------------------------------------------------
 *
 * Rates are tried until a run takes the wanted number of updates (within 10 %), or the nearest is
 * taken. Tries that are in runs.json are not run again. */

/* The next run of a search; *any false: all tries failed, and there is none. */
WAGLE_CHECK wagle_status wg_sweep_try(wagle_ctx *ctx, wg_sweep *s, wg_point *p, wg_sweep_run *run,
                                      bool *any);
/* Takes the result of that run, which is freed with s->done; p->lr and p->key become those of the
 * run if it was the last. */
WAGLE_CHECK wagle_status wg_sweep_tried(wagle_ctx *ctx, wg_sweep *s, wg_point *p,
                                        const wg_sweep_run *run, json_t *result);
/* Whether `run` is a run of the search for the point's rate. */
bool wg_sweep_is_try(const json_t *run, const wg_point *p);
/* The points whose rates were found get them. */
WAGLE_CHECK wagle_status wg_sweep_adopt(wagle_ctx *ctx, wg_sweep *s);
/* Checks, steps and rule allow a search. */
WAGLE_CHECK wagle_status wg_sweep_check_search(wagle_ctx *ctx, const wg_sweep *s,
                                               const wagle_train_options *o);

/* --- sweep.c ------------------------------------------------------------------------------------
 */

/* Writes runs.json, in the order of the grid. */
WAGLE_CHECK wagle_status wg_sweep_save(wagle_ctx *ctx, wg_sweep *s);
/* What runs next of a point, which needs the result of no point that is not done (wg_sweep_waits);
 * *any false: the point is done. */
WAGLE_CHECK wagle_status wg_sweep_next(wagle_ctx *ctx, wg_sweep *s, wg_point *p, wg_sweep_run *run,
                                       bool *any);
/* Takes the result of that run, which is freed with s->done, and saves it. */
WAGLE_CHECK wagle_status wg_sweep_took(wagle_ctx *ctx, wg_sweep *s, wg_point *p,
                                       const wg_sweep_run *run, json_t *result);
/* Whether what runs of point i follows from the result of an earlier point k. */
bool wg_sweep_waits(const wg_sweep *s, int64_t i, int64_t k);
bool wg_sweep_is_done(const wg_sweep *s, const wg_point *p);

/* --- check.c: before the first run --------------------------------------------------------------
 */

/* Keys, values, files and options of every run, and the names of columns. */
WAGLE_CHECK wagle_status wg_sweep_check_runs(wagle_ctx *ctx, wg_sweep *s);
/* Where columns are of suites: asks the untouched model, and refuses a column that does not come of
 * it. */
WAGLE_CHECK wagle_status wg_sweep_try_suites(wagle_ctx *ctx, wg_sweep *s);

/* --- table.c ---------------------------------------------------------------------------------- */

/* Runs of the whole sweep, and those of them that are there. */
WAGLE_CHECK wagle_status wg_sweep_count(wagle_ctx *ctx, const wg_sweep *s, int64_t *planned,
                                        int64_t *there);
/* Points that differ in rate and seed alone. */
bool wg_sweep_same_method(const wg_point *a, const wg_point *b);
/* Whether a point need not run: spec.tune, and with the first seed another rate was better. */
WAGLE_CHECK wagle_status wg_sweep_is_left_out(wagle_ctx *ctx, const wg_sweep *s, const wg_point *p,
                                              bool *out);
/* Adds the columns of a spec's table to `list`. */
WAGLE_CHECK wagle_status wg_sweep_columns(wagle_ctx *ctx, const json_t *spec, json_t *list);
/* A column's number of a run; NAN: it has none. */
double wg_sweep_column(const json_t *run, const char *name);
/* The table of the runs that there are; wg_free. */
WAGLE_CHECK wagle_status wg_sweep_tell(wagle_ctx *ctx, const wg_sweep *s, char **table);
/* The same, and table.md, summary.json, pareto.svg: each method at its own best learning rate, over
 * seeds. */
WAGLE_CHECK wagle_status wg_sweep_report(wagle_ctx *ctx, const wg_sweep *s, char **table);

#endif
