/* pack.c - panels of operands, packed for the tile that multiplies them (tile.h). */
#include "ops/cpu/tile.h"

#include <string.h>
#ifdef WG_CPU_X86
#include "ops/cpu/avx2.h"
#endif
#define INLINE __attribute__((always_inline)) static inline

enum {
    SOME = 64,   /* k that lie in float32 for a moment on their way to pairs */
    TOGETHER = 8 /* rows of memory that are read together */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

INLINE float element(wg_dtype type, const void *in, int64_t i)
{
    return type == WG_BF16 ? wg_bf16_float(((const uint16_t *)in)[i]) : ((const float *)in)[i];
}

static const void *place(wg_dtype type, const void *in, int64_t i)
{
    return (const char *)in + (size_t)i * wg_dtype_size(type);
}

#ifdef WG_CPU_X86
AVX2_INLINE __m128 load4(wg_dtype type, const void *in, int64_t i)
{
    if (type == WG_F32)
        return _mm_loadu_ps((const float *)in + i);
    return _mm_castsi128_ps(
        _mm_slli_epi32(_mm_cvtepu16_epi32(_mm_loadu_si64((const uint16_t *)in + i)), 16));
}

AVX2_INLINE __m256 load8(wg_dtype type, const void *in, int64_t i)
{
    if (type == WG_F32)
        return _mm256_loadu_ps((const float *)in + i);
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(
                              (const __m128i *)(const void *)((const uint16_t *)in + i))),
                          16));
}

/* out[k*width + i] = in[at + i*step + k] for 8 k and the first `rows` of 8 i; the others come out
 * 0, and where width is less than 8, under the next k. */
AVX2_INLINE void transpose8(wg_dtype type, const void *in, int64_t at, int64_t step, int rows,
                            float *out, int64_t width)
{
    __m256 r[8], t[8];

    for (int i = 0; i < 8; i++)
        r[i] = i < rows ? load8(type, in, at + i * step) : _mm256_setzero_ps();
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    for (int i = 0; i < 4; i++)
        _mm256_storeu_ps(out + i * width, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    for (int i = 0; i < 4; i++)
        _mm256_storeu_ps(out + (i + 4) * width, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
}

/* What can be transposed of a panel of `width` rows; returns the k from which on nothing was done.
 * Where width is no multiple of eight, the surplus of a store is under the next k, and is
 * overwritten by the next stores; so the last block is left. */
AVX2_INLINE int64_t transpose_panel(wg_dtype type, const void *in, int64_t step, int64_t width,
                                    int64_t kc, float *out)
{
    const int64_t last = width / 8 * 8, surplus = width % 8;
    int64_t k = 0;

    for (; surplus != 0 && k + 16 <= kc; k += 8) {
        transpose8(type, in, last * step + k, step, (int)surplus, out + k * width + last, width);
        for (int64_t i = 0; i < last; i += 8)
            transpose8(type, in, i * step + k, step, 8, out + k * width + i, width);
    }
    for (int64_t i = 0; surplus == 0 && i < width; i += 8)
        for (k = 0; k + 8 <= kc; k += 8)
            transpose8(type, in, i * step + k, step, 8, out + k * width + i, width);
    return k;
}

AVX2 static int64_t transpose_f32(const void *in, int64_t step, int64_t width, int64_t kc,
                                  float *out)
{
    return transpose_panel(WG_F32, in, step, width, kc, out);
}

AVX2 static int64_t transpose_bf16(const void *in, int64_t step, int64_t width, int64_t kc,
                                   float *out)
{
    return transpose_panel(WG_BF16, in, step, width, kc, out);
}

/* Words [k][width] to [k/16][width][16], as AMX wants the left operand. */
AVX2 static void rows_of_words(int64_t words, int64_t width, const float *in, float *out)
{
    for (int64_t k = 0; k < words; k += 8)
        for (int64_t i = 0; i < width; i += 8)
            transpose8(WG_F32, in, k * width + i, width, 8,
                       out + k / WG_AMX_WORDS * WG_AMX_WORDS * width + i * WG_AMX_WORDS +
                           k % WG_AMX_WORDS,
                       WG_AMX_WORDS);
}
#endif

/* A whole panel of rows. */
static void pack_rows(const wg_tile *tile, const wg_source *o, const void *in, int64_t width,
                      int64_t kc, float *out)
{
    int64_t done = 0;

#ifdef WG_CPU_X86
    if (tile->transposes && (width % 8 == 0 || width == 6 || width == 14))
        done = (o->type == WG_BF16 ? transpose_bf16 : transpose_f32)(in, o->step, width, kc, out);
#endif
    for (int64_t k = done; k < kc; k++)
        for (int64_t i = 0; i < width; i++)
            out[k * width + i] = element(o->type, in, i * o->step + k);
}

/* n panels of an operand that lies along i; panel p begins at out + p*panel. Some rows of memory
 * are read together, each along its length. */
INLINE void copy_panels(wg_dtype type, const void *in, int64_t step, int64_t width, int64_t n,
                        int64_t panel, int64_t kc, float *out)
{
    for (int64_t k = 0; k < kc; k++)
        for (int64_t p = 0; p < n; p++)
            for (int64_t i = 0; i < width; i++)
                out[p * panel + k * width + i] = element(type, in, k * step + p * width + i);
}

#ifdef WG_CPU_X86
/* A row of a panel; its width is constant. The last vector may overlap the one before. */
AVX2_INLINE void copy_row(wg_dtype type, const void *in, int64_t at, int width, float *out)
{
    if (width < 8) {
        _mm_storeu_ps(out, load4(type, in, at));
        _mm_storeu_ps(out + width - 4, load4(type, in, at + width - 4));
    }
    for (int i = 0; width >= 8 && i < width; i += 8) {
        const int here = i + 8 <= width ? i : width - 8;
        _mm256_storeu_ps(out + here, load8(type, in, at + here));
    }
}

AVX2_INLINE void copy_rows(wg_dtype type, const void *in, int64_t step, int width, int64_t n,
                           int64_t panel, int64_t kc, float *out)
{
    for (int64_t k = 0; k < kc; k += TOGETHER)
        for (int64_t p = 0; p < n; p++)
            for (int64_t r = k; r < least(k + TOGETHER, kc); r++)
                copy_row(type, in, r * step + p * width, width, out + p * panel + r * width);
}

/* false: there is no such width. */
AVX2 static bool copy_by_avx2(wg_dtype type, const void *in, int64_t step, int64_t width, int64_t n,
                              int64_t panel, int64_t kc, float *out)
{
#define COPY(t, w) /* one loop for each, so that a row is a few moves */                           \
    if (type == (t) && width == (w)) {                                                             \
        copy_rows(t, in, step, w, n, panel, kc, out);                                              \
        return true;                                                                               \
    }
    COPY(WG_F32, 6)
    COPY(WG_F32, 14)
    COPY(WG_F32, 16)
    COPY(WG_F32, 32)
    COPY(WG_BF16, 6)
    COPY(WG_BF16, 14)
    COPY(WG_BF16, 16)
    COPY(WG_BF16, 32)
#undef COPY
    return false;
}
#endif

static void copy_whole(const wg_tile *tile, wg_dtype type, const void *in, int64_t step,
                       int64_t width, int64_t n, int64_t panel, int64_t kc, float *out)
{
#ifdef WG_CPU_X86
    if (tile->transposes && copy_by_avx2(type, in, step, width, n, panel, kc, out))
        return;
#else
    (void)tile;
#endif
    copy_panels(type, in, step, width, n, panel, kc, out);
}

/* A panel that is not whole: past the extent 0. */
static void pack_rest(const wg_source *o, int64_t first, int64_t width, int64_t k0, int64_t kc,
                      float *out)
{
    const int64_t here = o->extent - first, along = o->rows ? 1 : o->step;
    const int64_t across = o->rows ? o->step : 1;

    memset(out, 0, (size_t)(kc * width) * sizeof *out);
    for (int64_t i = 0; i < here; i++)
        for (int64_t k = 0; k < kc; k++)
            out[k * width + i] = element(o->type, o->at, (first + i) * across + (k0 + k) * along);
}

/* n panels in float32: out[k*width + i] of panel p, which begins `panel` after the one before, is
 * element (start + p*width + i, k0 + k). */
static void pack_wide(const wg_tile *tile, const wg_source *o, int64_t start, int64_t width,
                      int64_t n, int64_t panel, int64_t k0, int64_t kc, float *out)
{
    const int64_t whole = least(n, (o->extent - start) / width);

    if (!o->rows)
        copy_whole(tile, o->type, place(o->type, o->at, k0 * o->step + start), o->step, width,
                   whole, panel, kc, out);
    for (int64_t q = 0; o->rows && q < whole; q++)
        pack_rows(tile, o, place(o->type, o->at, (start + q * width) * o->step + k0), width, kc,
                  out + q * panel);
    if (whole < n)
        pack_rest(o, start + whole * width, width, k0, kc, out + whole * panel);
}

WG_CLONES static void round_all(int64_t n, float *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = wg_rounded(x[i]);
}

/* Row r of pairs = rows 2r and 2r+1 of float32. */
WG_CLONES static void pair_up(int64_t words, int64_t width, const float *in, float *out)
{
    for (int64_t r = 0; r < words; r++)
        for (int64_t i = 0; i < width; i++) {
            const uint32_t early = wg_float_bf16(in[2 * r * width + i]);
            const uint32_t late = wg_float_bf16(in[(2 * r + 1) * width + i]);
            out[r * width + i] = wg_bits_float(early << 16 | late);
        }
}

/* One panel of pairs. */
static void pack_pairs(const wg_tile *tile, const wg_source *o, int64_t start, int64_t width,
                       int64_t k0, int64_t kc, bool left, float *out)
{
    float wide[SOME * WG_TILE_COLUMNS];

    for (int64_t k = 0; k < kc; k += SOME) {
        const int64_t some = least(SOME, kc - k), words = wg_tile_words(tile, some);
        pack_wide(tile, o, start, width, 1, 0, k0 + k, some, wide);
        memset(wide + some * width, 0, (size_t)((2 * words - some) * width) * sizeof *wide);
#ifdef WG_CPU_X86
        if (left && tile->depth == 2 * WG_AMX_WORDS) {
            float pairs[SOME / 2 * WG_TILE_ROWS];
            pair_up(words, width, wide, pairs);
            rows_of_words(words, width, pairs, out);
        } else
#endif
            pair_up(words, width, wide, out);
        out += words * width;
    }
}

void wg_pack_panels(const wg_tile *tile, const wg_source *o, const wg_panels *w, bool left,
                    float *out)
{
    const int64_t panel = wg_tile_words(tile, w->deep) * w->width;
    const int64_t start = w->first + w->p * w->width, k0 = w->k0 + w->from;

    out += w->p * panel + wg_tile_words(tile, w->from) * w->width;
    for (int64_t q = 0; tile->depth > 1 && q < w->n; q++)
        pack_pairs(tile, o, start + q * w->width, w->width, k0, w->kc, left, out + q * panel);
    if (tile->depth > 1)
        return;
    pack_wide(tile, o, start, w->width, w->n, panel, k0, w->kc, out);
    for (int64_t q = 0; o->rounds && o->type == WG_F32 && q < w->n; q++)
        round_all(w->kc * w->width, out + q * panel);
}
