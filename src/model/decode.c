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
    wg_real *x, *h, *rstd, *q, *k, *v, *attended, *gate, *up, *norm;
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
                {&d->norm, c->D},
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
    wg_real *const rooms[] = {d->keys, d->values,   d->x,    d->h,  d->rstd, d->q,      d->k,
                              d->v,    d->attended, d->gate, d->up, d->norm, d->cosine, d->sine};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        wg_free(rooms[i]);
    wg_free(d->length);
    wg_free(d->now);
    wg_free(d->key);
    wg_free(d->value);
    wg_free(d->position);
    wg_free(d);
}

/* y [n,O] = x [n,I] W^T (+ y), W a tensor as stored */
static void linear(const wg_model *m, int tensor, int64_t n, const wg_real *x, bool add, wg_real *y)
{
    const wg_tensor *t = &m->files.tensor[tensor];

    m->ops->matvec(t->dtype, t->data, n, t->shape.dim[0], t->shape.dim[1], x, add, y);
}

static void norm(wg_decoder *d, int tensor, int64_t n)
{
    const wg_config *c = &d->model->config;

    d->model->ops->rmsnorm_forward(n, c->D, (wg_real)c->eps, d->x,
                                   wg_model_view(d->model, tensor, 0, c->D, d->norm), d->h,
                                   d->rstd);
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
    const wg_model *m = d->model;
    const wg_config *c = &m->config;
    const wg_ops *ops = m->ops;
    int of[WG_ROLES];

    for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++)
        of[role] = wg_model_tensor(m, (wg_role)role, l);
    norm(d, of[WG_ATTENTION_NORM], n);
    linear(m, of[WG_QUERY], n, d->h, false, d->q);
    linear(m, of[WG_KEY], n, d->h, false, d->k);
    linear(m, of[WG_VALUE], n, d->h, false, d->v);
    ops->rope(n, c->H, c->h, d->position, d->cosine, d->sine, 1, d->q);
    ops->rope(n, c->K, c->h, d->position, d->cosine, d->sine, 1, d->k);
    attend(d, l, which, n);
    linear(m, of[WG_OUTPUT], n, d->attended, true, d->x);
    norm(d, of[WG_MLP_NORM], n);
    linear(m, of[WG_GATE], n, d->h, false, d->gate);
    linear(m, of[WG_UP], n, d->h, false, d->up);
    ops->swiglu_forward(n * c->F, d->gate, d->up, d->gate);
    linear(m, of[WG_DOWN], n, d->gate, true, d->x);
}

static void embed(const wg_decoder *d, int32_t token, wg_real *row)
{
    const int64_t D = d->model->config.D;
    const wg_real *from =
        wg_model_view(d->model, wg_model_tensor(d->model, WG_EMBED, 0), token * D, D, row);

    if (from != row)
        memcpy(row, from, (size_t)D * sizeof *row);
}

/* --- the prompts, all tokens of some together ------------------------------------------------- */

enum { PREFILL_TOKENS = 2048 };

typedef struct prefill {
    int64_t *start;    /* [n+1] */
    int32_t *position; /* [N] */
    wg_real *x;        /* [N,D] */
    wg_real *kept, *passing, *panel;
} prefill;

static wagle_status prefill_room(wagle_ctx *ctx, const wg_config *c, int64_t n, int64_t N,
                                 prefill *p)
{
    WG_TRY(WG_ALLOC(ctx, &p->start, n + 1));
    WG_TRY(WG_ALLOC(ctx, &p->position, N));
    WG_TRY(WG_ALLOC(ctx, &p->x, N * c->D));
    WG_TRY(WG_ALLOC(ctx, &p->kept, wg_kept_size(c, N)));
    WG_TRY(WG_ALLOC(ctx, &p->passing, wg_passing_size(c, N)));
    return WG_ALLOC(ctx, &p->panel, wg_layer_size(c));
}

/* Keys and values of layer l into the caches of sequences [first, first+n). */
static void store(wg_decoder *d, int64_t l, int64_t first, int64_t n, const prefill *p,
                  const wg_activations *a)
{
    const int64_t P = d->model->config.K * d->model->config.h;

    for (int64_t s = 0; s < n; s++) {
        const int64_t to = (l * d->B + first + s) * d->capacity * P, from = p->start[s] * P;
        const size_t bytes = (size_t)((p->start[s + 1] - p->start[s]) * P) * sizeof *a->k;
        memcpy(d->keys + to, a->k + from, bytes);
        memcpy(d->values + to, a->v + from, bytes);
    }
}

static wagle_status prefill_some(wagle_ctx *ctx, wg_decoder *d, const int32_t *const *ids,
                                 const int64_t *length, int64_t first, int64_t n, int64_t N,
                                 prefill *p)
{
    const wg_config *c = &d->model->config;
    wg_activations a;

    WG_TRY(prefill_room(ctx, c, n, N, p));
    for (int64_t s = 0; s < n; s++) {
        p->start[s + 1] = p->start[s] + length[first + s];
        for (int64_t t = 0; t < length[first + s]; t++) {
            p->position[p->start[s] + t] = (int32_t)t;
            embed(d, ids[first + s][t], p->x + (p->start[s] + t) * c->D);
        }
        d->length[first + s] = length[first + s];
    }
    const wg_block_input in = {d->model, N, n, p->start, p->position, d->cosine, d->sine};
    wg_activations_carve(c, N, p->kept, p->passing, &a);
    for (int64_t l = 0; l < c->L; l++) {
        wg_layer w;
        WG_TRY(wg_check_interrupt(ctx));
        wg_layer_view(d->model, l, p->panel, &w);
        wg_block_forward(&in, &w, p->x, p->x, &a);
        store(d, l, first, n, p, &a);
    }
    return WAGLE_OK;
}

static void prefill_free(prefill *p)
{
    wg_free(p->start);
    wg_free(p->position);
    wg_free(p->x);
    wg_free(p->kept);
    wg_free(p->passing);
    wg_free(p->panel);
    *p = (prefill){0};
}

wagle_status wg_decoder_prefill(wagle_ctx *ctx, wg_decoder *d, const int32_t *const *ids,
                                const int64_t *length, int64_t n)
{
    wagle_status st = WAGLE_OK;

    for (int64_t first = 0, some = 0; st == WAGLE_OK && first < n; first += some) {
        prefill p = {0};
        int64_t N = 0;
        for (some = 0; first + some < n; some++) {
            if (some > 0 && N + length[first + some] > PREFILL_TOKENS)
                break;
            N += length[first + some];
        }
        if (N > 0)
            st = prefill_some(ctx, d, ids, length, first, some, N, &p);
        prefill_free(&p);
    }
    return st;
}

void wg_decoder_step(wg_decoder *d, const int64_t *which, const int32_t *token, int64_t n,
                     wg_real *logits)
{
    const wg_model *m = d->model;

    for (int64_t i = 0; i < n; i++) {
        embed(d, token[i], d->x + i * m->config.D);
        d->position[i] = (int32_t)d->length[which[i]]++;
        d->now[i] = d->length[which[i]];
    }
    for (int64_t l = 0; l < m->config.L; l++)
        layer(d, l, which, n);
    norm(d, wg_model_tensor(m, WG_FINAL_NORM, 0), n);
    linear(m, wg_model_tensor(m, WG_HEAD, 0), n, d->h, false, logits);
}
