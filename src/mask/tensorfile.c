#include "mask/tensorfile.h"

/* place: index in the list of each tensor of the model, or -1. */
static wagle_status begin(wagle_ctx *ctx, wg_tensor_file *f, const wg_model *model,
                          const int64_t *place, const wg_tensor *list, int64_t n,
                          const json_t *metadata)
{
    size_t at = 0;

    WG_TRY(WG_ALLOC(ctx, &f->place, model->files.n));
    WG_TRY(wg_safetensors_header(ctx, &f->out, list, n, metadata, &at));
    for (int t = 0; t < model->files.n; t++) {
        f->place[t] = at;
        if (place[t] >= 0)
            at += list[place[t]].bytes;
    }
    return wg_output_reserve(ctx, &f->out, at);
}

wagle_status wg_tensor_file_open(wagle_ctx *ctx, const char *path, const wg_model *model,
                                 bool (*has)(const void *user, int tensor), const void *user,
                                 const json_t *metadata, bool force, wg_tensor_file *f)
{
    wg_tensor *list = NULL;
    int64_t n = 0, *place = NULL;
    wagle_status st;

    *f = (wg_tensor_file){.out = {.fd = -1}};
    WG_TRY(wg_output_open(ctx, path, force, &f->out));
    st = WG_ALLOC(ctx, &list, model->files.n);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &place, model->files.n);
    for (int t = 0; st == WAGLE_OK && t < model->files.n; t++) {
        place[t] = -1;
        if (!wg_model_is_weight(model, t) || (has != NULL && !has(user, t)))
            continue;
        list[n] = model->files.tensor[t];
        list[n].dtype = WG_F32;
        list[n].bytes = (size_t)list[n].count * sizeof(float);
        place[t] = n++;
    }
    if (st == WAGLE_OK)
        st = begin(ctx, f, model, place, list, n, metadata);
    wg_free(list);
    wg_free(place);
    return st == WAGLE_OK ? WAGLE_OK : wg_tensor_file_close(ctx, f, st);
}

wagle_status wg_tensor_file_put(wagle_ctx *ctx, wg_tensor_file *f, int tensor, int64_t first,
                                const float *data, int64_t n)
{
    return wg_output_write_at(ctx, &f->out, f->place[tensor] + (size_t)first * sizeof *data, data,
                              (size_t)n * sizeof *data);
}

wagle_status wg_tensor_file_close(wagle_ctx *ctx, wg_tensor_file *f, wagle_status st)
{
    if (st == WAGLE_OK)
        st = wg_output_commit(ctx, &f->out);
    else
        wg_output_abort(&f->out);
    wg_free(f->place);
    f->place = NULL;
    return st;
}
