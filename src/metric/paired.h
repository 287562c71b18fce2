/* paired.h - tests on paired differences, for few pairs. Undefined results are NAN. */
#ifndef WG_METRIC_PAIRED_H
#define WG_METRIC_PAIRED_H

#include "base/memory.h"

/* P(T <= t) of Student's distribution with df >= 1 degrees of freedom. */
double wg_student(double t, int64_t df);
/* The inverse of wg_student, for 0.5 <= q < 1. */
double wg_student_quantile(double q, int64_t df);
/* Half of the 95 % interval of the mean of x [n] by Student's t; NAN for n < 2. */
double wg_half_interval(const double *x, int64_t n);

/* Statistics of the differences of n pairs. */
typedef struct wg_paired {
    int64_t n;
    double mean, half;  /* half: of the 95 % interval by Student's t */
    double p;           /* two-sided sign-flip permutation test of the mean */
    double smallest_p;  /* the smallest possible p for this many pairs */
    double equivalence; /* two one-sided paired t tests: p of |mean| >= margin */
} wg_paired;

/* The sign-flip test is exact up to 20 pairs; above, it draws 100,000 sign patterns from the seed.
 */
wg_paired wg_paired_test(const double *difference, int64_t n, double margin, uint64_t seed);

/* Holm's step-down correction: out [n] from p [n]. NAN stays NAN and is not counted. */
void wg_holm(const double *p, int64_t n, double *out);

#endif
