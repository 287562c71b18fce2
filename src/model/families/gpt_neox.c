/* gpt_neox.c - GPT-NeoX, Pythia: q, k, v interleaved by head, both halves of a layer read x
 * (Black et al. 2022, arXiv 2204.06745; Biderman et al. 2023, arXiv 2304.01373). */
#include "model/family.h"

#define BLOCK "gpt_neox.layers.%d."

extern const wg_family wg_family_gpt_neox;

const wg_family wg_family_gpt_neox = {
    .model_type = {"gpt_neox"},
    .models = "GPT-NeoX, Pythia",
    .source = "arXiv 2204.06745",
    .key =
        {
            WG_SIZES(50432, 6144, 24576, 44, 64, 2048),
            WG_HEAD_DIM(0),
            [WG_CFG_EPS] = {"layer_norm_eps", 1e-5, false},
            [WG_CFG_THETA] = {"rotary_emb_base", 10000, true},
            [WG_CFG_ROTARY] = {"rotary_pct", 0.25, true},
            [WG_CFG_ORIGINAL] = {"original_max_position_embeddings", 0, true},
            WG_TIED(false),
            WG_ATTENTION_BIAS(true),
            [WG_CFG_PARALLEL] = {"use_parallel_residual", true, false},
        },
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "gpt_neox.embed_in", V, D),
            WG_LAYER_NORM(WG_FINAL_NORM, "gpt_neox.final_layer_norm"),
            WG_MATRIX(WG_HEAD, "embed_out", V, D),
            WG_LAYER_NORM(WG_ATTENTION_NORM, BLOCK "input_layernorm"),
            WG_LINEAR(WG_QKV, BLOCK "attention.query_key_value", QKV, D, WG_CFG_BIAS),
            WG_LINEAR(WG_OUTPUT, BLOCK "attention.dense", D, Q, WG_CFG_BIAS),
            WG_LAYER_NORM(WG_MLP_NORM, BLOCK "post_attention_layernorm"),
            WG_LINEAR(WG_UP, BLOCK "mlp.dense_h_to_4h", F, D, 0),
            WG_LINEAR(WG_DOWN, BLOCK "mlp.dense_4h_to_h", D, F, 0),
        },
    .ignored = {".attention.bias", ".attention.masked_bias"},
    .prefix = "gpt_neox.",
    .head_alias = "lm_head.weight",
    .activation_key = "hidden_act",
    .turns_share = true,
    .fixed_head = true,
    .activation = "gelu",
    .layer_norm = true,
    .qkv = WG_QKV_GROUPED,
};
