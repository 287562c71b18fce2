/* wagle_diag.c - wagle with one curvature per weight:
 *   score = | (theta - (gr/n_r) / (F + damping*mean F)) * gf |
 * F: diagonal empirical Fisher of the retain set. */
#include "selector/selector.h"

#include <math.h>

extern const wg_selector wg_selector_wagle_diag;

static void score(const wg_score_chunk *c, float *score_out)
{
    for (int64_t i = 0; i < c->n; i++) {
        const double curvature = (double)c->fisher_retain[i] + c->damping;
        const double shift = (double)c->grad_retain[i] / c->n_retain / curvature;
        score_out[i] = (float)fabs(((double)c->theta[i] - shift) * (double)c->grad_forget[i]);
    }
}

const wg_selector wg_selector_wagle_diag = {
    .name = "wagle-diag",
    .summary = "wagle with each weight's own curvature (gamma diag)",
    .formula = "|(theta - gr / (n (F + damping mean F))) gf|, n retain rows",
    .needs =
        WG_NEEDS_FORGET | WG_NEEDS_RETAIN_GRADIENT | WG_NEEDS_RETAIN_FISHER | WG_NEEDS_MEAN_FISHER,
    .score = score,
};
