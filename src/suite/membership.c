/* membership.c - membership inference attacks on the forget set. */
#include "suite/attacks.h"

static wagle_status run(wagle_ctx *ctx, wg_evaluation *e)
{
    wg_counts percents;

    WG_TRY(wg_attack_percents(ctx, e->o, &percents));
    WG_TRY(wg_attack_rows(ctx, e, "members", wg_evaluation_set(e, "members"), &percents, true));
    return wg_attack_rows(ctx, e, "nonmembers", wg_evaluation_set(e, "nonmembers"), &percents,
                          true);
}

static wagle_status check(wagle_ctx *ctx, const wg_evaluation *e)
{
    wg_counts percents;

    WG_TRY(wg_attack_percents(ctx, e->o, &percents));
    return wg_attack_check_gold(ctx, e, &percents);
}

const wg_suite wg_suite_membership = {
    .name = "membership",
    .summary = "loss, zlib, Min-k, Min-k++, gradient norm, reference attacks: AUC, TPR, PrivLeak",
    .uses = WAGLE_USES_FACTS | WAGLE_USES_REFERENCE | WAGLE_USES_GOLD,
    .set = {{"members", "rows that were trained on: the forget set", true, WAGLE_USES_MIN_K, 0,
             false},
            {"nonmembers", "rows of the same kind that were never trained on", true,
             WAGLE_USES_MIN_K, 0, false}},
    .check = check,
    .run = run,
    .derive = wg_attack_derive,
    .measure = wg_attack_measure,
    .left_out = wg_attack_left_out,
};
