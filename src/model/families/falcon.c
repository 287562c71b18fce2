/* falcon.c - Falcon 7B: one key/value head, both halves of a layer read one normed input
 * (Almazrouei et al. 2023, arXiv 2311.16867). */
#include "model/family.h"

#define BLOCK "transformer.h.%d."

extern const wg_family wg_family_falcon;

const wg_family wg_family_falcon = {
    .model_type = {"falcon"},
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "transformer.word_embeddings", V, D),
            WG_LAYER_NORM(WG_FINAL_NORM, "transformer.ln_f"),
            WG_MATRIX(WG_HEAD, "lm_head", V, D),
            WG_LAYER_NORM(WG_ATTENTION_NORM, BLOCK "input_layernorm"),
            WG_LINEAR(WG_QKV, BLOCK "self_attention.query_key_value", QKV, D, "bias"),
            WG_LINEAR(WG_OUTPUT, BLOCK "self_attention.dense", D, Q, "bias"),
            WG_LINEAR(WG_UP, BLOCK "mlp.dense_h_to_4h", F, D, "bias"),
            WG_LINEAR(WG_DOWN, BLOCK "mlp.dense_4h_to_h", D, F, "bias"),
        },
    .must_be_off = {"alibi", "new_decoder_architecture"},
    .must_be_on = {"parallel_attn"},
    .activation = "gelu",
    .grouped_key = "multi_query",
    .layer_norm = true,
    .parallel = true,
    .tied = true,
    .qkv = WG_QKV_GROUPED,
    .eps = 1e-5,
};
