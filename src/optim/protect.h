/* protect.h - the factors of a model's matrices (factor.h), and updates multiplied by them. */
#ifndef WG_OPTIM_PROTECT_H
#define WG_OPTIM_PROTECT_H

#include "model/model.h"
#include "optim/factor.h"

/* Free with wg_protect_free. */
typedef struct wg_protect {
    wg_factor *factor; /* [n] */
    int64_t n;
    int *of;   /* [tensors] which of them is of a tensor; -1: none, it trains as without */
    int table; /* the tensor that is embedding and head in one; -1: there is none */
} wg_protect;

void wg_protect_free(wg_protect *p);
/* A copy whose factors lie in memory of the back end; free with wg_protect_drop. */
WAGLE_CHECK wagle_status wg_protect_upload(wagle_ctx *ctx, const wg_ops *ops, int64_t tensors,
                                           const wg_protect *from, wg_protect *out);
void wg_protect_drop(const wg_ops *ops, wg_protect *p);

/* The most weights of matrix w that are multiplied at a time. */
int64_t wg_protect_block(const wg_tensor *w, bool transposed);
/* Reals of the room below: twice that, of the largest matrix. */
int64_t wg_protect_room(const wg_model *m, const wg_protect *p);
/* The update [count] of tensor t's selected weights, one after the other, is multiplied by the
 * tensor's factor, and what falls on other weights is dropped. bits, rank: as in wg_weights; NULL
 * selects all. neurons: whole rows are selected (of a transposed matrix: columns), so the update is
 * a matrix itself. Everything lies in memory of ops. */
void wg_protect_update(const wg_ops *ops, const wg_model *m, const wg_protect *p, int t,
                       const uint64_t *bits, const int64_t *rank, bool neurons, int64_t count,
                       float *update, float *room);

#endif
