/* state.h - the engine's buffers; forward.c and backward.c run the layers, head.c the vocabulary,
 * per_sample_norms.c the per-sequence norms. */
#ifndef WG_ENGINE_STATE_H
#define WG_ENGINE_STATE_H

#include "engine/per_sample_moments.h"
#include "ops/lists.h"

enum {
    WG_CHUNK_TOKENS = 4096,
    WG_LEAST_CHUNK = 256,            /* a budget makes chunks no smaller */
    WG_VOCAB_CHUNK = 4096,           /* rows of the head at a time */
    WG_KEEP_BYTES = 512 << 20,       /* activations kept instead of recomputed */
    WG_KEEP_LOGITS_BYTES = 192 << 20 /* logits kept between forward and backward */
};

/* Sequences [from, to) of the batch that go through a layer together. */
typedef struct wg_chunk {
    int64_t from, to;
    int stream;
} wg_chunk;

/* Soft rows, and numbers of each. */
typedef struct wg_soft_rows {
    wg_soft of;
    wg_buffer row;       /* [3][rows] */
    wg_buffer cross;     /* doubles [2][rows] */
    wg_buffer runner_up; /* int32_t [rows] of WG_SOFT_HINGE */
} wg_soft_rows;

/* Sequences that are laid out whole together, for attention where sequences share tokens; lists in
 * memory of the back end. */
typedef struct wg_prefix_group {
    int64_t S, N, own;                  /* sequences, their tokens, those of their own */
    int64_t longest;                    /* tokens of the longest */
    const int64_t *start, *prefix_len;  /* as wg_attention has them */
    const int64_t *path;                /* [N] row in the chunk of each token */
    const int64_t *own_row, *own_place; /* [own] rows in the chunk, and among the N */
} wg_prefix_group;

typedef struct wg_prefix_groups {
    wg_prefix_group *group;
    int64_t *first; /* [chunks+1] first group of each chunk */
    int64_t group_room, first_room;
    wg_lists lists; /* of all groups */
    int64_t chunk;  /* at hand */
    wg_buffer room; /* q, out, k, v, lse of the paths that are laid out */
} wg_prefix_groups;

/* The batch's lists in memory of the back end. */
typedef struct wg_index {
    int32_t *ids, *position, *target;   /* [N], [N], [M] */
    int64_t *start, *label_start, *row; /* [S+1], [S+1], [M] */
    wg_lists lists;
} wg_index;

enum { WG_SOFT_MOST = 2 };

struct wg_engine {
    const wg_model *model;
    wg_limit limit;
    char folder[4096];
    wg_plan plan;                 /* of the batch at hand */
    wg_buffer cosine[2], sine[2]; /* [positions, r/2] of c->rope */
    int64_t positions;
    wg_index index;

    wg_input_hook *input_hook; /* shown what matrices read, or NULL */
    void *input_hook_user;

    wg_chunk *chunk;
    int64_t n_chunks, chunk_room;

    wg_real *x; /* [L+1][N,D] checkpoints; [1][N,D] when none are kept: in `inputs` or `spill` */
    wg_buffer inputs, spill;
    bool checkpoints;
    wg_buffer gradient; /* [N,D] */
    wg_buffer panel;    /* one layer's weights, or a chunk of the head's */
    wg_buffer saved;    /* activations of the last layers, as many as the plan keeps */
    wg_buffer packed;   /* rows of one chunk that several products read */
    wg_buffer scratch;  /* activations of one chunk, backward scratch */
    wg_buffer layer_grad[WG_STREAMS]; /* one layer's weight gradients */
    wg_buffer table_grad[WG_STREAMS]; /* [V,D] */
    wg_real *table[WG_STREAMS]; /* where the table's gradient goes: above, or the sink's place */
    wg_buffer end_grad[WG_STREAMS];      /* [D] final norm, [D] its bias, [V] the head's bias */
    wg_buffer position_grad[WG_STREAMS]; /* [positions, D] */

    wg_buffer label_x, label_h, label_d; /* [M,D] final inputs, normed, gradients */
    wg_buffer label_e, label_de;         /* [M,E] label_h projected, and its gradient */
    wg_buffer embed, embed_d;            /* [N,E] embeddings before project_in, gradients */
    wg_buffer project_grad[WG_STREAMS];  /* [D,E], [E,D] of one projection at a time */
    wg_buffer label_row;                 /* [7][M] rstd, maximum / lse, sum, picked, mean, nll,
                                            weight of the loss */
    wg_buffer stats;                     /* of token_stats.c, and what draw_labels needs */
    wg_buffer logits;                    /* [M or chunk, vocabulary chunk or V] */
    bool logits_saved;

    wg_prefix_groups prefix;
    wg_host_room hidden;               /* for wg_engine_hidden */
    wg_host_room sunk[2 * WG_STREAMS]; /* for sinks on the host */

    wg_soft_rows soft[WG_SOFT_MOST]; /* of the batch at hand, `n_soft` of them */
    int n_soft;
    wg_buffer soft_q; /* a chunk of the vocabulary for soft rows */
};

/* Fills a->attended of a chunk of a shared batch; user is the engine. */
void wg_prefix_attend(void *user, const wg_attention *how, int64_t layer, wg_activations *a);
/* Lays the groups out, and room for them; nothing where the batch is not shared. */
WAGLE_CHECK wagle_status wg_prefix_prepare(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch);
/* The same in numbers, of sequences of up to `longest` tokens. */
int64_t wg_prefix_size(const wg_config *c, int64_t longest);
/* Replaces *x [n], an address of the back end, by an address where the host can read the same
 * numbers. NULL stays NULL. */
WAGLE_CHECK wagle_status wg_engine_host_view(wagle_ctx *ctx, const wg_engine *e, wg_host_room *room,
                                             int64_t n, const wg_real **x);
/* Uploads the lists of the batch. */
WAGLE_CHECK wagle_status wg_index_upload(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch);
/* Calls each for blocks of label rows [from, to) and chunks of the vocabulary, with the logits
 * [n,width] of rows [at, at+n). */
typedef void wg_label_chunk(wg_engine *e, void *user, const wg_batch *batch, int64_t at, int64_t n,
                            int64_t first, int64_t width, const wg_real *logits, int64_t ld);
void wg_each_label_chunk(wg_engine *e, const wg_batch *batch, int64_t from, int64_t to,
                         wg_label_chunk *each, void *user);
/* Gathers label rows, computes nll. */
WAGLE_CHECK wagle_status wg_head_forward(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                         bool for_backward, wg_real *nll);
/* d loss / d nll of each label row [M], for the backward passes to come. */
void wg_set_label_weight(wg_engine *e, const wg_batch *batch, const wg_real *weight);
/* [M] of those; losses of the label rows. */
const wg_real *wg_label_weight(const wg_engine *e, int64_t M);
wg_real *wg_label_nll(const wg_engine *e, int64_t M);
/* After wg_set_label_weight. Fills e->gradient [N,D]; writes the head's gradient to e->table, adds
 * the final norm's and the biases' to e->end_grad (streams 1, 2), or with streams 0 computes no
 * weight gradient. */
WAGLE_CHECK wagle_status wg_head_backward(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                          int streams, bool want_table);
/* Logits of label rows [from, from+n) for vocabulary [first, first+width): kept or computed into
 * e->logits; *ld becomes the row stride. */
wg_real *wg_head_logits(wg_engine *e, int64_t from, int64_t n, int64_t first, int64_t width,
                        int64_t *ld);
/* The block's view of a chunk, and its first token. */
wg_block_input wg_chunk_input(wg_engine *e, const wg_batch *batch, const wg_chunk *c,
                              int64_t *first);
/* Cuts the batch into chunks; apart: no chunk holds both streams; single: one sequence each. */
WAGLE_CHECK wagle_status wg_cut_chunks(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                       bool apart, bool single);
/* Scratch for the backward pass of the chunks as they are cut now. */
WAGLE_CHECK wagle_status wg_backward_room(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch);
/* e->gradient becomes that of the stored embeddings. */
void wg_unscale_embeddings(wg_engine *e, const wg_batch *batch);
/* [M] means of the final norm's inputs; NULL for RMS. */
wg_real *wg_label_mean(const wg_engine *e, int64_t M);
/* logits [n,width] of label rows [from, from+n), as wg_head_logits gives them, become the gradient
 * of the loss by them. */
void wg_head_gradient(wg_engine *e, const wg_batch *batch, int64_t from, int64_t n, int64_t first,
                      int64_t width, wg_real *logits, int64_t ld);
/* The same of rows within s. */
void wg_soft_gradient(wg_engine *e, wg_soft_rows *s, const wg_batch *batch, int64_t from, int64_t n,
                      int64_t first, int64_t width, wg_real *logits, int64_t ld);
/* [M,E] what the head reads of the label rows. */
const wg_real *wg_head_input(const wg_engine *e);
/* A projection's weights, in e->panel or where they are. */
wg_operand wg_project_weights(const wg_engine *e, wg_role role);
/* e->embed and e->embed_d of the batch, where there is project_in; *d is the gradient of what the
 * table gives: e->embed_d, or e->gradient. */
WAGLE_CHECK wagle_status wg_embed_gradient(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                           const wg_real **d);
/* After wg_head_backward: e->label_h as it was in the forward pass. */
void wg_head_renorm(wg_engine *e, const wg_batch *batch);
/* [M] log-sum-exp of each label row's logits. */
const wg_real *wg_label_lse(const wg_engine *e, int64_t M);
/* [M] free for use after a forward pass that no backward pass follows. */
wg_real *wg_label_most(const wg_engine *e, int64_t M);
/* Elements of the largest norm or bias, of a chunk of the head's bias, of two rows of a table. */
int64_t wg_widest_vector(const wg_config *c);
/* Columns of the chunk of the vocabulary that begins at `first`; label rows of a
 * block that begins at `from` of those before `to`. */
int64_t wg_vocabulary_chunk(const wg_config *c, int64_t first);
int64_t wg_label_block(int64_t from, int64_t to);
/* Reals of a chunk of logits that is not kept. */
int64_t wg_logits_chunk(const wg_engine *e, const wg_batch *batch);
/* --- forward.c ---------------------------------------------------------------------------------
 */

/* Reals of a panel that holds the weights of a layer, or of so many rows of the head. */
int64_t wg_panel_size(const wg_model *m, int64_t vocabulary);
/* Layer l keeps its activations from forward to backward. */
bool wg_layer_is_saved(const wg_engine *e, int64_t l);
/* Where those of N tokens are: kept ones of the layer, or scratch. */
wg_activations wg_layer_activations(wg_engine *e, int64_t l, int64_t N);
/* A spilled layer input need not stay in memory. */
void wg_layer_input_release(const wg_engine *e, const wg_batch *batch, int64_t l);
/* e->embed [N,E] = what the table gives, before project_in. */
WAGLE_CHECK wagle_status wg_embed_look_up(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch);
/* Runs one layer's backward over all chunks; activations are recomputed or taken as kept. */
void wg_layer_backward(wg_engine *e, const wg_batch *batch, int64_t l,
                       void (*each)(void *user, const wg_chunk *c), wg_weight_gradient *gradient,
                       void *user);
/* Label rows of sequences [from, to). */
static inline int64_t wg_labels_of(const wg_batch *b, int64_t from, int64_t to)
{
    return b->label_start[to] - b->label_start[from];
}

#endif
