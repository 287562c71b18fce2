/* results.h - results on disk: X.json with the metrics, X.rows.jsonl with the rows they are of. */
#ifndef WG_SUITE_RESULTS_H
#define WG_SUITE_RESULTS_H

#include "suite/suite.h"

/* Rows of a result: path is X.json or X.rows.jsonl. json_decref *rows. */
WAGLE_CHECK wagle_status wg_results_read(wagle_ctx *ctx, const char *path, json_t **rows);
WAGLE_CHECK wagle_status wg_results_write(wagle_ctx *ctx, const char *path, const json_t *result,
                                          const json_t *rows, bool force);
/* Whether wg_results_write may write there (wg_output_check), before there is a result. */
WAGLE_CHECK wagle_status wg_results_check(wagle_ctx *ctx, const char *path, bool force,
                                          const char *const *inputs, int n);
/* Neither of its files is the input. */
WAGLE_CHECK wagle_status wg_results_spare(wagle_ctx *ctx, const char *path, const char *input);
bool wg_results_has(const json_t *rows, const wg_suite *s);
/* Columns of a suite's rows, sets named with the prefix. */
WAGLE_CHECK wagle_status wg_results_frame(wagle_ctx *ctx, const wg_suite *s, const json_t *rows,
                                          const char *prefix, wg_frame *f);
/* null where the value is not finite. */
json_t *wg_json_real(double value);

#endif
