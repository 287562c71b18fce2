/* attention.c - causal attention by blocks (Dao et al. 2022, arXiv 2205.14135).
 *
 * A task is one block of a sequence's queries and one head; backward, one sequence and one
 * key/value head (with the query heads that share it). Within a task blocks go in order, so sums
 * have one order whatever the threads. A score block is at most BLOCK x BLOCK: memory does not grow
 * with the square of a sequence. */
#include "ops/cpu/cpu.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 64 };

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Keys of row `query` that a block of n keys from `key` on lets it see. */
static int64_t visible(int64_t query, int64_t key, int64_t n)
{
    const int64_t seen = query - key + 1;
    return seen < 0 ? 0 : least(seen, n);
}

/* Of those, how many at the beginning lie before `first`, the first that it sees. */
static int64_t hidden(int64_t first, int64_t key, int64_t seen)
{
    return first < key ? 0 : least(first - key, seen);
}

/* The first key that row `query` sees. */
static int64_t first_key(const wg_attention *a, int64_t query)
{
    return wg_first_key(query, a->window, a->chunked);
}

/* x [n] becomes scale*x, and that through a softcap if there is one. */
WG_CLONES static void scale_row(float *x, int64_t n, float scale, float cap)
{
    const float inverse = cap > 0 ? scale / cap : 0;

    for (int64_t i = 0; cap > 0 && i < n; i++)
        x[i] = cap * wg_tanh(x[i] * inverse);
    for (int64_t i = 0; !(cap > 0) && i < n; i++)
        x[i] *= scale;
}

/* One row of scores, of which [from, seen) count: running maximum and sum move on, x becomes
 * exp(x - maximum); returns the factor by which what was summed so far shrinks. */
WG_CLONES static float online_row(float *x, int64_t from, int64_t seen, int64_t n, float *most,
                                  float *sum)
{
    float top = *most, total = 0, factor;

    for (int64_t i = from; i < seen; i++)
        top = x[i] > top ? x[i] : top;
    factor = from < seen ? wg_exp(*most - top) : 1.0f;
    for (int64_t i = from; i < seen; i++)
        x[i] = wg_exp(x[i] - top);
    for (int64_t i = from; i < seen; i++)
        total += x[i];
    for (int64_t i = 0; i < from; i++)
        x[i] = 0;
    for (int64_t i = seen; i < n; i++)
        x[i] = 0;
    *sum = *sum * factor + total;
    *most = top;
    return factor;
}

/* Query rows [i, i+m) of one head: q, out at the sequence's first row of the head. */
static void forward_rows(WG_SELF, const wg_attention *a, int64_t i, int64_t m, const float *q,
                         const float *k, const float *v, float *out, float *lse)
{
    const int64_t Q = a->H * a->h, P = a->K * a->h;
    float score[BLOCK * BLOCK], most[BLOCK], sum[BLOCK];

    for (int64_t r = 0; r < m; r++) {
        most[r] = -INFINITY;
        sum[r] = 0;
        memset(out + (i + r) * Q, 0, (size_t)a->h * sizeof *out);
    }
    for (int64_t j = first_key(a, i) / BLOCK * BLOCK; j < i + m; j += BLOCK) {
        const int64_t n = least(BLOCK, i + m - j);
        wg_cpu_gemm_small(self, false, true, m, n, a->h, q + i * Q, Q, k + j * P, P, false, score,
                          BLOCK);
        for (int64_t r = 0; r < m; r++) {
            const int64_t seen = visible(i + r, j, n);
            scale_row(score + r * BLOCK, seen, a->scale, a->cap);
            const float factor = online_row(score + r * BLOCK, hidden(first_key(a, i + r), j, seen),
                                            seen, n, &most[r], &sum[r]);
            for (int64_t d = 0; d < a->h; d++)
                out[(i + r) * Q + d] *= factor;
        }
        wg_cpu_gemm_small(self, false, false, m, a->h, n, score, BLOCK, v + j * P, P, true,
                          out + i * Q, Q);
    }
    for (int64_t r = 0; r < m; r++) {
        for (int64_t d = 0; d < a->h; d++)
            out[(i + r) * Q + d] /= sum[r];
        lse[(i + r) * a->H] = most[r] + logf(sum[r]);
    }
}

typedef struct forward_task {
    const wg_ops *self;
    const wg_attention *a;
    const float *q, *k, *v;
    float *out, *lse;
} forward_task;

/* First token of sequence s whose out is wanted. */
static int64_t first_wanted(const wg_attention *a, int64_t s)
{
    return a->prefix_len != NULL ? a->prefix_len[s] : 0;
}

static int64_t blocks_of(const wg_attention *a, int64_t s)
{
    const int64_t wanted = a->start[s + 1] - a->start[s] - first_wanted(a, s);
    return wanted > 0 ? (wanted + BLOCK - 1) / BLOCK : 0;
}

/* One head of block `block`, counted through the sequences. */
static void forward_block(const forward_task *t, int64_t block, int64_t head)
{
    const wg_attention *a = t->a;
    const int64_t Q = a->H * a->h, P = a->K * a->h;
    int64_t s = 0;

    for (; block >= blocks_of(a, s); s++)
        block -= blocks_of(a, s);
    const int64_t first = a->start[s] - a->start[0], T = a->start[s + 1] - a->start[s];
    const int64_t i = first_wanted(a, s) + block * BLOCK;
    const int64_t at = first * Q + head * a->h;
    const int64_t shared = first * P + head / (a->H / a->K) * a->h;
    forward_rows(t->self, a, i, least(BLOCK, T - i), t->q + at, t->k + shared, t->v + shared,
                 t->out + at, t->lse + first * a->H + head);
}

static void forward_blocks(const void *task, int64_t from, int64_t to)
{
    const forward_task *t = task;

    for (int64_t i = from; i < to; i++)
        forward_block(t, i / t->a->H, i % t->a->H);
}

void wg_cpu_attention_forward(WG_SELF, const wg_attention *a, const float *q, const float *k,
                              const float *v, float *out, float *lse)
{
    const forward_task task = {self, a, q, k, v, out, lse};
    int64_t blocks = 0;

    for (int64_t s = 0; s < a->S; s++)
        blocks += blocks_of(a, s);
    wg_parallel(self->pool, blocks * a->H, 1, forward_blocks, &task);
}

/* p [n] scores become the gradient's factors: p = exp(s - lse), dp = the gradient of the product
 * before scaling; only [from, seen) count. */
WG_CLONES static void score_gradient(int64_t n, int64_t from, int64_t seen, float lse, float mean,
                                     float scale, float cap, float *p, float *dp)
{
    const float inverse = cap > 0 ? 1.0f / cap : 0;

    for (int64_t i = from; i < seen; i++) {
        const float t = p[i] * inverse, slope = scale * (1.0f - t * t);
        p[i] = wg_exp(p[i] - lse);
        dp[i] = slope * p[i] * (dp[i] - mean);
    }
    for (int64_t i = 0; i < from; i++)
        p[i] = dp[i] = 0;
    for (int64_t i = seen; i < n; i++)
        p[i] = dp[i] = 0;
}

WG_CLONES static float dot(const float *x, const float *y, int64_t n)
{
    float lane[WG_LANES] = {0};
    int64_t i = 0;

    for (; i + WG_LANES <= n; i += WG_LANES)
        for (int j = 0; j < WG_LANES; j++)
            lane[j] += x[i + j] * y[i + j];
    for (int j = 0; i + j < n; j++)
        lane[j] += x[i + j] * y[i + j];
    return wg_lanes_sum(lane);
}

/* Pointers at the sequence's first row of the query head and of its key/value head. */
typedef struct head_view {
    const float *q, *k, *v, *out, *lse, *dout;
    float *dq, *dk, *dv;
} head_view;

static void backward_rows(WG_SELF, const wg_attention *a, int64_t i, int64_t m, const head_view *w)
{
    const int64_t Q = a->H * a->h, P = a->K * a->h;
    float p[BLOCK * BLOCK], dp[BLOCK * BLOCK], mean[BLOCK];

    for (int64_t r = 0; r < m; r++)
        mean[r] = dot(w->dout + (i + r) * Q, w->out + (i + r) * Q, a->h);
    const int64_t begin = first_key(a, i) / BLOCK * BLOCK;
    for (int64_t j = begin; j < i + m; j += BLOCK) {
        const int64_t n = least(BLOCK, i + m - j);
        wg_cpu_gemm_small(self, false, true, m, n, a->h, w->q + i * Q, Q, w->k + j * P, P, false, p,
                          BLOCK);
        wg_cpu_gemm_small(self, false, true, m, n, a->h, w->dout + i * Q, Q, w->v + j * P, P, false,
                          dp, BLOCK);
        for (int64_t r = 0; r < m; r++) {
            const int64_t seen = visible(i + r, j, n);
            scale_row(p + r * BLOCK, seen, a->scale, a->cap);
            score_gradient(n, hidden(first_key(a, i + r), j, seen), seen, w->lse[(i + r) * a->H],
                           mean[r], a->scale, a->cap, p + r * BLOCK, dp + r * BLOCK);
        }
        wg_cpu_gemm_small(self, true, false, n, a->h, m, p, BLOCK, w->dout + i * Q, Q, true,
                          w->dv + j * P, P);
        wg_cpu_gemm_small(self, true, false, n, a->h, m, dp, BLOCK, w->q + i * Q, Q, true,
                          w->dk + j * P, P);
        wg_cpu_gemm_small(self, false, false, m, a->h, n, dp, BLOCK, w->k + j * P, P, j > begin,
                          w->dq + i * Q, Q);
    }
}

typedef struct backward_task {
    const wg_ops *self;
    const wg_attention *a;
    head_view whole; /* of all sequences and heads */
} backward_task;

/* One key/value head of one sequence, with its query heads. */
static void backward_head(const backward_task *t, int64_t s, int64_t shared_head)
{
    const wg_attention *a = t->a;
    const head_view *w = &t->whole;
    const int64_t Q = a->H * a->h, P = a->K * a->h, group = a->H / a->K;
    const int64_t first = a->start[s] - a->start[0], T = a->start[s + 1] - a->start[s];
    const int64_t shared = first * P + shared_head * a->h;

    for (int64_t i = 0; i < T; i++) {
        memset(w->dk + shared + i * P, 0, (size_t)a->h * sizeof *w->dk);
        memset(w->dv + shared + i * P, 0, (size_t)a->h * sizeof *w->dv);
    }
    for (int64_t head = shared_head * group; head < (shared_head + 1) * group; head++) {
        const int64_t at = first * Q + head * a->h;
        const head_view part = {w->q + at,
                                w->k + shared,
                                w->v + shared,
                                w->out + at,
                                w->lse + first * a->H + head,
                                w->dout + at,
                                w->dq + at,
                                w->dk + shared,
                                w->dv + shared};
        for (int64_t i = 0; i < T; i += BLOCK)
            backward_rows(t->self, a, i, least(BLOCK, T - i), &part);
    }
}

static void backward_heads(const void *task, int64_t from, int64_t to)
{
    const backward_task *t = task;

    for (int64_t i = from; i < to; i++)
        backward_head(t, i / t->a->K, i % t->a->K);
}

void wg_cpu_attention_backward(WG_SELF, const wg_attention *a, const float *q, const float *k,
                               const float *v, const float *out, const float *lse,
                               const float *dout, float *dq, float *dk, float *dv)
{
    const backward_task task = {self, a, {q, k, v, out, lse, dout, dq, dk, dv}};

    wg_parallel(self->pool, a->S * a->K, 1, backward_heads, &task);
}

/* Single query: keys in strips, online softmax. */
static void decode_head(const wg_decode_attention *a, int64_t T, const float *q, const float *k,
                        const float *v, float *out)
{
    const int64_t P = a->K * a->h, first = wg_first_key(T - 1, a->window, a->chunked);
    float score[BLOCK], most = -INFINITY, sum = 0;

    memset(out, 0, (size_t)a->h * sizeof *out);
    for (int64_t j = first / BLOCK * BLOCK; j < T; j += BLOCK) {
        const int64_t n = least(BLOCK, T - j);
        for (int64_t t = 0; t < n; t++)
            score[t] = dot(q, k + (j + t) * P, a->h);
        scale_row(score, n, a->scale, a->cap);
        const float factor = online_row(score, hidden(first, j, n), n, n, &most, &sum);
        for (int64_t d = 0; d < a->h; d++)
            out[d] *= factor;
        for (int64_t t = 0; t < n; t++)
            for (int64_t d = 0; d < a->h; d++)
                out[d] += score[t] * v[(j + t) * P + d];
    }
    for (int64_t d = 0; d < a->h; d++)
        out[d] /= sum;
}

typedef struct decode_task {
    const wg_decode_attention *a;
    const float *q;
    float *out;
} decode_task;

static void decode_heads(const void *task, int64_t from, int64_t to)
{
    const decode_task *t = task;
    const wg_decode_attention *a = t->a;
    const int64_t group = a->H / a->K;

    for (int64_t i = from; i < to; i++) { /* head i % H of prompt i / H */
        const int64_t b = i / a->H, at = a->first[b] * a->K * a->h + i % a->H / group * a->h;
        decode_head(a, a->length[b], t->q + i * a->h, a->key + at, a->value + at,
                    t->out + i * a->h);
    }
}

void wg_cpu_attention_decode(WG_SELF, const wg_decode_attention *a, const float *q, float *out)
{
    const decode_task task = {a, q, out};

    wg_parallel(self->pool, a->B * a->H, wg_grain(a->longest * a->h), decode_heads, &task);
}
