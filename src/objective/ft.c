/* ft.c - training on the retain set only; the forget set is forgotten as a side effect (Warnecke et
 * al. 2021, arXiv 2108.11577). */
#include "objective/objective.h"

extern const wg_objective wg_objective_ft;

const wg_objective wg_objective_ft = {
    .name = "ft",
    .summary = "train on the retain rows only",
    .formula = "none",
    .source = "arXiv 2108.11577",
    .needs = WG_WITHOUT_FORGET,
};
