/* falcon.c - Falcon 7B: one key/value head, both halves of a layer read one normed input
 * (Almazrouei et al. 2023, arXiv 2311.16867). */
#include "model/family.h"

#define BLOCK "transformer.h.%d."

extern const wg_family wg_family_falcon;

const wg_family wg_family_falcon = {
    .model_type = {"falcon"},
    .models = "Falcon 7B",
    .source = "arXiv 2311.16867",
    .key =
        {
            [WG_CFG_V] = {"vocab_size", 65024, false},
            [WG_CFG_D] = {"hidden_size|n_embed", 4544, false},
            [WG_CFG_F] = {"ffn_hidden_size", 0, true},
            [WG_CFG_L] = {"num_hidden_layers", 32, false},
            [WG_CFG_H] = {"num_attention_heads", 71, false},
            [WG_CFG_K] = {"num_kv_heads", 0, true},
            WG_HEAD_DIM(0),
            [WG_CFG_POSITIONS] = {"max_position_embeddings", 2048, false},
            [WG_CFG_EPS] = {"layer_norm_epsilon", 1e-5, false},
            WG_ROPE(1),
            WG_TIED(true),
            [WG_CFG_BIAS] = {"bias", false, true},
            [WG_CFG_PARALLEL] = {"parallel_attn", true, true},
            [WG_CFG_ONE_GROUP] = {"multi_query", true, true},
        },
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "transformer.word_embeddings", V, D),
            WG_LAYER_NORM(WG_FINAL_NORM, "transformer.ln_f"),
            WG_MATRIX(WG_HEAD, "lm_head", V, D),
            WG_LAYER_NORM(WG_ATTENTION_NORM, BLOCK "input_layernorm"),
            WG_LINEAR(WG_QKV, BLOCK "self_attention.query_key_value", QKV, D, WG_CFG_BIAS),
            WG_LINEAR(WG_OUTPUT, BLOCK "self_attention.dense", D, Q, WG_CFG_BIAS),
            WG_LAYER_NORM_IF(WG_MLP_NORM, BLOCK "post_attention_layernorm", -WG_CFG_PARALLEL),
            WG_LINEAR(WG_UP, BLOCK "mlp.dense_h_to_4h", F, D, WG_CFG_BIAS),
            WG_LINEAR(WG_DOWN, BLOCK "mlp.dense_4h_to_h", D, F, WG_CFG_BIAS),
        },
    .must_be_off = {"alibi", "new_decoder_architecture"},
    .prefix = "transformer.",
    .activation_key = "activation",
    .fixed_head = true,
    .activation = "gelu",
    .layer_norm = true,
    .qkv = WG_QKV_GROUPED,
};
