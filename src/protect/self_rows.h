/* self_rows.h - self-generated rows, for users who have no rows to keep. The method of questions
 * and answers is that of Magpie (Xu et al. 2024, arXiv 2406.08464). */
#ifndef WG_PROTECT_SELF_ROWS_H
#define WG_PROTECT_SELF_ROWS_H

#include "session/session.h"

typedef struct wg_self_options {
    int64_t n;      /* number of rows wanted */
    int64_t tokens; /* maximum number of generated tokens per row */
    uint64_t seed;
} wg_self_options;

enum {
    WG_SELF_ROWS = 256,  /* default n */
    WG_SELF_TOKENS = 64, /* default tokens */
    WG_SELF_LEAST = 8,   /* fewer rows are an error, unless n is smaller */
    WG_SELF_ROUNDS = 4   /* maximum number of texts generated per row wanted */
};

/* Samples texts from the model in `s` and drops those that resemble the rows of `forget`, which
 * were read with `options` (docs/reference/definitions.md). `rows` gets up to how->n examples (free
 * with wg_dataset_free); all tokens except the opening are labels. jsonl (or NULL) gets the same as
 * JSON Lines, which --retain and --protect read back to the same tokens. The rows depend on the
 * seed but not on the number of threads. Can be interrupted. */
WAGLE_CHECK wagle_status wg_self_rows(wagle_ctx *ctx, wg_session *s, const wagle_data *options,
                                      const wg_dataset *forget, const wg_self_options *how,
                                      wg_dataset *rows, wg_text *jsonl);

/* Adds a row as a line {"input_ids","labels","written"}. text: the generated text. */
WAGLE_CHECK wagle_status wg_self_line(wagle_ctx *ctx, const wg_example *e, const wg_text *text,
                                      wg_text *out);

#endif
