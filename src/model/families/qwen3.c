/* qwen3.c - Qwen 3: each head of q and k is normalised (Yang et al. 2025, arXiv 2505.09388). */
#include "model/family.h"

extern const wg_family wg_family_qwen3;

const wg_family wg_family_qwen3 = {
    .model_type = {"qwen3"},
    .models = "Qwen 3",
    .source = "arXiv 2505.09388",
    .key =
        {
            WG_SIZES(151936, 4096, 22016, 32, 32, 32768),
            WG_GROUPS(32),
            WG_HEAD_DIM(128),
            WG_RMS_EPS(1e-6),
            WG_ROPE(1),
            WG_TIED(false),
            WG_ATTENTION_BIAS(false),
            WG_QWEN_WINDOW,
        },
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_PRE_NORMS,
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS(WG_CFG_BIAS),
            WG_USUAL_OUTPUT_BIAS(WG_CFG_BIAS),
            WG_HEAD_NORMS,
            WG_USUAL_MLP,
        },
    .prefix = "model.",
    .activation_key = "hidden_act",
    .layer_types = true,
    .activation = "silu",
};
