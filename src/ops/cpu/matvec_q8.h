/* matvec_q8.h - a few rows times weights in 8 bits, for each unit.
 *
 * Included once per unit with WG_NAME(f), WG_TARGET, WG_WIDE (sixteen float32), and functions of it
 * defined: zero, splat, load, bytes (of sixteen int8_t), multiply, fma, sum; and WG_BLOCKS: outputs
 * and rows of x that fit the registers. */

/* sum[o*T + t] += 32 products, or the first n, of row o of W and row t of x, from i on. */
WG_TARGET __attribute__((always_inline)) static inline void
WG_NAME(add_block)(const eight *W, int64_t i, int64_t n, int outputs, int T, const float *x,
                   WG_WIDE *sum)
{
    WG_WIDE value[4][2];
    int8_t part[WG_Q8_BLOCK] = {0};

#pragma GCC unroll 4
    for (int t = 0; t < T; t++) {
        float rest[WG_Q8_BLOCK] = {0};
        const float *from = x + t * W->I + i;
        if (n < WG_Q8_BLOCK)
            from = memcpy(rest, from, (size_t)n * sizeof *from);
        value[t][0] = WG_NAME(load)(from);
        value[t][1] = WG_NAME(load)(from + 16);
    }
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++) {
        const int8_t *from = W->bytes + o * W->I + i;
        if (n < WG_Q8_BLOCK)
            from = memcpy(part, from, (size_t)n);
        const WG_WIDE first = WG_NAME(bytes)(from), second = WG_NAME(bytes)(from + 16);
        const WG_WIDE scale = WG_NAME(splat)(W->scales[o * W->blocks + i / WG_Q8_BLOCK]);
#pragma GCC unroll 4
        for (int t = 0; t < T; t++) {
            const WG_WIDE products =
                WG_NAME(fma)(second, value[t][1], WG_NAME(multiply)(first, value[t][0]));
            sum[o * T + t] = WG_NAME(fma)(scale, products, sum[o * T + t]);
        }
    }
}

/* y [T rows of O][outputs] of `outputs` rows of W and T rows of x; both counts are constants. */
WG_TARGET __attribute__((always_inline)) static inline void
WG_NAME(block)(const eight *W, int outputs, int T, const float *x, bool add, float *y, int64_t O)
{
    WG_WIDE sum[16];
    int64_t i = 0;

#pragma GCC unroll 16
    for (int k = 0; k < outputs * T; k++)
        sum[k] = WG_NAME(zero)();
    for (; i + WG_Q8_BLOCK <= W->I; i += WG_Q8_BLOCK) {
        wg_fetch(W->bytes + outputs * (W->I + i), outputs * WG_Q8_BLOCK);
        wg_fetch(W->scales + outputs * (W->blocks + i / WG_Q8_BLOCK), outputs * sizeof(float));
        WG_NAME(add_block)(W, i, WG_Q8_BLOCK, outputs, T, x, sum);
    }
    if (i < W->I)
        WG_NAME(add_block)(W, i, W->I - i, outputs, T, x, sum);
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
        for (int t = 0; t < T; t++)
            y[t * O + o] = (add ? y[t * O + o] : 0) + WG_NAME(sum)(sum[o * T + t]);
}

WG_TARGET static void WG_NAME(outputs)(const few *f, const wg_matvec *k, int64_t first,
                                       int64_t last)
{
    int64_t t = 0;

#define BLOCKS(outputs, T)                                                                         \
    for (; f->n - t >= (T); t += (T)) {                                                            \
        const float *x = f->x + t * f->I;                                                          \
        float *y = k->y + t * k->O;                                                                \
        int64_t o = first;                                                                         \
        for (; o + (outputs) <= last; o += (outputs)) {                                            \
            const eight W = rows_from(k, f->I, o);                                                 \
            WG_NAME(block)(&W, outputs, T, x, f->add, y + o, k->O);                                \
        }                                                                                          \
        for (; o < last; o++) {                                                                    \
            const eight W = rows_from(k, f->I, o);                                                 \
            WG_NAME(block)(&W, 1, T, x, f->add, y + o, k->O);                                      \
        }                                                                                          \
    }
    WG_BLOCKS
#undef BLOCKS
}
#undef WG_NAME
#undef WG_TARGET
#undef WG_WIDE
#undef WG_BLOCKS
