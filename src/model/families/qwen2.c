/* qwen2.c - Qwen 2, 2.5: biases on q, k and v (Yang et al. 2024, arXiv 2407.10671). */
#include "model/family.h"

extern const wg_family wg_family_qwen2;

const wg_family wg_family_qwen2 = {
    .model_type = {"qwen2"},
    .tensor = {WG_USUAL_ENDS, WG_USUAL_PRE_NORMS, WG_USUAL_ATTENTION, WG_USUAL_QKV_BIAS(NULL),
               WG_USUAL_MLP},
    .activation = "silu",
    .window_key = "use_sliding_window",
};
