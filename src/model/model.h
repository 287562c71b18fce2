/* model.h - a model folder: its config, its tensors, and the weights as the engine sees them. */
#ifndef WG_MODEL_MODEL_H
#define WG_MODEL_MODEL_H

#include "io/safetensors.h"
#include "model/family.h"
#include "ops/ops.h"

typedef enum wg_rope_kind {
    WG_ROPE_DEFAULT,
    WG_ROPE_LINEAR,
    WG_ROPE_LLAMA3,
    WG_ROPE_LONG,
    WG_ROPE_YARN,
    WG_ROPE_DYNAMIC /* as default, within max_position */
} wg_rope_kind;

enum {
    WG_EOS_MOST = 64,
    WG_LAYERS_MOST = 4096,
    WG_PAIRS_MOST = 256,
    WG_EMBED_MOST = 4096,
    WG_EXPERTS_MOST = 512,
    WG_ROLES_MOST = WG_EXPERT_ROLES + WG_EXPERTS_MOST * WG_ROLES_OF_EXPERT
};

typedef struct wg_rope {
    wg_rope_kind kind;
    double theta, factor, low, high, original; /* the last three: llama3 */
    double scale;                              /* of cosine and sine: longrope, yarn */
    double divide[WG_PAIRS_MOST];              /* each frequency: longrope, yarn */
} wg_rope;

typedef struct wg_config {
    const wg_family *family;
    bool inside;        /* the folder is of family->outer_type */
    bool has[WG_ROLES]; /* there is such a tensor, in some layer */
    int64_t V, D, F, L, H, K, h;
    int64_t X, used, FX, FS; /* experts, those of a token, their width, the shared one's; or 0 */
    bool sum_to_one;         /* the weights of a token's experts are divided by their sum */
    uint64_t mixture[WG_LAYERS_MOST / 64];  /* layers that are a mixture, a bit each */
    uint64_t unturned[WG_LAYERS_MOST / 64]; /* layers without positions */
    int64_t E;                              /* width of the embeddings and the head */
    int64_t r; /* of each head's h so many turn; 0: positions are learned */
    int64_t max_position, window;
    uint64_t windowed[WG_LAYERS_MOST / 64]; /* layers with the window, a bit each */
    double eps, attention_scale, attention_cap, final_cap, embed_scale;
    double clip_qkv; /* 0: none */
    wg_activation activation;
    wg_rope rope[2]; /* [1]: of windowed layers, if local_rope */
    bool local_rope, tied, parallel;
    bool bare_head_norms; /* of q and k, without weights, in layers with positions */
    /* queries at position p of layers without them are multiplied by
       1 + stretch*log(1 + floor((p + 1) / stretch_from)); stretch_from 0: they are not */
    double stretch, stretch_from;
    bool norm_sum;            /* post-norms are of the sum, not of the branch */
    bool layer_scale;         /* scores of layer l are divided by l + 1 too */
    bool bounded;             /* no sequence may be longer than max_position */
    int32_t eos[WG_EOS_MOST]; /* [n_eos] what ends a generated text */
    int n_eos;
    double repetition_penalty; /* of tokens that are in the text already (Keskar et al. 2019, arXiv
                                  1909.05858); 1: none */
    uint32_t unapplied;        /* bits of keys that wg_config_warn_generation names */
    bool generation_in_config; /* those are in config.json: there is no generation_config.json */
} wg_config;

/* Whether a set of layers, one bit each, has the layer. */
static inline bool wg_has_layer(const uint64_t *layers, int64_t layer)
{
    return layers[layer / 64] >> (layer % 64) & 1;
}

static inline bool wg_config_windowed(const wg_config *c, int64_t layer)
{
    return wg_has_layer(c->windowed, layer);
}

static inline bool wg_config_is_mixture(const wg_config *c, int64_t layer)
{
    return wg_has_layer(c->mixture, layer);
}

/* Positions turn q and k in this layer. */
static inline bool wg_config_turns(const wg_config *c, int64_t layer)
{
    return c->r > 0 && !wg_has_layer(c->unturned, layer);
}

/* Tables of cosines and sines that wg_rope_tables makes: of all layers, or of two kinds. */
static inline int wg_config_tables(const wg_config *c)
{
    return c->local_rope || c->stretch_from > 0 ? 2 : 1;
}

/* Roles are below this number. */
static inline int wg_config_roles(const wg_config *c)
{
    return (int)wg_role_of(WG_EXPERT_ROLES, c->X);
}

/* Layers that a tensor of the role may be in: 1 if it belongs to none. */
static inline int64_t wg_config_layers(const wg_config *c, wg_role role)
{
    return role < WG_LAYER_ROLES ? 1 : c->L;
}

/* The norm happens; without a tensor, its weights are 1. */
static inline bool wg_config_normed(const wg_config *c, wg_role role)
{
    return c->has[role] || (c->bare_head_norms && (role == WG_QUERY_NORM || role == WG_KEY_NORM)) ||
           (c->family->bare_norms &&
            (role == WG_FINAL_NORM || role == WG_ATTENTION_NORM || role == WG_MLP_NORM));
}

/* Selected weights of one tensor, which live in float32 or bf16 apart from the stored ones: as in
 * wg_weights, in memory of the back end; and the selection on the host. */
typedef struct wg_overlay {
    const uint64_t *bits;
    const int64_t *rank;
    const wg_real *value; /* NULL: none, or `half` has them */
    const uint16_t *half; /* as bf16 */
    const uint64_t *host_bits;
    const int64_t *host_rank;
} wg_overlay;

typedef struct wg_model {
    char *folder;
    wg_config config;
    wg_tensors files;
    int copy;            /* tensor that is stored beside the one it is tied to, or -1 */
    int *index;          /* [roles without a layer + L*(roles a layer)], see wg_model_tensor */
    bool *weight;        /* [files.n] the tensor is one of the weights; NULL: all are */
    bool *turned;        /* [files.n] it is a matrix that is stored [in, out] */
    wg_overlay *overlay; /* [files.n]; value NULL: none */
    const wg_ops *ops;
    int64_t widest;       /* elements of the largest tensor */
    bool borrows;         /* all but the overlays is another model's */
    const wg_ops *lender; /* whose files they are: its back end */
} wg_model;

WAGLE_CHECK wagle_status wg_model_open(wagle_ctx *ctx, const char *folder, wg_model **out);
void wg_model_close(wg_model *m);
/* The same stored weights with overlays of their own, none yet. `of` must outlive it. */
WAGLE_CHECK wagle_status wg_model_borrow(wagle_ctx *ctx, const wg_model *of, wg_model **out);

/* A model of this config with all weights of one type, without their bytes: for plans. ops need
 * only say what plans ask. Free with wg_model_outline_free. */
WAGLE_CHECK wagle_status wg_model_outline(wagle_ctx *ctx, const wg_config *config, wg_dtype dtype,
                                          const wg_ops *ops, wg_model *out);
void wg_model_outline_free(wg_model *m);

WAGLE_CHECK wagle_status wg_config_read(wagle_ctx *ctx, const char *folder, wg_config *out);
/* Reads what the folder says about generated text: the tokens that end it, from `config` (read from
 * config_path) and from the folder's generation_config.json, and its penalty. c->V is known. */
WAGLE_CHECK wagle_status wg_config_generation(wagle_ctx *ctx, const char *folder,
                                              const char *config_path, const json_t *config,
                                              wg_config *c);
/* Warns, once, about each key of generation_config.json that changes what transformers generates
 * and is not applied here. */
void wg_config_warn_generation(wagle_ctx *ctx, wg_config *c);

/* What config.json, read as `json`, says about the text model: all of it, or its text_config. Both
 * are borrowed. *family: that of such a text_config, or NULL. */
const json_t *wg_config_of_text(const json_t *json, const wg_family **family);

/* Adds to the text the keys of config.json that say what another model type would compute, and that
 * this one ignores. */
WAGLE_CHECK wagle_status wg_config_ignored(wagle_ctx *ctx, const char *folder,
                                           const wg_family *family, wg_text *out);

enum { WG_NAME_BYTES = 256 };
/* Name and shape of a role's tensor, as the family says; layer 0 for those that have none. */
void wg_config_tensor(const wg_config *c, wg_role role, int64_t layer, char name[WG_NAME_BYTES],
                      wg_shape *shape);
/* The same as the file stores it: where one tensor holds the matrices of all experts, its name and
 * shape; false then for all experts but the first. */
bool wg_config_stored(const wg_config *c, wg_role role, int64_t layer, char name[WG_NAME_BYTES],
                      wg_shape *shape);
/* There is such a tensor: the head of a tied model is no tensor of its own. */
bool wg_config_has(const wg_config *c, wg_role role, int64_t layer);

/* Where a tied model's one matrix is stored, and again, if it is; NULL: the model is not tied. */
typedef struct wg_tie {
    const wg_tensor *stored, *copy;
} wg_tie;

/* A role's tensor in the files, under any of its names; NULL if there is none. */
const wg_tensor *wg_stored_tensor(const wg_config *c, const wg_tensors *files, wg_role role,
                                  int64_t layer);
/* How the files store the tie; where head and embedding differ, c is tied no longer. */
WAGLE_CHECK wagle_status wg_tie_settle(wagle_ctx *ctx, const char *folder, const wg_tensors *files,
                                       wg_config *c, wg_tie *out);
/* The same of a folder whose config may be of no model that we know: then there is no tie. */
WAGLE_CHECK wagle_status wg_tie_of_folder(wagle_ctx *ctx, const char *folder,
                                          const wg_tensors *files, wg_config *c, wg_tie *out);
/* It is one of the names of embedding and head. */
bool wg_tie_names(const wg_config *c, const char *tensor);

/* Index in m->files.tensor, -1 if there is none; the head of a tied model is its embedding.
 * layer 0 for those that have none. */
int wg_model_tensor(const wg_model *m, wg_role role, int64_t layer);
/* Its place in the index of such a model. */
int64_t wg_model_place_of(const wg_config *c, wg_role role, int64_t layer);
/* The tensor is one of the weights (and not, say, a stored rope table). */
bool wg_model_is_weight(const wg_model *m, int tensor);
/* The tensor is a matrix that is stored [in, out]: its columns are the output neurons. */
bool wg_model_is_transposed(const wg_model *m, int tensor);
/* What a matrix reads a token: its columns, or its rows if it is transposed. */
int64_t wg_model_inputs(const wg_model *m, int tensor);
int64_t wg_model_parameters(const wg_model *m);

/* The weights of a tensor for an operation. */
wg_weights wg_model_weights(const wg_model *m, int tensor);
/* Elements [first, first+n) of a tensor as reals, in memory of the back end: a pointer to where
 * they are, or `panel` [n] filled with them. */
const wg_real *wg_model_view(const wg_model *m, int tensor, int64_t first, int64_t n,
                             wg_real *panel);
/* Elements [first, first+n) of a matrix as a factor of products: [O,I], whichever way it is stored;
 * where they are, or laid into `panel`, which takes wg_panel_bytes. */
wg_operand wg_model_matrix(const wg_model *m, int tensor, int64_t first, int64_t n, void *panel);
/* The same of elements that lie at `data` as panel_type. */
wg_operand wg_model_factor(const wg_model *m, int tensor, const void *data);
/* The tensor's stored weights are not read before they are asked for again: a card may use their
 * memory for others, and those that processes share are given back. Other pages of the host stay
 * mapped. */
void wg_model_done(const wg_model *m, int tensor);
/* Reals of the stored weights, selected or not, on the host. */
const wg_real *wg_model_stored(const wg_model *m, int tensor, int64_t first, int64_t n,
                               wg_real *panel);
/* The weights of a norm, as normalising uses them; `panel` has room for them. NULL: no such tensor.
 */
const wg_real *wg_model_norm(const wg_model *m, wg_role role, int64_t layer, wg_real *panel);

/* By what scaling divides the frequency of pair i of c->rope[which]; 1: by nothing. */
double wg_rope_factor(const wg_config *c, int which, int64_t i);
/* cosine, sine [positions, r/2] of c->rope[which], or what queries of layers without positions are
 * multiplied by, and 0 (which 1); and uploaded. */
void wg_rope_tables(const wg_config *c, int which, int64_t positions, wg_real *cosine,
                    wg_real *sine);
WAGLE_CHECK wagle_status wg_rope_upload(wagle_ctx *ctx, const wg_model *m, int which,
                                        int64_t positions, wg_buffer *cosine, wg_buffer *sine);

#endif
