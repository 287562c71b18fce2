/* stablelm.c - StableLM 2, 3B: layer normalisation, part of each head turns (Bellagente et al.
 * 2024, arXiv 2402.17834). */
#include "model/family.h"

extern const wg_family wg_family_stablelm;

const wg_family wg_family_stablelm = {
    .model_type = {"stablelm"},
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_BIAS(WG_FINAL_NORM, "model.norm", D, NULL),
            WG_LAYER_NORM(WG_ATTENTION_NORM, WG_LAYER "input_layernorm"),
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS("use_qkv_bias"),
            WG_LAYER_NORM(WG_MLP_NORM, WG_LAYER "post_attention_layernorm"),
            WG_USUAL_MLP,
        },
    .must_be_off = {"qk_layernorm", "use_parallel_residual"},
    .activation = "silu",
    .layer_norm = true,
    .rotary = 0.25,
    .eps = 1e-5,
};
