/* row_losses.h - token losses of rows, and the answer probabilities that follow from them. */
#ifndef WG_SESSION_ROW_LOSSES_H
#define WG_SESSION_ROW_LOSSES_H

#include "session/session.h"

/* The one definition of the probability of an answer (docs/reference/definitions.md): exp(-m), with
 * m the mean nll of its label tokens, in nats. Everything that reports one calls these two. */
double wg_token_mean(const wg_real *nll, int64_t n);
double wg_answer_probability(double token_mean);
/* Means over rows of the answer probability, and of the token-mean nll. each [rows->n] or NULL: the
 * probability of each row. */
WAGLE_CHECK wagle_status wg_mean_probability(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                             double *each, double *probability, double *nll);
/* What is wanted of rows besides the losses of their label tokens. */
typedef struct wg_scoring {
    bool hits;            /* whether the label is the likeliest token */
    bool spread;          /* of log p over the vocabulary */
    const char *progress; /* a stage's name, or NULL */
} wg_scoring;

typedef struct wg_row_score {
    int64_t n;             /* label tokens */
    wg_real *nll;          /* [n] nats */
    bool *hit;             /* [n], or NULL */
    double *mean, *square; /* [n] of log p, weighted by p; or NULL */
} wg_row_score;

/* score [rows->n], zeroed; free with wg_free_scores. */
WAGLE_CHECK wagle_status wg_rows_score(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                       const wg_scoring *how, wg_row_score *score);
void wg_free_scores(wg_row_score *score, int64_t n);
/* The largest pass of it. */
wg_intent wg_rows_intent(const wg_dataset *rows);
/* nll of each label token of each row, per row freed with wg_free; row_nll [rows->n]. */
WAGLE_CHECK wagle_status wg_rows_nll(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                     const char *progress, wg_real **row_nll);
void wg_free_rows(wg_real **row_nll, int64_t n);

#endif
