/* phi3.c - Phi 3, 3.5, 4: q, k, v and gate, up in one matrix each (Abdin et al. 2024,
 * arXiv 2404.14219). */
#include "model/family.h"

extern const wg_family wg_family_phi3;

const wg_family wg_family_phi3 = {
    .model_type = {"phi3"},
    .tensor =
        {
            WG_USUAL_ENDS,
            WG_USUAL_PRE_NORMS,
            WG_MATRIX(WG_QKV, WG_LAYER "self_attn.qkv_proj", QKV, D),
            WG_MATRIX(WG_OUTPUT, WG_LAYER "self_attn.o_proj", D, Q),
            WG_MATRIX(WG_GATE_UP, WG_LAYER "mlp.gate_up_proj", FF, D),
            WG_MATRIX(WG_DOWN, WG_LAYER "mlp.down_proj", D, F),
        },
    .activation = "silu",
    .qkv = WG_QKV_STACKED,
    .windows = WG_WINDOW_ALL,
    .eps = 1e-5,
};
