/* mask.h - sets of selected weights, and mask files.
 *
 * A mask file is a safetensors file. Packed files have a U8 tensor [ceil(n/8)] for each weight
 * tensor, with weight i in bit i%8 of byte i/8, and the metadata format=wagle-mask, layout=bits and
 * shapes={"name":[..]}. Files with layout=bool have BOOL tensors of the weights' shapes. Both can
 * be written and read; U8 tensors of full shape with values 0 and 1 can be read too. */
#ifndef WG_IO_MASK_H
#define WG_IO_MASK_H

#include "io/safetensors.h"

typedef struct wg_mask_tensor {
    const char *name;
    wg_shape shape;
    int64_t count, selected;
    uint64_t *bits; /* [ceil(count/64)], weight i in bit i%64 of word i/64; unused bits are 0 */
} wg_mask_tensor;

typedef struct wg_mask {
    wg_mask_tensor *tensor; /* [n] sorted by name */
    int64_t n, count, selected;
    wg_arena arena;
} wg_mask;

/* Makes an empty mask with the names and shapes of the tensors [n] (in any order). */
WAGLE_CHECK wagle_status wg_mask_new(wagle_ctx *ctx, const wg_tensor *tensors, int64_t n,
                                     wg_mask *out);
WAGLE_CHECK wagle_status wg_mask_read(wagle_ctx *ctx, const char *path, wg_mask *out);
/* metadata: extra keys, or NULL. */
WAGLE_CHECK wagle_status wg_mask_write(wagle_ctx *ctx, const char *path, const wg_mask *mask,
                                       bool packed, const json_t *metadata, bool force);
void wg_mask_free(wg_mask *mask);
const wg_mask_tensor *wg_mask_find(const wg_mask *mask, const char *name);
/* Number of rows (or columns) of a matrix that are selected as a whole; -1 if one is partly
 * selected. */
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
