/* engine.h - the layer-major pass: all tokens of a batch go through the layers together.
 *
 *   wg_engine_forward    nll of each label row; layer inputs are kept as checkpoints
 *   (the caller turns nll into one weight a label row)
 *   wg_engine_backward   per layer, last to first: recompute or reuse its activations, propagate,
 *                        and hand each weight's gradient to a sink as soon as it exists
 *
 * Within a layer tokens go in chunks of whole sequences, so the working set is bounded; a chunk
 * never holds both streams when their gradients are wanted apart. */
#ifndef WG_ENGINE_ENGINE_H
#define WG_ENGINE_ENGINE_H

#include "data/dataset.h"
#include "engine/plan.h"

enum { WG_STREAMS = 2 };

/* Where gradients go, in memory of the back end. grad[s] [n] is the gradient of stream s (one
 * stream: grad[0] alone) of all n weights of a tensor; valid during the call. wants may be NULL:
 * every tensor is wanted. place may be NULL, or return NULL; else, with one stream, it says where
 * the engine writes the tensor's gradient itself, and accept is not called. With flush, gradients
 * stay as they are until it is called, so that those of a layer may be used together; not with
 * `host`. */
typedef struct wg_sink {
    void *user;
    bool (*wants)(void *user, int tensor);
    wg_real *(*place)(void *user, int tensor);
    bool host; /* accept gets memory of the host */
    wagle_status (*accept)(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                           const wg_real *const grad[WG_STREAMS]);
    void (*flush)(void *user);
} wg_sink;

typedef struct wg_engine wg_engine;

/* What plans of the batches to come must obey; wg_intent has the meanings. */
typedef struct wg_limit {
    int64_t budget, chunk_tokens;
    const char *folder; /* copied */
    int streams;
    bool placed;
    wg_plan most; /* of the largest batch on a card; chunk_tokens 0: not planned */
} wg_limit;

/* Free with wg_engine_free. */
WAGLE_CHECK wagle_status wg_engine_new(wagle_ctx *ctx, const wg_model *model, wg_engine **out);
void wg_engine_limit(wg_engine *e, const wg_limit *limit);
void wg_engine_free(wg_engine *e);
/* How many of so many tokens a forward pass would take through a layer together. */
int64_t wg_engine_chunk_tokens(const wg_engine *e, int64_t tokens);

/* nll [M], in nats. for_backward: keep what wg_engine_backward needs. progress: a stage's name
 * to report layers under, or NULL. */
WAGLE_CHECK wagle_status wg_engine_forward(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                           bool for_backward, const char *progress, wg_real *nll);
/* Label rows [from, to) of a batch that learn something else than their token. */
typedef enum wg_soft_kind {
    WG_SOFT_NONE,
    /* q = softmax(z - shift at the row's token), z the logits of `reference`, or the model's own
     * held constant; the loss is the cross-entropy to q, or KL(q || p) */
    WG_SOFT_SHIFTED,
    WG_SOFT_HINGE /* the loss is 1 + p(token) - the largest p of another token */
} wg_soft_kind;

typedef struct wg_soft {
    wg_soft_kind kind;
    int64_t from, to;
    wg_engine *reference;   /* after a forward pass; NULL: own */
    int64_t reference_from; /* its label row that is `from` here */
    wg_real shift;          /* may be INFINITY: the token is not there */
    bool divergence;
} wg_soft;

/* After a forward, at most twice: nll [M] of those rows becomes their loss; the backward pass then
 * is of that. */
WAGLE_CHECK wagle_status wg_engine_soften(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                          const wg_soft *soft, wg_real *nll);
/* After a forward: each label row's target becomes a token drawn from the model's softmax, by
 * (seed, stream). */
WAGLE_CHECK wagle_status wg_engine_draw_labels(wagle_ctx *ctx, wg_engine *e, wg_batch *batch,
                                               uint64_t seed, uint64_t stream);
/* What else is asked of label rows [M]; NULL: it is not. */
typedef struct wg_token_stats {
    int32_t *best;         /* the likeliest token */
    double *mean, *square; /* of log p over the vocabulary, weighted by p, and of its square */
} wg_token_stats;

/* After a forward. */
WAGLE_CHECK wagle_status wg_engine_token_stats(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                               const wg_token_stats *look);
/* Forward through layers 0..layer alone: *h [N,D] is that layer's output on the host, until the
 * next call. */
WAGLE_CHECK wagle_status wg_engine_hidden(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                          int64_t layer, bool for_backward, const wg_real **h);
/* After wg_engine_hidden: backward from dh [N,D], which is on the host. Tensors above the layer get
 * gradients of 0. */
WAGLE_CHECK wagle_status wg_engine_backward_hidden(wagle_ctx *ctx, wg_engine *e,
                                                   const wg_batch *batch, int64_t layer,
                                                   const wg_real *dh, const wg_sink *sink);
/* After a forward of the same batch. weight [M] = d loss / d nll of each label row. streams 2:
 * sequences below n_forget and the others apart; 1: together. */
WAGLE_CHECK wagle_status wg_engine_backward(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                            const wg_real *weight, int streams,
                                            const char *progress, const wg_sink *sink);
/* After a forward of the same batch: square [S] = squared norm over all weights of each
 * sequence's own gradient, from Gram matrices (||dY^T X||^2 = <X X^T, dY dY^T>). */
WAGLE_CHECK wagle_status wg_engine_square_norms(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                                const wg_real *weight, const char *progress,
                                                double *square);
/* After a forward of the same batch: logits [n,V] of token rows [first, first+n). */
WAGLE_CHECK wagle_status wg_engine_logits(wagle_ctx *ctx, wg_engine *e, int64_t first, int64_t n,
                                          wg_real *logits);

#endif
