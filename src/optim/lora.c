#include "optim/lora.h"

#include "base/number.h"
#include "base/pattern.h"
#include <math.h>
#include <string.h>

typedef struct adapter {
    int tensor;
    int64_t O, I, first; /* masters: A [r,I], then B [O,r] */
    float *merged;       /* [O,I] */
} adapter;

struct wg_lora {
    int64_t r, n;
    double scale;
    adapter *of; /* [n] */
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
        WG_TRY(WG_ALLOC(ctx, &d->merged, x->count));
    }
    return l->n > 0 ? WAGLE_OK
                    : wg_fail(ctx, WAGLE_E_USAGE, "--lora-targets matches no matrix of a layer");
}

void wg_lora_free(wg_lora *l)
{
    for (int64_t i = 0; l != NULL && l->of != NULL && i < l->n; i++)
        wg_free(l->of[i].merged);
    if (l != NULL)
        wg_free(l->of);
    wg_free(l);
}

void wg_lora_merge(wg_optimizer *a)
{
    const wg_lora *l = a->lora;

    for (int64_t i = 0; i < l->n; i++) {
        const adapter *d = &l->of[i];
        const wg_tensor *t = &a->model->files.tensor[d->tensor];
        const float *A = a->master + d->first, *B = A + l->r * d->I;
        a->model->ops->gemm(false, false, d->O, d->I, l->r, B, l->r, A, d->I, false, d->merged,
                            d->I);
        for (int64_t at = 0; at < t->count; at += WG_OVERLAY_BLOCK) {
            const int64_t n = t->count - at < WG_OVERLAY_BLOCK ? t->count - at : WG_OVERLAY_BLOCK;
            float stored[WG_OVERLAY_BLOCK];
            wg_to_float(t->dtype, (const char *)t->data + (size_t)at * wg_dtype_size(t->dtype), n,
                        stored);
            for (int64_t j = 0; j < n; j++)
                d->merged[at + j] = stored[j] + (float)l->scale * d->merged[at + j];
        }
    }
}

void wg_lora_start(wg_optimizer *a, uint64_t seed)
{
    const wg_lora *l = a->lora;

    for (int64_t i = 0; i < l->n; i++) {
        const adapter *d = &l->of[i];
        for (int64_t j = 0; j < l->r * d->I; j++)
            a->master[d->first + j] =
                (float)(wg_random_normal(seed, (uint64_t)d->tensor, (uint64_t)j) /
                        sqrt((double)d->I));
        a->model->overlay[d->tensor] = (wg_overlay){NULL, NULL, d->merged};
    }
    wg_lora_merge(a);
}

void wg_lora_each(const wg_lora *l, const wg_tensors *files,
                  void (*f)(wg_dtype type, int64_t n, float *merged))
{
    for (int64_t i = 0; i < l->n; i++) {
        const wg_tensor *t = &files->tensor[l->of[i].tensor];
        f(t->dtype, t->count, l->of[i].merged);
    }
}

void wg_lora_scale(wg_optimizer *a, double share)
{
    const wg_lora *l = a->lora;

    for (int64_t i = 0; i < l->n; i++) {
        const adapter *d = &l->of[i];
        for (int64_t b = d->first + l->r * d->I; b < d->first + l->r * (d->I + d->O); b++)
            a->master[b] = (float)(share * (double)a->gradient[b]);
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
        for (int64_t j = 0; j < l->r * (d->I + d->O); j++)
            dA[j] = a->adding ? dA[j] / (float)l->scale : 0;
        ops->gemm(true, false, l->r, d->I, d->O, B, l->r, grad, d->I, true, dA, d->I);
        ops->gemm(false, true, d->O, l->r, d->I, grad, d->I, A, d->I, true, dB, l->r);
        for (int64_t j = 0; j < l->r * (d->I + d->O); j++)
            dA[j] *= (float)l->scale;
    }
}
