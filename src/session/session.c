#include "session/opened.h"

#include "gguf/unpack.h"

static wagle_status open_model(wagle_ctx *ctx, const char *model, const wagle_model *opened,
                               wg_session *s)
{
    return opened != NULL ? wg_model_borrow(ctx, opened->model, &s->model)
                          : wg_model_open_path(ctx, model, &s->model, &s->unpacked);
}

wagle_status wg_session_begin(wagle_ctx *ctx, const char *model, const wagle_model *opened,
                              wg_session *out)
{
    wagle_status st;

    *out = (wg_session){.opened = opened};
    WG_TRY(open_model(ctx, model, opened, out));
    const wg_config *c = &out->model->config;
    out->reader = (wg_reader){.folder = out->model->folder,
                              .V = c->V,
                              .max_length = c->max_position,
                              .eos = c->n_eos > 0 ? c->eos[0] : -1};
    if (opened != NULL)
        out->reader.tokenizer = opened->tokenizer;
    st = wg_engine_new(ctx, out->model, &out->engine);
    if (st != WAGLE_OK)
        wg_session_close(out);
    return st;
}

wagle_status wg_session_borrow(wagle_ctx *ctx, const wg_session *of, wg_session *out)
{
    wagle_status st;

    *out = (wg_session){0};
    WG_TRY(wg_model_borrow(ctx, of->model, &out->model));
    st = wg_engine_new(ctx, out->model, &out->engine);
    if (st != WAGLE_OK)
        wg_session_close(out);
    return st;
}

wagle_status wg_session_open(wagle_ctx *ctx, const char *model, wg_session *out)
{
    return wg_session_begin(ctx, model, NULL, out);
}

void wg_session_close(wg_session *s)
{
    wg_batch_free(&s->batch);
    if (s->opened != NULL && s->reader.tokenizer == s->opened->tokenizer)
        s->reader.tokenizer = NULL;
    wg_reader_close(&s->reader);
    wg_engine_free(s->engine);
    wg_model_close(s->model);
    wg_unpacked_remove(s->unpacked);
    *s = (wg_session){0};
}

wagle_status wg_session_batch(wagle_ctx *ctx, wg_session *s, const wg_dataset *a,
                              const wg_dataset *b)
{
    const int64_t total = a->n + (b != NULL ? b->n : 0);
    const wg_example **list;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &list, total));
    for (int64_t i = 0; i < total; i++)
        list[i] = i < a->n ? &a->example[i] : &b->example[i - a->n];
    st = wg_batch_fill(ctx, &s->batch, list, total, a->n);
    wg_free(list);
    return st;
}

void wg_token_mean_weights(const wg_batch *b, wg_real *weight)
{
    for (int64_t s = 0; s < b->S; s++)
        for (int64_t j = b->label_start[s]; j < b->label_start[s + 1]; j++)
            weight[j] = (wg_real)1 / (wg_real)(b->label_start[s + 1] - b->label_start[s]);
}
