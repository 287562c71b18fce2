/* topk.h - selection of the weights with the highest scores as a mask. */
#ifndef WG_MASK_TOPK_H
#define WG_MASK_TOPK_H

#include "base/json.h"
#include "io/mask.h"
#include "io/safetensors.h"

/* Selects the k = floor(density*n + 0.5) highest scores of all tensors together, of each tensor, or
 * of each row of each matrix; ties go to the earlier (name, index). Only tensors that match include
 * (all if NULL) and not exclude take part. WAGLE_SCOPE_NEURONS selects whole neurons (neurons.c).
 */

/* Metadata of scores and masks: a JSON list of the matrices that are stored [in, out]. */
#define WG_TRANSPOSED "transposed"
/* Reads that list (NULL if the file has none); tells whether a matrix is in a list or NULL. */
WAGLE_CHECK wagle_status wg_transposed_read(wagle_ctx *ctx, const wg_tensors *file, json_t **names);
bool wg_transposed_has(const json_t *names, const char *name);

typedef struct wg_choice {
    double density;
    wagle_scope scope;
    const char *const *include, *const *exclude;
} wg_choice;

/* Finds a scope by its word. */
WAGLE_CHECK wagle_status wg_scope_find(wagle_ctx *ctx, const char *name, wagle_scope *out);
/* Makes a mask from a score file. */
WAGLE_CHECK wagle_status wg_select(wagle_ctx *ctx, const wg_tensors *scores,
                                   const wg_choice *choice, wg_mask *out);
/* Makes a mask for each density [n] (choice->density is ignored) in the same passes; out [n]. */
WAGLE_CHECK wagle_status wg_select_several(wagle_ctx *ctx, const wg_tensors *scores,
                                           const wg_choice *choice, const double *density,
                                           int64_t n, wg_mask *out);

/* --- parts of the selection: float scores as integers of the same order
 * ---------------------------
 */

enum { WG_BINS = 1 << 16 };

/* Maps -0 to 0. */
static inline uint32_t wg_score_key(uint32_t bits)
{
    return bits == 0x80000000u ? bits : bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* The highest bin b of WG_BINS such that at least *want keys are in bins >= b. *want becomes the
 * number of keys still wanted from bin b. There must be at least *want keys. */
static inline uint32_t wg_topk_cut(const int64_t *bin, int64_t *want)
{
    uint32_t b = WG_BINS - 1;

    while (bin[b] < *want)
        *want -= bin[b--];
    return b;
}

/* Checks that density is in (0, 1]. */
WAGLE_CHECK wagle_status wg_check_density(wagle_ctx *ctx, double density);
/* Checks that all scores of the tensor are finite. */
WAGLE_CHECK wagle_status wg_check_finite(wagle_ctx *ctx, const wg_tensor *scores);
/* Number of weights that the density selects of `count`; zero is an error. */
WAGLE_CHECK wagle_status wg_density_count(wagle_ctx *ctx, double density, int64_t count,
                                          int64_t *k);
/* Whether a tensor's name matches include (or include is NULL) and not exclude. */
bool wg_is_included(const char *name, const wg_choice *choice);
/* neurons.c: fills an empty mask for each density [n] from the tensors [n_tensors] of a score file,
 * sorted by name. */
WAGLE_CHECK wagle_status wg_select_neurons(wagle_ctx *ctx, const wg_tensors *scores,
                                           const wg_tensor *const *tensor, int64_t n_tensors,
                                           const double *density, int64_t n, wg_mask *out);

#endif
