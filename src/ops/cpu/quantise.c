/* quantise.c - stored matrices rounded to 8 bits, in the blocks of ops.h. */
#include "ops/cpu/cpu.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { PIECE = 32 * WG_Q8_BLOCK }; /* widened at once */

/* x [n] as bytes, and their scale. Adding `shift` rounds to a whole number, ties to even. */
static inline void round_block(const float *x, int64_t n, int8_t *bytes, float *scale)
{
    const float shift = 12582912.0f;
    uint32_t most = 0; /* magnitudes are in the order of their bits */

    for (int64_t i = 0; i < n; i++) {
        const uint32_t magnitude = wg_float_bits(x[i]) & 0x7FFFFFFFu;
        most = magnitude > most ? magnitude : most;
    }
    *scale = wg_bits_float(most) / 127;
    if (!(*scale >= FLT_MIN && *scale <= FLT_MAX)) {
        memset(bytes, 0, (size_t)n);
        *scale = *scale < FLT_MIN ? 0 : NAN;
        return;
    }
    const float inverse = 1 / *scale;
    for (int64_t i = 0; i < n; i++)
        bytes[i] = (int8_t)(wg_float_bits(x[i] * inverse + shift) - wg_float_bits(shift));
}

WG_CLONES static void round_piece(const float *x, int64_t n, int8_t *bytes, float *scales)
{
    int64_t i = 0;

    for (; i + WG_Q8_BLOCK <= n; i += WG_Q8_BLOCK)
        round_block(x + i, WG_Q8_BLOCK, bytes + i, scales++);
    if (i < n)
        round_block(x + i, n - i, bytes + i, scales);
}

typedef struct round_task {
    wg_dtype type;
    bool transposed;
    const char *stored;
    int64_t O, I;
    int8_t *bytes;
    float *scales;
} round_task;

/* Weights [first, first+n) of row o. */
static void widen(const round_task *t, int64_t o, int64_t first, int64_t n, float *x)
{
    const int64_t size = (int64_t)wg_dtype_size(t->type);

    if (!t->transposed) {
        wg_cpu_widen_piece(t->type, t->stored + (o * t->I + first) * size, n, x);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        wg_to_float(t->type, t->stored + ((first + i) * t->O + o) * size, 1, &x[i]);
}

static void round_rows(const void *task, int64_t from, int64_t to)
{
    const round_task *t = task;
    float x[PIECE];

    for (int64_t o = from; o < to; o++)
        for (int64_t i = 0; i < t->I; i += PIECE) {
            const int64_t n = t->I - i < PIECE ? t->I - i : PIECE;
            widen(t, o, i, n, x);
            round_piece(x, n, t->bytes + o * t->I + i,
                        t->scales + o * wg_q8_blocks(t->I) + i / WG_Q8_BLOCK);
        }
}

void wg_cpu_quantise(WG_SELF, wg_dtype type, const void *stored, bool transposed, int64_t O,
                     int64_t I, void *to)
{
    const round_task task = {
        type, transposed, stored, O, I, to, (float *)(void *)((char *)to + wg_q8_scales(O, I))};

    wg_parallel(self->pool, O, wg_grain(I), round_rows, &task);
}
