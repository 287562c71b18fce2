/* forward.c - the layers from first to last, a chunk of sequences after the other. */
#include "engine/state.h"

static wagle_status prepare_positions(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch)
{
    const wg_config *c = &e->model->config;
    const int64_t longest = wg_batch_longest(batch);

    if (c->bounded && longest > c->max_position)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "a sequence has %lld tokens, but the model has only %lld positions",
                       (long long)longest, (long long)c->max_position);
    if (longest <= e->positions)
        return WAGLE_OK;
    for (int i = 0; i < wg_config_tables(c); i++)
        WG_TRY(wg_rope_upload(ctx, e->model, i, longest, &e->cosine[i], &e->sine[i]));
    e->positions = longest;
    return WAGLE_OK;
}

wagle_status wg_cut_chunks(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, bool apart,
                           bool single)
{
    WG_TRY(WG_GROW(ctx, &e->chunk, &e->chunk_room, batch->S));
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
    int64_t longest = 0;

    *first = batch->start[c->from];
    for (int64_t s = c->from; s < c->to; s++) {
        const int64_t T = batch->start[s + 1] - batch->start[s];
        longest = T > longest ? T : longest;
    }
    e->prefix.chunk = c - e->chunk;
    return (wg_block_input){.model = e->model,
                            .N = batch->start[c->to] - *first,
                            .S = c->to - c->from,
                            .longest = longest,
                            .start = e->index.start + c->from,
                            .position = e->index.position + *first,
                            .cosine = {e->cosine[0].data, e->cosine[1].data},
                            .sine = {e->sine[0].data, e->sine[1].data},
                            .attend = batch->shared ? wg_prefix_attend : NULL,
                            .user = e,
                            .packed = e->packed.data,
                            .input_hook = e->input_hook,
                            .input_hook_user = e->input_hook_user};
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
                        .longest = wg_batch_longest(batch),
                        .budget = e->limit.budget,
                        .most = e->limit.most.chunk_tokens > 0 ? &e->limit.most : NULL};

    e->plan = wg_plan_make(e->model, &intent);
}

int64_t wg_panel_size(const wg_model *m, int64_t vocabulary)
{
    const int64_t layer = wg_layer_panel(m, true);
    const int64_t head =
        wg_reals_for(wg_panel_bytes(m->ops->panel_type, vocabulary * m->config.D), 1);

    return layer > head ? layer : head;
}

/* Room for the layers' inputs, in memory or in a file. */
static wagle_status place_inputs(wagle_ctx *ctx, wg_engine *e, int64_t n)
{
    wg_buffer *inputs = e->plan.spilled ? &e->spill : &e->inputs;

    WG_TRY(wg_buffer_reserve_in(ctx, e->model->ops, e->plan.spilled ? e->limit.folder : NULL,
                                inputs, n));
    e->x = inputs->data;
    return WAGLE_OK;
}

static wagle_status reserve(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, bool for_backward)
{
    const wg_config *c = &e->model->config;
    const int64_t most = largest_chunk(e, batch), saved = wg_saved_size(c, most);

    e->checkpoints = for_backward;
    WG_TRY(place_inputs(ctx, e, (for_backward ? c->L + 1 : 1) * batch->N * c->D));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->panel,
                             wg_panel_size(e->model, wg_vocabulary_chunk(c, 0))));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->saved, e->plan.saved_layers * saved));
    WG_TRY(wg_prefix_prepare(ctx, e, batch));
    if (for_backward)
        return wg_backward_room(ctx, e, batch);
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->packed, wg_packed_size(e->model, most)));
    return wg_buffer_reserve(ctx, e->model->ops, &e->scratch, saved + wg_recomputed_size(c, most));
}

wagle_status wg_backward_room(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch)
{
    const wg_config *c = &e->model->config;
    const int64_t most = largest_chunk(e, batch);

    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->packed, wg_packed_size(e->model, most)));
    return wg_buffer_reserve(ctx, e->model->ops, &e->scratch,
                             wg_saved_size(c, most) + wg_recomputed_size(c, most) +
                                 wg_backward_scratch_size(c, most));
}

bool wg_layer_is_saved(const wg_engine *e, int64_t l)
{
    return l >= e->model->config.L - e->plan.saved_layers && e->n_chunks == 1;
}

wg_activations wg_layer_activations(wg_engine *e, int64_t l, int64_t N)
{
    const wg_config *c = &e->model->config;
    const int64_t size = wg_saved_size(c, N), place = l - (c->L - e->plan.saved_layers);
    wg_activations a;

    wg_activations_carve(c, N,
                         wg_layer_is_saved(e, l) ? e->saved.data + place * size : e->scratch.data,
                         e->scratch.data + size, &a);
    return a;
}

void wg_layer_input_release(const wg_engine *e, const wg_batch *batch, int64_t l)
{
    const int64_t n = batch->N * e->model->config.D;

    if (e->plan.spilled)
        e->model->ops->release(e->model->ops, e->x + l * n, (size_t)n * sizeof(wg_real));
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
    WG_TRY(wg_index_upload(ctx, e, batch));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->embed,
                             c->has[WG_PROJECT_IN] ? batch->N * c->E : 0));
    wg_embed(e->model, batch->N, e->index.ids, e->index.position, e->embed.data, e->panel.data,
             e->x);
    for (int64_t l = 0; l < layers; l++) {
        wg_layer w;
        WG_TRY(wg_check_interrupt(ctx));
        wg_layer_ahead(e->model, l + 1);
        wg_layer_view(e->model, l, e->panel.data, &w);
        for (int64_t i = 0; i < e->n_chunks; i++) {
            int64_t first;
            const wg_block_input in = wg_chunk_input(e, batch, &e->chunk[i], &first);
            wg_activations a = wg_layer_activations(e, l, in.N);
            wg_real *x = e->x + l * stride + first * c->D;
            wg_block_forward(&in, &w, x, x + stride, &a);
        }
        wg_layer_release(e->model, l);
        wg_layer_input_release(e, batch, l);
        if (progress != NULL)
            wg_progress(ctx, progress, l + 1, layers, NULL);
    }
    return wg_check_cut_off(ctx);
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
    const int64_t n = batch->N * e->model->config.D;

    *h = e->x + (for_backward ? (layer + 1) * n : 0);
    return wg_engine_host_view(ctx, e, &e->hidden, n, h);
}

wagle_status wg_embed_look_up(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch)
{
    const wg_ops *ops = e->model->ops;
    const int64_t E = e->model->config.E;
    const wg_weights table = wg_model_weights(e->model, wg_model_tensor(e->model, WG_EMBED, 0));

    WG_TRY(wg_buffer_reserve(ctx, ops, &e->embed, batch->N * E));
    ops->embed(ops, &table, batch->N, E, e->index.ids, 0, 1, false, e->embed.data);
    wg_model_done(e->model, wg_model_tensor(e->model, WG_EMBED, 0));
    return WAGLE_OK;
}

wagle_status wg_engine_inputs(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                              const char *progress, wg_input_hook *input_hook, void *user)
{
    const wg_config *c = &e->model->config;
    const bool head = !c->tied || c->has[WG_PROJECT_OUT];
    wg_real *nll = NULL;
    wagle_status st;

    if (head)
        WG_TRY(WG_ALLOC(ctx, &nll, batch->M));
    e->input_hook = input_hook;
    e->input_hook_user = user;
    st = head ? wg_engine_forward(ctx, e, batch, false, progress, nll)
              : walk(ctx, e, batch, false, c->L, progress);
    e->input_hook = NULL;
    if (st == WAGLE_OK && !c->tied)
        input_hook(user, 0, WG_HEAD, batch->M, c->E, wg_head_input(e));
    if (st == WAGLE_OK && c->has[WG_PROJECT_OUT])
        input_hook(user, 0, WG_PROJECT_OUT, batch->M, c->D, e->label_h.data);
    if (st == WAGLE_OK && c->has[WG_PROJECT_IN])
        st = wg_embed_look_up(ctx, e, batch);
    if (st == WAGLE_OK && c->has[WG_PROJECT_IN])
        input_hook(user, 0, WG_PROJECT_IN, batch->N, c->E, e->embed.data);
    wg_free(nll);
    return st;
}
