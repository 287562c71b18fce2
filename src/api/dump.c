/* dump.c - the engine laid open: logits and gradients of rows, as files. */
#include "data/held.h"

#include "base/options.h"
#include "mask/tensorfile.h"

#include <stdio.h>

static wagle_status write_logits(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                 const char *path, bool force)
{
    const int64_t V = s->model->config.V;
    wg_tensor *list = NULL;
    float *logits = NULL, *nll = NULL;
    char(*name)[32] = NULL;
    wg_output out = {.fd = -1};
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(ctx, &list, rows->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &name, rows->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &logits, rows->longest * V), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &nll, rows->longest), done);
    for (int64_t k = 0; k < rows->n; k++) {
        snprintf(name[k], sizeof name[k], "logits.%lld", (long long)k);
        list[k] = (wg_tensor){.name = name[k],
                              .dtype = WG_F32,
                              .shape = {2, {rows->example[k].n, V}},
                              .bytes = (size_t)(rows->example[k].n * V) * sizeof *logits};
    }
    WG_TRY_GOTO(wg_output_open(ctx, path, force, &out), done);
    WG_TRY_GOTO(wg_safetensors_header(ctx, &out, list, rows->n, NULL, NULL), done);
    s->batch.keep_unlabelled = true;
    for (int64_t k = 0; k < rows->n; k++) {
        const wg_example *one = &rows->example[k];
        WG_TRY_GOTO(wg_batch_fill(ctx, &s->batch, &one, 1, 1), done);
        WG_TRY_GOTO(wg_engine_forward(ctx, s->engine, &s->batch, false, NULL, nll), done);
        WG_TRY_GOTO(wg_engine_logits(ctx, s->engine, 0, one->n, logits), done);
        WG_TRY_GOTO(wg_output_write(ctx, &out, logits, list[k].bytes), done);
        wg_progress(ctx, "logits", k + 1, rows->n, NULL);
    }
    st = wg_output_commit(ctx, &out);
done:
    wg_output_abort(&out);
    wg_free(list);
    wg_free(name);
    wg_free(logits);
    wg_free(nll);
    return st;
}

static wagle_status put_gradient(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                                 const wg_real *const grad[WG_STREAMS])
{
    return wg_tensor_file_put(ctx, user, tensor, 0, grad[0], n);
}

static wagle_status write_gradient(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                   const char *path, bool force)
{
    wg_tensor_file file;
    const wg_sink sink = {.user = &file, .host = true, .accept = put_gradient};
    wg_real *nll = NULL, *weight = NULL;
    wagle_status st;

    WG_TRY(wg_session_batch(ctx, s, rows, NULL));
    WG_TRY(wg_tensor_file_open(ctx, path, s->model, NULL, NULL, NULL, force, &file));
    WG_TRY_GOTO(WG_ALLOC(ctx, &nll, s->batch.M), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &weight, s->batch.M), done);
    wg_token_mean_weights(&s->batch, weight);
    WG_TRY_GOTO(wg_engine_forward(ctx, s->engine, &s->batch, true, "forward", nll), done);
    st = wg_engine_backward(ctx, s->engine, &s->batch, weight, 1, "backward", &sink);
done:
    wg_free(nll);
    wg_free(weight);
    return wg_tensor_file_close(ctx, &file, st);
}

typedef wagle_status dump(wagle_ctx *, wg_session *, const wg_dataset *, const char *, bool);

static wagle_status with_rows(wagle_ctx *ctx, const wagle_rows_options *given, dump *write)
{
    wagle_rows_options o;
    wg_dataset rows = {0};
    wg_session s;
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &o, wagle_rows));
    wg_data_hold(&o.data);
    if (o.opened != NULL)
        o.model = wagle_model_folder(o.opened);
    if (o.out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{out FILE} is missing");
    WG_TRY(wg_output_check(ctx, o.out, o.force, WG_INPUTS(o.model)));
    WG_TRY(wg_output_spares_data(ctx, o.out, &o.data));
    WG_TRY(wg_session_begin(ctx, o.model, o.opened, &s));
    st = wg_dataset_load(ctx, &s.reader, &o.data, &rows);
    if (st == WAGLE_OK)
        st = write(ctx, &s, &rows, o.out, o.force);
    wg_dataset_free(&rows);
    wg_session_close(&s);
    return st;
}

WG_DEFAULTS(wagle_rows_defaults, wagle_rows_options, 0)

wagle_status wagle_logits(wagle_ctx *ctx, const wagle_rows_options *o)
{
    return with_rows(ctx, o, write_logits);
}

wagle_status wagle_gradient(wagle_ctx *ctx, const wagle_rows_options *o)
{
    return with_rows(ctx, o, write_gradient);
}
