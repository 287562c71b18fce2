/* gemma3.c - Gemma 3, text alone: five of six layers with a window and their own positions, norms
 * of q and k (Gemma Team 2025, arXiv 2503.19786). */
#include "model/family.h"

extern const wg_family wg_family_gemma3;

const wg_family wg_family_gemma3 = {
    .model_type = {"gemma3_text"},
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_VECTOR(WG_ATTENTION_NORM, WG_LAYER "input_layernorm", D),
            WG_USUAL_ATTENTION,
            WG_VECTOR(WG_QUERY_NORM, WG_LAYER "self_attn.q_norm", HEAD),
            WG_VECTOR(WG_KEY_NORM, WG_LAYER "self_attn.k_norm", HEAD),
            WG_VECTOR(WG_ATTENTION_POST_NORM, WG_LAYER "post_attention_layernorm", D),
            WG_VECTOR(WG_MLP_NORM, WG_LAYER "pre_feedforward_layernorm", D),
            WG_USUAL_MLP,
            WG_VECTOR(WG_MLP_POST_NORM, WG_LAYER "post_feedforward_layernorm", D),
        },
    .must_be_off = {"attention_bias", "use_bidirectional_attention"},
    .activation = "gelu_pytorch_tanh",
    .norm_plus_one = true,
    .scaled_embeddings = true,
    .tied = true,
    .windows = WG_WINDOW_FIVE_OF_SIX,
};
