/* early.c - what can be refused of a training before its model is opened. */
#include "protect/factors.h"
#include "train/train.h"

#include "mask/attribute.h"
#include "mask/topk.h"

static bool any(const char *const *list)
{
    return list != NULL && list[0] != NULL;
}

/* A member that the others leave without effect. */
static wagle_status without_effect(wagle_ctx *ctx, const char *option, const char *needs)
{
    return wg_fail(ctx, WAGLE_E_USAGE, "@{%s} has no effect: it needs %s", option, needs);
}

static wagle_status check_selection(wagle_ctx *ctx, const wagle_train_options *o)
{
    wg_attribution a = {.given_gamma = o->gamma};

    if (o->selector == NULL && (any(o->include) || any(o->exclude)))
        return without_effect(ctx, any(o->include) ? "include" : "exclude",
                              "@{selector}, whose choice it narrows");
    if (o->lora == 0 && (o->lora_alpha > 0 || any(o->lora_targets)))
        return without_effect(ctx, o->lora_alpha > 0 ? "lora_alpha" : "lora_targets",
                              "@{lora RANK}");
    if (o->lora == 0 && o->out_adapter != NULL)
        return without_effect(ctx, "out_adapter", "@{lora RANK}");
    if (o->out_adapter != NULL && ctx->adapter != NULL)
        return wg_fail(
            ctx, WAGLE_E_USAGE,
            "@{out_adapter} cannot be used with @{adapter}: the new adapter would be for "
            "the merged model; write that with `wagle merge` first");
    if (o->selector == NULL)
        return WAGLE_OK;
    WG_TRY(wg_gamma_check(ctx, &o->gamma));
    WG_TRY(wg_attribution_selector(ctx, &a, o->selector));
    WG_TRY(wg_attribution_protection(ctx, &a, o));
    return wg_check_density(ctx, o->density);
}

wagle_status wg_train_check_early(wagle_ctx *ctx, const wagle_train_options *o,
                                  const wg_objective *objective)
{
    double option[WG_OBJECTIVE_OPTIONS];
    wg_retain term;

    WG_TRY(check_selection(ctx, o));
    WG_TRY(wg_train_params(ctx, objective, o, option));
    WG_TRY(wg_retain_term(ctx, objective, o, &term));
    if (term != WG_RETAIN_NONE && !(objective->needs & WG_TRAINS_ONLY) && o->retain.path == NULL &&
        !wg_protect_by_self(o))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "objective %s needs @{retain ROWS}; without such rows, use @{protect=self} "
                       "(the model writes texts to keep) or @{retain_term=none}",
                       objective->name);
    return WAGLE_OK;
}
