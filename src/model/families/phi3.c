/* phi3.c - Phi 3, 3.5, 4: q, k, v and gate, up in one matrix each (Abdin et al. 2024,
 * arXiv 2404.14219). */
#include "model/family.h"

extern const wg_family wg_family_phi3;

const wg_family wg_family_phi3 = {
    .model_type = {"phi3"},
    .models = "Phi 3, 3.5, 4",
    .source = "arXiv 2404.14219",
    .key =
        {
            WG_SIZES(32064, 3072, 8192, 32, 32, 4096),
            WG_GROUPS(0),
            WG_HEAD_DIM(0),
            WG_RMS_EPS(1e-5),
            [WG_CFG_THETA] = {"rope_theta", 10000, true},
            [WG_CFG_ROTARY] = {"partial_rotary_factor", 1, true},
            [WG_CFG_ORIGINAL] = {"original_max_position_embeddings", 4096, false},
            WG_TIED(false),
            [WG_CFG_WINDOW] = {"sliding_window", 0, true},
        },
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_PRE_NORMS,
            WG_MATRIX(WG_QKV, WG_LAYER "self_attn.qkv_proj", QKV, D),
            WG_MATRIX(WG_OUTPUT, WG_LAYER "self_attn.o_proj", D, Q),
            WG_MATRIX(WG_GATE_UP, WG_LAYER "mlp.gate_up_proj", FF, D),
            WG_MATRIX(WG_DOWN, WG_LAYER "mlp.down_proj", D, F),
        },
    .prefix = "model.",
    .activation_key = "hidden_act",
    .turns_share = true,
    .long_rope = true,
    .activation = "silu",
    .qkv = WG_QKV_STACKED,
};
