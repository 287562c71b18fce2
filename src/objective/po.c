/* po.c - preference optimisation (TOFU, Maini et al. 2024, arXiv 2401.06121): learns to refuse;
 * term = mean nll of the refusal. */
#include "objective/objective.h"

extern const wg_objective wg_objective_po;

const wg_objective wg_objective_po = {
    .name = "po",
    .summary = "learn refusals (of a file, or 50 built-in ones) as answers to the forget rows",
    .formula = "mean nll of the refusal",
    .source = "arXiv 2401.06121",
    .needs = WG_NEEDS_REFUSALS | WG_WITHOUT_FORGET | WG_BY_TOKEN,
    .term = wg_term_refusal,
};
