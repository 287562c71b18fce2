/* similar.h - how similar texts are, by a sentence encoder, by the user's scorer, or by ROUGE. */
#ifndef WG_SUITE_SIMILAR_H
#define WG_SUITE_SIMILAR_H

#include "suite/suite.h"

typedef struct wg_text_pair {
    wg_str made, answer;
} wg_text_pair;

/* Opens the encoder of the options, if they name one, as e->encoder. */
WAGLE_CHECK wagle_status wg_similar_begin(wagle_ctx *ctx, wg_evaluation *e);
void wg_similar_end(wg_evaluation *e);
/* Whether similarity is measured by meaning: by an encoder or a scorer. */
bool wg_similar_by_meaning(const wg_evaluation *e);
/* similarity [n] of pairs [n]: the cosine of their embeddings (each text is embedded once), what
 * the scorer says, or ROUGE-L F1. */
WAGLE_CHECK wagle_status wg_similar(wagle_ctx *ctx, const wg_evaluation *e,
                                    const wg_text_pair *pair, int64_t n, double *similarity);

#endif
