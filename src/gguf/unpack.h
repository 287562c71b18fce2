/* unpack.h - a GGUF file as a model folder, for as long as it is in use. */
#ifndef WG_GGUF_UNPACK_H
#define WG_GGUF_UNPACK_H

#include "model/model.h"

/* Opens a model folder, *folder NULL; or the model of a GGUF file. Its files are in *folder, a new
 * folder below $TMPDIR or /tmp, with exactly the weights of the file: what is quantised there is
 * float32 here. The weights stay mapped, but their file has no name any more: the disk space is
 * free again when the model is closed, even if the process is killed. Close the model first, then
 * call wg_unpacked_remove. */
WAGLE_CHECK wagle_status wg_model_open_path(wagle_ctx *ctx, const char *path, wg_model **out,
                                            char **folder);
/* Writes the files of such a folder but the weights. */
WAGLE_CHECK wagle_status wg_gguf_unpack_texts(wagle_ctx *ctx, const char *gguf, char **folder);
/* Removes and frees the folder; NULL: there is none. */
void wg_unpacked_remove(char *folder);

#endif
