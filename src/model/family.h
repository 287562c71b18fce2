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
    WG_DIM_POSITIONS,
    WG_DIM_X,   /* experts */
    WG_DIM_FX,  /* width of an expert */
    WG_DIM_FFX, /* 2FX */
    WG_DIM_FS,  /* width of the shared expert */
    WG_DIM_1
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
    WG_MIXTURE_ROLES, /* from here on: of layers that are a mixture of experts */
    WG_ROUTER = WG_MIXTURE_ROLES,
    WG_ROUTER_BIAS,
    WG_SHARED_SCALE, /* one output: its sigmoid multiplies what the shared expert makes */
    WG_SHARED_SCALE_BIAS,
    WG_SHARED_GATE,
    WG_SHARED_GATE_BIAS,
    WG_SHARED_UP,
    WG_SHARED_UP_BIAS,
    WG_SHARED_DOWN,
    WG_SHARED_DOWN_BIAS,
    WG_EXPERT_ROLES, /* from here on: of expert 0. Those of the others follow, see wg_role_of */
    WG_EXPERT_GATE = WG_EXPERT_ROLES,
    WG_EXPERT_GATE_BIAS,
    WG_EXPERT_UP,
    WG_EXPERT_UP_BIAS,
    WG_EXPERT_GATE_UP, /* the two in one */
    WG_EXPERT_GATE_UP_BIAS,
    WG_EXPERT_DOWN,
    WG_EXPERT_DOWN_BIAS,
    WG_ROLES
} wg_role;

/* Roles beyond WG_ROLES are those of experts 1, 2, ... in the order of expert 0's. */
enum { WG_ROLES_OF_EXPERT = WG_ROLES - WG_EXPERT_ROLES };

/* The role of `expert` that expert 0 has as `role`. */
static inline wg_role wg_role_of(wg_role role, int64_t expert)
{
    return (wg_role)((int64_t)role + expert * WG_ROLES_OF_EXPERT);
}

static inline int64_t wg_expert_of(wg_role role)
{
    return role < WG_EXPERT_ROLES ? 0 : ((int64_t)role - WG_EXPERT_ROLES) / WG_ROLES_OF_EXPERT;
}

/* The role of expert 0 in its place, which the family's table lists. */
static inline wg_role wg_table_role(wg_role role)
{
    return wg_role_of(role, -wg_expert_of(role));
}

/* What a family reads from config.json, beside rope_parameters and the activation. */
typedef enum wg_cfg {
    WG_CFG_V, /* whole numbers: sizes */
    WG_CFG_D,
    WG_CFG_F, /* 0: 4D */
    WG_CFG_L,
    WG_CFG_H,
    WG_CFG_K,           /* 0: H */
    WG_CFG_HEAD,        /* 0: D/H */
    WG_CFG_E,           /* 0: D */
    WG_CFG_ROTARY_SIZE, /* how many numbers of a head turn, where it is not a share of them */
    WG_CFG_POSITIONS,
    WG_CFG_ORIGINAL, /* positions of pre-training; 0: rope_parameters says */
    WG_CFG_WINDOW,   /* 0: none */
    WG_CFG_WINDOW_FROM,
    WG_CFG_WINDOW_EVERY, /* every n-th layer has no window; 0: all have it */
    WG_CFG_EXPERTS,      /* of a mixture; without this key the family has none */
    WG_CFG_EXPERTS_USED, /* by each token */
    WG_CFG_EXPERT_F,     /* 0: F */
    WG_CFG_SHARED_F,
    WG_CFG_MIXTURE_EVERY,  /* every n-th layer is a mixture; 0: all are */
    WG_CFG_UNTURNED_EVERY, /* every n-th layer has no positions; 0: all have them */
    WG_CFG_STRETCH_FROM,   /* tokens after which queries of such layers grow, and again */
    WG_CFG_EPS,            /* real numbers */
    WG_CFG_REALS = WG_CFG_EPS,
    WG_CFG_QUERY_SCALAR,  /* scores are divided by its root; 0: the head size */
    WG_CFG_ATTENTION_CAP, /* 0: none */
    WG_CFG_FINAL_CAP,
    WG_CFG_CLIP_QKV,    /* largest magnitude in q, k, v; 0: any */
    WG_CFG_THETA,       /* 0: rope_parameters must say */
    WG_CFG_LOCAL_THETA, /* of layers with a window */
    WG_CFG_ROTARY,      /* share of a head that turns */
    WG_CFG_STRETCH,     /* how fast those queries grow */
    WG_CFG_TIED,        /* flags */
    WG_CFG_FLAGS = WG_CFG_TIED,
    WG_CFG_USE_WINDOW,
    WG_CFG_BIAS, /* of attention's matrices, or of all, as the family has it */
    WG_CFG_MLP_BIAS,
    WG_CFG_PARALLEL,    /* attention and feed-forward layer both read x */
    WG_CFG_ONE_GROUP,   /* one key/value head for all heads */
    WG_CFG_NORM_BEFORE, /* if false, norms are of the sums, after each half */
    WG_CFG_SCALE,       /* scores are divided by the root of the head size */
    WG_CFG_LAYER_SCALE, /* and by the number of the layer, from 1 */
    WG_CFG_SUM_TO_ONE,  /* the weights of a token's experts are divided by their sum */
    WG_CFG_HEAD_NORMS,  /* q and k are normalised without weights where positions turn them */
    WG_CFG_STRETCHES,   /* queries of layers without positions grow with their position */
    WG_CFG_KEYS
} wg_cfg;

typedef struct wg_family_key {
    const char *name; /* in config.json; of several, divided by |, the last that is there counts.
                         NULL: the family has no such key */
    double fallback;  /* where config.json has none of them */
    bool nullable;    /* null is read as 0; else it is refused */
} wg_family_key;

typedef struct wg_family_tensor {
    const char *pattern; /* tensor name, %d is the layer, a second one the expert; NULL: none */
    wg_dim shape[2];
    int when; /* flag (wg_cfg) that must be true; less than 0: -when must be false; 0: always */
} wg_family_tensor;

typedef enum wg_qkv_layout {
    WG_QKV_STACKED, /* all of q, all of k, all of v */
    WG_QKV_GROUPED  /* for each key/value head its q heads, k, v */
} wg_qkv_layout;

/* Defaults are those of transformers' configuration class, which are not always the architecture's.
 */
typedef struct wg_family {
    const char *model_type[4]; /* of config.json, NULL-terminated */
    const char *models;        /* names, for readers */
    const char *source;        /* the paper, or NULL */
    wg_family_key key[WG_CFG_KEYS];
    wg_family_tensor tensor[WG_ROLES];
    const char *activation_key, *activation; /* key of config.json, and its default */
    const char *must_be_off[8]; /* config keys that, if true, ask for what the family lacks */
    const char *must_be_on[4];  /* and, if false */
    const char *ignored[4];     /* ends of names of stored tensors that are no weights */
    const char *prefix; /* of tensor names, left out in files of the model without its head */
    /* Folders of a model that also sees images have another model_type, this one's config as
     * text_config, a prefix before all of its tensors, and tensors that begin as in `beside`. */
    const char *outer_type, *outer_prefix, *beside[4];
    const char *head_alias;  /* another stored name of the head's matrix */
    bool gelu_is_tanh;       /* "gelu" means its approximation by tanh */
    bool layer_norm;         /* with mean and bias; else RMS */
    bool norm_plus_one;      /* weights of norms are stored less 1 */
    bool bare_norms;         /* the norms before each half and at the end have no weights */
    bool transposed;         /* matrices of layers are stored [in, out] */
    bool fixed_head;         /* the head size is D/H, whatever head_dim says */
    bool layer_types;        /* config.json may list the layers with a window */
    bool mlp_only_layers;    /* config.json may list layers that are no mixture */
    bool moe_layers;         /* config.json may list the layers that are */
    bool no_rope_layers;     /* config.json may list, with 0, the layers without positions */
    bool chunked;            /* a window is a chunk: sequences are cut there for attention */
    bool scales_inputs;      /* what an expert reads is multiplied by the sigmoid of its logit */
    bool transposed_experts; /* matrices of experts are stored [in, out] */
    bool no_rope;
    bool turns_neighbours;  /* the pairs that turn are (2i, 2i + 1), not (i, i + r/2) */
    bool turns_share;       /* WG_CFG_ROTARY counts also where positions are not scaled */
    bool rope_by_kind;      /* layers with a window have positions of their own */
    bool long_rope;         /* longrope is the only scaling of positions, also by its older names */
    bool scaled_embeddings; /* by sqrt(D) */
    wg_qkv_layout qkv;
    int position_offset; /* row of the first learned position */
} wg_family;

static inline bool wg_is_norm(wg_role role)
{
    return role == WG_FINAL_NORM || role == WG_ATTENTION_NORM || role == WG_MLP_NORM ||
           role == WG_QUERY_NORM || role == WG_KEY_NORM || role == WG_ATTENTION_POST_NORM ||
           role == WG_MLP_POST_NORM;
}

/* Matrices of the role are stored [in, out]. */
static inline bool wg_is_stored_turned(const wg_family *f, wg_role role)
{
    return role >= WG_LAYER_ROLES &&
           (f->transposed || (f->transposed_experts && role >= WG_EXPERT_ROLES));
}

/* A layer has such a tensor only if it is a mixture of experts, or only if it is none. */
static inline bool wg_is_of_mixture(wg_role role)
{
    return role >= WG_MIXTURE_ROLES;
}

static inline bool wg_is_of_mlp(wg_role role)
{
    return role >= WG_GATE && role <= WG_DOWN_BIAS;
}

/* By config.json's model_type; NULL if unknown. */
const wg_family *wg_family_at(int i); /* NULL past the last */
const wg_family *wg_family_find(const char *model_type);
/* The family of the text part of such a model; NULL if there is none. */
const wg_family *wg_family_inside(const char *outer_type);

/* --- names that most families share --------------------------------------------------------- */

#define WG_LAYER "model.layers.%d."
/* [ROLE] = {name.weight}, [ROLE + 1] = {name.bias} if the flag `when` says so */
#define WG_MATRIX(role, name, O, I) [role] = {name ".weight", {WG_DIM_##O, WG_DIM_##I}, 0}
#define WG_VECTOR(role, name, D) [role] = {name ".weight", {WG_DIM_##D}, 0}
#define WG_BIAS(role, name, O, when) [role + 1] = {name ".bias", {WG_DIM_##O}, when}

/* with its bias */
#define WG_LAYER_NORM(role, name) WG_VECTOR(role, name, D), WG_BIAS(role, name, D, 0)
#define WG_LAYER_NORM_IF(role, name, when)                                                         \
    [role] = {name ".weight", {WG_DIM_D}, when}, WG_BIAS(role, name, D, when)
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
/* of layers that are a mixture */
#define WG_USUAL_MIXTURE                                                                           \
    WG_MATRIX(WG_ROUTER, WG_LAYER "mlp.gate", X, D),                                               \
        WG_MATRIX(WG_EXPERT_GATE, WG_LAYER "mlp.experts.%d.gate_proj", FX, D),                     \
        WG_MATRIX(WG_EXPERT_UP, WG_LAYER "mlp.experts.%d.up_proj", FX, D),                         \
        WG_MATRIX(WG_EXPERT_DOWN, WG_LAYER "mlp.experts.%d.down_proj", D, FX)
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

/* --- keys that most families share ------------------------------------------------------------ */

#define WG_SIZES(v, d, f, l, heads, positions)                                                     \
    [WG_CFG_V] = {"vocab_size", v, false}, [WG_CFG_D] = {"hidden_size", d, false},                 \
    [WG_CFG_F] = {"intermediate_size", f, false}, [WG_CFG_L] = {"num_hidden_layers", l, false},    \
    [WG_CFG_H] = {"num_attention_heads", heads, false},                                            \
    [WG_CFG_POSITIONS] = {"max_position_embeddings", positions, false}
#define WG_EXPERTS(key, n, used)                                                                   \
    [WG_CFG_EXPERTS] = {key, n, false}, [WG_CFG_EXPERTS_USED] = {"num_experts_per_tok", used, false}
#define WG_EXPERT_SIZE(f) [WG_CFG_EXPERT_F] = {"moe_intermediate_size", f, false}
#define WG_MIXTURE_EVERY [WG_CFG_MIXTURE_EVERY] = {"decoder_sparse_step", 1, false}
#define WG_SUM_TO_ONE(is) [WG_CFG_SUM_TO_ONE] = {"norm_topk_prob", is, false}
#define WG_GROUPS(k) [WG_CFG_K] = {"num_key_value_heads", k, true}
#define WG_HEAD_DIM(size) [WG_CFG_HEAD] = {"head_dim", size, true}
#define WG_RMS_EPS(eps) [WG_CFG_EPS] = {"rms_norm_eps", eps, false}
#define WG_TIED(is) [WG_CFG_TIED] = {"tie_word_embeddings", is, false}
#define WG_ATTENTION_BIAS(is) [WG_CFG_BIAS] = {"attention_bias", is, false}
#define WG_ROPE(share) WG_ROPE_FROM(share, 10000)
#define WG_ROPE_FROM(share, theta)                                                                 \
    [WG_CFG_THETA] = {"rope_theta", theta, true},                                                  \
    [WG_CFG_ROTARY] = {"partial_rotary_factor", share, true},                                      \
    [WG_CFG_ORIGINAL] = {"original_max_position_embeddings", 0, true}
#define WG_QWEN_WINDOW                                                                             \
    [WG_CFG_USE_WINDOW] = {"use_sliding_window", false, false},                                    \
    [WG_CFG_WINDOW] = {"sliding_window", 4096, true},                                              \
    [WG_CFG_WINDOW_FROM] = {"max_window_layers", 28, false}

#endif
