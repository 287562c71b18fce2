/* part_sums.h - gradients of weights, summed over the parts of the rows by all processes. */
#ifndef WG_MASK_PART_SUMS_H
#define WG_MASK_PART_SUMS_H

#include "dist/dist.h"

/* What is summed of a weight. */
enum { WG_SUM_FORGET, WG_SUM_RETAIN, WG_SQUARE_FORGET, WG_SQUARE_RETAIN, WG_SUMS };

/* A pass over a part hands over ranges of weights. Those of the process's other parts come in the
 * same order and size. Sums that wait for a later part are kept whole: levels x kinds x weights. */
typedef struct wg_part_sums {
    int parts, part;                       /* of this process; the one at hand */
    int64_t at;                            /* weights of the pass so far */
    float *waits[WG_TREE_LEVELS][WG_SUMS]; /* [weights] by level and kind */
    float *own[WG_SUMS];                   /* the slice of this process */
    int64_t own_room[WG_SUMS];
    int64_t *slice; /* [ranks + 1] slices of the range at hand */
    float *whole;   /* of all processes */
    int64_t whole_room;
} wg_part_sums;

/* weights: that the passes hand over in all, at most. wanted: which kinds. Free with
 * wg_part_sums_free, also after a failure. */
WAGLE_CHECK wagle_status wg_part_sums_new(wagle_ctx *ctx, int64_t weights,
                                          const bool wanted[WG_SUMS], wg_part_sums *out);
void wg_part_sums_free(wg_part_sums *s);
/* A pass over the next part begins; the first is begun already. */
void wg_part_sums_next(wg_part_sums *s);
/* Adds a range of n weights; of[i] [n] or NULL. Returns whether it was the last part: then of[i]
 * become the sums over the parts of this process, where they wait, or where they were if it has one
 * part. */
bool wg_part_sums_add(wg_part_sums *s, const float *of[WG_SUMS], int64_t n);
/* After that, perhaps in another thread, where one range follows the other: of[i] [n of the range]
 * become the sums over all parts of weights [*first, *first + *n) of the range, the slice of this
 * process, until the next call. */
WAGLE_CHECK wagle_status wg_part_sums_join(wagle_ctx *ctx, wg_part_sums *s,
                                           const float *of[WG_SUMS], int64_t *first, int64_t *n);
/* After that: `slice` [its n] of each process comes together, to every one or to process 0 alone;
 * *whole [n of the range], until the next call. */
WAGLE_CHECK wagle_status wg_part_sums_whole(wagle_ctx *ctx, wg_part_sums *s, const float *slice,
                                            bool everywhere, const float **whole);
/* Bytes that this takes for so many weights and kinds. */
int64_t wg_part_sums_bytes(const wagle_ctx *ctx, int64_t weights, int64_t widest, int kinds);

#endif
