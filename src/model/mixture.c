/* mixture.c - a feed-forward layer that is a mixture of experts (Shazeer et al. 2017, arXiv
 * 1701.06538).
 *
 *   p = softmax(router h)    y = x2 + sum over the chosen experts e of w_e expert_e(h)
 *                                   [+ sigmoid(scale h) shared(h)]
 *   expert(h) = down(act(gate h) * (up h));   w_e = p_e, or p_e / sum of the chosen
 *
 * In Llama 4 what experts read is weighted, in place of what they make, and the shared expert is
 * not weighted:
 *
 *   p = sigmoid(router h)    y = x2 + sum over the chosen experts e of expert_e(p_e h) + shared(h)
 *
 * The experts with the largest p are chosen. Rows are copied so that those of an expert lie
 * together; then it is an ordinary feed-forward layer on its rows. Experts without rows are not
 * touched. What they make is added in the order of the experts, so the bits depend neither on
 * threads nor on chunks. */
#include "model/linear.h"

/* The matrices of a feed-forward layer, and its width. */
typedef struct feed {
    wg_role gate, up, down;
    int64_t F;
} feed;

static feed feed_of(const wg_block_input *in, bool shared)
{
    const wg_config *c = &in->model->config;

    return shared ? (feed){WG_SHARED_GATE, WG_SHARED_UP, WG_SHARED_DOWN, c->FS}
                  : (feed){WG_EXPERT_GATE, WG_EXPERT_UP, WG_EXPERT_DOWN, c->FX};
}

/* Gate and up are the halves of one matrix: only experts have it so. */
static bool is_fused(const wg_block_input *in, const feed *f)
{
    return f->gate == WG_EXPERT_GATE && wg_has(in, WG_EXPERT_GATE_UP);
}

static void activate(const wg_block_input *in, int64_t n, const wg_real *gate, const wg_real *up,
                     wg_real *mixed)
{
    const wg_ops *ops = in->model->ops;

    ops->glu_forward(ops, in->model->config.activation, n, gate, up, mixed);
}

/* Where what a feed-forward layer computes goes. */
typedef struct outputs {
    wg_real *gate, *up, *mixed; /* [N,F] */
    wg_real *made;              /* [N,D]; NULL: its result is not wanted */
    wg_real *fused;             /* [N,2F] scratch */
} outputs;

/* x [N,D] through a feed-forward layer. */
static void run(const wg_block_input *in, const wg_layer *w, const feed *f, const wg_real *x,
                const outputs *to)
{
    const int64_t D = in->model->config.D, N = in->N, F = f->F;
    const wg_product two[] = {{f->up, F, to->up}, {f->gate, F, to->gate}};
    const wg_ops *ops = in->model->ops;

    if (is_fused(in, f)) {
        wg_linear(in, w, WG_EXPERT_GATE_UP, D, 2 * F, x, false, to->fused);
        ops->copy2d(ops, N, F, to->fused, 2 * F, to->gate, F);
        ops->copy2d(ops, N, F, to->fused + F, 2 * F, to->up, F);
    } else {
        wg_linears(in, w, 2, two, D, x, false);
    }
    activate(in, N * F, to->gate, to->up, to->mixed);
    if (to->made != NULL)
        wg_linear(in, w, f->down, F, D, to->mixed, false, to->made);
}

/* Chooses the experts by the saved logits, and lays out the rows. */
static void route(const wg_block_input *in, const wg_real *h, wg_activations *a)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;
    wg_mixture *m = &a->mixture;

    m->routing.N = in->N;
    m->routing.S = in->S <= in->N ? in->S : 0; /* no room for more, see lay_passing_mixture */
    m->routing.start = in->start;
    ops->copy(ops, m->routing.share, m->logits, (size_t)(in->N * c->X) * sizeof *h);
    ops->route(ops, &m->routing, m->first);
    ops->copy_rows(ops, in->N * c->used, c->D, m->routing.token, h, NULL, m->rows);
    if (c->family->scales_inputs)
        ops->scale_rows(ops, in->N * c->used, c->D, m->routing.weight, m->rows);
}

static void scale_shared(const wg_block_input *in, wg_mixture *m)
{
    const wg_ops *ops = in->model->ops;

    ops->copy(ops, m->scale, m->scale_logit, (size_t)in->N * sizeof *m->scale);
    ops->sigmoid(ops, in->N, m->scale);
}

/* A call for each expert that has rows, with these rows for tokens. */
#define EACH_EXPERT(of, m, e, own)                                                                 \
    for (int64_t e = 0; e < (of)->model->config.X; e++)                                            \
        for (wg_block_input own = rows_of_expert((of), (m), e); own.N > 0; own.N = 0)

static wg_block_input rows_of_expert(const wg_block_input *in, const wg_mixture *m, int64_t e)
{
    wg_block_input own = *in;

    own.N = m->first[e + 1] - m->first[e];
    return own;
}

/* What the shared expert makes of h is added to y, if that is wanted. */
static void run_shared(const wg_block_input *in, const wg_layer *w, const wg_real *h, wg_real *y,
                       wg_mixture *m)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;
    const feed f = feed_of(in, true);
    const bool scaled = wg_has(in, WG_SHARED_SCALE);

    if (scaled) {
        wg_linear(in, w, WG_SHARED_SCALE, c->D, 1, h, false, m->scale_logit);
        scale_shared(in, m);
    }
    run(in, w, &f, h,
        &(outputs){m->shared_gate, m->shared_up, m->shared_mixed, y != NULL ? m->made : NULL,
                   NULL});
    if (y != NULL)
        ops->sum_rows(ops, in->N, 1, c->D, NULL, scaled ? m->scale : NULL, m->made, y);
}

void wg_mixture_forward(const wg_block_input *in, const wg_layer *w, const wg_real *h,
                        const wg_real *x2, wg_real *y, wg_activations *a)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;
    const feed f = feed_of(in, false);
    wg_mixture *m = &a->mixture;

    wg_linear(in, w, WG_ROUTER, c->D, c->X, h, false, m->logits);
    route(in, h, a);
    EACH_EXPERT(in, m, e, own)
    {
        const int64_t at = m->first[e];
        wg_layer expert;
        wg_layer_expert(in->model, w, e, &expert);
        run(&own, &expert, &f, m->rows + at * c->D,
            &(outputs){m->gate + at * c->FX, m->up + at * c->FX, m->mixed + at * c->FX,
                       y != NULL ? m->made + at * c->D : NULL, a->fused});
    }
    if (y != NULL && y != x2)
        ops->copy(ops, y, x2, (size_t)(in->N * c->D) * sizeof *y);
    if (y != NULL)
        ops->sum_rows(ops, in->N, c->used, c->D, m->routing.row,
                      c->family->scales_inputs ? NULL : m->routing.weight, m->made, y);
    if (c->FS > 0)
        run_shared(in, w, h, y, m);
}

void wg_mixture_restore(const wg_block_input *in, const wg_real *h, wg_activations *a)
{
    const wg_config *c = &in->model->config;
    wg_mixture *m = &a->mixture;

    route(in, h, a);
    activate(in, in->N * c->used * c->FX, m->gate, m->up, m->mixed);
    if (c->FS == 0)
        return;
    if (wg_has(in, WG_SHARED_SCALE))
        scale_shared(in, m);
    activate(in, in->N * c->FS, m->shared_gate, m->shared_up, m->shared_mixed);
}

static wg_block_rows as_rows(const wg_real *x, int64_t width)
{
    return (wg_block_rows){x, wg_matrix(x, width)};
}

/* A feed-forward layer whose result is multiplied by weight [N], unless that is NULL. */
typedef struct weighted {
    feed f;
    const wg_real *gate, *up, *mixed; /* [N,F] */
    wg_block_rows x;                  /* [N,D] what it reads */
    const wg_real *weight;            /* [N] */
    double *dweight;                  /* [N] zeroed, becomes their gradient */
    wg_real *dy;                      /* [N,D] gradient of the weighted result; is multiplied too */
    wg_real *dx;                      /* [N,D] becomes that of x, or is added to */
    bool add;
} weighted;

static void feed_backward(const wg_backward *b, const weighted *k, wg_backward_scratch *s)
{
    const wg_config *c = &b->in->model->config;
    const wg_ops *ops = b->in->model->ops;
    const int64_t N = b->in->N, D = c->D, F = k->f.F;

    ops->gemm(ops, N, F, D, wg_matrix(k->dy, D), b->w->matrix[k->f.down], false, s->dmixed, F);
    if (k->weight != NULL) {
        ops->dot_rows(ops, N, F, k->mixed, F, s->dmixed, F, k->dweight);
        ops->scale_rows(ops, N, F, k->weight, s->dmixed);
        ops->scale_rows(ops, N, D, k->weight, k->dy);
    }
    wg_emit_gradient(b, k->f.down, N, as_rows(k->dy, D), D, as_rows(k->mixed, F), F);
    ops->glu_backward(ops, c->activation, N * F, k->gate, k->up, s->dmixed, s->dgate, s->dup);
    if (is_fused(b->in, &k->f)) {
        ops->copy2d(ops, N, F, s->dgate, F, s->dfused, 2 * F);
        ops->copy2d(ops, N, F, s->dup, F, s->dfused + F, 2 * F);
        wg_linear_backward(b, WG_EXPERT_GATE_UP, D, 2 * F, k->x, as_rows(s->dfused, 2 * F), k->add,
                           k->dx);
        return;
    }
    wg_linear_backward(b, k->f.gate, D, F, k->x, as_rows(s->dgate, F), k->add, k->dx);
    wg_linear_backward(b, k->f.up, D, F, k->x, as_rows(s->dup, F), true, k->dx);
}

/* Gradients of what experts read, s->drows, to that of h; and of the weights of rows. */
static void rows_backward(const wg_backward *b, wg_backward_scratch *s)
{
    const wg_config *c = &b->in->model->config;
    const wg_ops *ops = b->in->model->ops;
    const wg_routing *r = &b->a->mixture.routing;
    const int64_t rows = b->in->N * c->used;
    const bool scaled = c->family->scales_inputs;

    if (scaled) { /* dy is not needed any more: here the rows before they were scaled */
        ops->copy_rows(ops, rows, c->D, r->token, b->h2.x, NULL, s->dy);
        ops->dot_rows(ops, rows, c->D, s->dy, c->D, s->drows, c->D, s->dweight);
    }
    ops->sum_rows(ops, b->in->N, c->used, c->D, r->row, scaled ? r->weight : NULL, s->drows, s->dh);
}

static void experts_backward(const wg_backward *b, const wg_real *d, wg_backward_scratch *s)
{
    const wg_config *c = &b->in->model->config;
    const wg_ops *ops = b->in->model->ops;
    const wg_mixture *m = &b->a->mixture;
    const wg_routing *r = &m->routing;
    const int64_t rows = b->in->N * c->used, D = c->D, F = c->FX;
    const bool scaled = c->family->scales_inputs;

    ops->copy_rows(ops, rows, D, r->token, d, NULL, s->dy);
    ops->zero(ops, s->dweight, (size_t)rows * sizeof *s->dweight);
    EACH_EXPERT(b->in, m, e, own)
    {
        const int64_t at = m->first[e];
        wg_layer expert;
        wg_layer_expert(b->in->model, b->w, e, &expert);
        wg_backward of = *b;
        of.in = &own;
        of.w = &expert;
        of.start = r->sequence + e * (r->S + 1);
        const weighted k = {.f = feed_of(b->in, false),
                            .gate = m->gate + at * F,
                            .up = m->up + at * F,
                            .mixed = m->mixed + at * F,
                            .x = as_rows(m->rows + at * D, D),
                            .weight = scaled ? NULL : r->weight + at,
                            .dweight = s->dweight + at,
                            .dy = s->dy + at * D,
                            .dx = s->drows + at * D};
        feed_backward(&of, &k, s);
    }
    rows_backward(b, s);
    ops->route_backward(ops, r, s->dweight, s->dlogits);
    wg_linear_backward(b, WG_ROUTER, D, c->X, b->h2, as_rows(s->dlogits, c->X), true, s->dh);
}

static void shared_backward(const wg_backward *b, const wg_real *d, wg_backward_scratch *s)
{
    const wg_config *c = &b->in->model->config;
    const wg_ops *ops = b->in->model->ops;
    const wg_mixture *m = &b->a->mixture;
    const int64_t N = b->in->N, D = c->D;
    const bool scaled = wg_has(b->in, WG_SHARED_SCALE);
    const weighted k = {.f = feed_of(b->in, true),
                        .gate = m->shared_gate,
                        .up = m->shared_up,
                        .mixed = m->shared_mixed,
                        .x = b->h2,
                        .weight = scaled ? m->scale : NULL,
                        .dweight = s->dweight,
                        .dy = s->dy,
                        .dx = s->dh,
                        .add = true};

    ops->copy(ops, s->dy, d, (size_t)(N * D) * sizeof *d);
    ops->zero(ops, s->dweight, (size_t)N * sizeof *s->dweight);
    feed_backward(b, &k, s);
    if (!scaled)
        return;
    ops->sigmoid_backward(ops, N, m->scale, s->dweight, s->dlogits);
    wg_linear_backward(b, WG_SHARED_SCALE, D, 1, b->h2, as_rows(s->dlogits, 1), true, s->dh);
}

void wg_mixture_backward(const wg_backward *b, const wg_real *d, wg_backward_scratch *s)
{
    const wg_ops *ops = b->in->model->ops;

    ops->zero(ops, s->dh, (size_t)(b->in->N * b->in->model->config.D) * sizeof *s->dh);
    experts_backward(b, d, s);
    if (b->in->model->config.FS > 0)
        shared_backward(b, d, s);
}
