/* mixtral.c - Mixtral 8x7B, 8x22B: Mistral, whose feed-forward layers are mixtures of experts
 * (Jiang et al. 2024, arXiv 2401.04088). */
#include "model/family.h"

extern const wg_family wg_family_mixtral;

const wg_family wg_family_mixtral = {
    .model_type = {"mixtral"},
    .models = "Mixtral",
    .source = "arXiv 2401.04088",
    .key =
        {
            WG_SIZES(32000, 4096, 14336, 32, 32, 131072),
            WG_GROUPS(8),
            WG_HEAD_DIM(0),
            WG_RMS_EPS(1e-5),
            WG_ROPE_FROM(1, 1e6),
            WG_TIED(false),
            [WG_CFG_WINDOW] = {"sliding_window", 0, true},
            WG_EXPERTS("num_local_experts|num_experts", 8, 2),
            [WG_CFG_SUM_TO_ONE] = {NULL, true, false},
        },
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_PRE_NORMS,
            WG_USUAL_ATTENTION,
            WG_MATRIX(WG_ROUTER, WG_LAYER "block_sparse_moe.gate", X, D),
            WG_MATRIX(WG_EXPERT_GATE, WG_LAYER "block_sparse_moe.experts.%d.w1", FX, D),
            WG_MATRIX(WG_EXPERT_UP, WG_LAYER "block_sparse_moe.experts.%d.w3", FX, D),
            WG_MATRIX(WG_EXPERT_DOWN, WG_LAYER "block_sparse_moe.experts.%d.w2", D, FX),
        },
    .must_be_off = {"output_router_logits", "router_jitter_noise"},
    .prefix = "model.",
    .activation_key = "hidden_act",
    .activation = "silu",
};
