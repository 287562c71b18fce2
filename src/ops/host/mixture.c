/* mixture.c - mixtures of experts: which rows go to which expert, and back. */
#include "ops/host/host.h"

#include <math.h>

/* The expert with the largest share after `last`, ties to the lower number; -1 where shares are not
 * numbers. */
static int64_t next_expert(const wg_real *share, int64_t X, int64_t last)
{
    int64_t best = -1;

    for (int64_t e = 0; e < X; e++) {
        const bool open =
            last < 0 || share[e] < share[last] || (share[e] == share[last] && e > last);
        if (open && (best < 0 || share[e] > share[best]))
            best = e;
    }
    return best;
}

/* expert [used] = those with the largest shares, in ascending order. */
static void choose(const wg_routing *r, const wg_real *share, int64_t *expert)
{
    int64_t last = -1;

    for (int64_t j = 0; j < r->used; j++) {
        last = j == 0 || last >= 0 ? next_expert(share, r->X, last) : -1;
        expert[j] = last;
        for (int64_t i = j; last >= 0 && i > 0 && expert[i - 1] > last; i--) {
            expert[i] = expert[i - 1];
            expert[i - 1] = last;
        }
    }
    for (int64_t j = 0; last < 0 && j < r->used; j++) /* some share is not a number */
        expert[j] = j;
}

static void softmax(int64_t X, wg_real *share)
{
    wg_real most = share[0];
    double sum = 0;

    for (int64_t e = 1; e < X; e++)
        most = share[e] > most ? share[e] : most;
    for (int64_t e = 0; e < X; e++)
        sum += exp((double)(share[e] - most));
    for (int64_t e = 0; e < X; e++)
        share[e] = (wg_real)(exp((double)(share[e] - most)) / sum);
}

static void sigmoids(int64_t n, wg_real *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (wg_real)(1 / (1 + exp(-(double)x[i])));
}

/* Sigmoids of large logits are equal where the logits differ, so the logits choose. */
static void route_tokens(const void *task, int64_t from, int64_t to)
{
    const wg_routing *r = task;

    for (int64_t n = from; n < to; n++) {
        wg_real *share = r->share + n * r->X;
        if (!r->sigmoid)
            softmax(r->X, share);
        choose(r, share, r->expert + n * r->used);
        if (r->sigmoid)
            sigmoids(r->X, share);
    }
}

/* What the shares of a token's experts are divided by. */
static double divisor(const wg_routing *r, int64_t n)
{
    const int64_t *expert = r->expert + n * r->used;
    double sum = 0;

    for (int64_t j = 0; j < r->used; j++)
        sum += (double)r->share[n * r->X + expert[j]];
    return r->sum_to_one ? sum : 1;
}

/* Rows in order of expert and token; next[e] is the next of expert e. */
static void lay_out(const wg_routing *r, int64_t *next)
{
    for (int64_t n = 0, s = 0; n <= r->N; n++) {
        for (; s <= r->S && r->start[s] - r->start[0] <= n; s++)
            for (int64_t e = 0; e < r->X; e++)
                r->sequence[e * (r->S + 1) + s] = next[e];
        const double all = n < r->N ? divisor(r, n) : 1;
        for (int64_t j = 0; n < r->N && j < r->used; j++) {
            const int64_t e = r->expert[n * r->used + j], row = next[e]++;
            r->row[n * r->used + j] = row;
            r->token[row] = n;
            r->weight[row] = (wg_real)((double)r->share[n * r->X + e] / all);
        }
    }
}

void wg_host_route(WG_SELF, const wg_routing *r, int64_t *first)
{
    wg_parallel(self->pool, r->N, wg_grain(16 * r->X), route_tokens, r);
    for (int64_t e = 0; e <= r->X; e++)
        first[e] = 0;
    for (int64_t i = 0; i < r->N * r->used; i++)
        first[r->expert[i] + 1]++;
    for (int64_t e = 0; e < r->X; e++)
        first[e + 1] += first[e];
    lay_out(r, first); /* first[e] becomes the end of expert e */
    for (int64_t e = r->X; e > 0; e--)
        first[e] = first[e - 1];
    first[0] = 0;
}

typedef struct route_task {
    const wg_routing *of;
    const double *dweight;
    wg_real *dlogits;
} route_task;

/* Of a token: dlogit = p (1 - p) dp of its experts, 0 of the others. */
static void sigmoid_token_backward(const route_task *t, int64_t n)
{
    const wg_routing *r = t->of;
    const wg_real *share = r->share + n * r->X;
    wg_real *dlogits = t->dlogits + n * r->X;

    for (int64_t e = 0; e < r->X; e++)
        dlogits[e] = 0;
    for (int64_t j = 0; j < r->used; j++) {
        const int64_t e = r->expert[n * r->used + j];
        const double p = (double)share[e];
        dlogits[e] = (wg_real)(p * (1 - p) * t->dweight[r->row[n * r->used + j]]);
    }
}

/* With w = p/s of a token's experts, s their sum or 1: dp = (dw - [s is the sum] sum w dw) / s, and
 * through the softmax dlogit = p (dp - sum p dp). */
static void route_backward_tokens(const void *task, int64_t from, int64_t to)
{
    const route_task *t = task;
    const wg_routing *r = t->of;

    for (int64_t n = from; n < to && r->sigmoid; n++)
        sigmoid_token_backward(t, n);
    for (int64_t n = from; n < to && !r->sigmoid; n++) {
        const int64_t *expert = r->expert + n * r->used, *row = r->row + n * r->used;
        const wg_real *share = r->share + n * r->X;
        wg_real *dlogits = t->dlogits + n * r->X;
        const double s = divisor(r, n);
        double inner = 0, along = 0;
        for (int64_t j = 0; r->sum_to_one && j < r->used; j++)
            inner += (double)r->weight[row[j]] * t->dweight[row[j]];
        for (int64_t j = 0; j < r->used; j++)
            along += (double)share[expert[j]] * (t->dweight[row[j]] - inner) / s;
        for (int64_t e = 0; e < r->X; e++)
            dlogits[e] = (wg_real)(-(double)share[e] * along);
        for (int64_t j = 0; j < r->used; j++) {
            const double p = (double)share[expert[j]];
            dlogits[expert[j]] = (wg_real)(p * ((t->dweight[row[j]] - inner) / s - along));
        }
    }
}

void wg_host_route_backward(WG_SELF, const wg_routing *r, const double *dweight, wg_real *dlogits)
{
    const route_task task = {r, dweight, dlogits};

    wg_parallel(self->pool, r->N, wg_grain(4 * r->X), route_backward_tokens, &task);
}

typedef struct sum_task {
    int64_t k, D;
    const int64_t *row;
    const wg_real *weight, *x;
    wg_real *y;
} sum_task;

static void sum_some_rows(const void *task, int64_t from, int64_t to)
{
    const sum_task *t = task;

    for (int64_t n = from; n < to; n++)
        for (int64_t j = 0; j < t->k; j++) {
            const int64_t row = t->row != NULL ? t->row[n * t->k + j] : n;
            const wg_real weight = t->weight != NULL ? t->weight[row] : 1;
            const wg_real *x = t->x + row * t->D;
            wg_real *y = t->y + n * t->D;
            for (int64_t d = 0; d < t->D; d++)
                y[d] += weight * x[d];
        }
}

void wg_host_sum_rows(WG_SELF, int64_t N, int64_t k, int64_t D, const int64_t *row,
                      const wg_real *weight, const wg_real *x, wg_real *y)
{
    const sum_task task = {k, D, row, weight, x, y};

    wg_parallel(self->pool, N, wg_grain(k * D), sum_some_rows, &task);
}

typedef struct scale_task {
    int64_t D;
    const wg_real *weight;
    wg_real *x;
} scale_task;

static void scale_some_rows(const void *task, int64_t from, int64_t to)
{
    const scale_task *t = task;

    for (int64_t n = from; n < to; n++)
        for (int64_t d = 0; d < t->D; d++)
            t->x[n * t->D + d] *= t->weight[n];
}

void wg_host_scale_rows(WG_SELF, int64_t N, int64_t D, const wg_real *weight, wg_real *x)
{
    const scale_task task = {D, weight, x};

    wg_parallel(self->pool, N, wg_grain(D), scale_some_rows, &task);
}

void wg_host_sigmoid(WG_SELF, int64_t n, wg_real *x)
{
    sigmoids(n, x);
}

void wg_host_sigmoid_backward(WG_SELF, int64_t n, const wg_real *y, const double *dy, wg_real *dx)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] = (wg_real)(dy[i] * (double)y[i] * (1 - (double)y[i]));
}
