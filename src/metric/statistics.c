#include "metric/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double wg_mean(const double *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : NAN;
}

double wg_highest(const double *x, int64_t n)
{
    double max = n > 0 ? x[0] : NAN;

    for (int64_t i = 1; i < n; i++)
        max = fmax(max, x[i]);
    return max;
}

double wg_harmonic_mean(const double *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++) {
        if (!(x[i] >= 0))
            return NAN;
        sum += 1 / x[i]; /* infinite if x is 0; the mean is then 0 */
    }
    return n > 0 ? (double)n / sum : NAN;
}

double wg_pearson(const double *x, const double *y, int64_t n)
{
    const double mx = wg_mean(x, n), my = wg_mean(y, n);
    double xx = 0, yy = 0, xy = 0;

    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void wg_sort(double *x, int64_t n)
{
    if (n > 1)
        qsort(x, (size_t)n, sizeof *x, ascending);
}

/* Counts the values of sorted x that are below `value`, and those equal to it. */
static void count(const double *sorted, int64_t n, double value, int64_t *below, int64_t *equal)
{
    int64_t low = 0, high = n;

    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (sorted[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    *below = low;
    for (high = low; high < n && sorted[high] == value;)
        high++;
    *equal = high - low;
}

static wagle_status sorted_copy(wagle_ctx *ctx, const double *x, int64_t n, double **out)
{
    WG_TRY(WG_ALLOC(ctx, out, n));
    if (n > 0)
        memcpy(*out, x, (size_t)n * sizeof *x);
    wg_sort(*out, n);
    return WAGLE_OK;
}

static wagle_status ranks(wagle_ctx *ctx, const double *x, int64_t n, double **out)
{
    double *sorted;

    WG_TRY(sorted_copy(ctx, x, n, &sorted));
    const wagle_status st = WG_ALLOC(ctx, out, n);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++) {
        int64_t below, equal;
        count(sorted, n, x[i], &below, &equal);
        (*out)[i] = (double)below + ((double)equal + 1) / 2;
    }
    wg_free(sorted);
    return st;
}

wagle_status wg_spearman(wagle_ctx *ctx, const double *x, const double *y, int64_t n, double *out)
{
    double *rx = NULL, *ry = NULL;
    wagle_status st = ranks(ctx, x, n, &rx);

    if (st == WAGLE_OK)
        st = ranks(ctx, y, n, &ry);
    if (st == WAGLE_OK)
        *out = wg_pearson(rx, ry, n);
    wg_free(rx);
    wg_free(ry);
    return st;
}

double wg_quantile(const double *sorted, int64_t n, double q)
{
    const double at = q * (double)(n - 1);
    const int64_t low = (int64_t)floor(at);

    if (n < 1)
        return NAN;
    return low + 1 < n ? sorted[low] + (at - (double)low) * (sorted[low + 1] - sorted[low])
                       : sorted[n - 1];
}

/* --- Kolmogorov and Smirnov ------------------------------------------------------------------- */

enum { MAX_EXACT = 10000 };

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The Kolmogorov-Smirnov statistic times n*m: the largest |i*m - j*n| over the merged samples. */
static int64_t distance(const double *a, int64_t n, const double *b, int64_t m)
{
    int64_t max = 0;

    for (int64_t i = 0, j = 0; i < n && j < m;) {
        const double at = a[i] < b[j] ? a[i] : b[j];
        while (i < n && a[i] == at)
            i++;
        while (j < m && b[j] == at)
            j++;
        const int64_t away = i * m > j * n ? i * m - j * n : j * n - i * m;
        max = away > max ? away : max;
    }
    return max;
}

/* The share of lattice paths from (0,0) to (n,m) that reach distance h from the diagonal. A path is
 * a draw without replacement. Paths are counted when they first leave the band, so only positive
 * masses are added and tiny p keep their precision. inside [m+1]: mass at (i,j) that has never
 * left. */
static double share_outside(int64_t n, int64_t m, int64_t h, double *inside)
{
    double outside = 0;

    for (int64_t i = 0; i <= n; i++)
        for (int64_t j = 0; j <= m; j++) {
            const double left = (double)(n - i + m - j); /* draws left after reaching (i,j) */
            double mass = i == 0 && j == 0 ? 1 : 0;
            if (i > 0)
                mass += inside[j] * (double)(n - i + 1) / (left + 1);
            if (j > 0)
                mass += inside[j - 1] * (double)(m - j + 1) / (left + 1);
            const int64_t away = i * m > j * n ? i * m - j * n : j * n - i * m;
            if (away >= h) {
                outside += mass;
                mass = 0;
            }
            inside[j] = mass;
        }
    return outside < 1 ? outside : 1;
}

/* Kolmogorov's asymptotic p: 2 sum over k of (-1)^(k-1) exp(-2 k^2 x^2). */
static double asymptotic_p(double x)
{
    double sum = 0;

    for (int k = 1; k <= 100; k++)
        sum += (k % 2 == 1 ? 2 : -2) * exp(-2.0 * k * k * x * x);
    return x < 0.2 ? 1 : fmin(fmax(sum, 0), 1);
}

wagle_status wg_ks_test(wagle_ctx *ctx, const double *a, int64_t n, const double *b, int64_t m,
                        wg_ks *out)
{
    double *sa = NULL, *sb = NULL, *row = NULL;
    wagle_status st;

    *out = (wg_ks){NAN, NAN};
    if (n < 1 || m < 1)
        return WAGLE_OK;
    WG_TRY_GOTO(sorted_copy(ctx, a, n, &sa), done);
    WG_TRY_GOTO(sorted_copy(ctx, b, m, &sb), done);
    const int64_t h = distance(sa, n, sb, m), g = common_divisor(n, m);
    out->statistic = (double)(h / g) / ((double)n * (double)m / (double)g);
    if (n > MAX_EXACT || m > MAX_EXACT) {
        out->p = asymptotic_p(out->statistic * sqrt((double)n * (double)m / (double)(n + m)));
        goto done;
    }
    WG_TRY_GOTO(WG_ALLOC(ctx, &row, m + 1), done);
    out->p = h == 0 ? 1 : share_outside(n, m, h, row);
done:
    wg_free(sa);
    wg_free(sb);
    wg_free(row);
    return st;
}

/* --- ranking two samples ---------------------------------------------------------------------- */

wagle_status wg_auc(wagle_ctx *ctx, const double *positive, int64_t n, const double *negative,
                    int64_t m, double *out)
{
    double *sorted, wins = 0;

    *out = NAN;
    if (n < 1 || m < 1)
        return WAGLE_OK;
    WG_TRY(sorted_copy(ctx, negative, m, &sorted));
    for (int64_t i = 0; i < n; i++) {
        int64_t below, equal;
        count(sorted, m, positive[i], &below, &equal);
        wins += (double)below + 0.5 * (double)equal;
    }
    *out = wins / ((double)n * (double)m);
    wg_free(sorted);
    return WAGLE_OK;
}

wagle_status wg_tpr_at(wagle_ctx *ctx, const double *positive, int64_t n, const double *negative,
                       int64_t m, double fpr, double *out)
{
    const int64_t allowed = (int64_t)floor(fpr * (double)m);
    double *sorted;
    int64_t above = 0;

    *out = NAN;
    if (n < 1 || m < 1)
        return WAGLE_OK;
    WG_TRY(sorted_copy(ctx, negative, m, &sorted));
    const double bound = sorted[m - 1 - (allowed < m ? allowed : m - 1)];
    for (int64_t i = 0; i < n; i++)
        above += positive[i] > bound;
    *out = (double)above / (double)n;
    wg_free(sorted);
    return WAGLE_OK;
}
