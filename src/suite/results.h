/* results.h - result files: X.json has the metrics, X.rows.jsonl the rows that they are computed
 * from. */
#ifndef WG_SUITE_RESULTS_H
#define WG_SUITE_RESULTS_H

#include "suite/suite.h"

/* Reads the rows of a result. path: X.json or X.rows.jsonl. json_decref *rows. */
WAGLE_CHECK wagle_status wg_results_read(wagle_ctx *ctx, const char *path, json_t **rows);
/* What X.json says besides the metrics: model, sets, settings. *out is NULL if it is missing or no
 * result. json_decref *out. */
WAGLE_CHECK wagle_status wg_results_described(wagle_ctx *ctx, const char *path, json_t **out);
WAGLE_CHECK wagle_status wg_results_write(wagle_ctx *ctx, const char *path, const json_t *result,
                                          const json_t *rows, bool force);
/* Checks in advance whether wg_results_write may write there (wg_output_check). */
WAGLE_CHECK wagle_status wg_results_check(wagle_ctx *ctx, const char *path, bool force,
                                          const char *const *inputs, int n);
/* Checks that neither file of the result is the input. */
WAGLE_CHECK wagle_status wg_results_spare(wagle_ctx *ctx, const char *path, const char *input);
bool wg_results_has(const json_t *rows, const wg_suite *s);
/* Converts a suite's rows to columns; the prefix is put before the names of sets. */
WAGLE_CHECK wagle_status wg_results_frame(wagle_ctx *ctx, const wg_suite *s, const json_t *rows,
                                          const char *prefix, wg_frame *f);
/* A JSON number, or null if the value is not finite. */
json_t *wg_json_real(double value);

/* Adds "suites", {SUITE: {METRIC: value}}, of the text of a result to a row of a table. */
WAGLE_CHECK wagle_status wg_results_values(wagle_ctx *ctx, const char *text, json_t *row);

#endif
