/* ga.c - gradient ascent (Jang et al. 2023, arXiv 2210.01504): term = -mean nll. */
#include "objective/objective.h"

extern const wg_objective wg_objective_ga;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    (void)option;
    (void)refusal;
    return wg_token_mean_term(-1.0, forget);
}

const wg_objective wg_objective_ga = {
    .name = "ga",
    .summary = "gradient ascent on the forget set alone",
    .retain = WG_RETAIN_NONE,
    .term = term,
};
