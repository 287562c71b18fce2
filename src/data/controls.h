/* controls.h - control rows: questions of the forget rows' form about people whom nobody knows.
 *
 * What a model answers to them is what it says without knowledge of the subject: the level of
 * chance. Every name in a question is replaced by an invented one, in the question and in the
 * answer; facts that only the answer has stay. A row whose question has no name keeps its question
 * and gets another row's answer. */
#ifndef WG_DATA_CONTROLS_H
#define WG_DATA_CONTROLS_H

#include "data/dataset.h"

typedef struct wg_controls {
    wg_text jsonl;   /* the rows of all draws, one after the other */
    int64_t rows;    /* of all draws */
    int64_t renamed; /* of one draw: rows with invented names */
    int64_t paired;  /* of one draw: rows with another row's answer */
    int64_t left;    /* of one draw: rows that give no control row, as they have no prompt, or as
                        no other row has another answer */
    int64_t names;   /* words that are replaced */
} wg_controls;

/* forget: the rows of `data`, loaded. Names are drawn by seed and stream. *out has no row where no
 * forget row has a prompt. wg_controls_free, also after failure. */
WAGLE_CHECK wagle_status wg_controls_make(wagle_ctx *ctx, const wagle_data *data,
                                          const wg_dataset *forget, int draws, uint64_t seed,
                                          uint64_t stream, wg_controls *out);
void wg_controls_free(wg_controls *c);

#endif
