/* watch.h - suites that are evaluated during training. */
#ifndef WG_SUITE_WATCH_H
#define WG_SUITE_WATCH_H

#include "train/train.h"

/* Prepares the suites of o (borrowed) for training. If o is NULL or names none, out->evaluate is
 * NULL.
 */
WAGLE_CHECK wagle_status wg_suite_watch(wagle_ctx *ctx, const wagle_suite_options *o,
                                        wg_watch *out);

/* Checks that a rule of `stop_when` names forget, retain or a suite that is evaluated. */
WAGLE_CHECK wagle_status wg_suite_watch_rule(wagle_ctx *ctx, const wagle_suite_options *o,
                                             const char *rule);
/* Warns if only one of suite tofu and the run's own metrics counts the end-of-text token. For runs
 * that show both. */
WAGLE_CHECK wagle_status wg_suite_watch_eos(wagle_ctx *ctx, const wagle_suite_options *o);

#endif
