/* block.c - where a block's activations lie and how it sees its weights. */
#include "model/block.h"

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

static wg_real *carve_if(bool wanted, carver *c, int64_t n)
{
    return wanted ? carve(c, n) : NULL;
}

/* There are layers that are no mixture. */
static bool has_mlp(const wg_config *c)
{
    return c->has[WG_UP] || c->has[WG_GATE_UP];
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Rows that experts see of N tokens. */
static int64_t expert_rows(const wg_config *c, int64_t N)
{
    return c->X > 0 ? N * c->used : 0;
}

static bool is_gated(const wg_config *c)
{
    return c->has[WG_GATE] || c->has[WG_GATE_UP];
}

/* Elements of a row that goes through a matrix of several. */
static int64_t fused_width(const wg_config *c)
{
    const int64_t qkv = c->has[WG_QKV] ? (c->H + 2 * c->K) * c->h : 0;
    const int64_t gate_up = c->has[WG_GATE_UP] ? 2 * c->F : 0;

    return most(most(qkv, gate_up), c->has[WG_EXPERT_GATE_UP] ? 2 * c->FX : 0);
}

static void lay_kept_mixture(const wg_config *c, int64_t N, carver *m, wg_mixture *a)
{
    const int64_t R = expert_rows(c, N);

    if (R == 0)
        return;
    a->logits = carve(m, N * c->X);
    a->gate = carve(m, R * c->FX);
    a->up = carve(m, R * c->FX);
    a->shared_gate = carve(m, N * c->FS);
    a->shared_up = carve(m, N * c->FS);
    a->scale_logit = carve(m, N);
}

static int64_t *carve_whole(carver *m, int64_t n)
{
    return (int64_t *)(void *)carve(m, wg_reals_for(n, sizeof(int64_t)));
}

/* Room for where N sequences begin. More, of which some have no token of their own, are only in
 * passes without gradients, and there nobody asks. */
static void lay_passing_mixture(const wg_config *c, int64_t N, carver *m, wg_mixture *a)
{
    const int64_t R = expert_rows(c, N);

    if (R == 0)
        return;
    a->routing = (wg_routing){.N = N,
                              .X = c->X,
                              .used = c->used,
                              .sum_to_one = c->sum_to_one,
                              .sigmoid = c->family->scales_inputs,
                              .share = carve(m, N * c->X),
                              .expert = carve_whole(m, R),
                              .row = carve_whole(m, R),
                              .token = carve_whole(m, R),
                              .weight = carve(m, R),
                              .sequence = carve_whole(m, c->X * (N + 1))};
    a->rows = carve(m, R * c->D);
    a->mixed = carve(m, R * c->FX);
    a->shared_mixed = carve(m, N * c->FS);
    a->scale = carve(m, N);
    a->made = carve(m, R * c->D);
}

static void lay_kept(const wg_config *c, int64_t N, carver *m, wg_activations *a)
{
    *a = (wg_activations){0};
    a->x2 = carve(m, N * c->D);
    a->q0 = carve(m, N * c->H * c->h);
    a->attended = carve(m, N * c->H * c->h);
    a->k0 = carve(m, N * c->K * c->h);
    a->v = carve(m, N * c->K * c->h);
    a->gate = carve_if(is_gated(c), m, N * c->F);
    a->up = carve_if(has_mlp(c), m, N * c->F);
    a->lse = carve(m, N * c->H);
    a->o = carve_if(c->has[WG_ATTENTION_POST_NORM], m, N * c->D);
    a->m = carve_if(c->has[WG_MLP_POST_NORM], m, N * c->D);
    lay_kept_mixture(c, N, m, &a->mixture);
    for (int role = WG_LAYER_ROLES; role < WG_MIXTURE_ROLES; role++) {
        if (!wg_config_normed(c, (wg_role)role) || !wg_is_norm((wg_role)role))
            continue;
        a->rstd[role] = carve(m, N * c->H);
        a->mean[role] = carve_if(c->family->layer_norm, m, N * c->H);
    }
}

static void lay_passing(const wg_config *c, int64_t N, carver *m, wg_activations *a)
{
    a->h1 = carve_if(wg_config_normed(c, WG_ATTENTION_NORM), m, N * c->D);
    a->h2 = carve_if(wg_config_normed(c, WG_MLP_NORM), m, N * c->D);
    a->mixed = carve_if(has_mlp(c), m, N * c->F);
    lay_passing_mixture(c, N, m, &a->mixture);
    a->fused = carve(m, N * fused_width(c));
    a->spare = carve_if(c->has[WG_MLP_POST_NORM], m, N * c->D);
    a->q = wg_keeps_unturned(c, WG_QUERY_NORM) ? carve(m, N * c->H * c->h) : a->q0;
    a->k = wg_keeps_unturned(c, WG_KEY_NORM) ? carve(m, N * c->K * c->h) : a->k0;
}

int64_t wg_saved_size(const wg_config *c, int64_t N)
{
    carver m = {0};
    wg_activations a;

    lay_kept(c, N, &m, &a);
    return m.used;
}

int64_t wg_recomputed_size(const wg_config *c, int64_t N)
{
    carver m = {0};
    wg_activations a = {0};

    lay_passing(c, N, &m, &a);
    return m.used;
}

void wg_activations_carve(const wg_config *c, int64_t N, wg_real *saved, wg_real *recomputed,
                          wg_activations *out)
{
    carver m = {saved, 0}, p = {recomputed, 0};

    lay_kept(c, N, &m, out);
    lay_passing(c, N, &p, out);
}

static void lay_scratch(const wg_config *c, int64_t N, carver *m, wg_backward_scratch *s)
{
    const int64_t R = expert_rows(c, N);
    /* all rows may go to one expert, but none goes there twice */
    const int64_t F = most(has_mlp(c) ? c->F : 0, most(c->FX, c->FS));

    *s = (wg_backward_scratch){0};
    s->dh = carve(m, N * c->D);
    s->branch = carve_if(c->has[WG_ATTENTION_POST_NORM] || c->has[WG_MLP_POST_NORM], m, N * c->D);
    s->side = carve_if(c->parallel, m, N * c->D);
    s->dq = carve(m, N * c->H * c->h);
    s->dattended = carve(m, N * c->H * c->h);
    s->dk = carve(m, N * c->K * c->h);
    s->dv = carve(m, N * c->K * c->h);
    s->dk0 = carve_if(wg_config_normed(c, WG_KEY_NORM), m, N * c->K * c->h);
    s->dgate = carve(m, N * F);
    s->dup = carve(m, N * F);
    s->dmixed = carve(m, N * F);
    s->dfused = carve(m, N * fused_width(c));
    s->dy = carve(m, R * c->D);
    s->drows = carve(m, R * c->D);
    s->dweight = (double *)(void *)carve(m, wg_reals_for(R, sizeof(double)));
    s->dlogits = carve(m, R > 0 ? N * c->X : 0);
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

/* Weights of a layer with so many experts. */
static int64_t layer_size(const wg_config *c, int64_t layer, int64_t experts)
{
    int64_t total = 0, n;
    char name[WG_NAME_BYTES];
    wg_shape shape;

    for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++) {
        if (!wg_config_has(c, (wg_role)role, layer))
            continue;
        wg_config_tensor(c, (wg_role)role, layer, name, &shape);
        total += !wg_shape_count(&shape, &n) ? 0 : role < WG_EXPERT_ROLES ? n : n * experts;
    }
    return total;
}

int64_t wg_layer_size(const wg_config *c)
{
    int64_t largest = 0;

    for (int64_t l = 0; l < c->L; l++)
        largest = most(largest, layer_size(c, l, c->X));
    return largest;
}

int64_t wg_layer_used(const wg_config *c, int64_t layer)
{
    return layer_size(c, layer, c->used);
}

static bool is_matrix(const wg_model *m, int tensor)
{
    return m->files.tensor[tensor].shape.rank == 2;
}

/* Tensor of a role below WG_ROLES, in a layer or of an expert there; -1 if there is none. */
static int tensor_of(const wg_model *m, int role, int64_t layer, int64_t expert)
{
    if (!wg_config_has(&m->config, (wg_role)role, layer))
        return -1;
    return wg_model_tensor(m, wg_role_of((wg_role)role, expert), layer);
}

int64_t wg_layer_panel(const wg_model *m, bool matrices)
{
    int64_t bytes = 0;

    for (int64_t l = 0; l < m->config.L; l++) {
        int64_t own = 0;
        for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++) {
            const int t = tensor_of(m, role, l, 0);
            if (t >= 0 && (matrices || !is_matrix(m, t) || wg_model_is_transposed(m, t)))
                own += wg_panel_bytes(is_matrix(m, t) ? m->ops->panel_type : WG_F32,
                                      m->files.tensor[t].count);
        }
        bytes = most(bytes, own);
    }
    if (m->config.family->bare_norms)
        bytes += wg_panel_bytes(WG_F32, m->config.D);
    if (m->config.bare_head_norms)
        bytes += wg_panel_bytes(WG_F32, m->config.h);
    return wg_reals_for(bytes, 1);
}

/* Panels to be filled, one after the other in a buffer. */
typedef struct panels {
    wg_panel list[WG_ROLES];
    int n, lacking[WG_ROLES], n_lacking; /* norms that lack 1 as they are stored */
    char *next;
} panels;

/* Where the weights of a tensor will be as `type`. */
static void *lay(panels *p, const wg_weights *w, wg_dtype type, int64_t n)
{
    p->list[p->n] = (wg_panel){*w, 0, n, type, p->next};
    p->next += wg_panel_bytes(type, n);
    return p->list[p->n++].to;
}

static void place(const wg_model *m, wg_role role, int tensor, panels *p, wg_layer *out)
{
    const bool matrix = is_matrix(m, tensor);
    const wg_dtype type = matrix ? m->ops->panel_type : WG_F32;
    const wg_weights w = wg_model_weights(m, tensor);
    const int64_t n = m->files.tensor[tensor].count;
    const bool plus_one = m->config.family->norm_plus_one && wg_is_norm(role);
    const void *here = plus_one ? NULL : wg_weights_in_place(&w, type, 0);

    if (plus_one)
        p->lacking[p->n_lacking++] = p->n;
    if (here == NULL)
        here = lay(p, &w, type, n);
    if (matrix)
        out->matrix[role] = wg_model_factor(m, tensor, here);
    else
        out->vector[role] = here;
}

/* Roles [from, to) of out->l and out->expert. */
static void view_roles(const wg_model *m, int from, int to, panels *p, wg_layer *out)
{
    for (int role = from; role < to; role++) {
        const int t = tensor_of(m, role, out->l, out->expert);
        const bool as_stored = t >= 0 && out->for_few && is_matrix(m, t) &&
                               (!wg_model_is_transposed(m, t) || out->q8_of != NULL);
        if (t >= 0 && !as_stored)
            place(m, (wg_role)role, t, p, out);
        else if (t >= 0)
            out->stored[role] = &m->files.tensor[t];
        if (t >= 0 && out->q8_of != NULL)
            out->q8[role] = out->q8_of->matrix[t];
    }
    if (p->n > 0)
        m->ops->fill_panels(m->ops, p->n, p->list);
}

void wg_layer_expert(const wg_model *m, const wg_layer *w, int64_t expert, wg_layer *out)
{
    panels p = {.next = (char *)w->room};

    *out = (wg_layer){.l = w->l, .expert = expert, .for_few = w->for_few, .q8_of = w->q8_of};
    view_roles(m, WG_EXPERT_ROLES, WG_ROLES, &p, out);
}

/* Weights of norms that have none. */
static const wg_real *lay_ones(const wg_model *m, int64_t n, panels *p)
{
    wg_real *here = (wg_real *)(void *)p->next;

    m->ops->fill(m->ops, n, 1, here);
    p->next += wg_panel_bytes(WG_F32, n);
    return here;
}

static void view(const wg_model *m, int64_t l, bool for_few, const wg_q8 *q8, wg_real *panel,
                 wg_layer *out)
{
    panels p = {.next = (char *)panel};

    *out = (wg_layer){.l = l, .for_few = for_few, .q8_of = q8};
    view_roles(m, WG_LAYER_ROLES, WG_EXPERT_ROLES, &p, out);
    if (m->config.family->bare_norms) {
        const wg_real *ones = lay_ones(m, m->config.D, &p);
        out->vector[WG_ATTENTION_NORM] = out->vector[WG_MLP_NORM] = ones;
    }
    if (m->config.bare_head_norms) {
        const wg_real *ones = lay_ones(m, m->config.h, &p);
        out->vector[WG_QUERY_NORM] = out->vector[WG_KEY_NORM] = ones;
    }
    out->room = (wg_real *)(void *)p.next;
    for (int i = 0; i < p.n_lacking; i++) {
        const wg_panel *norm = &p.list[p.lacking[i]];
        m->ops->shift(m->ops, norm->n, 1, norm->to);
    }
}

void wg_layer_view(const wg_model *m, int64_t l, wg_real *panel, wg_layer *out)
{
    view(m, l, false, NULL, panel, out);
}

void wg_layer_stored(const wg_model *m, int64_t l, const wg_q8 *q8, wg_real *panel, wg_layer *out)
{
    view(m, l, !m->config.family->transposed || q8 != NULL, q8, panel, out);
}

static void advise(const wg_model *m, int64_t l,
                   void (*how)(const wg_ops *ops, const void *data, size_t bytes))
{
    if (l < 0 || l >= m->config.L)
        return;
    for (int role = WG_LAYER_ROLES; role < wg_config_roles(&m->config); role++) {
        const int t = wg_model_tensor(m, (wg_role)role, l);
        if (t >= 0)
            how(m->ops, m->files.tensor[t].data, m->files.tensor[t].bytes);
    }
}

void wg_layer_ahead(const wg_model *m, int64_t l)
{
    const wg_tensor *head = &m->files.tensor[wg_model_tensor(m, WG_HEAD, 0)];

    if (l == m->config.L && !m->ops->host)
        m->ops->ahead(m->ops, head->data, head->bytes);
    advise(m, l, m->ops->ahead);
}

void wg_layer_release(const wg_model *m, int64_t l)
{
    advise(m, l, m->ops->release);
}

void wg_layer_done(const wg_model *m, int64_t l)
{
    if (m->ops->host && m->ops->shared == NULL)
        return;
    wg_layer_release(m, l);
    wg_layer_ahead(m, l + 2 < m->config.L ? l + 2 : l + 2 - m->config.L);
}

void wg_embed(const wg_model *m, int64_t N, const int32_t *ids, const int32_t *position,
              wg_real *narrow, wg_real *panel, wg_real *x)
{
    const wg_config *c = &m->config;
    const wg_ops *ops = m->ops;
    const wg_weights table = wg_model_weights(m, wg_model_tensor(m, WG_EMBED, 0));
    const int places = wg_model_tensor(m, WG_POSITION, 0),
              project = wg_model_tensor(m, WG_PROJECT_IN, 0);

    if (project >= 0) {
        ops->embed(ops, &table, N, c->E, ids, 0, 1, false, narrow);
        ops->gemm(ops, N, c->D, c->E, wg_matrix(narrow, c->E),
                  wg_transpose(wg_model_matrix(m, project, 0, c->D * c->E, panel)), false, x, c->D);
    } else {
        ops->embed(ops, &table, N, c->D, ids, 0, (wg_real)c->embed_scale, false, x);
    }
    if (places >= 0) {
        const wg_weights learned = wg_model_weights(m, places);
        ops->embed(ops, &learned, N, c->D, position, c->family->position_offset, 1, true, x);
    }
    wg_model_done(m, wg_model_tensor(m, WG_EMBED, 0));
}

int64_t wg_packed_size(const wg_model *m, int64_t N)
{
    const wg_config *c = &m->config;
    const int64_t Q = c->H * c->h, P = c->K * c->h, F = has_mlp(c) ? c->F : 0;
    const int64_t width[] = {c->D, F, c->D, Q,     /* what the matrices read */
                             F,    F, Q,    P, P}; /* gradients; no fused one is wider */
    int64_t bytes = 0;

    for (size_t i = 0; i < sizeof width / sizeof *width; i++)
        bytes += wg_packed_bytes(m->ops, N, width[i]);
    return wg_reals_for(bytes, 1);
}

void *wg_block_pack(const wg_block_input *in, int m, const wg_real *const *x, const int64_t *width,
                    void *room, wg_block_rows *out)
{
    enum { MOST = 4 };
    const wg_ops *ops = in->model->ops;
    wg_pack list[MOST] = {{0}};
    wg_operand read[MOST] = {{0}};
    char *next = room;

    for (int i = 0; i < m; i++) {
        list[i] = (wg_pack){*x++, in->N, width[i], width[i], next};
        next += next != NULL ? wg_packed_bytes(ops, in->N, width[i]) : 0;
    }
    ops->pack(ops, m, list, read);
    for (int i = 0; i < m; i++)
        out[i] = (wg_block_rows){list[i].x, read[i]};
    return next;
}

wg_attention wg_block_attention(const wg_block_input *in, int64_t layer)
{
    const wg_config *c = &in->model->config;
    const double further = c->layer_scale ? (double)(layer + 1) : 1;

    return (wg_attention){.S = in->S,
                          .N = in->N,
                          .longest = in->longest,
                          .start = in->start,
                          .H = c->H,
                          .K = c->K,
                          .h = c->h,
                          .scale = (wg_real)(c->attention_scale / further),
                          .window = wg_config_windowed(c, layer) ? c->window : 0,
                          .chunked = c->family->chunked,
                          .cap = (wg_real)c->attention_cap};
}

void wg_block_rope(const wg_block_input *in, int64_t layer, int direction, wg_real *q, wg_real *k)
{
    const wg_config *c = &in->model->config;
    const int which = c->local_rope && wg_config_windowed(c, layer);
    const wg_ops *ops = in->model->ops;

    if (wg_config_turns(c, layer))
        ops->rope(ops, in->N, c->H, c->K, c->h, c->r, c->family->turns_neighbours, in->position,
                  in->cosine[which], in->sine[which], direction, q, k);
    else if (c->stretch_from > 0) /* a turn by 0 whose cosine is not 1; of no key head */
        ops->rope(ops, in->N, c->H, 0, c->h, c->r, c->family->turns_neighbours, in->position,
                  in->cosine[1], in->sine[1], direction, q, k);
}

void wg_head_norm(const wg_block_input *in, wg_role role, int64_t *rows, int64_t *width)
{
    const wg_config *c = &in->model->config;
    const int64_t heads = role == WG_QUERY_NORM ? c->H : c->K;
    const wg_dim of = c->family->tensor[role].shape[0];
    const bool by_head = of == WG_DIM_HEAD || of == WG_DIM_NONE;

    *rows = by_head ? in->N * heads : in->N;
    *width = by_head ? c->h : heads * c->h;
}

const wg_real *wg_attention_input(const wg_block_input *in, const wg_real *x,
                                  const wg_activations *a)
{
    return wg_normed(in, WG_ATTENTION_NORM) ? a->h1 : x;
}

const wg_real *wg_mlp_input(const wg_block_input *in, const wg_real *x, const wg_activations *a)
{
    if (wg_normed(in, WG_MLP_NORM))
        return a->h2;
    return in->model->config.parallel ? wg_attention_input(in, x, a) : a->x2;
}
