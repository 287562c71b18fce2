/* train.h - one run of masked training, step by step. */
#ifndef WG_RUN_TRAIN_H
#define WG_RUN_TRAIN_H

#include "objective/objective.h"
#include "optim/adamw.h"
#include "run/session.h"

typedef struct wg_trainer {
    wg_session *session;
    const wg_objective *objective;
    double option[WG_OBJECTIVE_OPTIONS];
    double forget_weight, alpha;
    const wg_dataset *forget; /* what is forgotten, or learnt (finetune, po) */
    const wg_dataset *retain; /* NULL: none */
    wg_real **reference;      /* [forget->n] nll of the untouched model, or NULL */
    wg_adamw *adamw;
    wg_real *nll, *weight; /* [room] */
    int64_t room, weight_room;
    const wg_example **list;
    int64_t list_room;
} wg_trainer;

typedef struct wg_step {
    double loss, grad_norm, lr;
} wg_step;

/* Borrows session, objective and data; wg_trainer_free frees its own parts. Computes reference
 * losses if the objective needs them. scratch: a folder for the optimizer's state, or NULL. */
WAGLE_CHECK wagle_status wg_trainer_new(wagle_ctx *ctx, wg_session *s,
                                        const wg_objective *objective, const wagle_train_options *o,
                                        const wg_dataset *forget, const wg_dataset *retain,
                                        const wg_mask *mask, const char *scratch, wg_trainer *out);
void wg_trainer_free(wg_trainer *t);
/* Loss and token weights of forget rows f [n] and retain rows r [n] (ignored without a retain
 * set), left in t->weight for the batch in the session. */
WAGLE_CHECK wagle_status wg_train_loss(wagle_ctx *ctx, wg_trainer *t, const int64_t *f,
                                       const int64_t *r, int64_t n, double *loss,
                                       double *per_sequence);
/* One update; `step` counts from 0. */
WAGLE_CHECK wagle_status wg_train_step(wagle_ctx *ctx, wg_trainer *t, const int64_t *f,
                                       const int64_t *r, int64_t n, int64_t step, wg_step *out);
/* Means over rows: answer probability exp(-token-mean nll), and token-mean nll. */
WAGLE_CHECK wagle_status wg_mean_probability(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                             double *probability, double *nll);
/* nll of each label token of each row, per row freed with wg_free; row_nll [rows->n]. */
WAGLE_CHECK wagle_status wg_rows_nll(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                     const char *progress, wg_real **row_nll);

/* Writes the model's folder with its trained weights into the existing folder `out`: same files,
 * shards, dtypes and order; weights without an overlay keep their bytes. */
WAGLE_CHECK wagle_status wg_write_model(wagle_ctx *ctx, const wg_model *m, const char *out);

#endif
