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
            WG_VECTOR(WG_FINAL_NORM, "transformer.ln_f", D),
            WG_BIAS(WG_FINAL_NORM, "transformer.ln_f", D, NULL),
            WG_MATRIX(WG_HEAD, "lm_head", V, D),
            WG_VECTOR(WG_ATTENTION_NORM, BLOCK "input_layernorm", D),
            WG_BIAS(WG_ATTENTION_NORM, BLOCK "input_layernorm", D, NULL),
            WG_MATRIX(WG_QKV, BLOCK "self_attention.query_key_value", QKV, D),
            WG_BIAS(WG_QKV, BLOCK "self_attention.query_key_value", QKV, "bias"),
            WG_MATRIX(WG_OUTPUT, BLOCK "self_attention.dense", D, Q),
            WG_BIAS(WG_OUTPUT, BLOCK "self_attention.dense", D, "bias"),
            WG_MATRIX(WG_UP, BLOCK "mlp.dense_h_to_4h", F, D),
            WG_BIAS(WG_UP, BLOCK "mlp.dense_h_to_4h", F, "bias"),
            WG_MATRIX(WG_DOWN, BLOCK "mlp.dense_4h_to_h", D, F),
            WG_BIAS(WG_DOWN, BLOCK "mlp.dense_4h_to_h", D, "bias"),
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
