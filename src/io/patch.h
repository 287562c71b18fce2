/* patch.h - a file with the weights that changed between two models.
 *
 * The file is a safetensors file. For each changed tensor NAME it has:
 *   NAME#index    U8   gaps between changed indices (the first from -1), lowest index first
 *   NAME#new      new values, in the model's type, [changed], in storage order
 *   NAME#old      old values, unless they are only hashed
 *
 * A matrix has NAME#rows or NAME#columns instead of NAME#index if that takes fewer bytes, as it
 * does when whole rows or columns were trained. It is U8 and holds the number of changed rows, the
 * gaps between their indices, and the gaps between the kept weights. Kept weights are weights of
 * these rows that happen to have the same value before and after. They are not in #new and #old.
 * They are numbered from 0 among all weights of these rows, in storage order. Columns work the same
 * way. All these numbers are LEB128.
 *
 * Metadata: format=wagle-patch, old=kept|hashed, digest, and tensors = JSON
 *   {"NAME": {"dtype","shape","changed","before","after","old"}}: SHA-256 of the tensor's bytes
 *   before and after, and of the old values. digest is the SHA-256 of the whole file with the 64
 *   digits of the digest as zeros, so any change of a byte is detected.
 */
#ifndef WG_IO_PATCH_H
#define WG_IO_PATCH_H

#include "base/hash.h"
#include "io/safetensors.h"

typedef enum wg_patch_form {
    WG_PATCH_INDEX,
    WG_PATCH_ROWS,
    WG_PATCH_COLUMNS,
    WG_PATCH_FORMS
} wg_patch_form;

typedef struct wg_patch_tensor {
    const char *name, *before, *after, *old_hash; /* borrowed from the metadata */
    wg_dtype dtype;
    wg_shape shape;
    int64_t count, changed;
    wg_patch_form form;
    const unsigned char *index; /* of NAME#index, #rows or #columns */
    size_t index_bytes;
    int64_t slices, kept;             /* number of changed rows (columns), and of kept weights in
                                         them; for an index: number of indices, 0 */
    size_t first_gap, first_kept;     /* offsets of their gaps in `index` */
    const unsigned char *fresh, *old; /* old is NULL if only hashed */
} wg_patch_tensor;

typedef struct wg_patch {
    wg_tensors file;
    json_t *facts;           /* the JSON of "tensors" */
    wg_patch_tensor *tensor; /* [n] sorted by name */
    int64_t n, changed;
    size_t bytes; /* of the file */
    bool keeps_old;
    char hash[WG_SHA256_TEXT]; /* of the file; identifies the patch */
} wg_patch;

/* Whether an open safetensors file says that it is a patch. */
bool wg_is_patch(const wg_tensors *file);
/* Opens and fully checks a patch. Close with wg_patch_close, also after failure. */
WAGLE_CHECK wagle_status wg_patch_open(wagle_ctx *ctx, const char *path, wg_patch *out);
void wg_patch_close(wg_patch *p);
/* The patch's entry for a tensor, or NULL. */
const wg_patch_tensor *wg_patch_find(const wg_patch *p, const char *name);

/* Iterates over the changed indices. Start with {0}; wg_patch_next returns false past the last. */
typedef struct wg_patch_walk {
    int64_t next, index; /* next: number of indices returned so far */
    bool begun;
    size_t at, kept_at;         /* offsets in t->index */
    int64_t slice, place, kept; /* last row (column), last weight in these, next kept; -1: none */
} wg_patch_walk;
bool wg_patch_next(const wg_patch_tensor *t, wg_patch_walk *w);

/* Writes the difference between two sets of tensors with the same names, types and shapes. */
WAGLE_CHECK wagle_status wg_patch_write(wagle_ctx *ctx, const char *path, const wg_tensors *before,
                                        const wg_tensors *after, bool keep_old, bool force);
/* SHA-256 of a tensor's bytes. */
WAGLE_CHECK wagle_status wg_tensor_hash(wagle_ctx *ctx, const wg_tensor *t,
                                        char text[WG_SHA256_TEXT]);

#endif
