/* pooling.c - one vector for a text, of the hidden states of its tokens. */
#include "encoder/parts.h"

#include <math.h>

/* Weight of token t of T, where an embedding is a weighted sum. */
static double weight_of(wg_pooling how, int64_t t, int64_t T)
{
    switch (how) {
    case WG_POOL_CLS:
        return t == 0;
    case WG_POOL_LAST:
        return t == T - 1;
    case WG_POOL_MEAN_SQRT:
        return 1 / sqrt((double)T);
    case WG_POOL_WEIGHTED:
        return 2.0 * (double)(t + 1) / ((double)T * (double)(T + 1));
    default:
        return 1 / (double)T;
    }
}

static float pool_one(wg_pooling how, int64_t T, int64_t D, const float *x)
{
    double sum = 0;
    float most = T > 0 ? x[0] : 0;

    for (int64_t t = 0; t < T; t++) {
        most = fmaxf(most, x[t * D]);
        sum += weight_of(how, t, T) * (double)x[t * D];
    }
    return how == WG_POOL_MAX ? most : (float)sum;
}

static double length_of(const float *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return fmax(sqrt(sum), 1e-12); /* as in torch.nn.functional.normalize */
}

void wg_encoder_pool(const wg_encoder_folder *how, int64_t T, int64_t D, const float *x, float *out)
{
    const int64_t n = how->n_pooling * D;

    for (int p = 0; p < how->n_pooling; p++)
        for (int64_t d = 0; d < D; d++)
            out[p * D + d] = pool_one(how->pooling[p], T, D, x + d);
    if (!how->normalize)
        return;
    const double length = length_of(out, n);
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)((double)out[i] / length);
}

double wg_cosine(const float *a, const float *b, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum / (length_of(a, n) * length_of(b, n));
}
