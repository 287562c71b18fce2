/* graddiff.c - gradient difference (Liu et al. 2022, arXiv 2203.12817): ascent on forget, descent
 * on retain. */
#include "objective/objective.h"

extern const wg_objective wg_objective_graddiff;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    (void)option;
    (void)refusal;
    return wg_token_mean_term(-1.0, forget);
}

const wg_objective wg_objective_graddiff = {
    .name = "graddiff",
    .summary = "gradient ascent on forget, descent on retain",
    .term = term,
};
