/* train.c - finetune and unlearn, with the suites that they are asked on their way. */
#include "suite/watch.h"

static wagle_status train(wagle_ctx *ctx, const wagle_train_options *o, bool plain,
                          wagle_train_result *result)
{
    wg_watch watch;

    wg_begin(ctx);
    WG_TRY(wg_suite_watch(ctx, o->watch, &watch));
    WG_TRY(wg_suite_watch_rule(ctx, o->watch, o->stop_when));
    return wg_train(ctx, o, plain, &(wg_around){.watch = watch.ask != NULL ? &watch : NULL},
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
