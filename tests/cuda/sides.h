/* sides.h - one case of a test, run on two back ends: it makes its inputs, calls operations and
 * gives results, which are then compared. */
#ifndef WG_TESTS_CUDA_SIDES_H
#define WG_TESTS_CUDA_SIDES_H

#include "base/memory.h"
#include "base/number.h"
#include "ops/ops.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How results compare: floats and doubles by the largest difference over the largest value; bf16
 * likewise; or byte by byte. */
typedef enum kind { REALS, DOUBLES, HALVES, EXACTLY } kind;

typedef struct output {
    void *data;
    int64_t n;
    size_t bytes;
    kind how;
} output;

enum { MOST_HELD = 96, MOST_OUTPUTS = 32 };

/* A back end at work on a case; `draws` counts arrays, so that both sides get the same ones. */
typedef struct side {
    wagle_ctx ctx;
    const wg_ops *ops;
    uint64_t draws;
    wg_scratch held[MOST_HELD];
    int n_held;
    output out[MOST_OUTPUTS];
    int n_out;
} side;

static inline void must(side *s, wagle_status st)
{
    if (st != WAGLE_OK) {
        printf("%s: %s\n", s->ops != NULL ? s->ops->name : "opening", s->ctx.message);
        exit(1);
    }
}

static inline void *room(side *s, int64_t count, size_t size)
{
    wg_scratch *m = &s->held[s->n_held++];

    if (s->n_held > MOST_HELD)
        abort();
    must(s, s->ops->alloc(s->ops, &s->ctx, count, size, NULL, m));
    return m->data;
}

static inline void *put(side *s, const void *host, int64_t count, size_t size)
{
    void *data = room(s, count, size);

    s->ops->upload(s->ops, data, host, (size_t)count * size);
    return data;
}

static inline float *zeros(side *s, int64_t n)
{
    return room(s, n, sizeof(float));
}

static inline float *host_reals(side *s, int64_t n, float low, float high)
{
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    const uint64_t stream = ++s->draws;

    for (int64_t i = 0; i < n; i++)
        x[i] = low + (high - low) * (float)wg_random_unit(7, stream, (uint64_t)i);
    return x;
}

static inline float *reals(side *s, int64_t n, float low, float high)
{
    float *x = host_reals(s, n, low, high), *data = put(s, x, n, sizeof *x);

    free(x);
    return data;
}

static inline int32_t *numbers(side *s, int64_t n, int64_t low, int64_t high)
{
    int32_t *x = malloc((size_t)(n + 1) * sizeof *x);
    const uint64_t stream = ++s->draws;

    for (int64_t i = 0; i < n; i++)
        x[i] = (int32_t)(low + wg_random_below(7, stream, (uint64_t)i, high - low));
    int32_t *data = put(s, x, n, sizeof *x);
    free(x);
    return data;
}

/* Random numbers as stored bytes of a type. */
static inline void *host_stored(side *s, wg_dtype type, int64_t n)
{
    float *x = host_reals(s, n, -1, 1);
    void *bytes = malloc((size_t)n * wg_dtype_size(type) + 1);

    wg_from_float(type, x, n, bytes);
    free(x);
    return bytes;
}

static inline void *stored(side *s, wg_dtype type, int64_t n)
{
    void *bytes = host_stored(s, type, n), *data = put(s, bytes, n, wg_dtype_size(type));

    free(bytes);
    return data;
}

static inline void give(side *s, const void *data, int64_t n, kind how)
{
    static const size_t size[] = {sizeof(float), sizeof(double), sizeof(uint16_t), 1};
    output *o = &s->out[s->n_out++];

    if (s->n_out > MOST_OUTPUTS)
        abort();
    *o = (output){malloc((size_t)n * size[how] + 1), n, (size_t)n * size[how], how};
    must(s, s->ops->download(s->ops, &s->ctx, o->data, data, o->bytes));
}

static inline void side_clear(side *s)
{
    for (int i = 0; i < s->n_held; i++)
        s->ops->free(s->ops, &s->held[i]);
    for (int i = 0; i < s->n_out; i++)
        free(s->out[i].data);
    s->n_held = s->n_out = 0;
    s->draws = 0;
}

static inline double value_at(const output *o, int64_t i)
{
    switch (o->how) {
    case REALS:
        return (double)((float *)o->data)[i];
    case DOUBLES:
        return ((double *)o->data)[i];
    case HALVES:
        return (double)wg_bf16_float(((uint16_t *)o->data)[i]);
    case EXACTLY:
        break;
    }
    return (double)((unsigned char *)o->data)[i];
}

/* The largest difference over the largest value; infinite where bytes must be equal and are not,
 * or one side is not a finite number where the other is. */
static inline double output_error(const output *want, const output *got)
{
    double most = 0, worst = 0;

    if (want->n != got->n)
        return INFINITY;
    if (want->how == EXACTLY)
        return memcmp(want->data, got->data, want->bytes) == 0 ? 0 : INFINITY;
    for (int64_t i = 0; i < want->n; i++) {
        const double a = value_at(want, i), b = value_at(got, i);
        if (isfinite(a) != isfinite(b) || (isinf(a) && a != b))
            return INFINITY;
        if (isfinite(a)) {
            most = fmax(most, fabs(a));
            worst = fmax(worst, fabs(a - b));
        }
    }
    return worst == 0 ? 0 : worst / most;
}

#endif
