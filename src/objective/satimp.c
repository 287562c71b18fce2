/* satimp.c - saturation and importance (Yang et al. 2025, arXiv 2505.11953):
 *   term = -mean p^beta1 (1-p)^beta2 nll, with constant weights */
#include "objective/objective.h"

#include <math.h>

extern const wg_objective wg_objective_satimp;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    double sum = 0;

    (void)refusal;
    for (int64_t i = 0; i < forget->n; i++) {
        const double nll = (double)forget->loss[i], rest = -expm1(-nll);
        const double weight = -exp(-option[0] * nll) * pow(rest, option[1]) / (double)forget->n;
        forget->weight[i] = (wg_real)weight;
        sum += weight * nll;
    }
    return sum;
}

const wg_objective wg_objective_satimp = {
    .name = "satimp",
    .summary = "raise the loss on forget, tokens weighted by saturation and importance",
    .formula = "-mean p^beta1 (1-p)^beta2 nll",
    .source = "arXiv 2505.11953",
    .needs = WG_BY_TOKEN,
    .options = {{"satimp.beta1", "exponent of p, the label's probability", 5, 0, 100},
                {"satimp.beta2", "exponent of 1-p", 1, 0, 100}},
    .term = term,
};
