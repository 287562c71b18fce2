/* tensor.h - a stored tensor: name, type, shape and borrowed bytes. */
#ifndef WG_TENSOR_TENSOR_H
#define WG_TENSOR_TENSOR_H

#include "base/context.h"

typedef enum wg_dtype {
    WG_F32,
    WG_F16,
    WG_BF16,
    WG_F64,
    WG_I32,
    WG_I64,
    WG_U8,
    WG_BOOL,
    WG_OTHER, /* a type of safetensors that is not supported */
    WG_Q8,    /* in memory alone: matrices of `matvec` in blocks of 8 bits (ops.h) */
    WG_DTYPES
} wg_dtype;

enum { WG_RANK = 4 };

typedef struct wg_shape {
    int rank;
    int64_t dim[WG_RANK];
} wg_shape;

typedef struct wg_tensor {
    const char *name;
    wg_dtype dtype;
    wg_shape shape;
    int64_t count; /* elements */
    size_t bytes;
    const void *data;  /* row-major, little-endian, perhaps unaligned */
    int file;          /* index of the shard that holds it */
    const void *place; /* there: data, unless those are others in memory */
} wg_tensor;

const char *wg_dtype_name(wg_dtype d); /* as in safetensors: F32 */
size_t wg_dtype_size(wg_dtype d);      /* bytes per element, 0 for WG_OTHER */
wg_dtype wg_dtype_by_name(const char *name);
/* Parses bf16, f16 or f32, the names in options. */
WAGLE_CHECK wagle_status wg_weight_dtype(wagle_ctx *ctx, wagle_dtype given, wg_dtype *out);
bool wg_dtype_is_weight(wg_dtype d); /* F32, F16, BF16 */

bool wg_shape_equal(const wg_shape *a, const wg_shape *b);
/* Writes "[2,3]" to out; returns out. */
const char *wg_shape_text(const wg_shape *s, char out[96]);
/* The rows of a matrix, or its columns: element j of slice i is at i*step + j*stride. */
typedef struct wg_slices {
    int64_t n, width, step, stride;
} wg_slices;
wg_slices wg_matrix_slices(const wg_shape *matrix, bool columns);
/* Product of the dimensions; false if one is negative or it overflows. */
bool wg_shape_count(const wg_shape *s, int64_t *count);

/* Converts n elements of type d at src to float32, and back (round to nearest even). src and dst
 * may be unaligned. */
void wg_to_float(wg_dtype d, const void *src, int64_t n, float *dst);
void wg_from_float(wg_dtype d, const float *src, int64_t n, void *dst);
/* The first finite number of x [n] with a magnitude >= limit; 0 if there is none. */
float wg_beyond(const float *x, int64_t n, float limit);
#define WG_F16_LIMIT 65520.0F /* numbers from here on round to infinity in float16 */

#endif
