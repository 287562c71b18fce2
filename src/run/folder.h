/* folder.h - a model folder written again with other bytes for its tensors. */
#ifndef WG_RUN_FOLDER_H
#define WG_RUN_FOLDER_H

#include "io/safetensors.h"

/* Writes the bytes of t, as long as they were. */
typedef wagle_status wg_write_tensor(void *user, wagle_ctx *ctx, const wg_tensor *t,
                                     wg_output *out);

/* Writes every file of `folder` into the existing folder `out`: shards with the same layout and
 * tensors by `write`, the others as they are (but for what runs leave beside a model). */
WAGLE_CHECK wagle_status wg_write_folder(wagle_ctx *ctx, const char *folder,
                                         const wg_tensors *files, const char *out,
                                         wg_write_tensor *write, void *user);

#endif
