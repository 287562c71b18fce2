#include "engine/state.h"

#include <stdio.h>
#include <string.h>

wagle_status wg_buffer_reserve(wagle_ctx *ctx, wg_buffer *room, int64_t n)
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

wagle_status wg_engine_new(wagle_ctx *ctx, const wg_model *model, wg_engine **out)
{
    wg_engine *e = NULL;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &e, 1));
    e->model = model;
    e->limit.streams = WG_STREAMS;
    *out = e;
    return WAGLE_OK;
}

void wg_engine_limit(wg_engine *e, const wg_limit *limit)
{
    e->limit = *limit;
    if (limit->folder != NULL) {
        snprintf(e->folder, sizeof e->folder, "%s", limit->folder);
        e->limit.folder = e->folder;
    }
}

void wg_engine_free(wg_engine *e)
{
    if (e == NULL)
        return;
    wg_buffer *const rooms[] = {
        &e->inputs,  &e->gradient,  &e->panel,   &e->kept,        &e->scratch,     &e->label_x,
        &e->label_h, &e->label_d,   &e->label_e, &e->label_de,    &e->embed,       &e->embed_d,
        &e->logits,  &e->label_row, &e->soft_q,  &e->soft[0].row, &e->soft[1].row, &e->tree.room};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        wg_free(rooms[i]->data);
    for (int s = 0; s < WG_STREAMS; s++) {
        wg_free(e->layer_grad[s].data);
        wg_free(e->table_grad[s].data);
        wg_free(e->end_grad[s].data);
        wg_free(e->position_grad[s].data);
        wg_free(e->project_grad[s].data);
    }
    for (int i = 0; i < 2; i++) {
        wg_free(e->cosine[i]);
        wg_free(e->sine[i]);
    }
    wg_scratch_free(&e->spill);
    wg_free(e->chunk);
    wg_free(e->start);
    wg_free(e->tree.start);
    wg_free(e->tree.known);
    for (int i = 0; i < WG_SOFT_MOST; i++) {
        wg_free(e->soft[i].runner_up);
        wg_free(e->soft[i].cross);
    }
    wg_free(e);
}

int64_t wg_longest_of(const wg_batch *batch)
{
    const int64_t *start = batch->shared ? batch->path_start : batch->start;
    int64_t longest = 0;

    for (int64_t s = 0; s < batch->S; s++)
        longest = start[s + 1] - start[s] > longest ? start[s + 1] - start[s] : longest;
    return longest;
}

static wagle_status prepare_positions(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch)
{
    const wg_config *c = &e->model->config;
    const int64_t longest = wg_longest_of(batch);

    if (c->bounded && longest > c->max_position)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "a sequence has %lld tokens, but the model has only %lld positions",
                       (long long)longest, (long long)c->max_position);
    if (longest <= e->positions)
        return WAGLE_OK;
    for (int i = 0; i < 1 + c->local_rope; i++) {
        int64_t room = e->positions * c->r / 2, same = room;
        WG_TRY(WG_GROW(ctx, &e->cosine[i], &room, longest * c->r / 2));
        WG_TRY(WG_GROW(ctx, &e->sine[i], &same, longest * c->r / 2));
        wg_rope_tables(c, i, longest, e->cosine[i], e->sine[i]);
    }
    e->positions = longest;
    return WAGLE_OK;
}

wagle_status wg_cut_chunks(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, bool apart,
                           bool single)
{
    WG_TRY(WG_GROW(ctx, &e->chunk, &e->chunk_room, batch->S));
    WG_TRY(WG_GROW(ctx, &e->start, &e->start_room, batch->S + 1));
    e->n_chunks = 0;
    for (int64_t s = 0, to; s < batch->S; s = to) {
        wg_chunk *last = e->n_chunks > 0 ? &e->chunk[e->n_chunks - 1] : NULL;
        const int stream = apart && s >= batch->n_forget;
        to = wg_group_end(batch, s);
        if (last == NULL || single || last->stream != stream ||
            batch->start[to] - batch->start[last->from] > e->plan.chunk_tokens)
            e->chunk[e->n_chunks++] = (wg_chunk){s, to, stream};
        else
            last->to = to;
    }
    return WAGLE_OK;
}

int64_t wg_engine_chunk_tokens(const wg_engine *e, int64_t tokens)
{
    const wg_intent intent = {.tokens = tokens,
                              .labels = tokens,
                              .shared = true,
                              .chunk_tokens = e->limit.chunk_tokens,
                              .budget = e->limit.budget};

    return wg_plan_make(e->model, &intent).chunk_tokens;
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
    e->tree.batch = batch;
    e->tree.chunk = *c;
    return (wg_block_input){.model = e->model,
                            .N = batch->start[c->to] - *first,
                            .S = c->to - c->from,
                            .start = e->start,
                            .position = batch->position + *first,
                            .cosine = {e->cosine[0], e->cosine[1]},
                            .sine = {e->sine[0], e->sine[1]},
                            .attend = batch->shared ? wg_tree_attend : NULL,
                            .user = e,
                            .saw = e->saw,
                            .saw_user = e->saw_user};
}

static void make_plan(wg_engine *e, const wg_batch *batch, bool for_backward)
{
    wg_intent intent = {.backward = for_backward,
                        .streams = e->limit.streams,
                        .placed = e->limit.placed,
                        .tokens = batch->N,
                        .labels = batch->M,
                        .shared = batch->shared,
                        .folder = e->limit.folder,
                        .chunk_tokens = e->limit.chunk_tokens,
                        .longest = wg_longest_of(batch),
                        .budget = e->limit.budget};

    e->plan = wg_plan_make(e->model, &intent);
}

/* Room for the layers' inputs, in memory or in a file. */
static wagle_status place_inputs(wagle_ctx *ctx, wg_engine *e, int64_t n)
{
    if (!e->plan.spilled) {
        WG_TRY(wg_buffer_reserve(ctx, &e->inputs, n));
        e->x = e->inputs.data;
        return WAGLE_OK;
    }
    if (e->spill.bytes < (size_t)n * sizeof(wg_real)) {
        wg_scratch_free(&e->spill);
        WG_TRY(wg_scratch_new(ctx, e->limit.folder, n, sizeof(wg_real), true, &e->spill));
    }
    e->x = e->spill.data;
    return WAGLE_OK;
}

static wagle_status reserve(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, bool for_backward)
{
    const wg_config *c = &e->model->config;
    const int64_t most = largest_chunk(e, batch), kept = wg_kept_size(c, most);

    e->checkpoints = for_backward;
    WG_TRY(place_inputs(ctx, e, (for_backward ? c->L + 1 : 1) * batch->N * c->D));
    WG_TRY(wg_buffer_reserve(ctx, &e->panel,
                             wg_layer_size(c) > WG_VOCAB_CHUNK * c->D ? wg_layer_size(c)
                                                                      : WG_VOCAB_CHUNK * c->D));
    WG_TRY(wg_buffer_reserve(ctx, &e->kept, e->plan.kept_layers * kept));
    WG_TRY(wg_tree_room(ctx, e, batch));
    return for_backward ? wg_backward_room(ctx, e, batch)
                        : wg_buffer_reserve(ctx, &e->scratch, kept + wg_passing_size(c, most));
}

wagle_status wg_backward_room(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch)
{
    const wg_config *c = &e->model->config;
    const int64_t most = largest_chunk(e, batch);

    return wg_buffer_reserve(ctx, &e->scratch,
                             wg_kept_size(c, most) + wg_passing_size(c, most) +
                                 wg_backward_scratch_size(c, most));
}

/* Layer l keeps its activations from forward to backward. */
static bool is_kept(const wg_engine *e, int64_t l)
{
    return l >= e->model->config.L - e->plan.kept_layers && e->n_chunks == 1;
}

static wg_activations activations_of(wg_engine *e, int64_t l, int64_t N)
{
    const wg_config *c = &e->model->config;
    const int64_t size = wg_kept_size(c, N), place = l - (c->L - e->plan.kept_layers);
    wg_activations a;

    wg_activations_carve(c, N, is_kept(e, l) ? e->kept.data + place * size : e->scratch.data,
                         e->scratch.data + size, &a);
    return a;
}

/* A spilled layer input need not stay in memory. */
static void release_input(const wg_engine *e, const wg_batch *batch, int64_t l)
{
    const int64_t n = batch->N * e->model->config.D;

    if (e->plan.spilled)
        wg_map_release(e->x + l * n, (size_t)n * sizeof(wg_real));
}

/* Through the first `layers` layers. */
static wagle_status walk(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, bool for_backward,
                         int64_t layers, const char *progress)
{
    const wg_config *c = &e->model->config;
    const int64_t stride = for_backward ? batch->N * c->D : 0;

    e->n_soft = 0;
    WG_TRY(prepare_positions(ctx, e, batch));
    make_plan(e, batch, for_backward);
    WG_TRY(wg_cut_chunks(ctx, e, batch, false, false));
    WG_TRY(reserve(ctx, e, batch, for_backward));
    wg_embed(e->model, batch->N, batch->ids, batch->position, e->x);
    for (int64_t l = 0; l < layers; l++) {
        wg_layer w;
        WG_TRY(wg_check_interrupt(ctx));
        wg_layer_ahead(e->model, l + 1);
        wg_layer_view(e->model, l, e->panel.data, &w);
        for (int64_t i = 0; i < e->n_chunks; i++) {
            int64_t first;
            const wg_block_input in = wg_chunk_input(e, batch, &e->chunk[i], &first);
            wg_activations a = activations_of(e, l, in.N);
            wg_real *x = e->x + l * stride + first * c->D;
            wg_block_forward(&in, &w, x, x + stride, &a);
        }
        wg_layer_release(e->model, l);
        release_input(e, batch, l);
        if (progress != NULL)
            wg_progress(ctx, progress, l + 1, layers, NULL);
    }
    return WAGLE_OK;
}

wagle_status wg_engine_forward(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                               bool for_backward, const char *progress, wg_real *nll)
{
    WG_TRY(walk(ctx, e, batch, for_backward, e->model->config.L, progress));
    return wg_head_forward(ctx, e, batch, for_backward, nll);
}

wagle_status wg_engine_hidden(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, int64_t layer,
                              bool for_backward, const wg_real **h)
{
    WG_TRY(walk(ctx, e, batch, for_backward, layer + 1, NULL));
    *h = e->x + (for_backward ? (layer + 1) * batch->N * e->model->config.D : 0);
    return WAGLE_OK;
}

/* e->embed [N,E] = what the table gives, before project_in. */
static wagle_status look_up(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch)
{
    const int64_t E = e->model->config.E;
    const int table = wg_model_tensor(e->model, WG_EMBED, 0);

    WG_TRY(wg_buffer_reserve(ctx, &e->embed, batch->N * E));
    for (int64_t n = 0; n < batch->N; n++) {
        wg_real *row = e->embed.data + n * E;
        const wg_real *from = wg_model_view(e->model, table, batch->ids[n] * E, E, row);
        if (from != row)
            memcpy(row, from, (size_t)E * sizeof *row);
    }
    return WAGLE_OK;
}

wagle_status wg_engine_inputs(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                              const char *progress, wg_input_hook *saw, void *user)
{
    const wg_config *c = &e->model->config;
    const bool head = !c->tied || c->has[WG_PROJECT_OUT];
    wg_real *nll = NULL;
    wagle_status st;

    if (head)
        WG_TRY(WG_ALLOC(ctx, &nll, batch->M));
    e->saw = saw;
    e->saw_user = user;
    st = head ? wg_engine_forward(ctx, e, batch, false, progress, nll)
              : walk(ctx, e, batch, false, c->L, progress);
    e->saw = NULL;
    if (st == WAGLE_OK && !c->tied)
        saw(user, 0, WG_HEAD, batch->M, c->E, wg_head_input(e));
    if (st == WAGLE_OK && c->has[WG_PROJECT_OUT])
        saw(user, 0, WG_PROJECT_OUT, batch->M, c->D, e->label_h.data);
    if (st == WAGLE_OK && c->has[WG_PROJECT_IN])
        st = look_up(ctx, e, batch);
    if (st == WAGLE_OK && c->has[WG_PROJECT_IN])
        saw(user, 0, WG_PROJECT_IN, batch->N, c->E, e->embed.data);
    wg_free(nll);
    return st;
}

void wg_layer_backward(wg_engine *e, const wg_batch *batch, int64_t l,
                       void (*each)(void *user, const wg_chunk *c), wg_weight_gradient *gradient,
                       void *user)
{
    const wg_config *c = &e->model->config;
    wg_layer w;

    wg_layer_ahead(e->model, l - 1);
    if (e->plan.spilled && l > 0)
        wg_map_ahead(e->x + (l - 1) * batch->N * c->D, (size_t)(batch->N * c->D) * sizeof(wg_real));
    wg_layer_view(e->model, l, e->panel.data, &w);
    for (int64_t i = 0; i < e->n_chunks; i++) {
        int64_t first;
        const wg_block_input in = wg_chunk_input(e, batch, &e->chunk[i], &first);
        const wg_real *x = e->x + (l * batch->N + first) * c->D;
        wg_activations a = activations_of(e, l, in.N);
        wg_backward_scratch s;
        wg_backward_scratch_carve(
            c, in.N, e->scratch.data + wg_kept_size(c, in.N) + wg_passing_size(c, in.N), &s);
        if (is_kept(e, l))
            wg_block_restore(&in, &w, x, &a);
        else
            wg_block_forward(&in, &w, x, NULL, &a);
        each(user, &e->chunk[i]);
        wg_block_backward(&in, &w, x, &a, &s, e->gradient.data + first * c->D, gradient, user);
    }
    wg_layer_release(e->model, l);
    release_input(e, batch, l);
}

/* --- gradients of whole streams ------------------------------------------------------------- */

typedef struct collector {
    wg_engine *e;
    const wg_batch *batch;
    const wg_sink *sink;
    int64_t layer;
    int streams;
    bool wanted[WG_ROLES];
    wg_real *grad[WG_ROLES][WG_STREAMS]; /* of the layer at hand: ours, or the sink's place */
    bool begun[WG_ROLES][WG_STREAMS];    /* something was written there */
    const wg_chunk *chunk;
} collector;

static void begin_chunk(void *user, const wg_chunk *c)
{
    collector *k = user;
    k->chunk = c;
}

static void add_weight_gradient(void *user, const wg_grad_part *p)
{
    collector *k = user;
    const wg_ops *ops = k->e->model->ops;
    const bool transposed = k->e->model->config.family->transposed;
    wg_real *out = k->grad[p->role][k->chunk->stream];
    bool *begun = &k->begun[p->role][k->chunk->stream];

    if (!k->wanted[p->role])
        return;
    if (p->I == 0 && !*begun)
        memset(out, 0, (size_t)p->O * sizeof *out);
    if (p->I > 0 && transposed)
        ops->gemm(true, false, p->I, p->O, p->rows, p->x, p->I, p->dy, p->O, *begun, out, p->O);
    else if (p->I > 0)
        ops->gemm(true, false, p->O, p->I, p->rows, p->dy, p->O, p->x, p->I, *begun, out, p->I);
    else
        wg_grad_part_vector(ops, p, out);
    *begun = true;
}

static bool wants(const wg_sink *sink, int tensor)
{
    return sink->wants == NULL || sink->wants(sink->user, tensor);
}

static wg_real *place(const wg_sink *sink, int tensor, int streams)
{
    return streams == 1 && sink->place != NULL ? sink->place(sink->user, tensor) : NULL;
}

static wagle_status deliver(wagle_ctx *ctx, const collector *k, int tensor,
                            wg_real *const grad[WG_STREAMS])
{
    const wg_real *const both[WG_STREAMS] = {grad[0], k->streams > 1 ? grad[1] : NULL};

    if (place(k->sink, tensor, k->streams) != NULL)
        return WAGLE_OK;
    return k->sink->accept(k->sink->user, ctx, tensor, k->e->model->files.tensor[tensor].count,
                           both);
}

/* The same of a gradient that lies with the engine, wherever the sink wants it. */
static wagle_status deliver_copy(wagle_ctx *ctx, const collector *k, int tensor,
                                 wg_real *const grad[WG_STREAMS])
{
    wg_real *there = place(k->sink, tensor, k->streams);

    if (there != NULL)
        memcpy(there, grad[0], (size_t)k->e->model->files.tensor[tensor].count * sizeof *there);
    return deliver(ctx, k, tensor, grad);
}

/* Where the layer's gradients go. */
static wagle_status place_layer(wagle_ctx *ctx, collector *k)
{
    wg_engine *e = k->e;
    int64_t total = 0, at[WG_ROLES];

    for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++) {
        const int t = wg_model_tensor(e->model, (wg_role)role, k->layer);
        k->wanted[role] = t >= 0 && wants(k->sink, t);
        k->grad[role][0] = k->wanted[role] ? place(k->sink, t, k->streams) : NULL;
        k->begun[role][0] = k->begun[role][1] = false;
        at[role] = total;
        if (k->wanted[role] && k->grad[role][0] == NULL)
            total += e->model->files.tensor[t].count;
    }
    for (int s = 0; s < k->streams; s++) {
        WG_TRY(wg_buffer_reserve(ctx, &e->layer_grad[s], total));
        for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++)
            if (s > 0 || k->grad[role][s] == NULL)
                k->grad[role][s] = e->layer_grad[s].data + at[role];
    }
    return WAGLE_OK;
}

static wagle_status backward_layer(wagle_ctx *ctx, collector *k)
{
    WG_TRY(place_layer(ctx, k));
    wg_layer_backward(k->e, k->batch, k->layer, begin_chunk, add_weight_gradient, k);
    for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++)
        if (k->wanted[role])
            WG_TRY(deliver(ctx, k, wg_model_tensor(k->e->model, (wg_role)role, k->layer),
                           k->grad[role]));
    return WAGLE_OK;
}

/* Embeddings were scaled on their way in. */
void wg_unscale_embeddings(wg_engine *e, const wg_batch *batch)
{
    const wg_real scale = (wg_real)e->model->config.embed_scale;

    for (int64_t i = 0; scale != 1 && i < batch->N * e->model->config.D; i++)
        e->gradient.data[i] *= scale;
}

wagle_status wg_embed_gradient(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                               const wg_real **d)
{
    const wg_config *c = &e->model->config;

    wg_unscale_embeddings(e, batch);
    *d = e->gradient.data;
    if (!c->has[WG_PROJECT_IN])
        return WAGLE_OK;
    WG_TRY(look_up(ctx, e, batch));
    WG_TRY(wg_buffer_reserve(ctx, &e->embed_d, batch->N * c->E));
    e->model->ops->gemm(false, false, batch->N, c->E, c->D, e->gradient.data, c->D,
                        wg_project_view(e, WG_PROJECT_IN), c->E, false, e->embed_d.data, c->E);
    *d = e->embed_d.data;
    return WAGLE_OK;
}

static void embed_gradient(wg_engine *e, const wg_batch *batch, const wg_real *d)
{
    const int64_t E = e->model->config.E;

    for (int64_t i = 0; i < e->n_chunks; i++) {
        const int64_t first = batch->start[e->chunk[i].from];
        e->model->ops->embed_backward(batch->start[e->chunk[i].to] - first, E, batch->ids + first,
                                      d + first * E, e->table[e->chunk[i].stream]);
    }
}

/* dX0^T embeddings of each stream; after wg_embed_gradient. */
static wagle_status project_in_gradient(wagle_ctx *ctx, const collector *k)
{
    wg_engine *e = k->e;
    const wg_config *c = &e->model->config;
    const int tensor = wg_model_tensor(e->model, WG_PROJECT_IN, 0);
    bool begun[WG_STREAMS] = {false, false};
    wg_real *grad[WG_STREAMS] = {e->project_grad[0].data, e->project_grad[1].data};

    if (tensor < 0 || !wants(k->sink, tensor))
        return WAGLE_OK;
    for (int s = 0; s < k->streams; s++)
        memset(grad[s], 0, (size_t)(c->D * c->E) * sizeof **grad);
    for (int64_t i = 0; i < e->n_chunks; i++) {
        const int s = e->chunk[i].stream;
        const int64_t first = k->batch->start[e->chunk[i].from];
        e->model->ops->gemm(true, false, c->D, c->E, k->batch->start[e->chunk[i].to] - first,
                            e->gradient.data + first * c->D, c->D, e->embed.data + first * c->E,
                            c->E, begun[s], grad[s], c->E);
        begun[s] = true;
    }
    return deliver_copy(ctx, k, tensor, grad);
}

/* The gradient of learned positions; before embed_gradient. */
static wagle_status position_gradient(wagle_ctx *ctx, const collector *k)
{
    wg_engine *e = k->e;
    const wg_batch *b = k->batch;
    const int tensor = wg_model_tensor(e->model, WG_POSITION, 0);
    const int64_t D = e->model->config.D, offset = e->model->config.family->position_offset;
    wg_real *grad[WG_STREAMS] = {NULL, NULL};

    if (tensor < 0 || !wants(k->sink, tensor))
        return WAGLE_OK;
    for (int s = 0; s < k->streams; s++) {
        const int64_t n = e->model->files.tensor[tensor].count;
        grad[s] = place(k->sink, tensor, k->streams);
        if (grad[s] == NULL)
            WG_TRY(wg_buffer_reserve(ctx, &e->position_grad[s], n));
        grad[s] = grad[s] != NULL ? grad[s] : e->position_grad[s].data;
        memset(grad[s], 0, (size_t)n * sizeof(wg_real));
    }
    for (int64_t i = 0; i < e->n_chunks; i++) {
        const int64_t first = b->start[e->chunk[i].from];
        e->model->ops->embed_backward(b->start[e->chunk[i].to] - first, D, b->position + first,
                                      e->gradient.data + first * D,
                                      grad[e->chunk[i].stream] + offset * D);
    }
    return deliver(ctx, k, tensor, grad);
}

/* e->table for the gradient of `tensor`, cleared unless the head will write all of it. */
static wagle_status place_table(wagle_ctx *ctx, collector *k, int tensor, bool clear)
{
    wg_engine *e = k->e;
    const int64_t n = e->model->config.V * e->model->config.E;
    wg_real *own = place(k->sink, tensor, k->streams);

    for (int s = 0; s < k->streams; s++) {
        if (own == NULL)
            WG_TRY(wg_buffer_reserve(ctx, &e->table_grad[s], n));
        e->table[s] = own != NULL ? own : e->table_grad[s].data;
        if (clear)
            memset(e->table[s], 0, (size_t)n * sizeof(wg_real));
    }
    return WAGLE_OK;
}

/* Final norm, its bias, the head's bias, as they lie in e->end_grad. */
static const wg_role ends[] = {WG_FINAL_NORM, WG_FINAL_NORM_BIAS, WG_HEAD_BIAS};
enum { ENDS = sizeof ends / sizeof *ends };

static wagle_status deliver_ends(wagle_ctx *ctx, const collector *k)
{
    const wg_engine *e = k->e;

    for (int i = 0; i < ENDS; i++) {
        const int tensor = wg_model_tensor(e->model, ends[i], 0);
        wg_real *grad[WG_STREAMS] = {NULL, NULL};
        if (tensor < 0 || !wants(k->sink, tensor))
            continue;
        for (int s = 0; s < k->streams; s++)
            grad[s] = e->end_grad[s].data + i * e->model->config.D;
        WG_TRY(deliver_copy(ctx, k, tensor, grad));
    }
    return WAGLE_OK;
}

static wagle_status backward_head(wagle_ctx *ctx, collector *k, const wg_real *weight)
{
    wg_engine *e = k->e;
    const wg_batch *b = k->batch;
    const wg_config *c = &e->model->config;
    const int table = wg_model_tensor(e->model, WG_EMBED, 0);
    const int head = wg_model_tensor(e->model, WG_HEAD, 0);
    const int64_t n = 2 * c->D + (c->has[WG_HEAD_BIAS] ? c->V : 0);
    const bool lopsided = k->streams > 1 && (b->n_forget == 0 || b->n_forget == b->S);

    if (wants(k->sink, head))
        WG_TRY(place_table(ctx, k, head, lopsided));
    for (int s = 0; s < k->streams; s++) {
        WG_TRY(wg_buffer_reserve(ctx, &e->end_grad[s], n));
        memset(e->end_grad[s].data, 0, (size_t)n * sizeof(wg_real));
    }
    for (int s = 0; s < k->streams && c->has[WG_PROJECT_IN]; s++)
        WG_TRY(wg_buffer_reserve(ctx, &e->project_grad[s], c->D * c->E));
    WG_TRY(wg_head_backward(ctx, e, b, weight, k->streams, wants(k->sink, head)));
    WG_TRY(deliver_ends(ctx, k));
    if (c->has[WG_PROJECT_OUT] && wants(k->sink, wg_model_tensor(e->model, WG_PROJECT_OUT, 0))) {
        wg_real *grad[WG_STREAMS] = {e->project_grad[0].data, e->project_grad[1].data};
        WG_TRY(deliver_copy(ctx, k, wg_model_tensor(e->model, WG_PROJECT_OUT, 0), grad));
    }
    if (c->tied)
        return WAGLE_OK;
    if (wants(k->sink, head))
        WG_TRY(deliver(ctx, k, head, e->table));
    return wants(k->sink, table) ? place_table(ctx, k, table, true) : WAGLE_OK;
}

/* Layers `from` to 0, and what lies below them. */
static wagle_status backward_body(wagle_ctx *ctx, collector *k, int64_t from, const char *progress)
{
    const int table = wg_model_tensor(k->e->model, WG_EMBED, 0);

    for (k->layer = from; k->layer >= 0; k->layer--) {
        WG_TRY(wg_check_interrupt(ctx));
        WG_TRY(backward_layer(ctx, k));
        if (progress != NULL)
            wg_progress(ctx, progress, from + 1 - k->layer, from + 1, NULL);
    }
    const wg_real *d;
    WG_TRY(position_gradient(ctx, k));
    WG_TRY(wg_embed_gradient(ctx, k->e, k->batch, &d));
    WG_TRY(project_in_gradient(ctx, k));
    if (!wants(k->sink, table))
        return WAGLE_OK;
    embed_gradient(k->e, k->batch, d);
    return deliver(ctx, k, table, k->e->table);
}

wagle_status wg_engine_backward(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                const wg_real *weight, int streams, const char *progress,
                                const wg_sink *sink)
{
    collector k = {.e = e, .batch = batch, .sink = sink, .streams = streams};

    if (streams > 1)
        WG_TRY(wg_cut_chunks(ctx, e, batch, true, false));
    WG_TRY(wg_backward_room(ctx, e, batch));
    WG_TRY(backward_head(ctx, &k, weight));
    return backward_body(ctx, &k, e->model->config.L - 1, progress);
}

/* A gradient of zeros. */
static wagle_status deliver_zeros(wagle_ctx *ctx, const collector *k, int tensor)
{
    const int64_t n = tensor >= 0 ? k->e->model->files.tensor[tensor].count : 0;
    wg_real *grad[WG_STREAMS] = {NULL, NULL};

    if (tensor < 0 || !wants(k->sink, tensor))
        return WAGLE_OK;
    grad[0] = place(k->sink, tensor, 1);
    if (grad[0] == NULL)
        WG_TRY(wg_buffer_reserve(ctx, &k->e->layer_grad[0], n));
    grad[0] = grad[0] != NULL ? grad[0] : k->e->layer_grad[0].data;
    memset(grad[0], 0, (size_t)n * sizeof(wg_real));
    return deliver(ctx, k, tensor, grad);
}

wagle_status wg_engine_backward_hidden(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                       int64_t layer, const wg_real *dh, const wg_sink *sink)
{
    const wg_config *c = &e->model->config;
    const int table = wg_model_tensor(e->model, WG_EMBED, 0);
    collector k = {.e = e, .batch = batch, .sink = sink, .streams = 1};

    WG_TRY(wg_backward_room(ctx, e, batch));
    WG_TRY(wg_buffer_reserve(ctx, &e->gradient, batch->N * c->D));
    memcpy(e->gradient.data, dh, (size_t)(batch->N * c->D) * sizeof *dh);
    for (int i = 0; i < ENDS; i++)
        WG_TRY(deliver_zeros(ctx, &k, wg_model_tensor(e->model, ends[i], 0)));
    WG_TRY(deliver_zeros(ctx, &k, wg_model_tensor(e->model, WG_PROJECT_OUT, 0)));
    if (c->has[WG_PROJECT_IN])
        WG_TRY(wg_buffer_reserve(ctx, &e->project_grad[0], c->D * c->E));
    if (!c->tied)
        WG_TRY(deliver_zeros(ctx, &k, wg_model_tensor(e->model, WG_HEAD, 0)));
    for (int64_t l = layer + 1; l < c->L; l++)
        for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++)
            WG_TRY(deliver_zeros(ctx, &k, wg_model_tensor(e->model, (wg_role)role, l)));
    if (wants(sink, table))
        WG_TRY(place_table(ctx, &k, table, true));
    return backward_body(ctx, &k, layer, NULL);
}
