/* ga.c - gradient ascent (Jang et al. 2023, arXiv 2210.01504): term = -mean nll. */
#include "objective/objective.h"

extern const wg_objective wg_objective_ga;

const wg_objective wg_objective_ga = {
    .name = "ga",
    .summary = "raise the loss on forget; no retain term",
    .formula = "-mean nll",
    .source = "arXiv 2210.01504",
    .needs = WG_BY_TOKEN,
    .retain = WG_RETAIN_NONE,
    .term = wg_term_ascent,
};
