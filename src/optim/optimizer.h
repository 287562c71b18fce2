/* optimizer.h - training of selected weights only, by AdamW and others.
 *
 * Everything is compact: one float32 master, gradient, and the moments of the rule (float32, or
 * bf16 rounded at random) a selected weight, tensors in order, selected weights of a tensor in
 * order. Unselected weights have no state and cannot change. With adapters (lora.h) the masters
 * are those of the adapters. */
#ifndef WG_OPTIM_OPTIMIZER_H
#define WG_OPTIM_OPTIMIZER_H

#include "engine/engine.h"
#include "io/mask.h"
#include "optim/protect.h"
#include "optim/sharing.h"

typedef struct wg_optimizer_kind {
    const char *name, *summary;
    bool adamw;
    wg_rule rule;            /* unless adamw */
    double beta1, beta2;     /* where the options say nothing */
    bool second;             /* has a second moment */
    int64_t curvature_every; /* updates between estimates of the curvature, 0: none */
    double bound, epsilon;
} wg_optimizer_kind;

const wg_optimizer_kind *wg_optimizer_kind_at(int i); /* NULL past the last */
WAGLE_CHECK wagle_status wg_optimizer_kind_find(wagle_ctx *ctx, const char *name,
                                                const wg_optimizer_kind **out);

typedef struct wg_lora wg_lora;

enum { WG_GATHERS = 64 };

struct wg_optimizer {
    wg_model *model; /* its overlays point into `master`, or into the adapters' products */
    const wg_optimizer_kind *rules;
    int64_t n;                /* weights that are trained */
    int64_t *first;           /* [tensors] place of each tensor's selected weights, -1: none */
    int64_t *count;           /* [tensors] */
    const uint64_t **bits;    /* [tensors] on the host; NULL: all of the tensor, or none */
    int64_t **rank;           /* [tensors] of partial tensors, on the host */
    wg_weights *selected;     /* [tensors] the same in memory of the back end, and the values */
    wg_scratch *lists;        /* [2*tensors] those, where that is not the host's */
    float *master, *gradient; /* [n] */
    uint16_t *half;           /* [n] the weights as bf16, in place of master; or NULL */
    wagle_master kept;        /* which of them, and how it is rounded */
    void *m;                  /* [n] float, or bf16 */
    void *v;                  /* [n] the same of adamw, float of the others; NULL: none */
    bool bf16;
    float *retain_grad_ema,
        *retain; /* [n] moving mean of retain gradients, the newest; unless rectify: NULL */
    wg_scratch memory[6];
    wg_lora *lora;               /* NULL: the weights themselves are trained */
    bool adding;                 /* gradients are added to those that are there: micro-batches */
    wg_buffer spare;             /* [widest] while adding */
    wg_gather queue[WG_GATHERS]; /* of gradients that the engine holds until it flushes the sink */
    int n_queued;
    wg_buffer panel; /* stored weights as float32, a block at a time */
    uint32_t seed;   /* of the rounding */
    double beta1, beta2, epsilon, weight_decay, clip; /* clip 0: none */
    double sparse;                                    /* weight of the L1 norm of what is trained */
    bool clip_each;                                   /* each tensor's gradient on its own */
    bool *spared;              /* [tensors] without weight decay; NULL: none */
    bool clip_before_mask;     /* by norms of whole gradients */
    wg_scratch squares;        /* double [tensors + 3] squared norms of gradients, and of all */
    double *square;            /* [tensors + 1] the same on the host */
    const wg_protect *protect; /* what updates are multiplied by, or NULL */
    wg_protect uploaded;    /* the same in memory of the back end, where that is not the host's */
    bool *neurons;          /* [tensors] its selected weights are a matrix */
    wg_buffer update, room; /* of one tensor, and wg_protect_room */
    wg_sharing sharing;
    double rectify; /* rectify.c: weight of the newest retain gradient; 0: off */
};

/* mask: NULL selects every weight, under protection all but the table (protect.h); borrowed, must
 * outlive the optimizer, and so must protect (or NULL). The mask's tensors must be the model's.
 * Sets the model's overlays. scratch: NULL, or a folder for a file that holds the state. */
WAGLE_CHECK wagle_status wg_optimizer_new(wagle_ctx *ctx, wg_model *model, const wg_mask *mask,
                                          const wg_protect *protect, const wagle_train_options *o,
                                          const char *scratch, wg_optimizer **out);
/* Bytes that n trained weights take. */
int64_t wg_optimizer_bytes(const wg_optimizer_kind *rules, int64_t n, const wagle_train_options *o);
void wg_optimizer_free(wg_optimizer *a);
wg_sink wg_optimizer_sink(wg_optimizer *a);
/* The state as wg_optimizer_new left it. seed: of the options, for adapters. */
WAGLE_CHECK wagle_status wg_optimizer_restart(wagle_ctx *ctx, wg_optimizer *a, uint64_t seed);
/* After the state was filled from a checkpoint. */
void wg_optimizer_restored(wg_optimizer *a);
/* Between updates: the weights become what would be written, rounded to the model's type; then
 * (false) what they were. Spends the gradient. */
void wg_optimizer_as_stored(wg_optimizer *a, bool stored);
/* The same in two halves: what the state holds is kept, then the weights are rounded. */
void wg_optimizer_keep(wg_optimizer *a);
void wg_optimizer_round(wg_optimizer *a);
/* After wg_optimizer_keep, any number of times: the weights become w0 + share * (w1 - w0), w0 those
 * of the model's files, w1 those that were kept; of adapters the product is scaled. 1 gives w1's
 * bits back. */
void wg_optimizer_scale(wg_optimizer *a, double share);
/* Room for adding. */
WAGLE_CHECK wagle_status wg_optimizer_begin_adding(wagle_ctx *ctx, wg_optimizer *a, bool adding);
void wg_optimizer_zero_gradient(wg_optimizer *a);
/* One update, `step` counted from 0; *norm that of the gradient before clipping. */
WAGLE_CHECK wagle_status wg_optimizer_update(wagle_ctx *ctx, wg_optimizer *a, int64_t step,
                                             double lr, double *norm);
/* The gradient at hand, of the mean loss of `samples` tokens with labels that the model drew,
 * refreshes the curvature (Gauss-Newton-Bartlett, Liu et al. 2023, arXiv 2305.14342). */
void wg_optimizer_curve(wg_optimizer *a, double samples);

/* --- rectify.c: backward passes give both streams --------------------------------------------- */

/* Updates the moving average of the retain gradients, then removes the opposing component from the
 * forget gradient. *cosine of the two before that. */
WAGLE_CHECK wagle_status wg_rectify(wagle_ctx *ctx, wg_optimizer *a, double *cosine);

/* Sum of |w| over what is trained. */
WAGLE_CHECK wagle_status wg_optimizer_l1(wagle_ctx *ctx, const wg_optimizer *a, double *sum);

/* Warm-up over `warmup` steps, linear; then decay to 0 by kind. */
double wg_schedule(wagle_schedule kind, double lr, int64_t step, int64_t warmup, int64_t steps);

#endif
