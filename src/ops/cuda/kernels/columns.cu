/* columns.cu - sums over the rows of a matrix, column by column, in two steps: each block sums
 * WG_CUDA_ROWS rows of 32 columns; then the blocks' sums are added in order. */

enum { ACROSS = 32, DOWN = 8 };

/* part [chunks,D] = sum over the rows of a chunk of y, y^2, or y*(x - mean)*rstd. Block (32*8);
 * grid (chunks, ceil(D/32)). y [N,D] of row stride ld; x [N,D]; mean, rstd [N], mean may be NULL.
 */
KERNEL column_share(int what, i64 N, i64 D, const float *y, i64 ld, const float *x,
                    const float *mean, const float *rstd, float *part)
{
    __shared__ float sums[DOWN][ACROSS];
    const int across = threadIdx.x % ACROSS, down = threadIdx.x / ACROSS;
    const i64 d = (i64)blockIdx.y * ACROSS + across, from = (i64)blockIdx.x * WG_CUDA_ROWS;
    const i64 to = from + WG_CUDA_ROWS < N ? from + WG_CUDA_ROWS : N;
    float sum = 0;

    for (i64 n = from + down; d < D && n < to; n += DOWN) {
        const float value = y[n * ld + d];
        if (what == WG_CUDA_SUM)
            sum += value;
        else if (what == WG_CUDA_SQUARES)
            sum += value * value;
        else
            sum += value * (x[n * D + d] - (mean != NULL ? mean[n] : 0)) * rstd[n];
    }
    sums[down][across] = sum;
    __syncthreads();
    if (down > 0 || d >= D)
        return;
    for (int i = 1; i < DOWN; i++)
        sum += sums[i][across];
    part[blockIdx.x * D + d] = sum;
}

/* g = sum over the chunks of part [chunks,D]; sum += g, square += g^2; square may be NULL. */
KERNEL column_sum(i64 chunks, i64 D, const float *part, float *sum, float *square)
{
    EACH(d, D)
    {
        double g = 0;
        for (i64 c = 0; c < chunks; c++)
            g += (double)part[c * D + d];
        sum[d] += (float)g;
        if (square != NULL)
            square[d] += (float)(g * g);
    }
}
