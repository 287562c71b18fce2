#include "tensor/tensor.h"

#include "base/choose.h"
#include "base/number.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[WG_DTYPES] = {
    [WG_F32] = {"F32", 4}, [WG_F16] = {"F16", 2}, [WG_BF16] = {"BF16", 2}, [WG_F64] = {"F64", 8},
    [WG_I32] = {"I32", 4}, [WG_I64] = {"I64", 8}, [WG_U8] = {"U8", 1},     [WG_BOOL] = {"BOOL", 1},
    [WG_OTHER] = {"?", 0}, [WG_Q8] = {"Q8", 1},
};

const char *wg_dtype_name(wg_dtype d)
{
    return dtypes[d].name;
}

size_t wg_dtype_size(wg_dtype d)
{
    return dtypes[d].size;
}

wg_dtype wg_dtype_by_name(const char *name)
{
    int d = 0;

    while (d < WG_OTHER && strcmp(dtypes[d].name, name) != 0)
        d++;
    return (wg_dtype)d;
}

wagle_status wg_weight_dtype(wagle_ctx *ctx, wagle_dtype given, wg_dtype *out)
{
    static const wg_dtype types[] = {[WAGLE_DTYPE_AUTO] = WG_OTHER,
                                     [WAGLE_DTYPE_BF16] = WG_BF16,
                                     [WAGLE_DTYPE_F16] = WG_F16,
                                     [WAGLE_DTYPE_F32] = WG_F32};

    WG_TRY(wg_check_choice(ctx, "dtype", (int)given, wg_words_of_wagle_dtype));
    *out = types[given];
    return WAGLE_OK;
}

bool wg_dtype_is_weight(wg_dtype d)
{
    return d == WG_F32 || d == WG_F16 || d == WG_BF16;
}

wg_slices wg_matrix_slices(const wg_shape *matrix, bool columns)
{
    const int64_t rows = matrix->dim[0], wide = matrix->dim[1];

    return columns ? (wg_slices){wide, rows, 1, wide} : (wg_slices){rows, wide, wide, 1};
}

bool wg_shape_equal(const wg_shape *a, const wg_shape *b)
{
    bool same = a->rank == b->rank;

    for (int i = 0; same && i < a->rank; i++)
        same = a->dim[i] == b->dim[i];
    return same;
}

const char *wg_shape_text(const wg_shape *s, char out[96])
{
    int at = snprintf(out, 96, "[");

    for (int i = 0; i < s->rank; i++)
        at += snprintf(out + at, 96 - (size_t)at, i ? ",%lld" : "%lld", (long long)s->dim[i]);
    snprintf(out + at, 96 - (size_t)at, "]");
    return out;
}

bool wg_shape_count(const wg_shape *s, int64_t *count)
{
    *count = 1;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0 || __builtin_mul_overflow(*count, s->dim[i], count))
            return false;
    return true;
}

void wg_to_float(wg_dtype d, const void *src, int64_t n, float *dst)
{
    const unsigned char *s = src;
    uint16_t h;

    if (d == WG_F32) {
        memcpy(dst, src, (size_t)n * sizeof *dst);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        memcpy(&h, s + 2 * i, sizeof h);
        dst[i] = d == WG_BF16 ? wg_bf16_float(h) : wg_f16_float(h);
    }
}

float wg_beyond(const float *x, int64_t n, float limit)
{
    for (int64_t i = 0; i < n; i++)
        if (fabsf(x[i]) >= limit && isfinite(x[i]))
            return x[i];
    return 0;
}

void wg_from_float(wg_dtype d, const float *src, int64_t n, void *dst)
{
    unsigned char *s = dst;

    if (d == WG_F32) {
        memcpy(dst, src, (size_t)n * sizeof *src);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const uint16_t h = d == WG_BF16 ? wg_float_bf16(src[i]) : wg_float_f16(src[i]);
        memcpy(s + 2 * i, &h, sizeof h);
    }
}
