/* plan.h - where the memory of a pass goes, decided before it starts. */
#ifndef WG_ENGINE_PLAN_H
#define WG_ENGINE_PLAN_H

#include "model/block.h"

typedef struct wg_plan wg_plan;

/* What the pass is for. */
typedef struct wg_intent {
    bool backward;
    int streams;          /* whose gradients are kept apart; 0: none are made */
    bool placed;          /* the sink takes every gradient in place: none is held here */
    int64_t tokens;       /* of the largest batch */
    int64_t labels;       /* label rows of it */
    int64_t longest;      /* tokens of the longest sequence */
    bool shared;          /* sequences share first tokens */
    const char *folder;   /* where checkpoints may be spilled; NULL: nowhere */
    int64_t chunk_tokens; /* most tokens processed together; 0: the default */
    int64_t budget;       /* bytes for all this, of a card where it is there; 0: the defaults */
    const wg_plan *most;  /* on a card: of the largest batch, no part of which it may exceed; or
                             NULL */
} wg_intent;

struct wg_plan {
    int64_t chunk_tokens; /* processed in a layer together */
    int64_t saved_layers; /* whose activations are kept from forward to backward */
    bool logits_saved, spilled;
    bool streamed; /* on a card: stored weights come again from the host in each pass */
    /* bytes; stored: weights as they are stored, on the card or mapped at a time */
    int64_t checkpoints, saved, working, weights, gradients, head, products, stored, total;
};

/* The plan that costs least time within the budget; `total` leaves out what is spilled. If even the
 * smallest does not fit it is returned all the same: compare total with the budget. On a card the
 * budget decides only what changes no bits: where weights and checkpoints are, and what is kept. */
wg_plan wg_plan_make(const wg_model *m, const wg_intent *intent);
/* Multiply-adds count as two; recomputation included. */
double wg_plan_flops(const wg_model *m, const wg_intent *intent, const wg_plan *plan);

#endif
