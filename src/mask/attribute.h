/* attribute.h - attribution scores of all weights by one selector. */
#ifndef WG_MASK_ATTRIBUTE_H
#define WG_MASK_ATTRIBUTE_H

#include "io/events.h"
#include "mask/topk.h"
#include "mask/views.h"
#include "objective/objective.h"
#include "protect/factors.h"
#include "selector/selector.h"

#define WG_DAMPING 1e-6 /* relative to the mean Fisher; docs/reference/definitions.md */

enum {
    WG_SCORES_AT_ONCE = 1 << 18, /* weights that are scored and handed over together, at most */
    WG_NEEDS_RETAIN_ROWS = WG_NEEDS_RETAIN_GRADIENT | WG_NEEDS_RETAIN_FISHER
};

/* An attribution. The caller fills it or opens it from options. */
typedef struct wg_attribution {
    wg_session session;
    const wg_selector *selector;
    wg_dataset forget, retain; /* empty if the selector needs none */
    wagle_gamma given_gamma;
    double gamma; /* the given number or the mean Fisher; 0 until it is known */
    double damping;
    /* The loss of forget sequences that is attributed; NULL: token-mean NLL. */
    const wg_objective *loss;
    uint64_t seed;
    int64_t draw; /* rows of each set that are drawn; 0: every row once */
    const wagle_data *forget_data, *retain_data; /* sources of the rows, or NULL */
    /* For selectors that need factors (factor_scores.c): the factors, which may be borrowed, and
     * the rows that they are computed from. */
    const wg_protect *factors;
    const wg_dataset *protected;
    wg_protect made_factors;
    wg_protect_rows protect_rows;
    wagle_train_options protection;   /* rows, damping and rank */
    bool spill_factors;               /* into a file */
    bool in_memory;                   /* the scores */
    struct wg_histograms *histograms; /* that count the scores; or NULL */
} wg_attribution;

/* provenance.c: records how scores were computed, for the metadata of scores and masks. */
WAGLE_CHECK wagle_status wg_attribution_facts(wagle_ctx *ctx, const wg_attribution *a,
                                              json_t *facts);
/* Reads the same facts from a score file. */
WAGLE_CHECK wagle_status wg_scores_facts(wagle_ctx *ctx, const wg_tensors *scores, json_t *facts);

/* Sets the selector by name. `--gamma diag` turns wagle into wagle-diag, `--gamma protect` into
 * wagle-protect. */
WAGLE_CHECK wagle_status wg_attribution_selector(wagle_ctx *ctx, wg_attribution *a,
                                                 const char *name);
WAGLE_CHECK wagle_status wg_attribution_open(wagle_ctx *ctx, const wagle_attribute_options *o,
                                             wg_attribution *out);
void wg_attribution_close(wg_attribution *a);
/* Options with what is in memory named as a folder and files are. */
void wg_attribute_hold(wagle_attribute_options *o);

/* draw.c: the n rows of each set that the seed draws, in place of all; 0: does nothing. */
WAGLE_CHECK wagle_status wg_attribution_draw(wagle_ctx *ctx, int64_t n, wg_attribution *a);

/* --- factor_scores.c ----------------------------------------------------------------------------
 * These functions do nothing if the selector needs no factors.
 */

/* Whether the selector in training options needs factors. */
bool wg_scores_by_factors(const wagle_train_options *o);
/* Copies the protection options from o and checks them. If o names no rows, the factors are
 * computed from the retain rows. */
WAGLE_CHECK wagle_status wg_attribution_protection(wagle_ctx *ctx, wg_attribution *a,
                                                   const wagle_train_options *o);
/* Reads the rows to protect. The forget and retain rows of `a` must be loaded. */
WAGLE_CHECK wagle_status wg_attribution_protect_rows(wagle_ctx *ctx, wg_attribution *a);
/* Computes the factors, unless a->factors is already set. folder: for scratch files. */
WAGLE_CHECK wagle_status wg_attribution_factors(wagle_ctx *ctx, wg_attribution *a,
                                                const char *folder);
/* Frees rows and factors; also called by wg_attribution_close. */
void wg_attribution_drop_factors(wg_attribution *a);
/* Bytes in memory: an upper bound for the factors, and the product buffers of one tensor. */
int64_t wg_attribution_factor_bytes(const wg_attribution *a);
int64_t wg_attribution_product_bytes(const wg_attribution *a);

/* Computes the retain gradient of a tensor times the tensor's factor. Free with wg_product_free. */
typedef struct wg_product {
    const wg_protect *of; /* NULL: gradients are returned unchanged */
    float *product, *room;
} wg_product;

WAGLE_CHECK wagle_status wg_product_new(wagle_ctx *ctx, const wg_attribution *a, wg_product *out);
/* The product for grad (a whole tensor, or NULL). Returns grad itself if the tensor has no factor.
 * Valid until the next call. */
const float *wg_product_of(const wg_product *p, const wg_model *m, int tensor, const float *grad);
void wg_product_free(wg_product *p);

/* --- histograms.c ------------------------------------------------------------------------------
 */

typedef struct wg_histograms {
    wg_events events;
    double *count; /* [tensors][buckets] */
} wg_histograms;

/* folder: of TensorBoard. force: replaces its event file. */
WAGLE_CHECK wagle_status wg_histograms_open(wagle_ctx *ctx, const wg_attribution *a,
                                            const char *folder, bool force, wg_histograms *h);
void wg_histograms_add(wg_histograms *h, int tensor, const float *score, int64_t n);
WAGLE_CHECK wagle_status wg_histograms_write(wagle_ctx *ctx, const wg_attribution *a,
                                             wg_histograms *h);
void wg_histograms_close(wg_histograms *h);

/* --- scores ------------------------------------------------------------------------------------
 */

/* Checks the memory that scoring needs against --memory, and limits the engine to the rest. folder:
 * for scratch files. only_check: a dry run does not write a plan for it. */
WAGLE_CHECK wagle_status wg_attribution_budget(wagle_ctx *ctx, wg_attribution *a,
                                               const char *folder, bool only_check);

/* Receives the scores of weights [first, first+n) of a tensor, in order within a tensor. */
typedef wagle_status wg_take_scores(void *user, wagle_ctx *ctx, int tensor, int64_t first,
                                    const float *score, int64_t n);

/* Computes a->gamma where the selector needs it and no number was given. */
WAGLE_CHECK wagle_status wg_find_gamma(wagle_ctx *ctx, wg_attribution *a);
WAGLE_CHECK wagle_status wg_score(wagle_ctx *ctx, wg_attribution *a, wg_take_scores *take,
                                  void *user);
/* The same in a process whose scores process 0 takes. */
WAGLE_CHECK wagle_status wg_score_for_others(wagle_ctx *ctx, wg_attribution *a);
/* The same where each process takes scores of its own: of a slice of each range of weights. */
WAGLE_CHECK wagle_status wg_score_slices(wagle_ctx *ctx, wg_attribution *a, wg_take_scores *take,
                                         void *user);
/* A mask of the tensors that are scored, which selects nothing yet. */
WAGLE_CHECK wagle_status wg_scored_mask(wagle_ctx *ctx, const wg_attribution *a, wg_mask *out);
/* Whether the selector scores this tensor. */
bool wg_is_scored(const wg_attribution *a, int tensor);
/* Writes a score file. */
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
/* As wg_select does, in several processes: each keeps the scores of its slices in memory. */
WAGLE_CHECK wagle_status wg_select_together(wagle_ctx *ctx, wg_attribution *a,
                                            const wg_choice *choice, wg_mask *out);
/* Bytes of those scores. */
int64_t wg_slice_scores_bytes(const wagle_ctx *ctx, const wg_model *m);
/* Like wg_select, without a score file: computes the scores twice. */
WAGLE_CHECK wagle_status wg_select_directly(wagle_ctx *ctx, wg_attribution *a,
                                            const wg_choice *choice, wg_mask *out);

#endif
