#include "metric/membership.h"

#include "metric/statistics.h"
#include <math.h>
#include <string.h>
#include <zlib.h>

wagle_status wg_min_k(wagle_ctx *ctx, const double *x, int64_t n, double share, double *out)
{
    const int64_t most = (int64_t)((double)n * share), k = most > 1 ? most : 1;
    double *sorted;

    *out = NAN;
    if (n < 1)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &sorted, n));
    memcpy(sorted, x, (size_t)n * sizeof *x);
    wg_sort(sorted, n);
    *out = -wg_mean(sorted, k);
    wg_free(sorted);
    return WAGLE_OK;
}

double wg_standardised(double log_probability, double mean, double mean_square)
{
    return (log_probability - mean) / sqrt(fmax(mean_square - mean * mean, 1e-6));
}

wagle_status wg_zlib_bytes(wagle_ctx *ctx, wg_str text, int64_t *out)
{
    const uLong bytes = (uLong)text.bytes;
    uLongf capacity = compressBound(bytes);
    unsigned char *packed;

    WG_TRY(WG_ALLOC(ctx, &packed, (int64_t)capacity));
    const int status = compress2(packed, &capacity, (const Bytef *)text.text, bytes, 6);
    wg_free(packed);
    *out = (int64_t)capacity;
    return status == Z_OK ? WAGLE_OK : wg_fail(ctx, WAGLE_E_RESOURCE, "zlib: not enough memory");
}

double wg_exact_memorisation(const bool *hit, int64_t n)
{
    int64_t hits = 0;

    for (int64_t i = 0; i < n; i++)
        hits += hit[i];
    return n > 0 ? (double)hits / (double)n : NAN;
}

double wg_extraction_strength(const bool *hit, int64_t n)
{
    int64_t first = n;

    while (first > 0 && hit[first - 1])
        first--;
    return n > 0 ? 1 - (double)first / (double)n : NAN;
}
