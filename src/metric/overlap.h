/* overlap.h - overlap of token sequences, and repetition within a sequence. */
#ifndef WG_METRIC_OVERLAP_H
#define WG_METRIC_OVERLAP_H

#include "base/memory.h"

/* Longest common run of tokens, and longest common subsequence, of a [n] and b [m]. */
typedef struct wg_common {
    int64_t run, subsequence;
} wg_common;
WAGLE_CHECK wagle_status wg_common_tokens(wagle_ctx *ctx, const int32_t *a, int64_t n,
                                          const int32_t *b, int64_t m, wg_common *out);
/* Share of the n-grams of ids [length] that occurred earlier in it; 0 if it has fewer than two. */
WAGLE_CHECK wagle_status wg_repeated_grams(wagle_ctx *ctx, const int32_t *ids, int64_t length,
                                           int64_t n, double *out);
/* Entropy of the n-grams of ids, in bits. */
WAGLE_CHECK wagle_status wg_gram_entropy(wagle_ctx *ctx, const int32_t *ids, int64_t length,
                                         int64_t n, double *out);

#endif
