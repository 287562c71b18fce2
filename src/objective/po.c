/* po.c - preference optimisation (TOFU, Maini et al. 2024, arXiv 2401.06121): learn to refuse. term
 * = mean nll of the refusal. */
#include "objective/objective.h"

extern const wg_objective wg_objective_po;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    (void)option;
    (void)forget;
    return wg_token_mean_term(1.0, refusal);
}

const wg_objective wg_objective_po = {
    .name = "po",
    .summary = "answer the forget set by refusals (--refusal FILE)",
    .needs = WG_NEEDS_REFUSALS | WG_WITHOUT_FORGET,
    .term = term,
};
