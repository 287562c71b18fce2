/* reader.h - reads GGUF, the file format of llama.cpp, through mmap.
 *
 *   "GGUF" | u32 version (2, 3) | u64 tensors | u64 keys |
 *   keys:    string key | u32 type | value            string = u64 bytes | bytes
 *   tensors: string name | u32 dims | u64 dim[] (fastest first) | u32 type | u64 offset
 *   padding to general.alignment (32) | data
 *
 * Source: gguf.md and the block layouts of ggml. */
#ifndef WG_GGUF_READER_H
#define WG_GGUF_READER_H

#include "base/file.h"
#include "tensor/tensor.h"

typedef enum wg_gguf_kind {
    WG_GGUF_U8,
    WG_GGUF_I8,
    WG_GGUF_U16,
    WG_GGUF_I16,
    WG_GGUF_U32,
    WG_GGUF_I32,
    WG_GGUF_F32,
    WG_GGUF_BOOL,
    WG_GGUF_STRING,
    WG_GGUF_ARRAY,
    WG_GGUF_U64,
    WG_GGUF_I64,
    WG_GGUF_F64,
    WG_GGUF_KINDS
} wg_gguf_kind;

/* A value borrowed from the map: a scalar (count 1), or an array's elements. */
typedef struct wg_gguf_value {
    const char *key;
    wg_gguf_kind kind; /* of the element */
    bool array;
    uint64_t count;
    const unsigned char *data, *end;
} wg_gguf_value;

typedef struct wg_gguf_tensor {
    const char *name;
    wg_shape shape; /* slowest dimension first, unlike in the file */
    int64_t count;
    uint32_t type; /* ggml's number */
    const unsigned char *data;
    size_t bytes;
} wg_gguf_tensor;

typedef struct wg_gguf {
    const char *path;
    wg_map map;
    uint32_t version;
    wg_gguf_value *value; /* [n_values] */
    int64_t n_values;
    wg_gguf_tensor *tensor; /* [n_tensors] in file order */
    int64_t n_tensors;
    struct wg_gguf *part; /* [n_parts] the other files of a split model */
    int64_t n_parts;
    wg_arena arena;
} wg_gguf;

/* Opens a file. For the first of files NAME-00001-of-0000N.gguf, opens the tensors of all. */
WAGLE_CHECK wagle_status wg_gguf_open(wagle_ctx *ctx, const char *path, wg_gguf *out);
void wg_gguf_close(wg_gguf *g);
const wg_gguf_value *wg_gguf_find(const wg_gguf *g, const char *key);
const wg_gguf_tensor *wg_gguf_find_tensor(const wg_gguf *g, const char *name);
/* Reads a scalar; `fallback` if the key is absent or of another kind. */
double wg_gguf_number(const wg_gguf *g, const char *key, double fallback);
/* Copies a string to the arena, NUL-terminated; *out is NULL if the key is absent. */
WAGLE_CHECK wagle_status wg_gguf_string(wagle_ctx *ctx, wg_gguf *g, const char *key, char **out);
/* Element i of an array of numbers. */
double wg_gguf_element(const wg_gguf_value *v, uint64_t i);
/* Iterates over an array of strings. *at starts as v->data; false past the end. */
bool wg_gguf_next_string(const wg_gguf_value *v, const unsigned char **at, const char **text,
                         size_t *bytes);

/* Block formats. wg_ggml_name returns NULL if ggml has no such type. */
const char *wg_ggml_name(uint32_t type);
bool wg_ggml_is_read(uint32_t type);
/* Fails because a tensor's type is not supported; the message lists the supported ones. */
WAGLE_CHECK wagle_status wg_ggml_refuse(wagle_ctx *ctx, const char *path, const char *tensor,
                                        uint32_t type);
int64_t wg_ggml_block(uint32_t type); /* elements per block; for supported types */
size_t wg_ggml_block_bytes(uint32_t type);
/* Converts elements [first, first+n) of t to float32. first and n are multiples of the block, or
 * reach the tensor's end. */
void wg_gguf_dequantise(const wg_gguf_tensor *t, int64_t first, int64_t n, float *out);

#endif
