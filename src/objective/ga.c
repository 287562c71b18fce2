/* ga.c - gradient ascent (Jang et al. 2023, arXiv 2210.01504): term = -mean nll. */
#include "objective/objective.h"

extern const wg_objective wg_objective_ga;

static double term(const double *option, const wg_real *nll, const wg_real *reference, int64_t n,
                   wg_real *weight)
{
    (void)option;
    (void)reference;
    return wg_token_mean_term(-1.0, nll, n, weight);
}

const wg_objective wg_objective_ga = {
    .name = "ga",
    .summary = "gradient ascent on the forget set alone",
    .term = term,
};
