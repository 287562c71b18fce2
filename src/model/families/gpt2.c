/* gpt2.c - GPT-2: learned positions, matrices stored [in, out] (Radford et al. 2019). */
#include "model/family.h"

#define BLOCK "transformer.h.%d."

extern const wg_family wg_family_gpt2;

const wg_family wg_family_gpt2 = {
    .model_type = {"gpt2"},
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "transformer.wte", V, D),
            WG_MATRIX(WG_POSITION, "transformer.wpe", POSITIONS, D),
            WG_LAYER_NORM(WG_FINAL_NORM, "transformer.ln_f"),
            WG_MATRIX(WG_HEAD, "lm_head", V, D),
            WG_LAYER_NORM(WG_ATTENTION_NORM, BLOCK "ln_1"),
            WG_MATRIX(WG_QKV, BLOCK "attn.c_attn", D, QKV),
            WG_BIAS(WG_QKV, BLOCK "attn.c_attn", QKV, NULL),
            WG_MATRIX(WG_OUTPUT, BLOCK "attn.c_proj", Q, D),
            WG_BIAS(WG_OUTPUT, BLOCK "attn.c_proj", D, NULL),
            WG_LAYER_NORM(WG_MLP_NORM, BLOCK "ln_2"),
            WG_MATRIX(WG_UP, BLOCK "mlp.c_fc", D, F),
            WG_BIAS(WG_UP, BLOCK "mlp.c_fc", F, NULL),
            WG_MATRIX(WG_DOWN, BLOCK "mlp.c_proj", F, D),
            WG_BIAS(WG_DOWN, BLOCK "mlp.c_proj", D, NULL),
        },
    .must_be_off = {"add_cross_attention", "scale_attn_by_inverse_layer_idx",
                    "reorder_and_upcast_attn"},
    .must_be_on = {"scale_attn_weights"},
    .ignored = {".attn.bias", ".attn.masked_bias"},
    .prefix = "transformer.",
    .activation = "gelu_new",
    .layer_norm = true,
    .transposed = true,
    .no_rope = true,
    .tied = true,
    .qkv = WG_QKV_STACKED,
    .eps = 1e-5,
};
