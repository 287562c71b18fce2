/* family.h - a model family is data: names of its type, of its tensors, their shapes, and features.
 * Forward and backward (block.c) branch on features, never on a family's name. */
#ifndef WG_MODEL_FAMILY_H
#define WG_MODEL_FAMILY_H

#include "base/context.h"

/* Dimensions a shape is written in; Q = H*h, P = K*h. */
typedef enum wg_dim {
    WG_DIM_NONE,
    WG_DIM_V,
    WG_DIM_D,
    WG_DIM_E, /* width of the embeddings, D in all but few */
    WG_DIM_F,
    WG_DIM_Q,
    WG_DIM_P,
    WG_DIM_QKV, /* Q + 2P */
    WG_DIM_FF,  /* 2F */
    WG_DIM_HEAD,
    WG_DIM_POSITIONS
} wg_dim;

/* Each matrix and each norm is followed by its bias. */
typedef enum wg_role {
    WG_EMBED,
    WG_POSITION, /* learned positions */
    WG_FINAL_NORM,
    WG_FINAL_NORM_BIAS,
    WG_HEAD,
    WG_HEAD_BIAS,
    WG_PROJECT_IN, /* embeddings of another width to D, and back */
    WG_PROJECT_OUT,
    WG_LAYER_ROLES, /* from here on: one a layer */
    WG_ATTENTION_NORM = WG_LAYER_ROLES,
    WG_ATTENTION_NORM_BIAS,
    WG_QUERY,
    WG_QUERY_BIAS,
    WG_KEY,
    WG_KEY_BIAS,
    WG_VALUE,
    WG_VALUE_BIAS,
    WG_QKV, /* the three in one */
    WG_QKV_BIAS,
    WG_QUERY_NORM,
    WG_QUERY_NORM_BIAS,
    WG_KEY_NORM,
    WG_KEY_NORM_BIAS,
    WG_OUTPUT,
    WG_OUTPUT_BIAS,
    WG_ATTENTION_POST_NORM, /* of what attention adds, or of the sum */
    WG_ATTENTION_POST_NORM_BIAS,
    WG_MLP_NORM,
    WG_MLP_NORM_BIAS,
    WG_GATE,
    WG_GATE_BIAS,
    WG_UP,
    WG_UP_BIAS,
    WG_GATE_UP, /* the two in one */
    WG_GATE_UP_BIAS,
    WG_DOWN,
    WG_DOWN_BIAS,
    WG_MLP_POST_NORM, /* of what the feed-forward layer adds, or of the sum */
    WG_MLP_POST_NORM_BIAS,
    WG_ROLES
} wg_role;

typedef struct wg_family_tensor {
    const char *pattern; /* tensor name, %d is the layer; NULL: there is none */
    wg_dim shape[2];
    const char *when; /* key of config.json that must be true; "+key": unless it is
                         false; "-key": only if it is false */
} wg_family_tensor;

typedef enum wg_qkv_layout {
    WG_QKV_STACKED, /* all of q, all of k, all of v */
    WG_QKV_GROUPED  /* for each key/value head its q heads, k, v */
} wg_qkv_layout;

/* Layers whose attention has the config's sliding window, unless the config lists layer_types. */
typedef enum wg_windows {
    WG_WINDOW_ALL,
    WG_WINDOW_EVEN,       /* 0, 2, 4... */
    WG_WINDOW_FIVE_OF_SIX /* all but 5, 11... */
} wg_windows;

typedef struct wg_family {
    const char *model_type[4]; /* of config.json, NULL-terminated */
    wg_family_tensor tensor[WG_ROLES];
    const char *must_be_off[8]; /* config keys that, if true, ask for what the family lacks */
    const char *must_be_on[4];  /* and, if false */
    const char *ignored[4];     /* ends of names of stored tensors that are no weights */
    const char *prefix;         /* of tensor names that some files leave out */
    const char *activation;     /* unless the config says */
    const char *parallel_key;   /* of config.json, true unless it says false */
    const char *grouped_key;    /* if false, as many key/value heads as heads; else one */
    const char *window_key;     /* if not true, no window */
    const char *before_key;     /* if false, norms are of the sums, after each half */
    bool layer_norm;            /* with mean and bias; else RMS */
    bool norm_plus_one;         /* weights of norms are stored less 1 */
    bool parallel;              /* attention and feed-forward layer both read x */
    bool transposed;            /* matrices of layers are stored [in, out] */
    bool no_rope;
    bool scaled_embeddings; /* by sqrt(D) */
    bool tied;              /* unless the config says */
    wg_qkv_layout qkv;
    wg_windows windows;
    int position_offset; /* row of the first learned position */
    double rotary;       /* share of a head that turns, unless the config says; 0: all */
    double eps;          /* unless the config says; 0: 1e-6 */
} wg_family;

static inline bool wg_is_norm(wg_role role)
{
    return role == WG_FINAL_NORM || role == WG_ATTENTION_NORM || role == WG_MLP_NORM ||
           role == WG_QUERY_NORM || role == WG_KEY_NORM || role == WG_ATTENTION_POST_NORM ||
           role == WG_MLP_POST_NORM;
}

/* By config.json's model_type; NULL if unknown. */
const wg_family *wg_family_find(const char *model_type);

/* --- names that most families share --------------------------------------------------------- */

#define WG_LAYER "model.layers.%d."
/* [ROLE] = {name.weight}, [ROLE + 1] = {name.bias} if the key `when` says so */
#define WG_MATRIX(role, name, O, I) [role] = {name ".weight", {WG_DIM_##O, WG_DIM_##I}, NULL}
#define WG_VECTOR(role, name, D) [role] = {name ".weight", {WG_DIM_##D}, NULL}
#define WG_BIAS(role, name, O, when) [role + 1] = {name ".bias", {WG_DIM_##O}, when}

/* with its bias */
#define WG_LAYER_NORM(role, name) WG_VECTOR(role, name, D), WG_BIAS(role, name, D, NULL)
#define WG_LINEAR(role, name, O, I, when) WG_MATRIX(role, name, O, I), WG_BIAS(role, name, O, when)

#define WG_USUAL_ENDS                                                                              \
    WG_MATRIX(WG_EMBED, "model.embed_tokens", V, D), WG_VECTOR(WG_FINAL_NORM, "model.norm", D),    \
        WG_MATRIX(WG_HEAD, "lm_head", V, D)
#define WG_USUAL_ATTENTION                                                                         \
    WG_MATRIX(WG_QUERY, WG_LAYER "self_attn.q_proj", Q, D),                                        \
        WG_MATRIX(WG_KEY, WG_LAYER "self_attn.k_proj", P, D),                                      \
        WG_MATRIX(WG_VALUE, WG_LAYER "self_attn.v_proj", P, D),                                    \
        WG_MATRIX(WG_OUTPUT, WG_LAYER "self_attn.o_proj", D, Q)
#define WG_USUAL_QKV_BIAS(when)                                                                    \
    WG_BIAS(WG_QUERY, WG_LAYER "self_attn.q_proj", Q, when),                                       \
        WG_BIAS(WG_KEY, WG_LAYER "self_attn.k_proj", P, when),                                     \
        WG_BIAS(WG_VALUE, WG_LAYER "self_attn.v_proj", P, when)
#define WG_USUAL_OUTPUT_BIAS(when) WG_BIAS(WG_OUTPUT, WG_LAYER "self_attn.o_proj", D, when)
#define WG_USUAL_MLP                                                                               \
    WG_MATRIX(WG_GATE, WG_LAYER "mlp.gate_proj", F, D),                                            \
        WG_MATRIX(WG_UP, WG_LAYER "mlp.up_proj", F, D),                                            \
        WG_MATRIX(WG_DOWN, WG_LAYER "mlp.down_proj", D, F)
#define WG_USUAL_PRE_NORMS                                                                         \
    WG_VECTOR(WG_ATTENTION_NORM, WG_LAYER "input_layernorm", D),                                   \
        WG_VECTOR(WG_MLP_NORM, WG_LAYER "post_attention_layernorm", D)
#define WG_USUAL_POST_NORMS                                                                        \
    WG_VECTOR(WG_ATTENTION_POST_NORM, WG_LAYER "post_attention_layernorm", D),                     \
        WG_VECTOR(WG_MLP_POST_NORM, WG_LAYER "post_feedforward_layernorm", D)
#define WG_GEMMA_NORMS                                                                             \
    WG_VECTOR(WG_ATTENTION_NORM, WG_LAYER "input_layernorm", D), WG_USUAL_POST_NORMS,              \
        WG_VECTOR(WG_MLP_NORM, WG_LAYER "pre_feedforward_layernorm", D)
#define WG_HEAD_NORMS                                                                              \
    WG_VECTOR(WG_QUERY_NORM, WG_LAYER "self_attn.q_norm", HEAD),                                   \
        WG_VECTOR(WG_KEY_NORM, WG_LAYER "self_attn.k_norm", HEAD)

#endif
