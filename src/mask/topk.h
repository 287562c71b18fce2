/* topk.h - the highest scores: which weights of all a mask has. */
#ifndef WG_MASK_TOPK_H
#define WG_MASK_TOPK_H

#include "base/json.h"
#include "io/mask.h"
#include "io/safetensors.h"

/* Which weights of all: the k = floor(density*n + 0.5) highest scores of all tensors together, of
 * each tensor, or of each row of each matrix; ties to the earlier (name, index). Of tensors that
 * match include (all if NULL) and not exclude. WG_SCOPE_NEURONS: whole neurons, as neurons.c says.
 */
typedef enum wg_scope { WG_SCOPE_GLOBAL, WG_SCOPE_TENSOR, WG_SCOPE_ROW, WG_SCOPE_NEURONS } wg_scope;

/* Metadata of scores and masks: a JSON list of the matrices that are stored [in, out]. */
#define WG_TRANSPOSED "transposed"
/* That list, NULL where the file has none; and whether a matrix is in it (in NULL none is). */
WAGLE_CHECK wagle_status wg_transposed_read(wagle_ctx *ctx, const wg_tensors *file, json_t **names);
bool wg_transposed_has(const json_t *names, const char *name);

typedef struct wg_choice {
    double density;
    wg_scope scope;
    const char *const *include, *const *exclude;
} wg_choice;

/* By its name: global, tensor, row, neurons. */
WAGLE_CHECK wagle_status wg_scope_find(wagle_ctx *ctx, const char *name, wg_scope *out);
/* Mask out of a score file. */
WAGLE_CHECK wagle_status wg_select(wagle_ctx *ctx, const wg_tensors *scores,
                                   const wg_choice *choice, wg_mask *out);
/* A mask of each density [n] in place of choice->density, in the passes of one; out [n]. */
WAGLE_CHECK wagle_status wg_select_several(wagle_ctx *ctx, const wg_tensors *scores,
                                           const wg_choice *choice, const double *density,
                                           int64_t n, wg_mask *out);

/* --- parts of the selection: float scores as integers of the same order
 * ---------------------------
 */

enum { WG_BINS = 1 << 16 };

/* -0 is 0. */
static inline uint32_t wg_score_key(uint32_t bits)
{
    return bits == 0x80000000u ? bits : bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* The highest bin b of WG_BINS such that at least `want` keys are in bins >= b; *want becomes what
 * is still wanted from it. There must be as many. */
static inline uint32_t wg_topk_cut(const int64_t *bin, int64_t *want)
{
    uint32_t b = WG_BINS - 1;

    while (bin[b] < *want)
        *want -= bin[b--];
    return b;
}

/* A share above 0 and at most 1. */
WAGLE_CHECK wagle_status wg_check_density(wagle_ctx *ctx, double density);
/* Every score of the tensor is a finite number. */
WAGLE_CHECK wagle_status wg_check_finite(wagle_ctx *ctx, const wg_tensor *scores);
/* Weights that it selects of `count`; none is a failure. */
WAGLE_CHECK wagle_status wg_density_count(wagle_ctx *ctx, double density, int64_t count,
                                          int64_t *k);
/* A tensor's name matches include (or there are no such patterns) and not exclude. */
bool wg_is_included(const char *name, const wg_choice *choice);
/* neurons.c: fills a mask for each density [n], empty before, from the tensors [n_tensors] of a
 * score file, in order of name. */
WAGLE_CHECK wagle_status wg_select_neurons(wagle_ctx *ctx, const wg_tensors *scores,
                                           const wg_tensor *const *tensor, int64_t n_tensors,
                                           const double *density, int64_t n, wg_mask *out);

#endif
