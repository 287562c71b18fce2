/* adapter.c - the axis `adapter`: LoRA adapters that the model is read with. */
#include "sweep/sweep.h"

#include "modeldir/adapter.h"

#include <string.h>

bool wg_sweep_adapts(const wg_point *p)
{
    return strcmp(p->adapter, "none") != 0;
}

static wagle_status paths(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char **model,
                          const char **adapter)
{
    WG_TRY(wg_sweep_file(ctx, s, json_string_value(json_object_get(s->spec, "model")), model));
    return wg_sweep_file(ctx, s, p->adapter, adapter);
}

wagle_status wg_sweep_check_adapter(wagle_ctx *ctx, wg_sweep *s, const wg_point *p)
{
    const char *model, *adapter;
    wg_adapter a = {0};
    wg_tensors files;
    wagle_status st;

    if (!wg_sweep_adapts(p))
        return WAGLE_OK;
    if (ctx->adapter != NULL)
        return wg_sweep_refuse(ctx, "adapter", "the call has an adapter already");
    WG_TRY(paths(ctx, s, p, &model, &adapter));
    if (!wg_is_folder(adapter))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: no such folder (named in the spec)", adapter);
    WG_TRY(wg_tensors_open(ctx, model, &files));
    st = wg_adapter_open(ctx, adapter, model, &files, &a);
    wg_adapter_close(&a);
    wg_tensors_close(&files);
    return st;
}

/* Losses of the model with another adapter are others. */
static void leave_losses(wg_sweep *s, const wg_point *p)
{
    if (s->shared_adapter != NULL && strcmp(s->shared_adapter, p->adapter) != 0)
        wg_reference_cache_free(&s->shared);
    s->shared_adapter = p->adapter;
}

wagle_status wg_sweep_use_adapter(wagle_ctx *ctx, wg_sweep *s, const wg_point *p)
{
    const char *model, *adapter;
    wagle_status st;

    leave_losses(s, p);
    if (!wg_sweep_adapts(p))
        return WAGLE_OK;
    WG_TRY(paths(ctx, s, p, &model, &adapter));
    wg_nest(ctx);
    st = wagle_set_adapter(ctx, model, adapter);
    wg_unnest(ctx);
    return st;
}

void wg_sweep_drop_adapter(wagle_ctx *ctx, const wg_point *p)
{
    if (!wg_sweep_adapts(p))
        return;
    wg_merged_free(ctx->merged);
    wg_free(ctx->adapter);
    ctx->merged = NULL;
    ctx->adapter = NULL;
}
