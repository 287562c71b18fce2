/* writer.h - writes a GGUF file (format: reader.h): keys, tensors, data. */
#ifndef WG_GGUF_WRITER_H
#define WG_GGUF_WRITER_H

#include "base/text.h"
#include "gguf/reader.h"

/* ggml's numbers of the types that can be written. */
typedef enum wg_gguf_type {
    WG_GGML_F32 = 0,
    WG_GGML_F16 = 1,
    WG_GGML_Q8_0 = 8,
    WG_GGML_BF16 = 30
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

size_t wg_ggml_bytes(wg_gguf_type type, int64_t n);
/* Quantises n values (for Q8_0, n is a multiple of 32) to dst [wg_ggml_bytes]. */
void wg_ggml_quantise(wg_gguf_type type, const float *x, int64_t n, void *dst);
/* Writes zeros up to the next tensor, after `bytes` of data. */
WAGLE_CHECK wagle_status wg_gguf_pad(wagle_ctx *ctx, wg_output *out, size_t bytes);

#endif
