/* statistics.h - means, ranks and two-sample tests. Undefined results are NAN. */
#ifndef WG_METRIC_STATISTICS_H
#define WG_METRIC_STATISTICS_H

#include "base/memory.h"

double wg_mean(const double *x, int64_t n);
double wg_highest(const double *x, int64_t n);
/* n / sum(1/x); 0 if an x is 0, NAN if one is negative. */
double wg_harmonic_mean(const double *x, int64_t n);
double wg_pearson(const double *x, const double *y, int64_t n);
/* Pearson's coefficient of the ranks; equal values get their mean rank. */
WAGLE_CHECK wagle_status wg_spearman(wagle_ctx *ctx, const double *x, const double *y, int64_t n,
                                     double *out);
/* The q-quantile (0 to 1), interpolated between the two nearest of sorted x. */
double wg_quantile(const double *sorted, int64_t n, double q);
void wg_sort(double *x, int64_t n);

/* Two-sided Kolmogorov-Smirnov test of two samples. p is exact up to 10,000 values in each (the
 * share of orders of n + m draws with an equal or larger distance), else asymptotic. */
typedef struct wg_ks {
    double statistic, p;
} wg_ks;
WAGLE_CHECK wagle_status wg_ks_test(wagle_ctx *ctx, const double *a, int64_t n, const double *b,
                                    int64_t m, wg_ks *out);

/* Probability that a positive scores higher than a negative, ties counting half. */
WAGLE_CHECK wagle_status wg_auc(wagle_ctx *ctx, const double *positive, int64_t n,
                                const double *negative, int64_t m, double *out);
/* Share of positives above the threshold that at most a share `fpr` of the negatives exceeds. */
WAGLE_CHECK wagle_status wg_tpr_at(wagle_ctx *ctx, const double *positive, int64_t n,
                                   const double *negative, int64_t m, double fpr, double *out);

#endif
