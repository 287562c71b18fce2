/* dpo.c - direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290) that prefers the
 * refusal to the forget answer, scaled like npo:
 *   term = (2/beta) * softplus(-beta * (margin(forget answer) - margin(refusal))),
 *   margin = sum nll - sum reference */
#include "objective/objective.h"

extern const wg_objective wg_objective_dpo;

const wg_objective wg_objective_dpo = {
    .name = "dpo",
    .summary = "prefer refusals (of a file, or 50 built-in ones) to the forget answers",
    .formula = "(2/beta) softplus(-beta (margin of the answer - margin of the refusal)), margin = "
               "sum nll - sum reference nll",
    .source = "arXiv 2305.18290",
    .needs = WG_NEEDS_REFERENCE | WG_NEEDS_REFUSALS,
    .options = {{"dpo.beta", "how strongly refusals are preferred", 0.1, 1e-6, 100}},
    .term = wg_term_preference,
};
