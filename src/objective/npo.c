/* npo.c - negative preference optimisation (Zhang et al. 2024, arXiv 2404.05868), sequence form:
 *   term = (2/beta) * softplus(-beta * (sum nll - sum reference)) */
#include "objective/objective.h"

extern const wg_objective wg_objective_npo;

static double term(const double *option, const wg_real *nll, const wg_real *reference, int64_t n,
                   wg_real *weight)
{
    const double beta = option[0];
    const double margin = wg_sum(nll, n) - wg_sum(reference, n);

    wg_fill(weight, n, -2.0 * wg_sigmoid(-beta * margin));
    return 2.0 / beta * wg_softplus(-beta * margin);
}

const wg_objective wg_objective_npo = {
    .name = "npo",
    .summary = "negative preference optimisation, by sequence",
    .needs = WG_NEEDS_RETAIN | WG_NEEDS_REFERENCE_NLL,
    .options = {{"npo.beta", "strength of the preference", 0.1, 1e-6, 100}},
    .term = term,
};
