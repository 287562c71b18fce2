/* npo_token_mean.c - npo with token means instead of sums, as in the reference code of WAGLE. */
#include "objective/objective.h"

extern const wg_objective wg_objective_npo_token_mean;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    const double beta = option[0], count = (double)forget->n, margin = wg_excess(forget) / count;

    (void)refusal;
    wg_fill(forget->weight, forget->n, -2.0 * wg_sigmoid(-beta * margin) / count);
    return 2.0 / beta * wg_softplus(-beta * margin);
}

const wg_objective wg_objective_npo_token_mean = {
    .name = "npo-token-mean",
    .summary = "negative preference optimisation, by token mean, as in WAGLE's own code",
    .formula = "(2/beta) softplus(-beta (mean nll - mean reference nll))",
    .source = "arXiv 2410.17509",
    .needs = WG_NEEDS_REFERENCE,
    .options = {{"npo.beta", "inverse temperature: larger stops sooner", 0.1, 1e-6, 100}},
    .term = term,
};
