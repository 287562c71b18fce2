/* gemma.c - Gemma 1: embeddings scaled by sqrt(D), norms stored less 1, gelu in the gate (Gemma
 * Team 2024, arXiv 2403.08295). */
#include "model/family.h"

extern const wg_family wg_family_gemma;

const wg_family wg_family_gemma = {
    .model_type = {"gemma"},
    .tensor = {WG_USUAL_ENDS, WG_USUAL_PRE_NORMS, WG_USUAL_ATTENTION, WG_USUAL_MLP},
    .must_be_off = {"attention_bias"},
    .activation = "gelu_pytorch_tanh",
    .norm_plus_one = true,
    .scaled_embeddings = true,
    .tied = true,
};
