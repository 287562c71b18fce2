/* tile.h - register tiles of matrix products, and the panels that they read.
 *
 * A panel is an operand's rows (or columns) as many as the tile has, laid out along k in words of
 * 32 bits: a float32 each, or a pair of bf16 whose upper half is the earlier k. Tiles of depth 1
 * read the former, the others the latter. */
#ifndef WG_OPS_CPU_TILE_H
#define WG_OPS_CPU_TILE_H

#include "ops/cpu/cpu.h"

typedef struct wg_tile {
    int rows, columns; /* of C */
    int depth;         /* k in a step: 1 float32, 2 (a pair), 32 (a row of an AMX tile) */
    bool transposes;   /* AVX2 is there to pack with */
    /* C [rows,columns] = sum over `words` of a [words][rows] b [words][columns] (+ C if add); of
     * AMX, a [words/16][rows][16]. */
    void (*run)(int64_t words, const float *a, const float *b, float *c, int64_t ldc, bool add);
    /* Around the products of a thread; begin's result is for end. NULL: nothing to do. */
    unsigned (*begin)(void);
    void (*end)(unsigned kept);
} wg_tile;

enum { WG_TILE_ROWS = 32, WG_TILE_COLUMNS = 32, WG_AMX_WORDS = 16 }; /* at most; in a row of AMX */

/* Words of a panel's row for kc of k. */
static inline int64_t wg_tile_words(const wg_tile *t, int64_t kc)
{
    return t->depth == 1 ? kc : (kc + t->depth - 1) / t->depth * t->depth / 2;
}

/* Between the two, numbers below 2^-126 count as 0 on this thread, as vdpbf16ps has it (only on
 * x86). begin's result is for end. */
unsigned wg_flush_begin(void);
void wg_flush_end(unsigned kept);

/* x as a product in bf16 sees it. */
static inline float wg_rounded(float x)
{
    return wg_bf16_float(wg_float_bf16(x));
}

/* An operand: element (i,k) is at[i*step + k] (rows) or at[k*step + i] (columns). */
typedef struct wg_source {
    wg_dtype type; /* WG_F32 or WG_BF16 */
    const void *at;
    int64_t step, extent; /* extent: number of i */
    bool rows;
    bool rounds; /* float32 is rounded to bf16 */
} wg_source;

/* Which panels: [p, p+n) of `width` i each, from i = first on, of k in [k0, k0+deep); and what of
 * them: [from, from+kc) of these k, where `from` is a multiple of WG_CHUNK. */
typedef struct wg_panels {
    int64_t first, width, p, n, k0, deep, from, kc;
} wg_panels;
enum { WG_CHUNK = 32 };

/* Packs them to where they belong among those at out; `left`: of A. */
void wg_pack_panels(const wg_tile *tile, const wg_source *o, const wg_panels *which, bool left,
                    float *out);

#ifdef WG_CPU_X86
/* tile_bf16.c */
void wg_tile_avx512_bf16(int64_t words, const float *a, const float *b, float *c, int64_t ldc,
                         bool add);
void wg_tile_amx(int64_t words, const float *a, const float *b, float *c, int64_t ldc, bool add);
unsigned wg_tile_amx_begin(void);
void wg_tile_amx_end(unsigned kept);
#endif

#endif
