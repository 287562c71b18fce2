/* gemma2.c - Gemma 2: capped scores and logits, every other layer with a window, norms around both
 * halves of a layer (Gemma Team 2024, arXiv 2408.00118). */
#include "model/family.h"

extern const wg_family wg_family_gemma2;

const wg_family wg_family_gemma2 = {
    .model_type = {"gemma2"},
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_ATTENTION,
            WG_GEMMA_NORMS,
            WG_USUAL_MLP,
        },
    .must_be_off = {"attention_bias"},
    .activation = "gelu_pytorch_tanh",
    .norm_plus_one = true,
    .scaled_embeddings = true,
    .tied = true,
    .windows = WG_WINDOW_EVEN,
};
