/* adamw.h - AdamW with decoupled decay (Loshchilov & Hutter 2019, arXiv 1711.05101) on selected
 * weights only. Everything is compact: one float32 master, gradient, and two moments (float32, or
 * bf16 rounded at random) a selected weight, tensors in order, selected weights of a tensor in
 * order. Unselected weights have no state and cannot change. */
#ifndef WG_OPTIM_ADAMW_H
#define WG_OPTIM_ADAMW_H

#include "engine/engine.h"
#include "io/mask.h"

typedef struct wg_adamw {
    wg_model *model;          /* its overlays point into `master` */
    int64_t n;                /* selected weights */
    int64_t *first;           /* [tensors] place of each tensor's selected weights, -1: none */
    int64_t *count;           /* [tensors] */
    const uint64_t **bits;    /* [tensors] NULL: all of the tensor, or none */
    int64_t **rank;           /* [tensors] of partial tensors */
    float *master, *gradient; /* [n] */
    void *m, *v;              /* [n] float, or bf16 */
    bool bf16;
    wg_scratch memory[4];
    uint32_t seed;                                    /* of the rounding */
    double beta1, beta2, epsilon, weight_decay, clip; /* clip 0: none */
} wg_adamw;

/* mask: NULL selects every weight; borrowed, must outlive the optimizer. Its tensors must be the
 * model's. Sets the model's overlays. scratch: NULL, or a folder for a file that holds the state.
 */
WAGLE_CHECK wagle_status wg_adamw_new(wagle_ctx *ctx, wg_model *model, const wg_mask *mask,
                                      const wagle_train_options *o, const char *scratch,
                                      wg_adamw **out);
/* Bytes that n selected weights take. */
int64_t wg_adamw_bytes(int64_t n, bool bf16);
void wg_adamw_free(wg_adamw *a);
wg_sink wg_adamw_sink(wg_adamw *a);
/* One update, `step` counted from 0; returns the norm of the gradient before clipping. */
double wg_adamw_update(wg_adamw *a, int64_t step, double lr);
/* Linear warm-up over `warmup` steps, then linear decay to 0 (DESIGN 3). */
double wg_schedule(double lr, int64_t step, int64_t warmup, int64_t steps);

#endif
