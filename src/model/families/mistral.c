/* mistral.c - Mistral 7B, Zephyr: Llama with a sliding window (Jiang et al. 2023,
 * arXiv 2310.06825). Ministral lists the layers that have it; transformers takes a mistral with
 * layer_types for a ministral. */
#include "model/family.h"

extern const wg_family wg_family_mistral;

const wg_family wg_family_mistral = {
    .model_type = {"mistral", "ministral"},
    .models = "Mistral, Ministral, Zephyr",
    .source = "arXiv 2310.06825",
    .key =
        {
            WG_SIZES(32000, 4096, 14336, 32, 32, 131072),
            WG_GROUPS(8),
            WG_HEAD_DIM(0),
            WG_RMS_EPS(1e-6),
            WG_ROPE(1),
            WG_TIED(false),
            [WG_CFG_WINDOW] = {"sliding_window", 4096, true},
        },
    .tensor = {WG_USUAL_ENDS, WG_USUAL_PRE_NORMS, WG_USUAL_ATTENTION, WG_USUAL_MLP},
    .prefix = "model.",
    .layer_types = true,
    .activation_key = "hidden_act",
    .activation = "silu",
};
