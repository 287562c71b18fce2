/* train.c - finetune and unlearn, with suites during training. */
#include "suite/watch.h"

#include <string.h>

/* Whether the run's log has forget.probability and its like. */
static bool has_own_metrics(const wagle_train_options *o)
{
    const char *rule = o->stop_when != NULL ? o->stop_when + strspn(o->stop_when, " ") : "";

    return o->monitor || strncmp(rule, "forget.", 7) == 0 || strncmp(rule, "retain.", 7) == 0;
}

static wagle_status train(wagle_ctx *ctx, const wagle_train_options *o, bool plain,
                          wagle_train_result *result)
{
    wg_watch watch;

    wg_begin(ctx);
    WG_TRY(wg_suite_watch(ctx, o->watch, &watch));
    WG_TRY(wg_suite_watch_rule(ctx, o->watch, o->stop_when));
    if (has_own_metrics(o))
        WG_TRY(wg_suite_watch_eos(ctx, o->watch));
    return wg_train(ctx, o, plain, &(wg_train_hooks){.watch = watch.ask != NULL ? &watch : NULL},
                    result);
}

wagle_status wagle_finetune(wagle_ctx *ctx, const wagle_train_options *o,
                            wagle_train_result *result)
{
    return train(ctx, o, true, result);
}

wagle_status wagle_unlearn(wagle_ctx *ctx, const wagle_train_options *o, wagle_train_result *result)
{
    return train(ctx, o, false, result);
}
