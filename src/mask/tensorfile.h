/* tensorfile.h - a float32 tensor per weight, written in any order as gradients arrive. */
#ifndef WG_MASK_TENSORFILE_H
#define WG_MASK_TENSORFILE_H

#include "session/session.h"

typedef struct wg_tensor_file {
    wg_output out;
    size_t *place; /* [tensors of the model] offset of the first byte */
} wg_tensor_file;

/* has(user, tensor): whether the file has the tensor; NULL: it has all. */
WAGLE_CHECK wagle_status wg_tensor_file_open(wagle_ctx *ctx, const char *path,
                                             const wg_model *model,
                                             bool (*has)(const void *user, int tensor),
                                             const void *user, const json_t *metadata, bool force,
                                             wg_tensor_file *f);
WAGLE_CHECK wagle_status wg_tensor_file_put(wagle_ctx *ctx, wg_tensor_file *f, int tensor,
                                            int64_t first, const float *data, int64_t n);
/* Commits the file if st is WAGLE_OK, else removes it. Returns st or the error of the commit. */
WAGLE_CHECK wagle_status wg_tensor_file_close(wagle_ctx *ctx, wg_tensor_file *f, wagle_status st);

#endif
