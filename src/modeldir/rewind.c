#include "modeldir/rewind.h"

#include "base/number.h"
#include "model/model.h"
#include "modeldir/folder.h"
#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 16, BINS = 1 << 16 };

typedef struct rewinding {
    const wg_tensors *before;
    wg_tie tie;
    int64_t *bin;    /* [BINS] changes by the upper half of their magnitude's bits */
    uint32_t border; /* changes of lower bins go back */
    float *was, *is; /* [CHUNK] */
    char *bytes;     /* [CHUNK] of any type */
} rewinding;

static uint32_t bin_of(float was, float is)
{
    return wg_float_bits(fabsf(is - was)) >> 16;
}

/* Values [first, first+n) of the tensor now, and before. */
static void load(const rewinding *r, const wg_tensor *t, const wg_tensor *old, int64_t first,
                 int64_t n)
{
    const size_t at = (size_t)first * wg_dtype_size(t->dtype);

    wg_to_float(t->dtype, (const char *)t->data + at, n, r->is);
    wg_to_float(t->dtype, (const char *)old->data + at, n, r->was);
}

static wagle_status count(wagle_ctx *ctx, rewinding *r, const wg_tensors *changed)
{
    for (int64_t k = 0; k < changed->n; k++) {
        const wg_tensor *t = &changed->tensor[k], *old = wg_tensors_find(r->before, t->name);
        if (old == NULL || old->dtype != t->dtype || old->count != t->count)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "tensor '%s': not the same in both models, so the change cannot be "
                           "taken back in part",
                           t->name);
        if (!wg_dtype_is_weight(t->dtype) || t == r->tie.copy)
            continue;
        for (int64_t first = 0; first < t->count; first += CHUNK) {
            const int64_t n = t->count - first < CHUNK ? t->count - first : CHUNK;
            load(r, t, old, first, n);
            for (int64_t i = 0; i < n; i++)
                r->bin[bin_of(r->was[i], r->is[i])] += r->was[i] != r->is[i];
        }
    }
    return WAGLE_OK;
}

static void choose_border(rewinding *r, double share)
{
    int64_t all = 0, had = 0;

    for (int64_t b = 0; b < BINS; b++)
        all += r->bin[b];
    while (r->border < BINS && (double)had < share * (double)all)
        had += r->bin[r->border++];
}

static wagle_status write_tensor(void *user, wagle_ctx *ctx, const wg_tensor *t, wg_output *out)
{
    const rewinding *r = user;
    const wg_tensor *old = wg_tensors_find(r->before, t->name);
    const size_t size = wg_dtype_size(t->dtype);

    if (!wg_dtype_is_weight(t->dtype))
        return wg_output_write(ctx, out, t->data, t->bytes);
    for (int64_t first = 0; first < t->count; first += CHUNK) {
        const int64_t n = t->count - first < CHUNK ? t->count - first : CHUNK;
        const char *now = (const char *)t->data + (size_t)first * size;
        const char *before = (const char *)old->data + (size_t)first * size;
        load(r, t, old, first, n);
        for (int64_t i = 0; i < n; i++)
            memcpy(r->bytes + (size_t)i * size,
                   (bin_of(r->was[i], r->is[i]) < r->border ? before : now) + (size_t)i * size,
                   size);
        WG_TRY(wg_output_write(ctx, out, r->bytes, (size_t)n * size));
    }
    return WAGLE_OK;
}

wagle_status wg_write_rewound(wagle_ctx *ctx, const char *before, const char *changed, double share,
                              const char *out)
{
    wg_tensors old = {0}, new = {0};
    rewinding r = {.before = &old};
    wg_config config;
    wagle_status st = wg_tensors_open(ctx, before, &old);

    if (st == WAGLE_OK)
        st = wg_tensors_open(ctx, changed, &new);
    if (st == WAGLE_OK)
        st = wg_tie_of_folder(ctx, changed, &new, &config, &r.tie);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &r.bin, BINS);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &r.was, CHUNK);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &r.is, CHUNK);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &r.bytes, CHUNK * (int64_t)sizeof(float));
    if (st == WAGLE_OK)
        st = count(ctx, &r, &new);
    if (st == WAGLE_OK) {
        choose_border(&r, share);
        st = wg_write_folder(ctx, changed, &new, out, write_tensor, &r);
    }
    wg_free(r.bin);
    wg_free(r.was);
    wg_free(r.is);
    wg_free(r.bytes);
    wg_tensors_close(&old);
    wg_tensors_close(&new);
    return st;
}
