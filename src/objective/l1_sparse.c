/* l1_sparse.c - ft with a penalty on the L1 norm of the trained weights (Jia et al. 2023, arXiv
 * 2304.04934). */
#include "objective/objective.h"

extern const wg_objective wg_objective_l1_sparse;

const wg_objective wg_objective_l1_sparse = {
    .name = "l1-sparse",
    .summary = "ft, and a penalty on the size of the trained weights",
    .needs = WG_WITHOUT_FORGET | WG_SPARSE,
    .options = {{"l1.weight", "of the L1 norm of the trained weights", 1e-5, 0, 1e3}},
};
