/* finetune.c - plain training: term = mean nll. */
#include "objective/objective.h"

extern const wg_objective wg_objective_finetune;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    (void)option;
    (void)refusal;
    return wg_token_mean_term(1.0, forget);
}

const wg_objective wg_objective_finetune = {
    .name = "finetune",
    .summary = "plain training on the data",
    .needs = WG_TRAINS_ONLY,
    .retain = WG_RETAIN_NONE,
    .term = term,
};
