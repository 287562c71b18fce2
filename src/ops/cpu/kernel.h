/* kernel.h - one register tile of a matrix product, for each instruction set.
 *
 * Included once per instruction set with WG_KERNEL (name), WG_TARGET (attribute), WG_VECTOR (of
 * WG_WIDTH floats), WG_LOAD, WG_STORE, WG_SPLAT, WG_ADD, WG_FMA, WG_ROWS and WG_VECTORS defined.
 * a [k][ROWS], b [k][VECTORS*WIDTH] packed; C [ROWS, VECTORS*WIDTH] = sum (+ C if add).
 * Every element is one chain of multiply-adds in the order of k, then added. WG_FMA(x, y, sum) may
 * multiply and add pairs of numbers (tile_bf16.c); k then counts pairs. */
WG_TARGET static void WG_KERNEL(int64_t k, const float *a, const float *b, float *c, int64_t ldc,
                                bool add)
{
    WG_VECTOR sum[WG_ROWS][WG_VECTORS];

#pragma GCC unroll 16
    for (int i = 0; i < WG_ROWS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < WG_VECTORS; j++)
            sum[i][j] = WG_SPLAT(0);
#pragma GCC unroll 16
    for (int i = 0; i < WG_ROWS; i++) {
        __builtin_prefetch(c + i * ldc, 1);
        __builtin_prefetch(c + i * ldc + WG_VECTORS * WG_WIDTH - 1, 1);
    }
#pragma GCC unroll 2
    for (int64_t n = 0; n < k; n++) {
        WG_VECTOR row[WG_VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < WG_VECTORS; j++)
            row[j] = WG_LOAD(b + j * WG_WIDTH);
#pragma GCC unroll 16
        for (int i = 0; i < WG_ROWS; i++) {
            const WG_VECTOR x = WG_SPLAT(a[i]);
#pragma GCC unroll 4
            for (int j = 0; j < WG_VECTORS; j++)
                sum[i][j] = WG_FMA(x, row[j], sum[i][j]);
        }
        a += WG_ROWS;
        b += WG_VECTORS * WG_WIDTH;
    }
#pragma GCC unroll 16
    for (int i = 0; i < WG_ROWS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < WG_VECTORS; j++) {
            float *at = c + i * ldc + j * WG_WIDTH;
            WG_STORE(at, add ? WG_ADD(WG_LOAD(at), sum[i][j]) : sum[i][j]);
        }
}
#undef WG_KERNEL
#undef WG_TARGET
#undef WG_VECTOR
#undef WG_WIDTH
#undef WG_LOAD
#undef WG_STORE
#undef WG_SPLAT
#undef WG_ADD
#undef WG_FMA
#undef WG_ROWS
#undef WG_VECTORS
