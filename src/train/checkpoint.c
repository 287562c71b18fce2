/* checkpoint.c - what a run leaves: checkpoints, and in the end its folder.
 *
 * A run works in OUT.partial and appears as OUT when whole. checkpoint.safetensors there holds
 * the compact state (masters and moments of what is trained), the step, alpha and the log so far;
 * everything else follows from the options, so a resumed run gives the same bits. */
#include "data/redact.h"
#include "mask/attribute.h"
#include "modeldir/folder.h"
#include "optim/lora.h"
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The optimizer's arrays as tensors, in memory of the back end; returns how many. */
enum { STATE_MOST = 4 };

#define MASTER "master"

static int state_tensors(const wg_optimizer *a, wg_tensor list[STATE_MOST])
{
    const wg_shape shape = {1, {a->n}};
    const wg_dtype moment = a->bf16 ? WG_BF16 : WG_F32;
    const struct {
        const char *name;
        wg_dtype dtype;
        void *data;
    } part[] = {
        {MASTER, a->half != NULL ? WG_BF16 : WG_F32, a->half != NULL ? (void *)a->half : a->master},
        {"first_moment", moment, a->m},
        {"second_moment", a->rules->adamw ? moment : WG_F32, a->v},
        {"retain_gradient", WG_F32, a->retain_grad_ema}};
    int n = 0;

    for (int i = 0; i < STATE_MOST; i++)
        if (part[i].data != NULL)
            list[n++] = (wg_tensor){.name = part[i].name,
                                    .dtype = part[i].dtype,
                                    .shape = shape,
                                    .count = a->n,
                                    .bytes = (size_t)a->n * wg_dtype_size(part[i].dtype),
                                    .data = part[i].data};
    return n;
}

/* A digit for each forget row: 1 if it is skipped; "" where none ever is. */
static wagle_status skipped_text(wagle_ctx *ctx, const wg_run *w, wg_text *out)
{
    WG_TRY(wg_text_addz(ctx, out, ""));
    for (int64_t i = 0; w->known != NULL && i < w->data.forget.n; i++)
        WG_TRY(wg_text_addz(ctx, out, wg_run_skips(w, i) ? "1" : "0"));
    return WAGLE_OK;
}

static wagle_status take_skipped(wagle_ctx *ctx, wg_run *w, const char *skipped)
{
    const int64_t n = w->known != NULL ? w->data.forget.n : 0;

    if ((int64_t)strlen(skipped) != n)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: 'skipped' does not fit the rows", w->checkpoint);
    for (int64_t i = 0; i < n; i++)
        w->known[i] = skipped[i] == '1' ? 0 : INFINITY;
    return WAGLE_OK;
}

/* The facts of a checkpoint and its tensors [n], which are on the host. */
static wagle_status write_checkpoint(wagle_ctx *ctx, const wg_run *w, const wg_tensor *list, int n)
{
    char step[32], alpha[32], hessian_step[32];
    json_t *facts;
    char *options;
    wg_text skipped = {0};
    wagle_status st;

    snprintf(step, sizeof step, "%lld", (long long)w->step);
    snprintf(alpha, sizeof alpha, "%.17g", w->trainer.alpha);
    snprintf(hessian_step, sizeof hessian_step, "%lld", (long long)w->trainer.hessian_step);
    WG_TRY(skipped_text(ctx, w, &skipped));
    st = wg_json_text(ctx, w->made_by, false, &options);
    facts = st != WAGLE_OK
                ? NULL
                : json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "hessian_step",
                            hessian_step, "format", "wagle-checkpoint", "step", step, "run",
                            w->fingerprint, "options", options, "alpha", alpha, "skipped",
                            skipped.text, "log", w->log_mark > 0 ? w->log.text : "");
    wg_text_free(&skipped);
    WG_TRY(st);
    wg_free(options);
    if (w->log_mark < w->log.bytes)
        json_object_set_new(facts, "log", json_stringn(w->log.text, (size_t)w->log_mark));
    if (facts == NULL)
        return wg_json_memory(ctx);
    st = wg_safetensors_write(ctx, w->checkpoint, list, n, facts, true);
    json_decref(facts);
    return st;
}

wagle_status wg_run_save(wagle_ctx *ctx, const wg_run *w)
{
    const wg_optimizer *a = w->trainer.optimizer;
    wg_tensor list[STATE_MOST];
    wg_host_room room[STATE_MOST] = {{0}};
    const int n = state_tensors(a, list);
    wagle_status st = WAGLE_OK;

    for (int i = 0; st == WAGLE_OK && i < n; i++) {
        st = wg_host_view(ctx, w->session.model->ops, list[i].data, list[i].bytes, &room[i],
                          &list[i].data);
        if (st == WAGLE_OK && strcmp(list[i].name, MASTER) != 0) /* of those each process has all */
            st = wg_sharing_gather(ctx, a, (void *)(uintptr_t)list[i].data,
                                   wg_dtype_size(list[i].dtype));
    }
    if (st == WAGLE_OK && wg_writes(ctx))
        st = write_checkpoint(ctx, w, list, n);
    for (int i = 0; i < n; i++)
        wg_free(room[i].data);
    return st;
}

static wagle_status take_checkpoint(wagle_ctx *ctx, wg_run *w, const wg_tensors *file)
{
    wg_tensor list[STATE_MOST];
    const int n = state_tensors(w->trainer.optimizer, list);
    const wg_ops *ops = w->session.model->ops;
    const char *step = wg_tensors_metadata(file, "step");
    const char *alpha = wg_tensors_metadata(file, "alpha");
    const char *hessian_step = wg_tensors_metadata(file, "hessian_step");
    const char *log = wg_tensors_metadata(file, "log");
    const char *skipped = wg_tensors_metadata(file, "skipped");

    if (step == NULL || alpha == NULL || hessian_step == NULL || log == NULL || skipped == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not a checkpoint", w->checkpoint);
    for (int i = 0; i < n; i++) {
        const wg_tensor *t = wg_tensors_find(file, list[i].name);
        if (t == NULL || t->dtype != list[i].dtype || t->count != list[i].count)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: '%s' does not fit the mask", w->checkpoint,
                           list[i].name);
        ops->upload(ops, (void *)(uintptr_t)list[i].data, t->data, t->bytes);
    }
    if (sscanf(step, "%ld", &w->step) != 1 || w->step < 0 || w->step > w->steps ||
        sscanf(alpha, "%lf", &w->trainer.alpha) != 1 ||
        sscanf(hessian_step, "%ld", &w->trainer.hessian_step) != 1)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: step '%.32s' is not valid", w->checkpoint, step);
    WG_TRY(take_skipped(ctx, w, skipped));
    wg_optimizer_restored(w->trainer.optimizer);
    WG_TRY(wg_text_addz(ctx, &w->log, log));
    w->log_mark = w->log.bytes;
    return WAGLE_OK;
}

static wagle_status compare(wagle_ctx *ctx, const wg_run *w, const wg_tensors *file)
{
    const char *run = wg_tensors_metadata(file, "run"),
               *options = wg_tensors_metadata(file, "options");
    json_t *before = NULL;
    wagle_status st;

    if (run == NULL || options == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not a checkpoint of this version", w->checkpoint);
    if (strcmp(run, w->fingerprint) == 0)
        return WAGLE_OK;
    st = wg_json_parse(ctx, w->checkpoint, options, strlen(options), &before);
    if (st == WAGLE_OK)
        st = wg_run_compare(ctx, w, before);
    json_decref(before);
    return st == WAGLE_OK ? wg_fail(ctx, WAGLE_E_INPUT, "%s: its options do not match their hash",
                                    w->checkpoint)
                          : st;
}

wagle_status wg_run_check_resume(wagle_ctx *ctx, const wg_run *w)
{
    wg_tensors file;
    wagle_status st;

    if (!w->o->resume || !wg_exists(w->checkpoint))
        return WAGLE_OK;
    WG_TRY(wg_tensors_open(ctx, w->checkpoint, &file));
    st = compare(ctx, w, &file);
    wg_tensors_close(&file);
    return st;
}

static wagle_status read_checkpoint(wagle_ctx *ctx, wg_run *w)
{
    wg_tensors file;
    wagle_status st;

    if (!w->o->resume || w->checkpoint == NULL || !wg_exists(w->checkpoint))
        return WAGLE_OK;
    WG_TRY(wg_tensors_open(ctx, w->checkpoint, &file));
    st = take_checkpoint(ctx, w, &file);
    wg_tensors_close(&file);
    if (st == WAGLE_OK)
        wg_log(ctx, 1, "resumed at step %lld of %lld", (long long)w->step, (long long)w->steps);
    return st;
}

/* What process 0 has read comes to the others. */
static wagle_status share_checkpoint(wagle_ctx *ctx, wg_run *w)
{
    const wg_ops *ops = w->session.model->ops;
    const wg_optimizer *a = w->trainer.optimizer;
    wg_tensor list[STATE_MOST];
    const int n = state_tensors(a, list);
    wagle_status st = WAGLE_OK;

    WG_TRY(wg_broadcast(ctx, &w->step, sizeof w->step));
    WG_TRY(wg_broadcast(ctx, &w->trainer.alpha, sizeof w->trainer.alpha));
    WG_TRY(wg_broadcast(ctx, &w->trainer.hessian_step, sizeof w->trainer.hessian_step));
    if (w->known != NULL)
        WG_TRY(wg_broadcast(ctx, w->known, (size_t)w->data.forget.n * sizeof *w->known));
    for (int i = 0; st == WAGLE_OK && i < n; i++) {
        wg_host_room room = {0};
        const void *data;
        st = wg_host_view(ctx, ops, list[i].data, list[i].bytes, &room, &data);
        void *host = (void *)(uintptr_t)data, *there = (void *)(uintptr_t)list[i].data;
        if (st == WAGLE_OK)
            st = strcmp(list[i].name, MASTER) == 0
                     ? wg_broadcast(ctx, host, list[i].bytes)
                     : wg_sharing_scatter(ctx, a, host, wg_dtype_size(list[i].dtype));
        if (st == WAGLE_OK && host != there)
            ops->upload(ops, there, host, list[i].bytes);
        wg_free(room.data);
    }
    wg_optimizer_restored(w->trainer.optimizer);
    return st;
}

wagle_status wg_run_resume(wagle_ctx *ctx, wg_run *w)
{
    WG_TRY(read_checkpoint(ctx, w));
    return w->o->resume && wg_together(ctx) ? share_checkpoint(ctx, w) : WAGLE_OK;
}

/* --- the folder ------------------------------------------------------------------------------- */

#define CHECKPOINT "checkpoint.safetensors"

wagle_status wg_run_clear_partial(wagle_ctx *ctx, const wg_run *w, bool resumable)
{
    static const char *const kept[] = {CHECKPOINT, WG_TRIES_FILE, NULL};

    return wg_empty_folder(ctx, w->partial, resumable ? kept : NULL);
}

/* The runs of wagle_unlearn_requests that ended are not this run's to remove. */
static wagle_status spare_requests(wagle_ctx *ctx, wg_run *w)
{
    char *path = wg_path_join(ctx, w->partial, "requests.json");
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (path != NULL && wg_exists(path) && (!w->o->force || w->o->resume)) {
        st =
            wg_fail(ctx, WAGLE_E_USAGE,
                    "%s: unfinished @{requests}; give them again to go on, or add @{force=true} to "
                    "remove them",
                    w->partial);
        w->partial = NULL;
        wg_partial_end(&w->folder, true);
    }
    wg_free(path);
    return st;
}

wagle_status wg_run_open_partial(wagle_ctx *ctx, wg_run *w)
{
    wg_text path = {0};

    WG_TRY(wg_text_printf(ctx, &path, "%s.partial/" CHECKPOINT, w->o->out));
    w->checkpoint = path.text;
    WG_TRY(wg_partial_begin(ctx, w->o->out, &w->folder));
    w->partial = w->folder.path;
    WG_TRY(spare_requests(ctx, w));
    if (wg_exists(w->checkpoint) && !w->o->resume && !w->o->force)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: an unfinished run; add @{resume=true} to continue it, or @{force=true} "
                       "to start again",
                       w->partial);
    /* a killed run may have left files half-written beside its checkpoint */
    return wg_run_clear_partial(ctx, w, w->o->resume);
}

static wagle_status write_patch(wagle_ctx *ctx, wg_run *w)
{
    wagle_diff_options o;
    wagle_status st;

    wagle_diff_defaults(&o);
    o.before = w->o->model;
    o.after = w->partial;
    o.out = w->o->out_patch;
    o.force = w->o->force;
    wg_nest(ctx);
    st = wagle_diff(ctx, &o);
    wg_unnest(ctx);
    w->unchanged = st == WAGLE_E_RUN; /* the two models are the same */
    if (w->unchanged) {
        wg_forget_failure(ctx);
        return WAGLE_OK;
    }
    return st;
}

/* A file of rows: those that the model wrote itself and that were protected, or control rows. */
static wagle_status write_rows(wagle_ctx *ctx, const wg_run *w, const char *name,
                               const wg_text *rows)
{
    wg_text lines = {0};
    wagle_status st;

    if (rows->bytes == 0 || !w->o->redact)
        return rows->bytes > 0 ? wg_write_text(ctx, w->partial, name, rows) : WAGLE_OK;
    st = wg_redact_lines(ctx, name, rows, &lines);
    if (st == WAGLE_OK)
        st = wg_write_text(ctx, w->partial, name, &lines);
    wg_text_free(&lines);
    return st;
}

static wagle_status write_controls(wagle_ctx *ctx, const wg_run *w)
{
    wg_text lines = {0};
    wagle_status st = WAGLE_OK;

    if (w->chance.measured > 0 && !w->chance.by_gold)
        st = wg_chance_lines(ctx, &w->chance, -1, &lines);
    if (st == WAGLE_OK)
        st = write_rows(ctx, w, "controls.jsonl", &lines);
    wg_text_free(&lines);
    return st;
}

wagle_status wg_run_finish(wagle_ctx *ctx, wg_run *w)
{
    WG_TRY(wg_write_model(ctx, w->session.model, w->partial));
    WG_TRY(wg_run_log_write(ctx, w));
    WG_TRY(write_rows(ctx, w, "protect.jsonl", &w->protect_rows.written));
    WG_TRY(write_controls(ctx, w));
    WG_TRY(wg_run_manifest(ctx, w));
    if (w->o->out_patch != NULL)
        WG_TRY(write_patch(ctx, w));
    if (w->o->out_adapter != NULL)
        WG_TRY(
            wg_lora_write(ctx, w->trainer.optimizer, w->session.model->folder, w->o->out_adapter));
    if (wg_exists(w->checkpoint))
        wg_remove_tree(w->checkpoint);
    return wg_partial_commit(ctx, &w->folder, w->o->out);
}
