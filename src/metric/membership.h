/* membership.h - scores that guess whether a text was trained on: lower for members. */
#ifndef WG_METRIC_MEMBERSHIP_H
#define WG_METRIC_MEMBERSHIP_H

#include "base/text.h"

/* Minus the mean of the lowest max(1, floor(share*n)) of x [n]: Min-k% of token log-probabilities
 * (Shi et al. 2023, arXiv 2310.16789); Min-k%++ of standardised ones (Zhang et al. 2024,
 * arXiv 2404.02936). */
WAGLE_CHECK wagle_status wg_min_k(wagle_ctx *ctx, const double *x, int64_t n, double share,
                                  double *out);
/* A token's log-probability, standardised by mean and mean square of the log-probabilities over the
 * vocabulary; variance at least 1e-6. */
double wg_standardised(double log_probability, double mean, double mean_square);
/* Bytes of the text as zlib level 6 writes it; 0 without memory. */
WAGLE_CHECK wagle_status wg_zlib_bytes(wagle_ctx *ctx, wg_str text, int64_t *out);
/* Greedy predictions against labels [n]: share of hits; 1 - j/n, j the first position from which
 * all hit (Carlini et al. 2022 as "extraction strength"). */
double wg_exact_memorisation(const bool *hit, int64_t n);
double wg_extraction_strength(const bool *hit, int64_t n);

#endif
