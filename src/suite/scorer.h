/* scorer.h - the user's scorer: a command that reads lines of text and writes a number for each. */
#ifndef WG_SUITE_SCORER_H
#define WG_SUITE_SCORER_H

#include "base/text.h"

/* Runs the command. lines: n lines for its input. score [n]: one number from low to 1 for each. */
WAGLE_CHECK wagle_status wg_scorer_run(wagle_ctx *ctx, const char *command, const wg_text *lines,
                                       int64_t n, double low, double *score);
/* The same for texts [n], one a line, with scores from 0 to 1. */
WAGLE_CHECK wagle_status wg_scorer_texts(wagle_ctx *ctx, const char *command, const wg_text *text,
                                         int64_t n, double *score);
/* Adds a text to a line; line breaks, tabs and NUL within it become spaces. */
WAGLE_CHECK wagle_status wg_scorer_add(wagle_ctx *ctx, wg_text *line, wg_str text);

#endif
