/* overlap.h - how much of one token sequence stands in another, and how a text repeats itself. */
#ifndef WG_METRIC_OVERLAP_H
#define WG_METRIC_OVERLAP_H

#include "base/memory.h"

/* Longest common run of tokens, and longest common subsequence, of a [n] and b [m]. */
typedef struct wg_common {
    int64_t run, subsequence;
} wg_common;
WAGLE_CHECK wagle_status wg_common_tokens(wagle_ctx *ctx, const int32_t *a, int64_t n,
                                          const int32_t *b, int64_t m, wg_common *out);
/* Share of the n-grams of ids [length] that came before in it; 0 where it has fewer than two. */
WAGLE_CHECK wagle_status wg_repeated_grams(wagle_ctx *ctx, const int32_t *ids, int64_t length,
                                           int64_t n, double *out);
/* Entropy in bits of the n-grams of ids. */
WAGLE_CHECK wagle_status wg_gram_entropy(wagle_ctx *ctx, const int32_t *ids, int64_t length,
                                         int64_t n, double *out);

#endif
