/* pattern.h - patterns for names of tensors.
 *
 *   model.layers.*.mlp.*   a shell pattern over the whole name
 *   embeddings, attention, ffn, norms, biases, head   groups, by the names that families use
 *   layers:4-9             tensors of these layers (layers:4 for one)
 *   norms,biases           any of several patterns
 *   re:EXPRESSION          a regular expression (PCRE2), found anywhere in the name */
#ifndef WG_BASE_PATTERN_H
#define WG_BASE_PATTERN_H

#include "base/context.h"

/* Whether `name` matches one of the NULL-terminated patterns; false if there are none. */
bool wg_matches_any(const char *name, const char *const *patterns);
/* Fails with WAGLE_E_USAGE, naming the pattern, if a pattern is invalid. */
WAGLE_CHECK wagle_status wg_check_patterns(wagle_ctx *ctx, const char *const *patterns);

#endif
