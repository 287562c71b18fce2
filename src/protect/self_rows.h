/* self_rows.h - rows that the model writes itself, for whoever has no rows to keep. Magpie
 * (Xu et al. 2024, arXiv 2406.08464) has a model write questions and answers in the same way. */
#ifndef WG_PROTECT_SELF_ROWS_H
#define WG_PROTECT_SELF_ROWS_H

#include "session/session.h"

typedef struct wg_self_options {
    int64_t n;      /* rows that are wanted */
    int64_t tokens; /* that the model writes for each, at most */
    uint64_t seed;
} wg_self_options;

enum {
    WG_SELF_ROWS = 256,  /* the usual n */
    WG_SELF_TOKENS = 64, /* and tokens */
    WG_SELF_LEAST = 8,   /* fewer rows are an error, unless fewer are asked for */
    WG_SELF_ROUNDS = 4   /* at most so many texts are written for a row that is wanted */
};

/* Texts that the model in `s` writes itself, without those that resemble the rows of `forget`,
 * which were read by `options` (docs/reference/definitions.md says how): up to how->n examples in
 * `rows` (free with wg_dataset_free), whose labels are all tokens but the opening's. jsonl (or
 * NULL) gets the same as JSON Lines, which --retain and --protect read to the same tokens. The same
 * seed gives the same rows, with any number of threads. Interrupts end it. */
WAGLE_CHECK wagle_status wg_self_rows(wagle_ctx *ctx, wg_session *s, const wagle_data *options,
                                      const wg_dataset *forget, const wg_self_options *how,
                                      wg_dataset *rows, wg_text *jsonl);

/* Adds a row as a line {"input_ids","labels","written"}; text: what was written. */
WAGLE_CHECK wagle_status wg_self_line(wagle_ctx *ctx, const wg_example *e, const wg_text *text,
                                      wg_text *out);

#endif
