/* finetune.c - plain training: term = mean nll. */
#include "objective/objective.h"

extern const wg_objective wg_objective_finetune;

static double term(const double *option, const wg_real *nll, const wg_real *reference, int64_t n,
                   wg_real *weight)
{
    (void)option;
    (void)reference;
    return wg_token_mean_term(1.0, nll, n, weight);
}

const wg_objective wg_objective_finetune = {
    .name = "finetune",
    .summary = "plain training on the data",
    .needs = WG_TRAINS_ONLY,
    .term = term,
};
