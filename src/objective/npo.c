/* npo.c - negative preference optimisation (Zhang et al. 2024, arXiv 2404.05868), sequence form:
 *   term = (2/beta) * softplus(-beta * (sum nll - sum reference)) */
#include "objective/objective.h"

extern const wg_objective wg_objective_npo;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    const double beta = option[0], margin = wg_excess(forget);

    (void)refusal;
    wg_fill(forget->weight, forget->n, -2.0 * wg_sigmoid(-beta * margin));
    return 2.0 / beta * wg_softplus(-beta * margin);
}

const wg_objective wg_objective_npo = {
    .name = "npo",
    .summary = "negative preference optimisation, by whole answer",
    .formula = "(2/beta) softplus(-beta (sum nll - sum reference nll))",
    .source = "arXiv 2404.05868",
    .needs = WG_NEEDS_REFERENCE,
    .options = {{"npo.beta", "inverse temperature: larger stops sooner", 0.1, 1e-6, 100}},
    .term = term,
};
