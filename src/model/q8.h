/* q8.h - the matrices that a decoding step reads, in 8 bits, beside the stored ones. */
#ifndef WG_MODEL_Q8_H
#define WG_MODEL_Q8_H

#include "model/model.h"

typedef struct wg_q8 {
    const void **matrix; /* [files.n] as WG_Q8, in memory of the back end; NULL: not in 8 bits */
    wg_scratch memory;
} wg_q8;

/* Rounds the matrices of the layers, the head (also where it is the embedding) and the projection
 * before it. WAGLE_E_USAGE where the back end has no products of such matrices. Free with
 * wg_q8_free, also after a failure. */
WAGLE_CHECK wagle_status wg_q8_new(wagle_ctx *ctx, const wg_model *m, wg_q8 *out);
void wg_q8_free(const wg_model *m, wg_q8 *q8);

#endif
