/* undial.c - self-distillation with adjusted logits (Dong et al. 2024, arXiv 2402.10052):
 * cross-entropy to softmax(reference logits - beta at the label), mean over label tokens. */
#include "objective/objective.h"

extern const wg_objective wg_objective_undial;

const wg_objective wg_objective_undial = {
    .name = "undial",
    .summary = "learn the original model's distribution with the label made less likely",
    .formula = "mean cross-entropy to softmax(reference logits - beta at the label)",
    .source = "arXiv 2402.10052",
    .needs = WG_BY_TOKEN,
    .token = WG_LOSS_REFERENCE,
    .options = {{"undial.beta", "amount subtracted from the label's logit", 10, 0, 1e6}},
    .term = wg_term_descent,
};
