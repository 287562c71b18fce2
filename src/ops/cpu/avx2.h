/* avx2.h - what functions with AVX2's instructions share. Include it where WG_CPU_X86 is defined.
 */
#ifndef WG_OPS_CPU_AVX2_H
#define WG_OPS_CPU_AVX2_H

#include "ops/cpu/cpu.h"
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX2_INLINE AVX2 __attribute__((always_inline)) static inline

/* Bytes of a weight of the three types, where the compiler sees it. */
static inline size_t wg_avx2_size(wg_dtype type)
{
    return type == WG_F32 ? 4 : 2;
}

/* The eight lanes are added in halves. */
AVX2_INLINE float wg_avx2_sum(__m256 v)
{
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

#endif
