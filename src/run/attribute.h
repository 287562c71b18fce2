/* attribute.h - scores of all weights by one selector. */
#ifndef WG_RUN_ATTRIBUTE_H
#define WG_RUN_ATTRIBUTE_H

#include "run/material.h"

#define WG_DAMPING 1e-6 /* a share of the mean Fisher; docs/definitions.md */

/* What is attributed: fill it yourself, or open it from options. */
typedef struct wg_attribution {
    wg_session session;
    const wg_selector *selector;
    wg_dataset forget, retain; /* of no rows where the selector needs none */
    double gamma;              /* 0: auto; then what it came to */
    bool diag;                 /* gamma is of each weight */
    double damping;
    /* The loss of forget sequences that is attributed; NULL: token-mean NLL. */
    const wg_objective *loss;
    uint64_t seed;
    double given_gamma;                          /* the number that was given, or 0 */
    const wagle_data *forget_data, *retain_data; /* where the rows are from, or NULL */
} wg_attribution;

/* facts.c: how scores were made, for the metadata of scores and masks. */
WAGLE_CHECK wagle_status wg_attribution_facts(wagle_ctx *ctx, const wg_attribution *a,
                                              json_t *facts);
/* The same from a score file. */
WAGLE_CHECK wagle_status wg_scores_facts(wagle_ctx *ctx, const wg_tensors *scores, json_t *facts);

/* By name; `--gamma diag` makes wagle wagle-diag. */
WAGLE_CHECK wagle_status wg_attribution_selector(wagle_ctx *ctx, wg_attribution *a,
                                                 const char *name);
WAGLE_CHECK wagle_status wg_attribution_open(wagle_ctx *ctx, const wagle_attribute_options *o,
                                             wg_attribution *out);
void wg_attribution_close(wg_attribution *a);

/* Takes the scores of weights [first, first+n) of a tensor; a tensor's come in order. */
typedef wagle_status wg_take_scores(void *user, wagle_ctx *ctx, int tensor, int64_t first,
                                    const float *score, int64_t n);

WAGLE_CHECK wagle_status wg_score(wagle_ctx *ctx, wg_attribution *a, wg_take_scores *take,
                                  void *user);
/* The selector gives this tensor scores. */
bool wg_is_scored(const wg_attribution *a, int tensor);
/* A score file. */
WAGLE_CHECK wagle_status wg_attribute(wagle_ctx *ctx, wg_attribution *a, const char *out,
                                      bool force);
/* As wg_select does, through a score file at `path` that is removed again. */
WAGLE_CHECK wagle_status wg_select_through_file(wagle_ctx *ctx, wg_attribution *a, const char *path,
                                                const wg_choice *choice, wg_mask *out);
/* As wg_select does, without a score file: by two passes. */
WAGLE_CHECK wagle_status wg_select_directly(wagle_ctx *ctx, wg_attribution *a,
                                            const wg_choice *choice, wg_mask *out);

#endif
