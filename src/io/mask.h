/* mask.h - which weights are selected, and the files that say so.
 *
 * A mask file is safetensors. Written packed: one U8 tensor [ceil(n/8)] a weight tensor, weight i
 * in bit i%8 of byte i/8, with metadata format=wagle-mask, layout=bits and shapes={"name":[..]};
 * or layout=bool: BOOL tensors of the weights' shapes. Read are both, and U8 0/1 of full shape. */
#ifndef WG_IO_MASK_H
#define WG_IO_MASK_H

#include "io/safetensors.h"

typedef struct wg_mask_tensor {
    const char *name;
    wg_shape shape;
    int64_t count, selected;
    uint64_t *bits; /* [ceil(count/64)], weight i in bit i%64 of word i/64; the rest 0 */
} wg_mask_tensor;

typedef struct wg_mask {
    wg_mask_tensor *tensor; /* [n] sorted by name */
    int64_t n, count, selected;
    wg_arena arena;
} wg_mask;

/* An empty mask with the names and shapes of the tensors [n] (any order). */
WAGLE_CHECK wagle_status wg_mask_new(wagle_ctx *ctx, const wg_tensor *tensors, int64_t n,
                                     wg_mask *out);
WAGLE_CHECK wagle_status wg_mask_read(wagle_ctx *ctx, const char *path, wg_mask *out);
/* metadata: extra keys, may be NULL. */
WAGLE_CHECK wagle_status wg_mask_write(wagle_ctx *ctx, const char *path, const wg_mask *mask,
                                       bool packed, const json_t *metadata, bool force);
void wg_mask_free(wg_mask *mask);
const wg_mask_tensor *wg_mask_find(const wg_mask *mask, const char *name);
/* Rows (or columns) of a matrix that its bits select whole; -1 if one is selected in part. */
int64_t wg_mask_slices(const uint64_t *bits, const wg_shape *matrix, bool columns);
void wg_mask_count(wg_mask *mask); /* sets `selected` from the bits */

static inline bool wg_bit(const uint64_t *bits, int64_t i)
{
    return (bits[i >> 6] >> (i & 63)) & 1u;
}

static inline bool wg_mask_has(const wg_mask_tensor *t, int64_t i)
{
    return wg_bit(t->bits, i);
}

#endif
