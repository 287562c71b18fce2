/* views.h - scores and masks in memory: what wagle_tensors shows of them, and reads. */
#ifndef WG_MASK_VIEWS_H
#define WG_MASK_VIEWS_H

#include "io/mask.h"
#include "io/safetensors.h"

/* --- the caller's, as files are ----------------------------------------------------------------
 */

#define WG_SCORES_IN_MEMORY "scores in memory"
#define WG_MASK_IN_MEMORY "mask in memory"

/* Borrows names and scores. Close with wg_tensors_close. */
WAGLE_CHECK wagle_status wg_views_scores(wagle_ctx *ctx, const wagle_tensors *views,
                                         wg_tensors *out);
/* Free with wg_mask_free. */
WAGLE_CHECK wagle_status wg_views_mask(wagle_ctx *ctx, const wagle_tensors *views, wg_mask *out);

/* --- the library's: freed with wg_views_free ---------------------------------------------------
 */

/* Takes the mask over, which is empty then. */
WAGLE_CHECK wagle_status wg_views_of_mask(wagle_ctx *ctx, wg_mask *mask, wagle_tensors **out);
/* Room for scores of tensors [n], with their names and shapes, in that order. transposed [n]. */
WAGLE_CHECK wagle_status wg_views_new_scores(wagle_ctx *ctx, const wg_tensor *tensors,
                                             const bool *transposed, int64_t n,
                                             wagle_tensors **out);
/* Scores [first, first+n) of its i-th tensor. */
void wg_views_put(wagle_tensors *views, int64_t i, int64_t first, const float *score, int64_t n);
void wg_views_free(wagle_tensors *views);

#endif
