/* data.h - what a run forgets, keeps and answers instead. */
#ifndef WG_TRAIN_DATA_H
#define WG_TRAIN_DATA_H

#include "objective/objective.h"
#include "session/session.h"

typedef struct wg_train_data {
    const wg_objective *objective;
    const wagle_train_options *options;
    bool pairs;        /* all forget rows have `chosen` and `rejected` */
    wg_dataset forget; /* finetune: what is learnt */
    wg_dataset retain; /* of no rows: none */
    /* A row for each forget row: refusals, alternates, or random labels; of no rows: none. */
    wg_dataset refusals;
    wg_text text;
    wg_str *line; /* refusals in `text`, or built in; drawn by the seed, anew each epoch */
    int64_t n_lines, epoch;
} wg_train_data;

/* s reads the rows, and makes alternates. Free with wg_train_data_free, also after failure. */
WAGLE_CHECK wagle_status wg_train_data_load(wagle_ctx *ctx, wg_session *s,
                                            const wg_objective *objective,
                                            const wagle_train_options *o, wg_train_data *out);
/* Refusals of another epoch; *changed: they are others now. */
WAGLE_CHECK wagle_status wg_train_data_epoch(wagle_ctx *ctx, wg_session *s, wg_train_data *m,
                                             int64_t epoch, bool *changed);
void wg_train_data_free(wg_train_data *m);

#endif
