/* altpo.c - alternate preference optimisation (Mekala et al. 2024, arXiv 2409.13474): dpo of
 * another plausible answer over the forget answer. Without --refusal the model itself makes the
 * others. */
#include "objective/objective.h"

extern const wg_objective wg_objective_altpo;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    const double beta = option[0], margin = wg_excess(forget) - wg_excess(refusal);
    const double slope = 2.0 * wg_sigmoid(-beta * margin);

    wg_fill(forget->weight, forget->n, -slope);
    wg_fill(refusal->weight, refusal->n, slope);
    return 2.0 / beta * wg_softplus(-beta * margin);
}

const wg_objective wg_objective_altpo = {
    .name = "altpo",
    .summary = "prefer alternate answers, of a file or of the model itself",
    .needs = WG_NEEDS_REFERENCE | WG_NEEDS_REFUSALS | WG_MAKES_ALTERNATES,
    .options = {{"dpo.beta", "strength of the preference", 0.1, 1e-6, 100}},
    .term = term,
};
