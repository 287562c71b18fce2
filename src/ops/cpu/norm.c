/* norm.c - RMS and layer normalisation of rows. */
#include "ops/cpu/cpu.h"

#include <math.h>

enum { STRIP = 32 }; /* columns that one thread sums: each in the order of the rows */

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

typedef struct norm_task {
    int64_t N, D;
    float eps;
    const float *x, *weight, *bias;
    float *y, *mean, *rstd;
} norm_task;

static void forward_rows(const void *task, int64_t from, int64_t to)
{
    const norm_task *t = task;
    const int64_t D = t->D;

    for (int64_t n = from; n < to; n++) {
        if (t->mean != NULL)
            layer_row(D, t->eps, t->x + n * D, t->weight, t->y + n * D, t->mean + n, t->rstd + n);
        else
            rms_row(D, t->eps, t->x + n * D, t->weight, t->y + n * D, t->rstd + n);
        for (int64_t d = 0; t->bias != NULL && d < D; d++)
            t->y[n * D + d] += t->bias[d];
    }
}

void wg_cpu_norm_forward(WG_SELF, int64_t N, int64_t D, float eps, const float *x,
                         const float *weight, const float *bias, float *y, float *mean, float *rstd)
{
    const norm_task task = {N, D, eps, x, weight, bias, y, mean, rstd};

    wg_parallel(self->pool, N, wg_grain(2 * D), forward_rows, &task);
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

typedef struct norm_backward_task {
    int64_t N, D;
    const float *x, *weight, *mean, *rstd, *dy;
    float *dx, *dweight;
} norm_backward_task;

static void backward_rows(const void *task, int64_t from, int64_t to)
{
    const norm_backward_task *t = task;
    const int64_t D = t->D;

    for (int64_t n = from; n < to; n++)
        if (t->mean != NULL)
            layer_row_backward(D, t->x + n * D, t->weight, t->mean[n], t->rstd[n], t->dy + n * D,
                               t->dx + n * D);
        else
            rms_row_backward(D, t->x + n * D, t->weight, t->rstd[n], t->dy + n * D, t->dx + n * D);
}

void wg_cpu_norm_backward(WG_SELF, int64_t N, int64_t D, const float *x, const float *weight,
                          const float *mean, const float *rstd, const float *dy, float *dx)
{
    const norm_backward_task task = {N, D, x, weight, mean, rstd, dy, dx, NULL};

    wg_parallel(self->pool, N, wg_grain(2 * D), backward_rows, &task);
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

static void weight_strips(const void *task, int64_t from, int64_t to)
{
    const norm_backward_task *t = task;
    const int64_t low = from * STRIP, high = to * STRIP < t->D ? to * STRIP : t->D;

    if (t->mean != NULL)
        layer_weight_strip(t->N, t->D, low, high, t->x, t->mean, t->rstd, t->dy, t->dweight);
    else
        rms_weight_strip(t->N, t->D, low, high, t->x, t->rstd, t->dy, t->dweight);
}

void wg_cpu_norm_weight(WG_SELF, int64_t N, int64_t D, const float *x, const float *mean,
                        const float *rstd, const float *dy, float *dweight)
{
    const norm_backward_task task = {N, D, x, NULL, mean, rstd, dy, NULL, dweight};

    wg_parallel(self->pool, (D + STRIP - 1) / STRIP, wg_grain(STRIP * N), weight_strips, &task);
}
