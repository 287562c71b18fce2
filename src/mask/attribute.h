/* attribute.h - scores of all weights by one selector. */
#ifndef WG_MASK_ATTRIBUTE_H
#define WG_MASK_ATTRIBUTE_H

#include "mask/topk.h"
#include "mask/views.h"
#include "objective/objective.h"
#include "protect/factors.h"
#include "selector/selector.h"

#define WG_DAMPING 1e-6 /* a share of the mean Fisher; docs/reference/definitions.md */

/* What is attributed: fill it yourself, or open it from options. */
typedef struct wg_attribution {
    wg_session session;
    const wg_selector *selector;
    wg_dataset forget, retain; /* of no rows where the selector needs none */
    wagle_gamma given_gamma;
    double gamma; /* the number, or the mean Fisher; 0: not known yet */
    double damping;
    /* The loss of forget sequences that is attributed; NULL: token-mean NLL. */
    const wg_objective *loss;
    uint64_t seed;
    const wagle_data *forget_data, *retain_data; /* where the rows are from, or NULL */
    /* Of selectors that need factors (factor_scores.c): the factors, which may be another's, and
     * the rows that they are of. */
    const wg_protect *factors;
    const wg_dataset *protected;
    wg_protect made_factors;
    wg_protect_rows protect_rows;
    wagle_train_options protection; /* rows, damping and rank */
    bool spill_factors;             /* into a file */
    bool in_memory;                 /* the scores */
} wg_attribution;

/* provenance.c: how scores were made, for the metadata of scores and masks. */
WAGLE_CHECK wagle_status wg_attribution_facts(wagle_ctx *ctx, const wg_attribution *a,
                                              json_t *facts);
/* The same from a score file. */
WAGLE_CHECK wagle_status wg_scores_facts(wagle_ctx *ctx, const wg_tensors *scores, json_t *facts);

/* By name; `--gamma diag` makes wagle wagle-diag, `--gamma protect` wagle-protect. */
WAGLE_CHECK wagle_status wg_attribution_selector(wagle_ctx *ctx, wg_attribution *a,
                                                 const char *name);
WAGLE_CHECK wagle_status wg_attribution_open(wagle_ctx *ctx, const wagle_attribute_options *o,
                                             wg_attribution *out);
void wg_attribution_close(wg_attribution *a);
/* Options with what is in memory named as a folder and files are. */
void wg_attribute_hold(wagle_attribute_options *o);

/* --- factor_scores.c ----------------------------------------------------------------------------
 * What is done here is nothing where the selector needs no factors.
 */

/* Whether --selector of a training needs factors. */
bool wg_scores_by_factors(const wagle_train_options *o);
/* Takes from o which rows give the factors (the retain rows where it names none), and how; checks
 * it. */
WAGLE_CHECK wagle_status wg_attribution_protection(wagle_ctx *ctx, wg_attribution *a,
                                                   const wagle_train_options *o);
/* Reads the rows; a's own are there already. */
WAGLE_CHECK wagle_status wg_attribution_protect_rows(wagle_ctx *ctx, wg_attribution *a);
/* Makes the factors, unless a->factors has another's. folder: for scratch files. */
WAGLE_CHECK wagle_status wg_attribution_factors(wagle_ctx *ctx, wg_attribution *a,
                                                const char *folder);
/* Frees rows and factors; wg_attribution_close does too. */
void wg_attribution_drop_factors(wg_attribution *a);
/* Bytes in memory: of factors at most, and of the product while a tensor is scored. */
int64_t wg_attribution_factor_bytes(const wg_attribution *a);
int64_t wg_attribution_product_bytes(const wg_attribution *a);

/* The retain gradient of a tensor times the tensor's factor. Free with wg_product_free. */
typedef struct wg_product {
    const wg_protect *of; /* NULL: gradients stay as they are */
    float *product, *room;
} wg_product;

WAGLE_CHECK wagle_status wg_product_new(wagle_ctx *ctx, const wg_attribution *a, wg_product *out);
/* Of grad, all of the tensor or NULL; grad itself where the tensor has no factor. Valid until the
 * next call. */
const float *wg_product_of(const wg_product *p, const wg_model *m, int tensor, const float *grad);
void wg_product_free(wg_product *p);

/* --- scores ------------------------------------------------------------------------------------
 */

/* Checks what scoring takes against --memory, and limits the engine to it. folder: for scratch
 * files. only_check: a dry run writes no plan of it. */
WAGLE_CHECK wagle_status wg_attribution_budget(wagle_ctx *ctx, wg_attribution *a,
                                               const char *folder, bool only_check);

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
/* The same in memory; free with wg_views_free. */
WAGLE_CHECK wagle_status wg_attribute_in_memory(wagle_ctx *ctx, wg_attribution *a,
                                                wagle_tensors **out);
/* As wg_select does, through scores in memory. */
WAGLE_CHECK wagle_status wg_select_in_memory(wagle_ctx *ctx, wg_attribution *a,
                                             const wg_choice *choice, wg_mask *out);
/* As wg_select does, through a score file at `path` that is removed again. */
WAGLE_CHECK wagle_status wg_select_through_file(wagle_ctx *ctx, wg_attribution *a, const char *path,
                                                const wg_choice *choice, wg_mask *out);
/* As wg_select does, without a score file: by two passes. */
WAGLE_CHECK wagle_status wg_select_directly(wagle_ctx *ctx, wg_attribution *a,
                                            const wg_choice *choice, wg_mask *out);

#endif
