/* wanda.c - magnitude times input norm (Sun et al. 2023, arXiv 2306.11695); only for matrices.
 *   score_ij = |W_ij| * ||X_j||_2 over all forget tokens */
#include "selector/selector.h"

#include <math.h>

extern const wg_selector wg_selector_wanda;

static void score(const wg_score_chunk *c, float *score_out)
{
    for (int64_t i = 0; i < c->n; i++)
        score_out[i] = fabsf(c->theta[i]) * c->input[i];
}

const wg_selector wg_selector_wanda = {
    .name = "wanda",
    .summary = "size of the weight times the norm of its input; matrices only",
    .formula = "|W_ij| ||X_j||",
    .source = "arXiv 2306.11695",
    .needs = WG_NEEDS_INPUTS,
    .score = score,
};
