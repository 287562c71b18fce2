/* gradient.c - score = |gf| (SalUn, Fan et al. 2024, arXiv 2310.12508) */
#include "selector/selector.h"

#include "base/number.h"
#include <math.h>

extern const wg_selector wg_selector_gradient;

static void score(const wg_score_chunk *c, float *score_out)
{
    for (int64_t i = 0; i < c->n; i++)
        score_out[i] = fabsf(c->grad_forget[i]);
}

const wg_selector wg_selector_gradient = {
    .name = "gradient",
    .summary = "size of the forget gradient",
    .formula = "|gf|",
    .source = "arXiv 2310.12508",
    .needs = WG_NEEDS_FORGET,
    .score = score,
};
