/* opt.c - OPT: learned positions that begin at row 2, relu (Zhang et al. 2022, arXiv 2205.01068).
 */
#include "model/family.h"

#define BLOCK "model.decoder.layers.%d."

extern const wg_family wg_family_opt;

const wg_family wg_family_opt = {
    .model_type = {"opt"},
    .models = "OPT",
    .source = "arXiv 2205.01068",
    .key =
        {
            [WG_CFG_V] = {"vocab_size", 50272, false},
            [WG_CFG_D] = {"hidden_size", 768, false},
            [WG_CFG_F] = {"ffn_dim", 3072, false},
            [WG_CFG_L] = {"num_hidden_layers", 12, false},
            [WG_CFG_H] = {"num_attention_heads", 12, false},
            [WG_CFG_E] = {"word_embed_proj_dim", 0, true},
            [WG_CFG_POSITIONS] = {"max_position_embeddings", 2048, false},
            [WG_CFG_EPS] = {NULL, 1e-5, false},
            WG_TIED(true),
            [WG_CFG_BIAS] = {"enable_bias", true, false},
            [WG_CFG_NORM_BEFORE] = {"do_layer_norm_before", true, false},
        },
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "model.decoder.embed_tokens", V, E),
            WG_MATRIX(WG_PROJECT_IN, "model.decoder.project_in", D, E),
            WG_MATRIX(WG_PROJECT_OUT, "model.decoder.project_out", E, D),
            WG_MATRIX(WG_POSITION, "model.decoder.embed_positions", POSITIONS, D),
            WG_LAYER_NORM_IF(WG_FINAL_NORM, "model.decoder.final_layer_norm", WG_CFG_NORM_BEFORE),
            WG_MATRIX(WG_HEAD, "lm_head", V, E),
            WG_LAYER_NORM_IF(WG_ATTENTION_NORM, BLOCK "self_attn_layer_norm", WG_CFG_NORM_BEFORE),
            WG_LAYER_NORM_IF(WG_ATTENTION_POST_NORM, BLOCK "self_attn_layer_norm",
                             -WG_CFG_NORM_BEFORE),
            WG_LINEAR(WG_QUERY, BLOCK "self_attn.q_proj", Q, D, WG_CFG_BIAS),
            WG_LINEAR(WG_KEY, BLOCK "self_attn.k_proj", P, D, WG_CFG_BIAS),
            WG_LINEAR(WG_VALUE, BLOCK "self_attn.v_proj", P, D, WG_CFG_BIAS),
            WG_LINEAR(WG_OUTPUT, BLOCK "self_attn.out_proj", D, Q, WG_CFG_BIAS),
            WG_LAYER_NORM_IF(WG_MLP_NORM, BLOCK "final_layer_norm", WG_CFG_NORM_BEFORE),
            WG_LAYER_NORM_IF(WG_MLP_POST_NORM, BLOCK "final_layer_norm", -WG_CFG_NORM_BEFORE),
            WG_LINEAR(WG_UP, BLOCK "fc1", F, D, WG_CFG_BIAS),
            WG_LINEAR(WG_DOWN, BLOCK "fc2", D, F, WG_CFG_BIAS),
        },
    .must_be_off = {"_remove_final_layer_norm"},
    .must_be_on = {"layer_norm_elementwise_affine"},
    .prefix = "model.",
    .activation_key = "activation_function",
    .activation = "relu",
    .layer_norm = true,
    .no_rope = true,
    .position_offset = 2,
};
