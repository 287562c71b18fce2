/* optimizer.c - what the masked optimizer does to compact arrays of selected weights. */
#include "ops/cpu/cpu.h"

#include <math.h>

enum { BLOCK = 1 << 16, PARTS = 64 };

/* The bits of word w that lie in [from, to). */
static uint64_t within(const uint64_t *bits, int64_t w, int64_t from, int64_t to)
{
    uint64_t word = bits[w];

    if (w == from >> 6)
        word &= ~(uint64_t)0 << (from & 63);
    if (w == to >> 6)
        word &= ((uint64_t)1 << (to & 63)) - 1;
    return word;
}

/* Blocks of weights that begin where ranks are known, but for the first. */
#define EACH_RANKED_BLOCK                                                                          \
    _Pragma("omp parallel for num_threads(self->threads)") for (int64_t block =                    \
                                                                    first / WG_OVERLAY_BLOCK;      \
                                                                block <= (first + n - 1) /         \
                                                                             WG_OVERLAY_BLOCK;     \
                                                                block++)

static int64_t block_begin(int64_t block, int64_t first)
{
    return block * WG_OVERLAY_BLOCK > first ? block * WG_OVERLAY_BLOCK : first;
}

static int64_t block_end(int64_t block, int64_t end)
{
    return (block + 1) * WG_OVERLAY_BLOCK < end ? (block + 1) * WG_OVERLAY_BLOCK : end;
}

void wg_cpu_overlay(WG_SELF, int64_t first, int64_t n, const uint64_t *bits, const int64_t *rank,
                    const float *value, float *dst)
{
    EACH_RANKED_BLOCK
    {
        const int64_t from = block_begin(block, first), to = block_end(block, first + n);
        const float *next = value + wg_selected_before(from, bits, rank);
        for (int64_t w = from >> 6; w * 64 < to; w++)
            for (uint64_t word = within(bits, w, from, to); word != 0; word &= word - 1)
                dst[64 * w + __builtin_ctzll(word) - first] = *next++;
    }
}

void wg_cpu_gather(WG_SELF, int64_t first, int64_t n, const uint64_t *bits, const int64_t *rank,
                   const float *src, float *value)
{
    EACH_RANKED_BLOCK
    {
        const int64_t from = block_begin(block, first), to = block_end(block, first + n);
        float *next = value + wg_selected_before(from, bits, rank);
        for (int64_t w = from >> 6; w * 64 < to; w++)
            for (uint64_t word = within(bits, w, from, to); word != 0; word &= word - 1)
                *next++ = src[64 * w + __builtin_ctzll(word) - first];
    }
}

/* In blocks of fixed size, added in order. */
void wg_cpu_long_dot(WG_SELF, int64_t n, const float *x, const float *y, double *out)
{
    double total = 0, part[PARTS];

    for (int64_t from = 0; from < n; from += PARTS * (int64_t)BLOCK) {
#pragma omp parallel for num_threads(self->threads)
        for (int64_t b = 0; b < PARTS; b++) {
            const int64_t low = from + b * BLOCK, left = n - low;
            part[b] = left > 0 ? wg_cpu_dot(left < BLOCK ? left : BLOCK, x + low, y + low) : 0;
        }
        for (int b = 0; b < PARTS; b++)
            total += part[b];
    }
    *out = total;
}

WG_CLONES static void adamw_block(const wg_adamw_step *s, int64_t n, const float *gradient,
                                  float *m, float *v, float *value)
{
    for (int64_t i = 0; i < n; i++) {
        const float g = gradient[i] * s->scale;
        m[i] = s->beta1 * m[i] + s->one_minus_beta1 * g;
        v[i] = s->beta2 * v[i] + s->one_minus_beta2 * g * g;
        value[i] = value[i] * s->decay_factor -
                   s->rate * m[i] / (sqrtf(v[i] * s->bias_correction2) + s->epsilon);
    }
}

WG_CLONES static void adamw_bf16_block(const wg_adamw_step *s, uint32_t seed, uint32_t first,
                                       int64_t n, const float *gradient, uint16_t *m, uint16_t *v,
                                       float *value)
{
    for (int64_t i = 0; i < n; i++) {
        const float g = gradient[i] * s->scale;
        const float one = s->beta1 * wg_bf16_float(m[i]) + s->one_minus_beta1 * g;
        const float two = s->beta2 * wg_bf16_float(v[i]) + s->one_minus_beta2 * g * g;
        const uint32_t chance = wg_mix(seed, first + (uint32_t)i);
        m[i] = wg_float_bf16_random(one, chance);
        v[i] = wg_float_bf16_random(two, chance >> 16);
        value[i] = value[i] * s->decay_factor -
                   s->rate * one / (sqrtf(two * s->bias_correction2) + s->epsilon);
    }
}

void wg_cpu_adamw_bf16(WG_SELF, const wg_adamw_step *step, uint32_t seed, int64_t n,
                       const float *gradient, uint16_t *m, uint16_t *v, float *value)
{
#pragma omp parallel for num_threads(self->threads)
    for (int64_t i = 0; i < n; i += BLOCK)
        adamw_bf16_block(step, seed, (uint32_t)i, n - i < BLOCK ? n - i : BLOCK, gradient + i,
                         m + i, v + i, value + i);
}

void wg_cpu_adamw(WG_SELF, const wg_adamw_step *step, int64_t n, const float *gradient, float *m,
                  float *v, float *value)
{
#pragma omp parallel for num_threads(self->threads)
    for (int64_t i = 0; i < n; i += BLOCK)
        adamw_block(step, n - i < BLOCK ? n - i : BLOCK, gradient + i, m + i, v + i, value + i);
}

/* --- other rules ----------------------------------------------------------------------------- */

/* What a rule does to one weight: its new moment, and its move times the rate. */
static inline float sgd(const wg_adamw_step *s, float g, float *m, float v)
{
    (void)v;
    *m = s->beta1 * *m + g;
    return *m;
}

static inline float lion(const wg_adamw_step *s, float g, float *m, float v)
{
    const float blend = s->beta1 * *m + s->one_minus_beta1 * g;

    (void)v;
    *m = s->beta2 * *m + s->one_minus_beta2 * g;
    return (float)((blend > 0) - (blend < 0));
}

static inline float sophia(const wg_adamw_step *s, float g, float *m, float v)
{
    float least = s->bound * v, move;

    *m = s->beta1 * *m + s->one_minus_beta1 * g;
    least = least > s->epsilon ? least : s->epsilon;
    move = *m / least;
    return move > 1 ? 1 : move < -1 ? -1 : move;
}

#define BLOCK_OF(rule)                                                                             \
    WG_CLONES static void rule##_block(const wg_adamw_step *s, bool bf16, uint32_t seed,           \
                                       uint32_t first, int64_t n, const float *gradient, void *m,  \
                                       const float *v, float *value)                               \
    {                                                                                              \
        float *whole = m;                                                                          \
        uint16_t *half = m;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                          \
            float moment = bf16 ? wg_bf16_float(half[i]) : whole[i];                               \
            const float move = rule(s, gradient[i] * s->scale, &moment, v != NULL ? v[i] : 0.0f);  \
            value[i] = value[i] * s->decay_factor - s->rate * move;                                \
            if (bf16)                                                                              \
                half[i] = wg_float_bf16_random(moment, wg_mix(seed, first + (uint32_t)i));         \
            else                                                                                   \
                whole[i] = moment;                                                                 \
        }                                                                                          \
    }
BLOCK_OF(sgd)
BLOCK_OF(lion)
BLOCK_OF(sophia)
#undef BLOCK_OF

void wg_cpu_update(WG_SELF, wg_rule rule, const wg_adamw_step *step, bool bf16, uint32_t seed,
                   int64_t n, const float *gradient, void *m, const float *v, float *value)
{
    static void (*const of[])(const wg_adamw_step *, bool, uint32_t, uint32_t, int64_t,
                              const float *, void *, const float *,
                              float *) = {sgd_block, lion_block, sophia_block};
    const size_t size = bf16 ? sizeof(uint16_t) : sizeof(float);

#pragma omp parallel for num_threads(self->threads)
    for (int64_t i = 0; i < n; i += BLOCK)
        of[rule](step, bf16, seed, (uint32_t)i, n - i < BLOCK ? n - i : BLOCK, gradient + i,
                 (char *)m + (size_t)i * size, v != NULL ? v + i : NULL, value + i);
}

WG_CLONES static void square_average_block(int64_t n, float decay, float rest, const float *x,
                                           float *v)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = decay * v[i] + rest * x[i] * x[i];
}

void wg_cpu_square_average(WG_SELF, int64_t n, float decay, float rest, const float *x, float *v)
{
#pragma omp parallel for num_threads(self->threads)
    for (int64_t i = 0; i < n; i += BLOCK)
        square_average_block(n - i < BLOCK ? n - i : BLOCK, decay, rest, x + i, v + i);
}
