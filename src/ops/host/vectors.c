/* vectors.c - element by element, and sums in a fixed order. */
#include "ops/host/host.h"

#include <math.h>

/* What the loops below read and write; each has some of it. */
typedef struct vector_task {
    wg_real a, b;
    const wg_real *x;
    wg_real *y, *square;
} vector_task;

static void fill(const void *task, int64_t from, int64_t to)
{
    const vector_task *t = task;

    for (int64_t i = from; i < to; i++)
        t->y[i] = t->a;
}

void wg_host_fill(WG_SELF, int64_t n, wg_real value, wg_real *x)
{
    wg_parallel(self->pool, n, wg_grain(1), fill, &(vector_task){.a = value, .y = x});
}

static void scale(const void *task, int64_t from, int64_t to)
{
    const vector_task *t = task;

    for (int64_t i = from; i < to; i++)
        t->y[i] *= t->a;
}

void wg_host_scale(WG_SELF, int64_t n, wg_real a, wg_real *x)
{
    wg_parallel(self->pool, n, wg_grain(1), scale, &(vector_task){.a = a, .y = x});
}

static void shift(const void *task, int64_t from, int64_t to)
{
    const vector_task *t = task;

    for (int64_t i = from; i < to; i++)
        t->y[i] += t->a;
}

void wg_host_shift(WG_SELF, int64_t n, wg_real a, wg_real *x)
{
    wg_parallel(self->pool, n, wg_grain(1), shift, &(vector_task){.a = a, .y = x});
}

static void axpy(const void *task, int64_t from, int64_t to)
{
    const vector_task *t = task;

    for (int64_t i = from; i < to; i++)
        t->y[i] += t->a * t->x[i];
}

void wg_host_axpy(WG_SELF, int64_t n, wg_real a, const wg_real *x, wg_real *y)
{
    wg_parallel(self->pool, n, wg_grain(1), axpy, &(vector_task){.a = a, .x = x, .y = y});
}

static void axpby(const void *task, int64_t from, int64_t to)
{
    const vector_task *t = task;

    for (int64_t i = from; i < to; i++)
        t->y[i] = t->a * t->x[i] + t->b * t->y[i];
}

void wg_host_axpby(WG_SELF, int64_t n, wg_real a, const wg_real *x, wg_real b, wg_real *y)
{
    wg_parallel(self->pool, n, wg_grain(1), axpby, &(vector_task){.a = a, .b = b, .x = x, .y = y});
}

static void add_squares(const void *task, int64_t from, int64_t to)
{
    const vector_task *t = task;

    for (int64_t i = from; i < to; i++) {
        t->y[i] += t->x[i];
        if (t->square != NULL)
            t->square[i] += t->x[i] * t->x[i];
    }
}

void wg_host_add_squares(WG_SELF, int64_t n, const wg_real *x, wg_real *sum, wg_real *square)
{
    wg_parallel(self->pool, n, wg_grain(1), add_squares,
                &(vector_task){.x = x, .y = sum, .square = square});
}

/* --- of float32, whatever a real is ---------------------------------------------------------- */

typedef struct float_task {
    double share;
    float a;
    wg_dtype type;
    const float *x;
    float *y;
} float_task;

static void interpolate(const void *task, int64_t from, int64_t to)
{
    const float_task *t = task;

    for (int64_t i = from; i < to; i++)
        t->y[i] = (float)((double)t->y[i] + t->share * ((double)t->x[i] - (double)t->y[i]));
}

void wg_host_interpolate(WG_SELF, int64_t n, double share, const float *x, float *y)
{
    wg_parallel(self->pool, n, wg_grain(1), interpolate,
                &(float_task){.share = share, .x = x, .y = y});
}

static void add_sign(const void *task, int64_t from, int64_t to)
{
    const float_task *t = task;

    for (int64_t i = from; i < to; i++)
        t->y[i] += t->a * (float)((t->x[i] > 0) - (t->x[i] < 0));
}

void wg_host_add_sign(WG_SELF, int64_t n, float a, const float *x, float *y)
{
    wg_parallel(self->pool, n, wg_grain(1), add_sign, &(float_task){.a = a, .x = x, .y = y});
}

static void round_some(const void *task, int64_t from, int64_t to)
{
    enum { SOME = 4096 };
    const float_task *t = task;

    for (int64_t i = from; i < to; i += SOME) {
        const int64_t some = to - i < SOME ? to - i : SOME;
        float stored[SOME];
        wg_from_float(t->type, t->y + i, some, stored);
        wg_to_float(t->type, stored, some, t->y + i);
    }
}

void wg_host_round(WG_SELF, wg_dtype type, int64_t n, float *x)
{
    if (type != WG_F32)
        wg_parallel(self->pool, n, wg_grain(1), round_some, &(float_task){.type = type, .y = x});
}

void wg_host_abs_sum(WG_SELF, int64_t n, const float *x, double *out)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += fabs((double)x[i]);
    *out = sum;
}

/* --- columns --------------------------------------------------------------------------------- */

enum { COLUMNS = 64 };

typedef struct columns_task {
    int64_t N, I;
    const wg_real *x;
    float *sum;
} columns_task;

static void squares_of_columns(const void *task, int64_t from, int64_t to)
{
    const columns_task *t = task;

    for (int64_t strip = from; strip < to; strip++) {
        const int64_t first = strip * COLUMNS;
        const int64_t wide = t->I - first < COLUMNS ? t->I - first : COLUMNS;
        double square[COLUMNS] = {0};
        for (int64_t n = 0; n < t->N; n++)
            for (int64_t i = 0; i < wide; i++)
                square[i] +=
                    (double)t->x[n * t->I + first + i] * (double)t->x[n * t->I + first + i];
        for (int64_t i = 0; i < wide; i++)
            t->sum[first + i] += (float)square[i];
    }
}

void wg_host_column_squares(WG_SELF, int64_t N, int64_t I, const wg_real *x, float *sum)
{
    wg_parallel(self->pool, (I + COLUMNS - 1) / COLUMNS, wg_grain(N * COLUMNS), squares_of_columns,
                &(columns_task){N, I, x, sum});
}
