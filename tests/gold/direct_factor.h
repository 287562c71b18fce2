/* direct_factor.h - protect factors computed from their definition, in double precision. */
#ifndef WG_TESTS_DIRECT_FACTOR_H
#define WG_TESTS_DIRECT_FACTOR_H

#include "support.h"

/* Inverts a [n,n] in place (Gauss-Jordan with partial pivoting). */
static inline void invert(int64_t n, double *a)
{
    double *right = calloc((size_t)(n * n), sizeof *right);

    for (int64_t i = 0; i < n; i++)
        right[i * n + i] = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t best = k;
        for (int64_t i = k; i < n; i++)
            best = fabs(a[i * n + k]) > fabs(a[best * n + k]) ? i : best;
        for (int64_t j = 0; j < n; j++) {
            const double x = a[k * n + j], y = right[k * n + j];
            a[k * n + j] = a[best * n + j];
            a[best * n + j] = x;
            right[k * n + j] = right[best * n + j];
            right[best * n + j] = y;
        }
        const double pivot = a[k * n + k];
        for (int64_t j = 0; j < n; j++) {
            a[k * n + j] /= pivot;
            right[k * n + j] /= pivot;
        }
        for (int64_t i = 0; i < n; i++) {
            const double by = a[i * n + k];
            for (int64_t j = 0; i != k && j < n; j++) {
                a[i * n + j] -= by * a[k * n + j];
                right[i * n + j] -= by * right[k * n + j];
            }
        }
    }
    memcpy(a, right, (size_t)(n * n) * sizeof *a);
    free(right);
}

/* The factor P [I,I] of inputs x [T,I]. */
static inline double *direct_factor(int64_t I, int64_t T, const double *x, double damping)
{
    double *p = calloc((size_t)(I * I), sizeof *p), trace = 0;

    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < I; i++)
            for (int64_t j = 0; j < I; j++)
                p[i * I + j] += x[t * I + i] * x[t * I + j] / (double)T;
    for (int64_t i = 0; i < I; i++)
        trace += p[i * I + i];
    for (int64_t i = 0; i < I * I; i++)
        p[i] /= damping * trace / (double)I;
    for (int64_t i = 0; i < I; i++)
        p[i * I + i] += 1;
    invert(I, p);
    return p;
}

/* The inputs of each tensor: T rows. */
enum { TENSORS = 512 };

typedef struct seen {
    const wg_model *model;
    double *x[TENSORS];
    int64_t I[TENSORS], T[TENSORS];
} seen;

/* Callback of wg_engine_inputs. */
static inline void note(void *user, int64_t layer, wg_role role, int64_t N, int64_t I,
                        const wg_real *x)
{
    seen *k = user;
    const int t = wg_model_tensor(k->model, role, layer);

    k->x[t] = realloc(k->x[t], (size_t)((k->T[t] + N) * I) * sizeof(double));
    wg_host_room room = {0};
    const void *view;
    if (wg_host_view(NULL, k->model->ops, x, (size_t)(N * I) * sizeof *x, &room, &view) != WAGLE_OK)
        fail();
    for (int64_t i = 0; i < N * I; i++)
        k->x[t][k->T[t] * I + i] = (double)((const wg_real *)view)[i];
    wg_free(room.data);
    k->I[t] = I;
    k->T[t] += N;
}

#endif
