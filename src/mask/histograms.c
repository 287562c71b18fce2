/* histograms.c - scores as histograms that TensorBoard shows: one for each module, whose steps are
 * the layers.
 *
 * Scores lie decades apart, so their logarithms to base 10 are counted; zeros are counted apart. A
 * bucket is what shares the exponent and the first three bits of the fraction of a float. */
#include "mask/attribute.h"

#include "base/number.h"
#include "plot/plot.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

enum { SHIFT = 20, BUCKETS = 0x7f800000 >> SHIFT };

static double upper_end(int bucket)
{
    const float value =
        bucket + 1 < BUCKETS ? wg_bits_float((uint32_t)(bucket + 1) << SHIFT) : FLT_MAX;

    return log10((double)value);
}

wagle_status wg_histograms_open(wagle_ctx *ctx, const wg_attribution *a, const char *folder,
                                bool force, wg_histograms *h)
{
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &h->count, a->session.model->files.n * BUCKETS));
    st = wg_events_open(ctx, folder, "", force, &h->events);
    if (st != WAGLE_OK)
        wg_histograms_close(h);
    return st;
}

void wg_histograms_add(wg_histograms *h, int tensor, const float *score, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        h->count[(int64_t)tensor * BUCKETS + ((wg_float_bits(score[i]) & 0x7fffffff) >> SHIFT)] +=
            1;
}

/* Bucket 0 holds zeros, and numbers too small to be told from them. */
static wagle_status add_tensor(wagle_ctx *ctx, wg_histograms *h, int tensor, const char *module)
{
    const double *count = h->count + (int64_t)tensor * BUCKETS;
    double limit[BUCKETS], all = count[0];
    int first = 1, last = BUCKETS - 1;
    char tag[320];

    while (first < BUCKETS && count[first] == 0)
        first++;
    while (last > first && count[last] == 0)
        last--;
    for (int i = first; i < BUCKETS; i++) {
        limit[i] = upper_end(i);
        all += count[i];
    }
    snprintf(tag, sizeof tag, "zero scores, share/%s", module);
    if (all > 0)
        WG_TRY(wg_events_scalar(ctx, &h->events, tag, count[0] / all));
    if (first == BUCKETS)
        return WAGLE_OK;
    wg_histogram one = {.min = upper_end(first - 1),
                        .max = limit[last],
                        .limit = limit + first,
                        .count = count + first,
                        .n = last - first + 1};
    for (int i = first; i <= last; i++) { /* each at the upper end of its bucket */
        one.sum += count[i] * limit[i];
        one.sum_squares += count[i] * limit[i] * limit[i];
    }
    snprintf(tag, sizeof tag, "scores, log10/%s", module);
    return wg_events_histogram(ctx, &h->events, tag, &one);
}

wagle_status wg_histograms_write(wagle_ctx *ctx, const wg_attribution *a, wg_histograms *h)
{
    const wg_tensors *files = &a->session.model->files;
    int64_t layers = 1;

    WG_TRY(wg_events_start(ctx, &h->events, 0));
    for (int64_t layer = 0; layer < layers; layer++) {
        for (int t = 0; t < files->n; t++) {
            const char *module;
            const int64_t of = wg_layer_of(files->tensor[t].name, &module);
            layers = of + 1 > layers ? of + 1 : layers;
            if ((of > 0 ? of : 0) == layer && wg_model_is_weight(a->session.model, t) &&
                wg_is_scored(a, t))
                WG_TRY(add_tensor(ctx, h, t, module));
        }
        WG_TRY(wg_events_write(ctx, &h->events, layer));
    }
    return WAGLE_OK;
}

void wg_histograms_close(wg_histograms *h)
{
    wg_events_close(&h->events);
    wg_free(h->count);
}
