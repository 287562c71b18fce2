/* qwen3_moe.c - Qwen 3 with mixtures of experts (Yang et al. 2025, arXiv 2505.09388). */
#include "model/family.h"

extern const wg_family wg_family_qwen3_moe;

const wg_family wg_family_qwen3_moe = {
    .model_type = {"qwen3_moe"},
    .models = "Qwen 3 30B-A3B, 235B-A22B",
    .source = "arXiv 2505.09388",
    .key =
        {
            WG_SIZES(151936, 2048, 6144, 24, 32, 32768),
            WG_GROUPS(4),
            WG_HEAD_DIM(0),
            WG_RMS_EPS(1e-6),
            WG_ROPE(1),
            WG_TIED(false),
            WG_ATTENTION_BIAS(false),
            [WG_CFG_USE_WINDOW] = {"use_sliding_window", false, false},
            [WG_CFG_WINDOW] = {"sliding_window", 4096, true},
            WG_EXPERTS("num_experts|num_local_experts", 128, 8),
            WG_EXPERT_SIZE(768),
            WG_MIXTURE_EVERY,
            WG_SUM_TO_ONE(false),
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
            WG_USUAL_MIXTURE,
        },
    .must_be_off = {"output_router_logits"},
    .prefix = "model.",
    .activation_key = "hidden_act",
    .mlp_only_layers = true,
    .activation = "silu",
};
