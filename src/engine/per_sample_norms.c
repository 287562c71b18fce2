/* per_sample_norms.c - squared norms of per-sequence gradients without the gradients.
 *
 * For a matrix with dW = dY^T X:  ||dW||_F^2 = sum_ij (dY dY^T)_ij (X X^T)_ij.
 * A tied embedding gets A = dL^T H from the head and B = scatter(dX0) from the input:
 *   ||A + B||^2 = ||A||^2 + ||B||^2 + 2 <A,B>,  <A,B> = sum_n A[ids_n] . dX0_n. */
#include "engine/state.h"

#include <string.h>

typedef struct gram {
    wg_engine *e;
    const wg_batch *batch;
    const wg_chunk *chunk;
    wg_real *xx, *dd; /* [T,T] */
    wg_real *weight;  /* gradient of a norm or a bias */
    wg_real *table;   /* [T,D] rows of the head's gradient at the sequence's ids */
    double *square;   /* [S] */
} gram;

static void begin_chunk(void *user, const wg_chunk *c)
{
    gram *g = user;
    g->chunk = c;
}

static double inner(const wg_real *a, const wg_real *b, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* out [T,T] = a a^T (+ out), a [T,n] with row stride ld */
static void outer(const wg_ops *ops, int64_t T, int64_t n, const wg_real *a, int64_t ld, bool add,
                  wg_real *out)
{
    ops->gemm(false, true, T, T, n, a, ld, a, ld, add, out, T);
}

/* ||dy^T x||^2 of T rows. */
static void matrix_square(gram *g, int64_t s, int64_t T, const wg_real *dy, int64_t O,
                          const wg_real *x, int64_t I)
{
    outer(g->e->model->ops, T, I, x, I, 0, g->xx);
    outer(g->e->model->ops, T, O, dy, O, 0, g->dd);
    g->square[s] += inner(g->xx, g->dd, T * T);
}

static void add_square(void *user, const wg_grad_part *p)
{
    gram *g = user;
    const wg_ops *ops = g->e->model->ops;
    const int64_t s = g->chunk->from, T = p->rows;

    if (p->I == 0) {
        memset(g->weight, 0, (size_t)p->O * sizeof *g->weight);
        wg_grad_part_vector(ops, p, g->weight);
        g->square[s] += inner(g->weight, g->weight, p->O);
        return;
    }
    matrix_square(g, s, T, p->dy, p->O, p->x, p->I);
}

/* The head's part of sequence s: its own square, and the rows of its gradient at the sequence's
 * input ids (for the cross term of a tied embedding). */
static void head_square(gram *g, int64_t s, const wg_real *weight)
{
    wg_engine *e = g->e;
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;
    const int64_t j = g->batch->label_start[s], n = wg_labels_of(g->batch, s, s + 1), D = c->E;
    const int64_t first = g->batch->start[s], T = g->batch->start[s + 1] - first;
    const wg_real *h = wg_head_input(e);
    const wg_real *lse = wg_label_lse(e, g->batch->M);

    memset(g->table, 0, (size_t)(T * D) * sizeof *g->table);
    for (int64_t v = 0; v < c->V; v += WG_VOCAB_CHUNK) {
        const int64_t width = c->V - v < WG_VOCAB_CHUNK ? c->V - v : WG_VOCAB_CHUNK;
        int64_t ld;
        wg_real *d = wg_head_logits(e, j, n, v, width, &ld);
        ops->xent_backward(n, v, width, d, ld, g->batch->target + j, lse + j, weight + j,
                           (wg_real)c->final_cap);
        outer(ops, n, width, d, ld, v > 0, g->dd);
        if (c->has[WG_HEAD_BIAS]) {
            memset(g->weight, 0, (size_t)width * sizeof *g->weight);
            ops->bias_backward(n, width, d, ld, g->weight);
            g->square[s] += inner(g->weight, g->weight, width);
        }
        for (int64_t t = 0; c->tied && t < T; t++) {
            const int64_t id = g->batch->ids[first + t] - v;
            for (int64_t i = 0; id >= 0 && id < width && i < n; i++)
                for (int64_t k = 0; k < D; k++)
                    g->table[t * D + k] += d[i * ld + id] * h[(j + i) * D + k];
        }
    }
    outer(ops, n, D, h + j * D, D, 0, g->xx);
    g->square[s] += inner(g->xx, g->dd, n * n);
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

/* ||B||^2 and, for a tied embedding, 2 <A,B> of sequence s. */
static void embed_square(gram *g, int64_t s, const wg_real *all, const wg_real *cross)
{
    const int64_t D = g->e->model->config.E, first = g->batch->start[s];
    const int64_t T = g->batch->start[s + 1] - first;
    const wg_real *d = all + first * D;
    const int32_t *ids = g->batch->ids + first;

    for (int64_t t = 0; t < T; t++) {
        for (int64_t u = 0; u < T; u++)
            if (ids[t] == ids[u])
                g->square[s] += inner(d + t * D, d + u * D, D);
        if (cross != NULL)
            g->square[s] += 2 * inner(cross + t * D, d + t * D, D);
    }
}

/* Each position occurs once in a sequence. */
static void position_squares(gram *g)
{
    const int64_t D = g->e->model->config.D;

    for (int64_t s = 0; g->e->model->config.has[WG_POSITION] && s < g->batch->S; s++) {
        const int64_t first = g->batch->start[s], T = g->batch->start[s + 1] - first;
        const wg_real *d = g->e->gradient.data + first * D;
        g->square[s] += inner(d, d, T * D);
    }
}

static wagle_status norms(wagle_ctx *ctx, gram *g, const wg_real *weight, wg_real *cross,
                          const char *progress)
{
    wg_engine *e = g->e;
    const wg_config *c = &e->model->config;
    const wg_real *d;

    for (int64_t s = 0; s < g->batch->S; s++) {
        const int64_t T = g->batch->start[s + 1] - g->batch->start[s];
        head_square(g, s, weight);
        if (cross != NULL)
            memcpy(cross + g->batch->start[s] * c->E, g->table, (size_t)(T * c->E) * sizeof *cross);
    }
    WG_TRY(wg_head_backward(ctx, e, g->batch, weight, 0, false));
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
        embed_square(g, s, d, cross != NULL ? cross + first * c->E : NULL);
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
    gram g = {.e = e, .batch = batch, .square = square};
    wg_real *cross = NULL;
    int64_t longest = 1;
    wagle_status st;

    WG_TRY(wg_cut_chunks(ctx, e, batch, false, true));
    for (int64_t s = 0; s < batch->S; s++) {
        const int64_t T = batch->start[s + 1] - batch->start[s];
        longest = T > longest ? T : longest;
        square[s] = 0;
    }
    e->logits_saved = false; /* every sequence spends its logits twice */
    WG_TRY_GOTO(wg_backward_room(ctx, e, batch), done);
    WG_TRY_GOTO(wg_buffer_reserve(ctx, &e->logits, wg_logits_chunk(e, batch)), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &g.xx, longest * longest), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &g.dd, longest * longest), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &g.weight, wg_widest_vector(c)), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &g.table, longest * c->E), done);
    if (c->tied)
        WG_TRY_GOTO(WG_ALLOC(ctx, &cross, batch->N * c->E), done);
    st = norms(ctx, &g, weight, cross, progress);
done:
    wg_free(g.xx);
    wg_free(g.dd);
    wg_free(g.weight);
    wg_free(g.table);
    wg_free(cross);
    return st;
}
