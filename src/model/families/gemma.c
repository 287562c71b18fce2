/* gemma.c - Gemma 1: embeddings scaled by sqrt(D), norms stored less 1, gelu in the gate (Gemma
 * Team 2024, arXiv 2403.08295). */
#include "model/family.h"

extern const wg_family wg_family_gemma;

const wg_family wg_family_gemma = {
    .model_type = {"gemma"},
    .models = "Gemma 1",
    .source = "arXiv 2403.08295",
    .key =
        {
            WG_SIZES(256000, 3072, 24576, 28, 16, 8192),
            WG_GROUPS(16),
            WG_HEAD_DIM(256),
            WG_RMS_EPS(1e-6),
            WG_TIED(true),
            WG_ATTENTION_BIAS(false),
            WG_ROPE(1),
        },
    .tensor = {WG_USUAL_ENDS, WG_USUAL_PRE_NORMS, WG_USUAL_ATTENTION,
               WG_USUAL_QKV_BIAS(WG_CFG_BIAS), WG_USUAL_OUTPUT_BIAS(WG_CFG_BIAS), WG_USUAL_MLP},
    .must_be_off = {"use_bidirectional_attention"},
    .prefix = "model.",
    .activation_key = "hidden_act",
    .gelu_is_tanh = true,
    .activation = "gelu_pytorch_tanh",
    .norm_plus_one = true,
    .scaled_embeddings = true,
};
