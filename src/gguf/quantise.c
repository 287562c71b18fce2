/* quantise.c - quantises rows of weights to the block formats of ggml. Searches and sums go in the
 * order of ggml's reference functions (quantize_row_*_ref), so the bytes are equal to llama.cpp's
 * without an importance matrix. Layouts: blocks.c. */
#include "gguf/writer.h"

#include "base/number.h"
#include <math.h>
#include <string.h>

enum { SMALL = 32, LARGE = 256 }; /* values of a block */

/* Rounds to nearest, ties to even, within [low, high]; NaN becomes low. */
static int nearest(float v, int low, int high)
{
    const float magic = 0x1.8p23f, least = (float)low, most = (float)high;
    const float inside = v > least ? (v < most ? v : most) : least;

    return (int)(inside + magic - magic);
}

/* Truncates within [0, high]; NaN becomes 0. */
static unsigned char truncated(float v, int high)
{
    const float most = (float)high;

    return (unsigned char)(v > 0 ? (v < most ? v : most) : 0);
}

static float inverse_of(float scale)
{
    return scale != 0 ? 1.0f / scale : 0;
}

/* Stores a half and returns its value. */
static float put_half(unsigned char *dst, float value)
{
    const uint16_t half = wg_float_f16(value);

    memcpy(dst, &half, sizeof half);
    return wg_f16_float(half);
}

/* --- blocks of 32 ----------------------------------------------------------------------------- */

static void block_q8_0(const float *x, unsigned char *dst)
{
    float most = 0;

    for (int i = 0; i < SMALL; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    const float scale = most / 127.0f, inverse = inverse_of(scale);
    put_half(dst, scale);
    for (int i = 0; i < SMALL; i++) {
        const float v = roundf(x[i] * inverse);
        dst[2 + i] = (unsigned char)(signed char)nearest(v, -127, 127);
    }
}

/* The value of the largest magnitude becomes -half times the scale, which is returned. */
static float quantise_signed(const float *x, int half, unsigned char q[SMALL])
{
    float most = 0;

    for (int i = 0; i < SMALL; i++)
        if (fabsf(x[i]) > fabsf(most))
            most = x[i];
    const float scale = most / (float)-half, inverse = inverse_of(scale);
    for (int i = 0; i < SMALL; i++)
        q[i] = truncated(x[i] * inverse + ((float)half + 0.5f), 2 * half - 1);
    return scale;
}

/* Low nibbles of values j and j + 16 share a byte. */
static void pack_nibbles(const unsigned char q[SMALL], unsigned char *low)
{
    for (int j = 0; j < SMALL / 2; j++)
        low[j] = (unsigned char)((q[j] & 15) | (q[j + SMALL / 2] & 15) << 4);
}

static void pack_fifth_bits(const unsigned char q[SMALL], unsigned char *high)
{
    uint32_t bits = 0;

    for (int j = 0; j < SMALL; j++)
        bits |= (uint32_t)(q[j] >> 4) << j;
    memcpy(high, &bits, sizeof bits);
}

static void block_q4_0(const float *x, unsigned char *dst)
{
    unsigned char q[SMALL];

    put_half(dst, quantise_signed(x, 8, q));
    pack_nibbles(q, dst + 2);
}

static void block_q5_0(const float *x, unsigned char *dst)
{
    unsigned char q[SMALL];

    put_half(dst, quantise_signed(x, 16, q));
    pack_fifth_bits(q, dst + 2);
    pack_nibbles(q, dst + 6);
}

static void block_q5_1(const float *x, unsigned char *dst)
{
    unsigned char q[SMALL];
    float least = x[0], most = x[0];

    for (int i = 1; i < SMALL; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    const float scale = (most - least) / 31, inverse = inverse_of(scale);
    for (int i = 0; i < SMALL; i++)
        q[i] = truncated((x[i] - least) * inverse + 0.5f, 31);
    put_half(dst, scale);
    put_half(dst + 2, least);
    pack_fifth_bits(q, dst + 4);
    pack_nibbles(q, dst + 8);
}

/* --- q4_K and q5_K: 8 parts of 32 values x = scale * q - min ---------------------------------- */

enum { PARTS = LARGE / SMALL };

/* How scale and min of a part are searched: `steps` + 1 numbers of levels from top + first, a tenth
 * apart. */
typedef struct search {
    int top; /* largest q */
    float first;
    int steps;
} search;

/* One part during the search. */
typedef struct part {
    const float *x; /* [32] */
    float weight[SMALL], sum_weight, sum_x;
    float scale, least, error; /* the best so far; least is -min */
    unsigned char q[SMALL];
} part;

/* Larger values weigh more. */
static void weigh(part *p)
{
    float squares = 0;

    for (int i = 0; i < SMALL; i++)
        squares += p->x[i] * p->x[i];
    const float typical = sqrtf(squares / SMALL);
    p->sum_weight = p->sum_x = 0;
    for (int i = 0; i < SMALL; i++) {
        p->weight[i] = typical + fabsf(p->x[i]);
        p->sum_weight += p->weight[i];
        p->sum_x += p->weight[i] * p->x[i];
    }
}

static float part_error(const part *p, float scale, float least, const unsigned char q[SMALL])
{
    float error = 0;

    for (int i = 0; i < SMALL; i++) {
        const float off = scale * (float)q[i] + least - p->x[i];
        error += p->weight[i] * (off * off);
    }
    return error;
}

/* Fits scale and least by weighted least squares to the q of `levels`; keeps a better fit. */
static void try_levels(part *p, float inverse, int top)
{
    unsigned char q[SMALL];
    float sum_q = 0, sum_qq = 0, sum_xq = 0;

    for (int i = 0; i < SMALL; i++) {
        q[i] = (unsigned char)nearest(inverse * (p->x[i] - p->least), 0, top);
        const float w = p->weight[i], level = q[i];
        sum_q += w * level;
        sum_qq += w * level * level;
        sum_xq += w * level * p->x[i];
    }
    const float determinant = p->sum_weight * sum_qq - sum_q * sum_q;
    if (!(determinant > 0))
        return;
    float scale = (p->sum_weight * sum_xq - p->sum_x * sum_q) / determinant;
    float least = (sum_qq * p->sum_x - sum_q * sum_xq) / determinant;
    if (least > 0) {
        least = 0;
        scale = sum_xq / sum_qq;
    }
    const float error = part_error(p, scale, least, q);
    if (error < p->error) {
        memcpy(p->q, q, sizeof q);
        p->error = error;
        p->scale = scale;
        p->least = least;
    }
}

/* Finds scale, least and q of a part. */
static void fit_part(part *p, const float *x, const search *s)
{
    float most = x[0];

    p->x = x;
    p->least = x[0];
    for (int i = 1; i < SMALL; i++) {
        p->least = x[i] < p->least ? x[i] : p->least;
        most = x[i] > most ? x[i] : most;
    }
    p->least = p->least > 0 ? 0 : p->least;
    p->scale = 0;
    memset(p->q, 0, sizeof p->q);
    if (most == p->least)
        return;
    weigh(p);
    const float inverse = (float)s->top / (most - p->least);
    for (int i = 0; i < SMALL; i++)
        p->q[i] = (unsigned char)nearest(inverse * (x[i] - p->least), 0, s->top);
    p->scale = 1 / inverse;
    p->error = part_error(p, p->scale, p->least, p->q);
    for (int step = 0; step <= s->steps; step++)
        try_levels(p, (s->first + 0.1f * (float)step + (float)s->top) / (most - p->least), s->top);
}

/* Six-bit scales and mins, in the layout that scale_min() of blocks.c reads. */
static void pack_scales(const unsigned char scale[PARTS], const unsigned char min[PARTS],
                        unsigned char s[12])
{
    for (int j = 0; j < 4; j++) {
        s[j] = (unsigned char)(scale[j] | (scale[j + 4] >> 4) << 6);
        s[j + 4] = (unsigned char)(min[j] | (min[j + 4] >> 4) << 6);
        s[j + 8] = (unsigned char)((scale[j + 4] & 15) | (min[j + 4] & 15) << 4);
    }
}

/* Quantises the scales and mins of all parts, then the values again with these. */
static void quantise_parts(const float *x, const search *s, unsigned char *dst,
                           unsigned char q[LARGE])
{
    part parts[PARTS];
    unsigned char scale[PARTS], min[PARTS];
    float most_scale = 0, most_min = 0;

    for (int j = 0; j < PARTS; j++) {
        part *p = &parts[j];
        fit_part(p, x + SMALL * j, s);
        most_scale = p->scale > most_scale ? p->scale : most_scale;
        most_min = -p->least > most_min ? -p->least : most_min;
    }
    const float d = put_half(dst, most_scale / 63), dmin = put_half(dst + 2, most_min / 63);
    const float to_scale = most_scale > 0 ? 63 / most_scale : 0;
    const float to_min = most_min > 0 ? 63 / most_min : 0;
    for (int j = 0; j < PARTS; j++) {
        const part *p = &parts[j];
        scale[j] = (unsigned char)nearest(to_scale * p->scale, 0, 63);
        min[j] = (unsigned char)nearest(to_min * -p->least, 0, 63);
        const float by = d * (float)scale[j], less = dmin * (float)min[j];
        for (int i = 0; i < SMALL; i++)
            q[SMALL * j + i] =
                by != 0 ? (unsigned char)nearest((p->x[i] + less) / by, 0, s->top) : p->q[i];
    }
    pack_scales(scale, min, dst + 4);
}

/* Low nibbles of parts 2k and 2k + 1 share 32 bytes. */
static void pack_parts(const unsigned char q[LARGE], unsigned char *low)
{
    for (int k = 0; k < PARTS / 2; k++)
        for (int i = 0; i < SMALL; i++)
            low[SMALL * k + i] = (unsigned char)((q[2 * SMALL * k + i] & 15) |
                                                 (q[2 * SMALL * k + SMALL + i] & 15) << 4);
}

static void block_q4_k(const float *x, unsigned char *dst)
{
    unsigned char q[LARGE];

    quantise_parts(x, &(search){.top = 15, .first = -1, .steps = 20}, dst, q);
    pack_parts(q, dst + 16);
}

static void block_q5_k(const float *x, unsigned char *dst)
{
    unsigned char q[LARGE];

    quantise_parts(x, &(search){.top = 31, .first = -0.5f, .steps = 15}, dst, q);
    memset(dst + 16, 0, SMALL);
    for (int i = 0; i < LARGE; i++)
        dst[16 + i % SMALL] |= (unsigned char)(q[i] >> 4 << i / SMALL);
    pack_parts(q, dst + 48);
}

/* --- q6_K: 16 parts of 16 values x = scale * (q - 32) ----------------------------------------- */

enum { SIXTEEN = 16 };

/* Sums of a weighted fit of x by levels, where x^2 is the weight of x. */
typedef struct sums {
    float xq, qq;
} sums;

static sums fit_levels(const float *x, float inverse)
{
    sums s = {0, 0};

    for (int i = 0; i < SIXTEEN; i++) {
        const float level = (float)nearest(inverse * x[i], -32, 31), w = x[i] * x[i];
        s.xq += w * x[i] * level;
        s.qq += w * level * level;
    }
    return s;
}

/* Tries levels around those where the largest magnitude becomes -32. Returns the scale. */
static float fit_signed(const float *x, unsigned char q[SIXTEEN])
{
    float most = 0, inverse, scale, best;

    for (int i = 0; i < SIXTEEN; i++)
        if (fabsf(x[i]) > fabsf(most))
            most = x[i];
    memset(q, 0, SIXTEEN);
    if (fabsf(most) < 1e-15f)
        return 0;
    inverse = -32 / most;
    sums s = fit_levels(x, inverse);
    scale = s.qq != 0 ? s.xq / s.qq : 0;
    best = scale * s.xq;
    for (int step = -9; step <= 9; step++) {
        const float other = -(32 + 0.1f * (float)step) / most;
        if (step == 0)
            continue;
        s = fit_levels(x, other);
        if (s.qq > 0 && s.xq * s.xq > best * s.qq) {
            inverse = other;
            scale = s.xq / s.qq;
            best = scale * s.xq;
        }
    }
    for (int i = 0; i < SIXTEEN; i++)
        q[i] = (unsigned char)(nearest(inverse * x[i], -32, 31) + 32);
    return scale;
}

static void pack_q6(const unsigned char q[LARGE], unsigned char *dst)
{
    memset(dst, 0, 192);
    for (int i = 0; i < LARGE; i++) {
        const int half = i / 128, quarter = i / 32 % 4, l = i % 32;
        dst[64 * half + 32 * (quarter & 1) + l] |=
            (unsigned char)((q[i] & 15) << (quarter & 2 ? 4 : 0));
        dst[128 + 32 * half + l] |= (unsigned char)(q[i] >> 4 << 2 * quarter);
    }
}

static void block_q6_k(const float *x, unsigned char *dst)
{
    unsigned char q[LARGE];
    float scale[SIXTEEN], most = 0;

    for (int j = 0; j < SIXTEEN; j++) {
        scale[j] = fit_signed(x + SIXTEEN * j, q + SIXTEEN * j);
        if (fabsf(scale[j]) > fabsf(most))
            most = scale[j];
    }
    memset(dst, 0, 210);
    if (fabsf(most) < 1e-15f)
        return;
    const float inverse = -128 / most, d = put_half(dst + 208, 1 / inverse);
    for (int j = 0; j < SIXTEEN; j++) {
        const int stored = nearest(inverse * scale[j], -128, 127);
        const float by = d * (float)stored;
        dst[192 + j] = (unsigned char)(signed char)stored;
        for (int i = SIXTEEN * j; by != 0 && i < SIXTEEN * (j + 1); i++)
            q[i] = (unsigned char)(nearest(x[i] / by, -32, 31) + 32);
    }
    pack_q6(q, dst);
}

/* --- the formats ------------------------------------------------------------------------------ */

/* limit: a block's largest magnitude is at least so many times each of its halves. */
static const struct format {
    wg_gguf_type type;
    void (*block)(const float *x, unsigned char *dst);
    float limit;
} formats[] = {
    {WG_GGML_Q4_0, block_q4_0, 8},    {WG_GGML_Q5_0, block_q5_0, 16},
    {WG_GGML_Q5_1, block_q5_1, 1},    {WG_GGML_Q8_0, block_q8_0, 127},
    {WG_GGML_Q4_K, block_q4_k, 63},   {WG_GGML_Q5_K, block_q5_k, 63},
    {WG_GGML_Q6_K, block_q6_k, 1024},
};

static const struct format *format_of(wg_gguf_type type)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].type == type)
            return &formats[i];
    return NULL;
}

bool wg_ggml_is_quantised(wg_gguf_type type)
{
    return format_of(type) != NULL;
}

const float *wg_ggml_beyond(wg_gguf_type type, const float *x, int64_t n)
{
    const struct format *f = format_of(type);

    if (f == NULL && type != WG_GGML_F16)
        return NULL;
    for (int64_t i = 0; i < n; i++)
        if (f != NULL ? !(fabsf(x[i]) < f->limit * WG_F16_LIMIT)
                      : fabsf(x[i]) >= WG_F16_LIMIT && isfinite(x[i]))
            return x + i;
    return NULL;
}

void wg_ggml_quantise(wg_gguf_type type, const float *x, int64_t n, void *dst)
{
    const struct format *f = format_of(type);
    unsigned char *to = dst;

    if (f == NULL) {
        wg_from_float(type == WG_GGML_F32   ? WG_F32
                      : type == WG_GGML_F16 ? WG_F16
                                            : WG_BF16,
                      x, n, dst);
        return;
    }
    for (int64_t i = 0; i < n; i += wg_ggml_block(type), to += wg_ggml_block_bytes(type))
        f->block(x + i, to);
}
