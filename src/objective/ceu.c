/* ceu.c - cross-entropy unlearning (Yang 2025, arXiv 2503.01224): cross-entropy to the current
 * softmax without the label, held constant; mean over the label tokens after the first few. */
#include "objective/objective.h"

extern const wg_objective wg_objective_ceu;

static double term(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    const int64_t skip = (int64_t)option[0] < forget->n ? (int64_t)option[0] : forget->n - 1;
    const int64_t n = forget->n - skip;

    (void)refusal;
    wg_fill(forget->weight, skip, 0);
    wg_fill(forget->weight + skip, n, 1.0 / (double)n);
    return wg_sum(forget->loss + skip, n) / (double)n;
}

const wg_objective wg_objective_ceu = {
    .name = "ceu",
    .summary = "learn the current model's distribution without the label",
    .formula = "mean cross-entropy to softmax(logits) without the label",
    .source = "arXiv 2503.01224",
    .needs = WG_BY_TOKEN,
    .token = WG_LOSS_WITHOUT,
    .options = {{"ceu.skip", "label tokens at the start of an answer that are left out", 1, 0,
                 1e6}},
    .term = term,
};
