/* gpt_neox.c - GPT-NeoX, Pythia: q, k, v interleaved by head, both halves of a layer read x
 * (Black et al. 2022, arXiv 2204.06745; Biderman et al. 2023, arXiv 2304.01373). */
#include "model/family.h"

#define BLOCK "gpt_neox.layers.%d."

extern const wg_family wg_family_gpt_neox;

const wg_family wg_family_gpt_neox = {
    .model_type = {"gpt_neox"},
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "gpt_neox.embed_in", V, D),
            WG_LAYER_NORM(WG_FINAL_NORM, "gpt_neox.final_layer_norm"),
            WG_MATRIX(WG_HEAD, "embed_out", V, D),
            WG_LAYER_NORM(WG_ATTENTION_NORM, BLOCK "input_layernorm"),
            WG_LINEAR(WG_QKV, BLOCK "attention.query_key_value", QKV, D, "+attention_bias"),
            WG_LINEAR(WG_OUTPUT, BLOCK "attention.dense", D, Q, "+attention_bias"),
            WG_LAYER_NORM(WG_MLP_NORM, BLOCK "post_attention_layernorm"),
            WG_LINEAR(WG_UP, BLOCK "mlp.dense_h_to_4h", F, D, NULL),
            WG_LINEAR(WG_DOWN, BLOCK "mlp.dense_4h_to_h", D, F, NULL),
        },
    .ignored = {".attention.bias", ".attention.masked_bias"},
    .activation = "gelu",
    .parallel_key = "use_parallel_residual",
    .layer_norm = true,
    .qkv = WG_QKV_GROUPED,
    .rotary = 0.25,
    .eps = 1e-5,
};
