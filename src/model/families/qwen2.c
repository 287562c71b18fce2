/* qwen2.c - Qwen 2, 2.5: biases on q, k and v (Yang et al. 2024, arXiv 2407.10671). */
#include "model/family.h"

extern const wg_family wg_family_qwen2;

const wg_family wg_family_qwen2 = {
    .model_type = {"qwen2"},
    .models = "Qwen 2, 2.5",
    .source = "arXiv 2407.10671",
    .key =
        {
            WG_SIZES(151936, 4096, 22016, 32, 32, 32768),
            WG_GROUPS(32),
            WG_HEAD_DIM(0),
            WG_RMS_EPS(1e-6),
            WG_ROPE(1),
            WG_TIED(false),
            WG_QWEN_WINDOW,
        },
    .tensor = {WG_USUAL_ENDS, WG_USUAL_PRE_NORMS, WG_USUAL_ATTENTION, WG_USUAL_QKV_BIAS(0),
               WG_USUAL_MLP},
    .prefix = "model.",
    .activation_key = "hidden_act",
    .layer_types = true,
    .activation = "silu",
};
