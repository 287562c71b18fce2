/* phi.c - Phi 1, 1.5, 2: attention and feed-forward layer side by side on one normed input, part of
 * each head turns (Li et al. 2023, arXiv 2309.05463). */
#include "model/family.h"

extern const wg_family wg_family_phi;

const wg_family wg_family_phi = {
    .model_type = {"phi"},
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "model.embed_tokens", V, D),
            WG_LAYER_NORM(WG_FINAL_NORM, "model.final_layernorm"),
            WG_LINEAR(WG_HEAD, "lm_head", V, D, NULL),
            WG_LAYER_NORM(WG_ATTENTION_NORM, WG_LAYER "input_layernorm"),
            WG_MATRIX(WG_QUERY, WG_LAYER "self_attn.q_proj", Q, D),
            WG_MATRIX(WG_KEY, WG_LAYER "self_attn.k_proj", P, D),
            WG_MATRIX(WG_VALUE, WG_LAYER "self_attn.v_proj", P, D),
            WG_USUAL_QKV_BIAS(NULL),
            WG_LINEAR(WG_OUTPUT, WG_LAYER "self_attn.dense", D, Q, NULL),
            WG_LINEAR(WG_UP, WG_LAYER "mlp.fc1", F, D, NULL),
            WG_LINEAR(WG_DOWN, WG_LAYER "mlp.fc2", D, F, NULL),
        },
    .must_be_off = {"qk_layernorm"},
    .activation = "gelu_new",
    .layer_norm = true,
    .parallel = true,
    .rotary = 0.5,
    .eps = 1e-5,
};
