#include "ops/cpu/cpu.h"

#include <math.h>

enum { BLOCK = 16384 };

#define EACH_BLOCK(n)                                                                              \
    _Pragma("omp parallel for num_threads(self->threads) if((n) > 4 * BLOCK)") for (int64_t from = \
                                                                                        0;         \
                                                                                    from < (n);    \
                                                                                    from += BLOCK)

static int64_t block_length(int64_t n, int64_t from)
{
    return n - from < BLOCK ? n - from : BLOCK;
}

WG_CLONES static void widen_bf16(const unsigned char *src, int64_t n, float *dst)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, src + 2 * i, sizeof h);
        dst[i] = wg_bf16_float(h);
    }
}

void wg_cpu_widen_piece(wg_dtype type, const void *src, int64_t n, float *dst)
{
    if (type == WG_BF16)
        widen_bf16(src, n, dst);
    else
        wg_to_float(type, src, n, dst);
}

void wg_cpu_widen(WG_SELF, wg_dtype type, const void *src, int64_t n, float *dst)
{
    const size_t size = wg_dtype_size(type);

    EACH_BLOCK (n) {
        const char *part = (const char *)src + (size_t)from * size;
        wg_cpu_widen_piece(type, part, block_length(n, from), dst + from);
    }
}

void wg_cpu_rope(WG_SELF, int64_t N, int64_t heads, int64_t h, int64_t r, const int32_t *position,
                 const float *cosine, const float *sine, int direction, float *x)
{
    const int64_t half = r / 2;
    const float sign = (float)direction;

#pragma omp parallel for num_threads(self->threads) if (N > 32)
    for (int64_t n = 0; n < N; n++) {
        const float *c = cosine + position[n] * half, *s = sine + position[n] * half;
        for (int64_t head = 0; head < heads; head++) {
            float *low = x + (n * heads + head) * h, *high = low + half;
            for (int64_t i = 0; i < half; i++) {
                const float a = low[i], b = high[i];
                low[i] = a * c[i] - b * (sign * s[i]);
                high[i] = b * c[i] + a * (sign * s[i]);
            }
        }
    }
}

void wg_cpu_embed_backward(WG_SELF, int64_t N, int64_t D, const int32_t *ids, const float *dx,
                           float *dtable)
{
    const int64_t strip = 64; /* columns a task: rows keep their order */

#pragma omp parallel for num_threads(self->threads)
    for (int64_t from = 0; from < D; from += strip) {
        const int64_t to = from + strip < D ? from + strip : D;
        for (int64_t n = 0; n < N; n++)
            for (int64_t d = from; d < to; d++)
                dtable[ids[n] * D + d] += dx[n * D + d];
    }
}

/* --- cross-entropy -------------------------------------------------------------------------- */

WG_CLONES static float row_maximum(const float *x, int64_t n, float most)
{
    float lane[WG_LANES];
    int64_t v = 0;

    for (int i = 0; i < WG_LANES; i++)
        lane[i] = most;
    for (; v + WG_LANES <= n; v += WG_LANES)
        for (int i = 0; i < WG_LANES; i++)
            lane[i] = x[v + i] > lane[i] ? x[v + i] : lane[i];
    for (; v < n; v++)
        lane[0] = x[v] > lane[0] ? x[v] : lane[0];
    for (int i = 1; i < WG_LANES; i++)
        lane[0] = lane[i] > lane[0] ? lane[i] : lane[0];
    return lane[0];
}

WG_CLONES static float row_exp_sum(const float *x, int64_t n, float most)
{
    float lane[WG_LANES] = {0};
    int64_t v = 0;

    for (; v + WG_LANES <= n; v += WG_LANES)
        for (int i = 0; i < WG_LANES; i++)
            lane[i] += wg_exp(x[v + i] - most);
    for (; v < n; v++)
        lane[0] += wg_exp(x[v] - most);
    return wg_lanes_sum(lane);
}

void wg_cpu_xent_forward(WG_SELF, int64_t M, int64_t first, int64_t n, const float *logits,
                         int64_t ld, const int32_t *target, float *maximum, float *sum,
                         float *picked)
{
#pragma omp parallel for num_threads(self->threads)
    for (int64_t m = 0; m < M; m++) {
        const float *row = logits + m * ld, most = row_maximum(row, n, maximum[m]);
        sum[m] = sum[m] * wg_exp(maximum[m] - most) + row_exp_sum(row, n, most);
        maximum[m] = most;
        if (target[m] >= first && target[m] < first + n)
            picked[m] = row[target[m] - first];
    }
}

WG_CLONES static void row_softmax(float *x, int64_t n, float lse, float weight)
{
    for (int64_t v = 0; v < n; v++)
        x[v] = weight * wg_exp(x[v] - lse);
}

/* The same through softcap: x = cap*tanh(.), whose slope is 1 - (x/cap)^2. */
WG_CLONES static void row_softmax_capped(float *x, int64_t n, float lse, float weight,
                                         float inverse)
{
    for (int64_t v = 0; v < n; v++) {
        const float t = x[v] * inverse;
        x[v] = (1.0f - t * t) * weight * wg_exp(x[v] - lse);
    }
}

void wg_cpu_xent_backward(WG_SELF, int64_t M, int64_t first, int64_t n, float *logits, int64_t ld,
                          const int32_t *target, const float *lse, const float *weight, float cap)
{
#pragma omp parallel for num_threads(self->threads)
    for (int64_t m = 0; m < M; m++) {
        float *row = logits + m * ld;
        const bool here = target[m] >= first && target[m] < first + n;
        const float x = here && cap > 0 ? row[target[m] - first] / cap : 0;
        if (cap > 0)
            row_softmax_capped(row, n, lse[m], weight[m], 1 / cap);
        else
            row_softmax(row, n, lse[m], weight[m]);
        if (here)
            row[target[m] - first] -= weight[m] * (1 - x * x);
    }
}

/* --- biases and caps ----------------------------------------------------------------------- */

void wg_cpu_bias_forward(WG_SELF, int64_t N, int64_t O, const float *bias, float *y, int64_t ld)
{
#pragma omp parallel for num_threads(self->threads) if (N * O > BLOCK)
    for (int64_t n = 0; n < N; n++)
        for (int64_t o = 0; o < O; o++)
            y[n * ld + o] += bias[o];
}

void wg_cpu_bias_backward(WG_SELF, int64_t N, int64_t O, const float *dy, int64_t ld, float *dbias)
{
    const int64_t strip = 128; /* columns a task: rows keep their order */

#pragma omp parallel for num_threads(self->threads) if (N * O > BLOCK)
    for (int64_t from = 0; from < O; from += strip) {
        const int64_t to = from + strip < O ? from + strip : O;
        for (int64_t n = 0; n < N; n++)
            for (int64_t o = from; o < to; o++)
                dbias[o] += dy[n * ld + o];
    }
}

WG_CLONES static void softcap_row(int64_t n, float cap, float *y)
{
    const float inverse = 1.0f / cap;

    for (int64_t i = 0; i < n; i++)
        y[i] = cap * wg_tanh(y[i] * inverse);
}

void wg_cpu_softcap(WG_SELF, int64_t N, int64_t O, float cap, float *y, int64_t ld)
{
#pragma omp parallel for num_threads(self->threads) if (N * O > BLOCK)
    for (int64_t n = 0; n < N; n++)
        softcap_row(O, cap, y + n * ld);
}
