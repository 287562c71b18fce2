#include "model/block.h"

#include <math.h>
#include <string.h>

typedef struct carver {
    wg_real *memory; /* NULL: only count */
    int64_t used;
} carver;

static wg_real *carve(carver *c, int64_t n)
{
    wg_real *here = c->memory != NULL ? c->memory + c->used : NULL;

    c->used += (n + 15) / 16 * 16;
    return here;
}

static void lay_kept(const wg_config *c, int64_t N, carver *m, wg_activations *a)
{
    a->x2 = carve(m, N * c->D);
    a->q = carve(m, N * c->H * c->h);
    a->attended = carve(m, N * c->H * c->h);
    a->k = carve(m, N * c->K * c->h);
    a->v = carve(m, N * c->K * c->h);
    a->gate = carve(m, N * c->F);
    a->up = carve(m, N * c->F);
    a->lse = carve(m, N * c->H);
}

static void lay_passing(const wg_config *c, int64_t N, carver *m, wg_activations *a)
{
    a->h1 = carve(m, N * c->D);
    a->h2 = carve(m, N * c->D);
    a->mixed = carve(m, N * c->F);
    a->rstd1 = carve(m, N);
    a->rstd2 = carve(m, N);
}

int64_t wg_kept_size(const wg_config *c, int64_t N)
{
    carver m = {0};
    wg_activations a;

    lay_kept(c, N, &m, &a);
    return m.used;
}

int64_t wg_passing_size(const wg_config *c, int64_t N)
{
    carver m = {0};
    wg_activations a;

    lay_passing(c, N, &m, &a);
    return m.used;
}

void wg_activations_carve(const wg_config *c, int64_t N, wg_real *kept, wg_real *passing,
                          wg_activations *out)
{
    carver m = {kept, 0}, p = {passing, 0};

    lay_kept(c, N, &m, out);
    lay_passing(c, N, &p, out);
}

static void lay_scratch(const wg_config *c, int64_t N, carver *m, wg_backward_scratch *s)
{
    s->dh = carve(m, N * c->D);
    s->dq = carve(m, N * c->H * c->h);
    s->dattended = carve(m, N * c->H * c->h);
    s->dk = carve(m, N * c->K * c->h);
    s->dv = carve(m, N * c->K * c->h);
    s->dgate = carve(m, N * c->F);
    s->dup = carve(m, N * c->F);
    s->dmixed = carve(m, N * c->F);
}

int64_t wg_backward_scratch_size(const wg_config *c, int64_t N)
{
    carver m = {0};
    wg_backward_scratch s;

    lay_scratch(c, N, &m, &s);
    return m.used;
}

void wg_backward_scratch_carve(const wg_config *c, int64_t N, wg_real *memory,
                               wg_backward_scratch *out)
{
    carver m = {memory, 0};
    lay_scratch(c, N, &m, out);
}

int64_t wg_layer_size(const wg_config *c)
{
    return 2 * c->D + 2 * c->D * c->H * c->h + 2 * c->D * c->K * c->h + 3 * c->D * c->F;
}

void wg_layer_view(const wg_model *m, int64_t l, wg_real *panel, wg_layer *out)
{
    for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++) {
        const int t = wg_model_tensor(m, (wg_role)role, l);
        const int64_t n = m->files.tensor[t].count;
        out->weight[role] = wg_model_view(m, t, 0, n, panel);
        if (out->weight[role] == panel)
            panel += n;
    }
}

static void advise(const wg_model *m, int64_t l, void (*how)(const void *data, size_t bytes))
{
    if (l < 0 || l >= m->config.L)
        return;
    for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++) {
        const wg_tensor *t = &m->files.tensor[wg_model_tensor(m, (wg_role)role, l)];
        how(t->data, t->bytes);
    }
}

void wg_layer_ahead(const wg_model *m, int64_t l)
{
    advise(m, l, wg_map_ahead);
}

void wg_layer_release(const wg_model *m, int64_t l)
{
    advise(m, l, wg_map_release);
}

/* y [N,O] = x [N,I] W^T (+ y), W [O,I] */
static void linear(const wg_ops *ops, int64_t N, int64_t I, int64_t O, const wg_real *x,
                   const wg_real *w, bool add, wg_real *y)
{
    ops->gemm(false, true, N, O, I, x, I, w, I, add, y, O);
}

/* dx [N,I] = dy [N,O] W (+ dx) */
static void linear_backward(const wg_ops *ops, int64_t N, int64_t I, int64_t O, const wg_real *dy,
                            const wg_real *w, bool add, wg_real *dx)
{
    ops->gemm(false, false, N, I, O, dy, O, w, I, add, dx, I);
}

static wg_attention attention_of(const wg_block_input *in)
{
    const wg_config *c = &in->model->config;

    return (wg_attention){in->S, in->start, c->H, c->K, c->h, (wg_real)(1 / sqrt((double)c->h))};
}

void wg_block_forward(const wg_block_input *in, const wg_layer *w, const wg_real *x, wg_real *y,
                      wg_activations *a)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;
    const int64_t N = in->N, D = c->D, Q = c->H * c->h, P = c->K * c->h;
    const wg_real *const *weight = w->weight;
    const wg_attention attention = attention_of(in);

    ops->rmsnorm_forward(N, D, (wg_real)c->eps, x, weight[WG_ATTENTION_NORM], a->h1, a->rstd1);
    linear(ops, N, D, Q, a->h1, weight[WG_QUERY], 0, a->q);
    linear(ops, N, D, P, a->h1, weight[WG_KEY], 0, a->k);
    linear(ops, N, D, P, a->h1, weight[WG_VALUE], 0, a->v);
    ops->rope(N, c->H, c->h, in->position, in->cosine, in->sine, 1, a->q);
    ops->rope(N, c->K, c->h, in->position, in->cosine, in->sine, 1, a->k);
    ops->attention_forward(&attention, a->q, a->k, a->v, a->attended, a->lse);
    memcpy(a->x2, x, (size_t)(N * D) * sizeof *x);
    linear(ops, N, Q, D, a->attended, weight[WG_OUTPUT], 1, a->x2);
    ops->rmsnorm_forward(N, D, (wg_real)c->eps, a->x2, weight[WG_MLP_NORM], a->h2, a->rstd2);
    linear(ops, N, D, c->F, a->h2, weight[WG_GATE], 0, a->gate);
    linear(ops, N, D, c->F, a->h2, weight[WG_UP], 0, a->up);
    ops->swiglu_forward(N * c->F, a->gate, a->up, a->mixed);
    if (y == NULL)
        return;
    memcpy(y, a->x2, (size_t)(N * D) * sizeof *y);
    linear(ops, N, c->F, D, a->mixed, weight[WG_DOWN], 1, y);
}

void wg_block_restore(const wg_block_input *in, const wg_layer *w, const wg_real *x,
                      wg_activations *a)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;

    ops->rmsnorm_forward(in->N, c->D, (wg_real)c->eps, x, w->weight[WG_ATTENTION_NORM], a->h1,
                         a->rstd1);
    ops->rmsnorm_forward(in->N, c->D, (wg_real)c->eps, a->x2, w->weight[WG_MLP_NORM], a->h2,
                         a->rstd2);
    ops->swiglu_forward(in->N * c->F, a->gate, a->up, a->mixed);
}

static void mlp_backward(const wg_block_input *in, const wg_layer *w, const wg_activations *a,
                         wg_backward_scratch *s, wg_real *d, wg_weight_gradient *gradient,
                         void *user)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;
    const int64_t N = in->N, D = c->D, F = c->F;

    gradient(user, WG_DOWN, d, D, a->mixed, F, NULL);
    linear_backward(ops, N, F, D, d, w->weight[WG_DOWN], 0, s->dmixed);
    ops->swiglu_backward(N * F, a->gate, a->up, s->dmixed, s->dgate, s->dup);
    gradient(user, WG_GATE, s->dgate, F, a->h2, D, NULL);
    gradient(user, WG_UP, s->dup, F, a->h2, D, NULL);
    linear_backward(ops, N, D, F, s->dgate, w->weight[WG_GATE], 0, s->dh);
    linear_backward(ops, N, D, F, s->dup, w->weight[WG_UP], 1, s->dh);
    gradient(user, WG_MLP_NORM, s->dh, D, a->x2, 0, a->rstd2);
    ops->rmsnorm_backward(N, D, a->x2, w->weight[WG_MLP_NORM], a->rstd2, s->dh, d);
}

void wg_block_backward(const wg_block_input *in, const wg_layer *w, const wg_real *x,
                       const wg_activations *a, wg_backward_scratch *s, wg_real *d,
                       wg_weight_gradient *gradient, void *user)
{
    const wg_config *c = &in->model->config;
    const wg_ops *ops = in->model->ops;
    const int64_t N = in->N, D = c->D, Q = c->H * c->h, P = c->K * c->h;
    const wg_attention attention = attention_of(in);

    mlp_backward(in, w, a, s, d, gradient, user);
    gradient(user, WG_OUTPUT, d, D, a->attended, Q, NULL);
    linear_backward(ops, N, Q, D, d, w->weight[WG_OUTPUT], 0, s->dattended);
    ops->attention_backward(&attention, a->q, a->k, a->v, a->attended, a->lse, s->dattended, s->dq,
                            s->dk, s->dv);
    ops->rope(N, c->H, c->h, in->position, in->cosine, in->sine, -1, s->dq);
    ops->rope(N, c->K, c->h, in->position, in->cosine, in->sine, -1, s->dk);
    gradient(user, WG_QUERY, s->dq, Q, a->h1, D, NULL);
    gradient(user, WG_KEY, s->dk, P, a->h1, D, NULL);
    gradient(user, WG_VALUE, s->dv, P, a->h1, D, NULL);
    linear_backward(ops, N, D, Q, s->dq, w->weight[WG_QUERY], 0, s->dh);
    linear_backward(ops, N, D, P, s->dk, w->weight[WG_KEY], 1, s->dh);
    linear_backward(ops, N, D, P, s->dv, w->weight[WG_VALUE], 1, s->dh);
    gradient(user, WG_ATTENTION_NORM, s->dh, D, x, 0, a->rstd1);
    ops->rmsnorm_backward(N, D, x, w->weight[WG_ATTENTION_NORM], a->rstd1, s->dh, d);
}
