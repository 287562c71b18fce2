/* simnpo.c - npo without a reference, by token mean (Fan et al. 2024, arXiv 2410.07163):
 *   term = (2/beta) * softplus(-beta * (mean nll - delta)) */
#include "objective/objective.h"

extern const wg_objective wg_objective_simnpo;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    const double beta = option[0], count = (double)forget->n;
    const double margin = wg_sum(forget->loss, forget->n) / count - option[1];

    (void)refusal;
    wg_fill(forget->weight, forget->n, -2.0 * wg_sigmoid(-beta * margin) / count);
    return 2.0 / beta * wg_softplus(-beta * margin);
}

const wg_objective wg_objective_simnpo = {
    .name = "simnpo",
    .summary = "negative preference optimisation without a reference model",
    .formula = "(2/beta) softplus(-beta (mean nll - delta))",
    .source = "arXiv 2410.07163",
    .options = {{"simnpo.beta", "inverse temperature: larger stops sooner", 2.5, 1e-6, 100},
                {"simnpo.delta", "margin, in nats for each token", 0, -100, 100}},
    .term = term,
};
