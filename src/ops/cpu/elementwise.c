#include "ops/cpu/cpu.h"

#include <math.h>

enum { STRIP = 32 }; /* columns that one thread sums: each in the order of the rows */

WG_CLONES static void widen_bf16(const unsigned char *src, int64_t n, float *dst)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, src + 2 * i, sizeof h);
        dst[i] = wg_bf16_float(h);
    }
}

void wg_cpu_widen_piece(wg_dtype type, const void *src, int64_t n, float *dst)
{
    if (type == WG_BF16)
        widen_bf16(src, n, dst);
    else
        wg_to_float(type, src, n, dst);
}

typedef struct widen_task {
    wg_dtype type;
    const char *src;
    float *dst;
} widen_task;

static void widen_block(const void *task, int64_t from, int64_t to)
{
    const widen_task *t = task;
    const char *src = t->src + (size_t)from * wg_dtype_size(t->type);

    wg_cpu_widen_piece(t->type, src, to - from, t->dst + from);
}

void wg_cpu_widen(WG_SELF, wg_dtype type, const void *src, int64_t n, float *dst)
{
    const widen_task task = {type, src, dst};

    wg_parallel(self->pool, n, wg_grain(1), widen_block, &task);
}

typedef struct clip_task {
    float most;
    float *x;         /* [n] to be clipped, or */
    const float *was; /* clipped ones, */
    float *dx;        /* and their gradient */
} clip_task;

static void clip_block(const void *task, int64_t from, int64_t to)
{
    const clip_task *t = task;
    const float most = t->most;

    for (int64_t i = from; i < to; i++) {
        const float x = t->x[i];
        t->x[i] = x > most ? most : x < -most ? -most : x;
    }
}

static void clip_gradient(const void *task, int64_t from, int64_t to)
{
    const clip_task *t = task;

    for (int64_t i = from; i < to; i++)
        t->dx[i] = t->was[i] >= t->most || t->was[i] <= -t->most ? 0 : t->dx[i];
}

void wg_cpu_clip(WG_SELF, int64_t n, float most, float *x)
{
    wg_parallel(self->pool, n, wg_grain(1), clip_block, &(clip_task){.most = most, .x = x});
}

void wg_cpu_clip_backward(WG_SELF, int64_t n, float most, const float *x, float *dx)
{
    wg_parallel(self->pool, n, wg_grain(1), clip_gradient,
                &(clip_task){.most = most, .was = x, .dx = dx});
}

typedef struct rope_task {
    int64_t heads, h, half;
    const int32_t *position;
    const float *cosine, *sine;
    float sign, *x;
} rope_task;

static void rope_rows(const void *task, int64_t from, int64_t to)
{
    const rope_task *t = task;

    for (int64_t n = from; n < to; n++) {
        const float *c = t->cosine + t->position[n] * t->half;
        const float *s = t->sine + t->position[n] * t->half;
        for (int64_t head = 0; head < t->heads; head++) {
            float *low = t->x + (n * t->heads + head) * t->h, *high = low + t->half;
            for (int64_t i = 0; i < t->half; i++) {
                const float a = low[i], b = high[i];
                low[i] = a * c[i] - b * (t->sign * s[i]);
                high[i] = b * c[i] + a * (t->sign * s[i]);
            }
        }
    }
}

/* The same of pairs of neighbours. */
static void rope_neighbours(const void *task, int64_t from, int64_t to)
{
    const rope_task *t = task;

    for (int64_t n = from; n < to; n++) {
        const float *c = t->cosine + t->position[n] * t->half;
        const float *s = t->sine + t->position[n] * t->half;
        for (int64_t head = 0; head < t->heads; head++) {
            float *x = t->x + (n * t->heads + head) * t->h;
            for (int64_t i = 0; i < t->half; i++) {
                const float a = x[2 * i], b = x[2 * i + 1];
                x[2 * i] = a * c[i] - b * (t->sign * s[i]);
                x[2 * i + 1] = b * c[i] + a * (t->sign * s[i]);
            }
        }
    }
}

void wg_cpu_rope(WG_SELF, int64_t N, int64_t H, int64_t K, int64_t h, int64_t r, bool neighbours,
                 const int32_t *position, const float *cosine, const float *sine, int direction,
                 float *q, float *k)
{
    rope_task task = {H, h, r / 2, position, cosine, sine, (float)direction, q};
    wg_block_fn *rows = neighbours ? rope_neighbours : rope_rows;

    wg_parallel(self->pool, N, wg_grain(2 * H * h), rows, &task);
    task.heads = K;
    task.x = k;
    wg_parallel(self->pool, N, wg_grain(2 * K * h), rows, &task);
}

/* Rows that are summed by columns: into dst, or into row ids[n] of it. */
typedef struct columns_task {
    int64_t N, D, ld;
    const int32_t *ids;
    const float *x;
    float *dst;
} columns_task;

static void add_strips(const void *task, int64_t from, int64_t to)
{
    const columns_task *t = task;
    const int64_t low = from * STRIP, high = to * STRIP < t->D ? to * STRIP : t->D;

    for (int64_t n = 0; n < t->N; n++) {
        float *dst = t->ids != NULL ? t->dst + t->ids[n] * t->D : t->dst;
        for (int64_t d = low; d < high; d++)
            dst[d] += t->x[n * t->ld + d];
    }
}

static void add_columns(wg_pool *pool, const columns_task *task)
{
    const int64_t strips = (task->D + STRIP - 1) / STRIP;

    wg_parallel(pool, strips, wg_grain(STRIP * task->N), add_strips, task);
}

void wg_cpu_embed_backward(WG_SELF, int64_t N, int64_t D, const int32_t *ids, const float *dx,
                           float *dtable)
{
    add_columns(self->pool, &(columns_task){N, D, D, ids, dx, dtable});
}

/* --- cross-entropy -------------------------------------------------------------------------- */

WG_CLONES static float row_maximum(const float *x, int64_t n, float most)
{
    float lane[WG_LANES];
    int64_t v = 0;

    for (int i = 0; i < WG_LANES; i++)
        lane[i] = most;
    for (; v + WG_LANES <= n; v += WG_LANES)
        for (int i = 0; i < WG_LANES; i++)
            lane[i] = x[v + i] > lane[i] ? x[v + i] : lane[i];
    for (; v < n; v++)
        lane[0] = x[v] > lane[0] ? x[v] : lane[0];
    for (int i = 1; i < WG_LANES; i++)
        lane[0] = lane[i] > lane[0] ? lane[i] : lane[0];
    return lane[0];
}

WG_CLONES static float row_exp_sum(const float *x, int64_t n, float most)
{
    float lane[WG_LANES] = {0};
    int64_t v = 0;

    for (; v + WG_LANES <= n; v += WG_LANES)
        for (int i = 0; i < WG_LANES; i++)
            lane[i] += wg_exp(x[v + i] - most);
    for (; v < n; v++)
        lane[0] += wg_exp(x[v] - most);
    return wg_lanes_sum(lane);
}

typedef struct xent_task {
    int64_t first, n, ld;
    const float *logits;
    const int32_t *target;
    float *maximum, *sum, *picked;
} xent_task;

static void xent_rows(const void *task, int64_t from, int64_t to)
{
    const xent_task *t = task;

    for (int64_t m = from; m < to; m++) {
        const float *row = t->logits + m * t->ld;
        const float most = row_maximum(row, t->n, t->maximum[m]);
        t->sum[m] = t->sum[m] * wg_exp(t->maximum[m] - most) + row_exp_sum(row, t->n, most);
        t->maximum[m] = most;
        if (t->target[m] >= t->first && t->target[m] < t->first + t->n)
            t->picked[m] = row[t->target[m] - t->first];
    }
}

void wg_cpu_xent_forward(WG_SELF, int64_t M, int64_t first, int64_t n, const float *logits,
                         int64_t ld, const int32_t *target, float *maximum, float *sum,
                         float *picked)
{
    const xent_task task = {first, n, ld, logits, target, maximum, sum, picked};

    wg_parallel(self->pool, M, wg_grain(2 * n), xent_rows, &task);
}

WG_CLONES static void row_softmax(float *x, int64_t n, float lse, float weight)
{
    for (int64_t v = 0; v < n; v++)
        x[v] = weight * wg_exp(x[v] - lse);
}

/* The same through softcap: x = cap*tanh(.), whose slope is 1 - (x/cap)^2. */
WG_CLONES static void row_softmax_capped(float *x, int64_t n, float lse, float weight,
                                         float inverse)
{
    for (int64_t v = 0; v < n; v++) {
        const float t = x[v] * inverse;
        x[v] = (1.0f - t * t) * weight * wg_exp(x[v] - lse);
    }
}

typedef struct xent_backward_task {
    int64_t first, n, ld;
    float *logits;
    const int32_t *target;
    const float *lse, *weight;
    float cap;
} xent_backward_task;

static void xent_backward_rows(const void *task, int64_t from, int64_t to)
{
    const xent_backward_task *t = task;

    for (int64_t m = from; m < to; m++) {
        const bool here = t->target[m] >= t->first && t->target[m] < t->first + t->n;
        float *row = t->logits + m * t->ld, *label = here ? row + t->target[m] - t->first : NULL;
        const float x = here && t->cap > 0 ? *label / t->cap : 0;
        if (t->cap > 0)
            row_softmax_capped(row, t->n, t->lse[m], t->weight[m], 1 / t->cap);
        else
            row_softmax(row, t->n, t->lse[m], t->weight[m]);
        if (here)
            *label -= t->weight[m] * (1 - x * x);
    }
}

void wg_cpu_xent_backward(WG_SELF, int64_t M, int64_t first, int64_t n, float *logits, int64_t ld,
                          const int32_t *target, const float *lse, const float *weight, float cap)
{
    const xent_backward_task task = {first, n, ld, logits, target, lse, weight, cap};

    wg_parallel(self->pool, M, wg_grain(2 * n), xent_backward_rows, &task);
}

/* --- biases and caps ----------------------------------------------------------------------- */

typedef struct rows_task {
    int64_t O, ld;
    const float *bias;
    float cap, *y;
} rows_task;

static void bias_rows(const void *task, int64_t from, int64_t to)
{
    const rows_task *t = task;

    for (int64_t n = from; n < to; n++)
        for (int64_t o = 0; o < t->O; o++)
            t->y[n * t->ld + o] += t->bias[o];
}

void wg_cpu_bias_forward(WG_SELF, int64_t N, int64_t O, const float *bias, float *y, int64_t ld)
{
    const rows_task task = {.O = O, .ld = ld, .bias = bias, .y = y};

    wg_parallel(self->pool, N, wg_grain(O), bias_rows, &task);
}

void wg_cpu_bias_backward(WG_SELF, int64_t N, int64_t O, const float *dy, int64_t ld, float *dbias)
{
    add_columns(self->pool, &(columns_task){N, O, ld, NULL, dy, dbias});
}

WG_CLONES static void softcap_row(int64_t n, float cap, float *y)
{
    const float inverse = 1.0f / cap;

    for (int64_t i = 0; i < n; i++)
        y[i] = cap * wg_tanh(y[i] * inverse);
}

static void softcap_rows(const void *task, int64_t from, int64_t to)
{
    const rows_task *t = task;

    for (int64_t n = from; n < to; n++)
        softcap_row(t->O, t->cap, t->y + n * t->ld);
}

void wg_cpu_softcap(WG_SELF, int64_t N, int64_t O, float cap, float *y, int64_t ld)
{
    const rows_task task = {.O = O, .ld = ld, .cap = cap, .y = y};

    wg_parallel(self->pool, N, wg_grain(2 * O), softcap_rows, &task);
}
