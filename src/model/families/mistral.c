/* mistral.c - Mistral 7B, Zephyr: Llama with a sliding window (Jiang et al. 2023,
 * arXiv 2310.06825). */
#include "model/family.h"

extern const wg_family wg_family_mistral;

const wg_family wg_family_mistral = {
    .model_type = {"mistral"},
    .tensor = {WG_USUAL_ENDS, WG_USUAL_PRE_NORMS, WG_USUAL_ATTENTION, WG_USUAL_MLP},
    .activation = "silu",
    .windows = WG_WINDOW_ALL,
};
