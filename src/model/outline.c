/* outline.c - a model without files, of which only sizes are known: for plans. */
#include "model/model.h"

#include <string.h>

static wagle_status add_tensor(wagle_ctx *ctx, wg_model *m, wg_role role, int64_t layer,
                               wg_dtype dtype)
{
    wg_tensor *t = &m->files.tensor[m->files.n];
    char name[WG_NAME_BYTES];

    wg_config_tensor(&m->config, role, layer, name, &t->shape);
    if (!wg_shape_count(&t->shape, &t->count))
        return wg_fail(ctx, WAGLE_E_USAGE, "tensor '%.128s' is too large", name);
    t->dtype = dtype;
    t->bytes = (size_t)t->count * wg_dtype_size(dtype);
    m->turned[m->files.n] = t->shape.rank == 2 && wg_is_stored_turned(m->config.family, role);
    m->index[wg_model_place_of(&m->config, role, layer)] = (int)m->files.n++;
    return WAGLE_OK;
}

wagle_status wg_model_outline(wagle_ctx *ctx, const wg_config *config, wg_dtype dtype,
                              const wg_ops *ops, wg_model *out)
{
    const int64_t places = wg_model_place_of(config, WG_LAYER_ROLES, config->L);
    wagle_status st = WAGLE_OK;

    *out = (wg_model){.config = *config, .ops = ops, .copy = -1};
    WG_TRY(WG_ALLOC(ctx, &out->index, places));
    WG_TRY_GOTO(WG_ALLOC(ctx, &out->files.tensor, places), failed);
    WG_TRY_GOTO(WG_ALLOC(ctx, &out->turned, places), failed);
    for (int64_t i = 0; i < places; i++)
        out->index[i] = -1;
    for (int role = 0; role < wg_config_roles(config); role++)
        for (int64_t l = 0; l < wg_config_layers(config, (wg_role)role); l++)
            if (wg_config_has(config, (wg_role)role, l))
                WG_TRY_GOTO(add_tensor(ctx, out, (wg_role)role, l, dtype), failed);
    if (config->tied)
        out->index[WG_HEAD] = out->index[WG_EMBED];
    return WAGLE_OK;
failed:
    wg_model_outline_free(out);
    return st;
}

void wg_model_outline_free(wg_model *m)
{
    wg_free(m->index);
    wg_free(m->turned);
    wg_free(m->files.tensor);
    *m = (wg_model){0};
}
