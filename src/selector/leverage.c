/* leverage.c - the gain of a weight for forgetting per harm to the retain set: the largest
 * first-order gain at fixed second-order harm.  score = gf^2 / (F + damping*mean F) */
#include "selector/selector.h"

#include <math.h>

extern const wg_selector wg_selector_leverage;

static void score(const wg_score_chunk *c, float *score_out)
{
    for (int64_t i = 0; i < c->n; i++) {
        const double gain = (double)c->grad_forget[i];
        score_out[i] = (float)(gain * gain / ((double)c->fisher_retain[i] + c->damping));
    }
}

const wg_selector wg_selector_leverage = {
    .name = "leverage",
    .summary = "most forgetting for the least change of the retain loss",
    .formula = "gf^2 / (F + damping mean F)",
    .needs = WG_NEEDS_FORGET | WG_NEEDS_RETAIN_FISHER | WG_NEEDS_MEAN_FISHER,
    .score = score,
};
