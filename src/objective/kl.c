/* kl.c - gradient ascent on forget; on retain, the KL divergence from the original model (TOFU,
 * Maini et al. 2024, arXiv 2401.06121): KL(reference || current), mean over all positions. */
#include "objective/objective.h"

extern const wg_objective wg_objective_kl;

const wg_objective wg_objective_kl = {
    .name = "kl",
    .summary = "raise the loss on forget; on retain, KL divergence from the original model",
    .formula = "-mean nll",
    .source = "arXiv 2401.06121",
    .needs = WG_BY_TOKEN,
    .retain = WG_RETAIN_KL,
    .term = wg_term_ascent,
};
