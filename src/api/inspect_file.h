/* inspect_file.h - inspect: files of scores and tensors, and JSON that wagle writes. */
#ifndef WG_API_INSPECT_FILE_H
#define WG_API_INSPECT_FILE_H

#include "base/json.h"
#include "io/safetensors.h"

/* "scores", "mask", "patch", "checkpoint" or "safetensors", by the metadata and types. */
const char *wg_inspect_kind(const wg_tensors *t);
/* Metadata of scores, masks and checkpoints as facts of their own. */
WAGLE_CHECK wagle_status wg_inspect_metadata(wagle_ctx *ctx, const wg_tensors *t, json_t *out);
/* Whether the file is JSON of wagle; *kind then is "result", "manifest", "evaluation", "sweep". */
WAGLE_CHECK wagle_status wg_inspect_json_kind(wagle_ctx *ctx, const char *path, json_t **root,
                                              const char **kind);
WAGLE_CHECK wagle_status wg_inspect_json(wagle_ctx *ctx, const char *kind, const json_t *root,
                                         json_t *out);

#endif
