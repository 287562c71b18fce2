/* vectors.c - element by element, and sums in a fixed order. */
#include "ops/host/host.h"

#include <math.h>

#define EACH(i, n)                                                                                 \
    _Pragma(                                                                                       \
        "omp parallel for num_threads(self->threads) if ((n) > WG_HOST_SMALL)") for (int64_t i =   \
                                                                                         0;        \
                                                                                     i < (n); i++)

void wg_host_fill(WG_SELF, int64_t n, wg_real value, wg_real *x)
{
    EACH(i, n)
    x[i] = value;
}

void wg_host_scale(WG_SELF, int64_t n, wg_real a, wg_real *x)
{
    EACH(i, n)
    x[i] *= a;
}

void wg_host_shift(WG_SELF, int64_t n, wg_real a, wg_real *x)
{
    EACH(i, n)
    x[i] += a;
}

void wg_host_axpy(WG_SELF, int64_t n, wg_real a, const wg_real *x, wg_real *y)
{
    EACH(i, n)
    y[i] += a * x[i];
}

void wg_host_axpby(WG_SELF, int64_t n, wg_real a, const wg_real *x, wg_real b, wg_real *y)
{
    EACH(i, n)
    y[i] = a * x[i] + b * y[i];
}

void wg_host_interpolate(WG_SELF, int64_t n, double share, const float *x, float *y)
{
    EACH(i, n)
    y[i] = (float)((double)y[i] + share * ((double)x[i] - (double)y[i]));
}

void wg_host_add_sign(WG_SELF, int64_t n, float a, const float *x, float *y)
{
    EACH(i, n)
    y[i] += a * (float)((x[i] > 0) - (x[i] < 0));
}

void wg_host_add_squares(WG_SELF, int64_t n, const wg_real *x, wg_real *sum, wg_real *square)
{
    EACH(i, n)
    {
        sum[i] += x[i];
        if (square != NULL)
            square[i] += x[i] * x[i];
    }
}

void wg_host_round(WG_SELF, wg_dtype type, int64_t n, float *x)
{
    enum { SOME = 4096 };

    if (type == WG_F32)
        return;
#pragma omp parallel for num_threads(self->threads) if (n > WG_HOST_SMALL)
    for (int64_t i = 0; i < n; i += SOME) {
        const int64_t some = n - i < SOME ? n - i : SOME;
        float stored[SOME];
        wg_from_float(type, x + i, some, stored);
        wg_to_float(type, stored, some, x + i);
    }
}

void wg_host_abs_sum(WG_SELF, int64_t n, const float *x, double *out)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += fabs((double)x[i]);
    *out = sum;
}

void wg_host_column_squares(WG_SELF, int64_t N, int64_t I, const wg_real *x, float *sum)
{
    enum { COLUMNS = 64 };

#pragma omp parallel for num_threads(self->threads) if (N * I > WG_HOST_SMALL)
    for (int64_t first = 0; first < I; first += COLUMNS) {
        const int64_t wide = I - first < COLUMNS ? I - first : COLUMNS;
        double square[COLUMNS] = {0};
        for (int64_t n = 0; n < N; n++)
            for (int64_t i = 0; i < wide; i++)
                square[i] += (double)x[n * I + first + i] * (double)x[n * I + first + i];
        for (int64_t i = 0; i < wide; i++)
            sum[first + i] += (float)square[i];
    }
}
