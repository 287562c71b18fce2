/* sequences.c - what the gradients of single sequences need beside products. */
#include "ops/host/host.h"

#include <string.h>

void wg_host_gather_columns(WG_SELF, int64_t T, const int32_t *ids, int64_t first, int64_t n,
                            int64_t M, const wg_real *dlogits, int64_t ld, wg_real *out)
{
    for (int64_t t = 0; t < T; t++) {
        const int64_t id = ids[t] - first;
        for (int64_t m = 0; id >= 0 && id < n && m < M; m++)
            out[t * M + m] = dlogits[m * ld + id];
    }
}

static double inner(const wg_real *a, const wg_real *b, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

void wg_host_embed_squares(WG_SELF, int64_t T, int64_t D, const int32_t *ids, const wg_real *dx,
                           double *square)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t u = 0; u < T; u++)
            if (ids[t] == ids[u])
                *square += inner(dx + t * D, dx + u * D, D);
}

enum { STRIP = 64 };

/* Columns [from, from+n) of B and of A at table row v, whose first token in the sequence is t. */
static void strip_moments(const wg_embed_moments *of, int64_t t, int64_t v, int64_t from, int64_t n)
{
    const int64_t D = of->D;
    wg_real own[STRIP] = {0}, head[STRIP] = {0};

    for (int64_t u = t; u < of->T; u++)
        for (int64_t d = 0; of->ids[u] == of->ids[t] && d < n; d++)
            own[d] += of->dx[u * D + from + d];
    for (int64_t m = 0; of->square != NULL && of->dlogits != NULL && m < of->M; m++)
        for (int64_t d = 0; d < n; d++)
            head[d] += of->dlogits[m * of->ld + v] * of->h[m * D + from + d];
    for (int64_t d = 0; d < n; d++) {
        of->sum[v * D + from + d] += own[d];
        if (of->square != NULL)
            of->square[v * D + from + d] += (2 * head[d] + own[d]) * own[d];
    }
}

static void moments_of_strips(const void *task, int64_t first, int64_t end)
{
    const wg_embed_moments *of = task;

    for (int64_t from = first * STRIP; from < end * STRIP; from += STRIP)
        for (int64_t t = 0; t < of->T && from < of->D; t++) {
            const int64_t v = of->ids[t] - of->first;
            bool before = v < 0 || v >= of->n;
            for (int64_t u = 0; !before && u < t; u++)
                before = of->ids[u] == of->ids[t];
            if (!before)
                strip_moments(of, t, v, from, of->D - from < STRIP ? of->D - from : STRIP);
        }
}

void wg_host_embed_moments(WG_SELF, const wg_embed_moments *of)
{
    wg_parallel(self->pool, (of->D + STRIP - 1) / STRIP, 1, moments_of_strips, of);
}

typedef struct bias_task {
    int64_t M, ld;
    const wg_real *d;
    wg_real *sum, *square;
} bias_task;

static void squares_of_biases(const void *task, int64_t from, int64_t to)
{
    const bias_task *t = task;

    for (int64_t v = from; v < to; v++) {
        double g = 0;
        for (int64_t m = 0; m < t->M; m++)
            g += (double)t->d[m * t->ld + v];
        t->sum[v] += (wg_real)g;
        if (t->square != NULL)
            t->square[v] += (wg_real)(g * g);
    }
}

void wg_host_bias_squares(WG_SELF, int64_t M, int64_t n, const wg_real *d, int64_t ld, wg_real *sum,
                          wg_real *square)
{
    wg_parallel(self->pool, n, wg_grain(M), squares_of_biases, &(bias_task){M, ld, d, sum, square});
}
