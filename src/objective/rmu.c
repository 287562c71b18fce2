/* rmu.c - representation misdirection (Li et al. 2024, arXiv 2403.03218): the output h of a layer
 * goes, at label positions, to a random direction of length coeff; on retain it stays the
 * reference's. Adaptive (Dang et al. 2024, arXiv 2408.06223): the length is scale times the mean
 * length of h. */
#include "objective/objective.h"

extern const wg_objective wg_objective_rmu;

const wg_objective wg_objective_rmu = {
    .name = "rmu",
    .summary = "misdirect a hidden layer on forget, hold it on retain",
    .retain = WG_RETAIN_HIDDEN,
    .token = WG_LOSS_HIDDEN,
    .options = {{"rmu.layer", "layer whose output is steered; -1: a third of the way up", -1, -1,
                 4095},
                {"rmu.coeff", "length of the direction", 6, 0, 1e6},
                {"rmu.adaptive", "length as a multiple of the untouched output's; 0: rmu.coeff", 0,
                 0, 1e6}},
};
