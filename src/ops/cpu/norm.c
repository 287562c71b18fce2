/* norm.c - RMS and layer normalisation of rows. */
#include "ops/cpu/cpu.h"

#include <math.h>

/* Sum of terms f(d), d in [0,D), in WG_LANES lanes. */
#define LANE_SUM(out, f)                                                                           \
    do {                                                                                           \
        float lane[WG_LANES] = {0};                                                                \
        int64_t d = 0;                                                                             \
        for (; d + WG_LANES <= D; d += WG_LANES)                                                   \
            for (int i = 0; i < WG_LANES; i++)                                                     \
                lane[i] += f(d + i);                                                               \
        for (int i = 0; d + i < D; i++)                                                            \
            lane[i] += f(d + i);                                                                   \
        (out) = wg_lanes_sum(lane);                                                                \
    } while (0)

WG_CLONES static void rms_row(int64_t D, float eps, const float *x, const float *weight, float *y,
                              float *rstd)
{
    float square;

#define TERM(d) x[d] * x[d]
    LANE_SUM(square, TERM);
#undef TERM
    *rstd = 1.0f / sqrtf(square / (float)D + eps);
    for (int64_t d = 0; d < D; d++)
        y[d] = x[d] * *rstd * weight[d];
}

WG_CLONES static void layer_row(int64_t D, float eps, const float *x, const float *weight, float *y,
                                float *mean, float *rstd)
{
    float sum, square;

#define TERM(d) x[d]
    LANE_SUM(sum, TERM);
#undef TERM
    const float middle = *mean = sum / (float)D;
#define TERM(d) (x[d] - middle) * (x[d] - middle)
    LANE_SUM(square, TERM);
#undef TERM
    *rstd = 1.0f / sqrtf(square / (float)D + eps);
    for (int64_t d = 0; d < D; d++)
        y[d] = (x[d] - middle) * *rstd * weight[d];
}

void wg_cpu_norm_forward(WG_SELF, int64_t N, int64_t D, float eps, const float *x,
                         const float *weight, const float *bias, float *y, float *mean, float *rstd)
{
#pragma omp parallel for num_threads(self->threads) if (N > 32)
    for (int64_t n = 0; n < N; n++) {
        if (mean != NULL)
            layer_row(D, eps, x + n * D, weight, y + n * D, mean + n, rstd + n);
        else
            rms_row(D, eps, x + n * D, weight, y + n * D, rstd + n);
        for (int64_t d = 0; bias != NULL && d < D; d++)
            y[n * D + d] += bias[d];
    }
}

WG_CLONES static void rms_row_backward(int64_t D, const float *x, const float *weight, float rstd,
                                       const float *dy, float *dx)
{
    float dot;

#define TERM(d) dy[d] * weight[d] * x[d]
    LANE_SUM(dot, TERM);
#undef TERM
    const float pull = dot * rstd * rstd / (float)D;
    for (int64_t d = 0; d < D; d++)
        dx[d] += rstd * (dy[d] * weight[d] - x[d] * pull);
}

WG_CLONES static void layer_row_backward(int64_t D, const float *x, const float *weight, float mean,
                                         float rstd, const float *dy, float *dx)
{
    float dot, sum;

#define TERM(d) dy[d] * weight[d] * (x[d] - mean)
    LANE_SUM(dot, TERM);
#undef TERM
#define TERM(d) dy[d] * weight[d]
    LANE_SUM(sum, TERM);
#undef TERM
    const float pull = dot * rstd * rstd / (float)D, push = sum / (float)D;
    for (int64_t d = 0; d < D; d++)
        dx[d] += rstd * (dy[d] * weight[d] - push - (x[d] - mean) * pull);
}

void wg_cpu_norm_backward(WG_SELF, int64_t N, int64_t D, const float *x, const float *weight,
                          const float *mean, const float *rstd, const float *dy, float *dx)
{
#pragma omp parallel for num_threads(self->threads) if (N > 32)
    for (int64_t n = 0; n < N; n++)
        if (mean != NULL)
            layer_row_backward(D, x + n * D, weight, mean[n], rstd[n], dy + n * D, dx + n * D);
        else
            rms_row_backward(D, x + n * D, weight, rstd[n], dy + n * D, dx + n * D);
}

WG_CLONES static void rms_weight_strip(int64_t N, int64_t D, int64_t from, int64_t to,
                                       const float *x, const float *rstd, const float *dy,
                                       float *dweight)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t d = from; d < to; d++)
            dweight[d] += dy[n * D + d] * x[n * D + d] * rstd[n];
}

WG_CLONES static void layer_weight_strip(int64_t N, int64_t D, int64_t from, int64_t to,
                                         const float *x, const float *mean, const float *rstd,
                                         const float *dy, float *dweight)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t d = from; d < to; d++)
            dweight[d] += dy[n * D + d] * (x[n * D + d] - mean[n]) * rstd[n];
}

void wg_cpu_norm_weight(WG_SELF, int64_t N, int64_t D, const float *x, const float *mean,
                        const float *rstd, const float *dy, float *dweight)
{
    const int64_t strip = 128;

#pragma omp parallel for num_threads(self->threads) if (N > 32)
    for (int64_t from = 0; from < D; from += strip) {
        const int64_t to = from + strip < D ? from + strip : D;
        if (mean != NULL)
            layer_weight_strip(N, D, from, to, x, mean, rstd, dy, dweight);
        else
            rms_weight_strip(N, D, from, to, x, rstd, dy, dweight);
    }
}
