/* per_sample_moments.c - per-sequence gradients summed and squared, a layer at a time.
 *
 * A tied table gets A_s = dL^T H from the head and B_s = scatter(dX0) from the input:
 *   sum_s (A_s + B_s)^2 = sum_s A_s^2 + sum_s (2 A_s + B_s) B_s,
 * and B_s has rows of the sequence's tokens alone. It is done last, in chunks of the vocabulary. */
#include "engine/per_sample_moments.h"

#include "engine/state.h"

typedef struct moments {
    wg_engine *e;
    const wg_batch *batch;
    const wg_moment_sink *sink;
    int64_t layer;
    int streams;
    const wg_chunk *chunk;
    wg_real *sum[WG_ROLES_MOST][WG_STREAMS], *square[WG_ROLES_MOST][WG_STREAMS];
    bool begun[WG_ROLES_MOST][WG_STREAMS];
    wg_real *vector;        /* gradient of a norm or a bias */
    const wg_real *embed_d; /* [N,E] gradient of what the table gives */
} moments;

static void begin_chunk(void *user, const wg_chunk *c)
{
    ((moments *)user)->chunk = c;
}

/* The gradient of a vector from row g of `n` rows, added. */
static void add_vector(moments *k, const wg_grad_part *p, int64_t from, int64_t n, wg_real *sum,
                       wg_real *square)
{
    const wg_ops *ops = k->e->model->ops;
    wg_grad_part own = *p;

    own.rows = n;
    own.dy += from * p->O;
    own.x = p->x != NULL ? p->x + from * p->O : NULL;
    own.mean = p->mean != NULL ? p->mean + from : NULL;
    own.rstd = p->rstd != NULL ? p->rstd + from : NULL;
    ops->zero(ops, k->vector, (size_t)p->O * sizeof *k->vector);
    wg_grad_part_vector(ops, &own, k->vector);
    ops->add_squares(ops, p->O, k->vector, sum, square);
}

/* rows of p belong to the sequences of the chunk, p->rows / tokens of them to a token. */
static void add_vectors(moments *k, const wg_grad_part *p, wg_real *sum, wg_real *square)
{
    const int64_t *start = k->batch->start + k->chunk->from, S = k->chunk->to - k->chunk->from;
    const int64_t each = p->rows / (start[S] - start[0]);

    for (int64_t s = 0; s < S; s++)
        add_vector(k, p, (start[s] - start[0]) * each, (start[s + 1] - start[s]) * each, sum,
                   square);
}

static void add_piece(void *user, const wg_grad_part *p)
{
    moments *k = user;
    const wg_ops *ops = k->e->model->ops;
    const int s = k->chunk->stream;
    const int64_t S = k->chunk->to - k->chunk->from;
    const bool turned = wg_is_stored_turned(k->e->model->config.family, p->role);
    const bool begun = k->begun[p->role][s];
    wg_real *sum = k->sum[p->role][s], *square = k->square[p->role][s];
    const wg_real *left = turned ? p->x : p->dy, *right = turned ? p->dy : p->x;
    const int64_t O = turned ? p->I : p->O, I = turned ? p->O : p->I;

    if (p->I == 0 && !begun) {
        ops->zero(ops, sum, (size_t)p->O * sizeof *sum);
        if (square != NULL)
            ops->zero(ops, square, (size_t)p->O * sizeof *square);
    }
    if (p->I == 0)
        add_vectors(k, p, sum, square);
    else if (square != NULL)
        ops->gemm_squares(ops, S, p->start != NULL ? p->start : k->e->index.start + k->chunk->from,
                          O, I, left, O, right, I, begun, sum, square);
    else
        ops->gemm(ops, O, I, p->rows, wg_transpose(turned ? p->x_read : p->dy_read),
                  turned ? p->dy_read : p->x_read, begun, sum, I);
    k->begun[p->role][s] = true;
}

static wagle_status emit_moments(wagle_ctx *ctx, const moments *k, int tensor, int64_t first,
                                 int64_t n, wg_real *const sum[WG_STREAMS],
                                 wg_real *const square[WG_STREAMS])
{
    wg_moments m = {.tensor = tensor, .first = first, .n = n};

    for (int s = 0; s < k->streams; s++) {
        m.sum[s] = sum[s];
        m.square[s] = square[s];
        WG_TRY(wg_engine_host_view(ctx, k->e, &k->e->sunk[s], n, &m.sum[s]));
        WG_TRY(wg_engine_host_view(ctx, k->e, &k->e->sunk[WG_STREAMS + s], n, &m.square[s]));
    }
    return k->sink->accept(k->sink->user, ctx, &m);
}

/* Reals that n weights take, of all streams and kinds; and where each kind begins. */
static wagle_status rooms(wagle_ctx *ctx, moments *k, int64_t n, wg_real *sum[WG_STREAMS],
                          wg_real *square[WG_STREAMS])
{
    int s = 0;

    do { /* there is one at least */
        wg_buffer *room = &k->e->layer_grad[s];
        WG_TRY(wg_buffer_reserve(ctx, k->e->model->ops, room, n * (k->sink->square[s] ? 2 : 1)));
        sum[s] = room->data;
        square[s] = k->sink->square[s] ? room->data + n : NULL;
    } while (++s < k->streams);
    return WAGLE_OK;
}

/* An expert that no token used has moments of 0. */
static void clear_unused(const moments *k, int role, int64_t n)
{
    const wg_ops *ops = k->e->model->ops;

    for (int s = 0; s < k->streams; s++) {
        if (k->begun[role][s])
            continue;
        ops->zero(ops, k->sum[role][s], (size_t)n * sizeof(wg_real));
        if (k->square[role][s] != NULL)
            ops->zero(ops, k->square[role][s], (size_t)n * sizeof(wg_real));
    }
}

static wagle_status layer_moments(wagle_ctx *ctx, moments *k)
{
    wg_real *sum[WG_STREAMS] = {NULL, NULL}, *square[WG_STREAMS] = {NULL, NULL};
    const int roles = wg_config_roles(&k->e->model->config);
    int64_t total = 0, at = 0;

    for (int role = WG_LAYER_ROLES; role < roles; role++) {
        const int t = wg_model_tensor(k->e->model, (wg_role)role, k->layer);
        total += t >= 0 ? k->e->model->files.tensor[t].count : 0;
    }
    WG_TRY(rooms(ctx, k, total, sum, square));
    for (int role = WG_LAYER_ROLES; role < roles; role++) {
        const int t = wg_model_tensor(k->e->model, (wg_role)role, k->layer);
        for (int s = 0; s < k->streams; s++) {
            k->sum[role][s] = sum[s] + at;
            k->square[role][s] = square[s] != NULL ? square[s] + at : NULL;
            k->begun[role][s] = false;
        }
        at += t >= 0 ? k->e->model->files.tensor[t].count : 0;
    }
    wg_layer_backward(k->e, k->batch, k->layer, begin_chunk, add_piece, k);
    for (int role = WG_LAYER_ROLES; role < roles; role++) {
        const int t = wg_model_tensor(k->e->model, (wg_role)role, k->layer);
        if (t >= 0 && role >= WG_EXPERT_ROLES)
            clear_unused(k, role, k->e->model->files.tensor[t].count);
        if (t >= 0)
            WG_TRY(emit_moments(ctx, k, t, 0, k->e->model->files.tensor[t].count, k->sum[role],
                                k->square[role]));
    }
    return WAGLE_OK;
}

/* --- below and above the layers ----------------------------------------------------------------
 */

static int stream_of(const moments *k, int64_t s)
{
    return k->streams > 1 && s >= k->batch->n_forget;
}

/* Zeroes n sums, and the squares behind them. */
static void clear(const moments *k, wg_real *const sum[WG_STREAMS],
                  wg_real *const square[WG_STREAMS], int64_t n)
{
    const wg_ops *ops = k->e->model->ops;

    for (int s = 0; s < k->streams; s++)
        ops->zero(ops, sum[s], (size_t)n * sizeof **sum * (square[s] != NULL ? 2 : 1));
}

/* The final norm and its bias. */
static wagle_status end_moments(wagle_ctx *ctx, moments *k)
{
    static const wg_role ends[] = {WG_FINAL_NORM, WG_FINAL_NORM_BIAS};
    wg_engine *e = k->e;
    const wg_batch *b = k->batch;
    const int64_t D = e->model->config.D;
    wg_real *sum[WG_STREAMS] = {NULL, NULL}, *square[WG_STREAMS] = {NULL, NULL};

    for (int i = 0; i < 2; i++) {
        const int tensor = wg_model_tensor(e->model, ends[i], 0);
        const wg_grad_part piece = {.role = ends[i],
                                    .rows = b->M,
                                    .O = D,
                                    .dy = e->label_d.data,
                                    .x = i == 0 ? e->label_x.data : NULL,
                                    .mean = wg_label_mean(e, b->M),
                                    .rstd = e->label_row.data};
        if (tensor < 0)
            continue;
        WG_TRY(rooms(ctx, k, D, sum, square));
        clear(k, sum, square, D);
        for (int64_t s = 0; s < b->S; s++)
            add_vector(k, &piece, b->label_start[s], wg_labels_of(b, s, s + 1),
                       sum[stream_of(k, s)], square[stream_of(k, s)]);
        WG_TRY(emit_moments(ctx, k, tensor, 0, D, sum, square));
    }
    return WAGLE_OK;
}

static wagle_status position_moments(wagle_ctx *ctx, moments *k)
{
    const wg_model *m = k->e->model;
    const wg_ops *ops = m->ops;
    const int tensor = wg_model_tensor(m, WG_POSITION, 0);
    const int64_t D = m->config.D, offset = m->config.family->position_offset;
    wg_real *sum[WG_STREAMS] = {NULL, NULL}, *square[WG_STREAMS] = {NULL, NULL};

    if (tensor < 0)
        return WAGLE_OK;
    const int64_t n = m->files.tensor[tensor].count;
    WG_TRY(rooms(ctx, k, n, sum, square));
    clear(k, sum, square, n);
    for (int64_t s = 0; s < k->batch->S; s++) {
        const int64_t from = k->batch->start[s], T = k->batch->start[s + 1] - from;
        const wg_embed_moments of = {.T = T,
                                     .D = D,
                                     .first = -offset,
                                     .n = n / D,
                                     .ids = k->e->index.position + from,
                                     .dx = k->e->gradient.data + from * D,
                                     .sum = sum[stream_of(k, s)],
                                     .square = square[stream_of(k, s)]};
        ops->embed_moments(ops, &of);
    }
    return emit_moments(ctx, k, tensor, 0, n, sum, square);
}

/* A matrix beside the layers: dy [.,O] and x [.,I], rows of sequence s from start[s] on; `uploaded`
 * is the same list in memory of the back end. */
static wagle_status projection_moments(wagle_ctx *ctx, moments *k, wg_role role,
                                       const int64_t *start, const int64_t *uploaded, int64_t O,
                                       const wg_real *dy, int64_t I, const wg_real *x)
{
    const int tensor = wg_model_tensor(k->e->model, role, 0);
    const int64_t S = k->batch->S, n_forget = k->streams > 1 ? k->batch->n_forget : S;
    const wg_ops *ops = k->e->model->ops;
    wg_real *sum[WG_STREAMS] = {NULL, NULL}, *square[WG_STREAMS] = {NULL, NULL};

    if (tensor < 0)
        return WAGLE_OK;
    WG_TRY(rooms(ctx, k, O * I, sum, square));
    for (int s = 0; s < k->streams; s++) {
        const int64_t from = s == 0 ? 0 : n_forget, to = s == 0 ? n_forget : S, at = start[from];
        if (square[s] == NULL) {
            ops->gemm(ops, O, I, start[to] - at, wg_transpose(wg_matrix(dy + at * O, O)),
                      wg_matrix(x + at * I, I), false, sum[s], I);
            continue;
        }
        ops->gemm_squares(ops, to - from, uploaded + from, O, I, dy + at * O, O, x + at * I, I,
                          false, sum[s], square[s]);
    }
    return emit_moments(ctx, k, tensor, 0, O * I, sum, square);
}

/* A chunk [first, first+width) of the vocabulary, of a table [V,D] and the head's bias. */
typedef struct chunk_of_table {
    int64_t first, width;
    wg_real *sum[WG_STREAMS], *square[WG_STREAMS];
    wg_real *bias_sum[WG_STREAMS], *bias_square[WG_STREAMS]; /* [V] */
    bool begun[WG_STREAMS];
} chunk_of_table;

/* Gradients of logits of label rows [j, j+n); *ld their stride. */
static wg_real *logit_gradients(moments *k, int64_t j, int64_t n, const chunk_of_table *c,
                                int64_t *ld)
{
    wg_real *d = wg_head_logits(k->e, j, n, c->first, c->width, ld);

    if (!k->e->logits_saved) /* those that were kept became gradients in the backward pass */
        wg_head_gradient(k->e, k->batch, j, n, c->first, c->width, d, *ld);
    return d;
}

/* B_s into the sums, and (2 A_s + B_s) B_s into the squares; d: gradients of logits of s, or NULL
 * where the table has no head's part. */
static void add_inputs(moments *k, int64_t s, const wg_real *d, int64_t ld, chunk_of_table *c)
{
    const wg_batch *b = k->batch;
    const wg_ops *ops = k->e->model->ops;
    const int64_t D = k->e->model->config.E, from = b->start[s];
    const wg_embed_moments of = {.T = b->start[s + 1] - from,
                                 .D = D,
                                 .first = c->first,
                                 .n = c->width,
                                 .ids = k->e->index.ids + from,
                                 .dx = k->embed_d + from * D,
                                 .M = wg_labels_of(b, s, s + 1),
                                 .ld = ld,
                                 .dlogits = d,
                                 .h = wg_head_input(k->e) + b->label_start[s] * D,
                                 .sum = c->sum[stream_of(k, s)],
                                 .square = c->square[stream_of(k, s)]};

    ops->embed_moments(ops, &of);
}

static void add_bias(const moments *k, int64_t s, const wg_real *d, int64_t ld, chunk_of_table *c)
{
    const int stream = stream_of(k, s);
    const wg_ops *ops = k->e->model->ops;

    if (c->bias_sum[stream] != NULL)
        ops->bias_squares(
            ops, wg_labels_of(k->batch, s, s + 1), c->width, d, ld, c->bias_sum[stream] + c->first,
            c->bias_square[stream] != NULL ? c->bias_square[stream] + c->first : NULL);
}

/* The head's part of sequences [from, to) of one stream. */
static void add_head(moments *k, int64_t from, int64_t to, bool inputs, chunk_of_table *c)
{
    const wg_batch *b = k->batch;
    const wg_ops *ops = k->e->model->ops;
    const int64_t D = k->e->model->config.E, j = b->label_start[from];
    const int64_t n = wg_labels_of(b, from, to);
    const int stream = stream_of(k, from);
    const wg_real *h = wg_head_input(k->e) + j * D;
    int64_t ld;
    wg_real *d = logit_gradients(k, j, n, c, &ld);

    if (c->square[stream] != NULL)
        ops->gemm_squares(ops, to - from, k->e->index.label_start + from, c->width, D, d, ld, h, D,
                          c->begun[stream], c->sum[stream], c->square[stream]);
    else
        ops->gemm(ops, c->width, D, n, wg_transpose(wg_matrix(d, ld)), wg_matrix(h, D),
                  c->begun[stream], c->sum[stream], D);
    c->begun[stream] = true;
    for (int64_t s = from; s < to; s++) {
        const wg_real *mine = d + (b->label_start[s] - j) * ld;
        add_bias(k, s, mine, ld, c);
        if (inputs)
            add_inputs(k, s, mine, ld, c);
    }
}

static void clear_table(const moments *k, chunk_of_table *c)
{
    const wg_ops *ops = k->e->model->ops;

    for (int s = 0; s < k->streams; s++) {
        const size_t bytes = (size_t)(c->width * k->e->model->config.E) * sizeof(wg_real);
        ops->zero(ops, c->sum[s], bytes);
        if (c->square[s] != NULL)
            ops->zero(ops, c->square[s], bytes);
        c->begun[s] = true;
    }
}

/* One table: the head's, the embeddings' (inputs), or both of a tied model. */
static wagle_status table_moments(wagle_ctx *ctx, moments *k, int tensor, bool head, bool inputs,
                                  chunk_of_table *c)
{
    const wg_batch *b = k->batch;
    const wg_config *config = &k->e->model->config;

    WG_TRY(rooms(ctx, k, wg_vocabulary_chunk(config, 0) * config->E, c->sum, c->square));
    for (c->first = 0; c->first < config->V; c->first += WG_VOCAB_CHUNK) {
        WG_TRY(wg_check_interrupt(ctx));
        c->width = wg_vocabulary_chunk(config, c->first);
        clear_table(k, c);
        for (int64_t from = 0, to; from < b->S; from = to) {
            for (to = from + 1; to < b->S && stream_of(k, to) == stream_of(k, from) &&
                                wg_labels_of(b, from, to + 1) <= WG_CHUNK_TOKENS;)
                to++;
            if (head)
                add_head(k, from, to, inputs, c);
            for (int64_t s = from; !head && s < to; s++)
                add_inputs(k, s, NULL, 0, c);
        }
        WG_TRY(emit_moments(ctx, k, tensor, c->first * config->E, c->width * config->E, c->sum,
                            c->square));
    }
    return WAGLE_OK;
}

static wagle_status tables(wagle_ctx *ctx, moments *k)
{
    const wg_model *m = k->e->model;
    const int table = wg_model_tensor(m, WG_EMBED, 0), head = wg_model_tensor(m, WG_HEAD, 0);
    const int bias = wg_model_tensor(m, WG_HEAD_BIAS, 0);
    const int64_t V = m->config.V;
    chunk_of_table c = {0};
    wg_buffer biases = {0};
    wagle_status st;

    WG_TRY(wg_buffer_reserve(ctx, m->ops, &biases, bias >= 0 ? 2 * WG_STREAMS * V : 0));
    for (int s = 0; bias >= 0 && s < k->streams; s++) {
        c.bias_sum[s] = biases.data + 2 * s * V;
        c.bias_square[s] = k->sink->square[s] ? biases.data + (2 * s + 1) * V : NULL;
    }
    st = table_moments(ctx, k, head, true, m->config.tied, &c);
    if (st == WAGLE_OK && !m->config.tied)
        st = table_moments(ctx, k, table, false, true, &c);
    if (st == WAGLE_OK && bias >= 0)
        st = emit_moments(ctx, k, bias, 0, V, c.bias_sum, c.bias_square);
    wg_buffer_free(m->ops, &biases);
    return st;
}

static wagle_status run(wagle_ctx *ctx, moments *k, const char *progress)
{
    wg_engine *e = k->e;
    const int64_t L = e->model->config.L;

    WG_TRY(wg_head_backward(ctx, e, k->batch, 0, false));
    WG_TRY(end_moments(ctx, k));
    wg_head_renorm(e, k->batch);
    WG_TRY(projection_moments(ctx, k, WG_PROJECT_OUT, k->batch->label_start, e->index.label_start,
                              e->model->config.E, e->label_de.data, e->model->config.D,
                              e->label_h.data));
    for (k->layer = L - 1; k->layer >= 0; k->layer--) {
        WG_TRY(wg_check_interrupt(ctx));
        WG_TRY(layer_moments(ctx, k));
        if (progress != NULL)
            wg_progress(ctx, progress, L - k->layer, L, NULL);
    }
    WG_TRY(position_moments(ctx, k));
    WG_TRY(wg_embed_gradient(ctx, e, k->batch, &k->embed_d));
    WG_TRY(projection_moments(ctx, k, WG_PROJECT_IN, k->batch->start, e->index.start,
                              e->model->config.D, e->gradient.data, e->model->config.E,
                              e->embed.data));
    return tables(ctx, k);
}

wagle_status wg_engine_moments(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                               const wg_real *weight, int streams, const char *progress,
                               const wg_moment_sink *sink)
{
    moments k = {.e = e, .batch = batch, .sink = sink, .streams = streams};
    wg_buffer vector = {0};
    wagle_status st;

    WG_TRY(wg_cut_chunks(ctx, e, batch, streams > 1, false));
    WG_TRY(wg_backward_room(ctx, e, batch));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &vector, wg_widest_vector(&e->model->config)));
    k.vector = vector.data;
    wg_set_label_weight(e, batch, weight);
    st = run(ctx, &k, progress);
    wg_buffer_free(e->model->ops, &vector);
    return st;
}
