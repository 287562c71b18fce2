#include "model/decode.h"

#include "model/block.h"
#include <string.h>

struct wg_decoder {
    const wg_model *model;
    int64_t B, capacity;
    int64_t *length, *now;  /* [B] cached tokens; of the sequences in this step, new one included */
    wg_real *keys, *values; /* [L][B][capacity, P] */
    const wg_real **key, **value; /* [B] of the layer at hand */
    const int64_t *which;         /* [n] sequences of this step */
    int64_t *start;               /* [B+1] each step feeds one token per sequence */
    int32_t *position;
    wg_real *x, *h, *narrow, *mean, *rstd, *saved, *recomputed, *panel;
    wg_real *cosine[2], *sine[2];
};

wagle_status wg_decoder_new(wagle_ctx *ctx, const wg_model *m, int64_t B, int64_t capacity,
                            wg_decoder **out)
{
    const wg_config *c = &m->config;
    const int64_t P = c->K * c->h, ends = c->V + 2 * c->D;
    const int64_t panel = wg_layer_stored_size(c) > ends ? wg_layer_stored_size(c) : ends;
    wg_decoder *d = NULL;
    wagle_status st;

    *out = NULL;
    if (capacity > c->max_position && c->bounded)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "the prompt and its answer need %lld positions; the model has %lld",
                       (long long)capacity, (long long)c->max_position);
    WG_TRY(WG_ALLOC(ctx, &d, 1));
    *d = (wg_decoder){.model = m, .B = B, .capacity = capacity};
    const struct {
        wg_real **at;
        int64_t n;
    } room[] = {{&d->keys, c->L * B * capacity * P},
                {&d->values, c->L * B * capacity * P},
                {&d->x, B * c->D},
                {&d->h, B * c->D},
                {&d->narrow, c->has[WG_PROJECT_OUT] ? B * c->E : 0},
                {&d->mean, B},
                {&d->rstd, B},
                {&d->saved, wg_saved_size(c, B)},
                {&d->recomputed, wg_recomputed_size(c, B)},
                {&d->panel, panel},
                {&d->cosine[0], capacity * c->r / 2},
                {&d->sine[0], capacity * c->r / 2},
                {&d->cosine[1], c->local_rope ? capacity * c->r / 2 : 0},
                {&d->sine[1], c->local_rope ? capacity * c->r / 2 : 0}};
    for (size_t i = 0; i < sizeof room / sizeof *room; i++)
        WG_TRY_GOTO(WG_ALLOC(ctx, room[i].at, room[i].n), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->length, B), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->now, B), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->start, B + 1), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->key, B), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->value, B), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->position, B), fail);
    for (int64_t b = 0; b <= B; b++)
        d->start[b] = b;
    for (int i = 0; i < 1 + c->local_rope; i++)
        wg_rope_tables(c, i, capacity, d->cosine[i], d->sine[i]);
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
    wg_real *const rooms[] = {d->keys,      d->values,  d->x,         d->h,          d->narrow,
                              d->mean,      d->rstd,    d->saved,     d->recomputed, d->panel,
                              d->cosine[0], d->sine[0], d->cosine[1], d->sine[1]};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        wg_free(rooms[i]);
    wg_free(d->length);
    wg_free(d->now);
    wg_free(d->start);
    wg_free(d->key);
    wg_free(d->value);
    wg_free(d->position);
    wg_free(d);
}

/* The new keys and values join the caches; each new token looks back over its own. */
static void attend(void *user, const wg_attention *how, int64_t l, wg_activations *a)
{
    wg_decoder *d = user;
    const int64_t P = how->K * how->h;

    for (int64_t i = 0; i < how->S; i++) {
        const int64_t base = (l * d->B + d->which[i]) * d->capacity * P;
        const int64_t at = base + (int64_t)d->position[i] * P;
        memcpy(d->keys + at, a->k + i * P, (size_t)P * sizeof *a->k);
        memcpy(d->values + at, a->v + i * P, (size_t)P * sizeof *a->v);
        d->key[i] = d->keys + base;
        d->value[i] = d->values + base;
    }
    const wg_decode_attention one = {.B = how->S,
                                     .H = how->H,
                                     .K = how->K,
                                     .h = how->h,
                                     .length = d->now,
                                     .key = d->key,
                                     .value = d->value,
                                     .scale = how->scale,
                                     .window = how->window,
                                     .cap = how->cap};
    d->model->ops->attention_decode(&one, a->q, a->attended);
}

/* --- the prompts, all tokens of some together ------------------------------------------------- */

enum { PREFILL_TOKENS = 2048 };

typedef struct prefill {
    int64_t *start;    /* [n+1] */
    int32_t *position; /* [N] */
    wg_real *x;        /* [N,D] */
    wg_real *saved, *recomputed, *panel;
} prefill;

static wagle_status prefill_room(wagle_ctx *ctx, const wg_config *c, int64_t n, int64_t N,
                                 prefill *p)
{
    WG_TRY(WG_ALLOC(ctx, &p->start, n + 1));
    WG_TRY(WG_ALLOC(ctx, &p->position, N));
    WG_TRY(WG_ALLOC(ctx, &p->x, N * c->D));
    WG_TRY(WG_ALLOC(ctx, &p->saved, wg_saved_size(c, N)));
    WG_TRY(WG_ALLOC(ctx, &p->recomputed, wg_recomputed_size(c, N)));
    return WG_ALLOC(ctx, &p->panel, wg_layer_size(c));
}

/* Keys and values of layer l into the caches of sequences which[n]. */
static void store(wg_decoder *d, int64_t l, const int64_t *which, int64_t n, const prefill *p,
                  const wg_activations *a)
{
    const int64_t P = d->model->config.K * d->model->config.h;

    for (int64_t s = 0; s < n; s++) {
        const int64_t to = (l * d->B + which[s]) * d->capacity * P, from = p->start[s] * P;
        const size_t bytes = (size_t)((p->start[s + 1] - p->start[s]) * P) * sizeof *a->k;
        memcpy(d->keys + to, a->k + from, bytes);
        memcpy(d->values + to, a->v + from, bytes);
    }
}

static wagle_status prefill_some(wagle_ctx *ctx, wg_decoder *d, const int64_t *which,
                                 const int32_t *const *ids, const int64_t *length, int64_t n,
                                 int64_t N, prefill *p)
{
    const wg_config *c = &d->model->config;
    wg_activations a;

    WG_TRY(prefill_room(ctx, c, n, N, p));
    for (int64_t s = 0; s < n; s++) {
        p->start[s + 1] = p->start[s] + length[s];
        for (int64_t t = 0; t < length[s]; t++) {
            p->position[p->start[s] + t] = (int32_t)t;
        }
        wg_embed(d->model, length[s], ids[s], p->position + p->start[s], p->x + p->start[s] * c->D);
        d->length[which[s]] = length[s];
    }
    const wg_block_input in = {.model = d->model,
                               .N = N,
                               .S = n,
                               .start = p->start,
                               .position = p->position,
                               .cosine = {d->cosine[0], d->cosine[1]},
                               .sine = {d->sine[0], d->sine[1]}};
    wg_activations_carve(c, N, p->saved, p->recomputed, &a);
    for (int64_t l = 0; l < c->L; l++) {
        wg_layer w;
        WG_TRY(wg_check_interrupt(ctx));
        wg_layer_view(d->model, l, p->panel, &w);
        wg_block_forward(&in, &w, p->x, p->x, &a);
        store(d, l, which, n, p, &a);
    }
    return WAGLE_OK;
}

static void prefill_free(prefill *p)
{
    wg_free(p->start);
    wg_free(p->position);
    wg_free(p->x);
    wg_free(p->saved);
    wg_free(p->recomputed);
    wg_free(p->panel);
    *p = (prefill){0};
}

wagle_status wg_decoder_prefill(wagle_ctx *ctx, wg_decoder *d, const int64_t *which,
                                const int32_t *const *ids, const int64_t *length, int64_t n)
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
        for (int64_t i = first; i < first + some; i++)
            d->length[which[i]] = 0;
        if (N > 0)
            st = prefill_some(ctx, d, which + first, ids + first, length + first, some, N, &p);
        prefill_free(&p);
    }
    return st;
}

/* logits [n,V] of the rows in d->x. */
static void head(wg_decoder *d, int64_t n, wg_real *logits)
{
    const wg_model *m = d->model;
    const wg_config *c = &m->config;
    const wg_tensor *t = &m->files.tensor[wg_model_tensor(m, WG_HEAD, 0)];

    const wg_real *weight = wg_model_norm(m, WG_FINAL_NORM, 0, d->panel);
    const wg_real *bias = wg_model_norm(m, WG_FINAL_NORM_BIAS, 0, d->panel + c->D);
    const wg_real *h = weight != NULL ? d->h : d->x;
    if (weight != NULL)
        m->ops->norm_forward(n, c->D, (wg_real)c->eps, d->x, weight, bias, d->h,
                             c->family->layer_norm ? d->mean : NULL, d->rstd);
    if (c->has[WG_PROJECT_OUT]) {
        const wg_tensor *p = &m->files.tensor[wg_model_tensor(m, WG_PROJECT_OUT, 0)];
        m->ops->matvec(1, &(wg_matvec){p->dtype, p->data, c->E, d->narrow}, n, c->D, h, false);
        h = d->narrow;
    }
    m->ops->matvec(1, &(wg_matvec){t->dtype, t->data, c->V, logits}, n, c->E, h, false);
    if (c->has[WG_HEAD_BIAS])
        m->ops->bias_forward(n, c->V, wg_model_norm(m, WG_HEAD_BIAS, 0, d->panel), logits, c->V);
    if (c->final_cap > 0)
        m->ops->softcap(n, c->V, (wg_real)c->final_cap, logits, c->V);
}

void wg_decoder_step(wg_decoder *d, const int64_t *which, const int32_t *token, int64_t n,
                     wg_real *logits)
{
    const wg_block_input in = {.model = d->model,
                               .N = n,
                               .S = n,
                               .start = d->start,
                               .position = d->position,
                               .cosine = {d->cosine[0], d->cosine[1]},
                               .sine = {d->sine[0], d->sine[1]},
                               .attend = attend,
                               .user = d};
    wg_activations a;

    d->which = which;
    for (int64_t i = 0; i < n; i++) {
        d->position[i] = (int32_t)d->length[which[i]]++;
        d->now[i] = d->length[which[i]];
    }
    wg_embed(d->model, n, token, d->position, d->x);
    wg_activations_carve(&d->model->config, n, d->saved, d->recomputed, &a);
    for (int64_t l = 0; l < d->model->config.L; l++) {
        wg_layer w;
        wg_layer_stored(d->model, l, d->panel, &w);
        wg_block_forward(&in, &w, d->x, d->x, &a);
    }
    head(d, n, logits);
}
