/* gemma3.c - Gemma 3, text alone: five of six layers with a window and their own positions, norms
 * of q and k (Gemma Team 2025, arXiv 2503.19786). */
#include "model/family.h"

extern const wg_family wg_family_gemma3;

const wg_family wg_family_gemma3 = {
    .model_type = {"gemma3_text"},
    .models = "Gemma 3 (text)",
    .source = "arXiv 2503.19786",
    .key =
        {
            WG_SIZES(262208, 2304, 9216, 26, 8, 131072),
            WG_GROUPS(4),
            WG_HEAD_DIM(256),
            WG_RMS_EPS(1e-6),
            WG_TIED(true),
            WG_ATTENTION_BIAS(false),
            [WG_CFG_THETA] = {"rope_theta", 1000000, true},
            [WG_CFG_LOCAL_THETA] = {"rope_local_base_freq", 10000, true},
            [WG_CFG_ROTARY] = {"partial_rotary_factor", 1, true},
            [WG_CFG_QUERY_SCALAR] = {"query_pre_attn_scalar", 256, false},
            [WG_CFG_FINAL_CAP] = {"final_logit_softcapping", 0, true},
            [WG_CFG_WINDOW] = {"sliding_window", 4096, true},
            [WG_CFG_WINDOW_EVERY] = {"sliding_window_pattern", 6, false},
        },
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_ATTENTION,
            WG_USUAL_QKV_BIAS(WG_CFG_BIAS),
            WG_USUAL_OUTPUT_BIAS(WG_CFG_BIAS),
            WG_HEAD_NORMS,
            WG_GEMMA_NORMS,
            WG_USUAL_MLP,
        },
    .must_be_off = {"use_bidirectional_attention"},
    .prefix = "model.",
    .activation_key = "hidden_activation",
    .layer_types = true,
    .rope_by_kind = true,
    .activation = "gelu_pytorch_tanh",
    .norm_plus_one = true,
    .scaled_embeddings = true,
};
