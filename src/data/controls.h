/* controls.h - control rows: the questions of the forget rows, asked about invented people.
 *
 * Answers to them need no knowledge of the subject, so their probability is the level of chance.
 * Every name in a question is replaced by an invented one, in the question and in the answer. Facts
 * that only the answer contains are unchanged. Paired control rows also get the answer of another
 * row: for questions without a name, and for those whose wording alone gives the answer away. */
#ifndef WG_DATA_CONTROLS_H
#define WG_DATA_CONTROLS_H

#include "data/dataset.h"

typedef struct wg_control {
    int64_t row; /* index of the forget row */
    bool paired; /* with another row's answer */
    wg_str line; /* JSON */
} wg_control;

typedef struct wg_controls {
    wg_control *control; /* [n] by draw, then by row. For each row first the control with its own
                            answer (if its question has a name), then the paired one */
    int64_t n, capacity;
    int64_t names; /* number of words that are replaced */
    wg_arena arena;
} wg_controls;

/* Makes control rows. forget: the loaded rows of `data`. Names are drawn, by seed and stream, from
 * the tokenizer's vocabulary of V tokens, so that the model can generate them. Without a tokenizer
 * (NULL) or with too few words there, names are made of syllables. A row without a prompt has no
 * control row. A row has no paired one if all rows have the same answer. wg_controls_free, also
 * after failure. */
WAGLE_CHECK wagle_status wg_controls_make(wagle_ctx *ctx, const wagle_data *data,
                                          const wg_dataset *forget,
                                          const wagle_tokenizer *tokenizer, int64_t V, int draws,
                                          uint64_t seed, uint64_t stream, wg_controls *out);
void wg_controls_free(wg_controls *c);

#endif
