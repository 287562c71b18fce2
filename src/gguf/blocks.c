/* blocks.c - dequantises the block formats of ggml. A row of weights is a sequence of blocks of 1
 * to 256 values, each with its own scales. Layouts (ggml-common.h) and names are those of ggml. */
#include "gguf/reader.h"

#include "base/number.h"
#include <stdio.h>
#include <string.h>

/* Dequantises the block at p. */
typedef void unblock(const unsigned char *p, float *y);

static float half_at(const unsigned char *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return wg_f16_float(h);
}

static void unblock_f32(const unsigned char *p, float *y)
{
    memcpy(y, p, sizeof *y);
}

static void unblock_f16(const unsigned char *p, float *y)
{
    *y = half_at(p);
}

static void unblock_bf16(const unsigned char *p, float *y)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    *y = wg_bf16_float(h);
}

static void unblock_q4_0(const unsigned char *p, float *y)
{
    const float d = half_at(p);

    for (int j = 0; j < 16; j++) {
        y[j] = (float)((p[2 + j] & 15) - 8) * d;
        y[j + 16] = (float)((p[2 + j] >> 4) - 8) * d;
    }
}

static void unblock_q4_1(const unsigned char *p, float *y)
{
    const float d = half_at(p), m = half_at(p + 2);

    for (int j = 0; j < 16; j++) {
        y[j] = (float)(p[4 + j] & 15) * d + m;
        y[j + 16] = (float)(p[4 + j] >> 4) * d + m;
    }
}

/* Five-bit values; `high` holds the fifth bits. */
static void unblock_q5(const unsigned char *high, const unsigned char *low, float d, float shift,
                       float m, float *y)
{
    uint32_t h;

    memcpy(&h, high, sizeof h);
    for (int j = 0; j < 16; j++) {
        const int first = (low[j] & 15) | (int)((h >> j & 1u) << 4);
        const int second = (low[j] >> 4) | (int)((h >> (j + 16) & 1u) << 4);
        y[j] = ((float)first - shift) * d + m;
        y[j + 16] = ((float)second - shift) * d + m;
    }
}

static void unblock_q5_0(const unsigned char *p, float *y)
{
    unblock_q5(p + 2, p + 6, half_at(p), 16, -0.0f, y); /* -0 + -0 stays -0 */
}

static void unblock_q5_1(const unsigned char *p, float *y)
{
    unblock_q5(p + 4, p + 8, half_at(p), 0, half_at(p + 2), y);
}

static void unblock_q8_0(const unsigned char *p, float *y)
{
    const float d = half_at(p);

    for (int j = 0; j < 32; j++)
        y[j] = (float)(signed char)p[2 + j] * d;
}

/* Six-bit scale and minimum of sub-block j of a q4_K or q5_K block. */
static void scale_min(const unsigned char *s, int j, float d, float dmin, float *scale, float *min)
{
    const int sc = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    const int mn = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;

    *scale = d * (float)sc;
    *min = dmin * (float)mn;
}

/* high: the fifth bits of q5_K, or NULL for q4_K. */
static void unblock_k45(const unsigned char *p, const unsigned char *high, const unsigned char *low,
                        float *y)
{
    const float d = half_at(p), dmin = half_at(p + 2);

    for (int j = 0; j < 8; j++) {
        float scale, min;
        scale_min(p + 4, j, d, dmin, &scale, &min);
        for (int l = 0; l < 32; l++) {
            const int nibble = j & 1 ? low[32 * (j / 2) + l] >> 4 : low[32 * (j / 2) + l] & 15;
            const int fifth = high != NULL ? (high[l] >> j & 1) << 4 : 0;
            y[32 * j + l] = scale * (float)(nibble | fifth) - min;
        }
    }
}

static void unblock_q4_k(const unsigned char *p, float *y)
{
    unblock_k45(p, NULL, p + 16, y);
}

static void unblock_q5_k(const unsigned char *p, float *y)
{
    unblock_k45(p, p + 16, p + 48, y);
}

static void unblock_q6_k(const unsigned char *p, float *y)
{
    const float d = half_at(p + 208);

    for (int i = 0; i < 256; i++) {
        const int half = i / 128, quarter = i / 32 % 4, l = i % 32;
        const int byte = p[64 * half + 32 * (quarter & 1) + l];
        const int nibble = quarter & 2 ? byte >> 4 : byte & 15;
        const int two = p[128 + 32 * half + l] >> (2 * quarter) & 3;
        const signed char scale = (signed char)p[192 + i / 16];
        y[i] = d * (float)scale * (float)((nibble | two << 4) - 32);
    }
}

/* Lower two bits of value i of q2_K and q3_K. Each group of 32 bytes holds 128 values; the first 32
 * of them are in the lowest bits. */
static int two_bits(const unsigned char *p, int i)
{
    return p[32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4)) & 3;
}

static void unblock_q2_k(const unsigned char *p, float *y)
{
    const float d = half_at(p + 80), dmin = half_at(p + 82);

    for (int i = 0; i < 256; i++) {
        const float scale = d * (float)(p[i / 16] & 15), min = dmin * (float)(p[i / 16] >> 4);
        y[i] = scale * (float)two_bits(p + 16, i) - min;
    }
}

/* Three-bit values; if the third bit is not set, 4 is subtracted. Scales have six bits: four low
 * and two high. */
static void unblock_q3_k(const unsigned char *p, float *y)
{
    const unsigned char *scales = p + 96;
    const float d = half_at(p + 108);

    for (int i = 0; i < 256; i++) {
        const int j = i / 16, low = scales[j % 8] >> (4 * (j / 8)) & 15;
        const int high = scales[8 + j % 4] >> (2 * (j / 4)) & 3;
        const int third = p[i % 32] >> (i / 32) & 1 ? 0 : 4;
        y[i] = d * (float)((low | high << 4) - 32) * (float)(two_bits(p + 32, i) - third);
    }
}

static const signed char nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

/* 16 bytes hold 32 indices into a table: first the low nibbles, then the high ones. */
static void dequantise_nibbles(const signed char table[16], const unsigned char *low, float scale,
                               float *y)
{
    for (int j = 0; j < 16; j++) {
        y[j] = scale * (float)table[low[j] & 15];
        y[j + 16] = scale * (float)table[low[j] >> 4];
    }
}

static void unblock_iq4_nl(const unsigned char *p, float *y)
{
    dequantise_nibbles(nl_values, p + 2, half_at(p), y);
}

static void unblock_iq4_xs(const unsigned char *p, float *y)
{
    const float d = half_at(p);

    for (int j = 0; j < 8; j++) {
        const int low = p[4 + j / 2] >> (4 * (j % 2)) & 15,
                  high = (p[2] | p[3] << 8) >> (2 * j) & 3;
        dequantise_nibbles(nl_values, p + 8 + 16 * j, d * (float)((low | high << 4) - 32),
                           y + 32 * j);
    }
}

/* The scale byte is the exponent of half the scale, because the table holds doubled values. */
static void unblock_mxfp4(const unsigned char *p, float *y)
{
    static const signed char values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const uint32_t e = p[0];

    dequantise_nibbles(values, p + 1, wg_bits_float(e < 2 ? 0x00200000u << e : (e - 1) << 23), y);
}

/* Base-three digits, most significant first. Value i of `step` bytes is digit i / step of byte i %
 * step. */
static void base3_digits(const unsigned char *p, int step, int n, float d, float *y)
{
    static const int power[] = {1, 3, 9, 27, 81};

    for (int i = 0; i < n; i++) {
        const unsigned q = (unsigned)p[i % step] * (unsigned)power[i / step] & 255u;
        y[i] = d * (float)((int)(q * 3 >> 8) - 1);
    }
}

static void unblock_tq1_0(const unsigned char *p, float *y)
{
    const float d = half_at(p + 52);

    base3_digits(p, 32, 160, d, y);
    base3_digits(p + 32, 16, 80, d, y + 160);
    base3_digits(p + 48, 4, 16, d, y + 240);
}

static void unblock_tq2_0(const unsigned char *p, float *y)
{
    const float d = half_at(p + 64);

    for (int i = 0; i < 256; i++)
        y[i] = d * (float)(two_bits(p, i) - 1);
}

/* All present and former types of ggml. to_float is NULL for types that are not supported. */
static const struct ggml_type {
    uint32_t number;
    const char *name;
    int64_t block; /* elements */
    size_t bytes;  /* per block */
    unblock *to_float;
} ggml_types[] = {
    {0, "F32", 1, 4, unblock_f32},
    {1, "F16", 1, 2, unblock_f16},
    {2, "Q4_0", 32, 18, unblock_q4_0},
    {3, "Q4_1", 32, 20, unblock_q4_1},
    {4, "Q4_2", 0, 0, NULL},
    {5, "Q4_3", 0, 0, NULL},
    {6, "Q5_0", 32, 22, unblock_q5_0},
    {7, "Q5_1", 32, 24, unblock_q5_1},
    {8, "Q8_0", 32, 34, unblock_q8_0},
    {9, "Q8_1", 0, 0, NULL},
    {10, "Q2_K", 256, 84, unblock_q2_k},
    {11, "Q3_K", 256, 110, unblock_q3_k},
    {12, "Q4_K", 256, 144, unblock_q4_k},
    {13, "Q5_K", 256, 176, unblock_q5_k},
    {14, "Q6_K", 256, 210, unblock_q6_k},
    {15, "Q8_K", 0, 0, NULL},
    {16, "IQ2_XXS", 0, 0, NULL},
    {17, "IQ2_XS", 0, 0, NULL},
    {18, "IQ3_XXS", 0, 0, NULL},
    {19, "IQ1_S", 0, 0, NULL},
    {20, "IQ4_NL", 32, 18, unblock_iq4_nl},
    {21, "IQ3_S", 0, 0, NULL},
    {22, "IQ2_S", 0, 0, NULL},
    {23, "IQ4_XS", 256, 136, unblock_iq4_xs},
    {24, "I8", 0, 0, NULL},
    {25, "I16", 0, 0, NULL},
    {26, "I32", 0, 0, NULL},
    {27, "I64", 0, 0, NULL},
    {28, "F64", 0, 0, NULL},
    {29, "IQ1_M", 0, 0, NULL},
    {30, "BF16", 1, 2, unblock_bf16},
    {31, "Q4_0_4_4", 0, 0, NULL},
    {32, "Q4_0_4_8", 0, 0, NULL},
    {33, "Q4_0_8_8", 0, 0, NULL},
    {34, "TQ1_0", 256, 54, unblock_tq1_0},
    {35, "TQ2_0", 256, 66, unblock_tq2_0},
    {36, "IQ4_NL_4_4", 0, 0, NULL},
    {37, "IQ4_NL_4_8", 0, 0, NULL},
    {38, "IQ4_NL_8_8", 0, 0, NULL},
    {39, "MXFP4", 32, 17, unblock_mxfp4},
    {40, "NVFP4", 0, 0, NULL},
    {41, "Q1_0", 0, 0, NULL},
};
enum { TYPES = sizeof ggml_types / sizeof *ggml_types };

static const struct ggml_type *type_by_number(uint32_t number)
{
    for (int i = 0; i < TYPES; i++)
        if (ggml_types[i].number == number)
            return &ggml_types[i];
    return NULL;
}

const char *wg_ggml_name(uint32_t type)
{
    const struct ggml_type *t = type_by_number(type);

    return t != NULL ? t->name : NULL;
}

bool wg_ggml_is_read(uint32_t type)
{
    const struct ggml_type *t = type_by_number(type);

    return t != NULL && t->to_float != NULL;
}

wagle_status wg_ggml_refuse(wagle_ctx *ctx, const char *path, const char *tensor, uint32_t type)
{
    char number[32], list[256] = "";
    const char *name = wg_ggml_name(type);

    snprintf(number, sizeof number, "%u", type);
    for (int i = 0; i < TYPES; i++) {
        const size_t n = strlen(list);
        if (ggml_types[i].to_float != NULL)
            snprintf(list + n, sizeof list - n, "%s%s", n > 0 ? ", " : "", ggml_types[i].name);
    }
    return wg_fail(ctx, WAGLE_E_INPUT,
                   "%s: tensor '%.64s': type %s is not supported; supported are %s", path, tensor,
                   name != NULL ? name : number, list);
}

int64_t wg_ggml_block(uint32_t type)
{
    return type_by_number(type)->block;
}

size_t wg_ggml_block_bytes(uint32_t type)
{
    return type_by_number(type)->bytes;
}

void wg_gguf_dequantise(const wg_gguf_tensor *t, int64_t first, int64_t n, float *out)
{
    const struct ggml_type *type = type_by_number(t->type);
    const unsigned char *p = t->data + (size_t)(first / type->block) * type->bytes;

    for (int64_t i = 0; i < n; i += type->block, p += type->bytes)
        type->to_float(p, out + i);
}
