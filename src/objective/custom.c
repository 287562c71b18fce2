/* custom.c - token weights from the rows: term = mean token_weights nll. A row without weights uses
 * gradient ascent. */
#include "objective/objective.h"

extern const wg_objective wg_objective_custom;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    double sum = 0;

    if (forget->given == NULL)
        return wg_term_ascent(option, forget, refusal);
    for (int64_t i = 0; i < forget->n; i++) {
        forget->weight[i] = (wg_real)((double)forget->given[i] / (double)forget->n);
        sum += (double)forget->weight[i] * (double)forget->loss[i];
    }
    return sum;
}

const wg_objective wg_objective_custom = {
    .name = "custom",
    .summary = "use the token weights in the rows (token_weights)",
    .formula = "mean token_weight nll",
    .needs = WG_BY_TOKEN,
    .term = term,
};
