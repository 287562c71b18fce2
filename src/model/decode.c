#include "model/decode.h"

#include "model/block.h"
#include "ops/lists.h"

/* What a step or a prefill needs in memory of the back end, by sequence or token. */
typedef struct lists {
    int64_t *start, *length, *first; /* [n+1]; [n] of attention_decode */
    int64_t *row;                    /* [N] of the cache of one layer, for each token */
    int32_t *position, *ids;         /* [N] */
} lists;

struct wg_decoder {
    const wg_model *model;
    int64_t B, capacity;
    int64_t *length;        /* [B] cached tokens */
    wg_buffer keys, values; /* [L][B][capacity, P] */
    wg_q8 q8;               /* matrix NULL: matrices are read as stored */
    wg_lists lists;
    lists host, at; /* of the tokens at hand: on the host, and in memory of the back end */
    int64_t longest;
    wg_buffer x, h, narrow, mean, rstd, saved, recomputed, packed, panel, logits;
    wg_buffer cosine[2], sine[2];
};

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t project_size(const wg_config *c)
{
    return c->has[WG_PROJECT_IN] ? c->D * c->E : 0;
}

wagle_status wg_decoder_new(wagle_ctx *ctx, const wg_model *m, int64_t B, int64_t capacity,
                            wg_decoder **out)
{
    const wg_config *c = &m->config;
    const int64_t P = c->K * c->h, ends = c->V + 2 * c->D;
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
        wg_buffer *at;
        int64_t n;
    } room[] = {
        {&d->keys, c->L * B * capacity * P},
        {&d->values, c->L * B * capacity * P},
        {&d->h, B * c->D},
        {&d->mean, B},
        {&d->rstd, B},
        {&d->panel, most(most(wg_layer_panel(m, c->family->transposed), ends), project_size(c))},
        {&d->logits, B * c->V}};
    for (size_t i = 0; i < sizeof room / sizeof *room; i++)
        WG_TRY_GOTO(wg_buffer_reserve(ctx, m->ops, room[i].at, room[i].n), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &d->length, B), fail);
    for (int i = 0; i < wg_config_tables(c); i++)
        WG_TRY_GOTO(wg_rope_upload(ctx, m, i, capacity, &d->cosine[i], &d->sine[i]), fail);
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
    wg_buffer *const buffers[] = {&d->keys,       &d->values,  &d->x,         &d->h,
                                  &d->narrow,     &d->mean,    &d->rstd,      &d->saved,
                                  &d->recomputed, &d->packed,  &d->panel,     &d->logits,
                                  &d->cosine[0],  &d->sine[0], &d->cosine[1], &d->sine[1]};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        wg_buffer_free(d->model->ops, buffers[i]);
    wg_q8_free(d->model, &d->q8);
    wg_free(d->length);
    wg_lists_free(d->model->ops, &d->lists);
    wg_free(d);
}

/* Room for the lists of n sequences and N tokens. */
static wagle_status reserve_lists(wagle_ctx *ctx, wg_decoder *d, int64_t n, int64_t N)
{
    const int64_t bytes =
        (3 * n + 1 + N) * (int64_t)sizeof(int64_t) + 2 * N * (int64_t)sizeof(int32_t);
    wg_lists *l = &d->lists;

    WG_TRY(wg_lists_begin(ctx, d->model->ops, l, 6, bytes));
    d->host = (lists){.start = wg_lists_take(l, n + 1, sizeof(int64_t)),
                      .length = wg_lists_take(l, n, sizeof(int64_t)),
                      .first = wg_lists_take(l, n, sizeof(int64_t)),
                      .row = wg_lists_take(l, N, sizeof(int64_t)),
                      .position = wg_lists_take(l, N, sizeof(int32_t)),
                      .ids = wg_lists_take(l, N, sizeof(int32_t))};
    d->at = (lists){.start = wg_lists_at(l, d->host.start),
                    .length = wg_lists_at(l, d->host.length),
                    .first = wg_lists_at(l, d->host.first),
                    .row = wg_lists_at(l, d->host.row),
                    .position = wg_lists_at(l, d->host.position),
                    .ids = wg_lists_at(l, d->host.ids)};
    return WAGLE_OK;
}

/* Room for n sequences of N tokens together. */
static wagle_status reserve(wagle_ctx *ctx, wg_decoder *d, int64_t n, int64_t N)
{
    const wg_config *c = &d->model->config;
    const wg_ops *ops = d->model->ops;

    WG_TRY(reserve_lists(ctx, d, n, N));
    WG_TRY(wg_buffer_reserve(ctx, ops, &d->x, N * c->D));
    WG_TRY(wg_buffer_reserve(ctx, ops, &d->narrow,
                             c->has[WG_PROJECT_IN] || c->has[WG_PROJECT_OUT] ? N * c->E : 0));
    WG_TRY(wg_buffer_reserve(ctx, ops, &d->saved, wg_saved_size(c, N)));
    WG_TRY(wg_buffer_reserve(ctx, ops, &d->recomputed, wg_recomputed_size(c, N)));
    return wg_buffer_reserve(ctx, ops, &d->packed, wg_packed_size(d->model, N));
}

/* Sequence i of those at hand is number `which`, and goes on with ids [n], from token `at` of the
 * lists on; returns where the next begins. */
static int64_t lay_out(wg_decoder *d, int64_t i, int64_t which, const int32_t *ids, int64_t n,
                       int64_t at)
{
    const lists *l = &d->host;
    int64_t *length = &d->length[which];

    l->start[i] = at;
    l->first[i] = which * d->capacity;
    for (int64_t t = 0; t < n; t++, at++) {
        l->ids[at] = ids[t];
        l->row[at] = l->first[i] + *length;
        l->position[at] = (int32_t)(*length)++;
    }
    l->length[i] = *length;
    l->start[i + 1] = at;
    d->longest = most(i == 0 ? 0 : d->longest, *length);
    return at;
}

/* Uploads what was laid out, and looks the tokens up. */
static wg_block_input begin(wg_decoder *d, int64_t n, int64_t N)
{
    wg_lists_upload(d->model->ops, &d->lists);
    wg_embed(d->model, N, d->at.ids, d->at.position, d->narrow.data, d->panel.data, d->x.data);
    return (wg_block_input){.model = d->model,
                            .N = N,
                            .S = n,
                            .longest = d->longest,
                            .start = d->at.start,
                            .position = d->at.position,
                            .packed = d->packed.data,
                            .cosine = {d->cosine[0].data, d->cosine[1].data},
                            .sine = {d->sine[0].data, d->sine[1].data}};
}

/* Keys and values of N tokens into the caches of layer l. */
static void store(wg_decoder *d, int64_t l, int64_t N, const wg_activations *a)
{
    const wg_ops *ops = d->model->ops;
    const int64_t P = d->model->config.K * d->model->config.h, at = l * d->B * d->capacity * P;

    ops->copy_rows(ops, N, P, NULL, a->k, d->at.row, d->keys.data + at);
    ops->copy_rows(ops, N, P, NULL, a->v, d->at.row, d->values.data + at);
}

/* The new keys and values join the caches; each new token looks back over its own. */
static void attend(void *user, const wg_attention *how, int64_t l, wg_activations *a)
{
    wg_decoder *d = user;
    const wg_ops *ops = d->model->ops;
    const int64_t at = l * d->B * d->capacity * how->K * how->h;

    store(d, l, how->S, a);
    const wg_decode_attention one = {.B = how->S,
                                     .H = how->H,
                                     .K = how->K,
                                     .h = how->h,
                                     .longest = d->longest,
                                     .length = d->at.length,
                                     .first = d->at.first,
                                     .key = d->keys.data + at,
                                     .value = d->values.data + at,
                                     .scale = how->scale,
                                     .window = how->window,
                                     .chunked = how->chunked,
                                     .cap = how->cap};
    ops->attention_decode(ops, &one, a->q, a->attended);
}

/* --- the prompts, all tokens of some together ------------------------------------------------- */

enum { PREFILL_TOKENS = 2048 };

static wagle_status prefill_some(wagle_ctx *ctx, wg_decoder *d, const int64_t *which,
                                 const int32_t *const *ids, const int64_t *length, int64_t n,
                                 int64_t N)
{
    const wg_config *c = &d->model->config;
    wg_activations a;

    WG_TRY(reserve(ctx, d, n, N));
    WG_TRY(wg_buffer_reserve(ctx, d->model->ops, &d->panel,
                             most(wg_layer_panel(d->model, true), project_size(c))));
    for (int64_t i = 0, at = 0; i < n; i++)
        at = lay_out(d, i, which[i], ids[i], length[i], at);
    const wg_block_input in = begin(d, n, N);
    wg_activations_carve(c, N, d->saved.data, d->recomputed.data, &a);
    for (int64_t l = 0; l < c->L; l++) {
        wg_layer w;
        WG_TRY(wg_check_interrupt(ctx));
        wg_layer_view(d->model, l, d->panel.data, &w);
        wg_block_forward(&in, &w, d->x.data, d->x.data, &a);
        wg_layer_done(d->model, l);
        store(d, l, N, &a);
    }
    return WAGLE_OK;
}

wagle_status wg_decoder_prefill(wagle_ctx *ctx, wg_decoder *d, const int64_t *which,
                                const int32_t *const *ids, const int64_t *length, int64_t n)
{
    wagle_status st = WAGLE_OK;

    for (int64_t first = 0, some = 0; st == WAGLE_OK && first < n; first += some) {
        int64_t N = 0;
        for (some = 0; first + some < n; some++) {
            if (some > 0 && N + length[first + some] > PREFILL_TOKENS)
                break;
            N += length[first + some];
        }
        for (int64_t i = first; i < first + some; i++)
            d->length[which[i]] = 0;
        if (N > 0)
            st = prefill_some(ctx, d, which + first, ids + first, length + first, some, N);
    }
    return st;
}

int64_t wg_decoder_read_at_once(int64_t longest, int64_t all)
{
    const int64_t room = most(PREFILL_TOKENS, longest);

    return room < all ? room : all;
}

wg_decoder_size wg_decoder_size_of(const wg_model *m, int64_t B, int64_t capacity, int64_t tokens)
{
    const wg_config *c = &m->config;
    const int64_t N = most(tokens, B), ends = c->V + 2 * c->D;
    const int64_t panel = most(most(wg_layer_panel(m, true), ends), project_size(c));
    const int64_t scratch = B * (c->D + c->V + 2) + panel + N * (c->D + c->E) +
                            wg_saved_size(c, N) + wg_recomputed_size(c, N) + wg_packed_size(m, N);

    return (wg_decoder_size){.caches =
                                 2 * c->L * B * capacity * c->K * c->h * (int64_t)sizeof(wg_real),
                             .scratch = scratch * (int64_t)sizeof(wg_real)};
}

wagle_status wg_decoder_use_q8(wagle_ctx *ctx, wg_decoder *d)
{
    return wg_q8_new(ctx, d->model, &d->q8);
}

/* y [n,O] = x [n,I] W^T of a matrix outside the layers. */
static void multiply(const wg_decoder *d, wg_role role, int64_t n, int64_t O, int64_t I,
                     const wg_real *x, wg_real *y)
{
    const wg_ops *ops = d->model->ops;
    const int tensor = wg_model_tensor(d->model, role, 0);
    wg_matvec one = {WG_Q8, NULL, O, y};

    if (d->q8.matrix != NULL) {
        one.W = d->q8.matrix[tensor];
    } else {
        const wg_weights stored = wg_model_weights(d->model, tensor);
        one.type = stored.type;
        one.W = stored.stored;
    }
    ops->matvec(ops, 1, &one, n, I, x, false);
}

/* d->logits [n,V] of the rows in d->x. */
static void head(wg_decoder *d, int64_t n)
{
    const wg_model *m = d->model;
    const wg_config *c = &m->config;
    const wg_ops *ops = m->ops;
    wg_real *panel = d->panel.data, *logits = d->logits.data;

    const wg_real *weight = wg_model_norm(m, WG_FINAL_NORM, 0, panel);
    const wg_real *bias = wg_model_norm(m, WG_FINAL_NORM_BIAS, 0, panel + c->D);
    const wg_real *h = weight != NULL ? d->h.data : d->x.data;
    if (weight != NULL)
        ops->norm_forward(ops, n, c->D, (wg_real)c->eps, d->x.data, weight, bias, d->h.data,
                          c->family->layer_norm ? d->mean.data : NULL, d->rstd.data);
    if (c->has[WG_PROJECT_OUT]) {
        multiply(d, WG_PROJECT_OUT, n, c->E, c->D, h, d->narrow.data);
        h = d->narrow.data;
    }
    multiply(d, WG_HEAD, n, c->V, c->E, h, logits);
    if (c->has[WG_HEAD_BIAS])
        ops->bias_forward(ops, n, c->V, wg_model_norm(m, WG_HEAD_BIAS, 0, panel), logits, c->V);
    if (c->final_cap > 0)
        ops->softcap(ops, n, c->V, (wg_real)c->final_cap, logits, c->V);
    wg_model_done(m, wg_model_tensor(m, WG_HEAD, 0));
}

wagle_status wg_decoder_step(wagle_ctx *ctx, wg_decoder *d, const int64_t *which,
                             const int32_t *token, int64_t n, wg_real *logits)
{
    const wg_ops *ops = d->model->ops;
    wg_activations a;

    WG_TRY(reserve(ctx, d, n, n));
    for (int64_t i = 0; i < n; i++)
        (void)lay_out(d, i, which[i], token + i, 1, i);
    wg_block_input in = begin(d, n, n);
    in.attend = attend;
    in.user = d;
    wg_activations_carve(&d->model->config, n, d->saved.data, d->recomputed.data, &a);
    for (int64_t l = 0; l < d->model->config.L; l++) {
        wg_layer w;
        wg_layer_stored(d->model, l, d->q8.matrix != NULL ? &d->q8 : NULL, d->panel.data, &w);
        wg_block_forward(&in, &w, d->x.data, d->x.data, &a);
        wg_layer_done(d->model, l);
    }
    head(d, n);
    WG_TRY(wg_check_cut_off(ctx));
    return ops->download(ops, ctx, logits, d->logits.data,
                         (size_t)(n * d->model->config.V) * sizeof *logits);
}
