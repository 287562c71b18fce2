/* random.c - uniform random scores */
#include "selector/selector.h"

#include "base/number.h"
#include <math.h>

extern const wg_selector wg_selector_random;

static void score(const wg_score_chunk *c, float *score_out)
{
    for (int64_t i = 0; i < c->n; i++)
        score_out[i] =
            (float)(wg_random(c->seed, (uint64_t)c->tensor, (uint64_t)(c->first + i)) >> 40);
}

const wg_selector wg_selector_random = {
    .name = "random",
    .summary = "random scores, by the seed",
    .formula = "uniform",
    .needs = 0,
    .score = score,
};
