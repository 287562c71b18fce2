/* olmo2.c - OLMo 2: norms after attention and feed-forward layer, none before; q and k normalised
 * across all heads (OLMo Team 2024, arXiv 2501.00656). */
#include "model/family.h"

extern const wg_family wg_family_olmo2;

const wg_family wg_family_olmo2 = {
    .model_type = {"olmo2"},
    .models = "OLMo 2",
    .source = "arXiv 2501.00656",
    .key =
        {
            WG_SIZES(50304, 4096, 11008, 32, 32, 2048),
            WG_GROUPS(0),
            WG_HEAD_DIM(0),
            WG_RMS_EPS(1e-5),
            WG_ROPE(1),
            WG_TIED(false),
            WG_ATTENTION_BIAS(false),
        },
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS(WG_CFG_BIAS),
            WG_USUAL_OUTPUT_BIAS(WG_CFG_BIAS),
            WG_VECTOR(WG_QUERY_NORM, WG_LAYER "self_attn.q_norm", Q),
            WG_VECTOR(WG_KEY_NORM, WG_LAYER "self_attn.k_norm", P),
            WG_USUAL_POST_NORMS,
            WG_USUAL_MLP,
        },
    .prefix = "model.",
    .activation_key = "hidden_act",
    .activation = "silu",
};
