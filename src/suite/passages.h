/* passages.h - perplexity of continuous text over sliding windows. */
#ifndef WG_SUITE_PASSAGES_H
#define WG_SUITE_PASSAGES_H

#include "suite/suite.h"

/* Reads the tokens of a .txt file, or of all texts of a file of rows; wg_free(out->id). */
WAGLE_CHECK wagle_status wg_passages_read(wagle_ctx *ctx, wg_evaluation *e, const char *path,
                                          wg_ids *out);
/* Adds a row {"nll","tokens"} for each window: sums over its new tokens. */
WAGLE_CHECK wagle_status wg_passages_losses(wagle_ctx *ctx, wg_evaluation *e, const char *set,
                                            const char *path);
WAGLE_CHECK wagle_status wg_passages_derive(wagle_ctx *ctx, const json_t *row, const char *set,
                                            wg_frame *f);
/* Adds SET.perplexity, if there are such rows. */
WAGLE_CHECK wagle_status wg_passages_measure(wagle_ctx *ctx, const wg_frame *f, const char *set,
                                             wg_measures *out);

#endif
