#include "optim/adamw.h"

#include <math.h>
#include <string.h>

/* The compact copy of a tensor's selected weights. */
static void gather_tensor(const wg_adamw *a, int t, const float *whole, float *compact)
{
    const int64_t n = a->model->files.tensor[t].count;

    if (a->bits[t] == NULL)
        memcpy(compact, whole, (size_t)n * sizeof *whole);
    else
        a->model->ops->gather(n, a->bits[t], a->rank[t], whole, compact);
}

static wagle_status rank_blocks(wagle_ctx *ctx, const uint64_t *bits, int64_t n, int64_t **out)
{
    int64_t before = 0;

    WG_TRY(WG_ALLOC(ctx, out, n / WG_OVERLAY_BLOCK + 1));
    for (int64_t w = 0; w < (n + 63) / 64; w++) {
        if (w % (WG_OVERLAY_BLOCK / 64) == 0)
            (*out)[w / (WG_OVERLAY_BLOCK / 64)] = before;
        before += __builtin_popcountll(bits[w]);
    }
    return WAGLE_OK;
}

/* The mask's view of tensor t. */
static wagle_status place_tensor(wagle_ctx *ctx, wg_adamw *a, const wg_mask *mask, int t)
{
    const wg_tensor *tensor = &a->model->files.tensor[t];
    const wg_mask_tensor *m = mask != NULL ? wg_mask_find(mask, tensor->name) : NULL;
    char found[96], expected[96];

    a->first[t] = -1;
    if (!wg_model_is_weight(a->model, t))
        return WAGLE_OK;
    if (m != NULL && !wg_shape_equal(&m->shape, &tensor->shape))
        return wg_fail(ctx, WAGLE_E_INPUT, "mask: tensor '%s': shape %s, the model's is %s",
                       tensor->name, wg_shape_text(&m->shape, found),
                       wg_shape_text(&tensor->shape, expected));
    a->count[t] = mask == NULL ? tensor->count : m != NULL ? m->selected : 0;
    if (a->count[t] == 0)
        return WAGLE_OK;
    a->first[t] = a->n;
    a->n += a->count[t];
    if (a->count[t] == tensor->count)
        return WAGLE_OK;
    a->bits[t] = m->bits;
    return rank_blocks(ctx, m->bits, tensor->count, &a->rank[t]);
}

static wagle_status check_names(wagle_ctx *ctx, const wg_model *model, const wg_mask *mask)
{
    for (int64_t i = 0; mask != NULL && i < mask->n; i++) {
        const wg_tensor *t = wg_tensors_find(&model->files, mask->tensor[i].name);
        if (t == NULL || !wg_model_is_weight(model, (int)(t - model->files.tensor)))
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "mask: tensor '%.128s' is not in %s: the mask of another model?",
                           mask->tensor[i].name, model->folder);
    }
    if (mask != NULL && mask->selected == 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "mask: it selects no weight at all");
    return WAGLE_OK;
}

static wagle_status start_masters(wagle_ctx *ctx, wg_adamw *a)
{
    float *panel = NULL;

    WG_TRY(WG_ALLOC(ctx, &panel, a->model->widest));
    for (int t = 0; t < a->model->files.n; t++) {
        const wg_tensor *tensor = &a->model->files.tensor[t];
        if (a->first[t] < 0)
            continue;
        wg_to_float(tensor->dtype, tensor->data, tensor->count, panel);
        gather_tensor(a, t, panel, a->master + a->first[t]);
        wg_map_release(tensor->data, tensor->bytes);
        a->model->overlay[t] = (wg_overlay){a->bits[t], a->rank[t], a->master + a->first[t]};
    }
    wg_free(panel);
    return WAGLE_OK;
}

wagle_status wg_adamw_new(wagle_ctx *ctx, wg_model *model, const wg_mask *mask,
                          const wagle_train_options *o, const char *scratch, wg_adamw **out)
{
    wg_adamw *a = NULL;
    wagle_status st;

    *out = NULL;
    WG_TRY(check_names(ctx, model, mask));
    WG_TRY(WG_ALLOC(ctx, &a, 1));
    a->model = model;
    a->beta1 = o->beta1;
    a->beta2 = o->beta2;
    a->epsilon = o->epsilon;
    a->weight_decay = o->weight_decay;
    a->clip = o->clip;
    WG_TRY_GOTO(WG_ALLOC(ctx, &a->first, model->files.n), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &a->count, model->files.n), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &a->bits, model->files.n), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &a->rank, model->files.n), fail);
    for (int t = 0; t < model->files.n; t++)
        WG_TRY_GOTO(place_tensor(ctx, a, mask, t), fail);
    a->bf16 = o->state != NULL && strcmp(o->state, "bf16") == 0;
    a->seed = (uint32_t)o->seed;
    for (int i = 0; i < 4; i++)
        WG_TRY_GOTO(wg_scratch_new(ctx, scratch, a->n, i < 2 || !a->bf16 ? 4 : 2, scratch != NULL,
                                   &a->memory[i]),
                    fail);
    a->master = a->memory[0].data;
    a->gradient = a->memory[1].data;
    a->m = a->memory[2].data;
    a->v = a->memory[3].data;
    WG_TRY_GOTO(start_masters(ctx, a), fail);
    *out = a;
    return WAGLE_OK;
fail:
    wg_adamw_free(a);
    return st;
}

int64_t wg_adamw_bytes(int64_t n, bool bf16)
{
    return n * (bf16 ? 12 : 16);
}

void wg_adamw_free(wg_adamw *a)
{
    if (a == NULL)
        return;
    for (int t = 0; t < a->model->files.n; t++) {
        if (a->rank != NULL)
            wg_free(a->rank[t]);
        a->model->overlay[t] = (wg_overlay){0};
    }
    wg_free(a->first);
    wg_free(a->count);
    wg_free(a->bits);
    wg_free(a->rank);
    for (int i = 0; i < 4; i++)
        wg_scratch_free(&a->memory[i]);
    wg_free(a);
}

static bool sink_wants(void *user, int tensor)
{
    return ((const wg_adamw *)user)->first[tensor] >= 0;
}

static wagle_status sink_accept(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                                const wg_real *const grad[WG_STREAMS])
{
    const wg_adamw *a = user;

    (void)ctx;
    (void)n;
    gather_tensor(a, tensor, grad[0], a->gradient + a->first[tensor]);
    return WAGLE_OK;
}

/* A tensor of which every weight is selected: the compact gradient is the gradient. */
static wg_real *sink_place(void *user, int tensor)
{
    const wg_adamw *a = user;

    return a->first[tensor] >= 0 && a->bits[tensor] == NULL ? a->gradient + a->first[tensor] : NULL;
}

wg_sink wg_adamw_sink(wg_adamw *a)
{
    return (wg_sink){.user = a, .wants = sink_wants, .place = sink_place, .accept = sink_accept};
}

double wg_adamw_update(wg_adamw *a, int64_t step, double lr)
{
    const wg_ops *ops = a->model->ops;
    const double norm = sqrt(ops->square_norm(a->n, a->gradient));
    const double t = (double)(step + 1);
    const wg_adamw_step s = {
        .scale = (float)(a->clip > 0 && a->clip < norm + 1e-6 ? a->clip / (norm + 1e-6) : 1.0),
        .beta1 = (float)a->beta1,
        .beta2 = (float)a->beta2,
        .rest1 = (float)(1 - a->beta1),
        .rest2 = (float)(1 - a->beta2),
        .keep = (float)(1 - lr * a->weight_decay),
        .rate = (float)(lr / (1 - pow(a->beta1, t))),
        .unbias = (float)(1 / (1 - pow(a->beta2, t))),
        .epsilon = (float)a->epsilon,
    };

    if (a->bf16)
        ops->adamw_bf16(&s, a->seed + (uint32_t)step * 0x85EBCA6Bu, a->n, a->gradient, a->m, a->v,
                        a->master);
    else
        ops->adamw(&s, a->n, a->gradient, a->m, a->v, a->master);
    return norm;
}

double wg_schedule(double lr, int64_t step, int64_t warmup, int64_t steps)
{
    if (step < warmup)
        return lr * (double)step / (double)warmup;
    return steps > warmup ? lr * (double)(steps - step) / (double)(steps - warmup) : lr;
}
