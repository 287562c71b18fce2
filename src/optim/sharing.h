/* sharing.h - updates whose rows are cut into parts, and whose work processes share.
 *
 * Every process has all masters, because its passes read them, and the gradients of its own parts.
 * Sums of gradients, moments and updates are of slices, one for each process: a slice is a run of
 * stretches, which depend on the selected weights alone. A protected matrix is one stretch. */
#ifndef WG_OPTIM_SHARING_H
#define WG_OPTIM_SHARING_H

#include "dist/dist.h"
#include "ops/ops.h"

typedef struct wg_optimizer wg_optimizer;

/* Selected weights of one tensor: [first, first+n) of the compact arrays. */
typedef struct wg_stretch {
    int tensor;
    int64_t first, n;
} wg_stretch;

typedef struct wg_sharing {
    int parts, part;     /* of this process, and the one at hand; parts 0: nothing is shared */
    wg_stretch *stretch; /* [n] all, in order */
    int64_t n;
    int64_t *from, *slice;            /* [ranks + 1] first stretch, first weight of each process */
    int rank;                         /* this process */
    wg_scratch waits[WG_TREE_LEVELS]; /* gradients [weights] that wait for later parts */
    wg_scratch squares;               /* double [n] in memory of the back end */
    double *square;                   /* [n] */
    float *host;                      /* [weights] for exchanges, where memory is not the host's */
} wg_sharing;

/* Does nothing where rows are in one part. Free with wg_sharing_free, also after a failure. */
WAGLE_CHECK wagle_status wg_sharing_new(wagle_ctx *ctx, wg_optimizer *a);
void wg_sharing_free(const wg_ops *ops, wg_sharing *s);
/* The gradient is that of one of this process's parts; after the last it is that of all of them. */
void wg_sharing_part(wg_optimizer *a);
/* Weights [*first, *first + *n) whose moments and updates are this process's. */
void wg_sharing_slice(const wg_optimizer *a, int64_t *first, int64_t *n);
/* That slice of the gradient becomes the sum over all parts. */
WAGLE_CHECK wagle_status wg_sharing_sum(wagle_ctx *ctx, wg_optimizer *a);
/* a->square of each tensor and, last, of all: squared norms, added in the order of stretches. */
WAGLE_CHECK wagle_status wg_sharing_measure(wagle_ctx *ctx, wg_optimizer *a);
/* The slices of the masters come to every process. */
WAGLE_CHECK wagle_status wg_sharing_spread(wagle_ctx *ctx, wg_optimizer *a);
/* The slices of one of the state's arrays, of `size` bytes a weight, come to process 0, or go back
 * from it; all of the masters go to each. `state` is on the host. */
WAGLE_CHECK wagle_status wg_sharing_gather(wagle_ctx *ctx, const wg_optimizer *a, void *state,
                                           size_t size);
WAGLE_CHECK wagle_status wg_sharing_scatter(wagle_ctx *ctx, const wg_optimizer *a, void *state,
                                            size_t size);
/* Bytes of memory of the back end that this takes for so many weights. */
int64_t wg_sharing_bytes(const wagle_ctx *ctx, int64_t weights);

#endif
