/* matvec_bf16.h - a few rows times stored weights, both in pairs of bf16, for each unit.
 *
 * Included once per unit with WG_NAME(f), WG_TARGET, WG_PAIRS (eight pairs), WG_SPLIT (of an
 * __m256i) and WG_DOT(sum, w, x) defined. Each element is summed in eight lanes, whose pairs are
 * multiplied and added upper half first; so its bits do not depend on the block it is in. */

/* Sixteen stored weights as bf16, or the first n of them and zeros. */
WG_TARGET __attribute__((always_inline)) static inline __m256i
WG_NAME(load)(wg_dtype type, const unsigned char *at, int64_t n)
{
    unsigned char part[64] = {0};

    if (n < 16) {
        memcpy(part, at, (size_t)n * wg_avx2_size(type));
        at = part;
    }
    if (type == WG_BF16)
        return _mm256_loadu_si256((const __m256i *)(const void *)at);
    if (type == WG_F32)
        return shorten(_mm256_loadu_ps((const float *)(const void *)at),
                       _mm256_loadu_ps((const float *)(const void *)(at + 32)));
    return shorten(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)at)),
                   _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(at + 16))));
}

/* sum[o*T + t] += sixteen products (or the first n) of row o of W and row t of x, from i on. */
WG_TARGET __attribute__((always_inline)) static inline void
WG_NAME(multiply)(wg_dtype type, const unsigned char *W, int64_t I, int64_t i, int64_t n,
                  int outputs, int T, const uint16_t *x, __m256 *sum)
{
    WG_PAIRS value[2];

#pragma GCC unroll 2
    for (int t = 0; t < T; t++)
        value[t] = WG_SPLIT(WG_NAME(load)(WG_BF16, (const unsigned char *)(x + t * I + i), n));
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++) {
        const WG_PAIRS w =
            WG_SPLIT(WG_NAME(load)(type, W + (size_t)(o * I + i) * wg_avx2_size(type), n));
#pragma GCC unroll 2
        for (int t = 0; t < T; t++)
            sum[o * T + t] = WG_DOT(sum[o * T + t], w, value[t]);
    }
}

/* y [T rows of O][outputs] of `outputs` rows of W and T rows of x; both counts are constants. */
WG_TARGET __attribute__((always_inline)) static inline void
WG_NAME(block)(wg_dtype type, const unsigned char *W, int64_t I, int outputs, int T,
               const uint16_t *x, bool add, float *y, int64_t O)
{
    __m256 sum[8];
    int64_t i = 0;

#pragma GCC unroll 8
    for (int k = 0; k < outputs * T; k++)
        sum[k] = _mm256_setzero_ps();
    for (; i + 16 <= I; i += 16)
        WG_NAME(multiply)(type, W, I, i, 16, outputs, T, x, sum);
    if (i < I)
        WG_NAME(multiply)(type, W, I, i, I - i, outputs, T, x, sum);
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 2
        for (int t = 0; t < T; t++)
            y[t * O + o] = (add ? y[t * O + o] : 0) + wg_avx2_sum(sum[o * T + t]);
}

/* Rows [first, last) of W with all n rows of x. */
WG_TARGET __attribute__((always_inline)) static inline void
WG_NAME(some)(wg_dtype type, const few *f, const unsigned char *W, int64_t O, float *y,
              int64_t first, int64_t last)
{
    const size_t row = (size_t)f->I * wg_avx2_size(type);
    int64_t t = 0;

#define BLOCKS(outputs, T)                                                                         \
    for (; f->n - t >= (T); t += (T)) {                                                            \
        const uint16_t *x = f->x + t * f->I;                                                       \
        int64_t o = first;                                                                         \
        for (; o + (outputs) <= last; o += (outputs)) {                                            \
            WG_NAME(block)(type, W + (size_t)o * row, f->I, outputs, T, x, f->add, y + o, O);      \
        }                                                                                          \
        for (; o < last; o++) {                                                                    \
            WG_NAME(block)(type, W + (size_t)o * row, f->I, 1, T, x, f->add, y + o, O);            \
        }                                                                                          \
        y += (T)*O;                                                                                \
    }
    BLOCKS(4, 2)
    BLOCKS(8, 1)
#undef BLOCKS
}

WG_TARGET static void WG_NAME(outputs)(const few *f, const wg_matvec *k, int64_t first,
                                       int64_t last)
{
    if (k->type == WG_BF16)
        WG_NAME(some)(WG_BF16, f, k->W, k->O, k->y + f->row * k->O, first, last);
    else if (k->type == WG_F16)
        WG_NAME(some)(WG_F16, f, k->W, k->O, k->y + f->row * k->O, first, last);
    else
        WG_NAME(some)(WG_F32, f, k->W, k->O, k->y + f->row * k->O, first, last);
}
#undef WG_NAME
#undef WG_TARGET
#undef WG_PAIRS
#undef WG_SPLIT
#undef WG_DOT
