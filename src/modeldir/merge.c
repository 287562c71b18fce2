/* merge.c - model folders and patches, or a model and an adapter, as one folder. */
#include "base/number.h"
#include "base/options.h"
#include "modeldir/adapter.h"
#include "modeldir/change.h"
#include "modeldir/folder.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 14 };

/* --- models ------------------------------------------------------------------------------------
 */

/* One of the models: a folder, or a patch, which stands for the model that it makes of the base. */
typedef struct part {
    wg_tensors files; /* of a folder */
    bool patched;
    wg_change change;
    const wg_patch_tensor *now; /* what the patch changes in the tensor that is merged, or NULL */
    wg_patch_walk at;           /* its next changed weight, if there is more */
    bool more;
} part;

/* Who changes a weight: none; one model, whose weight beside a base is 1, so the result is what
 * that model has; others, whose sum it is. */
typedef enum changed { BY_NONE, BY_ONE, BY_SEVERAL } changed;

typedef struct mixing {
    const wagle_merge_options *o;
    const wg_tensors *first; /* whose files, types and order the result has */
    part *part;              /* [n] */
    float *sum, *was, *is;   /* [CHUNK] */
    char *by;                /* [CHUNK] a `changed`: who changes the weight */
    float *alone;            /* [CHUNK] its value where that is BY_ONE */
    char *bytes;             /* [CHUNK] of any type */
} mixing;

static void load(const wg_tensor *t, int64_t first, int64_t n, float *x)
{
    wg_to_float(t->dtype, (const char *)t->data + (size_t)first * wg_dtype_size(t->dtype), n, x);
}

static void next_change(part *p)
{
    p->more = p->now != NULL && wg_patch_next(p->now, &p->at);
}

/* Before the chunks of a tensor. */
static void begin_tensor(part *p, const wg_tensor *t)
{
    p->now = p->patched ? wg_change_find(&p->change, t) : NULL;
    p->at = (wg_patch_walk){0};
    next_change(p);
}

/* is: weights [first,first+n) of tensor t in this model; was: in the base. Chunk after chunk. */
static void load_part(part *p, const wg_tensor *t, int64_t first, int64_t n, const float *was,
                      float *is)
{
    if (!p->patched) {
        load(wg_tensors_find(&p->files, t->name), first, n, is);
        return;
    }
    memcpy(is, was, (size_t)n * sizeof *is);
    for (; p->more && p->at.index < first + n; next_change(p))
        wg_to_float(t->dtype, p->now->fresh + (size_t)(p->at.next - 1) * wg_dtype_size(t->dtype), 1,
                    &is[p->at.index - first]);
}

/* Adds the weights m->is of a model to the sum. */
static void add_part(const mixing *m, float weight, int64_t n)
{
    const bool add = m->o->base != NULL;

    for (int64_t i = 0; i < n; i++) {
        m->sum[i] += weight * (add ? m->is[i] - m->was[i] : m->is[i]);
        if (wg_float_bits(m->is[i]) == wg_float_bits(m->was[i]) || (add && weight == 0))
            continue;
        m->by[i] = add && weight == 1 && m->by[i] == BY_NONE ? BY_ONE : BY_SEVERAL;
        m->alone[i] = m->is[i];
    }
}

/* sum: weights [first,first+n) of tensor t. */
static void mix(const mixing *m, const wg_tensor *t, int64_t first, int64_t n)
{
    load(t, first, n, m->was);
    for (int64_t i = 0; i < n; i++) {
        m->sum[i] = m->o->base != NULL ? m->was[i] : 0;
        m->by[i] = BY_NONE;
    }
    for (int64_t k = 0; k < m->o->n; k++) {
        load_part(&m->part[k], t, first, n, m->was, m->is);
        add_part(m, (float)m->o->weights[k], n);
    }
    for (int64_t i = 0; i < n; i++)
        if (m->by[i] != BY_SEVERAL)
            m->sum[i] = m->by[i] == BY_ONE ? m->alone[i] : m->was[i];
}

static wagle_status write_mixed(void *user, wagle_ctx *ctx, const wg_tensor *t, wg_output *out)
{
    const mixing *m = user;
    const float limit = t->dtype == WG_F16 ? WG_F16_LIMIT : INFINITY;

    if (!wg_dtype_is_weight(t->dtype))
        return wg_output_write(ctx, out, t->data, t->bytes);
    WG_TRY(wg_check_interrupt(ctx));
    for (int64_t k = 0; k < m->o->n; k++)
        begin_tensor(&m->part[k], t);
    for (int64_t first = 0; first < t->count; first += CHUNK) {
        const int64_t n = t->count - first < CHUNK ? t->count - first : CHUNK;
        mix(m, t, first, n);
        for (int64_t i = 0; i < n; i++)
            if (m->by[i] != BY_NONE && !(fabsf(m->sum[i]) < limit))
                return wg_fail(ctx, WAGLE_E_INPUT,
                               "tensor '%s': a merged weight would be %g, which %s cannot hold",
                               t->name, (double)m->sum[i], wg_dtype_name(t->dtype));
        wg_from_float(t->dtype, m->sum, n, m->bytes);
        WG_TRY(wg_output_write(ctx, out, m->bytes, (size_t)n * wg_dtype_size(t->dtype)));
    }
    wg_progress(ctx, "merge", t - m->first->tensor + 1, m->first->n, t->name);
    return WAGLE_OK;
}

/* All have the tensors of the first, of its shapes. */
static wagle_status check_tensors(wagle_ctx *ctx, const mixing *m, int64_t k)
{
    for (int64_t i = 0; i < m->first->n; i++) {
        const wg_tensor *t = &m->first->tensor[i];
        const wg_tensor *other = wg_tensors_find(&m->part[k].files, t->name);
        if (other == NULL || !wg_shape_equal(&other->shape, &t->shape) ||
            wg_dtype_is_weight(other->dtype) != wg_dtype_is_weight(t->dtype))
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: no tensor '%s' of the shape that the %s has",
                           m->o->models[k], t->name, m->o->base != NULL ? "base" : "first model");
    }
    return m->part[k].files.n == m->first->n
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT, "%s: has %lld tensors, the %s has %lld",
                         m->o->models[k], (long long)m->part[k].files.n,
                         m->o->base != NULL ? "base" : "first model", (long long)m->first->n);
}

static wagle_status open_part(wagle_ctx *ctx, const mixing *m, int64_t k)
{
    const wagle_merge_options *o = m->o;
    part *p = &m->part[k];

    WG_TRY(wg_output_spares(ctx, o->out, o->models[k]));
    WG_TRY(wg_tensors_open(ctx, o->models[k], &p->files));
    p->patched = !wg_is_folder(o->models[k]) && wg_is_patch(&p->files);
    if (!p->patched)
        return check_tensors(ctx, m, k);
    return wg_change_open(ctx, o->models[k], o->base, m->first, WG_CHANGE_ADD, 1, &p->change);
}

static wagle_status check_weights(wagle_ctx *ctx, const wagle_merge_options *o)
{
    double sum = 0;

    if (o->weights == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "merge needs @{weights}, a number for each model, or "
                       "@{adapter}");
    if (o->n_weights != o->n)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{weights}: give %lld numbers, one for each model, not %lld",
                       (long long)o->n, (long long)o->n_weights);
    for (int64_t k = 0; k < o->n; k++) {
        if (!isfinite(o->weights[k]))
            return wg_fail(ctx, WAGLE_E_USAGE, "@{weights}: %g is no weight", o->weights[k]);
        sum += o->weights[k];
    }
    if (o->base == NULL && fabs(sum - 1) > 1e-6)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{weights} add up to %g; without @{base} they must add up to 1", sum);
    return WAGLE_OK;
}

/* --- the folder --------------------------------------------------------------------------------
 */

static wagle_status write_folder(wagle_ctx *ctx, const wagle_merge_options *o, const char *from,
                                 const wg_tensors *files, wg_write_tensor *write, void *user)
{
    wg_partial partial;
    wagle_status st;

    WG_TRY(wg_tell_left_out(ctx, from, files));
    WG_TRY(wg_partial_new(ctx, o->out, &partial));
    st = wg_write_folder(ctx, from, files, partial.path, write, user);
    if (st == WAGLE_OK)
        st = wg_partial_commit(ctx, &partial, o->out);
    wg_partial_end(&partial, false);
    return st;
}

/* A patch without a base, which is found before the first of the models is opened as a model. */
static wagle_status check_base(wagle_ctx *ctx, const wagle_merge_options *o)
{
    for (int64_t k = 0; o->base == NULL && k < o->n; k++) {
        wg_tensors file = {0};
        if (wg_is_folder(o->models[k]))
            continue;
        wagle_status st = wg_tensors_open(ctx, o->models[k], &file);
        if (st == WAGLE_OK && wg_is_patch(&file))
            st = wg_fail(ctx, WAGLE_E_USAGE,
                         "%s is a patch, which changes a model: give that model as @{base}",
                         o->models[k]);
        wg_tensors_close(&file);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

static wagle_status open_buffers(wagle_ctx *ctx, mixing *m)
{
    WG_TRY(WG_ALLOC(ctx, &m->part, m->o->n));
    WG_TRY(WG_ALLOC(ctx, &m->sum, CHUNK));
    WG_TRY(WG_ALLOC(ctx, &m->was, CHUNK));
    WG_TRY(WG_ALLOC(ctx, &m->is, CHUNK));
    WG_TRY(WG_ALLOC(ctx, &m->by, CHUNK));
    WG_TRY(WG_ALLOC(ctx, &m->alone, CHUNK));
    return WG_ALLOC(ctx, &m->bytes, CHUNK * (int64_t)sizeof(float));
}

static void close_mixing(mixing *m)
{
    for (int64_t k = 0; m->part != NULL && k < m->o->n; k++) {
        wg_change_close(&m->part[k].change);
        wg_tensors_close(&m->part[k].files);
    }
    wg_free(m->part);
    wg_free(m->sum);
    wg_free(m->was);
    wg_free(m->is);
    wg_free(m->by);
    wg_free(m->alone);
    wg_free(m->bytes);
}

static wagle_status merge_models(wagle_ctx *ctx, const wagle_merge_options *o)
{
    const char *from = o->base != NULL ? o->base : o->models[0];
    wg_tensors first = {0};
    mixing m = {.o = o, .first = &first};
    wagle_status st;

    WG_TRY(check_base(ctx, o));
    WG_TRY(check_weights(ctx, o));
    WG_TRY_GOTO(open_buffers(ctx, &m), done);
    WG_TRY_GOTO(wg_tensors_open(ctx, from, &first), done);
    for (int64_t k = 0; k < o->n; k++)
        WG_TRY_GOTO(open_part(ctx, &m, k), done);
    st = write_folder(ctx, o, from, &first, write_mixed, &m);
done:
    close_mixing(&m);
    wg_tensors_close(&first);
    return st;
}

/* --- a model and an adapter --------------------------------------------------------------------
 */

/* The files of a model, and what an adapter changes in them. */
typedef struct adapting {
    wg_tensors files;
    wg_adapter adapter;
    wg_pool *pool;
} adapting;

/* Close with close_adapting, also after a failure. */
static wagle_status open_adapting(wagle_ctx *ctx, const char *model, const char *adapter,
                                  adapting *out)
{
    *out = (adapting){0};
    WG_TRY(wg_tensors_open(ctx, model, &out->files));
    WG_TRY(wg_adapter_open(ctx, adapter, model, &out->files, &out->adapter));
    return wg_pool_open(ctx, wg_threads(ctx), &out->pool);
}

static void close_adapting(adapting *a)
{
    wg_pool_close(a->pool);
    wg_adapter_close(&a->adapter);
    wg_tensors_close(&a->files);
}

static wagle_status write_adapted(void *user, wagle_ctx *ctx, const wg_tensor *t, wg_output *out)
{
    const adapting *a = user;
    const wg_adapter_change *c = wg_adapter_find(&a->adapter, t);
    void *bytes;
    wagle_status st;

    if (c == NULL)
        return wg_output_write(ctx, out, t->data, t->bytes);
    WG_TRY(wg_check_interrupt(ctx));
    bytes = wg_alloc(ctx, (int64_t)t->bytes, 1);
    st = bytes != NULL ? wg_adapter_merge(ctx, a->pool, c, bytes) : WAGLE_E_RESOURCE;
    if (st == WAGLE_OK)
        st = wg_output_write(ctx, out, bytes, t->bytes);
    wg_free(bytes);
    return st;
}

static wagle_status merge_adapter(wagle_ctx *ctx, const wagle_merge_options *o)
{
    adapting a;
    wagle_status st;

    WG_TRY(wg_output_spares(ctx, o->out, o->adapter));
    st = open_adapting(ctx, o->models[0], o->adapter, &a);
    if (st == WAGLE_OK)
        st = write_folder(ctx, o, o->models[0], &a.files, write_adapted, &a);
    close_adapting(&a);
    return st;
}

WG_DEFAULTS(wagle_merge_defaults, wagle_merge_options, 0)

wagle_status wagle_merge(wagle_ctx *ctx, const wagle_merge_options *given)
{
    wagle_merge_options own;
    const wagle_merge_options *o = &own;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_merge));
    if (o->out == NULL || o->n < 1 || o->models == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "merge needs a model folder and @{out DIR}");
    WG_TRY(wg_output_check(ctx, o->out, o->force, WG_INPUTS(o->models[0], o->base)));
    if (o->adapter == NULL)
        return merge_models(ctx, o);
    if (o->n != 1 || o->weights != NULL || o->base != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "merge with @{adapter} takes one model, and neither @{weights} nor @{base}");
    return merge_adapter(ctx, o);
}

/* --- merged in memory --------------------------------------------------------------------------
 */

static wagle_status fill(wagle_ctx *ctx, const adapting *a, wg_merged *m)
{
    const wg_tensors *files = &a->files;
    size_t bytes = 0;
    char *at;

    for (int64_t i = 0; i < files->n; i++)
        if (wg_adapter_find(&a->adapter, &files->tensor[i]) != NULL)
            bytes += wg_whole_pages(files->tensor[i].bytes);
    if (ctx->memory > 0 && (int64_t)bytes > ctx->memory)
        return wg_fail(ctx, WAGLE_E_RESOURCE,
                       "the merged tensors take %.2f GB, more than @{memory}; `wagle merge` writes "
                       "the merged model into a folder, which needs no memory",
                       (double)bytes / 1e9);
    WG_TRY(wg_scratch_pages(ctx, bytes > 0 ? bytes : 1, &m->pages));
    WG_TRY(WG_ALLOC(ctx, &m->tensor, files->n));
    at = m->pages.data;
    for (int64_t i = 0; i < files->n; i++) {
        const wg_tensor *t = &files->tensor[i];
        const wg_adapter_change *c = wg_adapter_find(&a->adapter, t);
        if (c == NULL)
            continue;
        WG_TRY(wg_check_interrupt(ctx));
        WG_TRY(wg_adapter_merge(ctx, a->pool, c, at));
        wg_map_release(t->data, t->bytes);
        m->tensor[m->n] =
            (wg_tensor){.name = wg_arena_text(ctx, &m->names, t->name, strlen(t->name)),
                        .bytes = t->bytes,
                        .data = at};
        if (m->tensor[m->n++].name == NULL)
            return WAGLE_E_RESOURCE;
        at += wg_whole_pages(t->bytes);
        wg_progress(ctx, "merge", i + 1, files->n, NULL);
    }
    return WAGLE_OK;
}

static wagle_status merge_in_memory(wagle_ctx *ctx, const char *model, const char *folder,
                                    wg_merged *m)
{
    adapting a;
    wagle_status st = open_adapting(ctx, model, folder, &a);

    if (st == WAGLE_OK)
        st = fill(ctx, &a, m);
    close_adapting(&a);
    return st;
}

wagle_status wagle_set_adapter(wagle_ctx *ctx, const char *model, const char *adapter)
{
    char real[PATH_MAX];
    wg_merged *m;
    wagle_status st;

    wg_begin(ctx);
    wg_merged_free(ctx->merged);
    wg_free(ctx->adapter);
    ctx->merged = NULL;
    ctx->adapter = NULL;
    if (adapter == NULL)
        return WAGLE_OK;
    if (model == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "an adapter needs the model folder that it is for");
    if (!wg_is_folder(model) || realpath(model, real) == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: not a model folder; an adapter is merged into a folder", model);
    WG_TRY(WG_ALLOC(ctx, &m, 1));
    atomic_init(&m->users, 1);
    m->folder = wg_copy_text(ctx, real, strlen(real));
    ctx->adapter = wg_copy_text(ctx, adapter, strlen(adapter));
    st = m->folder != NULL && ctx->adapter != NULL ? merge_in_memory(ctx, model, adapter, m)
                                                   : WAGLE_E_RESOURCE;
    if (st == WAGLE_OK)
        ctx->merged = m;
    else
        wg_merged_free(m);
    return st;
}
