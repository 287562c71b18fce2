#include "mask/views.h"

#include "mask/topk.h"

#include <stdlib.h>
#include <string.h>

typedef struct made {
    wagle_tensors shown; /* first: it is what the caller has */
    wagle_tensor *tensor;
    float **scores; /* [n] or NULL */
    wg_mask mask;
    wg_arena arena;
} made;

/* --- the caller's ------------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const wg_tensor *)a)->name, ((const wg_tensor *)b)->name);
}

static wagle_status shape_of(wagle_ctx *ctx, const char *what, const wagle_tensor *from,
                             wg_tensor *to)
{
    int64_t count;

    *to = (wg_tensor){.name = from->name, .dtype = WG_F32, .count = from->count};
    to->bytes = (size_t)from->count * sizeof(float);
    to->data = from->scores;
    if (from->name == NULL || from->rank < 0 || from->rank > WG_RANK)
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: a tensor without a name, or of rank %d", what,
                       from->rank);
    to->shape.rank = from->rank;
    memcpy(to->shape.dim, from->shape, sizeof from->shape);
    if (!wg_shape_count(&to->shape, &count) || count != from->count)
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: tensor '%s': count is %lld, its shape has %lld",
                       what, from->name, (long long)from->count, (long long)count);
    return WAGLE_OK;
}

/* The views as tensors, by name. */
static wagle_status list_of(wagle_ctx *ctx, const char *what, const wagle_tensors *views,
                            wg_tensor **out)
{
    wagle_status st = WAGLE_OK;

    if (views->n < 1)
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: there are no tensors", what);
    WG_TRY(WG_ALLOC(ctx, out, views->n));
    for (int64_t i = 0; st == WAGLE_OK && i < views->n; i++)
        st = shape_of(ctx, what, &views->tensor[i], &(*out)[i]);
    if (st == WAGLE_OK)
        qsort(*out, (size_t)views->n, sizeof **out, by_name);
    for (int64_t i = 1; st == WAGLE_OK && i < views->n; i++)
        if (strcmp((*out)[i - 1].name, (*out)[i].name) == 0)
            st =
                wg_fail(ctx, WAGLE_E_USAGE, "%s: tensor '%s' is there twice", what, (*out)[i].name);
    if (st != WAGLE_OK) {
        wg_free(*out);
        *out = NULL;
    }
    return st;
}

/* What a score file's metadata say of matrices that are stored [in, out]. */
static wagle_status name_transposed(wagle_ctx *ctx, const wagle_tensors *views, json_t **out)
{
    json_t *names = json_array();
    char *text = NULL;
    wagle_status st = names != NULL ? WAGLE_OK : wg_json_memory(ctx);

    *out = json_object();
    for (int64_t i = 0; st == WAGLE_OK && i < views->n; i++)
        if (views->tensor[i].transposed &&
            json_array_append_new(names, json_string(views->tensor[i].name)) != 0)
            st = wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_json_text(ctx, names, false, &text);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, *out, WG_TRANSPOSED, json_string(text));
    wg_free(text);
    json_decref(names);
    return st;
}

wagle_status wg_views_scores(wagle_ctx *ctx, const wagle_tensors *views, wg_tensors *out)
{
    wagle_status st;

    *out = (wg_tensors){0};
    for (int64_t i = 0; i < views->n; i++)
        if (views->tensor[i].scores == NULL)
            return wg_fail(ctx, WAGLE_E_USAGE, WG_SCORES_IN_MEMORY ": tensor %lld has none",
                           (long long)i);
    WG_TRY(list_of(ctx, WG_SCORES_IN_MEMORY, views, &out->tensor));
    out->n = views->n;
    st = WG_ALLOC(ctx, &out->file, 1);
    if (st == WAGLE_OK)
        out->n_files = 1;
    if (st == WAGLE_OK)
        out->file[0] = wg_copy_text(ctx, WG_SCORES_IN_MEMORY, strlen(WG_SCORES_IN_MEMORY));
    if (st == WAGLE_OK && out->file[0] == NULL)
        st = WAGLE_E_RESOURCE;
    if (st == WAGLE_OK)
        st = name_transposed(ctx, views, &out->metadata);
    if (st != WAGLE_OK)
        wg_tensors_close(out);
    return st;
}

wagle_status wg_views_mask(wagle_ctx *ctx, const wagle_tensors *views, wg_mask *out)
{
    wg_tensor *list;
    wagle_status st;

    *out = (wg_mask){0};
    for (int64_t i = 0; i < views->n; i++)
        if (views->tensor[i].bits == NULL)
            return wg_fail(ctx, WAGLE_E_USAGE, WG_MASK_IN_MEMORY ": tensor %lld has no bits",
                           (long long)i);
    WG_TRY(list_of(ctx, WG_MASK_IN_MEMORY, views, &list));
    st = wg_mask_new(ctx, list, views->n, out);
    wg_free(list);
    for (int64_t i = 0; st == WAGLE_OK && i < views->n; i++) {
        const wagle_tensor *from = &views->tensor[i];
        const int64_t words = (from->count + 63) / 64;
        uint64_t *bits = wg_mask_find(out, from->name)->bits;
        memcpy(bits, from->bits, (size_t)words * sizeof *bits);
        if (from->count % 64 != 0 && bits[words - 1] >> (from->count % 64) != 0)
            st = wg_fail(ctx, WAGLE_E_USAGE,
                         WG_MASK_IN_MEMORY ": tensor '%s': bits set past its last weight",
                         from->name);
    }
    wg_mask_count(out);
    if (st != WAGLE_OK)
        wg_mask_free(out);
    return st;
}

/* --- the library's -----------------------------------------------------------------------------
 */

static wagle_status begin(wagle_ctx *ctx, int64_t n, made **out)
{
    made *m;

    WG_TRY(WG_ALLOC(ctx, &m, 1));
    m->tensor = wg_alloc(ctx, n, sizeof *m->tensor);
    if (m->tensor == NULL) {
        wg_free(m);
        return WAGLE_E_RESOURCE;
    }
    m->shown = (wagle_tensors){n, m->tensor};
    *out = m;
    return WAGLE_OK;
}

static wagle_tensor view_of(const char *name, const wg_shape *shape, int64_t count)
{
    wagle_tensor t = {.name = name, .rank = shape->rank, .count = count};

    memcpy(t.shape, shape->dim, sizeof t.shape);
    return t;
}

wagle_status wg_views_of_mask(wagle_ctx *ctx, wg_mask *mask, wagle_tensors **out)
{
    made *m;

    WG_TRY(begin(ctx, mask->n, &m));
    m->mask = *mask;
    *mask = (wg_mask){0};
    for (int64_t i = 0; i < m->mask.n; i++) {
        const wg_mask_tensor *t = &m->mask.tensor[i];
        m->tensor[i] = view_of(t->name, &t->shape, t->count);
        m->tensor[i].bits = t->bits;
    }
    *out = &m->shown;
    return WAGLE_OK;
}

wagle_status wg_views_new_scores(wagle_ctx *ctx, const wg_tensor *tensors, const bool *transposed,
                                 int64_t n, wagle_tensors **out)
{
    made *m;
    wagle_status st;

    WG_TRY(begin(ctx, n, &m));
    st = WG_ALLOC(ctx, &m->scores, n);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++) {
        const char *name = wg_arena_text(ctx, &m->arena, tensors[i].name, strlen(tensors[i].name));
        st = name != NULL ? WG_ALLOC(ctx, &m->scores[i], tensors[i].count) : WAGLE_E_RESOURCE;
        m->tensor[i] = view_of(name, &tensors[i].shape, tensors[i].count);
        m->tensor[i].transposed = transposed[i];
        m->tensor[i].scores = m->scores[i];
    }
    if (st == WAGLE_OK)
        *out = &m->shown;
    else
        wg_views_free(&m->shown);
    return st;
}

void wg_views_put(wagle_tensors *views, int64_t i, int64_t first, const float *score, int64_t n)
{
    made *m = (made *)(void *)views;

    memcpy(m->scores[i] + first, score, (size_t)n * sizeof *score);
}

void wg_views_free(wagle_tensors *views)
{
    made *m = (made *)(void *)views;

    if (m == NULL)
        return;
    for (int64_t i = 0; m->scores != NULL && i < m->shown.n; i++)
        wg_free(m->scores[i]);
    wg_free(m->scores);
    wg_mask_free(&m->mask);
    wg_arena_free(&m->arena);
    wg_free(m->tensor);
    wg_free(m);
}
