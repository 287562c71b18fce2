/* layers.c - tables, norms, positions, attention, activations (kernels/layers.cu, attention.cu,
 * decode.cu). */
#include "ops/cuda/state.h"

static void embed(const wg_ops *self, const wg_weights *table, int64_t N, int64_t D,
                  const int32_t *ids, int64_t offset, float factor, bool add, float *x)
{
    const wg_cuda_weights w = wg_cuda_weights_of(table);
    const int adds = add;

    LAUNCH(embed, N, 1, WG_CUDA_THREADS, &w, &D, &ids, &offset, &factor, &adds, &x);
}

static void embed_backward(const wg_ops *self, int64_t N, int64_t D, const int32_t *ids,
                           const float *dx, float *dtable)
{
    LAUNCH(embed_backward, N, 1, WG_CUDA_THREADS, &N, &D, &ids, &dx, &dtable);
}

static void norm_forward(const wg_ops *self, int64_t N, int64_t D, float eps, const float *x,
                         const float *weight, const float *bias, float *y, float *mean, float *rstd)
{
    LAUNCH(norm_forward, N, 1, WG_CUDA_THREADS, &D, &eps, &x, &weight, &bias, &y, &mean, &rstd);
}

static void norm_backward(const wg_ops *self, int64_t N, int64_t D, const float *x,
                          const float *weight, const float *mean, const float *rstd,
                          const float *dy, float *dx)
{
    LAUNCH(norm_backward, N, 1, WG_CUDA_THREADS, &D, &x, &weight, &mean, &rstd, &dy, &dx);
}

static void norm_weight(const wg_ops *self, int64_t N, int64_t D, const float *x, const float *mean,
                        const float *rstd, const float *dy, float *dweight)
{
    wg_cuda_columns(self, WG_CUDA_NORM_WEIGHT, N, D, dy, D, x, mean, rstd, dweight, NULL);
}

static void bias_forward(const wg_ops *self, int64_t N, int64_t O, const float *bias, float *y,
                         int64_t ld)
{
    LAUNCH_ELEMENTS(bias_forward, N, O, &O, &bias, &y, &ld);
}

static void bias_backward(const wg_ops *self, int64_t N, int64_t O, const float *dy, int64_t ld,
                          float *dbias)
{
    wg_cuda_columns(self, WG_CUDA_SUM, N, O, dy, ld, NULL, NULL, NULL, dbias, NULL);
}

static void softcap(const wg_ops *self, int64_t N, int64_t O, float cap, float *y, int64_t ld)
{
    LAUNCH_ELEMENTS(softcap, N, O, &O, &cap, &y, &ld);
}

static void clip(const wg_ops *self, int64_t n, float most, float *x)
{
    LAUNCH_EACH(clip, n, &n, &most, &x);
}

static void clip_backward(const wg_ops *self, int64_t n, float most, const float *x, float *dx)
{
    LAUNCH_EACH(clip_backward, n, &n, &most, &x, &dx);
}

static void rope(const wg_ops *self, int64_t N, int64_t H, int64_t K, int64_t h, int64_t r,
                 bool neighbours, const int32_t *position, const float *cosine, const float *sine,
                 int direction, float *q, float *k)
{
    const int wide = (int)h, half = (int)(r / 2), queries = (int)H, keys = (int)K;
    const int step = neighbours ? 2 : 1, apart = neighbours ? 1 : half;

    LAUNCH_ROWS(rope, N, &queries, &keys, &wide, &half, &step, &apart, &position, &cosine, &sine,
                &direction, &q, &k);
}

static void glu_forward(const wg_ops *self, wg_activation act, int64_t n, const float *gate,
                        const float *up, float *out)
{
    const int kind = (int)act;

    LAUNCH_EACH(glu_forward, n, &kind, &n, &gate, &up, &out);
}

static void glu_backward(const wg_ops *self, wg_activation act, int64_t n, const float *gate,
                         const float *up, const float *dout, float *dgate, float *dup)
{
    const int kind = (int)act;

    LAUNCH_EACH(glu_backward, n, &kind, &n, &gate, &up, &dout, &dgate, &dup);
}

/* --- attention --- */

enum { FORWARD, KEYS, QUERIES };

/* One of the kernels for the head size, a block a tile, sequence and head; false: too large. */
static bool launch_attention(const wg_ops *self, int what, const wg_attention *a, int64_t heads,
                             const wg_cuda_heads *w)
{
    static const wg_cuda_kernel kernels[][3] = {
        {WG_K_attention_forward_64, WG_K_attention_forward_128, WG_K_attention_forward_256},
        {WG_K_attention_keys_64, WG_K_attention_keys_128, WG_K_attention_keys_256},
        {WG_K_attention_queries_64, WG_K_attention_queries_128, WG_K_attention_queries_256}};
    const int64_t tiles = wg_cuda_parts(a->longest, WG_CUDA_TILE);
    const wg_cuda_attention p = {.start = (const long long *)a->start,
                                 .prefix =
                                     what == FORWARD ? (const long long *)a->prefix_len : NULL,
                                 .H = a->H,
                                 .K = a->K,
                                 .h = a->h,
                                 .window = a->window,
                                 .tiles = tiles,
                                 .scale = a->scale,
                                 .cap = a->cap};

    if (a->h > 256) {
        wg_cuda_break(self->state, WAGLE_E_USAGE,
                      "head size %lld: attention on cuda takes up to 256", (long long)a->h);
        return false;
    }
    wg_cuda_launch(self,
                   kernels[what][a->h <= 64    ? 0
                                 : a->h <= 128 ? 1
                                               : 2],
                   tiles * a->S, heads, WG_CUDA_THREADS, (const void *[]){&p, w});
    return true;
}

static void attention_forward(const wg_ops *self, const wg_attention *a, const float *q,
                              const float *k, const float *v, float *out, float *lse)
{
    const wg_cuda_heads w = {.q = q, .k = k, .v = v, .new_out = out, .new_lse = lse};

    (void)launch_attention(self, FORWARD, a, a->H, &w);
}

static void attention_backward(const wg_ops *self, const wg_attention *a, const float *q,
                               const float *k, const float *v, const float *out, const float *lse,
                               const float *dout, float *dq, float *dk, float *dv)
{
    wg_cuda *c = wg_cuda_ready(self);
    const int64_t rows = a->N * a->H;

    if (c == NULL || !wg_cuda_grow(c, &c->parts, (size_t)rows * sizeof(float)))
        return;
    float *mean = (float *)(uintptr_t)c->parts.data;
    const wg_cuda_heads w = {.q = q,
                             .k = k,
                             .v = v,
                             .out = out,
                             .dout = dout,
                             .lse = lse,
                             .mean = mean,
                             .dq = dq,
                             .dk = dk,
                             .dv = dv};
    LAUNCH(attention_mean, wg_cuda_parts(rows, WG_CUDA_THREADS / 32), 1, WG_CUDA_THREADS, &rows,
           &a->h, &out, &dout, &mean);
    if (launch_attention(self, KEYS, a, a->K, &w))
        (void)launch_attention(self, QUERIES, a, a->H, &w);
}

static void attention_decode(const wg_ops *self, const wg_decode_attention *a, const float *q,
                             float *out)
{
    const wg_cuda_decode d = {.length = (const long long *)a->length,
                              .first = (const long long *)a->first,
                              .key = a->key,
                              .value = a->value,
                              .q = q,
                              .out = out,
                              .H = a->H,
                              .K = a->K,
                              .h = a->h,
                              .window = a->window,
                              .scale = a->scale,
                              .cap = a->cap};

    if (a->h > 256)
        wg_cuda_break(self->state, WAGLE_E_USAGE,
                      "head size %lld: attention on cuda takes up to 256", (long long)a->h);
    LAUNCH(attention_decode, a->B, a->H, WG_CUDA_DECODE_KEYS, &d);
}

void wg_cuda_layer_ops(wg_ops *ops)
{
    ops->embed = embed;
    ops->embed_backward = embed_backward;
    ops->norm_forward = norm_forward;
    ops->norm_backward = norm_backward;
    ops->norm_weight = norm_weight;
    ops->bias_forward = bias_forward;
    ops->bias_backward = bias_backward;
    ops->softcap = softcap;
    ops->clip = clip;
    ops->clip_backward = clip_backward;
    ops->rope = rope;
    ops->glu_forward = glu_forward;
    ops->glu_backward = glu_backward;
    ops->attention_forward = attention_forward;
    ops->attention_backward = attention_backward;
    ops->attention_decode = attention_decode;
}
