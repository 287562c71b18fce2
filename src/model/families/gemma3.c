/* gemma3.c - Gemma 3, text alone: five of six layers with a window and their own positions, norms
 * of q and k (Gemma Team 2025, arXiv 2503.19786). */
#include "model/family.h"

extern const wg_family wg_family_gemma3;

const wg_family wg_family_gemma3 = {
    .model_type = {"gemma3_text"},
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_ATTENTION,
            WG_HEAD_NORMS,
            WG_GEMMA_NORMS,
            WG_USUAL_MLP,
        },
    .must_be_off = {"attention_bias", "use_bidirectional_attention"},
    .activation = "gelu_pytorch_tanh",
    .norm_plus_one = true,
    .scaled_embeddings = true,
    .tied = true,
    .windows = WG_WINDOW_FIVE_OF_SIX,
};
