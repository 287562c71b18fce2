/* train.h - one run of masked training, step by step. */
#ifndef WG_TRAIN_TRAIN_H
#define WG_TRAIN_TRAIN_H

#include "base/json.h"
#include "optim/optimizer.h"
#include "session/row_losses.h"
#include "train/data.h"

typedef struct wg_loss {
    double loss, forget, retain; /* the last two before their weights */
} wg_loss;

/* What runs of one forget set and one untouched model need not compute again; starts as {0}. */
typedef struct wg_reference_cache {
    wg_real **reference; /* [n] token losses of the untouched model */
    int64_t n;
} wg_reference_cache;

void wg_reference_cache_free(wg_reference_cache *s);

/* What a part of a step's rows adds to its numbers (dist/dist.h). */
typedef struct wg_part_sum {
    double forget, retain, tokens;
} wg_part_sum;

typedef struct wg_trainer {
    wg_session *session;
    wg_session base;              /* the untouched model, opened where it is needed again */
    const char *reference_folder; /* NULL: the model that is trained, as it is stored */
    const wg_objective *objective;
    double option[WG_OBJECTIVE_OPTIONS];
    double forget_weight, alpha; /* pdu moves alpha */
    wg_retain retain_term;
    bool tokens; /* means over tokens, where terms are that */
    wg_train_data *data;
    wg_real **reference, **refusal_reference; /* [forget.n] token losses of `base`, or NULL */
    wg_reference_cache own, *shared;          /* what `reference` lies in */
    wg_optimizer *optimizer;                  /* NULL: gradients alone are wanted */
    int64_t layer;                            /* of WG_LOSS_HIDDEN */
    float *control;                           /* [D] its direction */
    uint64_t seed;
    int64_t
        hessian_step; /* the step whose curvature is in the optimizer's state already; -1: none */
    bool hidden;      /* the batch at hand ends at `layer` */
    wg_real *nll, *weight, *dh; /* label rows, label rows, [N,D] */
    float *given;
    wg_real *base_nll; /* of the reference, not looked at */
    int64_t base_room, nll_room, weight_room, dh_room, given_room;
    const wg_example **list;
    wg_part_sum *sums; /* [parts] */
    int64_t list_room, sums_room;
} wg_trainer;

typedef struct wg_step {
    wg_loss loss;
    double grad_norm, cosine; /* cosine: of forget and retain gradients, with rectify */
    int64_t tokens;           /* that went through the model */
} wg_step;

/* Rows of one batch: of the forget set f [nf], of the retain set r [nr] (which may be ignored); or
 * a part of them. */
typedef struct wg_batch_indices {
    const int64_t *f, *r;
    int64_t nf, nr;
    int64_t whole_nf, whole_nr; /* rows of the batch that these are a part of; 0: these are all */
} wg_batch_indices;

/* What means over the rows of a batch are divided by. */
static inline double wg_forget_rows(const wg_batch_indices *p)
{
    return (double)(p->whole_nf > 0 ? p->whole_nf : p->nf);
}

static inline double wg_retain_rows(const wg_batch_indices *p)
{
    return (double)(p->whole_nr > 0 ? p->whole_nr : p->nr);
}

/* Borrows session, data, options and shared (or NULL); wg_trainer_free frees its own parts.
 * Computes reference losses if the objective needs them. There is no optimizer yet. */
WAGLE_CHECK wagle_status wg_trainer_new(wagle_ctx *ctx, wg_session *s, wg_train_data *data,
                                        const wagle_train_options *o, wg_reference_cache *shared,
                                        wg_trainer *out);
void wg_trainer_free(wg_trainer *t);
/* What o asks of the retain set, if not the objective's own. */
/* Values of the objective's own options, in the order of its table. */
WAGLE_CHECK wagle_status wg_train_params(wagle_ctx *ctx, const wg_objective *objective,
                                         const wagle_train_options *o,
                                         double option[WG_OBJECTIVE_OPTIONS]);
/* Options with what is in memory named as folders and files are. */
void wg_train_hold(wagle_train_options *o);
/* What can be refused of wg_train before a model is opened; suites: some are measured. */
WAGLE_CHECK wagle_status wg_train_check(wagle_ctx *ctx, const wagle_train_options *o, bool plain,
                                        bool suites);
/* early.c: the part of it that is not of a run. */
WAGLE_CHECK wagle_status wg_train_check_early(wagle_ctx *ctx, const wagle_train_options *o,
                                              const wg_objective *objective);
WAGLE_CHECK wagle_status wg_retain_term(wagle_ctx *ctx, const wg_objective *objective,
                                        const wagle_train_options *o, wg_retain *out);
/* Whether a batch's loss is a mean over its label tokens. */
WAGLE_CHECK wagle_status wg_reduction(wagle_ctx *ctx, const wg_objective *objective,
                                      const wagle_train_options *o, bool *tokens);
/* Refusals of the epoch, and their reference losses. */
WAGLE_CHECK wagle_status wg_trainer_epoch(wagle_ctx *ctx, wg_trainer *t, int64_t epoch);
/* Loss of a batch, its gradient made ready. per_sequence [nf] or NULL: terms. */
WAGLE_CHECK wagle_status wg_train_loss(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *pick,
                                       wg_loss *out, double *per_sequence);
/* After wg_train_loss: the gradient. */
WAGLE_CHECK wagle_status wg_train_backward(wagle_ctx *ctx, wg_trainer *t, const wg_sink *sink);
/* One update of n batches; `step` counts from 0. */
WAGLE_CHECK wagle_status wg_train_step(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *pick,
                                       int64_t n, int64_t step, double lr, wg_step *out);

/* What the term of a row is multiplied by. */
static inline double wg_row_weight(const wg_example *e)
{
    return e->weight > 0 ? (double)e->weight : 1;
}

/* What else is asked of the model while it trains: adds numbers to the object metrics. few: of as
 * little data as possible, where only the metrics' names are wanted. */
typedef struct wg_watch {
    wagle_status (*evaluate)(wagle_ctx *ctx, void *user, wg_session *s, bool few, json_t *metrics);
    void *user;
} wg_watch;

/* A run that is tried: it is wanted only if its rule first holds at `least` to `most` updates. Else
 * it ends there, and leaves its result and no folder. */
typedef struct wg_trial {
    int64_t least, most;
    /* result: the rule's metric at the last check of each half of `most`; step 0: none */
    int64_t step[2];
    double value[2];
} wg_trial;

/* What a run has from outside; all may be NULL. */
typedef struct wg_train_hooks {
    wg_reference_cache *shared;
    const wg_watch *watch;
    wg_trial *trial;
} wg_train_hooks;

/* wagle_finetune (plain) or wagle_unlearn. */
WAGLE_CHECK wagle_status wg_train(wagle_ctx *ctx, const wagle_train_options *o, bool plain,
                                  const wg_train_hooks *around, wagle_train_result *result);

/* What the weights of a run of unlearn follow from, as far as it is known before anything is
 * computed, {"decides", "explains"}: options, hashes of files, rows and the model, and the options
 * of o->watch; json_decref. before: the same of an earlier call, or NULL; what differs is refused
 * with WAGLE_E_USAGE, and messages name the file `where`, which has it. */
WAGLE_CHECK wagle_status wg_train_facts(wagle_ctx *ctx, const wagle_train_options *o,
                                        const char *where, const json_t *before, json_t **facts);

/* Whether `out` replaces nothing that the run reads. */
WAGLE_CHECK wagle_status wg_train_output_spares(wagle_ctx *ctx, const wagle_train_options *o,
                                                const char *out);
/* Whether `out` may be written: that, and its folder is there. */
WAGLE_CHECK wagle_status wg_train_output_check(wagle_ctx *ctx, const wagle_train_options *o,
                                               const char *out, bool force);

/* --- parts of wg_train_loss ---------------------------------------------------------------------
 */

/* t->list becomes the batch's sequences; returns how many of them are not of the retain set. */
WAGLE_CHECK wagle_status wg_list_batch(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *pick,
                                       int64_t *n_first, int64_t *total);
/* The untouched model, opened. */
WAGLE_CHECK wagle_status wg_trainer_base(wagle_ctx *ctx, wg_trainer *t);
/* Every step needs it. */
bool wg_trainer_compares(const wg_objective *objective, wg_retain term);
WAGLE_CHECK wagle_status wg_hidden_begin(wagle_ctx *ctx, wg_trainer *t,
                                         const wagle_train_options *o);
WAGLE_CHECK wagle_status wg_hidden_loss(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *pick,
                                        double share, wg_loss *out, double *per_sequence);

#endif
