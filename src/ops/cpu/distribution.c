/* distribution.c - targets that are distributions over the vocabulary. */
#include "ops/cpu/cpu.h"

WG_CLONES static void scaled_exp(float *x, int64_t n, float lse, float scale)
{
    for (int64_t v = 0; v < n; v++)
        x[v] = scale * wg_exp(x[v] - lse);
}

void wg_cpu_softmax(WG_SELF, int64_t M, int64_t n, const float *lse, const float *scale, float *x,
                    int64_t ld)
{
#pragma omp parallel for num_threads(self->threads)
    for (int64_t m = 0; m < M; m++)
        scaled_exp(x + m * ld, n, lse[m], scale[m]);
}

WG_CLONES double wg_cpu_dot(int64_t n, const float *a, const float *b)
{
    double lane[WG_LANES] = {0}, sum = 0;
    int64_t v = 0;

    for (; v + WG_LANES <= n; v += WG_LANES)
        for (int i = 0; i < WG_LANES; i++)
            lane[i] += (double)a[v + i] * (double)b[v + i];
    for (int i = 0; v + i < n; i++)
        lane[i] += (double)a[v + i] * (double)b[v + i];
    for (int i = 0; i < WG_LANES; i++)
        sum += lane[i];
    return sum;
}

void wg_cpu_dot_rows(WG_SELF, int64_t M, int64_t n, const float *a, int64_t lda, const float *b,
                     int64_t ldb, double *sum)
{
#pragma omp parallel for num_threads(self->threads)
    for (int64_t m = 0; m < M; m++)
        sum[m] += wg_cpu_dot(n, a + m * lda, b + m * ldb);
}

void wg_cpu_runner_up(WG_SELF, int64_t M, int64_t first, int64_t n, const float *logits, int64_t ld,
                      const int32_t *target, float *most, int32_t *which)
{
#pragma omp parallel for num_threads(self->threads)
    for (int64_t m = 0; m < M; m++)
        for (int64_t v = 0; v < n; v++)
            if (logits[m * ld + v] > most[m] && first + v != target[m]) {
                most[m] = logits[m * ld + v];
                which[m] = (int32_t)(first + v);
            }
}

/* inverse: 1/cap, or 0 for none */
WG_CLONES static void soft_row(float *x, int64_t n, const float *q, float lse, float weight,
                               float inverse)
{
    for (int64_t v = 0; v < n; v++) {
        const float t = x[v] * inverse;
        x[v] = (1.0f - t * t) * (weight * wg_exp(x[v] - lse) - q[v]);
    }
}

void wg_cpu_xent_soft_backward(WG_SELF, int64_t M, int64_t n, float *logits, int64_t ld,
                               const float *q, const float *lse, const float *weight, float cap)
{
#pragma omp parallel for num_threads(self->threads)
    for (int64_t m = 0; m < M; m++)
        soft_row(logits + m * ld, n, q + m * n, lse[m], weight[m], cap > 0 ? 1 / cap : 0);
}
