/* optimizer.c - what the masked optimizer does to compact arrays of selected weights. */
#include "ops/cpu/cpu.h"

#include <math.h>

enum { BLOCK = 1 << 16, PARTS = 64 };

void wg_cpu_gather(int64_t n, const uint64_t *bits, const int64_t *rank, const float *src,
                   float *value)
{
#pragma omp parallel for num_threads(wg_cpu_threads)
    for (int64_t from = 0; from < n; from += WG_OVERLAY_BLOCK) {
        const int64_t to = from + WG_OVERLAY_BLOCK < n ? from + WG_OVERLAY_BLOCK : n;
        float *next = value + rank[from / WG_OVERLAY_BLOCK];
        for (int64_t w = from / 64; w < (to + 63) / 64; w++)
            for (uint64_t word = bits[w]; word != 0; word &= word - 1)
                *next++ = src[64 * w + __builtin_ctzll(word)];
    }
}

WG_CLONES static double square_block(const float *x, int64_t n)
{
    double lane[WG_LANES] = {0}, sum = 0;
    int64_t i = 0;

    for (; i + WG_LANES <= n; i += WG_LANES)
        for (int j = 0; j < WG_LANES; j++)
            lane[j] += (double)x[i + j] * (double)x[i + j];
    for (int j = 0; i + j < n; j++)
        lane[j] += (double)x[i + j] * (double)x[i + j];
    for (int j = 0; j < WG_LANES; j++)
        sum += lane[j];
    return sum;
}

/* In blocks of fixed size, added in order. */
double wg_cpu_square_norm(int64_t n, const float *x)
{
    double total = 0, part[PARTS];

    for (int64_t from = 0; from < n; from += PARTS * (int64_t)BLOCK) {
#pragma omp parallel for num_threads(wg_cpu_threads)
        for (int64_t b = 0; b < PARTS; b++) {
            const int64_t low = from + b * BLOCK, left = n - low;
            part[b] = left > 0 ? square_block(x + low, left < BLOCK ? left : BLOCK) : 0;
        }
        for (int b = 0; b < PARTS; b++)
            total += part[b];
    }
    return total;
}

WG_CLONES static void adamw_block(const wg_adamw_step *s, int64_t n, const float *gradient,
                                  float *m, float *v, float *value)
{
    for (int64_t i = 0; i < n; i++) {
        const float g = gradient[i] * s->scale;
        m[i] = s->beta1 * m[i] + s->rest1 * g;
        v[i] = s->beta2 * v[i] + s->rest2 * g * g;
        value[i] = value[i] * s->keep - s->rate * m[i] / (sqrtf(v[i] * s->unbias) + s->epsilon);
    }
}

WG_CLONES static void adamw_bf16_block(const wg_adamw_step *s, uint32_t seed, uint32_t first,
                                       int64_t n, const float *gradient, uint16_t *m, uint16_t *v,
                                       float *value)
{
    for (int64_t i = 0; i < n; i++) {
        const float g = gradient[i] * s->scale;
        const float one = s->beta1 * wg_bf16_float(m[i]) + s->rest1 * g;
        const float two = s->beta2 * wg_bf16_float(v[i]) + s->rest2 * g * g;
        const uint32_t chance = wg_mix(seed, first + (uint32_t)i);
        m[i] = wg_float_bf16_random(one, chance);
        v[i] = wg_float_bf16_random(two, chance >> 16);
        value[i] = value[i] * s->keep - s->rate * one / (sqrtf(two * s->unbias) + s->epsilon);
    }
}

void wg_cpu_adamw_bf16(const wg_adamw_step *step, uint32_t seed, int64_t n, const float *gradient,
                       uint16_t *m, uint16_t *v, float *value)
{
#pragma omp parallel for num_threads(wg_cpu_threads)
    for (int64_t i = 0; i < n; i += BLOCK)
        adamw_bf16_block(step, seed, (uint32_t)i, n - i < BLOCK ? n - i : BLOCK, gradient + i,
                         m + i, v + i, value + i);
}

void wg_cpu_adamw(const wg_adamw_step *step, int64_t n, const float *gradient, float *m, float *v,
                  float *value)
{
#pragma omp parallel for num_threads(wg_cpu_threads)
    for (int64_t i = 0; i < n; i += BLOCK)
        adamw_block(step, n - i < BLOCK ? n - i : BLOCK, gradient + i, m + i, v + i, value + i);
}
