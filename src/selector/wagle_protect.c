/* wagle_protect.c - wagle with the protect factor instead of the curvature:
 *   score = | (theta - gr P) * gf |
 * P: the protect factor of the matrix, on its input side (optim/factor.h); 1 for tensors without a
 * factor. grad_retain already contains gr P, because P mixes the weights of a row and a selector
 * gets one chunk at a time. */
#include "selector/selector.h"

#include <math.h>

extern const wg_selector wg_selector_wagle_protect;

static void score(const wg_score_chunk *c, float *score_out)
{
    for (int64_t i = 0; i < c->n; i++)
        score_out[i] = fabsf((c->theta[i] - c->grad_retain[i]) * c->grad_forget[i]);
}

const wg_selector wg_selector_wagle_protect = {
    .name = "wagle-protect",
    .summary = "wagle with the factors of the rows to protect (gamma protect)",
    .formula = "|(theta - gr P) gf|",
    .needs = WG_NEEDS_FORGET | WG_NEEDS_RETAIN_GRADIENT | WG_NEEDS_FACTORS,
    .score = score,
};
