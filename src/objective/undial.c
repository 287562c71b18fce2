/* undial.c - self-distillation with adjusted logits (Dong et al. 2024, arXiv 2402.10052):
 * cross-entropy to softmax(reference logits - beta at the label), mean over label tokens. */
#include "objective/objective.h"

extern const wg_objective wg_objective_undial;

const wg_objective wg_objective_undial = {
    .name = "undial",
    .summary = "learn the untouched model with the label made unlikely",
    .needs = WG_BY_TOKEN,
    .token = WG_LOSS_REFERENCE,
    .options = {{"undial.beta", "subtracted from the label's logit", 10, 0, 1e6}},
    .term = wg_term_descent,
};
