/* paired.c - sign-flip permutation test, two one-sided t tests, Holm's correction. */
#include "metric/paired.h"

#include "base/number.h"
#include "metric/statistics.h"
#include <math.h>

enum { EXACT_MOST = 20, DRAWS = 100000 };

/* --- Student's t ------------------------------------------------------------------------------ */

/* Abramowitz and Stegun 26.7.3 and 26.7.4: a finite sum, because df is an integer. */
double wg_student(double t, int64_t df)
{
    const double angle = atan(t / sqrt((double)df)), cosine = cos(angle);
    const bool odd = df % 2 == 1;
    double term = odd ? cosine : 1, sum = 0;

    for (int64_t k = odd; k <= df - 2; k += 2) {
        sum += term;
        term *= cosine * cosine * (double)(k + 1) / (double)(k + 2);
    }
    sum *= sin(angle);
    return 0.5 + (odd ? (angle + sum) / acos(-1) : sum / 2);
}

double wg_student_quantile(double q, int64_t df)
{
    double low = 0, high = 1;

    while (wg_student(high, df) < q)
        high *= 2;
    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        if (wg_student(middle, df) < q)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* Standard error of the mean. */
static double standard_error(const double *x, int64_t n)
{
    const double mean = wg_mean(x, n);
    double square = 0;

    for (int64_t i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? sqrt(square / (double)(n - 1) / (double)n) : NAN;
}

double wg_half_interval(const double *x, int64_t n)
{
    return n > 1 ? wg_student_quantile(0.975, n - 1) * standard_error(x, n) : NAN;
}

/* The larger p of the tests of mean <= -margin and of mean >= margin. */
static double equivalence(const double *x, int64_t n, double margin)
{
    const double mean = wg_mean(x, n), error = standard_error(x, n), capacity = margin - fabs(mean);

    if (n < 2)
        return NAN;
    if (error == 0)
        return capacity > 0 ? 0 : 1;
    return wg_student(-capacity / error, n - 1);
}

/* --- sign flips ------------------------------------------------------------------------------- */

/* Counts the sign patterns of x [n] whose sum, added to `sum`, is at least as far from 0 as
 * `bound`. */
static int64_t count_as_far(const double *x, int64_t n, double sum, double bound)
{
    if (n == 0)
        return fabs(sum) >= bound;
    return count_as_far(x + 1, n - 1, sum + x[0], bound) +
           count_as_far(x + 1, n - 1, sum - x[0], bound);
}

static int64_t draw_as_far(const double *x, int64_t n, double bound, uint64_t seed)
{
    int64_t far = 0;

    for (int64_t i = 0; i < DRAWS; i++) {
        double sum = 0;
        for (int64_t k = 0; k < n; k++)
            sum += wg_random(seed, 0, (uint64_t)(i * n + k)) >> 63 ? x[k] : -x[k];
        far += fabs(sum) >= bound;
    }
    return far;
}

/* Two-sided p of the permutation test. Sums that differ from the observed one only by rounding
 * count as equal to it. The sign of the first pair is fixed, because the opposite pattern is
 * equally far from 0. The observed pattern counts as one of the draws. */
static double flip_signs(const double *x, int64_t n, uint64_t seed)
{
    double sum = 0, size = 0;

    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        size += fabs(x[i]);
    }
    const double bound = fabs(sum) - 1e-12 * size;
    return n < 1 ? NAN
           : n <= EXACT_MOST
               ? (double)count_as_far(x + 1, n - 1, x[0], bound) / (double)(1 << (n - 1))
               : (double)(draw_as_far(x, n, bound, seed) + 1) / (DRAWS + 1);
}

wg_paired wg_paired_test(const double *difference, int64_t n, double margin, uint64_t seed)
{
    return (wg_paired){.n = n,
                       .mean = wg_mean(difference, n),
                       .half = wg_half_interval(difference, n),
                       .p = flip_signs(difference, n, seed),
                       .smallest_p = n < 1             ? NAN
                                     : n <= EXACT_MOST ? 1.0 / (1 << (n - 1))
                                                       : 1.0 / (DRAWS + 1),
                       .equivalence = equivalence(difference, n, margin)};
}

/* --- several methods -------------------------------------------------------------------------- */

/* value times the number of p that are not smaller. */
static double scaled(const double *p, int64_t n, double value)
{
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++)
        count += p[i] >= value;
    return value * (double)count;
}

void wg_holm(const double *p, int64_t n, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        double most = isnan(p[i]) ? NAN : 0;
        for (int64_t k = 0; k < n && !isnan(p[i]); k++)
            if (p[k] <= p[i])
                most = fmax(most, scaled(p, n, p[k]));
        out[i] = most > 1 ? 1 : most;
    }
}
