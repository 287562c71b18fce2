/* matvec.c - products with few rows, where reading the weights is the work.
 *
 * With AVX2: blocks of outputs and rows of x in registers, weights widened on their way there. Each
 * element is one chain of multiply-adds in eight lanes, so its bits do not depend on the block it
 * is in. Without: each stored row is widened in pieces that stay in the cache. */
#include "ops/cpu/cpu.h"
#ifdef WG_CPU_X86
#include "ops/cpu/avx2.h"
#endif

enum { PIECE = 4096, ROWS = 16 /* outputs of a strip */, AT_ONCE = 4 };

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

#ifdef WG_CPU_X86
/* Eight stored weights, or the first n of them and zeros. */
AVX2_INLINE __m256 load_weights(wg_dtype type, const unsigned char *at, int64_t n)
{
    unsigned char part[32] = {0};

    if (n < 8) {
        memcpy(part, at, (size_t)n * wg_avx2_size(type));
        at = part;
    }
    if (type == WG_BF16)
        return _mm256_castsi256_ps(_mm256_slli_epi32(
            _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)at)), 16));
    if (type == WG_F16)
        return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)at));
    return _mm256_loadu_ps((const float *)(const void *)at);
}

AVX2_INLINE __m256 load_values(const float *at, int64_t n)
{
    float part[8] = {0};

    if (n >= 8)
        return _mm256_loadu_ps(at);
    memcpy(part, at, (size_t)n * sizeof *at);
    return _mm256_loadu_ps(part);
}

/* sum[o*T + t] += eight products (or the first n) of row o of W and row t of x, from place i on. */
AVX2_INLINE void multiply(wg_dtype type, const unsigned char *W, int64_t I, int64_t i, int64_t n,
                          int outputs, int T, const float *x, __m256 *sum)
{
    __m256 value[4];

#pragma GCC unroll 4
    for (int t = 0; t < T; t++)
        value[t] = load_values(x + t * I + i, n);
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++) {
        const __m256 w = load_weights(type, W + (size_t)(o * I + i) * wg_avx2_size(type), n);
#pragma GCC unroll 4
        for (int t = 0; t < T; t++)
            sum[o * T + t] = _mm256_fmadd_ps(w, value[t], sum[o * T + t]);
    }
}

/* y [T rows of O][outputs] of `outputs` rows of W and T rows of x; both counts are constants. */
AVX2_INLINE void block(wg_dtype type, const unsigned char *W, int64_t I, int outputs, int T,
                       const float *x, bool add, float *y, int64_t O)
{
    const size_t size = wg_avx2_size(type);
    __m256 sum[8];
    int64_t i = 0;

#pragma GCC unroll 8
    for (int k = 0; k < outputs * T; k++)
        sum[k] = _mm256_setzero_ps();
    for (; i + 8 <= I; i += 8) {
        wg_fetch(W + (size_t)(outputs * (I + i)) * size, (size_t)(outputs * 8) * size);
        multiply(type, W, I, i, 8, outputs, T, x, sum);
    }
    if (i < I)
        multiply(type, W, I, i, I - i, outputs, T, x, sum);
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
        for (int t = 0; t < T; t++)
            y[t * O + o] = (add ? y[t * O + o] : 0) + wg_avx2_sum(sum[o * T + t]);
}

/* Rows [first, last) of W with all n rows of x. */
AVX2_INLINE void some_outputs(wg_dtype type, const unsigned char *W, int64_t first, int64_t last,
                              int64_t n, int64_t O, int64_t I, const float *x, bool add, float *y)
{
    const size_t row = (size_t)I * wg_avx2_size(type);

#define BLOCKS(outputs, T)                                                                         \
    for (; n - t >= (T); t += (T)) {                                                               \
        int64_t o = first;                                                                         \
        for (; o + (outputs) <= last; o += (outputs))                                              \
            block(type, W + (size_t)o * row, I, outputs, T, x + t * I, add, y + t * O + o, O);     \
        for (; o < last; o++)                                                                      \
            block(type, W + (size_t)o * row, I, 1, T, x + t * I, add, y + t * O + o, O);           \
    }
    int64_t t = 0;
    BLOCKS(2, 4)
    BLOCKS(4, 2)
    BLOCKS(8, 1)
#undef BLOCKS
}

AVX2 static void outputs_bf16(const unsigned char *W, int64_t first, int64_t last, int64_t n,
                              int64_t O, int64_t I, const float *x, bool add, float *y)
{
    some_outputs(WG_BF16, W, first, last, n, O, I, x, add, y);
}

AVX2 static void outputs_f16(const unsigned char *W, int64_t first, int64_t last, int64_t n,
                             int64_t O, int64_t I, const float *x, bool add, float *y)
{
    some_outputs(WG_F16, W, first, last, n, O, I, x, add, y);
}

AVX2 static void outputs_f32(const unsigned char *W, int64_t first, int64_t last, int64_t n,
                             int64_t O, int64_t I, const float *x, bool add, float *y)
{
    some_outputs(WG_F32, W, first, last, n, O, I, x, add, y);
}

static bool avx2_outputs(WG_SELF, wg_dtype type, const unsigned char *W, int64_t first,
                         int64_t last, int64_t n, int64_t O, int64_t I, const float *x, bool add,
                         float *y)
{
    if (wg_cpu_kernels_in(self)->unit < WG_CPU_AVX2)
        return false; /* every machine with AVX2 has F16C */
    (type == WG_BF16  ? outputs_bf16
     : type == WG_F16 ? outputs_f16
                      : outputs_f32)(W, first, last, n, O, I, x, add, y);
    return true;
}
#else
static bool avx2_outputs(WG_SELF, wg_dtype type, const unsigned char *W, int64_t first,
                         int64_t last, int64_t n, int64_t O, int64_t I, const float *x, bool add,
                         float *y)
{
    (void)type, (void)W, (void)first, (void)last, (void)n, (void)O, (void)I, (void)x, (void)add;
    (void)y;
    return false;
}
#endif

/* --- strips ------------------------------------------------------------------------------------
 */

typedef struct strips_task {
    const wg_matvec *list;
    wg_strip_fn *run;
    const void *task;
} strips_task;

static int64_t strips_of(const wg_matvec *k)
{
    return (k->O + ROWS - 1) / ROWS;
}

static void run_strips(const void *task, int64_t from, int64_t to)
{
    const strips_task *t = task;

    for (int64_t s = from; s < to; s++) {
        const wg_matvec *k = t->list;
        int64_t at = s;
        for (; at >= strips_of(k); k++)
            at -= strips_of(k);
        t->run(t->task, k, at * ROWS, (at + 1) * ROWS < k->O ? (at + 1) * ROWS : k->O);
    }
}

void wg_cpu_each_strip(WG_SELF, int m, const wg_matvec *list, int64_t I, wg_strip_fn *run,
                       const void *task)
{
    int64_t strips = 0;

    for (int k = 0; k < m; k++)
        strips += strips_of(&list[k]);
    wg_parallel(self->pool, strips, wg_grain(ROWS * I / 2), run_strips,
                &(strips_task){list, run, task});
}

/* --- a call ------------------------------------------------------------------------------------
 */

typedef struct matvec_task {
    const wg_ops *self;
    int64_t n, I;
    const float *x;
    bool add;
} matvec_task;

static void run_strip(const void *task, const wg_matvec *k, int64_t first, int64_t last)
{
    const matvec_task *t = task;
    float buffer[PIECE];

    if (avx2_outputs(t->self, k->type, k->W, first, last, t->n, k->O, t->I, t->x, t->add, k->y))
        return;
    for (int64_t o = first; o < last; o++)
        one_output(k->type, k->W, o, t->n, k->O, t->I, t->x, t->add, k->y, buffer);
}

void wg_cpu_matvec(WG_SELF, int m, const wg_matvec *list, int64_t n, int64_t I, const float *x,
                   bool add)
{
    if (list->type == WG_Q8) {
        wg_cpu_matvec_q8(self, m, list, n, I, x, add);
        return;
    }
    if (self->panel_type == WG_BF16 && wg_cpu_matvec_bf16(self, m, list, n, I, x, add))
        return;
    wg_cpu_each_strip(self, m, list, I, run_strip, &(matvec_task){self, n, I, x, add});
}
