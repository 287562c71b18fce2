/* per_sample_norms.c - squared norms of per-sequence gradients without the gradients.
 *
 * For a matrix with dW = dY^T X:  ||dW||_F^2 = sum_ij (dY dY^T)_ij (X X^T)_ij.
 * A tied embedding gets A = dL^T H from the head and B = scatter(dX0) from the input:
 *   ||A + B||^2 = ||A||^2 + ||B||^2 + 2 <A,B>,  <A,B> = sum_n A[ids_n] . dX0_n. */
#include "engine/state.h"

typedef struct gram {
    wg_engine *e;
    const wg_batch *batch;
    const wg_chunk *chunk;
    wg_real *xx, *dd; /* [T,T] */
    wg_real *weight;  /* gradient of a norm or a bias */
    wg_real *table;   /* [N,E] of a tied head: rows of its gradient at the tokens; NULL */
    wg_real *columns; /* [T,M of a sequence] of the head's gradient, by token */
    double *square;   /* [S] in memory of the back end */
} gram;

static void begin_chunk(void *user, const wg_chunk *c)
{
    gram *g = user;
    g->chunk = c;
}

/* Adds <a, b> of n elements to the square of sequence s. */
static void add_inner(const gram *g, int64_t s, const wg_real *a, const wg_real *b, int64_t n)
{
    const wg_ops *ops = g->e->model->ops;

    ops->dot_rows(ops, 1, n, a, n, b, n, g->square + s);
}

/* out [T,T] = a a^T (+ out), a [T,n] with row stride ld */
static void outer(const wg_ops *ops, int64_t T, int64_t n, const wg_real *a, int64_t ld, bool add,
                  wg_real *out)
{
    ops->gemm(ops, T, T, n, wg_matrix(a, ld), wg_transpose(wg_matrix(a, ld)), add, out, T);
}

/* ||dy^T x||^2 of T rows. */
static void matrix_square(gram *g, int64_t s, int64_t T, const wg_real *dy, int64_t O,
                          const wg_real *x, int64_t I)
{
    outer(g->e->model->ops, T, I, x, I, 0, g->xx);
    outer(g->e->model->ops, T, O, dy, O, 0, g->dd);
    add_inner(g, s, g->xx, g->dd, T * T);
}

static void add_square(void *user, const wg_grad_part *p)
{
    gram *g = user;
    const wg_ops *ops = g->e->model->ops;
    const int64_t s = g->chunk->from, T = p->rows;

    if (p->I == 0) {
        ops->zero(ops, g->weight, (size_t)p->O * sizeof *g->weight);
        wg_grad_part_vector(ops, p, g->weight);
        add_inner(g, s, g->weight, g->weight, p->O);
        return;
    }
    matrix_square(g, s, T, p->dy, p->O, p->x, p->I);
}

/* The head's part of sequence s: its own square, and the rows of its gradient at the sequence's
 * input ids (for the cross term of a tied embedding). */
static void head_square(gram *g, int64_t s)
{
    wg_engine *e = g->e;
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;
    const int64_t M = g->batch->M, j = g->batch->label_start[s],
                  n = wg_labels_of(g->batch, s, s + 1), D = c->E;
    const int64_t first = g->batch->start[s], T = g->batch->start[s + 1] - first;
    const wg_real *h = wg_head_input(e) + j * D;

    if (c->tied)
        ops->zero(ops, g->columns, (size_t)(T * n) * sizeof *g->columns);
    for (int64_t v = 0; v < c->V; v += WG_VOCAB_CHUNK) {
        const int64_t width = wg_vocabulary_chunk(c, v);
        int64_t ld;
        wg_real *d = wg_head_logits(e, j, n, v, width, &ld);
        ops->xent_backward(ops, n, v, width, d, ld, e->index.target + j, wg_label_lse(e, M) + j,
                           wg_label_weight(e, M) + j, (wg_real)c->final_cap);
        outer(ops, n, width, d, ld, v > 0, g->dd);
        if (c->has[WG_HEAD_BIAS]) {
            ops->zero(ops, g->weight, (size_t)width * sizeof *g->weight);
            ops->bias_backward(ops, n, width, d, ld, g->weight);
            add_inner(g, s, g->weight, g->weight, width);
        }
        if (c->tied)
            ops->gather_columns(ops, T, e->index.ids + first, v, width, n, d, ld, g->columns);
    }
    if (c->tied)
        ops->gemm(ops, T, D, n, wg_matrix(g->columns, n), wg_matrix(h, D), false,
                  g->table + first * D, D);
    outer(ops, n, D, h, D, 0, g->xx);
    add_inner(g, s, g->xx, g->dd, n * n);
}

/* Gradients of the final norm, of label rows of sequence s. */
static void norm_square(gram *g, int64_t s)
{
    wg_engine *e = g->e;
    const wg_config *c = &e->model->config;
    const int64_t j = g->batch->label_start[s], n = wg_labels_of(g->batch, s, s + 1), D = c->D;
    const wg_real *mean = wg_label_mean(e, g->batch->M);
    const wg_grad_part piece = {.role = WG_FINAL_NORM,
                                .rows = n,
                                .O = D,
                                .dy = e->label_d.data + j * D,
                                .x = e->label_x.data + j * D,
                                .mean = mean != NULL ? mean + j : NULL,
                                .rstd = e->label_row.data + j};
    const wg_grad_part bias = {.role = WG_FINAL_NORM_BIAS, .rows = n, .O = D, .dy = piece.dy};
    const wg_chunk own = {s, s + 1, 0};

    g->chunk = &own;
    add_square(g, &piece);
    if (c->has[WG_FINAL_NORM_BIAS])
        add_square(g, &bias);
    g->chunk = NULL;
}

/* ||B||^2 and, for a tied embedding, 2 <A,B> of sequence s; table holds 2 A. */
static void embed_square(gram *g, int64_t s, const wg_real *all)
{
    const wg_ops *ops = g->e->model->ops;
    const int64_t D = g->e->model->config.E, first = g->batch->start[s];
    const int64_t T = g->batch->start[s + 1] - first;
    const wg_real *d = all + first * D;

    ops->embed_squares(ops, T, D, g->e->index.ids + first, d, g->square + s);
    if (g->table != NULL)
        add_inner(g, s, g->table + first * D, d, T * D);
}

/* Each position occurs once in a sequence. */
static void position_squares(gram *g)
{
    const int64_t D = g->e->model->config.D;

    for (int64_t s = 0; g->e->model->config.has[WG_POSITION] && s < g->batch->S; s++) {
        const int64_t first = g->batch->start[s], T = g->batch->start[s + 1] - first;
        const wg_real *d = g->e->gradient.data + first * D;
        add_inner(g, s, d, d, T * D);
    }
}

static wagle_status norms(wagle_ctx *ctx, gram *g, const char *progress)
{
    wg_engine *e = g->e;
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;
    const wg_real *d;

    for (int64_t s = 0; s < g->batch->S; s++)
        head_square(g, s);
    if (g->table != NULL)
        ops->scale(ops, g->batch->N * c->E, 2, g->table);
    WG_TRY(wg_head_backward(ctx, e, g->batch, 0, false));
    if (c->has[WG_PROJECT_OUT])
        wg_head_renorm(e, g->batch);
    for (int64_t s = 0; s < g->batch->S; s++) {
        const int64_t j = g->batch->label_start[s], n = wg_labels_of(g->batch, s, s + 1);
        if (c->has[WG_FINAL_NORM])
            norm_square(g, s);
        if (c->has[WG_PROJECT_OUT])
            matrix_square(g, s, n, e->label_de.data + j * c->E, c->E, e->label_h.data + j * c->D,
                          c->D);
    }
    for (int64_t l = c->L - 1; l >= 0; l--) {
        WG_TRY(wg_check_interrupt(ctx));
        wg_layer_backward(e, g->batch, l, begin_chunk, add_square, g);
        if (progress != NULL)
            wg_progress(ctx, progress, c->L - l, c->L, NULL);
    }
    position_squares(g);
    WG_TRY(wg_embed_gradient(ctx, e, g->batch, &d));
    for (int64_t s = 0; s < g->batch->S; s++) {
        const int64_t first = g->batch->start[s], T = g->batch->start[s + 1] - first;
        embed_square(g, s, d);
        if (c->has[WG_PROJECT_IN])
            matrix_square(g, s, T, e->gradient.data + first * c->D, c->D,
                          e->embed.data + first * c->E, c->E);
    }
    return WAGLE_OK;
}

int64_t wg_widest_vector(const wg_config *c)
{
    const int64_t candidates[] = {(c->H + 2 * c->K) * c->h, 2 * c->F, 2 * c->D, 2 * c->E,
                                  WG_VOCAB_CHUNK};
    int64_t most = 0;

    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        most = candidates[i] > most ? candidates[i] : most;
    return most;
}

wagle_status wg_engine_square_norms(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                    const wg_real *weight, const char *progress, double *square)
{
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;
    gram g = {.e = e, .batch = batch};
    wg_buffer room = {0};
    int64_t longest = 1, T2, n;
    wagle_status st;

    WG_TRY(wg_cut_chunks(ctx, e, batch, false, true));
    for (int64_t s = 0; s < batch->S; s++) {
        const int64_t T = batch->start[s + 1] - batch->start[s];
        longest = T > longest ? T : longest;
    }
    e->logits_saved = false; /* every sequence spends its logits twice */
    wg_set_label_weight(e, batch, weight);
    T2 = longest * longest;
    n = 3 * T2 + wg_widest_vector(c) + (c->tied ? batch->N * c->E : 0);
    WG_TRY(wg_backward_room(ctx, e, batch));
    WG_TRY(wg_buffer_reserve(ctx, ops, &e->logits, wg_logits_chunk(e, batch)));
    WG_TRY(wg_buffer_reserve(ctx, ops, &e->stats, wg_reals_for(batch->S, sizeof *square)));
    WG_TRY(wg_buffer_reserve(ctx, ops, &room, n));
    g.xx = room.data;
    g.dd = g.xx + T2;
    g.columns = g.dd + T2;
    g.weight = g.columns + T2;
    g.table = c->tied ? g.weight + wg_widest_vector(c) : NULL;
    g.square = (double *)(void *)e->stats.data;
    ops->zero(ops, g.square, (size_t)batch->S * sizeof *square);
    st = norms(ctx, &g, progress);
    wg_buffer_free(ops, &room);
    return st == WAGLE_OK
               ? ops->download(ops, ctx, square, g.square, (size_t)batch->S * sizeof *square)
               : st;
}
