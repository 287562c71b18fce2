#include "metric/overlap.h"

#include <math.h>
#include <string.h>

wagle_status wg_common_tokens(wagle_ctx *ctx, const int32_t *a, int64_t n, const int32_t *b,
                              int64_t m, wg_common *out)
{
    int64_t *run, *longest = NULL;
    wagle_status st;

    *out = (wg_common){0};
    WG_TRY(WG_ALLOC(ctx, &run, m + 1));
    st = WG_ALLOC(ctx, &longest, m + 1);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        for (int64_t j = 0, run_corner = 0, corner = 0; j < m; j++) {
            const int64_t run_up = run[j + 1], up = longest[j + 1], left = longest[j];
            run[j + 1] = a[i] == b[j] ? run_corner + 1 : 0;
            longest[j + 1] = a[i] == b[j] ? corner + 1 : up > left ? up : left;
            out->run = run[j + 1] > out->run ? run[j + 1] : out->run;
            run_corner = run_up;
            corner = up;
        }
    if (st == WAGLE_OK)
        out->subsequence = longest[m];
    wg_free(run);
    wg_free(longest);
    return st;
}

/* how_many [grams]: number of occurrences, at the first occurrence of each n-gram; 0 at later ones.
 */
static wagle_status count_grams(wagle_ctx *ctx, const int32_t *ids, int64_t grams, int64_t n,
                                int64_t **how_many)
{
    WG_TRY(WG_ALLOC(ctx, how_many, grams));
    for (int64_t i = 0; i < grams; i++) {
        int64_t first = 0;
        while (memcmp(ids + first, ids + i, (size_t)n * sizeof *ids) != 0)
            first++;
        (*how_many)[first]++;
    }
    return WAGLE_OK;
}

wagle_status wg_repeated_grams(wagle_ctx *ctx, const int32_t *ids, int64_t length, int64_t n,
                               double *out)
{
    const int64_t grams = length - n + 1;
    int64_t *how_many, different = 0;

    *out = 0;
    if (grams < 2)
        return WAGLE_OK;
    WG_TRY(count_grams(ctx, ids, grams, n, &how_many));
    for (int64_t i = 0; i < grams; i++)
        different += how_many[i] > 0;
    wg_free(how_many);
    *out = 1 - (double)different / (double)grams;
    return WAGLE_OK;
}

wagle_status wg_gram_entropy(wagle_ctx *ctx, const int32_t *ids, int64_t length, int64_t n,
                             double *out)
{
    const int64_t grams = length - n + 1;
    int64_t *how_many;

    *out = 0;
    if (grams < 1)
        return WAGLE_OK;
    WG_TRY(count_grams(ctx, ids, grams, n, &how_many));
    for (int64_t i = 0; i < grams; i++)
        if (how_many[i] > 0)
            *out -= (double)how_many[i] / (double)grams * log2((double)how_many[i] / (double)grams);
    wg_free(how_many);
    return WAGLE_OK;
}
