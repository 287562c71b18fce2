#include "engine/state.h"

#include <string.h>

wagle_status wg_room_for(wagle_ctx *ctx, wg_room *room, int64_t n)
{
    if (n <= room->capacity)
        return WAGLE_OK;
    wg_free(room->data); /* contents need not survive: nothing to copy */
    room->data = NULL;
    room->capacity = 0;
    WG_TRY(WG_ALLOC(ctx, &room->data, n));
    room->capacity = n;
    return WAGLE_OK;
}

wagle_status wg_engine_new(wagle_ctx *ctx, const wg_model *model, int64_t chunk_tokens,
                           wg_engine **out)
{
    wg_engine *e = NULL;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &e, 1));
    e->model = model;
    e->chunk_tokens = chunk_tokens > 0 ? chunk_tokens : WG_CHUNK_TOKENS;
    *out = e;
    return WAGLE_OK;
}

void wg_engine_free(wg_engine *e)
{
    if (e == NULL)
        return;
    wg_room *const rooms[] = {&e->inputs,  &e->gradient, &e->panel,   &e->kept,      &e->scratch,
                              &e->label_x, &e->label_h,  &e->label_d, &e->label_row, &e->logits};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        wg_free(rooms[i]->data);
    for (int s = 0; s < WG_STREAMS; s++) {
        wg_free(e->layer_grad[s].data);
        wg_free(e->table_grad[s].data);
        wg_free(e->norm_grad[s].data);
    }
    wg_free(e->cosine);
    wg_free(e->sine);
    wg_free(e->chunk);
    wg_free(e->start);
    wg_free(e);
}

static wagle_status prepare_rope(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch)
{
    int64_t longest = 0, room = e->position_room;

    for (int64_t s = 0; s < batch->S; s++)
        if (batch->start[s + 1] - batch->start[s] > longest)
            longest = batch->start[s + 1] - batch->start[s];
    if (longest <= e->positions)
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &e->cosine, &room, longest * e->model->config.h / 2));
    WG_TRY(WG_GROW(ctx, &e->sine, &e->position_room, longest * e->model->config.h / 2));
    wg_rope_tables(&e->model->config, longest, e->cosine, e->sine);
    e->positions = longest;
    return WAGLE_OK;
}

wagle_status wg_cut_chunks(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, bool apart,
                           bool single)
{
    WG_TRY(WG_GROW(ctx, &e->chunk, &e->chunk_room, batch->S));
    WG_TRY(WG_GROW(ctx, &e->start, &e->start_room, batch->S + 1));
    e->n_chunks = 0;
    for (int64_t s = 0; s < batch->S; s++) {
        wg_chunk *last = e->n_chunks > 0 ? &e->chunk[e->n_chunks - 1] : NULL;
        const int stream = apart && s >= batch->n_forget;
        if (last == NULL || single || last->stream != stream ||
            batch->start[s + 1] - batch->start[last->from] > e->chunk_tokens) {
            e->chunk[e->n_chunks++] = (wg_chunk){s, s + 1, stream};
            continue;
        }
        last->to = s + 1;
    }
    return WAGLE_OK;
}

static int64_t largest_chunk(const wg_engine *e, const wg_batch *batch)
{
    int64_t most = 0;

    for (int64_t i = 0; i < e->n_chunks; i++) {
        const int64_t n = batch->start[e->chunk[i].to] - batch->start[e->chunk[i].from];
        most = n > most ? n : most;
    }
    return most;
}

wg_block_input wg_chunk_input(wg_engine *e, const wg_batch *batch, const wg_chunk *c,
                              int64_t *first)
{
    *first = batch->start[c->from];
    for (int64_t s = c->from; s <= c->to; s++)
        e->start[s - c->from] = batch->start[s] - *first;
    return (wg_block_input){e->model, batch->start[c->to] - *first, c->to - c->from,
                            e->start, batch->position + *first,     e->cosine,
                            e->sine};
}

static void embed(wg_engine *e, const wg_batch *batch)
{
    const int64_t D = e->model->config.D;
    const int table = wg_model_tensor(e->model, WG_EMBED, 0);

    for (int64_t n = 0; n < batch->N; n++) {
        wg_real *row = e->inputs.data + n * D;
        const wg_real *from = wg_model_view(e->model, table, batch->ids[n] * D, D, row);
        if (from != row)
            memcpy(row, from, (size_t)D * sizeof *row);
    }
}

/* Decides which layers keep their activations: the last ones, of a batch that is one chunk. */
static wagle_status plan(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, bool for_backward)
{
    const wg_config *c = &e->model->config;
    const int64_t most = largest_chunk(e, batch), acts = wg_activations_size(c, most);
    const int64_t fit = WG_KEEP_BYTES / (acts * (int64_t)sizeof(wg_real));

    e->checkpoints = for_backward;
    e->n_kept = !for_backward || e->n_chunks > 1 ? 0 : fit < c->L ? fit : c->L;
    WG_TRY(wg_room_for(ctx, &e->inputs, (for_backward ? c->L + 1 : 1) * batch->N * c->D));
    WG_TRY(wg_room_for(ctx, &e->panel,
                       wg_layer_size(c) > WG_VOCAB_CHUNK * c->D ? wg_layer_size(c)
                                                                : WG_VOCAB_CHUNK * c->D));
    WG_TRY(wg_room_for(ctx, &e->kept, e->n_kept * acts));
    return for_backward ? wg_backward_room(ctx, e, batch) : wg_room_for(ctx, &e->scratch, acts);
}

wagle_status wg_backward_room(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch)
{
    const int64_t most = largest_chunk(e, batch);

    return wg_room_for(ctx, &e->scratch,
                       wg_activations_size(&e->model->config, most) +
                           wg_backward_scratch_size(&e->model->config, most));
}

static wg_activations activations_of(wg_engine *e, int64_t l, int64_t N)
{
    const wg_config *c = &e->model->config;
    const int64_t kept = l - (c->L - e->n_kept);
    wg_activations a;

    wg_activations_carve(
        c, N, kept >= 0 ? e->kept.data + kept * wg_activations_size(c, N) : e->scratch.data, &a);
    return a;
}

wagle_status wg_engine_forward(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                               bool for_backward, const char *progress, wg_real *nll)
{
    const wg_config *c = &e->model->config;
    const int64_t stride = for_backward ? batch->N * c->D : 0;

    WG_TRY(prepare_rope(ctx, e, batch));
    WG_TRY(wg_cut_chunks(ctx, e, batch, false, false));
    WG_TRY(plan(ctx, e, batch, for_backward));
    embed(e, batch);
    for (int64_t l = 0; l < c->L; l++) {
        wg_layer w;
        WG_TRY(wg_check_interrupt(ctx));
        wg_layer_view(e->model, l, e->panel.data, &w);
        for (int64_t i = 0; i < e->n_chunks; i++) {
            int64_t first;
            const wg_block_input in = wg_chunk_input(e, batch, &e->chunk[i], &first);
            wg_activations a = activations_of(e, l, in.N);
            wg_real *x = e->inputs.data + l * stride + first * c->D;
            wg_block_forward(&in, &w, x, x + stride, &a);
        }
        if (progress != NULL)
            wg_progress(ctx, progress, l + 1, c->L, NULL);
    }
    return wg_head_forward(ctx, e, batch, for_backward, nll);
}

void wg_layer_backward(wg_engine *e, const wg_batch *batch, int64_t l,
                       void (*each)(void *user, const wg_chunk *c), wg_weight_gradient *gradient,
                       void *user)
{
    const wg_config *c = &e->model->config;
    const bool kept = l >= c->L - e->n_kept && e->n_chunks == 1;
    wg_layer w;

    wg_layer_view(e->model, l, e->panel.data, &w);
    for (int64_t i = 0; i < e->n_chunks; i++) {
        int64_t first;
        const wg_block_input in = wg_chunk_input(e, batch, &e->chunk[i], &first);
        const wg_real *x = e->inputs.data + (l * batch->N + first) * c->D;
        wg_backward_scratch s;
        wg_activations a;
        if (kept)
            a = activations_of(e, l, in.N);
        else
            wg_activations_carve(c, in.N, e->scratch.data, &a);
        wg_backward_scratch_carve(c, in.N, e->scratch.data + wg_activations_size(c, in.N), &s);
        if (!kept)
            wg_block_forward(&in, &w, x, NULL, &a);
        each(user, &e->chunk[i]);
        wg_block_backward(&in, &w, x, &a, &s, e->gradient.data + first * c->D, gradient, user);
    }
}

/* --- gradients of whole streams ------------------------------------------------------------- */

typedef struct collector {
    wg_engine *e;
    const wg_batch *batch;
    const wg_sink *sink;
    int64_t layer;
    int64_t offset[WG_ROLES]; /* of each weight in layer_grad */
    bool wanted[WG_ROLES];
    bool used[WG_STREAMS]; /* the stream's buffer holds something of this layer */
    const wg_chunk *chunk;
} collector;

static void begin_chunk(void *user, const wg_chunk *c)
{
    collector *k = user;
    k->chunk = c;
}

static void add_weight_gradient(void *user, wg_role role, const wg_real *dy, int64_t O,
                                const wg_real *x, int64_t I, const wg_real *rstd)
{
    const collector *k = user;
    const wg_ops *ops = k->e->model->ops;
    const int64_t N = k->batch->start[k->chunk->to] - k->batch->start[k->chunk->from];
    wg_real *out = k->e->layer_grad[k->chunk->stream].data + k->offset[role];

    if (!k->wanted[role])
        return;
    if (I > 0)
        ops->gemm(true, false, O, I, N, dy, O, x, I, 1, out, I);
    else
        ops->rmsnorm_weight(N, O, x, rstd, dy, out);
}

static bool wants(const wg_sink *sink, int tensor)
{
    return sink->wants == NULL || sink->wants(sink->user, tensor);
}

static wagle_status deliver(wagle_ctx *ctx, const wg_engine *e, const wg_sink *sink, int tensor,
                            const wg_room grad[WG_STREAMS], int64_t offset, int streams)
{
    const wg_real *const both[WG_STREAMS] = {grad[0].data + offset,
                                             streams > 1 ? grad[1].data + offset : NULL};

    return sink->accept(sink->user, ctx, tensor, e->model->files.tensor[tensor].count, both);
}

static wagle_status prepare(wagle_ctx *ctx, wg_room room[WG_STREAMS], int64_t n, int streams)
{
    for (int s = 0; s < streams; s++) {
        WG_TRY(wg_room_for(ctx, &room[s], n));
        memset(room[s].data, 0, (size_t)n * sizeof(wg_real));
    }
    return WAGLE_OK;
}

static wagle_status backward_layer(wagle_ctx *ctx, collector *k, int streams)
{
    wg_engine *e = k->e;
    int64_t total = 0;

    for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++) {
        const int t = wg_model_tensor(e->model, (wg_role)role, k->layer);
        k->wanted[role] = wants(k->sink, t);
        k->offset[role] = total;
        total += k->wanted[role] ? e->model->files.tensor[t].count : 0;
    }
    WG_TRY(prepare(ctx, e->layer_grad, total, streams));
    wg_layer_backward(e, k->batch, k->layer, begin_chunk, add_weight_gradient, k);
    for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++)
        if (k->wanted[role])
            WG_TRY(deliver(ctx, e, k->sink, wg_model_tensor(e->model, (wg_role)role, k->layer),
                           e->layer_grad, k->offset[role], streams));
    return WAGLE_OK;
}

static void embed_gradient(wg_engine *e, const wg_batch *batch)
{
    const int64_t D = e->model->config.D;

    for (int64_t i = 0; i < e->n_chunks; i++) {
        const int64_t first = batch->start[e->chunk[i].from];
        e->model->ops->embed_backward(batch->start[e->chunk[i].to] - first, D, batch->ids + first,
                                      e->gradient.data + first * D,
                                      e->table_grad[e->chunk[i].stream].data);
    }
}

wagle_status wg_engine_backward(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                const wg_real *weight, int streams, const char *progress,
                                const wg_sink *sink)
{
    const wg_config *c = &e->model->config;
    const int table = wg_model_tensor(e->model, WG_EMBED, 0);
    const int head = wg_model_tensor(e->model, WG_HEAD, 0);
    const int norm = wg_model_tensor(e->model, WG_FINAL_NORM, 0);
    collector k = {.e = e, .batch = batch, .sink = sink};

    if (streams > 1)
        WG_TRY(wg_cut_chunks(ctx, e, batch, true, false));
    WG_TRY(wg_backward_room(ctx, e, batch));
    if (wants(sink, head) || wants(sink, table))
        WG_TRY(prepare(ctx, e->table_grad, c->V * c->D, streams));
    WG_TRY(prepare(ctx, e->norm_grad, c->D, streams));
    WG_TRY(wg_head_backward(ctx, e, batch, weight, streams, wants(sink, head), wants(sink, norm)));
    if (!c->tied && wants(sink, head)) {
        WG_TRY(deliver(ctx, e, sink, head, e->table_grad, 0, streams));
        WG_TRY(prepare(ctx, e->table_grad, c->V * c->D, streams));
    }
    if (wants(sink, norm))
        WG_TRY(deliver(ctx, e, sink, norm, e->norm_grad, 0, streams));
    for (k.layer = c->L - 1; k.layer >= 0; k.layer--) {
        WG_TRY(wg_check_interrupt(ctx));
        WG_TRY(backward_layer(ctx, &k, streams));
        if (progress != NULL)
            wg_progress(ctx, progress, c->L - k.layer, c->L, NULL);
    }
    if (!wants(sink, table))
        return WAGLE_OK;
    embed_gradient(e, batch);
    return deliver(ctx, e, sink, table, e->table_grad, 0, streams);
}
