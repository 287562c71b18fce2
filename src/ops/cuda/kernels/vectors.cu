/* vectors.cu - element by element, copies of rows, and sums over a vector. */

KERNEL fill(i64 n, float value, float *x)
{
    EACH(i, n)
    x[i] = value;
}

KERNEL scale(i64 n, float a, float *x)
{
    EACH(i, n)
    x[i] *= a;
}

KERNEL shift(i64 n, float a, float *x)
{
    EACH(i, n)
    x[i] += a;
}

KERNEL axpy(i64 n, float a, const float *x, float *y)
{
    EACH(i, n)
    y[i] += a * x[i];
}

KERNEL axpby(i64 n, float a, const float *x, float b, float *y)
{
    EACH(i, n)
    y[i] = a * x[i] + b * y[i];
}

KERNEL interpolate(i64 n, double share, const float *x, float *y)
{
    EACH(i, n)
    y[i] = (float)((double)y[i] + share * ((double)x[i] - (double)y[i]));
}

KERNEL add_sign(i64 n, float a, const float *x, float *y)
{
    EACH(i, n)
    y[i] += a * (float)((x[i] > 0) - (x[i] < 0));
}

KERNEL add_squares(i64 n, const float *x, float *sum, float *square)
{
    EACH(i, n)
    {
        sum[i] += x[i];
        if (square != NULL)
            square[i] += x[i] * x[i];
    }
}

KERNEL round_stored(int type, i64 n, float *x)
{
    EACH(i, n)
    x[i] = type == BF16 ? from_bf16(to_bf16(x[i])) : from_f16(to_f16(x[i]));
}

KERNEL widen(int type, const void *src, i64 n, float *dst)
{
    EACH(i, n)
    dst[i] = load(type, src, i);
}

/* Each of several matrices to [rows,padded] in bf16; what pads is 0. A block a row of one matrix
 * after the other. */
KERNEL pack_bf16(wg_cuda_packs a)
{
    int k = 0;

    while (k + 1 < a.m && (i64)blockIdx.x >= a.before[k + 1])
        k++;
    const i64 row = blockIdx.x - a.before[k], width = a.width[k], padded = (width + 7) / 8 * 8;
    const void *from = a.from[k];
    const i64 at = row * a.ld[k];
    const int type = a.type[k];
    u16 *to = a.to[k] + row * padded;
    EACH_COLUMN(i, padded)
    to[i] = i < width ? (u16)to_bf16(load(type, from, at + i)) : 0;
}

KERNEL copy2d(i64 width, const float *from, i64 from_ld, float *to, i64 to_ld)
{
    const i64 row = blockIdx.x;

    EACH_ELEMENT(i, width)
    to[row * to_ld + i] = from[row * from_ld + i];
}

/* A block a row. */
KERNEL copy_rows(i64 width, const i64 *from_row, const float *from, const i64 *to_row, float *to)
{
    const i64 n = blockIdx.x;

    from += (from_row != NULL ? from_row[n] : n) * width;
    to += (to_row != NULL ? to_row[n] : n) * width;
    for (i64 d = threadIdx.x; d < width; d += blockDim.x)
        to[d] = from[d];
}

/* part[block] = its share of the sum of x*y, or of |x| where y is NULL. WG_CUDA_PARTS blocks. */
KERNEL sum_share(i64 n, const float *x, const float *y, double *part)
{
    double sum = 0;

    EACH(i, n)
    sum += y != NULL ? (double)x[i] * (double)y[i] : fabs((double)x[i]);
    sum = block_sum(sum);
    if (threadIdx.x == 0)
        part[blockIdx.x] = sum;
}

/* out = sum of part [n], or is added to; one block. */
KERNEL sum_parts(i64 n, const double *part, int add, double *out)
{
    double sum = 0;

    EACH(i, n)
    sum += part[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0)
        *out = (add ? *out : 0) + sum;
}
