#include "model/model.h"

#include "base/place.h"

#include <stdio.h>
#include <string.h>

int64_t wg_model_place_of(const wg_config *c, wg_role role, int64_t layer)
{
    const int64_t each = wg_config_roles(c) - WG_LAYER_ROLES;

    return role < WG_LAYER_ROLES ? role : WG_LAYER_ROLES + layer * each + (role - WG_LAYER_ROLES);
}

int wg_model_tensor(const wg_model *m, wg_role role, int64_t layer)
{
    return m->index[wg_model_place_of(&m->config, role, layer)];
}

static int64_t roles_total(const wg_model *m)
{
    return wg_model_place_of(&m->config, WG_LAYER_ROLES, m->config.L);
}

bool wg_model_is_weight(const wg_model *m, int tensor)
{
    return m->weight == NULL || m->weight[tensor];
}

int64_t wg_model_parameters(const wg_model *m)
{
    int64_t total = 0;

    for (int t = 0; t < m->files.n; t++)
        total += wg_model_is_weight(m, t) ? m->files.tensor[t].count : 0;
    return total;
}

void wg_config_tensor(const wg_config *c, wg_role role, int64_t layer, char name[WG_NAME_BYTES],
                      wg_shape *shape)
{
    const int64_t Q = c->H * c->h, P = c->K * c->h;
    const int64_t size[] = {[WG_DIM_V] = c->V,
                            [WG_DIM_D] = c->D,
                            [WG_DIM_E] = c->E,
                            [WG_DIM_F] = c->F,
                            [WG_DIM_Q] = Q,
                            [WG_DIM_P] = P,
                            [WG_DIM_QKV] = Q + 2 * P,
                            [WG_DIM_FF] = 2 * c->F,
                            [WG_DIM_HEAD] = c->h,
                            [WG_DIM_POSITIONS] = c->max_position + c->family->position_offset,
                            [WG_DIM_X] = c->X,
                            [WG_DIM_FX] = c->FX,
                            [WG_DIM_FFX] = 2 * c->FX,
                            [WG_DIM_FS] = c->FS,
                            [WG_DIM_1] = 1};
    const wg_family_tensor *want = &c->family->tensor[wg_table_role(role)];

    *shape = (wg_shape){0};
    snprintf(name, WG_NAME_BYTES, want->pattern, (int)layer, (int)wg_expert_of(role));
    for (int i = 0; i < 2 && want->shape[i] != WG_DIM_NONE; i++)
        shape->dim[shape->rank++] = size[want->shape[i]];
}

bool wg_config_stored(const wg_config *c, wg_role role, int64_t layer, char name[WG_NAME_BYTES],
                      wg_shape *shape)
{
    char *at;

    wg_config_tensor(c, role, layer, name, shape);
    if (!c->family->transposed_experts || role < WG_EXPERT_ROLES)
        return true;
    at = strstr(name, ".experts.");
    if (wg_expert_of(role) > 0 || at == NULL)
        return false;
    at = strstr(at, ".0.");
    memmove(at, at + 2, strlen(at + 2) + 1);
    *shape = (wg_shape){3, {c->X, shape->dim[0], shape->dim[1]}};
    return true;
}

bool wg_config_has(const wg_config *c, wg_role role, int64_t layer)
{
    if (layer >= wg_config_layers(c, role) || !c->has[wg_table_role(role)])
        return false;
    return wg_is_of_mixture(role) ? wg_config_is_mixture(c, layer)
                                  : !wg_is_of_mlp(role) || !wg_config_is_mixture(c, layer);
}

static wagle_status bind_tensor(wagle_ctx *ctx, wg_model *m, const wg_tie *tie, wg_role role,
                                int64_t layer)
{
    wg_shape shape;
    char name[WG_NAME_BYTES], expected[96], found[96];
    const wg_tensor *t;

    wg_config_tensor(&m->config, role, layer, name, &shape);
    t = role == WG_EMBED && tie->stored != NULL
            ? tie->stored
            : wg_stored_tensor(&m->config, &m->files, role, layer);
    if (t == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: no tensor '%s'%s", m->folder, name,
                       role == WG_HEAD ? ", and config.json does not tie it to the embedding" : "");
    if (!wg_shape_equal(&t->shape, &shape))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%s': shape %s, config.json says %s",
                       m->folder, name, wg_shape_text(&t->shape, found),
                       wg_shape_text(&shape, expected));
    if (!wg_dtype_is_weight(t->dtype))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: tensor '%s': dtype %s; supported are F32, F16 and BF16", m->folder,
                       name, wg_dtype_name(t->dtype));
    m->index[wg_model_place_of(&m->config, role, layer)] = (int)(t - m->files.tensor);
    m->weight[t - m->files.tensor] = true;
    m->turned[t - m->files.tensor] = shape.rank == 2 && wg_is_stored_turned(m->config.family, role);
    m->widest = t->count > m->widest ? t->count : m->widest;
    return WAGLE_OK;
}

/* Stored beside the weights, and no weight of this model. */
static bool is_ignored(const wg_config *c, const char *name)
{
    for (int i = 0; i < 4 && c->family->ignored[i] != NULL; i++)
        if (wg_ends_with(name, c->family->ignored[i]))
            return true;
    for (int i = 0; c->inside && i < 4 && c->family->beside[i] != NULL; i++)
        if (strncmp(name, c->family->beside[i], strlen(c->family->beside[i])) == 0)
            return true;
    return wg_ends_with(name, "rotary_emb.inv_freq");
}

/* Files of some tools hold the experts of a layer in one tensor of rank 3. */
static wagle_status refuse_fused(wagle_ctx *ctx, const wg_model *m)
{
    for (int64_t t = 0; m->config.X > 0 && t < m->files.n; t++)
        if (m->files.tensor[t].shape.rank > 2 && !is_ignored(&m->config, m->files.tensor[t].name))
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s: tensor '%.128s' holds all experts of a layer; wagle reads a tensor "
                           "for each, as save_pretrained of transformers writes them",
                           m->folder, m->files.tensor[t].name);
    return WAGLE_OK;
}

/* Every tensor of the family is there; nothing is there that we would silently leave out. */
static wagle_status bind(wagle_ctx *ctx, wg_model *m)
{
    wg_tie tie;

    WG_TRY(wg_tie_settle(ctx, m->folder, &m->files, &m->config, &tie));
    m->copy = tie.copy != NULL ? (int)(tie.copy - m->files.tensor) : -1;
    WG_TRY(refuse_fused(ctx, m));
    WG_TRY(WG_ALLOC(ctx, &m->weight, m->files.n));
    WG_TRY(WG_ALLOC(ctx, &m->turned, m->files.n));
    WG_TRY(WG_ALLOC(ctx, &m->index, roles_total(m)));
    for (int64_t i = 0; i < roles_total(m); i++)
        m->index[i] = -1;
    for (int role = 0; role < wg_config_roles(&m->config); role++)
        for (int64_t l = 0; l < wg_config_layers(&m->config, (wg_role)role); l++)
            if (wg_config_has(&m->config, (wg_role)role, l))
                WG_TRY(bind_tensor(ctx, m, &tie, (wg_role)role, l));
    if (m->config.tied)
        m->index[WG_HEAD] = m->index[WG_EMBED];
    for (int t = 0; t < m->files.n; t++)
        if (!wg_model_is_weight(m, t) && t != m->copy &&
            !is_ignored(&m->config, m->files.tensor[t].name))
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s: tensor '%.128s' does not belong to this model type", m->folder,
                           m->files.tensor[t].name);
    return WAGLE_OK;
}

wagle_status wg_model_open(wagle_ctx *ctx, const char *folder, wg_model **out)
{
    wg_model *m = NULL;
    wagle_status st;

    *out = NULL;
    if (folder == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "no model was named");
    WG_TRY(wg_model_place(ctx, folder));
    WG_TRY(WG_ALLOC(ctx, &m, 1));
    WG_TRY_GOTO(wg_ops_open(ctx, &m->ops), fail);
    m->folder = wg_copy_text(ctx, folder, strlen(folder));
    WG_TRY_GOTO(m->folder != NULL ? WAGLE_OK : WAGLE_E_RESOURCE, fail);
    WG_TRY_GOTO(wg_config_read(ctx, folder, &m->config), fail);
    if (m->config.X > 0 && m->ops->route == NULL)
        WG_TRY_GOTO(wg_fail(ctx, WAGLE_E_USAGE,
                            "%s: device %s has no mixtures of experts; use @{device} cpu", folder,
                            m->ops->name),
                    fail);
    WG_TRY_GOTO(wg_tensors_open(ctx, folder, &m->files), fail);
    WG_TRY_GOTO(bind(ctx, m), fail);
    WG_TRY_GOTO(wg_tensors_share(ctx, &m->files), fail);
    WG_TRY_GOTO(WG_ALLOC(ctx, &m->overlay, m->files.n), fail);
    *out = m;
    return WAGLE_OK;
fail:
    wg_model_close(m);
    return st;
}

void wg_model_close(wg_model *m)
{
    if (m == NULL)
        return;
    wg_free(m->overlay);
    /* what the lender's back end made of the files is the lender's */
    for (int64_t i = 0; m->ops != NULL && m->ops != m->lender && i < m->files.n; i++)
        m->ops->forget(m->ops, m->files.tensor[i].data, m->files.tensor[i].bytes);
    if (!m->borrows) {
        wg_free(m->index);
        wg_free(m->weight);
        wg_free(m->turned);
        wg_free(m->folder);
        wg_tensors_close(&m->files);
    }
    if (m->ops != NULL)
        m->ops->close(m->ops);
    wg_free(m);
}

wagle_status wg_model_borrow(wagle_ctx *ctx, const wg_model *of, wg_model **out)
{
    wg_model *m;

    *out = NULL;
    if (of->files.shared != NULL && of->files.shared != ctx->shared)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: its weights are shared by processes: only the context that opened it "
                       "can use it",
                       of->folder);
    WG_TRY(WG_ALLOC(ctx, &m, 1));
    *m = *of;
    m->borrows = true;
    m->lender = of->ops;
    m->ops = NULL;
    m->overlay = wg_alloc(ctx, of->files.n, sizeof *m->overlay);
    const wagle_status st = m->overlay != NULL ? wg_ops_open(ctx, &m->ops) : WAGLE_E_RESOURCE;
    if (st == WAGLE_OK)
        *out = m;
    else
        wg_model_close(m);
    return st;
}

bool wg_model_is_transposed(const wg_model *m, int tensor)
{
    return m->turned[tensor];
}

int64_t wg_model_inputs(const wg_model *m, int tensor)
{
    return m->files.tensor[tensor].shape.dim[wg_model_is_transposed(m, tensor) ? 0 : 1];
}

wg_weights wg_model_weights(const wg_model *m, int tensor)
{
    const wg_tensor *t = &m->files.tensor[tensor];
    const wg_overlay *o = &m->overlay[tensor];

    return (wg_weights){.type = t->dtype,
                        .stored = m->ops->stored(m->ops, t->data, t->bytes),
                        .bits = o->bits,
                        .rank = o->rank,
                        .value = o->value,
                        .half = o->half};
}

const wg_real *wg_model_view(const wg_model *m, int tensor, int64_t first, int64_t n,
                             wg_real *panel)
{
    const wg_weights w = wg_model_weights(m, tensor);

    return wg_weights_as(m->ops, &w, WG_F32, first, n, panel);
}

wg_operand wg_model_factor(const wg_model *m, int tensor, const void *data)
{
    return (wg_operand){m->ops->panel_type, data, m->files.tensor[tensor].shape.dim[1],
                        wg_model_is_transposed(m, tensor)};
}

wg_operand wg_model_matrix(const wg_model *m, int tensor, int64_t first, int64_t n, void *panel)
{
    const wg_weights w = wg_model_weights(m, tensor);

    return wg_model_factor(m, tensor,
                           wg_weights_as(m->ops, &w, m->ops->panel_type, first, n, panel));
}

void wg_model_done(const wg_model *m, int tensor)
{
    if ((!m->ops->host || m->ops->shared != NULL) && tensor >= 0)
        m->ops->release(m->ops, m->files.tensor[tensor].data, m->files.tensor[tensor].bytes);
}

const wg_real *wg_model_stored(const wg_model *m, int tensor, int64_t first, int64_t n,
                               wg_real *panel)
{
    const wg_tensor *t = &m->files.tensor[tensor];
    const wg_weights w = {.type = t->dtype, .stored = wg_tensor_bytes(&m->files, t)};

    return wg_weights_as(wg_ops_on_host(m->ops), &w, WG_F32, first, n, panel);
}

const wg_real *wg_model_norm(const wg_model *m, wg_role role, int64_t layer, wg_real *panel)
{
    const int tensor = wg_model_tensor(m, role, layer);
    const int64_t n = tensor >= 0 ? m->files.tensor[tensor].count : 0;
    const wg_real *view = n > 0 ? wg_model_view(m, tensor, 0, n, panel) : NULL;

    if (tensor < 0 && wg_config_normed(&m->config, role)) {
        m->ops->fill(m->ops, m->config.D, 1, panel);
        return panel;
    }
    if (view == NULL || !m->config.family->norm_plus_one || !wg_is_norm(role))
        return view;
    m->ops->copy(m->ops, panel, view, (size_t)n * sizeof *panel);
    m->ops->shift(m->ops, n, 1, panel);
    return panel;
}
