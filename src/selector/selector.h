/* selector.h - a selector scores weights: a pure function over a chunk of one tensor. Streaming,
 * ranking, files and masks are elsewhere and never know which selector runs. */
#ifndef WG_SELECTOR_SELECTOR_H
#define WG_SELECTOR_SELECTOR_H

#include "base/context.h"

enum { WG_NEEDS_FORGET = 1, WG_NEEDS_RETAIN_GRADIENT = 2, WG_NEEDS_GAMMA = 4 };

/* Weights [first, first+n) of a tensor, n of each: theta, and the sums over forget and retain
 * sequences of the gradient of the token-mean NLL (NULL unless needed). */
typedef struct wg_score_chunk {
    int64_t tensor, first, n;
    const float *theta, *grad_forget, *grad_retain;
    double gamma;
    uint64_t seed;
} wg_score_chunk;

typedef struct wg_selector {
    const char *name, *summary;
    int needs;
    void (*score)(const wg_score_chunk *c, float *score);
} wg_selector;

const wg_selector *wg_selector_at(int i); /* NULL past the last */
WAGLE_CHECK wagle_status wg_selector_find(wagle_ctx *ctx, const char *name,
                                          const wg_selector **out);

#endif
