/* block.h - one decoder block: forward, and backward with the gradient of each of its weights.
 *
 *   h1 = norm(x)            x2 = x + o(attention(rope(q h1), rope(k h1), v h1))
 *   h2 = norm(x2)           y  = x2 + down(silu(gate h2) * (up h2)) */
#ifndef WG_MODEL_BLOCK_H
#define WG_MODEL_BLOCK_H

#include "model/model.h"

/* A layer's weights as reals. */
typedef struct wg_layer {
    const wg_real *weight[WG_ROLES];
} wg_layer;

/* What the backward pass needs of the forward pass, N tokens. A kept layer keeps what costs
 * products; the rest passes, and wg_block_restore makes it again. */
typedef struct wg_activations {
    wg_real *x2;            /* [N,D] kept, as all up to lse */
    wg_real *q, *attended;  /* [N,Q] */
    wg_real *k, *v;         /* [N,P] */
    wg_real *gate, *up;     /* [N,F] */
    wg_real *lse;           /* [N,H] */
    wg_real *h1, *h2;       /* [N,D] passing */
    wg_real *mixed;         /* [N,F] */
    wg_real *rstd1, *rstd2; /* [N] */
} wg_activations;

typedef struct wg_backward_scratch {
    wg_real *dh;                   /* [N,D] */
    wg_real *dq, *dattended;       /* [N,Q] */
    wg_real *dk, *dv;              /* [N,P] */
    wg_real *dgate, *dup, *dmixed; /* [N,F] */
} wg_backward_scratch;

/* Packed sequences as a block sees them. */
typedef struct wg_block_input {
    const wg_model *model;
    int64_t N, S;
    const int64_t *start;    /* [S+1], start[0] = 0 */
    const int32_t *position; /* [N] */
    const wg_real *cosine, *sine;
} wg_block_input;

/* Receives dY [N,O] and X [N,I] of a matrix whose gradient is dY^T X, or (I = 0) dY, X [N,O] and
 * rstd of a norm's weight. */
typedef void wg_weight_gradient(void *user, wg_role role, const wg_real *dy, int64_t O,
                                const wg_real *x, int64_t I, const wg_real *rstd);

int64_t wg_kept_size(const wg_config *c, int64_t N); /* reals */
int64_t wg_passing_size(const wg_config *c, int64_t N);
void wg_activations_carve(const wg_config *c, int64_t N, wg_real *kept, wg_real *passing,
                          wg_activations *out);
int64_t wg_backward_scratch_size(const wg_config *c, int64_t N);
void wg_backward_scratch_carve(const wg_config *c, int64_t N, wg_real *memory,
                               wg_backward_scratch *out);
/* Reals of a panel that holds the widest layer. */
int64_t wg_layer_size(const wg_config *c);
void wg_layer_view(const wg_model *m, int64_t l, wg_real *panel, wg_layer *out);

/* Advice about a layer's stored weights: it comes next (any l; none outside the model); it is done
 * with, and its pages need not stay mapped. */
void wg_layer_ahead(const wg_model *m, int64_t l);
void wg_layer_release(const wg_model *m, int64_t l);

/* y [N,D] may be NULL: only the activations are wanted. y may be x. */
void wg_block_forward(const wg_block_input *in, const wg_layer *w, const wg_real *x, wg_real *y,
                      wg_activations *a);
/* From x and what is kept: what passes. */
void wg_block_restore(const wg_block_input *in, const wg_layer *w, const wg_real *x,
                      wg_activations *a);
/* d [N,D]: gradient of y on entry, of x on return. */
void wg_block_backward(const wg_block_input *in, const wg_layer *w, const wg_real *x,
                       const wg_activations *a, wg_backward_scratch *s, wg_real *d,
                       wg_weight_gradient *gradient, void *user);

#endif
