/* qwen3.c - Qwen 3: each head of q and k is normalised (Yang et al. 2025, arXiv 2505.09388). */
#include "model/family.h"

extern const wg_family wg_family_qwen3;

const wg_family wg_family_qwen3 = {
    .model_type = {"qwen3"},
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_PRE_NORMS,
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS("attention_bias"),
            WG_USUAL_OUTPUT_BIAS("attention_bias"),
            WG_HEAD_NORMS,
            WG_USUAL_MLP,
        },
    .activation = "silu",
    .window_key = "use_sliding_window",
};
