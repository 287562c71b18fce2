/* magnitude.c - score = |theta| (Han et al. 2015, arXiv 1506.02626) */
#include "selector/selector.h"

#include "base/number.h"
#include <math.h>

extern const wg_selector wg_selector_magnitude;

static void score(const wg_score_chunk *c, float *score_out)
{
    for (int64_t i = 0; i < c->n; i++)
        score_out[i] = fabsf(c->theta[i]);
}

const wg_selector wg_selector_magnitude = {
    .name = "magnitude",
    .summary = "size of the weight",
    .formula = "|theta|",
    .source = "arXiv 1506.02626",
    .needs = 0,
    .score = score,
};
