/* watch.h - suites that are asked while a model trains. */
#ifndef WG_SUITE_WATCH_H
#define WG_SUITE_WATCH_H

#include "train/train.h"

/* Suites of o (borrowed) that can be asked; o NULL or without suites: out->ask is NULL. */
WAGLE_CHECK wagle_status wg_suite_watch(wagle_ctx *ctx, const wagle_suite_options *o,
                                        wg_watch *out);

/* A rule of `stop_when` is of forget, retain or a suite that is asked. */
WAGLE_CHECK wagle_status wg_suite_watch_rule(wagle_ctx *ctx, const wagle_suite_options *o,
                                             const char *rule);
/* Warns where suite tofu and the run's own metrics do not both count the end-of-text token: for
 * runs that show both. */
WAGLE_CHECK wagle_status wg_suite_watch_eos(wagle_ctx *ctx, const wagle_suite_options *o);

#endif
