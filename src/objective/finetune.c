/* finetune.c - plain training: term = mean nll. */
#include "objective/objective.h"

extern const wg_objective wg_objective_finetune;

const wg_objective wg_objective_finetune = {
    .name = "finetune",
    .summary = "plain training on the rows",
    .formula = "mean nll",
    .needs = WG_TRAINS_ONLY | WG_BY_TOKEN,
    .retain = WG_RETAIN_NONE,
    .term = wg_term_descent,
};
