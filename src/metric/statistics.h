/* statistics.h - what is said of numbers: means, ranks, two-sample tests. NAN where it is
 * undefined.
 */
#ifndef WG_METRIC_STATISTICS_H
#define WG_METRIC_STATISTICS_H

#include "base/memory.h"

double wg_mean(const double *x, int64_t n);
double wg_highest(const double *x, int64_t n);
/* n / sum(1/x); 0 where one of them is 0, NAN where one is below. */
double wg_harmonic_mean(const double *x, int64_t n);
double wg_pearson(const double *x, const double *y, int64_t n);
/* Pearson's coefficient of ranks, equal values sharing their mean rank. */
WAGLE_CHECK wagle_status wg_spearman(wagle_ctx *ctx, const double *x, const double *y, int64_t n,
                                     double *out);
/* The q-quantile, 0 to 1, between the two nearest of sorted x. */
double wg_quantile(const double *sorted, int64_t n, double q);
void wg_sort(double *x, int64_t n);

/* Kolmogorov-Smirnov test of two samples, two-sided. p is exact (the share of orders of n + m draws
 * whose distance is as large) up to 10,000 values each, else Kolmogorov's limit. */
typedef struct wg_ks {
    double statistic, p;
} wg_ks;
WAGLE_CHECK wagle_status wg_ks_test(wagle_ctx *ctx, const double *a, int64_t n, const double *b,
                                    int64_t m, wg_ks *out);

/* Probability that a positive scores higher than a negative, ties counting half. */
WAGLE_CHECK wagle_status wg_auc(wagle_ctx *ctx, const double *positive, int64_t n,
                                const double *negative, int64_t m, double *out);
/* Share of positives above a threshold that at most `fpr` of the negatives are above. */
WAGLE_CHECK wagle_status wg_tpr_at(wagle_ctx *ctx, const double *positive, int64_t n,
                                   const double *negative, int64_t m, double fpr, double *out);

#endif
