/* patchform.h - how a patch says which weights of a tensor changed: the bytes of NAME#index,
 * NAME#rows or NAME#columns (patch.h has the format). */
#ifndef WG_IO_PATCHFORM_H
#define WG_IO_PATCHFORM_H

#include "io/patch.h"

/* "index", "rows", "columns": the end of the part's name. */
extern const char *const wg_patch_form_name[WG_PATCH_FORMS];

typedef wagle_status wg_patch_put(void *user, const void *data, size_t n);

/* What changed between two tensors of one type and shape, in a form. put NULL: only the bytes are
 * counted. */
WAGLE_CHECK wagle_status wg_patch_encode(wagle_ctx *ctx, const wg_tensor *before,
                                         const wg_tensor *after, wg_patch_form form,
                                         wg_patch_put *put, void *user, size_t *bytes);
/* The form of the fewest bytes; of equal ones the earlier. */
WAGLE_CHECK wagle_status wg_patch_choose(wagle_ctx *ctx, const wg_tensor *before,
                                         const wg_tensor *after, wg_patch_form *form,
                                         size_t *bytes);

/* Checks a tensor's form, index and index_bytes against its shape and `changed`, and sets what the
 * walk needs of them. False: damaged. */
bool wg_patch_read_form(wg_patch_tensor *t);

#endif
