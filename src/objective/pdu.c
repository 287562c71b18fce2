/* pdu.c - primal-dual unlearning, after Entesari et al. 2025 (arXiv 2506.05314): forget under the
 * constraint retain loss <= bound, with the multiplier alpha:
 *   alpha = max(0, alpha + rate * (retain loss - bound)) after each step
 * The paper's forget term flattens logits; ours is gradient ascent. */
#include "objective/objective.h"

extern const wg_objective wg_objective_pdu;

const wg_objective wg_objective_pdu = {
    .name = "pdu",
    .summary = "raise the loss on forget under a bound on the retain loss",
    .formula = "-mean nll; after each update alpha = max(0, alpha + rate (retain loss - bound))",
    .source = "arXiv 2506.05314",
    .needs = WG_ADAPTS_ALPHA | WG_BY_TOKEN,
    .options = {{"pdu.bound", "bound on the retain loss, in nats", 1, 0, 1e3},
                {"pdu.rate", "step size of alpha", 0.5, 0, 1e3}},
    .term = wg_term_ascent,
};
