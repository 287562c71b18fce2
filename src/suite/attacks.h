/* attacks.h - guesses whether rows were trained on: scores of members and of others. */
#ifndef WG_SUITE_ATTACKS_H
#define WG_SUITE_ATTACKS_H

#include "suite/suite.h"

/* Adds a row of scores for each row of a file. gradients: also the norm of each row's gradient, and
 * where e->o->reference names a model its loss. */
WAGLE_CHECK wagle_status wg_attack_rows(wagle_ctx *ctx, wg_evaluation *e, const char *set,
                                        const char *path, bool gradients);
WAGLE_CHECK wagle_status wg_attack_derive(wagle_ctx *ctx, const json_t *row, const char *set,
                                          wg_frame *f);
/* Of sets `members` and `nonmembers`: each attack's AUC, TPR at 1 % FPR, and against the gold
 * result's AUC PrivLeak (Shi et al. 2024, arXiv 2407.06460). */
WAGLE_CHECK wagle_status wg_attack_measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out);

#endif
