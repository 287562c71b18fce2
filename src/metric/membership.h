/* membership.h - scores for membership inference: lower for texts of the training set. */
#ifndef WG_METRIC_MEMBERSHIP_H
#define WG_METRIC_MEMBERSHIP_H

#include "base/text.h"

/* Minus the mean of the lowest max(1, floor(share*n)) of x [n]. For token log-probabilities this is
 * Min-k% (Shi et al. 2023, arXiv 2310.16789); for standardised ones Min-k%++ (Zhang et al. 2024,
 * arXiv 2404.02936). */
WAGLE_CHECK wagle_status wg_min_k(wagle_ctx *ctx, const double *x, int64_t n, double share,
                                  double *out);
/* A token's log-probability, standardised by mean and mean square of the log-probabilities over the
 * vocabulary; variance at least 1e-6. */
double wg_standardised(double log_probability, double mean, double mean_square);
/* Size of the text compressed with zlib level 6, in bytes. */
WAGLE_CHECK wagle_status wg_zlib_bytes(wagle_ctx *ctx, wg_str text, int64_t *out);
/* For hits [n] of greedy predictions: the share of hits; and 1 - j/n, where j is the first position
 * from which all are hits ("extraction strength", Carlini et al. 2022). */
double wg_exact_memorisation(const bool *hit, int64_t n);
double wg_extraction_strength(const bool *hit, int64_t n);

#endif
