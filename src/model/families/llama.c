/* llama.c - Llama 2, 3, 3.1, TinyLlama, SmolLM2, Vicuna (Touvron et al. 2023, arXiv 2302.13971). */
#include "model/family.h"

extern const wg_family wg_family_llama;

const wg_family wg_family_llama = {
    .model_type = {"llama"},
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_PRE_NORMS,
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS("attention_bias"),
            WG_USUAL_OUTPUT_BIAS("attention_bias"),
            WG_USUAL_MLP,
            WG_BIAS(WG_GATE, WG_LAYER "mlp.gate_proj", F, "mlp_bias"),
            WG_BIAS(WG_UP, WG_LAYER "mlp.up_proj", F, "mlp_bias"),
            WG_BIAS(WG_DOWN, WG_LAYER "mlp.down_proj", D, "mlp_bias"),
        },
    .activation = "silu",
};
