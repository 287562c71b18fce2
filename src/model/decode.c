#include "model/decode.h"

#include "model/block.h"
#include <math.h>
#include <string.h>

struct wg_decoder {
    const wg_model *model;
    int64_t B, capacity;
    int64_t *length, *now;  /* [B] cached tokens; of the sequences in this step, new one included */
    wg_real *keys, *values; /* [L][B][capacity, P] */
    const wg_real **key, **value; /* [B] of the layer at hand */
    int32_t *position;
    wg_real *x, *h, *rstd, *q, *k, *v, *attended, *gate, *up, *panel;
    wg_real *cosine, *sine;
};

wagle_status wg_decoder_new(wagle_ctx *ctx, const wg_model *m, int64_t B, int64_t capacity,
                            wg_decoder **out)
{
    const wg_config *c = &m->config;
    const int64_t P = c->K * c->h, Q = c->H * c->h;
    wg_decoder *d = NULL;
    wagle_status st;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &d, 1));
    *d = (wg_decoder){.model = m, .B = B, .capacity = capacity};
    const struct {
        wg_real **at;
        int64_t n;
    } room[] = {{&d->keys, c->L * B * capacity * P},
                {&d->values, c->L * B * capacity * P},
                {&d->x, B * c->D},
                {&d->h, B * c->D},
                {&d->rstd, B},
                {&d->q, B * Q},
                {&d->k, B * P},
                {&d->v, B * P},
                {&d->attended, B * Q},
                {&d->gate, B * c->F},
                {&d->up, B * c->F},
                {&d->panel, m->widest > wg_layer_size(c) ? m->widest : wg_layer_size(c)},
                {&d->cosine, capacity * c->h / 2},
                {&d->sine, capacity * c->h / 2}};
    for (size_t i = 0; i < sizeof room / sizeof *room; i++)
        WG_TRY_GOTO(WG_ALLOC(ctx, room[i].at, room[i].n), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->length, B), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->now, B), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->key, B), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->value, B), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->position, B), fail);
    wg_rope_tables(c, capacity, d->cosine, d->sine);
    *out = d;
    return WAGLE_OK;
fail:
    wg_decoder_free(d);
    return st;
}

void wg_decoder_free(wg_decoder *d)
{
    if (d == NULL)
        return;
    wg_real *const rooms[] = {d->keys, d->values,   d->x,    d->h,  d->rstd,  d->q,      d->k,
                              d->v,    d->attended, d->gate, d->up, d->panel, d->cosine, d->sine};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        wg_free(rooms[i]);
    wg_free(d->length);
    wg_free(d->now);
    wg_free(d->key);
    wg_free(d->value);
    wg_free(d->position);
    wg_free(d);
}

/* y [n,O] = x [n,I] W^T (+ y) */
static void linear(const wg_ops *ops, int64_t n, int64_t I, int64_t O, const wg_real *x,
                   const wg_real *w, bool add, wg_real *y)
{
    ops->gemm(false, true, n, O, I, x, I, w, I, add, y, O);
}

static void attend(wg_decoder *d, int64_t l, const int64_t *which, int64_t n)
{
    const wg_config *c = &d->model->config;
    const int64_t P = c->K * c->h;

    for (int64_t i = 0; i < n; i++) {
        const int64_t base = (l * d->B + which[i]) * d->capacity * P;
        const int64_t at = base + (int64_t)d->position[i] * P;
        memcpy(d->keys + at, d->k + i * P, (size_t)P * sizeof *d->k);
        memcpy(d->values + at, d->v + i * P, (size_t)P * sizeof *d->v);
        d->key[i] = d->keys + base;
        d->value[i] = d->values + base;
    }
    const wg_decode_attention a = {n,      c->H,   c->K,     c->h,
                                   d->now, d->key, d->value, (wg_real)(1 / sqrt((double)c->h))};
    d->model->ops->attention_decode(&a, d->q, d->attended);
}

static void layer(wg_decoder *d, int64_t l, const int64_t *which, int64_t n)
{
    const wg_config *c = &d->model->config;
    const wg_ops *ops = d->model->ops;
    const int64_t D = c->D, Q = c->H * c->h, P = c->K * c->h;
    wg_layer w;

    wg_layer_view(d->model, l, d->panel, &w);
    ops->rmsnorm_forward(n, D, (wg_real)c->eps, d->x, w.weight[WG_ATTENTION_NORM], d->h, d->rstd);
    linear(ops, n, D, Q, d->h, w.weight[WG_QUERY], 0, d->q);
    linear(ops, n, D, P, d->h, w.weight[WG_KEY], 0, d->k);
    linear(ops, n, D, P, d->h, w.weight[WG_VALUE], 0, d->v);
    ops->rope(n, c->H, c->h, d->position, d->cosine, d->sine, 1, d->q);
    ops->rope(n, c->K, c->h, d->position, d->cosine, d->sine, 1, d->k);
    attend(d, l, which, n);
    linear(ops, n, Q, D, d->attended, w.weight[WG_OUTPUT], 1, d->x);
    ops->rmsnorm_forward(n, D, (wg_real)c->eps, d->x, w.weight[WG_MLP_NORM], d->h, d->rstd);
    linear(ops, n, D, c->F, d->h, w.weight[WG_GATE], 0, d->gate);
    linear(ops, n, D, c->F, d->h, w.weight[WG_UP], 0, d->up);
    ops->swiglu_forward(n * c->F, d->gate, d->up, d->gate);
    linear(ops, n, c->F, D, d->gate, w.weight[WG_DOWN], 1, d->x);
}

void wg_decoder_step(wg_decoder *d, const int64_t *which, const int32_t *token, int64_t n,
                     wg_real *logits)
{
    const wg_config *c = &d->model->config;
    const int table = wg_model_tensor(d->model, WG_EMBED, 0);
    const int head = wg_model_tensor(d->model, WG_HEAD, 0);
    const int norm = wg_model_tensor(d->model, WG_FINAL_NORM, 0);

    for (int64_t i = 0; i < n; i++) {
        wg_real *row = d->x + i * c->D;
        const wg_real *from = wg_model_view(d->model, table, token[i] * c->D, c->D, row);
        if (from != row)
            memcpy(row, from, (size_t)c->D * sizeof *row);
        d->position[i] = (int32_t)d->length[which[i]]++;
        d->now[i] = d->length[which[i]];
    }
    for (int64_t l = 0; l < c->L; l++)
        layer(d, l, which, n);
    d->model->ops->rmsnorm_forward(n, c->D, (wg_real)c->eps, d->x,
                                   wg_model_view(d->model, norm, 0, c->D, d->panel), d->h, d->rstd);
    linear(d->model->ops, n, c->D, c->V, d->h,
           wg_model_view(d->model, head, 0, c->V * c->D, d->panel), 0, logits);
}
