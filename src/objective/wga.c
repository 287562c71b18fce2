/* wga.c - weighted gradient ascent (Wang et al. 2025, arXiv 2502.19301):
 *   term = -mean p^beta nll, p = exp(-nll) held constant */
#include "objective/objective.h"

#include <math.h>

extern const wg_objective wg_objective_wga;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    double sum = 0;

    (void)refusal;
    for (int64_t i = 0; i < forget->n; i++) {
        const double weight = -exp(-option[0] * (double)forget->loss[i]) / (double)forget->n;
        forget->weight[i] = (wg_real)weight;
        sum += weight * (double)forget->loss[i];
    }
    return sum;
}

const wg_objective wg_objective_wga = {
    .name = "wga",
    .summary = "raise the loss on forget, tokens weighted by their probability",
    .formula = "-mean p^beta nll",
    .source = "arXiv 2502.19301",
    .needs = WG_BY_TOKEN,
    .options = {{"wga.beta", "exponent of the label's probability", 1, 0, 100}},
    .term = term,
};
