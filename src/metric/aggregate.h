/* aggregate.h - several samples, or several metrics, in one number. */
#ifndef WG_METRIC_AGGREGATE_H
#define WG_METRIC_AGGREGATE_H

#include "base/memory.h"

/* The expected highest of k of the scores x [n], 1 <= k <= n:
 *
 *   sum over j of C(j-1, k-1) / C(n, k) * x_(j),   x_(1) <= .. <= x_(n)
 *
 * If x are independent draws, this is an unbiased estimate of the expected maximum of k draws,
 * leak@k of Reisizadeh et al. 2025 (arXiv 2511.04934). If c of the scores are 1 and the others 0,
 * it is 1 - C(n-c, k) / C(n, k), as their code has it (OptimAI-Lab/Leak-k, whole_eval.py). */
WAGLE_CHECK wagle_status wg_expected_highest(wagle_ctx *ctx, const double *x, int64_t n, int64_t k,
                                             double *out);
/* p / (p + q + 1e-10), p and q the probabilities of the true answer and of false ones, as
 * token-mean nll: the truth ratio of OpenUnlearning with the aggregator prob_mean
 * (locuslab/open-unlearning, src/evals/metrics/memorization.py). */
double wg_truth_share(double true_nll, double false_nll);
/* Memorisation of OpenUnlearning (Dorna et al. 2025, arXiv 2506.12618, appendix F): the harmonic
 * mean of 1 - extraction strength, 1 - exact memorisation, 1 - probability of the paraphrased
 * answer and 1 - truth share. 1: nothing is known. */
double wg_memorisation(double strength, double exact, double paraphrased, double truth);

#endif
