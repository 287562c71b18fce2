/* altpo.c - alternate preference optimisation (Mekala et al. 2024, arXiv 2409.13474): dpo that
 * prefers another plausible answer to the forget answer. Without --refusal, the model generates
 * these answers. */
#include "objective/objective.h"

extern const wg_objective wg_objective_altpo;

const wg_objective wg_objective_altpo = {
    .name = "altpo",
    .summary = "prefer other answers (a file of them, or written by the model itself)",
    .formula = "as dpo",
    .source = "arXiv 2409.13474",
    .needs = WG_NEEDS_REFERENCE | WG_NEEDS_REFUSALS | WG_MAKES_ALTERNATES,
    .options = {{"dpo.beta", "how strongly refusals are preferred", 0.1, 1e-6, 100}},
    .term = wg_term_preference,
};
