/* graddiff.c - gradient difference (Liu et al. 2022, arXiv 2203.12817): ascent on forget, descent
 * on retain. */
#include "objective/objective.h"

extern const wg_objective wg_objective_graddiff;

static double term(const double *option, const wg_real *nll, const wg_real *reference, int64_t n,
                   wg_real *weight)
{
    (void)option;
    (void)reference;
    return wg_token_mean_term(-1.0, nll, n, weight);
}

const wg_objective wg_objective_graddiff = {
    .name = "graddiff",
    .summary = "gradient ascent on forget, descent on retain",
    .needs = WG_NEEDS_RETAIN,
    .term = term,
};
