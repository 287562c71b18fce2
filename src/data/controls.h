/* controls.h - control rows: questions of the forget rows' form about people whom nobody knows.
 *
 * What a model answers to them is what it says without knowledge of the subject: the level of
 * chance. Every name in a question is replaced by an invented one, in the question and in the
 * answer; facts that only the answer has stay. A second kind also has the answer of another row:
 * for questions without a name, and for those whose wording alone tells a model the answer. */
#ifndef WG_DATA_CONTROLS_H
#define WG_DATA_CONTROLS_H

#include "data/dataset.h"

typedef struct wg_control {
    int64_t row; /* of the forget rows */
    bool paired; /* with another row's answer */
    wg_str line; /* JSON */
} wg_control;

typedef struct wg_controls {
    wg_control *control; /* [n] draw by draw, each in the order of the rows; of a row first the one
                            with its own answer, where its question has a name, then the paired */
    int64_t n, room;
    int64_t names; /* words that are replaced */
    wg_arena arena;
} wg_controls;

/* forget: the rows of `data`, loaded. Names are drawn by seed and stream, from the words of the
 * tokenizer's vocabulary of V tokens, so that the model can write them; without a tokenizer (NULL)
 * or with too few words there, of syllables. A row without a prompt
 * has no control row, and no paired one where no other row has another answer. wg_controls_free,
 * also after failure. */
WAGLE_CHECK wagle_status wg_controls_make(wagle_ctx *ctx, const wagle_data *data,
                                          const wg_dataset *forget,
                                          const wagle_tokenizer *tokenizer, int64_t V, int draws,
                                          uint64_t seed, uint64_t stream, wg_controls *out);
void wg_controls_free(wg_controls *c);

#endif
