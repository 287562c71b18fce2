#include "session/opened.h"

#include "gguf/unpack.h"
#include "modeldir/folder.h"

#include <string.h>

static wagle_status open_files(wagle_ctx *ctx, const char *path, wagle_model *m)
{
    WG_TRY(wg_model_open_path(ctx, path, &m->model, &m->unpacked));
    if (m->unpacked != NULL)
        m->gguf = wg_copy_text(ctx, path, strlen(path));
    return m->unpacked == NULL || m->gguf != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

wagle_status wg_opened_new(wagle_ctx *ctx, const char *model, wagle_model **out)
{
    wagle_model *m;
    wagle_status st;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &m, 1));
    atomic_init(&m->users, 1);
    st = open_files(ctx, model, m);
    if (st == WAGLE_OK)
        st = wg_tokenizer_open(ctx, m->model->folder, &m->tokenizer);
    if (st == WAGLE_E_INPUT && m->model != NULL) { /* rows of tokens need none; others name it */
        wg_forget_failure(ctx);
        st = WAGLE_OK;
    }
    if (st == WAGLE_OK)
        *out = m;
    else
        wg_opened_free(m);
    return st;
}

void wg_opened_free(wagle_model *m)
{
    while (m != NULL && atomic_fetch_sub(&m->users, 1) == 1) {
        wagle_model *base = m->base;
        if (base == NULL)
            wagle_tokenizer_free(m->tokenizer);
        wg_model_close(m->model);
        wg_unpacked_remove(m->unpacked);
        wg_free(m->gguf);
        wg_free(m->tensor);
        wg_scratch_free(&m->changed);
        wg_free(m);
        m = base;
    }
}

static const wagle_model *first_of(const wagle_model *m)
{
    while (m->base != NULL)
        m = m->base;
    return m;
}

const char *wg_opened_path(const wagle_model *m)
{
    const wagle_model *first = first_of(m);

    return first->gguf != NULL ? first->gguf : first->model->folder;
}

bool wg_opened_is_gguf(const wagle_model *m)
{
    return first_of(m)->gguf != NULL;
}

static wagle_status take_trained(wagle_ctx *ctx, const wg_model *trained, wagle_model *m)
{
    const wg_tensors *files = &trained->files;
    size_t bytes = 0;
    char *at;

    for (int t = 0; t < files->n; t++)
        bytes += wg_is_trained(trained, t) ? wg_whole_pages(files->tensor[t].bytes) : 0;
    WG_TRY(wg_scratch_pages(ctx, bytes, &m->changed));
    at = m->changed.data;
    for (int t = 0; t < files->n; t++) {
        if (!wg_is_trained(trained, t))
            continue;
        WG_TRY(wg_trained_tensor(ctx, trained, t, at));
        m->tensor[t].data = at;
        at += wg_whole_pages(files->tensor[t].bytes);
    }
    return WAGLE_OK;
}

/* A model with base's files, tensors and tokenizer. Free with wg_opened_free, also after failure.
 */
static wagle_status derive(wagle_ctx *ctx, const wagle_model *base, wagle_model **out)
{
    const wg_tensors *files = &base->model->files;
    wagle_model *m;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &m, 1));
    *out = m;
    atomic_init(&m->users, 1);
    WG_TRY(wg_model_borrow(ctx, base->model, &m->model));
    WG_TRY(WG_ALLOC(ctx, &m->tensor, files->n));
    memcpy(m->tensor, files->tensor, (size_t)files->n * sizeof *m->tensor);
    m->model->files.tensor = m->tensor;
    m->tokenizer = base->tokenizer;
    m->base = (wagle_model *)(uintptr_t)base;
    atomic_fetch_add(&m->base->users, 1);
    return WAGLE_OK;
}

static wagle_status finish(wagle_status st, wagle_model *m, wagle_model **out)
{
    *out = st == WAGLE_OK ? m : NULL;
    if (st != WAGLE_OK)
        wg_opened_free(m);
    return st;
}

wagle_status wg_opened_trained(wagle_ctx *ctx, const wagle_model *base, const wg_model *trained,
                               wagle_model **out)
{
    wagle_model *m;
    wagle_status st = derive(ctx, base, &m);

    if (st == WAGLE_OK)
        st = take_trained(ctx, trained, m);
    return finish(st, m, out);
}

/* --- weights of the caller's -------------------------------------------------------------------
 */

static wagle_status find_place(wagle_ctx *ctx, const wagle_model *m, const wagle_weight *w,
                               wg_tensor **out)
{
    const wg_tensor *t = w->name != NULL ? wg_tensors_find(&m->model->files, w->name) : NULL;
    wg_shape shape = {.rank = w->rank};
    char given[96], has[96];

    if (t == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: has no tensor '%s'", m->model->folder,
                       w->name != NULL ? w->name : "");
    if (w->rank >= 0 && w->rank <= WG_RANK)
        memcpy(shape.dim, w->shape, sizeof shape.dim);
    if (w->rank < 0 || w->rank > WG_RANK || !wg_shape_equal(&shape, &t->shape))
        return wg_fail(ctx, WAGLE_E_INPUT, "tensor '%s': shape %s, the model has %s", t->name,
                       wg_shape_text(&shape, given), wg_shape_text(&t->shape, has));
    if (strcmp(w->type, wg_dtype_name(t->dtype)) != 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "tensor '%s': type %s, the model has %s", t->name,
                       w->type, wg_dtype_name(t->dtype));
    if (w->bytes != t->bytes)
        return wg_fail(ctx, WAGLE_E_INPUT, "tensor '%s': %zu bytes, the model has %zu", t->name,
                       w->bytes, t->bytes);
    *out = &m->tensor[t - m->tensor];
    return WAGLE_OK;
}

static bool is_own(const wagle_model *m, const wg_tensor *t)
{
    const char *first = m->changed.data, *data = t->data;

    return first != NULL && data >= first && data < first + m->changed.bytes;
}

static wagle_status take_weights(wagle_ctx *ctx, const wagle_weight *weights, int64_t n,
                                 wagle_model *m)
{
    size_t bytes = 0;
    char *at;

    for (int64_t i = 0; i < n; i++)
        bytes += wg_whole_pages(weights[i].bytes);
    WG_TRY(wg_scratch_pages(ctx, bytes, &m->changed));
    at = m->changed.data;
    for (int64_t i = 0; i < n; i++) {
        wg_tensor *t = NULL;
        WG_TRY(find_place(ctx, m, &weights[i], &t));
        if (is_own(m, t))
            return wg_fail(ctx, WAGLE_E_INPUT, "tensor '%s': is given twice", t->name);
        t->data = memcpy(at, weights[i].data, weights[i].bytes);
        at += wg_whole_pages(weights[i].bytes);
    }
    return WAGLE_OK;
}

/* A tensor that is stored beside the one it is tied to stays equal to it. */
static wagle_status tie(wagle_ctx *ctx, wagle_model *m)
{
    wg_tensor *copy, *tied;

    if (m->model->copy < 0)
        return WAGLE_OK;
    copy = &m->tensor[m->model->copy];
    tied = &m->tensor[wg_model_tensor(m->model, WG_EMBED, 0)];
    if (!is_own(m, copy) && is_own(m, tied))
        copy->data = tied->data;
    return memcmp(wg_tensor_bytes(&m->model->files, copy), wg_tensor_bytes(&m->model->files, tied),
                  tied->bytes) == 0
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT, "tensor '%s': differs from '%s', which it is tied to",
                         copy->name, tied->name);
}

wagle_status wg_opened_with(wagle_ctx *ctx, const wagle_model *base, const wagle_weight *weights,
                            int64_t n, wagle_model **out)
{
    wagle_model *m;
    wagle_status st = derive(ctx, base, &m);

    if (st == WAGLE_OK && n > 0)
        st = take_weights(ctx, weights, n, m);
    if (st == WAGLE_OK)
        st = tie(ctx, m);
    return finish(st, m, out);
}

wagle_status wg_opened_save(wagle_ctx *ctx, const wagle_model *m, const char *out, bool force)
{
    wg_partial folder;
    wagle_status st;

    if (out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "no folder to save to was named");
    WG_TRY(wg_output_check(ctx, out, force, WG_INPUTS(m->model->folder)));
    WG_TRY(wg_partial_new(ctx, out, &folder));
    st = wg_write_model(ctx, m->model, folder.path);
    if (st == WAGLE_OK)
        st = wg_partial_commit(ctx, &folder, out);
    wg_partial_end(&folder, false);
    return st;
}
