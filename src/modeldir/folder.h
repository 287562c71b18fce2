/* folder.h - a model folder written again with other bytes for its tensors. */
#ifndef WG_MODELDIR_FOLDER_H
#define WG_MODELDIR_FOLDER_H

#include "model/model.h"

/* Writes the bytes of t, as long as they were. */
typedef wagle_status wg_write_tensor(void *user, wagle_ctx *ctx, const wg_tensor *t,
                                     wg_output *out);

/* Writes a model folder into the existing folder `out`: the shards that were read, with the same
 * layout and tensors by `write`; config, tokenizer, templates, model card and code as they are;
 * nothing else. */
WAGLE_CHECK wagle_status wg_write_folder(wagle_ctx *ctx, const char *folder,
                                         const wg_tensors *files, const char *out,
                                         wg_write_tensor *write, void *user);
/* Bytes that this takes. */
WAGLE_CHECK wagle_status wg_written_bytes(wagle_ctx *ctx, const char *folder,
                                          const wg_tensors *files, int64_t *bytes);
/* One warning that names what is not copied: other weights, adapters, folders, unknown files. */
WAGLE_CHECK wagle_status wg_tell_left_out(wagle_ctx *ctx, const char *folder,
                                          const wg_tensors *files);

/* --- write_model.c ------------------------------------------------------------------------------
 */

/* Writes the model's folder with its trained weights into the existing folder `out`: same files,
 * shards, dtypes and order; weights without an overlay keep their bytes. */
WAGLE_CHECK wagle_status wg_write_model(wagle_ctx *ctx, const wg_model *m, const char *out);
/* Whether some of its weights are trained; and its bytes as they would be written, for such a one.
 */
bool wg_is_trained(const wg_model *m, int tensor);
WAGLE_CHECK wagle_status wg_trained_tensor(wagle_ctx *ctx, const wg_model *m, int tensor,
                                           void *bytes);

#endif
