/* backward.c - a block's backward pass. */
#include "model/linear.h"

static void read_inputs(wg_backward *b, const wg_real *x)
{
    const wg_config *c = &b->in->model->config;
    const wg_real *const rows[] = {wg_mlp_input(b->in, x, b->a), wg_attention_input(b->in, x, b->a),
                                   b->a->attended, b->a->mixed};
    const int64_t width[] = {c->D, c->D, c->H * c->h, c->F};
    const bool mixture = wg_config_is_mixture(c, b->w->l);
    wg_block_rows read[4];

    b->room = wg_block_pack(b->in, mixture ? 3 : 4, rows, width, b->in->packed, read);
    b->h2 = read[0];
    b->h1 = read[1];
    b->attended = read[2];
    b->mixed = mixture ? (wg_block_rows){0} : read[3];
}

static wg_block_rows read_gradient(const wg_backward *b, const wg_real *d, int64_t width)
{
    wg_block_rows out;

    (void)wg_block_pack(b->in, 1, &d, &width, b->room, &out);
    return out;
}

void wg_grad_part_vector(const wg_ops *ops, const wg_grad_part *p, wg_real *out)
{
    if (p->x != NULL)
        ops->norm_weight(ops, p->rows, p->O, p->x, p->mean, p->rstd, p->dy, out);
    else {
        ops->bias_backward(ops, p->rows, p->still_from, p->dy, p->O, out);
        ops->bias_backward(ops, p->rows, p->O - p->still_to, p->dy + p->still_to, p->O,
                           out + p->still_to);
    }
}

/* A bias that all keys have in common shifts each query's scores alike and changes no softmax,
 * unless positions turn it, or a norm, a cap or a clip comes between. Its gradient is 0; what
 * rounding leaves of it would be as large as any other gradient to an optimizer that divides by its
 * own size. */
static void mark_still(const wg_backward *b, wg_role role, int64_t O, wg_grad_part *bias)
{
    const wg_config *c = &b->in->model->config;
    const int64_t Q = c->H * c->h, P = c->K * c->h;

    if (wg_config_turns(c, b->w->l) || c->attention_cap > 0 || c->clip_qkv > 0 ||
        c->has[WG_KEY_NORM])
        return;
    if (role == WG_KEY)
        bias->still_to = O;
    else if (role == WG_QKV && c->family->qkv == WG_QKV_STACKED) {
        bias->still_from = Q;
        bias->still_to = Q + P;
    }
}

void wg_emit_gradient(const wg_backward *b, wg_role role, int64_t rows, wg_block_rows dy, int64_t O,
                      wg_block_rows x, int64_t I)
{
    const wg_role own = wg_role_of(role, b->w->expert);
    const wg_grad_part piece = {.role = own,
                                .rows = rows,
                                .O = O,
                                .I = I,
                                .dy = dy.x,
                                .x = x.x,
                                .dy_read = dy.read,
                                .x_read = x.read,
                                .mean = b->a->mean[role],
                                .rstd = b->a->rstd[role],
                                .start = b->start};
    wg_grad_part bias = {.role = own + 1, .rows = rows, .O = O, .dy = dy.x, .start = b->start};

    mark_still(b, role, O, &bias);
    b->gradient(b->user, &piece);
    if (wg_has(b->in, role + 1))
        b->gradient(b->user, &bias);
}

void wg_linear_backward(const wg_backward *b, wg_role role, int64_t I, int64_t O, wg_block_rows x,
                        wg_block_rows dy, bool add, wg_real *dx)
{
    const wg_ops *ops = b->in->model->ops;

    wg_emit_gradient(b, role, b->in->N, dy, O, x, I);
    ops->gemm(ops, b->in->N, I, O, dy.read, b->w->matrix[role], add, dx, I);
}

/* Gradients of a norm's weights and (added to dx) of its input x. */
static void norm_backward(const wg_backward *b, wg_role role, int64_t rows, int64_t width,
                          const wg_real *x, const wg_real *dy, wg_real *dx)
{
    const wg_ops *ops = b->in->model->ops;

    if (wg_has(b->in, role))
        wg_emit_gradient(b, role, rows, (wg_block_rows){.x = dy}, width, (wg_block_rows){.x = x},
                         0);
    ops->norm_backward(ops, rows, width, x, b->w->vector[role], b->a->mean[role], b->a->rstd[role],
                       dy, dx);
}

static void clear(const wg_backward *b, wg_real *x, int64_t n)
{
    const wg_ops *ops = b->in->model->ops;

    ops->zero(ops, x, (size_t)n * sizeof *x);
}

/* The gradient of what a branch made, from that of what it added: through its norm if it has one.
 */
static const wg_real *branch_gradient(const wg_backward *b, wg_role post, const wg_real *made,
                                      const wg_real *d, wg_real *room)
{
    const int64_t D = b->in->model->config.D;

    if (!wg_has(b->in, post))
        return d;
    clear(b, room, b->in->N * D);
    norm_backward(b, post, b->in->N, D, made, d, room);
    return room;
}

/* The same of a half of the block; where the norm is of the sum, d too becomes what went in. */
static const wg_real *half_gradient(const wg_backward *b, wg_role post, const wg_real *made,
                                    wg_real *d, wg_backward_scratch *s)
{
    const wg_config *c = &b->in->model->config;
    const wg_ops *ops = b->in->model->ops;
    const wg_real *branch = branch_gradient(b, post, made, d, s->branch);

    if (c->norm_sum)
        ops->copy(ops, d, branch, (size_t)(b->in->N * c->D) * sizeof *d);
    return branch;
}

/* d [N,D] gradient of what the feed-forward layer added: s->dh becomes that of its input. */
static void feed_backward(const wg_backward *b, const wg_real *d, wg_backward_scratch *s)
{
    const wg_activations *a = b->a;
    const wg_config *c = &b->in->model->config;
    const int64_t N = b->in->N, D = c->D, F = c->F;
    const bool gated = a->gate != NULL;
    const wg_ops *ops = b->in->model->ops;

    wg_linear_backward(b, WG_DOWN, F, D, b->mixed, read_gradient(b, d, D), false, s->dmixed);
    ops->glu_backward(ops, c->activation, N * F, gated ? a->gate : a->up, gated ? a->up : NULL,
                      s->dmixed, gated ? s->dgate : s->dup, gated ? s->dup : NULL);
    if (wg_has(b->in, WG_GATE_UP)) {
        ops->copy2d(ops, N, F, s->dgate, F, s->dfused, 2 * F);
        ops->copy2d(ops, N, F, s->dup, F, s->dfused + F, 2 * F);
        wg_linear_backward(b, WG_GATE_UP, D, 2 * F, b->h2, read_gradient(b, s->dfused, 2 * F),
                           false, s->dh);
        return;
    }
    wg_block_rows d2[2];
    (void)wg_block_pack(b->in, gated ? 2 : 1, (const wg_real *const[]){s->dup, s->dgate},
                        (const int64_t[]){F, F}, b->room, d2);
    if (gated)
        wg_linear_backward(b, WG_GATE, D, F, b->h2, d2[1], false, s->dh);
    wg_linear_backward(b, WG_UP, D, F, b->h2, d2[0], gated, s->dh);
}

/* Gradient of a norm's output to that of its input, both [rows, width], in `room`. */
static wg_real *head_norm_backward(const wg_backward *b, wg_role role, const wg_real *x,
                                   wg_real *dy, wg_real *room)
{
    int64_t rows, width;

    if (!wg_head_normed(b->in, role, b->w->l))
        return dy;
    wg_head_norm(b->in, role, &rows, &width);
    clear(b, room, rows * width);
    norm_backward(b, role, rows, width, x, dy, room);
    return room;
}

/* Where clipping stopped q0, k0 or v [N,width], nothing goes back. */
static void clip_backward(const wg_backward *b, int64_t width, const wg_real *clipped, wg_real *d)
{
    const wg_config *c = &b->in->model->config;
    const wg_ops *ops = b->in->model->ops;

    if (c->clip_qkv > 0)
        ops->clip_backward(ops, b->in->N * width, (wg_real)c->clip_qkv, clipped, d);
}

/* dq, dk, dv to the layout of the fused matrix. */
static void join_qkv(const wg_block_input *in, const wg_real *dq, const wg_real *dk,
                     const wg_real *dv, wg_real *fused)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;
    const int64_t groups = c->family->qkv == WG_QKV_GROUPED ? c->K : 1, rows = in->N * groups;
    const int64_t Q = c->H * c->h / groups, P = c->K * c->h / groups, ld = Q + 2 * P;

    ops->copy2d(ops, rows, Q, dq, Q, fused, ld);
    ops->copy2d(ops, rows, P, dk, P, fused + Q, ld);
    ops->copy2d(ops, rows, P, dv, P, fused + Q + P, ld);
}

/* d [N,D] gradient of what attention added: s->dh becomes that of its input (or gets it added). */
static void attend_backward(const wg_backward *b, const wg_real *d, bool add,
                            wg_backward_scratch *s)
{
    const wg_activations *a = b->a;
    const wg_config *c = &b->in->model->config;
    const int64_t D = c->D, Q = c->H * c->h, P = c->K * c->h;
    const wg_ops *ops = b->in->model->ops;
    const wg_attention how = wg_block_attention(b->in, b->w->l);

    wg_linear_backward(b, WG_OUTPUT, Q, D, b->attended, read_gradient(b, d, D), false,
                       s->dattended);
    ops->attention_backward(ops, &how, a->q, a->k, a->v, a->attended, a->lse, s->dattended, s->dq,
                            s->dk, s->dv);
    wg_block_rope(b->in, b->w->l, -1, s->dq, s->dk);
    wg_real *dq = head_norm_backward(b, WG_QUERY_NORM, a->q0, s->dq, s->dattended);
    wg_real *dk = head_norm_backward(b, WG_KEY_NORM, a->k0, s->dk, s->dk0);
    clip_backward(b, Q, a->q0, dq);
    clip_backward(b, P, a->k0, dk);
    clip_backward(b, P, a->v, s->dv);
    if (wg_has(b->in, WG_QKV)) {
        join_qkv(b->in, dq, dk, s->dv, s->dfused);
        wg_linear_backward(b, WG_QKV, D, Q + 2 * P, b->h1, read_gradient(b, s->dfused, Q + 2 * P),
                           add, s->dh);
        return;
    }
    wg_block_rows d3[3];
    (void)wg_block_pack(b->in, 3, (const wg_real *const[]){dq, dk, s->dv},
                        (const int64_t[]){Q, P, P}, b->room, d3);
    wg_linear_backward(b, WG_QUERY, D, Q, b->h1, d3[0], add, s->dh);
    wg_linear_backward(b, WG_KEY, D, P, b->h1, d3[1], true, s->dh);
    wg_linear_backward(b, WG_VALUE, D, P, b->h1, d3[2], true, s->dh);
}

void wg_block_backward(const wg_block_input *in, const wg_layer *w, const wg_real *x,
                       const wg_activations *a, wg_backward_scratch *s, wg_real *d,
                       wg_weight_gradient *gradient, void *user)
{
    wg_backward b = {.in = in, .w = w, .a = a, .gradient = gradient, .user = user};
    const wg_config *c = &in->model->config;
    const int64_t N = in->N, D = c->D;
    const bool shared = c->parallel && !wg_normed(in, WG_MLP_NORM); /* both halves read h1 */

    read_inputs(&b, x);
    if (wg_config_is_mixture(c, w->l))
        wg_mixture_backward(&b, d, s);
    else
        feed_backward(&b, half_gradient(&b, WG_MLP_POST_NORM, a->m, d, s), s);
    if (wg_normed(in, WG_MLP_NORM)) {
        wg_real *to = c->parallel ? s->side : d; /* attention still needs d */
        if (c->parallel)
            clear(&b, s->side, N * D);
        norm_backward(&b, WG_MLP_NORM, N, D, c->parallel ? x : a->x2, s->dh, to);
    } else if (!shared)
        wg_add_rows(in, s->dh, d);
    attend_backward(&b, half_gradient(&b, WG_ATTENTION_POST_NORM, a->o, d, s), shared, s);
    if (wg_normed(in, WG_ATTENTION_NORM))
        norm_backward(&b, WG_ATTENTION_NORM, N, D, x, s->dh, d);
    else
        wg_add_rows(in, s->dh, d);
    if (c->parallel && !shared)
        wg_add_rows(in, s->side, d);
}
