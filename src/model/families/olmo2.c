/* olmo2.c - OLMo 2: norms after attention and feed-forward layer, none before; q and k normalised
 * across all heads (OLMo Team 2024, arXiv 2501.00656). */
#include "model/family.h"

extern const wg_family wg_family_olmo2;

const wg_family wg_family_olmo2 = {
    .model_type = {"olmo2"},
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_ATTENTION,
            WG_VECTOR(WG_QUERY_NORM, WG_LAYER "self_attn.q_norm", Q),
            WG_VECTOR(WG_KEY_NORM, WG_LAYER "self_attn.k_norm", P),
            WG_USUAL_POST_NORMS,
            WG_USUAL_MLP,
        },
    .must_be_off = {"attention_bias"},
    .activation = "silu",
    .eps = 1e-5,
};
