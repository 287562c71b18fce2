/* chance.h - the level of chance: the answer probability that the forget rows would have in a model
 * that knows nothing of their subject.
 *
 * It is measured on control rows (data/controls.h): the same questions about people whose names are
 * invented, in WG_CHANCE_DRAWS draws of names. Where the model gives the answer of a row that it
 * knows to invented people too, the wording of the question alone tells it the answer; that row's
 * control row has another row's answer then. */
#ifndef WG_TRAIN_CHANCE_H
#define WG_TRAIN_CHANCE_H

#include "data/controls.h"
#include "session/session.h"

enum { WG_CHANCE_DRAWS = 3 };

typedef struct wg_chance {
    wg_controls made; /* of each draw as many */
    wg_dataset rows;  /* those of `made`, to evaluate */
    bool *counts;     /* [made.n] whether the level is the mean of this one too */
    double *p;        /* [made.n] answer probabilities */
    int64_t measured; /* how many count */
    int64_t renamed;  /* forget rows that are asked with invented names alone */
    int64_t paired;   /* forget rows that get another row's answer */
    bool by_gold;     /* measured on the model that never saw the forget rows */
    double original;  /* forget probability before training */
} wg_chance;

/* Makes and reads the control rows of `forget`, the rows of `data`, in `draws` draws of names by
 * seed and stream; there may be none. */
WAGLE_CHECK wagle_status wg_chance_controls(wagle_ctx *ctx, wg_session *s, const wagle_data *data,
                                            const wg_dataset *forget, int draws, uint64_t seed,
                                            uint64_t stream, wg_chance *c);
/* Measures them. known [forget->n]: answer probabilities of the forget rows. */
WAGLE_CHECK wagle_status wg_chance_level(wagle_ctx *ctx, wg_session *s, const wg_dataset *forget,
                                         const double *known, wg_chance *c, double *level);
/* Adds the control rows that count, as JSON Lines: of one draw, or of all (draw -1). */
WAGLE_CHECK wagle_status wg_chance_lines(wagle_ctx *ctx, const wg_chance *c, int draw,
                                         wg_text *out);
/* Answer probability of each row; wg_free. */
WAGLE_CHECK wagle_status wg_probabilities(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                          double **out);
void wg_chance_free(wg_chance *c);

#endif
