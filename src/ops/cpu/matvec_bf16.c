/* matvec_bf16.c - products with few rows in bf16: x is rounded once, weights are read as they are
 * stored (rounded on their way if that is not bf16). */
#include "ops/cpu/tile.h"

#include <string.h>

enum { LANES = 8, PIECE = 4096, ROOM = 1 << 20 };

/* Rows [row, row+n) of a call: x [n,I], rounded. */
typedef struct few {
    int64_t row, n, I;
    const uint16_t *x;
    bool add;
} few;

typedef void outputs_fn(const few *f, const wg_matvec *k, int64_t first, int64_t last);

/* --- the specification -------------------------------------------------------------------------
 */

/* lane[j] += the pairs j, j + 8, ... of w and x [n], upper half first. */
static void portable_lanes(const float *w, const uint16_t *x, int64_t n, float *lane)
{
    for (int64_t i = 0; i < n; i += 2) {
        float *sum = &lane[i / 2 % LANES];
        if (i + 1 < n)
            *sum += w[i + 1] * wg_bf16_float(x[i + 1]);
        *sum += w[i] * wg_bf16_float(x[i]);
    }
}

static void portable_outputs(const few *f, const wg_matvec *k, int64_t first, int64_t last)
{
    const size_t size = wg_dtype_size(k->type);
    float w[PIECE];

    for (int64_t o = first; o < last; o++)
        for (int64_t t = 0; t < f->n; t++) {
            float s[LANES] = {0}, *y = &k->y[(f->row + t) * k->O + o];
            for (int64_t i = 0; i < f->I; i += PIECE) {
                const int64_t n = f->I - i < PIECE ? f->I - i : PIECE;
                wg_cpu_widen_piece(k->type, (const char *)k->W + (size_t)(o * f->I + i) * size, n,
                                   w);
                for (int64_t j = 0; j < n; j++)
                    w[j] = wg_rounded(w[j]);
                portable_lanes(w, f->x + t * f->I + i, n, s);
            }
            *y = (f->add ? *y : 0) +
                 (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])));
        }
}

/* --- vector units ------------------------------------------------------------------------------
 */

#ifdef WG_CPU_X86
#include "ops/cpu/avx2.h"

/* bf16 in the lower half of each lane, rounded to nearest even. */
AVX2_INLINE __m256i rounded8(__m256 x)
{
    const __m256i bits = _mm256_castps_si256(x), cut = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(cut, _mm256_set1_epi32(1));
    const __m256i up = _mm256_srli_epi32(
        _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd), 16);
    const __m256i nan = _mm256_or_si256(cut, _mm256_set1_epi32(0x40));

    return _mm256_blendv_epi8(up, nan, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}

/* Sixteen float32 as bf16. */
AVX2_INLINE __m256i shorten(__m256 first, __m256 second)
{
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(rounded8(first), rounded8(second)), 0xD8);
}

typedef struct halves {
    __m256 upper, lower;
} halves;

AVX2_INLINE halves split(__m256i pairs)
{
    return (halves){
        _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xFFFF0000u))),
        _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16))};
}

AVX2_INLINE __m256 dot(__m256 sum, halves w, halves x)
{
    return _mm256_fmadd_ps(w.lower, x.lower, _mm256_fmadd_ps(w.upper, x.upper, sum));
}

#define WG_NAME(f) avx2_##f
#define WG_TARGET AVX2
#define WG_PAIRS halves
#define WG_SPLIT split
#define WG_DOT dot
#include "ops/cpu/matvec_bf16.h"

#define WG_NAME(f) avx512_##f
#define WG_TARGET __attribute__((target("avx2,fma,f16c,avx512f,avx512vl,avx512bf16")))
#define WG_PAIRS __m256bh
#define WG_SPLIT(v) ((__m256bh)(v))
#define WG_DOT _mm256_dpbf16_ps
#include "ops/cpu/matvec_bf16.h"
#endif

static outputs_fn *outputs_on(wg_cpu_unit unit)
{
#ifdef WG_CPU_X86
    if (unit >= WG_CPU_AVX512_BF16)
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
    const few *few;
} strip_task;

static void run_strip(const void *task, const wg_matvec *k, int64_t first, int64_t last)
{
    const strip_task *t = task;
    const unsigned kept = wg_flush_begin();

    t->outputs(t->few, k, first, last);
    wg_flush_end(kept);
}

WG_CLONES static void round_rows(int64_t n, const float *x, uint16_t *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = wg_float_bf16(x[i]);
}

bool wg_cpu_matvec_bf16(WG_SELF, int m, const wg_matvec *list, int64_t n, int64_t I, const float *x,
                        bool add)
{
    outputs_fn *outputs = outputs_on(wg_cpu_kernels_in(self)->unit);
    uint16_t *rounded = self->state; /* where gemm has its panels */

    if (rounded == NULL || I > ROOM)
        return false;
    for (int64_t t = 0; t < n; t += ROOM / I) {
        const int64_t rows = n - t < ROOM / I ? n - t : ROOM / I;
        round_rows(rows * I, x + t * I, rounded);
        const few f = {t, rows, I, rounded, add};
        wg_cpu_each_strip(self, m, list, I, run_strip, &(strip_task){outputs, &f});
    }
    return true;
}
