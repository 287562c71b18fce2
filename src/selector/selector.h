/* selector.h - selectors, which score weights. A selector is a pure function over a chunk of one
 * tensor; the code for streaming, ranking, files and masks does not depend on the selector. */
#ifndef WG_SELECTOR_SELECTOR_H
#define WG_SELECTOR_SELECTOR_H

#include "base/context.h"

enum {
    WG_NEEDS_FORGET = 1,
    WG_NEEDS_RETAIN_GRADIENT = 2,
    WG_NEEDS_GAMMA = 4,          /* gamma: a number, or the mean Fisher of the retain set */
    WG_NEEDS_RETAIN_FISHER = 8,  /* diagonal Fisher of the retain set */
    WG_NEEDS_FORGET_FISHER = 16, /* diagonal Fisher of the forget set */
    WG_NEEDS_MEAN_FISHER = 32,   /* mean Fisher of the retain set, for damping */
    WG_NEEDS_INPUTS = 64,  /* input norms of matrices on the forget set; scores only matrices */
    WG_NEEDS_FACTORS = 128 /* grad_retain is multiplied by the protect factors */
};

/* Data of weights [first, first+n) of a tensor, each [n]: theta; gradients of the loss, summed over
 * forget and over retain sequences; squared per-sequence gradients, averaged over sequences.
 * Members that are not needed are NULL. */
typedef struct wg_score_chunk {
    int64_t tensor, first, n;
    const float *theta, *grad_forget, *grad_retain, *fisher_forget, *fisher_retain;
    const float *input; /* [n] L2 norm over tokens of the input that each weight multiplies */
    double gamma;
    double damping; /* added to a Fisher diagonal in a denominator */
    double n_retain;
    uint64_t seed;
} wg_score_chunk;

typedef struct wg_selector {
    const char *name, *summary;
    const char *formula, *source; /* for the docs: formula of the score, and its paper or NULL */
    int needs;
    void (*score)(const wg_score_chunk *c, float *score);
} wg_selector;

const wg_selector *wg_selector_at(int i);        /* NULL past the last */
unsigned wg_selector_uses(const wg_selector *s); /* WAGLE_USES_* */
WAGLE_CHECK wagle_status wg_selector_find(wagle_ctx *ctx, const char *name,
                                          const wg_selector **out);

/* The number that was given; 0: none. */
double wg_gamma_number(const wagle_gamma *gamma);
/* Formats gamma so that wagle_gamma_read can read it. */
void wg_gamma_text(const wagle_gamma *gamma, char out[40]);
WAGLE_CHECK wagle_status wg_gamma_check(wagle_ctx *ctx, const wagle_gamma *gamma);

#endif
