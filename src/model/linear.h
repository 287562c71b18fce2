/* linear.h - products of a block and their gradients: what its dense and its mixed layers share. */
#ifndef WG_MODEL_LINEAR_H
#define WG_MODEL_LINEAR_H

#include "model/block.h"

/* A matrix of the layer, and where its product goes. */
typedef struct wg_product {
    wg_role role;
    int64_t O;
    wg_real *y; /* [N,O] */
} wg_product;

/* Of each of at most 3 products: y = x [N,I] W^T + b (+ y), W [O,I]. */
void wg_linears(const wg_block_input *in, const wg_layer *w, int m, const wg_product *list,
                int64_t I, const wg_real *x, bool add);
void wg_linear(const wg_block_input *in, const wg_layer *w, wg_role role, int64_t I, int64_t O,
               const wg_real *x, bool add, wg_real *y);

/* What the backward pass of a block works on. */
typedef struct wg_backward {
    const wg_block_input *in;
    const wg_layer *w;
    const wg_activations *a;
    wg_weight_gradient *gradient;
    void *user;
    const int64_t *start; /* of the sequences among the rows; NULL: rows are all tokens */
    wg_block_rows h2, h1, attended, mixed; /* what the matrices read, in this order in in->packed */
    void *room;                            /* behind them: for gradients */
} wg_backward;

/* The gradient of a matrix [O,I] (and of its bias), or of a norm (I = 0). */
void wg_emit_gradient(const wg_backward *b, wg_role role, int64_t rows, wg_block_rows dy, int64_t O,
                      wg_block_rows x, int64_t I);
/* Gradients of W [O,I] and of x [N,I] (+ dx) from dy [N,O]. */
void wg_linear_backward(const wg_backward *b, wg_role role, int64_t I, int64_t O, wg_block_rows x,
                        wg_block_rows dy, bool add, wg_real *dx);

/* A mixture of experts (mixture.c): y [N,D] = x2 + what it makes of h [N,D]; y NULL: only the
 * activations are wanted. */
void wg_mixture_forward(const wg_block_input *in, const wg_layer *w, const wg_real *h,
                        const wg_real *x2, wg_real *y, wg_activations *a);
/* What is recomputed, from h and what is saved. */
void wg_mixture_restore(const wg_block_input *in, const wg_real *h, wg_activations *a);
/* From d [N,D], the gradient of what the mixture adds: s->dh becomes that of h, b->h2. */
void wg_mixture_backward(const wg_backward *b, const wg_real *d, wg_backward_scratch *s);

#endif
