/* forward.c - a block's forward pass. */
#include "model/linear.h"

static void norm(const wg_block_input *in, const wg_layer *w, wg_role role, int64_t rows,
                 int64_t width, const wg_real *x, wg_real *y, wg_activations *a)
{
    const wg_ops *ops = in->model->ops;

    ops->norm_forward(ops, rows, width, (wg_real)in->model->config.eps, x, w->vector[role],
                      w->vector[role + 1], y, a->mean[role], a->rstd[role]);
}

enum { TOGETHER = 3 };

void wg_linears(const wg_block_input *in, const wg_layer *w, int m, const wg_product *list,
                int64_t I, const wg_real *x, bool add)
{
    const wg_ops *ops = in->model->ops;
    wg_block_rows rows = {x, wg_matrix(x, I)};
    wg_matvec few[TOGETHER];
    int n = 0;

    if (m > 1 && w->stored[list->role] == NULL)
        (void)wg_block_pack(in, 1, &x, &I, in->packed, &rows);
    for (int k = 0; k < m; k++) {
        const wg_product *p = &list[k];
        const wg_tensor *stored = w->stored[p->role];
        if (in->input_hook != NULL)
            in->input_hook(in->input_hook_user, w->l, wg_role_of(p->role, w->expert), in->N, I, x);
        if (w->q8[p->role] != NULL)
            few[n++] = (wg_matvec){WG_Q8, w->q8[p->role], p->O, p->y};
        else if (stored != NULL)
            few[n++] = (wg_matvec){stored->dtype, ops->stored(ops, stored->data, stored->bytes),
                                   p->O, p->y};
        else
            ops->gemm(ops, in->N, p->O, I, rows.read, wg_transpose(w->matrix[p->role]), add, p->y,
                      p->O);
    }
    if (n > 0)
        ops->matvec(ops, n, few, in->N, I, x, add);
    for (int k = 0; k < m; k++)
        if (w->vector[list[k].role + 1] != NULL)
            ops->bias_forward(ops, in->N, list[k].O, w->vector[list[k].role + 1], list[k].y,
                              list[k].O);
}

void wg_linear(const wg_block_input *in, const wg_layer *w, wg_role role, int64_t I, int64_t O,
               const wg_real *x, bool add, wg_real *y)
{
    wg_linears(in, w, 1, &(wg_product){role, O, y}, I, x, add);
}

/* fused [N, Q+2P] in the family's layout to q, k, v. */
static void split_qkv(const wg_block_input *in, const wg_real *fused, wg_real *q, wg_real *k,
                      wg_real *v)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;
    const int64_t groups = c->family->qkv == WG_QKV_GROUPED ? c->K : 1, rows = in->N * groups;
    const int64_t Q = c->H * c->h / groups, P = c->K * c->h / groups, ld = Q + 2 * P;

    ops->copy2d(ops, rows, Q, fused, ld, q, Q);
    ops->copy2d(ops, rows, P, fused + Q, ld, k, P);
    ops->copy2d(ops, rows, P, fused + Q + P, ld, v, P);
}

static void multiply(const wg_block_input *in, const wg_layer *w, const wg_real *x,
                     wg_activations *a)
{
    const wg_config *c = &in->model->config;
    const int64_t Q = c->H * c->h, P = c->K * c->h;

    if (wg_has(in, WG_QKV)) {
        wg_linear(in, w, WG_QKV, c->D, Q + 2 * P, x, false, a->fused);
        split_qkv(in, a->fused, a->q0, a->k0, a->v);
        return;
    }
    const wg_product three[] = {{WG_QUERY, Q, a->q0}, {WG_KEY, P, a->k0}, {WG_VALUE, P, a->v}};
    wg_linears(in, w, 3, three, c->D, x, false);
}

static void project(const wg_block_input *in, const wg_layer *w, const wg_real *x,
                    wg_activations *a)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;
    const wg_real most = (wg_real)c->clip_qkv;

    multiply(in, w, x, a);
    if (most > 0) {
        ops->clip(ops, in->N * c->H * c->h, most, a->q0);
        ops->clip(ops, in->N * c->K * c->h, most, a->k0);
        ops->clip(ops, in->N * c->K * c->h, most, a->v);
    }
}

/* q or k from q0 or k0: its norm. */
static void norm_heads(const wg_block_input *in, const wg_layer *w, wg_role role,
                       const wg_real *before, wg_real *after, wg_activations *a)
{
    const wg_ops *ops = in->model->ops;
    int64_t rows, width;

    wg_head_norm(in, role, &rows, &width);
    if (wg_head_normed(in, role, w->l))
        norm(in, w, role, rows, width, before, after, a);
    else if (before != after)
        ops->copy(ops, after, before, (size_t)(rows * width) * sizeof *after);
}

static void norm_and_turn(const wg_block_input *in, const wg_layer *w, wg_activations *a)
{
    norm_heads(in, w, WG_QUERY_NORM, a->q0, a->q, a);
    norm_heads(in, w, WG_KEY_NORM, a->k0, a->k, a);
    wg_block_rope(in, w->l, 1, a->q, a->k);
}

static void activate(const wg_block_input *in, wg_activations *a)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;
    const wg_real *gate = a->gate != NULL ? a->gate : a->up;

    ops->glu_forward(ops, c->activation, in->N * c->F, gate, a->gate != NULL ? a->up : NULL,
                     a->mixed);
}

static void feed(const wg_block_input *in, const wg_layer *w, const wg_real *x, wg_activations *a)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;

    if (wg_has(in, WG_GATE_UP)) {
        wg_linear(in, w, WG_GATE_UP, c->D, 2 * c->F, x, false, a->fused);
        ops->copy2d(ops, in->N, c->F, a->fused, 2 * c->F, a->gate, c->F);
        ops->copy2d(ops, in->N, c->F, a->fused + c->F, 2 * c->F, a->up, c->F);
    } else {
        const wg_product two[] = {{WG_UP, c->F, a->up}, {WG_GATE, c->F, a->gate}};
        wg_linears(in, w, wg_has(in, WG_GATE) ? 2 : 1, two, c->D, x, false);
    }
    activate(in, a);
}

static void attend(const wg_block_input *in, const wg_layer *w, wg_activations *a)
{
    const wg_attention how = wg_block_attention(in, w->l);
    const wg_ops *ops = in->model->ops;

    norm_and_turn(in, w, a);
    if (in->attend != NULL)
        in->attend(in->user, &how, w->l, a);
    else
        ops->attention_forward(ops, &how, a->q, a->k, a->v, a->attended, a->lse);
}

/* y [N,D] = x + what the matrix `role` makes of `from`; if there is a norm for it, it is normed, or
 * the sum is (`made` keeps what goes into the norm). */
static void add_branch(const wg_block_input *in, const wg_layer *w, wg_role role, wg_role post,
                       int64_t I, const wg_real *from, wg_real *made, const wg_real *x, wg_real *y,
                       wg_activations *a)
{
    const int64_t D = in->model->config.D;
    const wg_ops *ops = in->model->ops;

    if (!wg_has(in, post)) {
        if (y != x)
            ops->copy(ops, y, x, (size_t)(in->N * D) * sizeof *y);
        wg_linear(in, w, role, I, D, from, true, y);
        return;
    }
    wg_linear(in, w, role, I, D, from, false, made);
    if (in->model->config.norm_sum)
        wg_add_rows(in, x, made);
    norm(in, w, post, in->N, D, made, y, a);
    if (!in->model->config.norm_sum)
        wg_add_rows(in, x, y);
}

void wg_block_forward(const wg_block_input *in, const wg_layer *w, const wg_real *x, wg_real *y,
                      wg_activations *a)
{
    const wg_config *c = &in->model->config;

    if (wg_normed(in, WG_ATTENTION_NORM))
        norm(in, w, WG_ATTENTION_NORM, in->N, c->D, x, a->h1, a);
    project(in, w, wg_attention_input(in, x, a), a);
    attend(in, w, a);
    add_branch(in, w, WG_OUTPUT, WG_ATTENTION_POST_NORM, c->H * c->h, a->attended, a->o, x, a->x2,
               a);
    if (wg_normed(in, WG_MLP_NORM))
        norm(in, w, WG_MLP_NORM, in->N, c->D, c->parallel ? x : a->x2, a->h2, a);
    if (wg_config_is_mixture(c, w->l)) {
        wg_mixture_forward(in, w, wg_mlp_input(in, x, a), a->x2, y, a);
        return;
    }
    feed(in, w, wg_mlp_input(in, x, a), a);
    if (y != NULL)
        add_branch(in, w, WG_DOWN, WG_MLP_POST_NORM, c->F, a->mixed, a->m, a->x2, y, a);
    else if (wg_has(in, WG_MLP_POST_NORM)) { /* its input and its numbers are wanted */
        wg_linear(in, w, WG_DOWN, c->F, c->D, a->mixed, false, a->m);
        if (c->norm_sum)
            wg_add_rows(in, a->x2, a->m);
        norm(in, w, WG_MLP_POST_NORM, in->N, c->D, a->m, a->spare, a);
    }
}

void wg_block_restore(const wg_block_input *in, const wg_layer *w, const wg_real *x,
                      wg_activations *a)
{
    const wg_config *c = &in->model->config;

    if (wg_normed(in, WG_ATTENTION_NORM))
        norm(in, w, WG_ATTENTION_NORM, in->N, c->D, x, a->h1, a);
    if (wg_keeps_unturned(c, WG_QUERY_NORM) || wg_keeps_unturned(c, WG_KEY_NORM))
        norm_and_turn(in, w, a);
    if (wg_normed(in, WG_MLP_NORM))
        norm(in, w, WG_MLP_NORM, in->N, c->D, c->parallel ? x : a->x2, a->h2, a);
    if (wg_config_is_mixture(c, w->l))
        wg_mixture_restore(in, wg_mlp_input(in, x, a), a);
    else
        activate(in, a);
}
