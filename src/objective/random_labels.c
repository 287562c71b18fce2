/* random_labels.c - random labels (Golatkar et al. 2020, arXiv 1911.04933, for language models Yao
 * et al. 2024, arXiv 2310.10683): term = mean nll of labels drawn anew each epoch. */
#include "objective/objective.h"

extern const wg_objective wg_objective_random_labels;

const wg_objective wg_objective_random_labels = {
    .name = "rl",
    .summary = "learn random labels on the forget rows",
    .formula = "mean nll of labels drawn anew each epoch",
    .source = "arXiv 1911.04933",
    .needs = WG_NEEDS_REFUSALS | WG_RANDOM_LABELS | WG_WITHOUT_FORGET | WG_BY_TOKEN,
    .term = wg_term_refusal,
};
