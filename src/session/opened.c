#include "session/opened.h"

#include "modeldir/folder.h"

wagle_status wg_opened_new(wagle_ctx *ctx, const char *folder, wagle_model **out)
{
    wagle_model *m;
    wagle_status st;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &m, 1));
    atomic_init(&m->users, 1);
    st = wg_model_open(ctx, folder, &m->model);
    if (st == WAGLE_OK)
        st = wg_tokenizer_open(ctx, folder, &m->tokenizer);
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
        wg_free(m->tensor);
        wg_scratch_free(&m->changed);
        wg_free(m);
        m = base;
    }
}

/* Each tensor at a place of its own, on the boundary of a page: pages are given back by tensor. */
static size_t rounded(size_t bytes)
{
    return (bytes + 4095) & ~(size_t)4095;
}

static wagle_status take_trained(wagle_ctx *ctx, const wg_model *trained, wagle_model *m)
{
    const wg_tensors *files = &trained->files;
    size_t bytes = 0;
    char *at;

    for (int t = 0; t < files->n; t++)
        bytes += wg_is_trained(trained, t) ? rounded(files->tensor[t].bytes) : 0;
    WG_TRY(wg_scratch_pages(ctx, bytes, &m->changed));
    at = m->changed.data;
    for (int t = 0; t < files->n; t++) {
        m->tensor[t] = files->tensor[t];
        if (!wg_is_trained(trained, t))
            continue;
        WG_TRY(wg_trained_tensor(ctx, trained, t, at));
        m->tensor[t].data = at;
        at += rounded(files->tensor[t].bytes);
    }
    return WAGLE_OK;
}

wagle_status wg_opened_trained(wagle_ctx *ctx, const wagle_model *base, const wg_model *trained,
                               wagle_model **out)
{
    wagle_model *m;
    wagle_status st;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &m, 1));
    atomic_init(&m->users, 1);
    st = wg_model_borrow(ctx, base->model, &m->model);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &m->tensor, trained->files.n);
    if (st == WAGLE_OK)
        st = take_trained(ctx, trained, m);
    if (st != WAGLE_OK) {
        wg_opened_free(m);
        return st;
    }
    m->model->files.tensor = m->tensor;
    m->tokenizer = base->tokenizer;
    m->base = (wagle_model *)(uintptr_t)base;
    atomic_fetch_add(&m->base->users, 1);
    *out = m;
    return WAGLE_OK;
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
