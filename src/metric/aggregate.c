#include "metric/aggregate.h"

#include "metric/statistics.h"
#include <math.h>
#include <string.h>

wagle_status wg_expected_highest(wagle_ctx *ctx, const double *x, int64_t n, int64_t k, double *out)
{
    double *sorted, weight = (double)k / (double)n;

    WG_TRY(WG_ALLOC(ctx, &sorted, n));
    memcpy(sorted, x, (size_t)n * sizeof *x);
    wg_sort(sorted, n);
    *out = 0;
    for (int64_t j = n; j >= k; j--) { /* weight is C(j-1, k-1) / C(n, k) */
        *out += weight * sorted[j - 1];
        if (j > k)
            weight *= (double)(j - k) / (double)(j - 1);
    }
    wg_free(sorted);
    return WAGLE_OK;
}

double wg_truth_share(double true_nll, double false_nll)
{
    const double p = exp(-true_nll), q = exp(-false_nll);

    return p / (p + q + 1e-10);
}

double wg_memorisation(double strength, double exact, double paraphrased, double truth)
{
    const double forgotten[] = {1 - strength, 1 - exact, 1 - paraphrased, 1 - truth};

    return wg_harmonic_mean(forgotten, 4);
}
