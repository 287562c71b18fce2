/* run.h - one run of finetune or unlearn, from options to the finished folder. */
#ifndef WG_TRAIN_RUN_H
#define WG_TRAIN_RUN_H

#include "base/hash.h"
#include "dist/dist.h"
#include "io/events.h"
#include "protect/factors.h"
#include "session/budget.h"
#include "train/chance.h"
#include "train/train.h"

typedef struct wg_stop_rule {
    char metric[96];   /* "": none */
    bool below, equal; /* equal: or as much as the bound */
    bool chance;       /* the bound is the level of chance, NaN until it is measured */
    double bound;
} wg_stop_rule;

typedef struct wg_run {
    wagle_train_options own;      /* what was given, with defaults filled in */
    const wagle_train_options *o; /* own */
    const wg_objective *objective;
    const wg_optimizer_kind *rules;
    wg_session session;
    wg_train_data data;
    wg_protect_rows protect_rows; /* of none: no protection */
    wg_protect protect;
    const char **exclude; /* of --selector under protection: o->exclude and the table; or NULL */
    bool spill_factors;
    wg_mask mask;
    bool masked, spill_state;
    bool unchanged;     /* no stored weight: there is no patch */
    bool told;          /* the caller said stop */
    bool files;         /* the run leaves some, of this process or of process 0 */
    bool records_watch; /* the fingerprint has the options of o->watch in any case */
    wg_trainer trainer;
    wg_reference_cache *shared; /* or NULL */
    const wg_watch *watch;      /* or NULL */
    wg_trial *trial;            /* or NULL: the run is wanted in any case */
    wg_stop_rule stop;
    wg_chance chance;
    double lr;           /* the peak learning rate, o->lr or what the search found */
    json_t *tries;       /* learning_rate.c: tries.json; NULL: no search */
    wg_partial folder;   /* OUT.partial */
    int held;            /* room on disk for the model (disk.c); -1: none */
    const char *partial; /* NULL: the run is in memory */
    char *checkpoint;
    json_t *made_by; /* fingerprint.c */
    char fingerprint[WG_SHA256_TEXT];
    int64_t per_epoch; /* updates */
    int64_t steps, warmup, step;
    json_t *pairs;          /* NULL: rows are drawn by the seed */
    json_t *layout;         /* of questions, for the manifest; NULL: no row has one */
    int64_t *order, *f, *r; /* [rows], [rows of one update] */
    wg_batch_indices *pick; /* [accumulate] */
    int64_t n_picks, room;
    int64_t ordered; /* epoch that `order` is of, -1: none */
    double
        *known; /* [forget rows] answer probabilities at the last check; NULL: no row is skipped */
    int64_t *left; /* [n_left] rows that are not skipped */
    int64_t n_left;
    wg_text log;
    int64_t log_mark; /* its length when the last step ended */
    json_t *columns;  /* of log.csv, as the keys of an object; NULL: there is none */
    wg_events events; /* of TensorBoard */
    double asked;     /* what the rule's metric was at its last check; NaN: of no value, or never */
    wagle_train_result result;
} wg_run;

/* --- defaults.c --------------------------------------------------------------------------------
 */

/* Fills in what follows from other options: the schedule, and of unlearn the rule that ends it and
 * the bound on its updates. */
void wg_train_resolve(wagle_train_options *o, bool plain);
/* Refuses a search or a level of chance where there is nothing to forget. */
WAGLE_CHECK wagle_status wg_check_searched(wagle_ctx *ctx, const wagle_train_options *o,
                                           bool plain);

/* --- chance.c: the level of chance of a run ----------------------------------------------------
 */

/* Makes and reads the control rows, where the rule wants them. */
WAGLE_CHECK wagle_status wg_chance_load(wagle_ctx *ctx, wg_run *w);
/* Before training: sets the rule's bound. WAGLE_E_INPUT where the model already is at chance. */
WAGLE_CHECK wagle_status wg_chance_measure(wagle_ctx *ctx, wg_run *w);
/* "chance" of the manifest. */
WAGLE_CHECK wagle_status wg_chance_json(wagle_ctx *ctx, const wg_run *w, json_t **out);

/* --- learning_rate.c: --lr auto
 * -------------------------------------------------------------------------
 */

#define WG_TRIES_FILE "tries.json"

/* Updates that a run with a searched rate is to take until its rule holds. */
int64_t wg_run_wanted(const wg_run *w);
/* Before training, where o->lr is 0: tries rates, sets w->lr and writes tries.json. Leaves the
 * state as it was. Tries that tries.json has are not made again. */
WAGLE_CHECK wagle_status wg_run_search(wagle_ctx *ctx, wg_run *w);
/* Adds the search to the plan of a dry run. */
WAGLE_CHECK wagle_status wg_run_search_plan(wagle_ctx *ctx, const wg_run *w);
/* run.c: one update of the rows that are due, w->step counts it. *lr: of this update. */
WAGLE_CHECK wagle_status wg_run_update(wagle_ctx *ctx, wg_run *w, wg_step *step, double *lr);

/* --- monitor.c: metrics during training and early stopping ---------------------------------------
 */

/* forget.probability<0.1, or "chance", whose bound is not known yet; suites: SUITE.METRIC may stand
 * there too, of the suites `names` (with commas; NULL: any). */
WAGLE_CHECK wagle_status wg_stop_parse(wagle_ctx *ctx, const char *text, bool suites,
                                       const char *names, wg_stop_rule *rule);
/* Whether the rule is on a suite's metric. */
bool wg_stop_by_suite(const wg_stop_rule *rule);
/* A metric that no suite gives is refused, before work that takes long. */
WAGLE_CHECK wagle_status wg_run_check_rule(wagle_ctx *ctx, wg_run *w);
/* At an update with an evaluation: measures the model, writes a line of the log, applies the rule.
 * With a watch also before the first step, which never stops. */
WAGLE_CHECK wagle_status wg_run_monitor(wagle_ctx *ctx, wg_run *w);
/* Whether the rule holds where its metric is x; never where x is NaN. */
bool wg_stop_holds(const wg_stop_rule *rule, double x);
/* Adds the metrics of the model as it is now: of the rule alone, or of all that the run asks. */
WAGLE_CHECK wagle_status wg_run_eval_metrics(wagle_ctx *ctx, wg_run *w, bool all, json_t *metrics);
/* The rule's metric; NaN where it has no value. Refused if there is no such metric. */
WAGLE_CHECK wagle_status wg_run_rule_value(wagle_ctx *ctx, const wg_run *w, const json_t *metrics,
                                           double *x);

/* --- log.c: what can be watched while the run goes on --------------------------------------------
 */

/* An update, and what is told of it beside what a caller is told. */
typedef struct wg_logged {
    wagle_step of;
    double cosine; /* of forget and retain gradients, with rectify */
    double tokens_per_second;
} wg_logged;

/* Refuses folders of events that would replace an input or stand in the run's own folder. */
WAGLE_CHECK wagle_status wg_run_log_check(wagle_ctx *ctx, const wagle_train_options *o);
/* Before work that takes long: refuses events of another run. */
WAGLE_CHECK wagle_status wg_run_log_open(wagle_ctx *ctx, wg_run *w);
/* Before the first step of this process: the files go on after w->log and w->step. */
WAGLE_CHECK wagle_status wg_run_log_start(wagle_ctx *ctx, wg_run *w);
WAGLE_CHECK wagle_status wg_run_log_step(wagle_ctx *ctx, wg_run *w, const wg_logged *step);
/* A line of the log: the updates so far, and each number of the object. */
WAGLE_CHECK wagle_status wg_run_log_metrics(wagle_ctx *ctx, wg_run *w, const json_t *metrics);
/* log.jsonl and log.csv of the whole run. */
WAGLE_CHECK wagle_status wg_run_log_write(wagle_ctx *ctx, const wg_run *w);
void wg_run_log_close(wg_run *w);

/* --- land.c: back to where the rule just holds -------------------------------------------------
 */

/* With o->land, after the rule has ended the run: scales the change of the weights back and fills
 * result.land; a line of the log. If it fails, the trained weights are there as they were. */
WAGLE_CHECK wagle_status wg_run_land(wagle_ctx *ctx, wg_run *w);
/* The trained weights again, as a checkpoint keeps them. */
void wg_run_unland(wg_run *w);

/* --- memory.c: memory ----------------------------------------------------------------------------
 */

/* Refuses --master bf16 and bf16-stochastic beside options that need float32 masters, */
WAGLE_CHECK wagle_status wg_run_check_master(wagle_ctx *ctx, const wg_run *w);
/* and for weights that are not stored as BF16; before the mask is made only where all are so. */
WAGLE_CHECK wagle_status wg_run_check_stored(wagle_ctx *ctx, const wg_run *w);

/* Checks what the run takes against --memory, limits the engine, and says what goes into files. */
WAGLE_CHECK wagle_status wg_run_budget(wagle_ctx *ctx, wg_run *w, wg_retain term);
/* Weights that train, as far as is known before the mask is. */
int64_t wg_run_trained(const wg_run *w);

/* --- sampler.c: rows of an update ----------------------------------------------------------------
 */

/* With o->skip_forgotten: nothing is skipped until a check has found rows below the rule's bound.
 */
WAGLE_CHECK wagle_status wg_run_skip(wagle_ctx *ctx, wg_run *w);
bool wg_run_skips(const wg_run *w, int64_t row);

/* Reads --pairs, if there is one. */
WAGLE_CHECK wagle_status wg_run_read_pairs(wagle_ctx *ctx, wg_run *w);
/* w->pick for the current step. */
WAGLE_CHECK wagle_status wg_run_sample_rows(wagle_ctx *ctx, wg_run *w);

/* --- fingerprint.c: what makes two runs the same -----------------------------------------------
 */

/* Fills w->made_by and w->fingerprint. Reads the whole model. */
WAGLE_CHECK wagle_status wg_run_fingerprint(wagle_ctx *ctx, wg_run *w);
/* WAGLE_E_USAGE that names the first difference. */
WAGLE_CHECK wagle_status wg_run_compare(wagle_ctx *ctx, const wg_run *w, const json_t *before);
/* The same, and an option is also refused where what it explains came out the same. */
WAGLE_CHECK wagle_status wg_run_compare_strictly(wagle_ctx *ctx, const wg_run *w,
                                                 const json_t *before);
/* Whether forget and retain rows are the same tokens and labels. */
bool wg_run_same_rows(const wg_run *w);
/* Of --model: config.json and weights. */
const char *wg_run_model_hash(const wg_run *w);

/* --- manifest.c --------------------------------------------------------------------------------
 */

WAGLE_CHECK wagle_status wg_run_manifest(wagle_ctx *ctx, const wg_run *w);

/* --- disk.c: room for what a run writes --------------------------------------------------------
 */

/* WAGLE_E_RESOURCE if there is not enough. trained: weights. A dry run prints it. */
WAGLE_CHECK wagle_status wg_run_reserve(wagle_ctx *ctx, wg_run *w, int64_t trained);
void wg_run_release(wg_run *w);

/* --- checkpoint.c ----------------------------------------------------------------------------- */

/* Refuses to go on from a checkpoint of another run, and names what changed. */
WAGLE_CHECK wagle_status wg_run_check_resume(wagle_ctx *ctx, const wg_run *w);
WAGLE_CHECK wagle_status wg_run_save(wagle_ctx *ctx, const wg_run *w);
WAGLE_CHECK wagle_status wg_run_resume(wagle_ctx *ctx, wg_run *w);
/* Removes what is in OUT.partial; resumable: but for what --resume goes on from. */
WAGLE_CHECK wagle_status wg_run_clear_partial(wagle_ctx *ctx, const wg_run *w, bool resumable);
/* Makes OUT.partial, or keeps it if it is to be resumed. */
WAGLE_CHECK wagle_status wg_run_open_partial(wagle_ctx *ctx, wg_run *w);
/* Log, manifest, model or patch; OUT appears. */
WAGLE_CHECK wagle_status wg_run_finish(wagle_ctx *ctx, wg_run *w);

#endif
