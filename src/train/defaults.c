/* defaults.c - what finetune and unlearn do where their options say nothing. */
#include "train/run.h"

#include "base/options.h"

#include "data/held.h"
#include "mask/views.h"
#include "session/opened.h"

#include <string.h>

enum { BOUND = 300 }; /* updates of an unlearning that ends by a rule */

#define WAGLE_OPTION(type, member, kind, finetune, unlearn, attributes) .member = finetune,
static const wagle_train_options of_finetune = {
#include <wagle/train_options.def>
};
#undef WAGLE_OPTION
#define WAGLE_OPTION(type, member, kind, finetune, unlearn, attributes) .member = unlearn,
static const wagle_train_options of_unlearn = {
#include <wagle/train_options.def>
};
#undef WAGLE_OPTION

void wagle_finetune_defaults_sized(wagle_train_options *o, size_t size)
{
    wg_options_fill(o, size, &of_finetune, sizeof of_finetune);
}

void wagle_unlearn_defaults_sized(wagle_train_options *o, size_t size)
{
    wg_options_fill(o, size, &of_unlearn, sizeof of_unlearn);
}

void wg_train_hold(wagle_train_options *o)
{
    if (o->opened != NULL)
        o->model = wg_opened_path(o->opened);
    if (o->mask_tensors != NULL)
        o->mask = WG_MASK_IN_MEMORY;
    wg_data_hold(&o->forget);
    wg_data_hold(&o->retain);
    wg_data_hold(&o->protect);
}

/* Whether the retain rows have a term of the objective. */
static bool trains_retain(const wagle_train_options *o)
{
    const wg_objective *objective = wg_objective_named(o->objective);

    if (o->retain_term != WAGLE_RETAIN_AUTO)
        return o->retain_term != WAGLE_RETAIN_NONE;
    return objective != NULL && objective->retain != WG_RETAIN_NONE;
}

/* A run that searches its rate also protects the retain rows. */
static void resolve_protect(wagle_train_options *o, bool searches)
{
    const wagle_data *p = &o->protect;

    if (p->path == NULL && searches && o->lora == 0 && o->retain.path != NULL && trains_retain(o))
        o->protect.path = "retain";
    else if (p->path != NULL && strcmp(p->path, "none") == 0 &&
             (p->more == NULL || p->more[0] == NULL))
        o->protect.path = NULL;
}

void wg_train_resolve(wagle_train_options *o, bool plain)
{
    const bool searches = !plain && o->lr == WAGLE_LR_AUTO;
    const bool endless = o->steps == 0 && o->epochs == 0 && o->pairs == NULL;

    resolve_protect(o, searches);
    if (o->schedule == WAGLE_SCHEDULE_AUTO)
        o->schedule = searches ? WAGLE_SCHEDULE_CONSTANT : WAGLE_SCHEDULE_LINEAR;
    if (plain)
        return;
    if (o->stop_when == NULL && (searches || endless))
        o->stop_when = "chance";
    if (endless)
        o->steps = BOUND;
    o->land |= o->stop_when != NULL && strcmp(o->stop_when, "chance") == 0;
}

wagle_status wg_check_searched(wagle_ctx *ctx, const wagle_train_options *o, bool plain)
{
    const bool chance = o->stop_when != NULL && strcmp(o->stop_when, "chance") == 0;

    if (plain && o->lr == 0)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{lr=auto}: finetune forgets no rows to search by; name a number");
    if (plain && chance)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{stop_when=chance}: finetune forgets no rows; it is of unlearn");
    return WAGLE_OK;
}
