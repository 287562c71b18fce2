#include "ops/cpu/cpu.h"

#include <math.h>

enum { BLOCK = 16384 };

#define EACH_BLOCK(n)                                                                              \
    _Pragma(                                                                                       \
        "omp parallel for num_threads(wg_cpu_threads) if((n) > 4 * BLOCK)") for (int64_t from = 0; \
                                                                                 from < (n);       \
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

void wg_cpu_widen(wg_dtype type, const void *src, int64_t n, float *dst)
{
    const size_t size = wg_dtype_size(type);

    EACH_BLOCK (n) {
        const char *part = (const char *)src + (size_t)from * size;
        wg_cpu_widen_piece(type, part, block_length(n, from), dst + from);
    }
}

void wg_cpu_overlay(int64_t n, const uint64_t *bits, const int64_t *rank, const float *value,
                    float *dst)
{
#pragma omp parallel for num_threads(wg_cpu_threads)
    for (int64_t from = 0; from < n; from += WG_OVERLAY_BLOCK) {
        const float *next = value + rank[from / WG_OVERLAY_BLOCK];
        const int64_t to = from + WG_OVERLAY_BLOCK < n ? from + WG_OVERLAY_BLOCK : n;
        for (int64_t w = from / 64; w < (to + 63) / 64; w++)
            for (uint64_t word = bits[w]; word != 0; word &= word - 1)
                dst[64 * w + __builtin_ctzll(word)] = *next++;
    }
}

WG_CLONES static void swiglu_block(int64_t n, const float *gate, const float *up, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = gate[i] / (1.0f + wg_exp(-gate[i])) * up[i];
}

void wg_cpu_swiglu_forward(int64_t n, const float *gate, const float *up, float *out)
{
    EACH_BLOCK (n)
        swiglu_block(block_length(n, from), gate + from, up + from, out + from);
}

WG_CLONES static void swiglu_backward_block(int64_t n, const float *gate, const float *up,
                                            const float *dout, float *dgate, float *dup)
{
    for (int64_t i = 0; i < n; i++) {
        const float s = 1.0f / (1.0f + wg_exp(-gate[i])), d = dout[i];
        dgate[i] = d * up[i] * s * (1.0f + gate[i] * (1.0f - s));
        dup[i] = d * gate[i] * s;
    }
}

void wg_cpu_swiglu_backward(int64_t n, const float *gate, const float *up, const float *dout,
                            float *dgate, float *dup)
{
    EACH_BLOCK (n)
        swiglu_backward_block(block_length(n, from), gate + from, up + from, dout + from,
                              dgate + from, dup + from);
}

void wg_cpu_rope(int64_t N, int64_t heads, int64_t h, const int32_t *position, const float *cosine,
                 const float *sine, int direction, float *x)
{
    const int64_t half = h / 2;
    const float sign = (float)direction;

#pragma omp parallel for num_threads(wg_cpu_threads) if (N > 32)
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

void wg_cpu_embed_backward(int64_t N, int64_t D, const int32_t *ids, const float *dx, float *dtable)
{
    const int64_t strip = 64; /* columns a task: rows keep their order */

#pragma omp parallel for num_threads(wg_cpu_threads)
    for (int64_t from = 0; from < D; from += strip) {
        const int64_t to = from + strip < D ? from + strip : D;
        for (int64_t n = 0; n < N; n++)
            for (int64_t d = from; d < to; d++)
                dtable[ids[n] * D + d] += dx[n * D + d];
    }
}

/* --- RMS normalisation --------------------------------------------------------------------- */

WG_CLONES static void rmsnorm_row(int64_t D, float eps, const float *x, const float *weight,
                                  float *y, float *rstd)
{
    float lane[WG_LANES] = {0};
    int64_t d = 0;

    for (; d + WG_LANES <= D; d += WG_LANES)
        for (int i = 0; i < WG_LANES; i++)
            lane[i] += x[d + i] * x[d + i];
    for (int i = 0; d + i < D; i++)
        lane[i] += x[d + i] * x[d + i];
    *rstd = 1.0f / sqrtf(wg_lanes_sum(lane) / (float)D + eps);
    for (d = 0; d < D; d++)
        y[d] = x[d] * *rstd * weight[d];
}

void wg_cpu_rmsnorm_forward(int64_t N, int64_t D, float eps, const float *x, const float *weight,
                            float *y, float *rstd)
{
#pragma omp parallel for num_threads(wg_cpu_threads) if (N > 32)
    for (int64_t n = 0; n < N; n++)
        rmsnorm_row(D, eps, x + n * D, weight, y + n * D, rstd + n);
}

WG_CLONES static void rmsnorm_row_backward(int64_t D, const float *x, const float *weight,
                                           float rstd, const float *dy, float *dx)
{
    float lane[WG_LANES] = {0};
    int64_t d = 0;

    for (; d + WG_LANES <= D; d += WG_LANES)
        for (int i = 0; i < WG_LANES; i++)
            lane[i] += dy[d + i] * weight[d + i] * x[d + i];
    for (int i = 0; d + i < D; i++)
        lane[i] += dy[d + i] * weight[d + i] * x[d + i];
    const float pull = wg_lanes_sum(lane) * rstd * rstd / (float)D;
    for (d = 0; d < D; d++)
        dx[d] += rstd * (dy[d] * weight[d] - x[d] * pull);
}

WG_CLONES static void norm_weight_strip(int64_t N, int64_t D, int64_t from, int64_t to,
                                        const float *x, const float *rstd, const float *dy,
                                        float *dweight)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t d = from; d < to; d++)
            dweight[d] += dy[n * D + d] * x[n * D + d] * rstd[n];
}

void wg_cpu_rmsnorm_backward(int64_t N, int64_t D, const float *x, const float *weight,
                             const float *rstd, const float *dy, float *dx)
{
#pragma omp parallel for num_threads(wg_cpu_threads) if (N > 32)
    for (int64_t n = 0; n < N; n++)
        rmsnorm_row_backward(D, x + n * D, weight, rstd[n], dy + n * D, dx + n * D);
}

void wg_cpu_rmsnorm_weight(int64_t N, int64_t D, const float *x, const float *rstd, const float *dy,
                           float *dweight)
{
    const int64_t strip = 128;

#pragma omp parallel for num_threads(wg_cpu_threads) if (N > 32)
    for (int64_t from = 0; from < D; from += strip)
        norm_weight_strip(N, D, from, from + strip < D ? from + strip : D, x, rstd, dy, dweight);
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

void wg_cpu_xent_forward(int64_t M, int64_t first, int64_t n, const float *logits, int64_t ld,
                         const int32_t *target, float *maximum, float *sum, float *picked)
{
#pragma omp parallel for num_threads(wg_cpu_threads)
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

void wg_cpu_xent_backward(int64_t M, int64_t first, int64_t n, float *logits, int64_t ld,
                          const int32_t *target, const float *lse, const float *weight)
{
#pragma omp parallel for num_threads(wg_cpu_threads)
    for (int64_t m = 0; m < M; m++) {
        row_softmax(logits + m * ld, n, lse[m], weight[m]);
        if (target[m] >= first && target[m] < first + n)
            logits[m * ld + target[m] - first] -= weight[m];
    }
}
