#include "optim/lora.h"

#include "base/number.h"
#include "base/pattern.h"
#include <math.h>

typedef struct adapter {
    int tensor;
    int64_t O, I, first; /* masters: A [r,I], then B [O,r] */
    wg_buffer merged;    /* [O,I] */
} adapter;

struct wg_lora {
    int64_t r, n;
    double scale;
    adapter *of;      /* [n] */
    wg_buffer stored; /* a block of a matrix */
};

static bool is_target(const wg_model *m, int t, const char *const *patterns)
{
    const wg_tensor *x = &m->files.tensor[t];

    if (!wg_model_is_weight(m, t) || x->shape.rank != 2 || t == wg_model_tensor(m, WG_EMBED, 0) ||
        t == wg_model_tensor(m, WG_HEAD, 0) || t == wg_model_tensor(m, WG_POSITION, 0))
        return false;
    return patterns == NULL || patterns[0] == NULL || wg_matches_any(x->name, patterns);
}

wagle_status wg_lora_new(wagle_ctx *ctx, wg_optimizer *a, const wagle_train_options *o)
{
    const wg_model *m = a->model;
    wg_lora *l = NULL;

    WG_TRY(WG_ALLOC(ctx, &l, 1));
    a->lora = l;
    l->r = o->lora;
    l->scale = (o->lora_alpha > 0 ? o->lora_alpha : 2 * (double)o->lora) / (double)o->lora;
    WG_TRY(WG_ALLOC(ctx, &l->of, m->files.n));
    for (int t = 0; t < m->files.n; t++) {
        const wg_tensor *x = &m->files.tensor[t];
        if (!is_target(m, t, o->lora_targets))
            continue;
        adapter *d = &l->of[l->n++];
        *d = (adapter){.tensor = t, .O = x->shape.dim[0], .I = x->shape.dim[1], .first = a->n};
        a->n += l->r * (d->O + d->I);
        WG_TRY(wg_buffer_reserve(ctx, m->ops, &d->merged, x->count));
    }
    WG_TRY(wg_buffer_reserve(ctx, m->ops, &l->stored, WG_LORA_BLOCK));
    return l->n > 0 ? WAGLE_OK
                    : wg_fail(ctx, WAGLE_E_USAGE, "@{lora_targets} matches no matrix of a layer");
}

void wg_lora_sizes(const wg_model *m, const wagle_train_options *o, int64_t *adapters,
                   int64_t *targets)
{
    *adapters = *targets = 0;
    for (int t = 0; t < m->files.n; t++) {
        const wg_tensor *x = &m->files.tensor[t];
        if (!is_target(m, t, o->lora_targets))
            continue;
        *adapters += o->lora * (x->shape.dim[0] + x->shape.dim[1]);
        *targets += x->count;
    }
}

void wg_lora_free(const wg_ops *ops, wg_lora *l)
{
    if (l == NULL)
        return;
    for (int64_t i = 0; l->of != NULL && i < l->n; i++)
        wg_buffer_free(ops, &l->of[i].merged);
    wg_buffer_free(ops, &l->stored);
    wg_free(l->of);
    wg_free(l);
}

void wg_lora_merge(wg_optimizer *a)
{
    const wg_lora *l = a->lora;
    const wg_ops *ops = a->model->ops;

    for (int64_t i = 0; i < l->n; i++) {
        const adapter *d = &l->of[i];
        const wg_tensor *t = &a->model->files.tensor[d->tensor];
        const char *stored = ops->stored(ops, t->data, t->bytes);
        const float *A = a->master + d->first, *B = A + l->r * d->I;
        float *merged = d->merged.data;
        ops->gemm(ops, d->O, d->I, l->r, wg_matrix(B, l->r), wg_matrix(A, d->I), false, merged,
                  d->I);
        for (int64_t at = 0; at < t->count; at += WG_LORA_BLOCK) {
            const int64_t n = t->count - at < WG_LORA_BLOCK ? t->count - at : WG_LORA_BLOCK;
            ops->widen(ops, t->dtype, stored + (size_t)at * wg_dtype_size(t->dtype), n,
                       l->stored.data);
            ops->axpby(ops, n, 1, l->stored.data, (float)l->scale, merged + at);
        }
        wg_model_done(a->model, d->tensor);
    }
}

wagle_status wg_lora_start(wagle_ctx *ctx, wg_optimizer *a, uint64_t seed)
{
    const wg_lora *l = a->lora;
    float *normal = NULL;

    WG_TRY(WG_ALLOC(ctx, &normal, a->n)); /* more than any A has */
    for (int64_t i = 0; i < l->n; i++) {
        const adapter *d = &l->of[i];
        for (int64_t j = 0; j < l->r * d->I; j++) {
            const double x = wg_random_normal(seed, (uint64_t)d->tensor, (uint64_t)j);
            normal[j] = (float)(x / sqrt((double)d->I)); /* on the host */
        }
        a->model->ops->upload(a->model->ops, a->master + d->first, normal,
                              (size_t)(l->r * d->I) * sizeof *normal);
        a->model->overlay[d->tensor] = (wg_overlay){.value = d->merged.data};
    }
    wg_free(normal);
    wg_lora_merge(a);
    return WAGLE_OK;
}

void wg_lora_round(wg_optimizer *a)
{
    const wg_lora *l = a->lora;
    const wg_ops *ops = a->model->ops;

    for (int64_t i = 0; i < l->n; i++) {
        const wg_tensor *t = &a->model->files.tensor[l->of[i].tensor];
        ops->round(ops, t->dtype, t->count, l->of[i].merged.data);
    }
}

void wg_lora_scale(wg_optimizer *a, double share)
{
    const wg_lora *l = a->lora;
    const wg_ops *ops = a->model->ops;

    for (int64_t i = 0; i < l->n; i++) {
        const int64_t b = l->of[i].first + l->r * l->of[i].I, n = l->r * l->of[i].O;
        ops->zero(ops, a->master + b, (size_t)n * sizeof *a->master);
        ops->interpolate(ops, n, share, a->gradient + b, a->master + b);
    }
    wg_lora_merge(a);
}

bool wg_lora_wants(const wg_lora *l, int tensor)
{
    for (int64_t i = 0; i < l->n; i++)
        if (l->of[i].tensor == tensor)
            return true;
    return false;
}

void wg_lora_accept(wg_optimizer *a, int tensor, const float *grad)
{
    const wg_lora *l = a->lora;
    const wg_ops *ops = a->model->ops;

    for (int64_t i = 0; i < l->n; i++) {
        const adapter *d = &l->of[i];
        if (d->tensor != tensor)
            continue;
        const float *A = a->master + d->first, *B = A + l->r * d->I;
        float *dA = a->gradient + d->first, *dB = dA + l->r * d->I;
        const int64_t n = l->r * (d->I + d->O);
        if (a->adding)
            ops->scale(ops, n, 1 / (float)l->scale, dA);
        else
            ops->zero(ops, dA, (size_t)n * sizeof *dA);
        ops->gemm(ops, l->r, d->I, d->O, wg_transpose(wg_matrix(B, l->r)), wg_matrix(grad, d->I),
                  true, dA, d->I);
        ops->gemm(ops, d->O, l->r, d->I, wg_matrix(grad, d->I), wg_transpose(wg_matrix(A, d->I)),
                  true, dB, l->r);
        ops->scale(ops, n, (float)l->scale, dA);
    }
}
