/* attacks.h - membership inference: scores that tell rows of the training set from others. */
#ifndef WG_SUITE_ATTACKS_H
#define WG_SUITE_ATTACKS_H

#include "suite/suite.h"

/* The percentages of Min-k and Min-k++ that are asked for. */
WAGLE_CHECK wagle_status wg_attack_percents(wagle_ctx *ctx, const wagle_suite_options *o,
                                            wg_counts *out);
/* Adds a row of scores for each row of a file. gradients: also computes gradient norms, and losses
 * under e->o->reference if that names a model. */
WAGLE_CHECK wagle_status wg_attack_rows(wagle_ctx *ctx, wg_evaluation *e, const char *set,
                                        const char *path, const wg_counts *percents,
                                        bool gradients);
/* Refuses a gold result without the scores that this evaluation compares with it. */
WAGLE_CHECK wagle_status wg_attack_check_gold(wagle_ctx *ctx, const wg_evaluation *e,
                                              const wg_counts *percents);
WAGLE_CHECK wagle_status wg_attack_derive(wagle_ctx *ctx, const json_t *row, const char *set,
                                          wg_frame *f);
/* Computes AUC and TPR at 1 % FPR of each attack on the sets `members` and `nonmembers`. With a
 * gold result also PrivLeak, relative to its AUC (Shi et al. 2024, arXiv 2407.06460). */
WAGLE_CHECK wagle_status wg_attack_measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out);
/* Adds to `into` the attacks without PrivLeak, and why, if there is a gold result. */
WAGLE_CHECK wagle_status wg_attack_left_out(wagle_ctx *ctx, const wg_frame *f, const wg_measures *m,
                                            json_t *into);

#endif
