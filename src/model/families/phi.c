/* phi.c - Phi 1, 1.5, 2: attention and feed-forward layer side by side on one normed input, part of
 * each head turns (Li et al. 2023, arXiv 2309.05463). */
#include "model/family.h"

extern const wg_family wg_family_phi;

const wg_family wg_family_phi = {
    .model_type = {"phi"},
    .models = "Phi 1, 1.5, 2",
    .source = "arXiv 2309.05463",
    .key =
        {
            WG_SIZES(51200, 2048, 8192, 24, 32, 2048),
            WG_GROUPS(0),
            WG_HEAD_DIM(0),
            [WG_CFG_EPS] = {"layer_norm_eps", 1e-5, false},
            WG_ROPE(0.5),
            WG_TIED(false),
            [WG_CFG_PARALLEL] = {NULL, true, false},
        },
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "model.embed_tokens", V, D),
            WG_LAYER_NORM(WG_FINAL_NORM, "model.final_layernorm"),
            WG_LINEAR(WG_HEAD, "lm_head", V, D, 0),
            WG_LAYER_NORM(WG_ATTENTION_NORM, WG_LAYER "input_layernorm"),
            WG_MATRIX(WG_QUERY, WG_LAYER "self_attn.q_proj", Q, D),
            WG_MATRIX(WG_KEY, WG_LAYER "self_attn.k_proj", P, D),
            WG_MATRIX(WG_VALUE, WG_LAYER "self_attn.v_proj", P, D),
            WG_USUAL_QKV_BIAS(0),
            WG_LINEAR(WG_OUTPUT, WG_LAYER "self_attn.dense", D, Q, 0),
            WG_LINEAR(WG_UP, WG_LAYER "mlp.fc1", F, D, 0),
            WG_LINEAR(WG_DOWN, WG_LAYER "mlp.fc2", D, F, 0),
        },
    .must_be_off = {"qk_layernorm"},
    .prefix = "model.",
    .activation_key = "hidden_act",
    .turns_share = true,
    .activation = "gelu_new",
    .layer_norm = true,
};
