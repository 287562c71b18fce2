/* safetensors.h - reads tensors through mmap, with a full check, and writes them.
 *
 *   0        8                8 + H                                            end
 *   | u64 H  | JSON, H bytes  | data; each tensor at its data_offsets          |
 *     {"name": {"dtype": "F32", "shape": [2,3], "data_offsets": [begin, end]}, ...,
 *      "__metadata__": {"key": "text"}}
 *
 * A sharded model lists its files in model.safetensors.index.json. The reader checks lengths, JSON,
 * types, bounds, offsets without overlap or gap, that the index's files are inside the folder, and
 * that each tensor is in the file that the index names. A tensor that the index names but no file
 * has is an error only for a caller that uses it. Source: the format description in
 * huggingface/safetensors. */
#ifndef WG_IO_SAFETENSORS_H
#define WG_IO_SAFETENSORS_H

#include "base/file.h"
#include "base/json.h"
#include "dist/shared.h"
#include "tensor/tensor.h"
#include <stdatomic.h>

/* Tensors in memory that stand for those of one folder's files (wagle_set_adapter). */
struct wg_merged {
    char *folder;      /* without symbolic links */
    wg_tensor *tensor; /* [n] by name; the data are in memory */
    int64_t n;
    wg_arena names;
    wg_scratch pages;
    atomic_int users;
};
void wg_merged_free(wg_merged *m); /* once its last user has freed it; NULL is none */

typedef struct wg_tensors {
    wg_tensor *tensor; /* [n] sorted by name, byte order */
    int64_t n;
    char **file;                  /* [n_files] paths */
    size_t beginning;             /* length of the folder's part of each path */
    wg_map *map;                  /* [n_files] */
    wg_shared *shared;            /* holds the data of these files, or NULL */
    const unsigned char **region; /* [n_files] data of a shared file */
    int64_t n_files;
    json_t *metadata; /* of the first file, {} if it has none */
    wg_arena arena;
    wg_merged *merged; /* holds the data of some tensors; or NULL */
} wg_tensors;

/* path: a safetensors file, or a folder with model.safetensors or an index. Tensors of the folder
 * of ctx->merged have their data there. A tensor [X,.,.] with a matrix of all experts of a layer is
 * listed as X tensors, one for each expert. Close with wg_tensors_close, also after failure. */
WAGLE_CHECK wagle_status wg_tensors_open(wagle_ctx *ctx, const char *path, wg_tensors *out);
void wg_tensors_close(wg_tensors *t);
/* Where processes share weights (ctx->shared): the data of the tensors become addresses whose bytes
 * come when a back end asks for them (wg_ops.stored). Those in memory stay. */
WAGLE_CHECK wagle_status wg_tensors_share(wagle_ctx *ctx, wg_tensors *t);
/* The data of a tensor for who reads it once, on the host: of a shared one, in its file. */
const void *wg_tensor_bytes(const wg_tensors *t, const wg_tensor *tensor);
/* Part of wg_tensors_open: tensors that hold all experts of a layer become one for each
 * expert (split.c). Their order is not that of names. */
WAGLE_CHECK wagle_status wg_tensors_split(wagle_ctx *ctx, wg_tensors *t);
/* Finds a tensor by name; NULL if absent. */
const wg_tensor *wg_tensors_find(const wg_tensors *t, const char *name);
/* metadata[key], or NULL. */
const char *wg_tensors_metadata(const wg_tensors *t, const char *key);
/* The path of a shard relative to the folder: "a.safetensors", "part/a.safetensors". */
const char *wg_tensors_shard(const wg_tensors *t, int64_t file);
/* Offset of the data in shard `file`. */
size_t wg_tensors_data_start(const wg_tensors *t, int file);

/* Writes the header for tensors [n], stored one after the other in that order. metadata may be
 * NULL. The caller then writes the bytes of each tensor. *start (start may be NULL): offset of the
 * data. */
WAGLE_CHECK wagle_status wg_safetensors_header(wagle_ctx *ctx, wg_output *out,
                                               const wg_tensor *tensors, int64_t n,
                                               const json_t *metadata, size_t *start);
/* Writes a complete file: header and data. */
WAGLE_CHECK wagle_status wg_safetensors_write(wagle_ctx *ctx, const char *path,
                                              const wg_tensor *tensors, int64_t n,
                                              const json_t *metadata, bool force);

#endif
