/* olmoe.c - OLMoE: mixtures of experts; q and k normalised across all heads (Muennighoff et al.
 * 2024, arXiv 2409.02060). */
#include "model/family.h"

extern const wg_family wg_family_olmoe;

const wg_family wg_family_olmoe = {
    .model_type = {"olmoe"},
    .models = "OLMoE",
    .source = "arXiv 2409.02060",
    .key =
        {
            WG_SIZES(50304, 2048, 2048, 16, 16, 4096),
            WG_GROUPS(0),
            WG_HEAD_DIM(0),
            WG_RMS_EPS(1e-5),
            WG_ROPE(1),
            WG_TIED(false),
            WG_ATTENTION_BIAS(false),
            WG_EXPERTS("num_experts|num_local_experts", 64, 8),
            WG_SUM_TO_ONE(false),
        },
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_PRE_NORMS,
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS(WG_CFG_BIAS),
            WG_USUAL_OUTPUT_BIAS(WG_CFG_BIAS),
            WG_VECTOR(WG_QUERY_NORM, WG_LAYER "self_attn.q_norm", Q),
            WG_VECTOR(WG_KEY_NORM, WG_LAYER "self_attn.k_norm", P),
            WG_USUAL_MIXTURE,
        },
    .must_be_off = {"output_router_logits", "clip_qkv"},
    .prefix = "model.",
    .fixed_head = true,
    .activation_key = "hidden_act",
    .activation = "silu",
};
