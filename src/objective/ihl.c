/* ihl.c - inverted hinge loss (LoKU, Cha et al. 2024, arXiv 2408.06621):
 *   term = mean of 1 + p(label) - the largest p of any other token */
#include "objective/objective.h"

extern const wg_objective wg_objective_ihl;

const wg_objective wg_objective_ihl = {
    .name = "ihl",
    .summary = "inverted hinge loss: the second likeliest token replaces the label",
    .formula = "mean 1 + p(label) - largest p of another token",
    .source = "arXiv 2408.06621",
    .needs = WG_BY_TOKEN,
    .token = WG_LOSS_HINGE,
    .term = wg_term_descent,
};
