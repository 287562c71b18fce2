/* llama.c - Llama 2, 3, 3.1, TinyLlama, SmolLM2 (Touvron et al. 2023, arXiv 2302.13971). */
#include "model/family.h"

extern const wg_family wg_family_llama;

const wg_family wg_family_llama = {
    .model_type = {"llama"},
    .tensor =
        {
            [WG_EMBED] = {"model.embed_tokens.weight", {WG_DIM_V, WG_DIM_D}},
            [WG_FINAL_NORM] = {"model.norm.weight", {WG_DIM_D}},
            [WG_HEAD] = {"lm_head.weight", {WG_DIM_V, WG_DIM_D}},
            [WG_ATTENTION_NORM] = {"model.layers.%d.input_layernorm.weight", {WG_DIM_D}},
            [WG_QUERY] = {"model.layers.%d.self_attn.q_proj.weight", {WG_DIM_Q, WG_DIM_D}},
            [WG_KEY] = {"model.layers.%d.self_attn.k_proj.weight", {WG_DIM_P, WG_DIM_D}},
            [WG_VALUE] = {"model.layers.%d.self_attn.v_proj.weight", {WG_DIM_P, WG_DIM_D}},
            [WG_OUTPUT] = {"model.layers.%d.self_attn.o_proj.weight", {WG_DIM_D, WG_DIM_Q}},
            [WG_MLP_NORM] = {"model.layers.%d.post_attention_layernorm.weight", {WG_DIM_D}},
            [WG_GATE] = {"model.layers.%d.mlp.gate_proj.weight", {WG_DIM_F, WG_DIM_D}},
            [WG_UP] = {"model.layers.%d.mlp.up_proj.weight", {WG_DIM_F, WG_DIM_D}},
            [WG_DOWN] = {"model.layers.%d.mlp.down_proj.weight", {WG_DIM_D, WG_DIM_F}},
        },
    .must_be_off = {"attention_bias", "mlp_bias"},
};
