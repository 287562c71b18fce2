/* number.h - 16-bit floats and counter-based random numbers.
 *
 * bf16 is the upper half of a float32; f16 is IEEE binary16. Conversions to 16 bits round to
 * nearest, ties to even; NaN stays NaN. */
#ifndef WG_BASE_NUMBER_H
#define WG_BASE_NUMBER_H

#include <stdint.h>
#include <string.h>

static inline float wg_bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t wg_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float wg_bf16_float(uint16_t h)
{
    return wg_bits_float((uint32_t)h << 16);
}

static inline uint16_t wg_float_bf16(float x)
{
    const uint32_t bits = wg_float_bits(x);

    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

/* Stochastic rounding to bf16: rounds up with the probability of the truncated fraction. `random`
 * has 16 uniform bits. */
static inline uint16_t wg_float_bf16_random(float x, uint32_t random)
{
    const uint32_t bits = wg_float_bits(x);
    const uint32_t add = (bits & 0x7F800000u) == 0x7F800000u ? 0 : random & 0xFFFFu;

    return (uint16_t)((bits + add) >> 16);
}

/* A hash of (seed, i) with well mixed bits (Wellons' lowbias32). It is fast and can be vectorised.
 */
static inline uint32_t wg_mix(uint32_t seed, uint32_t i)
{
    uint32_t x = i ^ seed * 0x9E3779B9u;

    x = (x ^ x >> 16) * 0x7FEB352Du;
    x = (x ^ x >> 15) * 0x846CA68Bu;
    return x ^ x >> 16;
}

float wg_f16_float(uint16_t h);
uint16_t wg_float_f16(float x);

/* Philox4x32-10 (Salmon et al. 2011): 64 random bits from (seed, stream, counter). They depend only
 * on these three numbers. */
uint64_t wg_random(uint64_t seed, uint64_t stream, uint64_t counter);
double wg_random_unit(uint64_t seed, uint64_t stream, uint64_t counter);   /* [0,1) */
double wg_random_normal(uint64_t seed, uint64_t stream, uint64_t counter); /* mean 0, sd 1 */
/* A random number in 0 .. n-1, n >= 1. The bias is negligible for n << 2^64. */
int64_t wg_random_below(uint64_t seed, uint64_t stream, uint64_t counter, int64_t n);
/* Sets order [n] to a random permutation of 0 .. n-1. */
void wg_random_permutation(uint64_t seed, uint64_t stream, int64_t *order, int64_t n);

#endif
