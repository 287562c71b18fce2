/* olmo.c - OLMo: norms without weights, q, k, v clipped (Groeneveld et al. 2024, arXiv 2402.00838).
 */
#include "model/family.h"

extern const wg_family wg_family_olmo;

const wg_family wg_family_olmo = {
    .model_type = {"olmo"},
    .models = "OLMo",
    .source = "arXiv 2402.00838",
    .key =
        {
            WG_SIZES(50304, 4096, 11008, 32, 32, 2048),
            WG_GROUPS(0),
            WG_HEAD_DIM(0),
            [WG_CFG_EPS] = {NULL, 1e-5, false},
            [WG_CFG_CLIP_QKV] = {"clip_qkv", 0, true},
            WG_ROPE(1),
            WG_TIED(false),
            WG_ATTENTION_BIAS(false),
        },
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "model.embed_tokens", V, D),
            WG_MATRIX(WG_HEAD, "lm_head", V, D),
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS(WG_CFG_BIAS),
            WG_USUAL_OUTPUT_BIAS(WG_CFG_BIAS),
            WG_USUAL_MLP,
        },
    .prefix = "model.",
    .activation_key = "hidden_act",
    .activation = "silu",
    .layer_norm = true,
    .bare_norms = true,
};
