/* matvec_q8.c - products with few rows of matrices in 8 bits (WG_Q8), where reading them is the
 * work.
 *
 * x stays in float32. Sixteen lanes add up the products of a block of 32, whose scale multiplies
 * the sums. Each element is one such chain over the blocks of its row, so its bits do not depend on
 * what is computed beside it; and with fused multiply-add (AVX2 and AVX-512 alike) not on the
 * vector width either. */
#include "ops/cpu/cpu.h"

#include <string.h>

/* x [n,I] of a call. */
typedef struct few {
    int64_t n, I;
    const float *x;
    bool add;
} few;

typedef void outputs_fn(const few *f, const wg_matvec *k, int64_t first, int64_t last);

/* Rows of a matrix from one on. */
typedef struct eight {
    const int8_t *bytes;
    const float *scales;
    int64_t I, blocks;
} eight;

static inline eight rows_from(const wg_matvec *k, int64_t I, int64_t row)
{
    const char *W = k->W;
    const int64_t blocks = wg_q8_blocks(I);
    const float *scales = (const float *)(const void *)(W + wg_q8_scales(k->O, I));

    return (eight){(const int8_t *)W + row * I, scales + row * blocks, I, blocks};
}

/* --- the specification -------------------------------------------------------------------------
 */

/* lane += scale times the products of a block of n, of which lane j has j and j + 16. */
static void portable_block(const int8_t *w, const float *x, int64_t n, float scale, float *lane)
{
    float products[WG_LANES] = {0};

    for (int64_t i = 0; i < n; i++)
        products[i % WG_LANES] += (float)w[i] * x[i];
    for (int j = 0; j < WG_LANES; j++)
        lane[j] += scale * products[j];
}

static void portable_outputs(const few *f, const wg_matvec *k, int64_t first, int64_t last)
{
    for (int64_t o = first; o < last; o++) {
        const eight W = rows_from(k, f->I, o);
        for (int64_t t = 0; t < f->n; t++) {
            float lane[WG_LANES] = {0}, *y = &k->y[t * k->O + o];
            for (int64_t b = 0; b < W.blocks; b++) {
                const int64_t i = b * WG_Q8_BLOCK, left = f->I - i;
                portable_block(W.bytes + i, f->x + t * f->I + i,
                               left < WG_Q8_BLOCK ? left : WG_Q8_BLOCK, W.scales[b], lane);
            }
            *y = (f->add ? *y : 0) + wg_lanes_sum(lane);
        }
    }
}

/* --- vector units ------------------------------------------------------------------------------
 */

#ifdef WG_CPU_X86
#include "ops/cpu/avx2.h"

typedef struct two {
    __m256 low, high;
} two;

AVX2_INLINE two avx2_zero(void)
{
    return (two){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

AVX2_INLINE two avx2_splat(float x)
{
    return (two){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

AVX2_INLINE two avx2_load(const float *x)
{
    return (two){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)};
}

AVX2_INLINE __m256 eight_bytes(const int8_t *x)
{
    const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)x);

    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}

AVX2_INLINE two avx2_bytes(const int8_t *x)
{
    return (two){eight_bytes(x), eight_bytes(x + 8)};
}

AVX2_INLINE two avx2_multiply(two x, two y)
{
    return (two){_mm256_mul_ps(x.low, y.low), _mm256_mul_ps(x.high, y.high)};
}

AVX2_INLINE two avx2_fma(two x, two y, two sum)
{
    return (two){_mm256_fmadd_ps(x.low, y.low, sum.low), _mm256_fmadd_ps(x.high, y.high, sum.high)};
}

AVX2_INLINE float avx2_sum(two x)
{
    return wg_avx2_sum(_mm256_add_ps(x.low, x.high));
}

#define WG_NAME(f) avx2_##f
#define WG_TARGET AVX2
#define WG_WIDE two
#define WG_BLOCKS BLOCKS(2, 2) BLOCKS(4, 1)
#include "ops/cpu/matvec_q8.h"

#define AVX512 __attribute__((target("avx2,fma,f16c,avx512f,avx512vl")))
#define AVX512_INLINE AVX512 __attribute__((always_inline)) static inline

AVX512_INLINE __m512 avx512_zero(void)
{
    return _mm512_setzero_ps();
}

AVX512_INLINE __m512 avx512_splat(float x)
{
    return _mm512_set1_ps(x);
}

AVX512_INLINE __m512 avx512_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

AVX512_INLINE __m512 avx512_bytes(const int8_t *x)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)x);

    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

AVX512_INLINE __m512 avx512_multiply(__m512 x, __m512 y)
{
    return _mm512_mul_ps(x, y);
}

AVX512_INLINE __m512 avx512_fma(__m512 x, __m512 y, __m512 sum)
{
    return _mm512_fmadd_ps(x, y, sum);
}

/* As avx2_sum has it. */
AVX512_INLINE float avx512_sum(__m512 x)
{
    const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1));

    return wg_avx2_sum(_mm256_add_ps(_mm512_castps512_ps256(x), high));
}

#define WG_NAME(f) avx512_##f
#define WG_TARGET AVX512
#define WG_WIDE __m512
#define WG_BLOCKS BLOCKS(4, 4) BLOCKS(8, 2) BLOCKS(8, 1)
#include "ops/cpu/matvec_q8.h"
#endif

static outputs_fn *outputs_on(wg_cpu_unit unit)
{
#ifdef WG_CPU_X86
    if (unit >= WG_CPU_AVX512)
        return avx512_outputs;
    if (unit >= WG_CPU_AVX2)
        return avx2_outputs;
#else
    (void)unit;
#endif
    return portable_outputs;
}

/* --- a call ------------------------------------------------------------------------------------
 */

typedef struct strip_task {
    outputs_fn *outputs;
    few few;
} strip_task;

static void run_strip(const void *task, const wg_matvec *k, int64_t first, int64_t last)
{
    const strip_task *t = task;

    t->outputs(&t->few, k, first, last);
}

void wg_cpu_matvec_q8(WG_SELF, int m, const wg_matvec *list, int64_t n, int64_t I, const float *x,
                      bool add)
{
    const strip_task task = {outputs_on(wg_cpu_kernels_in(self)->unit), {n, I, x, add}};

    wg_cpu_each_strip(self, m, list, I, run_strip, &task);
}
