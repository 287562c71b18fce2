/* distribution.c - targets that are distributions over the vocabulary. */
#include "ops/cpu/cpu.h"

WG_CLONES static void scaled_exp(float *x, int64_t n, float lse, float scale)
{
    for (int64_t v = 0; v < n; v++)
        x[v] = scale * wg_exp(x[v] - lse);
}

typedef struct softmax_task {
    int64_t n, ld;
    const float *lse, *scale;
    float *x;
} softmax_task;

static void softmax_rows(const void *task, int64_t from, int64_t to)
{
    const softmax_task *t = task;

    for (int64_t m = from; m < to; m++)
        scaled_exp(t->x + m * t->ld, t->n, t->lse[m], t->scale[m]);
}

void wg_cpu_softmax(WG_SELF, int64_t M, int64_t n, const float *lse, const float *scale, float *x,
                    int64_t ld)
{
    const softmax_task task = {n, ld, lse, scale, x};

    wg_parallel(self->pool, M, wg_grain(2 * n), softmax_rows, &task);
}

WG_CLONES double wg_cpu_dot(int64_t n, const float *a, const float *b)
{
    double lane[WG_LANES] = {0}, sum = 0;
    int64_t v = 0;

    for (; v + WG_LANES <= n; v += WG_LANES)
        for (int i = 0; i < WG_LANES; i++)
            lane[i] += (double)a[v + i] * (double)b[v + i];
    for (int i = 0; v + i < n; i++)
        lane[i] += (double)a[v + i] * (double)b[v + i];
    for (int i = 0; i < WG_LANES; i++)
        sum += lane[i];
    return sum;
}

typedef struct dot_task {
    int64_t n, lda, ldb;
    const float *a, *b;
    double *sum;
} dot_task;

static void dot_rows(const void *task, int64_t from, int64_t to)
{
    const dot_task *t = task;

    for (int64_t m = from; m < to; m++)
        t->sum[m] += wg_cpu_dot(t->n, t->a + m * t->lda, t->b + m * t->ldb);
}

void wg_cpu_dot_rows(WG_SELF, int64_t M, int64_t n, const float *a, int64_t lda, const float *b,
                     int64_t ldb, double *sum)
{
    const dot_task task = {n, lda, ldb, a, b, sum};

    wg_parallel(self->pool, M, wg_grain(n), dot_rows, &task);
}

typedef struct runner_up_task {
    int64_t first, n, ld;
    const float *logits;
    const int32_t *target;
    float *most;
    int32_t *which;
} runner_up_task;

static void runner_up_rows(const void *task, int64_t from, int64_t to)
{
    const runner_up_task *t = task;

    for (int64_t m = from; m < to; m++)
        for (int64_t v = 0; v < t->n; v++)
            if (t->logits[m * t->ld + v] > t->most[m] && t->first + v != t->target[m]) {
                t->most[m] = t->logits[m * t->ld + v];
                t->which[m] = (int32_t)(t->first + v);
            }
}

void wg_cpu_runner_up(WG_SELF, int64_t M, int64_t first, int64_t n, const float *logits, int64_t ld,
                      const int32_t *target, float *most, int32_t *which)
{
    const runner_up_task task = {first, n, ld, logits, target, most, which};

    wg_parallel(self->pool, M, wg_grain(n), runner_up_rows, &task);
}

/* inverse: 1/cap, or 0 for none */
WG_CLONES static void soft_row(float *x, int64_t n, const float *q, float lse, float weight,
                               float inverse)
{
    for (int64_t v = 0; v < n; v++) {
        const float t = x[v] * inverse;
        x[v] = (1.0f - t * t) * (weight * wg_exp(x[v] - lse) - q[v]);
    }
}

typedef struct soft_task {
    int64_t n, ld;
    float *logits;
    const float *q, *lse, *weight;
    float inverse;
} soft_task;

static void soft_rows(const void *task, int64_t from, int64_t to)
{
    const soft_task *t = task;

    for (int64_t m = from; m < to; m++)
        soft_row(t->logits + m * t->ld, t->n, t->q + m * t->n, t->lse[m], t->weight[m], t->inverse);
}

void wg_cpu_xent_soft_backward(WG_SELF, int64_t M, int64_t n, float *logits, int64_t ld,
                               const float *q, const float *lse, const float *weight, float cap)
{
    const soft_task task = {n, ld, logits, q, lse, weight, cap > 0 ? 1 / cap : 0};

    wg_parallel(self->pool, M, wg_grain(2 * n), soft_rows, &task);
}
