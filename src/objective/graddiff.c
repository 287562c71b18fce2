/* graddiff.c - gradient difference (Liu et al. 2022, arXiv 2203.12817): ascent on forget, descent
 * on retain. */
#include "objective/objective.h"

extern const wg_objective wg_objective_graddiff;

const wg_objective wg_objective_graddiff = {
    .name = "graddiff",
    .summary = "raise the loss on forget, lower it on retain",
    .formula = "-mean nll",
    .source = "arXiv 2203.12817",
    .needs = WG_BY_TOKEN,
    .term = wg_term_ascent,
};
