/* pattern.h - which tensors are meant, by name.
 *
 *   model.layers.*.mlp.*   a shell pattern over the whole name
 *   embeddings, attention, ffn, norms, biases, head   by what families call them
 *   layers:4-9             tensors of these layers (layers:4 of one)
 *   norms,biases           any of several
 *   re:EXPRESSION          a regular expression (PCRE2), found anywhere in the name */
#ifndef WG_BASE_PATTERN_H
#define WG_BASE_PATTERN_H

#include "base/context.h"

/* True if `name` matches one of the NULL-terminated patterns; false if there are none. */
bool wg_matches_any(const char *name, const char *const *patterns);
/* WAGLE_E_USAGE that names a pattern that cannot be read. */
WAGLE_CHECK wagle_status wg_check_patterns(wagle_ctx *ctx, const char *const *patterns);

#endif
