/* opt.c - OPT: learned positions that begin at row 2, relu (Zhang et al. 2022, arXiv 2205.01068).
 */
#include "model/family.h"

#define BLOCK "model.decoder.layers.%d."
#define BEFORE "do_layer_norm_before"
/* with its bias; OPT-350m has its norms after each half, and embeddings of another width */
#define NORM(role, name, when)                                                                     \
    [role] = {name ".weight", {WG_DIM_D}, when}, [role + 1] = {name ".bias", {WG_DIM_D}, when}

extern const wg_family wg_family_opt;

const wg_family wg_family_opt = {
    .model_type = {"opt"},
    .tensor =
        {
            WG_MATRIX(WG_EMBED, "model.decoder.embed_tokens", V, E),
            WG_MATRIX(WG_PROJECT_IN, "model.decoder.project_in", D, E),
            WG_MATRIX(WG_PROJECT_OUT, "model.decoder.project_out", E, D),
            WG_MATRIX(WG_POSITION, "model.decoder.embed_positions", POSITIONS, D),
            NORM(WG_FINAL_NORM, "model.decoder.final_layer_norm", "+" BEFORE),
            WG_MATRIX(WG_HEAD, "lm_head", V, E),
            NORM(WG_ATTENTION_NORM, BLOCK "self_attn_layer_norm", "+" BEFORE),
            NORM(WG_ATTENTION_POST_NORM, BLOCK "self_attn_layer_norm", "-" BEFORE),
            WG_LINEAR(WG_QUERY, BLOCK "self_attn.q_proj", Q, D, "+enable_bias"),
            WG_LINEAR(WG_KEY, BLOCK "self_attn.k_proj", P, D, "+enable_bias"),
            WG_LINEAR(WG_VALUE, BLOCK "self_attn.v_proj", P, D, "+enable_bias"),
            WG_LINEAR(WG_OUTPUT, BLOCK "self_attn.out_proj", D, Q, "+enable_bias"),
            NORM(WG_MLP_NORM, BLOCK "final_layer_norm", "+" BEFORE),
            NORM(WG_MLP_POST_NORM, BLOCK "final_layer_norm", "-" BEFORE),
            WG_LINEAR(WG_UP, BLOCK "fc1", F, D, "+enable_bias"),
            WG_LINEAR(WG_DOWN, BLOCK "fc2", D, F, "+enable_bias"),
        },
    .must_be_off = {"_remove_final_layer_norm"},
    .must_be_on = {"layer_norm_elementwise_affine"},
    .before_key = BEFORE,
    .prefix = "model.",
    .activation = "relu",
    .layer_norm = true,
    .no_rope = true,
    .tied = true,
    .position_offset = 2,
    .eps = 1e-5,
};
