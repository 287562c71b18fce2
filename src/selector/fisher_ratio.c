/* fisher_ratio.c - importance for forget over importance for retain (selective synaptic dampening,
 * Foster et al. 2023, arXiv 2308.07707).  score = F_forget / (F_retain + 1e-12) */
#include "selector/selector.h"

#include <math.h>

extern const wg_selector wg_selector_fisher_ratio;

static void score(const wg_score_chunk *c, float *score_out)
{
    for (int64_t i = 0; i < c->n; i++)
        score_out[i] = (float)((double)c->fisher_forget[i] / ((double)c->fisher_retain[i] + 1e-12));
}

const wg_selector wg_selector_fisher_ratio = {
    .name = "fisher-ratio",
    .summary = "Fisher diagonal of forget over that of retain",
    .formula = "F_forget / F_retain",
    .source = "arXiv 2308.07707",
    .needs = WG_NEEDS_FORGET | WG_NEEDS_FORGET_FISHER | WG_NEEDS_RETAIN_FISHER,
    .score = score,
};
