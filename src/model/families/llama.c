/* llama.c - Llama 2, 3, 3.1, TinyLlama, SmolLM2, Vicuna (Touvron et al. 2023, arXiv 2302.13971). */
#include "model/family.h"

extern const wg_family wg_family_llama;

const wg_family wg_family_llama = {
    .model_type = {"llama"},
    .models = "Llama 2, 3, 3.1, TinyLlama, SmolLM2, Vicuna",
    .source = "arXiv 2302.13971",
    .key =
        {
            WG_SIZES(32000, 4096, 11008, 32, 32, 2048),
            WG_GROUPS(0),
            WG_HEAD_DIM(0),
            WG_RMS_EPS(1e-6),
            WG_ROPE(1),
            WG_TIED(false),
            WG_ATTENTION_BIAS(false),
            [WG_CFG_MLP_BIAS] = {"mlp_bias", false, false},
        },
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_PRE_NORMS,
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS(WG_CFG_BIAS),
            WG_USUAL_OUTPUT_BIAS(WG_CFG_BIAS),
            WG_USUAL_MLP,
            WG_BIAS(WG_GATE, WG_LAYER "mlp.gate_proj", F, WG_CFG_MLP_BIAS),
            WG_BIAS(WG_UP, WG_LAYER "mlp.up_proj", F, WG_CFG_MLP_BIAS),
            WG_BIAS(WG_DOWN, WG_LAYER "mlp.down_proj", D, WG_CFG_MLP_BIAS),
        },
    .prefix = "model.",
    .activation_key = "hidden_act",
    .activation = "silu",
};
