/* sequences.cu - gradients of single sequences. */

/* out [T,M] = the columns ids[t] - first of dlogits [M,n]. */
KERNEL gather_columns(i64 T, const int *ids, i64 first, i64 n, i64 M, const float *dlogits, i64 ld,
                      float *out)
{
    EACH(i, T * M)
    {
        const i64 id = ids[i / M] - first;
        if (id >= 0 && id < n)
            out[i] = dlogits[i % M * ld + id];
    }
}

/* Whether an earlier token has the number of token t; all threads of a block ask together. */
__device__ inline bool seen_before(i64 t, const int *ids)
{
    bool before = false;

    for (i64 u = threadIdx.x; u < t; u += blockDim.x)
        before = before || ids[u] == ids[t];
    return __syncthreads_or(before);
}

/* Column d of the rows of dx [T,D] whose tokens have the number of token t, the first of them. */
__device__ inline float summed(i64 t, i64 T, i64 D, const int *ids, const float *dx, i64 d)
{
    float sum = 0;

    for (i64 u = t; u < T; u++)
        if (ids[u] == ids[t])
            sum += dx[u * D + d];
    return sum;
}

/* part[t] = squared norm of the sum of the rows of token t's number; 0 where it came before. */
KERNEL embed_squares(i64 T, i64 D, const int *ids, const float *dx, double *part)
{
    const i64 t = blockIdx.x;
    double square = 0;

    if (!seen_before(t, ids))
        for (i64 d = threadIdx.x; d < D; d += THREADS) {
            const double g = (double)summed(t, T, D, ids, dx, d);
            square += g * g;
        }
    square = block_sum(square);
    if (threadIdx.x == 0)
        part[t] = square;
}

/* A block a token and THREADS columns. */
KERNEL embed_moments(wg_cuda_embed_moments of)
{
    const i64 t = blockIdx.x, v = of.ids[t] - of.first;
    const i64 d = (i64)blockIdx.y * THREADS + threadIdx.x;

    if (v < 0 || v >= of.n || seen_before(t, of.ids) || d >= of.D)
        return;
    const float own = summed(t, of.T, of.D, of.ids, of.dx, d);
    float head = 0;
    for (i64 m = 0; of.square != NULL && of.dlogits != NULL && m < of.M; m++)
        head += of.dlogits[m * of.ld + v] * of.h[m * of.D + d];
    of.sum[v * of.D + d] += own;
    if (of.square != NULL)
        of.square[v * of.D + d] += (2 * head + own) * own;
}

/* --- gemm_squares: a block makes [WG_CUDA_SQUARES_O, WG_CUDA_SQUARES_I] of the result, a thread
 * 8 x 4 of it. It multiplies one sequence after the other, so a sequence's gradient lives in
 * registers alone. --- */

enum { STEP = 16, TO = WG_CUDA_SQUARES_O, TI = WG_CUDA_SQUARES_I, PER_O = 8, PER_I = 4 };

/* tile [STEP,width] = rows [t, t+STEP) and columns [from, from+width) of x, 0 where there is none.
 */
__device__ inline void load_tile(float *tile, int width, const float *x, i64 ld, i64 t, i64 end,
                                 i64 from, i64 columns)
{
    for (int i = threadIdx.x; i < STEP * width; i += THREADS) {
        const i64 row = t + i / width, column = from + i % width;
        tile[i] = row < end && column < columns ? x[row * ld + column] : 0;
    }
}

__device__ inline void store_moments(i64 O, i64 I, i64 o, i64 i, int add, float total,
                                     float squares, float *sum, float *square)
{
    if (o >= O || i >= I)
        return;
    if (sum != NULL)
        sum[o * I + i] = (add ? sum[o * I + i] : 0) + total;
    square[o * I + i] = (add ? square[o * I + i] : 0) + squares;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gemm_squares(i64 S, const i64 *start, i64 O, i64 I, const float *dy, i64 ldy, const float *x,
                 i64 ldx, int add, float *sum, float *square)
{
    __shared__ __align__(16) float left[STEP * TO], right[STEP * TI];
    const i64 from_o = (i64)blockIdx.y * TO, from_i = (i64)blockIdx.x * TI;
    const int down = threadIdx.x / 16 * PER_O, across = threadIdx.x % 16 * PER_I;
    float total[PER_O][PER_I] = {}, squares[PER_O][PER_I] = {};

    for (i64 s = 0; s < S; s++) {
        const i64 end = start[s + 1] - start[0];
        float g[PER_O][PER_I] = {};
        for (i64 t = start[s] - start[0]; t < end; t += STEP) {
            __syncthreads();
            load_tile(left, TO, dy, ldy, t, end, from_o, O);
            load_tile(right, TI, x, ldx, t, end, from_i, I);
            __syncthreads();
#pragma unroll 4
            for (int k = 0; k < STEP; k++)
#pragma unroll
                for (int a = 0; a < PER_O; a++)
#pragma unroll
                    for (int b = 0; b < PER_I; b++)
                        g[a][b] += left[k * TO + down + a] * right[k * TI + across + b];
        }
#pragma unroll
        for (int a = 0; a < PER_O; a++)
#pragma unroll
            for (int b = 0; b < PER_I; b++) {
                total[a][b] += g[a][b];
                squares[a][b] += g[a][b] * g[a][b];
            }
    }
#pragma unroll
    for (int a = 0; a < PER_O; a++)
#pragma unroll
        for (int b = 0; b < PER_I; b++)
            store_moments(O, I, from_o + down + a, from_i + across + b, add, total[a][b],
                          squares[a][b], sum, square);
}
