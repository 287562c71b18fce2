/* rmu.c - representation misdirection (Li et al. 2024, arXiv 2403.03218). On forget, the output h
 * of a layer at label positions is moved to a random vector of length coeff; on retain, h is kept
 * at the reference's. Adaptive variant (Dang et al. 2024, arXiv 2408.06223): the length is scale
 * times the mean length of h. */
#include "objective/objective.h"

extern const wg_objective wg_objective_rmu;

const wg_objective wg_objective_rmu = {
    .name = "rmu",
    .summary = "move a hidden layer to a random direction on forget, hold it on retain",
    .formula = "mean |h - c u|^2, u a random direction",
    .source = "arXiv 2403.03218",
    .retain = WG_RETAIN_HIDDEN,
    .token = WG_LOSS_HIDDEN,
    .options = {{"rmu.layer", "layer whose output is moved; -1 is a third of the way up", -1, -1,
                 4095},
                {"rmu.coeff", "length of the random direction", 6, 0, 1e6},
                {"rmu.adaptive", "length as a multiple of the original output's; 0 uses rmu-coeff",
                 0, 0, 1e6}},
};
