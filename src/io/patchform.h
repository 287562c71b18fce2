/* patchform.h - encodes and decodes the lists of changed weights in a patch: NAME#index, NAME#rows
 * and NAME#columns (format: patch.h). */
#ifndef WG_IO_PATCHFORM_H
#define WG_IO_PATCHFORM_H

#include "io/patch.h"

/* "index", "rows", "columns": suffixes of the tensor's name. */
extern const char *const wg_patch_form_name[WG_PATCH_FORMS];

typedef wagle_status wg_patch_put(void *user, const void *data, size_t n);

/* Encodes the changes between two tensors of the same type and shape. If put is NULL, only counts
 * the bytes. */
WAGLE_CHECK wagle_status wg_patch_encode(wagle_ctx *ctx, const wg_tensor *before,
                                         const wg_tensor *after, wg_patch_form form,
                                         wg_patch_put *put, void *user, size_t *bytes);
/* Chooses the form with the fewest bytes; the first of equals. */
WAGLE_CHECK wagle_status wg_patch_choose(wagle_ctx *ctx, const wg_tensor *before,
                                         const wg_tensor *after, wg_patch_form *form,
                                         size_t *bytes);

/* Checks a tensor's form, index and index_bytes against its shape and `changed`, and sets the
 * members that iteration needs. Returns false if the data are damaged. */
bool wg_patch_read_form(wg_patch_tensor *t);

#endif
