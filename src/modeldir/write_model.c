/* write_model.c - a model's folder with the weights that were trained. */
#include "modeldir/folder.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 18 };

typedef struct trained {
    const wg_model *model;
    char *chunk;       /* [CHUNK floats] */
    wg_host_room room; /* for trained values */
    float *wide;       /* those that are in bf16 */
    int64_t capacity;
} trained;

static bool is_trained(const wg_overlay *o)
{
    return o->value != NULL || o->half != NULL;
}

/* The number of trained weights before weight `end`. */
static int64_t trained_before(const wg_overlay *o, int64_t end)
{
    return o->bits != NULL ? wg_selected_before(end, o->host_bits, o->host_rank) : end;
}

/* The trained values [*n_values] of weights [first, first+n), on the host. */
static wagle_status trained_values(wagle_ctx *ctx, trained *w, const wg_overlay *o, int64_t first,
                                   int64_t n, const float **value, int64_t *n_values)
{
    const int64_t from = trained_before(o, first), count = trained_before(o, first + n) - from;
    const void *at = o->half != NULL ? (const void *)(o->half + from) : o->value + from;
    const size_t size = o->half != NULL ? sizeof *o->half : sizeof *o->value;
    const void *view;

    *n_values = count;
    WG_TRY(wg_host_view(ctx, w->model->ops, at, (size_t)count * size, &w->room, &view));
    *value = view;
    if (o->half == NULL)
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &w->wide, &w->capacity, count));
    wg_to_float(WG_BF16, view, count, w->wide);
    *value = w->wide;
    return WAGLE_OK;
}

/* Bytes of a partly trained stretch: the stored ones, but for selected weights. */
static void patch(const wg_tensor *t, const wg_overlay *o, int64_t first, int64_t n,
                  const float *value, char *bytes)
{
    const size_t size = wg_dtype_size(t->dtype);

    if (o->bits == NULL) {
        wg_from_float(t->dtype, value, n, bytes);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        if (o->host_bits[(first + i) / 64] >> ((first + i) % 64) & 1)
            wg_from_float(t->dtype, value++, 1, bytes + (size_t)i * size);
}

/* Trained values [n] that the file's type turns into infinity would be no model. */
static wagle_status check_values(wagle_ctx *ctx, const wg_tensor *t, const float *value, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(value[i]) || (t->dtype == WG_F16 && fabsf(value[i]) >= WG_F16_LIMIT))
            return wg_fail(
                ctx, WAGLE_E_RUN,
                "tensor '%s': a weight became %g, which %s cannot hold; use a lower @{lr}", t->name,
                (double)value[i], wg_dtype_name(t->dtype));
    return WAGLE_OK;
}

/* What is trained of a tensor; value NULL: nothing. */
static const wg_overlay *overlay_of(const wg_model *m, int tensor)
{
    return &m->overlay[tensor != m->copy ? tensor : wg_model_tensor(m, WG_EMBED, 0)];
}

/* Elements [first, first+n) as they are written. */
static wagle_status fill(wagle_ctx *ctx, trained *w, const wg_tensor *t, const wg_overlay *o,
                         int64_t first, int64_t n, char *bytes)
{
    const size_t size = wg_dtype_size(t->dtype);
    const float *value;
    int64_t n_values;

    WG_TRY(trained_values(ctx, w, o, first, n, &value, &n_values));
    memcpy(bytes, (const char *)wg_tensor_bytes(&w->model->files, t) + (size_t)first * size,
           (size_t)n * size);
    patch(t, o, first, n, value, bytes);
    return check_values(ctx, t, value, n_values);
}

/* Elements of the chunk that begins at `first`. */
static int64_t chunk_from(const wg_tensor *t, int64_t first)
{
    return t->count - first < CHUNK ? t->count - first : CHUNK;
}

static wagle_status write_tensor(void *user, wagle_ctx *ctx, const wg_tensor *t, wg_output *out)
{
    trained *w = user;
    const wg_overlay *o = overlay_of(w->model, (int)(t - w->model->files.tensor));

    if (!is_trained(o))
        return wg_output_write(ctx, out, wg_tensor_bytes(&w->model->files, t), t->bytes);
    for (int64_t first = 0; first < t->count; first += CHUNK) {
        const int64_t n = chunk_from(t, first);
        WG_TRY(fill(ctx, w, t, o, first, n, w->chunk));
        WG_TRY(wg_output_write(ctx, out, w->chunk, (size_t)n * wg_dtype_size(t->dtype)));
    }
    return WAGLE_OK;
}

bool wg_is_trained(const wg_model *m, int tensor)
{
    return is_trained(overlay_of(m, tensor));
}

wagle_status wg_trained_tensor(wagle_ctx *ctx, const wg_model *m, int tensor, void *bytes)
{
    const wg_tensor *t = &m->files.tensor[tensor];
    const size_t size = wg_dtype_size(t->dtype);
    trained w = {.model = m};
    wagle_status st = WAGLE_OK;

    for (int64_t first = 0; st == WAGLE_OK && first < t->count; first += CHUNK)
        st = fill(ctx, &w, t, overlay_of(m, tensor), first, chunk_from(t, first),
                  (char *)bytes + (size_t)first * size);
    wg_free(w.room.data);
    wg_free(w.wide);
    return st;
}

wagle_status wg_write_model(wagle_ctx *ctx, const wg_model *m, const char *out)
{
    trained w = {.model = m};
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &w.chunk, CHUNK * (int64_t)sizeof(float)));
    st = wg_write_folder(ctx, m->folder, &m->files, out, write_tensor, &w);
    wg_free(w.chunk);
    wg_free(w.room.data);
    wg_free(w.wide);
    return st;
}
