#include "base/number.h"

#include <math.h>

float wg_f16_float(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t exponent = (h >> 10) & 0x1Fu, fraction = h & 0x3FFu;

    if (exponent == 0x1F)
        return wg_bits_float(sign | 0x7F800000u | (fraction << 13));
    if (exponent == 0) {
        const float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return wg_bits_float(sign | ((exponent + 112u) << 23) | (fraction << 13));
}

uint16_t wg_float_f16(float x)
{
    const uint32_t bits = wg_float_bits(x);
    const uint16_t sign = (uint16_t)((bits >> 16) & 0x8000u);
    const uint32_t magnitude = bits & 0x7FFFFFFFu;

    if (magnitude > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00u);
    if (magnitude >= 0x477FF000u) /* rounds to 65536 or more */
        return (uint16_t)(sign | 0x7C00u);
    if (magnitude < 0x38800000u) { /* subnormal: units of 2^-24; the sum rounds to even */
        const float shifted = wg_bits_float(magnitude) + 0.5f;
        return (uint16_t)(sign | (wg_float_bits(shifted) - 0x3F000000u));
    }
    const uint32_t rebased = magnitude - 0x38000000u;
    return (uint16_t)(sign | ((rebased + 0xFFFu + ((rebased >> 13) & 1u)) >> 13));
}

uint64_t wg_random(uint64_t seed, uint64_t stream, uint64_t counter)
{
    uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)stream,
                     (uint32_t)(stream >> 32)};
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);

    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = 0xD2511F53u * (uint64_t)c[0], p1 = 0xCD9E8D57u * (uint64_t)c[2];
        const uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                                  (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (uint64_t)c[0] | (uint64_t)c[1] << 32;
}

double wg_random_unit(uint64_t seed, uint64_t stream, uint64_t counter)
{
    return (double)(wg_random(seed, stream, counter) >> 11) * 0x1p-53;
}

double wg_random_normal(uint64_t seed, uint64_t stream, uint64_t counter)
{
    const double u = 1.0 - wg_random_unit(seed, stream, 2 * counter);
    const double v = wg_random_unit(seed, stream, 2 * counter + 1);

    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

int64_t wg_random_below(uint64_t seed, uint64_t stream, uint64_t counter, int64_t n)
{
    return (int64_t)(wg_random(seed, stream, counter) % (uint64_t)n);
}

void wg_random_permutation(uint64_t seed, uint64_t stream, int64_t *order, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = wg_random_below(seed, stream, (uint64_t)i, i + 1);
        const int64_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}
