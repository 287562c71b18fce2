/* snip.c - score = |theta*gf| (Lee et al. 2019, arXiv 1810.02340) */
#include "selector/selector.h"

#include "base/number.h"
#include <math.h>

extern const wg_selector wg_selector_snip;

static void score(const wg_score_chunk *c, float *score_out)
{
    for (int64_t i = 0; i < c->n; i++)
        score_out[i] = fabsf(c->theta[i] * c->grad_forget[i]);
}

const wg_selector wg_selector_snip = {
    .name = "snip",
    .summary = "first-order effect of removing the weight",
    .formula = "|theta gf|",
    .source = "arXiv 1810.02340",
    .needs = WG_NEEDS_FORGET,
    .score = score,
};
