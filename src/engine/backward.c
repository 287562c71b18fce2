/* backward.c - the layers from last to first, and the gradients that go to the sink. */
#include "engine/state.h"

void wg_layer_backward(wg_engine *e, const wg_batch *batch, int64_t l,
                       void (*each)(void *user, const wg_chunk *c), wg_weight_gradient *gradient,
                       void *user)
{
    const wg_config *c = &e->model->config;
    wg_layer w;

    wg_layer_ahead(e->model, l - 1);
    if (e->plan.spilled && l > 0)
        e->model->ops->ahead(e->model->ops, e->x + (l - 1) * batch->N * c->D,
                             (size_t)(batch->N * c->D) * sizeof(wg_real));
    wg_layer_view(e->model, l, e->panel.data, &w);
    for (int64_t i = 0; i < e->n_chunks; i++) {
        int64_t first;
        const wg_block_input in = wg_chunk_input(e, batch, &e->chunk[i], &first);
        const wg_real *x = e->x + (l * batch->N + first) * c->D;
        wg_activations a = wg_layer_activations(e, l, in.N);
        wg_backward_scratch s;
        wg_backward_scratch_carve(
            c, in.N, e->scratch.data + wg_saved_size(c, in.N) + wg_recomputed_size(c, in.N), &s);
        if (wg_layer_is_saved(e, l))
            wg_block_restore(&in, &w, x, &a);
        else
            wg_block_forward(&in, &w, x, NULL, &a);
        each(user, &e->chunk[i]);
        wg_block_backward(&in, &w, x, &a, &s, e->gradient.data + first * c->D, gradient, user);
    }
    wg_layer_release(e->model, l);
    wg_layer_input_release(e, batch, l);
}

/* --- gradients of whole streams ------------------------------------------------------------- */

typedef struct collector {
    wg_engine *e;
    const wg_batch *batch;
    const wg_sink *sink;
    int64_t layer;
    int streams;
    bool wanted[WG_ROLES_MOST];
    wg_real *grad[WG_ROLES_MOST][WG_STREAMS]; /* of the layer at hand: ours, or the sink's place */
    bool begun[WG_ROLES_MOST][WG_STREAMS];    /* something was written there */
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
    const bool transposed = wg_is_stored_turned(k->e->model->config.family, p->role);
    wg_real *out = k->grad[p->role][k->chunk->stream];
    bool *begun = &k->begun[p->role][k->chunk->stream];

    if (!k->wanted[p->role])
        return;
    if (p->I == 0 && !*begun)
        ops->zero(ops, out, (size_t)p->O * sizeof *out);
    if (p->I > 0 && transposed)
        ops->gemm(ops, p->I, p->O, p->rows, wg_transpose(p->x_read), p->dy_read, *begun, out, p->O);
    else if (p->I > 0)
        ops->gemm(ops, p->O, p->I, p->rows, wg_transpose(p->dy_read), p->x_read, *begun, out, p->I);
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

/* The sink must be flushed before the gradient's memory is used again. */
static wagle_status hand_over(wagle_ctx *ctx, const collector *k, int tensor,
                              wg_real *const grad[WG_STREAMS])
{
    const int64_t n = k->e->model->files.tensor[tensor].count;
    const wg_real *both[WG_STREAMS] = {grad[0], k->streams > 1 ? grad[1] : NULL};

    if (place(k->sink, tensor, k->streams) != NULL)
        return WAGLE_OK;
    for (int s = 0; k->sink->host && s < k->streams; s++)
        WG_TRY(wg_engine_host_view(ctx, k->e, &k->e->sunk[s], n, &both[s]));
    return k->sink->accept(k->sink->user, ctx, tensor, n, both);
}

static void flush(const collector *k)
{
    if (k->sink->flush != NULL)
        k->sink->flush(k->sink->user);
}

static wagle_status deliver(wagle_ctx *ctx, const collector *k, int tensor,
                            wg_real *const grad[WG_STREAMS])
{
    WG_TRY(hand_over(ctx, k, tensor, grad));
    flush(k);
    return WAGLE_OK;
}

/* The same of a gradient that lies with the engine, wherever the sink wants it. */
static wagle_status deliver_copy(wagle_ctx *ctx, const collector *k, int tensor,
                                 wg_real *const grad[WG_STREAMS])
{
    const wg_ops *ops = k->e->model->ops;
    wg_real *there = place(k->sink, tensor, k->streams);

    if (there != NULL)
        ops->copy(ops, there, grad[0],
                  (size_t)k->e->model->files.tensor[tensor].count * sizeof *there);
    return deliver(ctx, k, tensor, grad);
}

/* Where the layer's gradients go. */
static wagle_status place_layer(wagle_ctx *ctx, collector *k)
{
    wg_engine *e = k->e;
    const int roles = wg_config_roles(&e->model->config);
    int64_t total = 0, at[WG_ROLES_MOST];

    for (int role = WG_LAYER_ROLES; role < roles; role++) {
        const int t = wg_model_tensor(e->model, (wg_role)role, k->layer);
        k->wanted[role] = t >= 0 && wants(k->sink, t);
        k->grad[role][0] = k->wanted[role] ? place(k->sink, t, k->streams) : NULL;
        k->begun[role][0] = k->begun[role][1] = false;
        at[role] = total;
        if (k->wanted[role] && k->grad[role][0] == NULL)
            total += e->model->files.tensor[t].count;
    }
    for (int s = 0; s < k->streams; s++) {
        WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->layer_grad[s], total));
        for (int role = WG_LAYER_ROLES; role < roles; role++)
            if (s > 0 || k->grad[role][s] == NULL)
                k->grad[role][s] = e->layer_grad[s].data + at[role];
    }
    return WAGLE_OK;
}

/* An expert that no token used has a gradient of 0. */
static void clear_unused(const collector *k, int role, int tensor)
{
    const wg_ops *ops = k->e->model->ops;

    for (int s = 0; s < k->streams; s++)
        if (!k->begun[role][s])
            ops->zero(ops, k->grad[role][s],
                      (size_t)k->e->model->files.tensor[tensor].count * sizeof(wg_real));
}

static wagle_status backward_layer(wagle_ctx *ctx, collector *k)
{
    const wg_model *m = k->e->model;

    WG_TRY(place_layer(ctx, k));
    wg_layer_backward(k->e, k->batch, k->layer, begin_chunk, add_weight_gradient, k);
    for (int role = WG_EXPERT_ROLES; role < wg_config_roles(&m->config); role++)
        if (k->wanted[role])
            clear_unused(k, role, wg_model_tensor(m, (wg_role)role, k->layer));
    for (int role = WG_LAYER_ROLES; role < wg_config_roles(&m->config); role++)
        if (k->wanted[role])
            WG_TRY(hand_over(ctx, k, wg_model_tensor(m, (wg_role)role, k->layer), k->grad[role]));
    flush(k);
    return WAGLE_OK;
}

/* Embeddings were scaled on their way in. */
void wg_unscale_embeddings(wg_engine *e, const wg_batch *batch)
{
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;

    if (c->embed_scale != 1)
        ops->scale(ops, batch->N * c->D, (wg_real)c->embed_scale, e->gradient.data);
}

wagle_status wg_embed_gradient(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                               const wg_real **d)
{
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;

    wg_unscale_embeddings(e, batch);
    *d = e->gradient.data;
    if (!c->has[WG_PROJECT_IN])
        return WAGLE_OK;
    WG_TRY(wg_embed_look_up(ctx, e, batch));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->embed_d, batch->N * c->E));
    ops->gemm(ops, batch->N, c->E, c->D, wg_matrix(e->gradient.data, c->D),
              wg_project_weights(e, WG_PROJECT_IN), false, e->embed_d.data, c->E);
    *d = e->embed_d.data;
    return WAGLE_OK;
}

static void embed_gradient(wg_engine *e, const wg_batch *batch, const wg_real *d)
{
    const int64_t E = e->model->config.E;
    const wg_ops *ops = e->model->ops;

    for (int64_t i = 0; i < e->n_chunks; i++) {
        const int64_t first = batch->start[e->chunk[i].from];
        ops->embed_backward(ops, batch->start[e->chunk[i].to] - first, E, e->index.ids + first,
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
    const wg_ops *ops = e->model->ops;

    if (tensor < 0 || !wants(k->sink, tensor))
        return WAGLE_OK;
    for (int s = 0; s < WG_STREAMS && s < k->streams; s++)
        ops->zero(ops, grad[s], (size_t)(c->D * c->E) * sizeof **grad);
    for (int64_t i = 0; i < e->n_chunks; i++) {
        const int s = e->chunk[i].stream;
        const int64_t first = k->batch->start[e->chunk[i].from];
        ops->gemm(ops, c->D, c->E, k->batch->start[e->chunk[i].to] - first,
                  wg_transpose(wg_matrix(e->gradient.data + first * c->D, c->D)),
                  wg_matrix(e->embed.data + first * c->E, c->E), begun[s], grad[s], c->E);
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
    const wg_ops *ops = e->model->ops;

    if (tensor < 0 || !wants(k->sink, tensor))
        return WAGLE_OK;
    for (int s = 0; s < k->streams; s++) {
        const int64_t n = e->model->files.tensor[tensor].count;
        grad[s] = place(k->sink, tensor, k->streams);
        if (grad[s] == NULL)
            WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->position_grad[s], n));
        grad[s] = grad[s] != NULL ? grad[s] : e->position_grad[s].data;
        ops->zero(ops, grad[s], (size_t)n * sizeof(wg_real));
    }
    for (int64_t i = 0; i < e->n_chunks; i++) {
        const int64_t first = b->start[e->chunk[i].from];
        ops->embed_backward(ops, b->start[e->chunk[i].to] - first, D, e->index.position + first,
                            e->gradient.data + first * D, grad[e->chunk[i].stream] + offset * D);
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
            WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->table_grad[s], n));
        e->table[s] = own != NULL ? own : e->table_grad[s].data;
        if (clear)
            e->model->ops->zero(e->model->ops, e->table[s], (size_t)n * sizeof(wg_real));
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

static wagle_status backward_head(wagle_ctx *ctx, collector *k)
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
        WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->end_grad[s], n));
        e->model->ops->zero(e->model->ops, e->end_grad[s].data, (size_t)n * sizeof(wg_real));
    }
    for (int s = 0; s < k->streams && c->has[WG_PROJECT_IN]; s++)
        WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->project_grad[s], c->D * c->E));
    WG_TRY(wg_head_backward(ctx, e, b, k->streams, wants(k->sink, head)));
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
    wg_set_label_weight(e, batch, weight);
    WG_TRY(backward_head(ctx, &k));
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
        WG_TRY(wg_buffer_reserve(ctx, k->e->model->ops, &k->e->layer_grad[0], n));
    grad[0] = grad[0] != NULL ? grad[0] : k->e->layer_grad[0].data;
    k->e->model->ops->zero(k->e->model->ops, grad[0], (size_t)n * sizeof(wg_real));
    return deliver(ctx, k, tensor, grad);
}

wagle_status wg_engine_backward_hidden(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                       int64_t layer, const wg_real *dh, const wg_sink *sink)
{
    const wg_config *c = &e->model->config;
    const int table = wg_model_tensor(e->model, WG_EMBED, 0);
    collector k = {.e = e, .batch = batch, .sink = sink, .streams = 1};

    WG_TRY(wg_backward_room(ctx, e, batch));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->gradient, batch->N * c->D));
    e->model->ops->upload(e->model->ops, e->gradient.data, dh,
                          (size_t)(batch->N * c->D) * sizeof *dh);
    for (int i = 0; i < ENDS; i++)
        WG_TRY(deliver_zeros(ctx, &k, wg_model_tensor(e->model, ends[i], 0)));
    WG_TRY(deliver_zeros(ctx, &k, wg_model_tensor(e->model, WG_PROJECT_OUT, 0)));
    if (c->has[WG_PROJECT_IN])
        WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->project_grad[0], c->D * c->E));
    if (!c->tied)
        WG_TRY(deliver_zeros(ctx, &k, wg_model_tensor(e->model, WG_HEAD, 0)));
    for (int64_t l = layer + 1; l < c->L; l++)
        for (int role = WG_LAYER_ROLES; role < wg_config_roles(c); role++)
            WG_TRY(deliver_zeros(ctx, &k, wg_model_tensor(e->model, (wg_role)role, l)));
    if (wants(sink, table))
        WG_TRY(place_table(ctx, &k, table, true));
    return backward_body(ctx, &k, layer, NULL);
}
