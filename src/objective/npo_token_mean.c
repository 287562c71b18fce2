/* npo_token_mean.c - npo with token means in place of sums, as the reference code of WAGLE computes
 * it. */
#include "objective/objective.h"

extern const wg_objective wg_objective_npo_token_mean;

static double term(const double *option, const wg_real *nll, const wg_real *reference, int64_t n,
                   wg_real *weight)
{
    const double beta = option[0], count = (double)n;
    const double margin = (wg_sum(nll, n) - wg_sum(reference, n)) / count;

    wg_fill(weight, n, -2.0 * wg_sigmoid(-beta * margin) / count);
    return 2.0 / beta * wg_softplus(-beta * margin);
}

const wg_objective wg_objective_npo_token_mean = {
    .name = "npo-token-mean",
    .summary = "negative preference optimisation, by token mean",
    .needs = WG_NEEDS_RETAIN | WG_NEEDS_REFERENCE_NLL,
    .options = {{"npo.beta", "strength of the preference", 0.1, 1e-6, 100}},
    .term = term,
};
