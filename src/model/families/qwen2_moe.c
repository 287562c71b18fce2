/* qwen2_moe.c - Qwen 1.5 and 2 with mixtures of experts, beside which a shared expert sees every
 * token (Yang et al. 2024, arXiv 2407.10671). */
#include "model/family.h"

extern const wg_family wg_family_qwen2_moe;

const wg_family wg_family_qwen2_moe = {
    .model_type = {"qwen2_moe"},
    .models = "Qwen 1.5-MoE, Qwen 2 57B-A14B",
    .source = "arXiv 2407.10671",
    .key =
        {
            WG_SIZES(151936, 2048, 5632, 24, 16, 32768),
            WG_GROUPS(16),
            WG_HEAD_DIM(0),
            WG_RMS_EPS(1e-6),
            WG_ROPE(1),
            WG_TIED(false),
            [WG_CFG_BIAS] = {"qkv_bias", true, false},
            WG_EXPERTS("num_experts", 60, 4),
            WG_EXPERT_SIZE(1408),
            [WG_CFG_SHARED_F] = {"shared_expert_intermediate_size", 5632, false},
            WG_MIXTURE_EVERY,
            WG_SUM_TO_ONE(false),
        },
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_PRE_NORMS,
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS(WG_CFG_BIAS),
            WG_USUAL_MLP,
            WG_USUAL_MIXTURE,
            WG_MATRIX(WG_SHARED_SCALE, WG_LAYER "mlp.shared_expert_gate", 1, D),
            WG_MATRIX(WG_SHARED_GATE, WG_LAYER "mlp.shared_expert.gate_proj", FS, D),
            WG_MATRIX(WG_SHARED_UP, WG_LAYER "mlp.shared_expert.up_proj", FS, D),
            WG_MATRIX(WG_SHARED_DOWN, WG_LAYER "mlp.shared_expert.down_proj", D, FS),
        },
    .must_be_off = {"output_router_logits", "use_sliding_window"},
    .prefix = "model.",
    .activation_key = "hidden_act",
    .layer_types = true,
    .mlp_only_layers = true,
    .activation = "silu",
};
