/* gemma2.c - Gemma 2: capped scores and logits, every other layer with a window, norms around both
 * halves of a layer (Gemma Team 2024, arXiv 2408.00118). */
#include "model/family.h"

extern const wg_family wg_family_gemma2;

const wg_family wg_family_gemma2 = {
    .model_type = {"gemma2"},
    .models = "Gemma 2",
    .source = "arXiv 2408.00118",
    .key =
        {
            WG_SIZES(256000, 2304, 9216, 26, 8, 8192),
            WG_GROUPS(4),
            WG_HEAD_DIM(256),
            WG_RMS_EPS(1e-6),
            WG_TIED(true),
            WG_ATTENTION_BIAS(false),
            WG_ROPE(1),
            [WG_CFG_QUERY_SCALAR] = {"query_pre_attn_scalar", 256, false},
            [WG_CFG_ATTENTION_CAP] = {"attn_logit_softcapping", 50, true},
            [WG_CFG_FINAL_CAP] = {"final_logit_softcapping", 30, true},
            [WG_CFG_WINDOW] = {"sliding_window", 4096, true},
            [WG_CFG_WINDOW_EVERY] = {NULL, 2, false},
        },
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS(WG_CFG_BIAS),
            WG_USUAL_OUTPUT_BIAS(WG_CFG_BIAS),
            WG_GEMMA_NORMS,
            WG_USUAL_MLP,
        },
    .must_be_off = {"use_bidirectional_attention"},
    .prefix = "model.",
    .activation_key = "hidden_activation",
    .layer_types = true,
    .activation = "gelu_pytorch_tanh",
    .norm_plus_one = true,
    .scaled_embeddings = true,
};
