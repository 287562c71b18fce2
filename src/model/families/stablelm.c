/* stablelm.c - StableLM 2, 3B: layer normalisation, part of each head turns (Bellagente et al.
 * 2024, arXiv 2402.17834). */
#include "model/family.h"

extern const wg_family wg_family_stablelm;

const wg_family wg_family_stablelm = {
    .model_type = {"stablelm"},
    .models = "StableLM 2, StableLM 3B",
    .source = "arXiv 2402.17834",
    .key =
        {
            WG_SIZES(50304, 2560, 6912, 32, 32, 4096),
            WG_GROUPS(32),
            WG_HEAD_DIM(0),
            [WG_CFG_EPS] = {"layer_norm_eps", 1e-5, false},
            WG_ROPE(0.25),
            WG_TIED(false),
            [WG_CFG_BIAS] = {"use_qkv_bias", false, false},
            [WG_CFG_PARALLEL] = {"use_parallel_residual", false, false},
        },
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_BIAS(WG_FINAL_NORM, "model.norm", D, 0),
            WG_LAYER_NORM(WG_ATTENTION_NORM, WG_LAYER "input_layernorm"),
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS(WG_CFG_BIAS),
            WG_LAYER_NORM_IF(WG_MLP_NORM, WG_LAYER "post_attention_layernorm", -WG_CFG_PARALLEL),
            WG_USUAL_MLP,
        },
    .must_be_off = {"qk_layernorm"},
    .prefix = "model.",
    .activation_key = "hidden_act",
    .turns_share = true,
    .fixed_head = true,
    .activation = "silu",
    .layer_norm = true,
};
