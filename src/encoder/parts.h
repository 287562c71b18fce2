/* parts.h - what the files of this folder share. */
#ifndef WG_ENCODER_PARTS_H
#define WG_ENCODER_PARTS_H

#include "encoder/encoder.h"
#include "io/safetensors.h"
#include "ops/lists.h"
#include "text/tokenizer.h"

/* V vocabulary, D width, F feed-forward, L layers, H heads, P positions, K types of segments. */
typedef struct wg_encoder_config {
    int64_t V, D, F, L, H, P, K;
    double eps;
    wg_activation activation;
} wg_encoder_config;

WAGLE_CHECK wagle_status wg_encoder_config_read(wagle_ctx *ctx, const char *folder,
                                                wg_encoder_config *out);

/* Ways to make one vector of the hidden states; an embedding can have several, one after the other.
 */
typedef enum wg_pooling {
    WG_POOL_CLS,
    WG_POOL_MAX,
    WG_POOL_MEAN,
    WG_POOL_MEAN_SQRT,
    WG_POOL_WEIGHTED,
    WG_POOL_LAST,
    WG_POOLINGS
} wg_pooling;

/* What the files of sentence-transformers say. */
typedef struct wg_encoder_folder {
    char *model;     /* the folder of the model */
    int64_t longest; /* tokens of a text, special ones included; 0: not said there */
    bool lower;      /* texts are in lower case before all else */
    wg_pooling pooling[WG_POOLINGS];
    int n_pooling;
    int64_t width; /* of the hidden states, as the pooling expects it; 0: not said */
    bool normalize;
} wg_encoder_folder;

/* Free with wg_encoder_folder_free, also after failure. */
WAGLE_CHECK wagle_status wg_encoder_folder_read(wagle_ctx *ctx, const char *folder,
                                                wg_encoder_folder *out);
void wg_encoder_folder_free(wg_encoder_folder *f);

/* The tokenizer of a model's folder. longest: the maximum length if the folder says one, else it
 * stays. left: longer texts lose their beginning instead of their end. */
WAGLE_CHECK wagle_status wg_encoder_tokenizer(wagle_ctx *ctx, const wg_encoder_folder *folder,
                                              int64_t *longest, bool *left, wagle_tokenizer **out);

/* Adds the tokens of a text. One that is too long loses its end, or its beginning; the tokens
 * around it stay. */
WAGLE_CHECK wagle_status wg_encoder_tokens(wagle_ctx *ctx, const wg_encoder *e, wg_str text,
                                           wg_ids *out);

/* Pools hidden states x [T,D] of a text into out [n_pooling*D]. T may be 0. */
void wg_encoder_pool(const wg_encoder_folder *how, int64_t T, int64_t D, const float *x,
                     float *out);

/* y = W x + b, or the weights of a norm; in float32. W [O,I] */
typedef struct wg_affine {
    const wg_real *weight, *bias;
} wg_affine;

typedef struct wg_encoder_layer {
    wg_affine query, key, value, output, attention_norm, up, down, norm;
} wg_encoder_layer;

typedef struct wg_encoder_weights {
    wg_tensors files;
    wg_buffer widened;                     /* tensors that are not stored in float32 */
    wg_weights words, positions, segments; /* tables, as stored */
    wg_affine norm;
    wg_encoder_layer *layer; /* [L] */
} wg_encoder_weights;

/* Close with wg_encoder_weights_close, also after failure. */
WAGLE_CHECK wagle_status wg_encoder_weights_open(wagle_ctx *ctx, const wg_ops *ops,
                                                 const char *folder, const wg_encoder_config *c,
                                                 wg_encoder_weights *out);
void wg_encoder_weights_close(const wg_ops *ops, wg_encoder_weights *w);

/* Texts packed one after the other, without padding, in memory of the back end. */
typedef struct wg_encoder_batch {
    int64_t N, longest;                      /* tokens of all, and of the longest text */
    const int32_t *ids, *position, *segment; /* [N] */
    const int64_t *length, *first; /* [N] of each token's text: its tokens, its first row */
} wg_encoder_batch;

/* Memory of a forward pass. */
typedef struct wg_encoder_room {
    wg_buffer x, y, q, k, v, f, mean, rstd;
} wg_encoder_room;

WAGLE_CHECK wagle_status wg_encoder_reserve(wagle_ctx *ctx, const wg_ops *ops,
                                            const wg_encoder_config *c, int64_t N,
                                            wg_encoder_room *room);
void wg_encoder_room_free(const wg_ops *ops, wg_encoder_room *room);
/* Hidden states of the last layer: room->x [N,D]. */
WAGLE_CHECK wagle_status wg_encoder_forward(wagle_ctx *ctx, const wg_ops *ops,
                                            const wg_encoder_config *c, const wg_encoder_weights *w,
                                            const wg_encoder_batch *batch, wg_encoder_room *room);

#endif
