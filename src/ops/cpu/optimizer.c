/* optimizer.c - what the masked optimizer does to compact arrays of selected weights. */
#include "ops/cpu/cpu.h"

#include <math.h>
#ifdef WG_CPU_X86
#include <immintrin.h>
#endif

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

/* Moves the weights of a word that are selected: from one place to 64 (spread), or from 64 to one.
 */
typedef void word_fn(uint64_t word, const float *from, float *to);

static void spread_word(uint64_t word, const float *from, float *to)
{
    for (; word != 0; word &= word - 1)
        to[__builtin_ctzll(word)] = *from++;
}

static void collect_word(uint64_t word, const float *from, float *to)
{
    for (; word != 0; word &= word - 1)
        *to++ = from[__builtin_ctzll(word)];
}

#ifdef WG_CPU_X86
#define AVX512 __attribute__((target("avx512f")))

/* The first as many of sixteen as m has bits. */
AVX512 static inline __mmask16 first_of(__mmask16 m)
{
    return (__mmask16)((1u << __builtin_popcount(m)) - 1);
}

AVX512 static void spread_word_avx512(uint64_t word, const float *from, float *to)
{
    for (; word != 0; word >>= 16, to += 16) {
        const __mmask16 m = (__mmask16)word;
        _mm512_mask_storeu_ps(to, m,
                              _mm512_maskz_expand_ps(m, _mm512_maskz_loadu_ps(first_of(m), from)));
        from += __builtin_popcount(m);
    }
}

AVX512 static void collect_word_avx512(uint64_t word, const float *from, float *to)
{
    for (; word != 0; word >>= 16, from += 16) {
        const __mmask16 m = (__mmask16)word;
        _mm512_mask_storeu_ps(to, first_of(m),
                              _mm512_maskz_compress_ps(m, _mm512_maskz_loadu_ps(m, from)));
        to += __builtin_popcount(m);
    }
}
#endif

static word_fn *mover(WG_SELF, bool spreads)
{
#ifdef WG_CPU_X86
    if (wg_cpu_kernels_in(self)->unit >= WG_CPU_AVX512)
        return spreads ? spread_word_avx512 : collect_word_avx512;
#else
    (void)self;
#endif
    return spreads ? spread_word : collect_word;
}

/* Selected ones of weights [first, end) of a tensor; dense [end - first] begins at `first`. */
typedef struct selected_task {
    int64_t first, end;
    const uint64_t *bits;
    const int64_t *rank;
    const float *from;
    float *to;
    bool spreads; /* `to` is dense, else `from` */
    word_fn *move;
} selected_task;

/* Blocks of weights, counted from the one that holds `first`, begin where ranks are known. */
static void move_blocks(const void *task, int64_t from, int64_t to)
{
    const selected_task *t = task;
    const int64_t block = t->first / WG_OVERLAY_BLOCK;
    const int64_t low = from > 0 ? (block + from) * WG_OVERLAY_BLOCK : t->first;
    const int64_t high =
        (block + to) * WG_OVERLAY_BLOCK < t->end ? (block + to) * WG_OVERLAY_BLOCK : t->end;
    int64_t rank = wg_selected_before(low, t->bits, t->rank);

    for (int64_t w = low >> 6; w * 64 < high; w++) {
        const uint64_t word = within(t->bits, w, low, high);
        const int64_t dense = 64 * w - t->first; /* of bit 0; below 0 it is not selected */
        if (word != 0)
            t->move(word, t->from + (t->spreads ? rank : dense),
                    t->to + (t->spreads ? dense : rank));
        rank += __builtin_popcountll(word);
    }
}

static void move_selected(WG_SELF, selected_task t)
{
    const int64_t block = t.first / WG_OVERLAY_BLOCK;
    const int64_t blocks = t.end > t.first ? (t.end - 1) / WG_OVERLAY_BLOCK - block + 1 : 0;

    t.move = mover(self, t.spreads);
    wg_parallel(self->pool, blocks, wg_grain(WG_OVERLAY_BLOCK), move_blocks, &t);
}

void wg_cpu_overlay(WG_SELF, int64_t first, int64_t n, const uint64_t *bits, const int64_t *rank,
                    const float *value, float *dst)
{
    move_selected(self, (selected_task){first, first + n, bits, rank, value, dst, true, NULL});
}

void wg_cpu_gather(WG_SELF, int m, const wg_gather *list)
{
    for (const wg_gather *g = list; g < list + m; g++)
        move_selected(self, (selected_task){g->first, g->first + g->n, g->bits, g->rank, g->src,
                                            g->value, false, NULL});
}

typedef struct dot_task {
    int64_t n;
    const float *x, *y;
    double *part;
} dot_task;

static void dot_parts(const void *task, int64_t from, int64_t to)
{
    const dot_task *t = task;

    for (int64_t b = from; b < to; b++) {
        const int64_t low = b * BLOCK, left = t->n - low;
        t->part[b] = wg_cpu_dot(left < BLOCK ? left : BLOCK, t->x + low, t->y + low);
    }
}

/* In blocks of fixed size, added in order. */
void wg_cpu_long_dot(WG_SELF, int64_t n, const float *x, const float *y, double *out)
{
    double total = 0, part[PARTS];

    for (int64_t from = 0; from < n; from += PARTS * (int64_t)BLOCK) {
        const dot_task task = {n - from, x + from, y + from, part};
        const int64_t blocks = (n - from + BLOCK - 1) / BLOCK,
                      some = blocks < PARTS ? blocks : PARTS;
        wg_parallel(self->pool, some, 1, dot_parts, &task);
        for (int64_t b = 0; b < some; b++)
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

static inline float nearest(float x)
{
    return wg_bf16_float(wg_float_bf16(x));
}

/* x*y + z in double, then float; processors without such an instruction would call a function. */
static inline float fused(float x, float y, float z)
{
    return (float)((double)x * (double)y + (double)z);
}

WG_CLONES static void adamw_in_bf16_block(const wg_adamw_step *s, int64_t n, const float *gradient,
                                          uint16_t *m, uint16_t *v, uint16_t *value)
{
    const float scale = s->scale;

    for (int64_t i = 0; i < n; i++) {
        const float g = nearest(nearest(gradient[i]) * scale), old = wg_bf16_float(m[i]);
        const float one = nearest(fused(s->one_minus_beta1, g - old, old));
        const float kept = nearest(s->beta2 * wg_bf16_float(v[i]));
        const float two = nearest(fused(s->one_minus_beta2 * g, g, kept));
        const float root = nearest(nearest(sqrtf(two)) / s->root_correction2);
        const float theta = nearest(wg_bf16_float(value[i]) * s->decay_factor);
        m[i] = wg_float_bf16(one);
        v[i] = wg_float_bf16(two);
        value[i] = wg_float_bf16(theta - s->rate * one / nearest(root + s->epsilon));
    }
}

typedef struct update_task {
    const wg_adamw_step *step;
    wg_rule rule;
    bool bf16;
    uint32_t seed;
    const float *gradient;
    void *m, *v;
    float *value;
    uint16_t *half;
} update_task;

static void adamw_bf16_weights(const void *task, int64_t from, int64_t to)
{
    const update_task *t = task;

    adamw_bf16_block(t->step, t->seed, (uint32_t)from, to - from, t->gradient + from,
                     (uint16_t *)t->m + from, (uint16_t *)t->v + from, t->value + from);
}

void wg_cpu_adamw_bf16(WG_SELF, const wg_adamw_step *step, uint32_t seed, int64_t n,
                       const float *gradient, uint16_t *m, uint16_t *v, float *value)
{
    const update_task task = {
        .step = step, .seed = seed, .gradient = gradient, .m = m, .v = v, .value = value};

    wg_parallel(self->pool, n, wg_grain(1), adamw_bf16_weights, &task);
}

static void adamw_in_bf16_weights(const void *task, int64_t from, int64_t to)
{
    const update_task *t = task;

    adamw_in_bf16_block(t->step, to - from, t->gradient + from, (uint16_t *)t->m + from,
                        (uint16_t *)t->v + from, t->half + from);
}

void wg_cpu_adamw_in_bf16(WG_SELF, const wg_adamw_step *step, int64_t n, const float *gradient,
                          uint16_t *m, uint16_t *v, uint16_t *value)
{
    const update_task task = {.step = step, .gradient = gradient, .m = m, .v = v, .half = value};

    wg_parallel(self->pool, n, wg_grain(1), adamw_in_bf16_weights, &task);
}

WG_CLONES static void narrow_block(bool random, uint32_t seed, uint32_t first, int64_t n,
                                   const float *x, uint16_t *to)
{
    for (int64_t i = 0; i < n && random; i++)
        to[i] = wg_float_bf16_random(x[i], wg_mix(seed, first + (uint32_t)i));
    for (int64_t i = 0; i < n && !random; i++)
        to[i] = wg_float_bf16(x[i]);
}

typedef struct narrow_task {
    bool random;
    uint32_t seed;
    const float *x;
    uint16_t *to;
} narrow_task;

static void narrow_some(const void *task, int64_t from, int64_t to)
{
    const narrow_task *t = task;

    narrow_block(t->random, t->seed, (uint32_t)from, to - from, t->x + from, t->to + from);
}

void wg_cpu_narrow(WG_SELF, bool random, uint32_t seed, int64_t n, const float *x, uint16_t *to)
{
    const narrow_task task = {random, seed, x, to};

    wg_parallel(self->pool, n, wg_grain(1), narrow_some, &task);
}

static void adamw_weights(const void *task, int64_t from, int64_t to)
{
    const update_task *t = task;

    adamw_block(t->step, to - from, t->gradient + from, (float *)t->m + from, (float *)t->v + from,
                t->value + from);
}

void wg_cpu_adamw(WG_SELF, const wg_adamw_step *step, int64_t n, const float *gradient, float *m,
                  float *v, float *value)
{
    const update_task task = {.step = step, .gradient = gradient, .m = m, .v = v, .value = value};

    wg_parallel(self->pool, n, wg_grain(1), adamw_weights, &task);
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

static void rule_weights(const void *task, int64_t from, int64_t to)
{
    static void (*const of[])(const wg_adamw_step *, bool, uint32_t, uint32_t, int64_t,
                              const float *, void *, const float *,
                              float *) = {sgd_block, lion_block, sophia_block};
    const update_task *t = task;
    const size_t size = t->bf16 ? sizeof(uint16_t) : sizeof(float);
    const float *v = t->v;

    of[t->rule](t->step, t->bf16, t->seed, (uint32_t)from, to - from, t->gradient + from,
                (char *)t->m + (size_t)from * size, v != NULL ? v + from : NULL, t->value + from);
}

void wg_cpu_update(WG_SELF, wg_rule rule, const wg_adamw_step *step, bool bf16, uint32_t seed,
                   int64_t n, const float *gradient, void *m, const float *v, float *value)
{
    const update_task task = {.step = step,
                              .rule = rule,
                              .bf16 = bf16,
                              .seed = seed,
                              .gradient = gradient,
                              .m = m,
                              .v = (void *)(uintptr_t)v,
                              .value = value};

    wg_parallel(self->pool, n, wg_grain(1), rule_weights, &task);
}

WG_CLONES static void square_average_block(int64_t n, float decay, float rest, const float *x,
                                           float *v)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = decay * v[i] + rest * x[i] * x[i];
}

typedef struct average_task {
    float decay, rest;
    const float *x;
    float *v;
} average_task;

static void average_weights(const void *task, int64_t from, int64_t to)
{
    const average_task *t = task;

    square_average_block(to - from, t->decay, t->rest, t->x + from, t->v + from);
}

void wg_cpu_square_average(WG_SELF, int64_t n, float decay, float rest, const float *x, float *v)
{
    wg_parallel(self->pool, n, wg_grain(1), average_weights, &(average_task){decay, rest, x, v});
}
