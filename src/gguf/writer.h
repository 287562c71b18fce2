/* writer.h - writes a GGUF file (format: reader.h): keys, tensors, data. */
#ifndef WG_GGUF_WRITER_H
#define WG_GGUF_WRITER_H

#include "base/text.h"
#include "gguf/reader.h"

/* ggml's numbers of the types that can be written. */
typedef enum wg_gguf_type {
    WG_GGML_F32 = 0,
    WG_GGML_F16 = 1,
    WG_GGML_Q4_0 = 2,
    WG_GGML_Q5_0 = 6,
    WG_GGML_Q5_1 = 7,
    WG_GGML_Q8_0 = 8,
    WG_GGML_Q4_K = 12,
    WG_GGML_Q5_K = 13,
    WG_GGML_Q6_K = 14,
    WG_GGML_BF16 = 30,
    WG_GGML_TYPES
} wg_gguf_type;

/* Start with {0}; free with wg_gguf_head_free. */
typedef struct wg_gguf_head {
    wg_text keys, tensors;
    uint64_t n_keys, n_tensors;
    uint64_t bytes; /* bytes of data so far */
} wg_gguf_head;

WAGLE_CHECK wagle_status wg_gguf_put_text(wagle_ctx *ctx, wg_gguf_head *h, const char *key,
                                          const char *text);
WAGLE_CHECK wagle_status wg_gguf_put_whole(wagle_ctx *ctx, wg_gguf_head *h, const char *key,
                                           int64_t value);
WAGLE_CHECK wagle_status wg_gguf_put_real(wagle_ctx *ctx, wg_gguf_head *h, const char *key,
                                          double value);
WAGLE_CHECK wagle_status wg_gguf_put_bool(wagle_ctx *ctx, wg_gguf_head *h, const char *key,
                                          bool value);
/* Arrays: begin, then n calls of one of the two functions below. Numbers are F32 or I32. */
WAGLE_CHECK wagle_status wg_gguf_begin_array(wagle_ctx *ctx, wg_gguf_head *h, const char *key,
                                             wg_gguf_kind kind, int64_t n);
WAGLE_CHECK wagle_status wg_gguf_add_text(wagle_ctx *ctx, wg_gguf_head *h, const char *text,
                                          size_t bytes);
WAGLE_CHECK wagle_status wg_gguf_add_number(wagle_ctx *ctx, wg_gguf_head *h, wg_gguf_kind kind,
                                            double value);
/* Adds a tensor, slowest dimension first. Data are written in the order of these calls. */
WAGLE_CHECK wagle_status wg_gguf_put_tensor(wagle_ctx *ctx, wg_gguf_head *h, const char *name,
                                            const wg_shape *shape, wg_gguf_type type);
/* Writes everything before the data. */
WAGLE_CHECK wagle_status wg_gguf_write_head(wagle_ctx *ctx, const wg_gguf_head *h, wg_output *out);
void wg_gguf_head_free(wg_gguf_head *h);

/* Bytes of n values, a multiple of the block. */
size_t wg_ggml_bytes(wg_gguf_type type, int64_t n);
bool wg_ggml_is_quantised(wg_gguf_type type);
/* Converts n values, a multiple of the block, to dst [wg_ggml_bytes]. */
void wg_ggml_quantise(wg_gguf_type type, const float *x, int64_t n, void *dst);
/* The first value that the type cannot hold: beyond float16 or its float16 scales, or not a number
 * in a quantised type. NULL if there is none. */
const float *wg_ggml_beyond(wg_gguf_type type, const float *x, int64_t n);
/* Writes zeros up to the next tensor, after `bytes` of data. */
WAGLE_CHECK wagle_status wg_gguf_pad(wagle_ctx *ctx, wg_output *out, size_t bytes);

#endif
