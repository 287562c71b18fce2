/* po.c - preference optimisation (TOFU, Maini et al. 2024, arXiv 2401.06121): learn to refuse. term
 * = mean nll of the refusal. */
#include "objective/objective.h"

extern const wg_objective wg_objective_po;

static double term(const double *option, const wg_real *nll, const wg_real *reference, int64_t n,
                   wg_real *weight)
{
    (void)option;
    (void)reference;
    return wg_token_mean_term(1.0, nll, n, weight);
}

const wg_objective wg_objective_po = {
    .name = "po",
    .summary = "answer the forget set by refusals (--refusal FILE)",
    .needs = WG_NEEDS_RETAIN | WG_NEEDS_REFUSALS,
    .term = term,
};
