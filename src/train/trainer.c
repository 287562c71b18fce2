/* trainer.c - what a training works with: its objective's options, and losses of the untouched
 * model. */
#include "train/train.h"

#include <math.h>
#include <string.h>

wagle_status wg_train_params(wagle_ctx *ctx, const wg_objective *objective,
                             const wagle_train_options *o, double option[WG_OBJECTIVE_OPTIONS])
{
    const wagle_param_info *known = objective->options;

    for (int i = 0; i < WG_OBJECTIVE_OPTIONS; i++)
        option[i] = known[i].value;
    for (int64_t p = 0; p < o->n_params; p++) {
        int i = 0;
        while (i < WG_OBJECTIVE_OPTIONS && known[i].key != NULL &&
               strcmp(known[i].key, o->params[p].key) != 0)
            i++;
        if (i == WG_OBJECTIVE_OPTIONS || known[i].key == NULL)
            return wg_fail(ctx, WAGLE_E_USAGE, "objective %s has no option %s", objective->name,
                           o->params[p].key);
        if (!(o->params[p].value >= known[i].min && o->params[p].value <= known[i].max))
            return wg_fail(ctx, WAGLE_E_USAGE, "%s %g: must be from %g to %g", known[i].key,
                           o->params[p].value, known[i].min, known[i].max);
        option[i] = o->params[p].value;
    }
    return WAGLE_OK;
}

wagle_status wg_retain_term(wagle_ctx *ctx, const wg_objective *objective,
                            const wagle_train_options *o, wg_retain *out)
{
    const bool hidden = objective->token == WG_LOSS_HIDDEN;

    *out = objective->retain;
    if (o->retain_term == WAGLE_RETAIN_AUTO)
        return WAGLE_OK;
    *out = (wg_retain)(o->retain_term - WAGLE_RETAIN_NLL);
    return *out == WG_RETAIN_NONE || (*out == WG_RETAIN_HIDDEN) == hidden
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE, "@{retain_term} %s cannot be used with objective %s",
                         wg_retain_word(*out), objective->name);
}

wagle_status wg_reduction(wagle_ctx *ctx, const wg_objective *objective,
                          const wagle_train_options *o, bool *tokens)
{
    *tokens = o->reduction == WAGLE_REDUCE_TOKENS;
    return !*tokens || objective->token != WG_LOSS_HIDDEN
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE,
                         "@{reduction=tokens} cannot be used with objective %s, whose terms are "
                         "means over rows",
                         objective->name);
}

bool wg_trainer_compares(const wg_objective *objective, wg_retain term)
{
    return term == WG_RETAIN_KL || term == WG_RETAIN_HIDDEN ||
           objective->token == WG_LOSS_REFERENCE;
}

/* Token losses of the untouched model. */
static wagle_status reference_losses(wagle_ctx *ctx, wg_trainer *t, const wg_dataset *rows,
                                     wg_real ***out)
{
    wagle_status st;

    WG_TRY(wg_trainer_base(ctx, t));
    WG_TRY(WG_ALLOC(ctx, out, rows->n));
    st = wg_rows_nll(ctx, &t->base, rows, "reference losses", *out);
    if (!wg_trainer_compares(t->objective, t->retain_term))
        wg_session_close(&t->base); /* its buffers are not wanted before the next epoch */
    return st;
}

void wg_reference_cache_free(wg_reference_cache *s)
{
    wg_free_rows(s->reference, s->n);
    *s = (wg_reference_cache){0};
}

static wagle_status load_reference_losses(wagle_ctx *ctx, wg_trainer *t)
{
    const int needs = t->objective->needs;
    wg_reference_cache *shared = t->shared != NULL ? t->shared : &t->own;

    if (!(needs & WG_NEEDS_REFERENCE))
        return WAGLE_OK;
    if (shared->reference == NULL) {
        wg_reference_cache made = {.n = t->data->forget.n};
        const wagle_status st = reference_losses(ctx, t, &t->data->forget, &made.reference);
        if (st != WAGLE_OK) {
            wg_reference_cache_free(&made);
            return st;
        }
        *shared = made;
    }
    t->reference = shared->reference;
    return needs & WG_NEEDS_REFUSALS
               ? reference_losses(ctx, t, &t->data->refusals, &t->refusal_reference)
               : WAGLE_OK;
}

wagle_status wg_trainer_new(wagle_ctx *ctx, wg_session *s, wg_train_data *data,
                            const wagle_train_options *o, wg_reference_cache *shared,
                            wg_trainer *out)
{
    wagle_status st;

    *out = (wg_trainer){.session = s,
                        .reference_folder = o->reference,
                        .objective = data->objective,
                        .forget_weight = o->forget_weight,
                        .alpha = o->alpha,
                        .data = data,
                        .shared = shared,
                        .hessian_step = -1,
                        .seed = o->seed};
    WG_TRY_GOTO(wg_train_params(ctx, out->objective, o, out->option), fail);
    WG_TRY_GOTO(wg_retain_term(ctx, out->objective, o, &out->retain_term), fail);
    WG_TRY_GOTO(wg_reduction(ctx, out->objective, o, &out->tokens), fail);
    if (out->retain_term != WG_RETAIN_NONE && data->retain.n == 0)
        WG_TRY_GOTO(
            wg_fail(ctx, WAGLE_E_USAGE, "objective %s needs @{retain ROWS}", out->objective->name),
            fail);
    if (out->objective->token == WG_LOSS_HIDDEN)
        WG_TRY_GOTO(wg_hidden_begin(ctx, out, o), fail);
    WG_TRY_GOTO(load_reference_losses(ctx, out), fail);
    return WAGLE_OK;
fail:
    wg_trainer_free(out);
    return st;
}

void wg_trainer_free(wg_trainer *t)
{
    const int64_t n = t->data != NULL ? t->data->forget.n : 0;

    wg_optimizer_free(t->optimizer);
    wg_reference_cache_free(&t->own);
    wg_free_rows(t->refusal_reference, n);
    wg_session_close(&t->base);
    wg_free(t->control);
    wg_free(t->nll);
    wg_free(t->base_nll);
    wg_free(t->weight);
    wg_free(t->dh);
    wg_free(t->given);
    wg_free(t->list);
    wg_free(t->sums);
    *t = (wg_trainer){0};
}

wagle_status wg_trainer_epoch(wagle_ctx *ctx, wg_trainer *t, int64_t epoch)
{
    bool changed;

    WG_TRY(wg_train_data_epoch(ctx, t->session, t->data, epoch, &changed));
    if (!changed || t->refusal_reference == NULL)
        return WAGLE_OK;
    wg_free_rows(t->refusal_reference, t->data->forget.n);
    t->refusal_reference = NULL;
    return reference_losses(ctx, t, &t->data->refusals, &t->refusal_reference);
}
