/* patch.h - what changed between two models, weight by weight, as a file.
 *
 * safetensors; for each touched tensor NAME:
 *   NAME#index    U8   gaps between changed indices (the first from -1), lowest first
 *   NAME#new      the model's type, [changed], in the order in which the tensor is stored
 *   NAME#old      the same, unless the old values are only hashed
 *
 * A matrix has NAME#rows or NAME#columns in place of NAME#index where that takes fewer bytes, as it
 * does when whole rows or columns were trained. It is U8 and holds how many rows changed, the gaps
 * between their numbers, and the gaps between the kept weights. Kept are weights of these rows
 * whose value is the same before and after, as happens by chance; they are no part of #new and
 * #old. They are numbered from 0 among all weights of these rows, in the order in which the matrix
 * is stored. Of columns the same. All of these numbers are LEB128.
 *
 * Metadata: format=wagle-patch, old=kept|hashed, digest, and tensors = JSON
 *   {"NAME": {"dtype","shape","changed","before","after","old"}}: SHA-256 of the tensor's bytes
 *   before and after, and of the old values. digest is the SHA-256 of the whole file with its own
 *   64 digits as zeros: no byte can change unseen.
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
    int64_t slices, kept;         /* rows (columns) that changed, and weights kept in them; of an
                                     index: indices, 0 */
    size_t first_gap, first_kept; /* where their numbers begin in `index` */
    const unsigned char *fresh, *old; /* old NULL: hashed alone */
} wg_patch_tensor;

typedef struct wg_patch {
    wg_tensors file;
    json_t *facts;           /* the JSON of "tensors" */
    wg_patch_tensor *tensor; /* [n] in order of name */
    int64_t n, changed;
    size_t bytes; /* of the file */
    bool keeps_old;
    char hash[WG_SHA256_TEXT]; /* of the file: its name */
} wg_patch;

/* Checked whole. Close with wg_patch_close, also after failure. */
WAGLE_CHECK wagle_status wg_patch_open(wagle_ctx *ctx, const char *path, wg_patch *out);
void wg_patch_close(wg_patch *p);
/* The patch's entry for a tensor, or NULL. */
const wg_patch_tensor *wg_patch_find(const wg_patch *p, const char *name);

/* Goes through the changed indices: start with {0}; false past the last. */
typedef struct wg_patch_walk {
    int64_t next, index; /* next: of how many were given */
    bool begun;
    size_t at, kept_at;         /* in t->index */
    int64_t slice, place, kept; /* the last row (column), weight of these, kept weight; -1: none */
} wg_patch_walk;
bool wg_patch_next(const wg_patch_tensor *t, wg_patch_walk *w);

/* Writes the difference of two sets of tensors with the same names, types and shapes. */
WAGLE_CHECK wagle_status wg_patch_write(wagle_ctx *ctx, const char *path, const wg_tensors *before,
                                        const wg_tensors *after, bool keep_old, bool force);
/* SHA-256 of a tensor's bytes. */
WAGLE_CHECK wagle_status wg_tensor_hash(wagle_ctx *ctx, const wg_tensor *t,
                                        char text[WG_SHA256_TEXT]);

#endif
