/* train.c - finetune and unlearn, with suites during training. */
#include "suite/watch.h"

#include "base/options.h"

#include <string.h>

/* Whether the run's log has forget.probability and its like. */
static bool has_own_metrics(const wagle_train_options *o)
{
    const char *rule = o->stop_when != NULL ? o->stop_when + strspn(o->stop_when, " ") : "";

    return o->monitor || strncmp(rule, "forget.", 7) == 0 || strncmp(rule, "retain.", 7) == 0;
}

static wagle_status run(wagle_ctx *ctx, const wagle_train_options *o, bool plain,
                        wagle_train_result *result)
{
    wg_watch watch;

    WG_TRY(wg_suite_watch(ctx, o->watch, &watch));
    WG_TRY(wg_suite_watch_rule(ctx, o->watch, o->stop_when));
    if (has_own_metrics(o))
        WG_TRY(wg_suite_watch_eos(ctx, o->watch));
    return wg_train(ctx, o, plain,
                    &(wg_train_hooks){.watch = watch.evaluate != NULL ? &watch : NULL}, result);
}

/* given, over the defaults in `own`. */
static wagle_status train(wagle_ctx *ctx, const char *name, const wagle_train_options *given,
                          wagle_train_options *own, wagle_train_result *result)
{
    const bool plain = strcmp(name, "wagle_finetune") == 0;
    wagle_suite_options watch;
    wagle_train_result made = {0};
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(wg_options_take(ctx, name, given, own, sizeof *own));
    WG_TRY(wg_result_check(ctx, "wagle_train_result", result));
    if (own->watch != NULL) {
        WG_TRY(WG_TAKE(ctx, own->watch, &watch, wagle_suite));
        own->watch = &watch;
    }
    st = run(ctx, own, plain, &made);
    own->watch = NULL; /* it ends here */
    wg_result_give(result, &made, sizeof made);
    return st;
}

WG_DEFAULTS(wagle_train_result_init, wagle_train_result, 0)

wagle_status wagle_finetune(wagle_ctx *ctx, const wagle_train_options *o,
                            wagle_train_result *result)
{
    wagle_train_options own;

    wagle_finetune_defaults(&own);
    return train(ctx, "wagle_finetune", o, &own, result);
}

wagle_status wagle_unlearn(wagle_ctx *ctx, const wagle_train_options *o, wagle_train_result *result)
{
    wagle_train_options own;

    wagle_unlearn_defaults(&own);
    return train(ctx, "wagle_unlearn", o, &own, result);
}
