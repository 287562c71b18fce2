/* gpt2.c - GPT-2: learned positions, matrices stored [in, out] (Radford et al. 2019). */
#include "model/family.h"

#define BLOCK "transformer.h.%d."

extern const wg_family wg_family_gpt2;

const wg_family wg_family_gpt2 = {
    .model_type = {"gpt2"},
    .models = "GPT-2",
    .key =
        {
            [WG_CFG_V] = {"vocab_size", 50257, false},
            [WG_CFG_D] = {"n_embd|hidden_size", 768, false},
            [WG_CFG_F] = {"n_inner", 0, true},
            [WG_CFG_L] = {"n_layer|num_hidden_layers", 12, false},
            [WG_CFG_H] = {"n_head|num_attention_heads", 12, false},
            [WG_CFG_POSITIONS] = {"n_positions|max_position_embeddings", 1024, false},
            [WG_CFG_EPS] = {"layer_norm_epsilon", 1e-5, false},
            WG_TIED(true),
            [WG_CFG_SCALE] = {"scale_attn_weights", true, false},
            [WG_CFG_LAYER_SCALE] = {"scale_attn_by_inverse_layer_idx", false, false},
        },
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "transformer.wte", V, D),
            WG_MATRIX(WG_POSITION, "transformer.wpe", POSITIONS, D),
            WG_LAYER_NORM(WG_FINAL_NORM, "transformer.ln_f"),
            WG_MATRIX(WG_HEAD, "lm_head", V, D),
            WG_LAYER_NORM(WG_ATTENTION_NORM, BLOCK "ln_1"),
            WG_MATRIX(WG_QKV, BLOCK "attn.c_attn", D, QKV),
            WG_BIAS(WG_QKV, BLOCK "attn.c_attn", QKV, 0),
            WG_MATRIX(WG_OUTPUT, BLOCK "attn.c_proj", Q, D),
            WG_BIAS(WG_OUTPUT, BLOCK "attn.c_proj", D, 0),
            WG_LAYER_NORM(WG_MLP_NORM, BLOCK "ln_2"),
            WG_MATRIX(WG_UP, BLOCK "mlp.c_fc", D, F),
            WG_BIAS(WG_UP, BLOCK "mlp.c_fc", F, 0),
            WG_MATRIX(WG_DOWN, BLOCK "mlp.c_proj", F, D),
            WG_BIAS(WG_DOWN, BLOCK "mlp.c_proj", D, 0),
        },
    .must_be_off = {"add_cross_attention"},
    .ignored = {".attn.bias", ".attn.masked_bias"},
    .prefix = "transformer.",
    .activation_key = "activation_function",
    .activation = "gelu_new",
    .layer_norm = true,
    .transposed = true,
    .no_rope = true,
    .qkv = WG_QKV_STACKED,
};
