/* vectors.c - element by element, and sums (kernels/vectors.cu, columns.cu). */
#include "ops/cuda/state.h"

static void fill(const wg_ops *self, int64_t n, float value, float *x)
{
    LAUNCH_EACH(fill, n, &n, &value, &x);
}

static void scale(const wg_ops *self, int64_t n, float a, float *x)
{
    LAUNCH_EACH(scale, n, &n, &a, &x);
}

static void shift(const wg_ops *self, int64_t n, float a, float *x)
{
    LAUNCH_EACH(shift, n, &n, &a, &x);
}

static void axpy(const wg_ops *self, int64_t n, float a, const float *x, float *y)
{
    LAUNCH_EACH(axpy, n, &n, &a, &x, &y);
}

static void axpby(const wg_ops *self, int64_t n, float a, const float *x, float b, float *y)
{
    LAUNCH_EACH(axpby, n, &n, &a, &x, &b, &y);
}

static void interpolate(const wg_ops *self, int64_t n, double share, const float *x, float *y)
{
    LAUNCH_EACH(interpolate, n, &n, &share, &x, &y);
}

static void add_sign(const wg_ops *self, int64_t n, float a, const float *x, float *y)
{
    LAUNCH_EACH(add_sign, n, &n, &a, &x, &y);
}

static void add_squares(const wg_ops *self, int64_t n, const float *x, float *sum, float *square)
{
    LAUNCH_EACH(add_squares, n, &n, &x, &sum, &square);
}

static void round_stored(const wg_ops *self, wg_dtype type, int64_t n, float *x)
{
    const int kind = (int)type;

    if (type != WG_F32)
        LAUNCH_EACH(round_stored, n, &kind, &n, &x);
}

/* out = sum of x*y, or of |x| where y is NULL: in shares of fixed extent, added in order. */
static void sum_up(const wg_ops *self, int64_t n, const float *x, const float *y, double *out)
{
    wg_cuda *c = wg_cuda_ready(self);
    const int64_t parts = WG_CUDA_PARTS;
    const int add = 0;

    if (c == NULL || !wg_cuda_grow(c, &c->parts, (size_t)parts * sizeof(double)))
        return;
    const wg_cuda_address part = c->parts.data;
    LAUNCH(sum_share, parts, 1, WG_CUDA_THREADS, &n, &x, &y, &part);
    LAUNCH(sum_parts, 1, 1, WG_CUDA_THREADS, &parts, &part, &add, &out);
}

static void dot(const wg_ops *self, int64_t n, const float *x, const float *y, double *out)
{
    sum_up(self, n, x, y, out);
}

static void abs_sum(const wg_ops *self, int64_t n, const float *x, double *out)
{
    sum_up(self, n, x, NULL, out);
}

/* --- sums over rows, for several parts of the table --- */

void wg_cuda_columns(const wg_ops *self, int what, int64_t N, int64_t D, const float *y, int64_t ld,
                     const float *x, const float *mean, const float *rstd, float *sum,
                     float *square)
{
    wg_cuda *c = wg_cuda_ready(self);
    const int64_t chunks = wg_cuda_parts(N, WG_CUDA_ROWS);

    if (c == NULL || !wg_cuda_grow(c, &c->parts, (size_t)(chunks * D) * sizeof(float)))
        return;
    const wg_cuda_address part = c->parts.data;
    LAUNCH(column_share, chunks, wg_cuda_parts(D, 32), WG_CUDA_THREADS, &what, &N, &D, &y, &ld, &x,
           &mean, &rstd, &part);
    if (chunks > 0)
        LAUNCH_EACH(column_sum, D, &chunks, &D, &part, &sum, &square);
}

static void column_squares(const wg_ops *self, int64_t N, int64_t I, const float *x, float *sum)
{
    wg_cuda_columns(self, WG_CUDA_SQUARES, N, I, x, I, NULL, NULL, NULL, sum, NULL);
}

void wg_cuda_vector_ops(wg_ops *ops)
{
    ops->fill = fill;
    ops->scale = scale;
    ops->shift = shift;
    ops->axpy = axpy;
    ops->axpby = axpby;
    ops->interpolate = interpolate;
    ops->add_sign = add_sign;
    ops->add_squares = add_squares;
    ops->round = round_stored;
    ops->dot = dot;
    ops->abs_sum = abs_sum;
    ops->column_squares = column_squares;
}
