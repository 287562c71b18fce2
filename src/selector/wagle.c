/* wagle.c - attribution score of WAGLE (Jia et al. 2024, arXiv 2410.17509, eq. for S_i):
 *   score = | theta*gf - (1/gamma)*gr*gf | */
#include "selector/selector.h"

#include "base/number.h"
#include <math.h>

extern const wg_selector wg_selector_wagle;

static void score(const wg_score_chunk *c, float *score_out)
{
    const float inverse = (float)(1.0 / c->gamma);

    for (int64_t i = 0; i < c->n; i++)
        score_out[i] = fabsf((c->theta[i] - inverse * c->grad_retain[i]) * c->grad_forget[i]);
}

const wg_selector wg_selector_wagle = {
    .name = "wagle",
    .summary = "influence on forgetting at equal retain loss (WAGLE)",
    .formula = "|theta gf - (1/gamma) gr gf|",
    .source = "arXiv 2410.17509",
    .needs = WG_NEEDS_FORGET | WG_NEEDS_RETAIN_GRADIENT | WG_NEEDS_GAMMA,
    .score = score,
};
