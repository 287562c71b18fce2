/* tile_bf16.c - register tiles for pairs of bf16: AVX512_BF16 and AMX.
 *
 * vdpbf16ps multiplies and adds first the upper half of each pair, then the lower one, so sums run
 * in the order of k. tdpbf16ps sums the upper and the lower halves of up to 16 pairs apart, adds
 * the two sums, and adds that to C. Both round each step to nearest, and take numbers below 2^-126
 * as 0. tests/unit/test_tiles.c compiles this file with plain C in place of the instructions. */
#include "ops/cpu/tile.h"

#ifdef WG_CPU_X86
#ifndef WG_STAND_IN
#include <immintrin.h>
#define AVX512_BF16 __attribute__((target("avx512f,avx512bf16")))
#define AMX __attribute__((target("amx-tile,amx-bf16")))
#define PAIRS(x) ((__m512bh)(x))
#endif

#define WG_KERNEL tile_pairs
#define WG_TARGET AVX512_BF16
#define WG_VECTOR __m512
#define WG_WIDTH 16
#define WG_LOAD _mm512_loadu_ps
#define WG_STORE _mm512_storeu_ps
#define WG_SPLAT _mm512_set1_ps
#define WG_ADD _mm512_add_ps
#define WG_FMA(x, row, sum) _mm512_dpbf16_ps(sum, PAIRS(x), PAIRS(row))
#define WG_ROWS 14
#define WG_VECTORS 2
#include "ops/cpu/kernel.h"

AVX512_BF16 void wg_tile_avx512_bf16(int64_t words, const float *a, const float *b, float *c,
                                     int64_t ldc, bool add)
{
    tile_pairs(words, a, b, c, ldc, add);
}

/* Eight tiles of 16 rows of 64 bytes. */
static const struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} amx_shape = {.palette = 1,
               .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
               .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

AMX unsigned wg_tile_amx_begin(void)
{
    _tile_loadconfig(&amx_shape);
    return 0;
}

AMX void wg_tile_amx_end(unsigned kept)
{
    (void)kept;
    _tile_release();
}

/* Tiles 0 to 3: C by quarters; 4, 5: rows of A; 6, 7: columns of B. */
AMX void wg_tile_amx(int64_t words, const float *a, const float *b, float *c, int64_t ldc, bool add)
{
    enum { HALF = 16, ROW = 32 * sizeof(float) };
    const int64_t step = ldc * (int64_t)sizeof(float);
    float *low = c + HALF * ldc;

    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (add) {
        _tile_loadd(0, c, step);
        _tile_loadd(1, c + HALF, step);
        _tile_loadd(2, low, step);
        _tile_loadd(3, low + HALF, step);
    }
    for (int64_t n = 0; n < words; n += WG_AMX_WORDS) {
        _tile_loadd(4, a, ROW / 2);
        _tile_loadd(5, a + HALF * WG_AMX_WORDS, ROW / 2);
        _tile_loadd(6, b, ROW);
        _tile_loadd(7, b + HALF, ROW);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        a += 2 * HALF * WG_AMX_WORDS;
        b += 2 * HALF * WG_AMX_WORDS;
    }
    _tile_stored(0, c, step);
    _tile_stored(1, c + HALF, step);
    _tile_stored(2, low, step);
    _tile_stored(3, low + HALF, step);
}
#endif
