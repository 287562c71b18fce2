/* stand_in.h - AVX512_BF16 and AMX in plain C, as Intel documents them, for src/ops/cpu/tile_bf16.c
 * on machines that have neither (Intel 64 and IA-32 Architectures Software Developer's Manual,
 * VDPBF16PS and TDPBF16PS: FP32 FMA with DAZ=FTZ=1 and RNE rounding). */
#ifndef WG_TESTS_STAND_IN_H
#define WG_TESTS_STAND_IN_H

#include "base/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Denormal operands count as 0. */
static float daz(float x)
{
    return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x;
}

/* s rounded to float32; 0 where that would be denormal. */
static float ftz(double s)
{
    return fabs(s) < 0x1p-126 - 0x1p-151 ? copysignf(0, (float)s) : (float)s;
}

/* a b + c of bf16 a and b, rounded once: the product is exact in double, and 53 bits are enough
 * for the sum of two float32 to be rounded twice without harm (Figueroa 1995). */
static float fma_step(float a, float b, float c)
{
    return ftz((double)daz(a) * daz(b) + daz(c));
}

static float upper(float pair)
{
    return wg_bits_float(wg_float_bits(pair) & 0xFFFF0000u);
}

static float lower(float pair)
{
    return wg_bits_float(wg_float_bits(pair) << 16);
}

#define WG_STAND_IN
#define AVX512_BF16
#define AMX
#define PAIRS(x) (x)
typedef struct v512 {
    float lane[16];
} __m512;

static __m512 _mm512_set1_ps(float x)
{
    __m512 v;
    for (int i = 0; i < 16; i++)
        v.lane[i] = x;
    return v;
}

static __m512 _mm512_loadu_ps(const float *from)
{
    __m512 v;
    memcpy(&v, from, sizeof v);
    return v;
}

static void _mm512_storeu_ps(float *to, __m512 v)
{
    memcpy(to, &v, sizeof v);
}

__attribute__((noinline)) static __m512
_mm512_add_ps(__m512 a, __m512 b) /* with the flags that the tile sets */
{
    for (int i = 0; i < 16; i++)
        a.lane[i] = ftz((double)daz(a.lane[i]) + daz(b.lane[i]));
    return a;
}

/* Inlined into the tile, this would take minutes to compile. */
__attribute__((noinline)) static __m512 _mm512_dpbf16_ps(__m512 sum, __m512 a, __m512 b)
{
    for (int i = 0; i < 16; i++) {
        const float first = fma_step(upper(a.lane[i]), upper(b.lane[i]), sum.lane[i]);
        sum.lane[i] = fma_step(lower(a.lane[i]), lower(b.lane[i]), first);
    }
    return sum;
}

/* Eight tiles of 16 rows of 16 words, which is the only shape in use. */
static float amx_tile[8][16][16];
static bool amx_configured;

static void _tile_loadconfig(const void *shape)
{
    const uint8_t *bytes = shape;

    amx_configured = bytes[0] == 1;
    for (int i = 0; i < 8; i++) /* bytes of a row, from 16 on; rows, from 48 on */
        amx_configured = amx_configured && bytes[16 + 2 * i] == 64 && bytes[17 + 2 * i] == 0 &&
                         bytes[48 + i] == 16;
    memset(amx_tile, 0, sizeof amx_tile);
}

static void _tile_release(void)
{
    amx_configured = false;
}

static void _tile_zero(int t)
{
    memset(amx_tile[t], 0, sizeof amx_tile[t]);
}

static void _tile_loadd(int t, const void *from, int64_t stride)
{
    for (int r = 0; r < 16; r++)
        memcpy(amx_tile[t][r], (const char *)from + r * stride, sizeof amx_tile[t][r]);
}

static void _tile_stored(int t, void *to, int64_t stride)
{
    for (int r = 0; amx_configured && r < 16; r++)
        memcpy((char *)to + r * stride, amx_tile[t][r], sizeof amx_tile[t][r]);
}

/* c += the sum of a by b over 16 words: upper and lower halves apart. */
__attribute__((noinline)) static float amx_step(float c, const float *a, const float *b,
                                                int64_t step, int64_t words)
{
    float high = 0, low = 0;

    for (int64_t k = 0; k < words; k++) {
        low = fma_step(lower(a[k]), lower(b[k * step]), low);
        high = fma_step(upper(a[k]), upper(b[k * step]), high);
    }
    return ftz((double)daz(c) + ftz((double)low + high));
}

__attribute__((noinline)) static void _tile_dpbf16ps(int c, int a, int b)
{
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++)
            amx_tile[c][m][n] =
                amx_step(amx_tile[c][m][n], amx_tile[a][m], &amx_tile[b][0][n], 16, 16);
}

#endif
