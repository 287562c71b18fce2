/* block.h - one decoder block: forward, and backward with the gradient of each of its weights.
 *
 *   h1 = norm(x)    x2 = x + norm?(o(attention(clip?(q h1), clip?(k h1), clip?(v h1))))
 *   h2 = norm(x2)   y  = x2 + norm?(down(act(gate h2) * (up h2)))
 *
 * or in the place of the last a mixture of experts (mixture.c).
 * Features of the family and tensors that are there or not say what of this happens: without a norm
 * its input passes; a parallel block takes h2 from x (or is h1 where it has one norm); what is
 * marked ? and the norms of q and k are there in few families. */
#ifndef WG_MODEL_BLOCK_H
#define WG_MODEL_BLOCK_H

#include "model/q8.h"

/* A layer's weights, without those of experts; or an expert's of the layer, under the roles of
 * expert 0. NULL: there is none. */
typedef struct wg_layer {
    int64_t l, expert;
    wg_operand matrix[WG_ROLES];       /* [O,I] */
    const wg_tensor *stored[WG_ROLES]; /* in place of `matrix`, for few rows */
    const void *q8[WG_ROLES];          /* the same in 8 bits, in place of what is stored */
    const wg_real *vector[WG_ROLES];   /* norms and biases */
    wg_real *room;                     /* behind what was laid out: for an expert */
    bool for_few;                      /* experts are seen as stored, or in 8 bits */
    const wg_q8 *q8_of;
} wg_layer;

/* Activations of a mixture of experts. R = N*used rows, one for each token and expert that it uses,
 * in order of the experts. FX, FS: width of an expert, of the shared one. */
typedef struct wg_mixture {
    wg_real *logits;                    /* [N,X] of the router; saved, as all up to scale_logit */
    wg_real *gate, *up;                 /* [R,FX] */
    wg_real *shared_gate, *shared_up;   /* [N,FS] */
    wg_real *scale_logit;               /* [N] of the shared expert */
    wg_routing routing;                 /* recomputed */
    wg_real *rows;                      /* [R,D] what experts read */
    wg_real *mixed, *shared_mixed;      /* [R,FX], [N,FS] */
    wg_real *scale;                     /* [N] sigmoid of scale_logit */
    wg_real *made;                      /* [R,D] */
    int64_t first[WG_EXPERTS_MOST + 1]; /* first row of each expert, on the host */
} wg_mixture;

/* What the backward pass needs of the forward pass, N tokens. A saved layer keeps what costs
 * products; wg_block_restore recomputes the rest. */
typedef struct wg_activations {
    wg_real *x2;           /* [N,D] saved, as all up to the norms' numbers */
    wg_real *q0, *k0;      /* [N,Q], [N,P] clipped, before their norms; q and k where neither is */
    wg_real *v, *attended; /* [N,P], [N,Q] */
    wg_real *o, *m;        /* [N,D] what attention and feed-forward layer add, if normed */
    wg_real *gate, *up;    /* [N,F]; gate NULL: not gated */
    wg_real *lse;          /* [N,H] */
    wg_real *mean[WG_ROLES]; /* of each norm, one number per row; NULL: RMS */
    wg_real *rstd[WG_ROLES];
    wg_real *q, *k;   /* [N,Q], [N,P] recomputed */
    wg_real *h1, *h2; /* [N,D] */
    wg_real *mixed;   /* [N,F] */
    wg_real *fused;   /* [N,Q+2P] or [N,2F], what a matrix of several gives */
    wg_real *spare;   /* [N,D] */
    wg_mixture mixture;
} wg_activations;

typedef struct wg_backward_scratch {
    wg_real *dh, *branch, *side;   /* [N,D]; side: what a parallel feed-forward layer adds */
    wg_real *dq, *dattended;       /* [N,Q] */
    wg_real *dk, *dv, *dk0;        /* [N,P] */
    wg_real *dgate, *dup, *dmixed; /* [N,F]; of a mixture: for rows of an expert */
    wg_real *dfused;               /* [N,Q+2P] or [N,2F] */
    wg_real *dy, *drows;           /* [R,D] of a mixture */
    double *dweight;               /* [R] */
    wg_real *dlogits;              /* [N,X] */
} wg_backward_scratch;

/* Packed sequences as a block sees them. */
typedef struct wg_block_input {
    const wg_model *model;
    int64_t N, S, longest;              /* tokens, sequences, tokens of the longest */
    const int64_t *start;               /* [S+1], as wg_attention has it */
    const int32_t *position;            /* [N] */
    const wg_real *cosine[2], *sine[2]; /* of c->rope */
    /* In place of attention among the N tokens, if not NULL: fills a->attended from a->q, k, v. */
    void (*attend)(void *user, const wg_attention *how, int64_t layer, wg_activations *a);
    void *user;
    void *packed; /* [wg_packed_size] room for rows that several products read */
    /* Shown what each matrix reads, if not NULL. */
    void (*input_hook)(void *user, int64_t layer, wg_role role, int64_t N, int64_t I,
                       const wg_real *x);
    void *input_hook_user;
} wg_block_input;

/* A piece of a gradient, of one role's tensor, from `rows` rows: a matrix's dY^T X (X^T dY where
 * stored [in, out]); a norm's (I = 0) from dY and X [rows,O] and its numbers; a bias's (X NULL). */
typedef struct wg_grad_part {
    wg_role role;
    int64_t rows, O, I;
    const wg_real *dy;          /* [rows,O] */
    const wg_real *x;           /* [rows,I], [rows,O] or NULL */
    wg_operand dy_read, x_read; /* of a matrix: the same as products read them */
    const wg_real *mean, *rstd;
    int64_t still_from, still_to; /* of a bias: here the gradient is 0 and is not summed up */
    const int64_t *start; /* [S+1] where sequences begin among rows of an expert; NULL: all tokens
                             are there */
} wg_grad_part;

/* Adds the gradient of a norm or a bias (I = 0) to out [O]. */
void wg_grad_part_vector(const wg_ops *ops, const wg_grad_part *piece, wg_real *out);

typedef void wg_weight_gradient(void *user, const wg_grad_part *piece);

/* Reals of the room for packed rows of a block. */
int64_t wg_packed_size(const wg_model *m, int64_t N);
int64_t wg_saved_size(const wg_config *c, int64_t N); /* reals */
int64_t wg_recomputed_size(const wg_config *c, int64_t N);
void wg_activations_carve(const wg_config *c, int64_t N, wg_real *saved, wg_real *recomputed,
                          wg_activations *out);
int64_t wg_backward_scratch_size(const wg_config *c, int64_t N);
void wg_backward_scratch_carve(const wg_config *c, int64_t N, wg_real *memory,
                               wg_backward_scratch *out);
/* Weights of the largest layer; those of a layer that a token is multiplied with. */
int64_t wg_layer_size(const wg_config *c);
int64_t wg_layer_used(const wg_config *c, int64_t layer);
/* Reals of a panel that holds any layer and one of its experts, or their vectors alone. */
int64_t wg_layer_panel(const wg_model *m, bool matrices);
void wg_layer_view(const wg_model *m, int64_t l, wg_real *panel, wg_layer *out);
/* The same with matrices as stored, unless the family transposes them, for few rows; q8: with these
 * in their place, or NULL. */
void wg_layer_stored(const wg_model *m, int64_t l, const wg_q8 *q8, wg_real *panel, wg_layer *out);

/* One of its experts, in w->room. */
void wg_layer_expert(const wg_model *m, const wg_layer *w, int64_t expert, wg_layer *out);

/* About a layer's stored weights: it comes next (any l; after the last one a card fetches the head;
 * else none outside the model); it is done with, and its pages need not stay mapped. */
void wg_layer_ahead(const wg_model *m, int64_t l);
void wg_layer_release(const wg_model *m, int64_t l);
/* The same for a card alone, where a model is read again and again: layer l is done with, and the
 * one after the next comes. */
void wg_layer_done(const wg_model *m, int64_t l);

/* x [N,D] = embeddings of ids at their positions. With a projection after the table, narrow [N,E]
 * becomes what the table gives, and panel [D,E] is scratch. */
void wg_embed(const wg_model *m, int64_t N, const int32_t *ids, const int32_t *position,
              wg_real *narrow, wg_real *panel, wg_real *x);

/* y [N,D] may be NULL: only the activations are wanted. y may be x. */
void wg_block_forward(const wg_block_input *in, const wg_layer *w, const wg_real *x, wg_real *y,
                      wg_activations *a);
/* From x and what is saved: what is recomputed. */
void wg_block_restore(const wg_block_input *in, const wg_layer *w, const wg_real *x,
                      wg_activations *a);
/* d [N,D]: gradient of y on entry, of x on return. */
void wg_block_backward(const wg_block_input *in, const wg_layer *w, const wg_real *x,
                       const wg_activations *a, wg_backward_scratch *s, wg_real *d,
                       wg_weight_gradient *gradient, void *user);

/* Rows of a matrix: as reals, and as products read them. */
typedef struct wg_block_rows {
    const wg_real *x;
    wg_operand read;
} wg_block_rows;

/* --- shared by forward and backward ----------------------------------------------------------- */

static inline bool wg_has(const wg_block_input *in, wg_role role)
{
    return in->model->config.has[role];
}

static inline bool wg_normed(const wg_block_input *in, wg_role role)
{
    return wg_config_normed(&in->model->config, role);
}

/* q or k of the layer has its norm. */
static inline bool wg_head_normed(const wg_block_input *in, wg_role norm, int64_t layer)
{
    const wg_config *c = &in->model->config;

    return c->has[norm] || (c->bare_head_norms && wg_config_turns(c, layer));
}

/* q and k change between their matrix and their turn: the activations keep both. */
static inline bool wg_keeps_unturned(const wg_config *c, wg_role norm)
{
    return wg_config_normed(c, norm) || c->clip_qkv > 0;
}

/* y [N,D] += x */
static inline void wg_add_rows(const wg_block_input *in, const wg_real *x, wg_real *y)
{
    const wg_ops *ops = in->model->ops;

    ops->axpy(ops, in->N * in->model->config.D, 1, x, y);
}

/* N rows of each of `m` matrices for several products, packed from `room` on, which is
 * in->packed or what an earlier call returned: where the next may be packed. */
void *wg_block_pack(const wg_block_input *in, int m, const wg_real *const *x, const int64_t *width,
                    void *room, wg_block_rows *out);
wg_attention wg_block_attention(const wg_block_input *in, int64_t layer);
void wg_block_rope(const wg_block_input *in, int64_t layer, int direction, wg_real *q, wg_real *k);
/* Rows and width of the norm of q or k. */
void wg_head_norm(const wg_block_input *in, wg_role role, int64_t *rows, int64_t *width);
/* What attention and the feed-forward layer read. */
const wg_real *wg_attention_input(const wg_block_input *in, const wg_real *x,
                                  const wg_activations *a);
const wg_real *wg_mlp_input(const wg_block_input *in, const wg_real *x, const wg_activations *a);

#endif
