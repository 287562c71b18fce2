/* l1_sparse.c - ft with a penalty on the L1 norm of the trained weights (Jia et al. 2023, arXiv
 * 2304.04934). */
#include "objective/objective.h"

extern const wg_objective wg_objective_l1_sparse;

const wg_objective wg_objective_l1_sparse = {
    .name = "l1-sparse",
    .summary = "train on the retain rows, with an L1 penalty on the trained weights",
    .formula = "weight |theta|_1",
    .source = "arXiv 2304.04934",
    .needs = WG_WITHOUT_FORGET | WG_SPARSE,
    .options = {{"l1.weight", "weight of the L1 norm of the trained weights", 1e-5, 0, 1e3}},
};
