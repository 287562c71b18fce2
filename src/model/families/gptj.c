/* gptj.c - GPT-J: attention and feed-forward layer side by side on one normed input, neighbouring
 * numbers of a head turn together (Wang & Komatsuzaki 2021). */
#include "model/family.h"

#define BLOCK "transformer.h.%d."

extern const wg_family wg_family_gptj;

const wg_family wg_family_gptj = {
    .model_type = {"gptj"},
    .models = "GPT-J",
    .key =
        {
            [WG_CFG_V] = {"vocab_size", 50400, false},
            [WG_CFG_D] = {"n_embd|hidden_size", 4096, false},
            [WG_CFG_F] = {"n_inner", 0, true},
            [WG_CFG_L] = {"n_layer|num_hidden_layers", 28, false},
            [WG_CFG_H] = {"n_head|num_attention_heads", 16, false},
            [WG_CFG_POSITIONS] = {"n_positions|max_position_embeddings", 2048, false},
            [WG_CFG_EPS] = {"layer_norm_epsilon", 1e-5, false},
            [WG_CFG_ROTARY_SIZE] = {"rotary_dim", 64, false},
            [WG_CFG_THETA] = {NULL, 10000, false},
            [WG_CFG_PARALLEL] = {NULL, true, false},
            WG_TIED(false),
        },
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "transformer.wte", V, D),
            WG_LAYER_NORM(WG_FINAL_NORM, "transformer.ln_f"),
            WG_LINEAR(WG_HEAD, "lm_head", V, D, 0),
            WG_LAYER_NORM(WG_ATTENTION_NORM, BLOCK "ln_1"),
            WG_MATRIX(WG_QUERY, BLOCK "attn.q_proj", Q, D),
            WG_MATRIX(WG_KEY, BLOCK "attn.k_proj", P, D),
            WG_MATRIX(WG_VALUE, BLOCK "attn.v_proj", P, D),
            WG_MATRIX(WG_OUTPUT, BLOCK "attn.out_proj", D, Q),
            WG_LINEAR(WG_UP, BLOCK "mlp.fc_in", F, D, 0),
            WG_LINEAR(WG_DOWN, BLOCK "mlp.fc_out", D, F, 0),
        },
    .ignored = {".attn.bias", ".attn.masked_bias"},
    .prefix = "transformer.",
    .activation_key = "activation_function",
    .activation = "gelu_new",
    .layer_norm = true,
    .fixed_head = true,
    .turns_neighbours = true,
};
