/* matvec.c - products with few rows, where reading the weights is the work: each stored row is
 * widened once, in pieces that stay in the cache, and meets every row of x there. */
#include "ops/cpu/cpu.h"

enum { PIECE = 4096, ROWS = 16, AT_ONCE = 4 };

static const float *piece_of(wg_dtype type, const void *W, int64_t at, int64_t n, float *buffer)
{
    const unsigned char *src = (const unsigned char *)W + (size_t)at * wg_dtype_size(type);

    if (type == WG_F32 && (uintptr_t)src % sizeof(float) == 0)
        return (const float *)(const void *)src;
    wg_cpu_widen_piece(type, src, n, buffer);
    return buffer;
}

/* sum[t] += w . x[t] for four rows of x, `step` apart; each in the same lanes as by itself. */
WG_CLONES static void dot_four(const float *w, const float *x, int64_t step, int64_t n, float *sum)
{
    float lane[AT_ONCE][WG_LANES] = {{0}};
    int64_t i = 0;

    for (; i + WG_LANES <= n; i += WG_LANES)
        for (int t = 0; t < AT_ONCE; t++)
            for (int j = 0; j < WG_LANES; j++)
                lane[t][j] += w[i + j] * x[t * step + i + j];
    for (int t = 0; t < AT_ONCE; t++) {
        for (int j = 0; i + j < n; j++)
            lane[t][j] += w[i + j] * x[t * step + i + j];
        sum[t] += wg_lanes_sum(lane[t]);
    }
}

WG_CLONES static void dot_one(const float *w, const float *x, int64_t n, float *sum)
{
    float lane[WG_LANES] = {0};
    int64_t i = 0;

    for (; i + WG_LANES <= n; i += WG_LANES)
        for (int j = 0; j < WG_LANES; j++)
            lane[j] += w[i + j] * x[i + j];
    for (int j = 0; i + j < n; j++)
        lane[j] += w[i + j] * x[i + j];
    *sum += wg_lanes_sum(lane);
}

/* Output o of all rows. */
static void one_output(wg_dtype type, const void *W, int64_t o, int64_t n, int64_t O, int64_t I,
                       const float *x, bool add, float *y, float *buffer)
{
    float sum[AT_ONCE];

    for (int64_t from = 0; from < I; from += PIECE) {
        const int64_t length = I - from < PIECE ? I - from : PIECE;
        const float *w = piece_of(type, W, o * I + from, length, buffer);
        int64_t t = 0;
        for (; t < n; t += AT_ONCE) {
            const int64_t some = n - t < AT_ONCE ? n - t : AT_ONCE;
            for (int64_t k = 0; k < some; k++)
                sum[k] = add || from > 0 ? y[(t + k) * O + o] : 0;
            if (some == AT_ONCE)
                dot_four(w, x + t * I + from, I, length, sum);
            else
                for (int64_t k = 0; k < some; k++)
                    dot_one(w, x + (t + k) * I + from, length, &sum[k]);
            for (int64_t k = 0; k < some; k++)
                y[(t + k) * O + o] = sum[k];
        }
    }
}

void wg_cpu_matvec(wg_dtype type, const void *W, int64_t n, int64_t O, int64_t I, const float *x,
                   bool add, float *y)
{
#pragma omp parallel for num_threads(wg_cpu_threads) schedule(static) if (O * I > 1 << 14)
    for (int64_t first = 0; first < O; first += ROWS) {
        float buffer[PIECE];
        const int64_t last = first + ROWS < O ? first + ROWS : O;
        for (int64_t o = first; o < last; o++)
            one_output(type, W, o, n, O, I, x, add, y, buffer);
    }
}
