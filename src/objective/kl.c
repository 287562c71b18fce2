/* kl.c - ascent on forget, and on retain the divergence from the untouched model (TOFU, Maini et
 * al. 2024, arXiv 2401.06121): KL(reference || current), mean over all positions. */
#include "objective/objective.h"

extern const wg_objective wg_objective_kl;

const wg_objective wg_objective_kl = {
    .name = "kl",
    .summary = "gradient ascent on forget, KL to the untouched model on retain",
    .needs = WG_BY_TOKEN,
    .retain = WG_RETAIN_KL,
    .term = wg_term_ascent,
};
