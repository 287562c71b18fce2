/* checkpoint.c - what a run leaves: checkpoints, and in the end its folder.
 *
 * A run works in OUT.partial and appears as OUT when whole. checkpoint.safetensors there holds
 * the compact state (masters and moments of what is trained), the step, alpha and the log so far;
 * everything else follows from the options, so a resumed run gives the same bits. */
#include "data/redact.h"
#include "mask/attribute.h"
#include "modeldir/folder.h"
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The optimizer's arrays as tensors; returns how many. */
enum { STATE_MOST = 4 };

static int state_tensors(const wg_optimizer *a, wg_tensor list[STATE_MOST])
{
    const wg_shape shape = {1, {a->n}};
    const wg_dtype moment = a->bf16 ? WG_BF16 : WG_F32;
    const struct {
        const char *name;
        wg_dtype dtype;
        void *data;
    } part[] = {{"master", WG_F32, a->master},
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

wagle_status wg_run_save(wagle_ctx *ctx, const wg_run *w)
{
    wg_tensor list[STATE_MOST];
    const int n = state_tensors(w->trainer.optimizer, list);
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

static wagle_status take_checkpoint(wagle_ctx *ctx, wg_run *w, const wg_tensors *file)
{
    wg_tensor list[STATE_MOST];
    const int n = state_tensors(w->trainer.optimizer, list);
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
        memcpy((void *)(uintptr_t)list[i].data, t->data, t->bytes);
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

wagle_status wg_run_resume(wagle_ctx *ctx, wg_run *w)
{
    wg_tensors file;
    wagle_status st;

    if (!w->o->resume || !wg_exists(w->checkpoint))
        return WAGLE_OK;
    WG_TRY(wg_tensors_open(ctx, w->checkpoint, &file));
    st = take_checkpoint(ctx, w, &file);
    wg_tensors_close(&file);
    if (st == WAGLE_OK)
        wg_log(ctx, 1, "resumed at step %lld of %lld", (long long)w->step, (long long)w->steps);
    return st;
}

/* --- the folder ------------------------------------------------------------------------------- */

#define CHECKPOINT "checkpoint.safetensors"

wagle_status wg_run_clear_partial(wagle_ctx *ctx, const wg_run *w, bool resumable)
{
    static const char *const kept[] = {CHECKPOINT, WG_TRIES_FILE, NULL};

    return wg_empty_folder(ctx, w->partial, resumable ? kept : NULL);
}

wagle_status wg_run_open_partial(wagle_ctx *ctx, wg_run *w)
{
    wg_text path = {0};

    WG_TRY(wg_text_printf(ctx, &path, "%s.partial/" CHECKPOINT, w->o->out));
    w->checkpoint = path.text;
    WG_TRY(wg_partial_begin(ctx, w->o->out, &w->folder));
    w->partial = w->folder.path;
    if (wg_exists(w->checkpoint) && !w->o->resume && !w->o->force)
        return wg_fail(
            ctx, WAGLE_E_USAGE,
            "%s: an unfinished run; add --resume to continue it, or --force to start again",
            w->partial);
    /* a killed run may have left files half-written beside its checkpoint */
    return wg_run_clear_partial(ctx, w, w->o->resume);
}

static wagle_status add_file(wagle_ctx *ctx, const char *path, json_t *list)
{
    char hash[WG_SHA256_TEXT];

    if (path == NULL || !wg_exists(path)) /* FILE@WEIGHT is told by its name alone */
        return path == NULL || json_array_append_new(list, wg_json_bytes(wg_path_name(path))) == 0
                   ? WAGLE_OK
                   : wg_json_memory(ctx);
    WG_TRY(wg_sha256_file(ctx, path, hash));
    return json_array_append_new(list,
                                 json_pack("{s:o, s:s}", "file", wg_json_bytes(wg_path_name(path)),
                                           "sha256", hash)) == 0
               ? WAGLE_OK
               : wg_json_memory(ctx);
}

static wagle_status add_data(wagle_ctx *ctx, const wagle_data *d, const char *key, json_t *m)
{
    json_t *list = json_array();

    WG_TRY(wg_json_set(ctx, m, key, list));
    WG_TRY(add_file(ctx, d->path, list));
    for (const char *const *more = d->more; more != NULL && *more != NULL; more++)
        WG_TRY(add_file(ctx, *more, list));
    return WAGLE_OK;
}

static wagle_status add_patterns(wagle_ctx *ctx, const char *const *patterns, const char *key,
                                 json_t *m)
{
    json_t *list = json_array();

    WG_TRY(wg_json_set(ctx, m, key, list));
    for (; patterns != NULL && *patterns != NULL; patterns++)
        if (json_array_append_new(list, json_string(*patterns)) != 0)
            return wg_json_memory(ctx);
    return WAGLE_OK;
}

/* gamma of wagle, and how the factors of its scores were made. */
static wagle_status add_gamma(wagle_ctx *ctx, const wagle_train_options *o, json_t *m)
{
    char gamma[40];

    wg_gamma_text(&o->gamma, gamma);
    if (strcmp(o->selector, "wagle") == 0)
        WG_TRY(wg_json_set(ctx, m, "gamma", json_string(gamma)));
    if (!wg_scores_by_factors(o))
        return WAGLE_OK;
    WG_TRY(wg_json_set(ctx, m, "protect_damping", json_real(o->protect_damping)));
    return wg_json_set(ctx, m, "protect_rank", json_integer(o->protect_rank));
}

/* How the weights were chosen, and the share of each tensor. */
static wagle_status add_mask(wagle_ctx *ctx, const wg_run *w, json_t *m)
{
    json_t *share = json_object();

    WG_TRY(wg_json_set(ctx, m, "share", share));
    if (w->o->mask != NULL && w->o->mask_tensors == NULL) {
        char hash[WG_SHA256_TEXT];
        WG_TRY(wg_sha256_file(ctx, w->o->mask, hash));
        WG_TRY(wg_json_set(ctx, m, "mask_sha256", json_string(hash)));
    }
    if (w->o->selector != NULL) {
        WG_TRY(wg_json_set(ctx, m, "selector", json_string(w->o->selector)));
        WG_TRY(add_gamma(ctx, w->o, m));
        WG_TRY(wg_json_set(ctx, m, "density", json_real(w->o->density)));
        WG_TRY(add_patterns(ctx, w->o->include, "include", m));
        WG_TRY(add_patterns(ctx, w->o->exclude, "exclude", m));
    }
    for (int64_t i = 0; i < w->mask.n; i++) {
        const wg_mask_tensor *t = &w->mask.tensor[i];
        WG_TRY(wg_json_set(ctx, share, t->name,
                           json_real(t->count > 0 ? (double)t->selected / (double)t->count : 0)));
    }
    return WAGLE_OK;
}

static wagle_status add_protection(wagle_ctx *ctx, const wg_run *w, json_t *m)
{
    const wagle_train_options *o = w->o;
    const wg_dataset *rows = &w->protect_rows.all;

    WG_TRY(add_data(ctx, &o->protect, "protect", m));
    return wg_json_set(ctx, m, "protection",
                       json_pack("{s:f, s:I, s:I, s:I}", "damping", o->protect_damping, "rank",
                                 (json_int_t)o->protect_rank, "rows", (json_int_t)rows->n, "tokens",
                                 (json_int_t)wg_protect_tokens(rows)));
}

static wagle_status add_chance(wagle_ctx *ctx, const wg_run *w, json_t *m)
{
    json_t *chance;

    WG_TRY(wg_chance_json(ctx, w, &chance));
    return wg_json_set(ctx, m, "chance", chance);
}

/* What was done, without times or places: the same run writes the same bytes. */
static wagle_status write_manifest(wagle_ctx *ctx, const wg_run *w)
{
    const wagle_train_options *o = w->o;
    char *path = wg_path_join(ctx, w->partial, "manifest.json");
    json_t *m = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:f, s:f, s:f, s:f, s:I, s:I, "
        "s:I}",
        "wagle", WAGLE_VERSION, "objective", w->objective->name, "retain_term",
        wg_retain_names[w->trainer.retain_term], "optimizer", w->rules->name, "schedule",
        o->schedule, "run", w->fingerprint, "steps", (json_int_t)w->step, "planned_steps",
        (json_int_t)w->steps, "selected", (json_int_t)w->trainer.optimizer->n, "weights",
        (json_int_t)wg_model_parameters(w->session.model), "stopped", (int)w->result.stopped, "lr",
        w->lr, "weight_decay", o->weight_decay, "clip", o->clip, "alpha", w->trainer.alpha, "batch",
        (json_int_t)o->batch, "accumulate", (json_int_t)o->accumulate, "seed", (json_int_t)o->seed);
    wagle_status st = path != NULL && m != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        st = wg_json_set(ctx, m, "model", wg_json_bytes(wg_path_name(o->model)));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, m, "model_sha256", json_string(wg_run_model_hash(w)));
    if (st == WAGLE_OK && o->forget.path != NULL)
        st = add_data(ctx, &o->forget, "forget", m);
    if (st == WAGLE_OK && o->retain.path != NULL)
        st = add_data(ctx, &o->retain, o->forget.path != NULL ? "retain" : "data", m);
    if (st == WAGLE_OK && w->masked)
        st = add_mask(ctx, w, m);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, m, "reduction", json_string(w->trainer.tokens ? "tokens" : "rows"));
    if (st == WAGLE_OK && o->no_decay != NULL && *o->no_decay != NULL)
        st = add_patterns(ctx, o->no_decay, "no_decay", m);
    if (st == WAGLE_OK && o->clip_before_mask)
        st = wg_json_set(ctx, m, "clip_before_mask", json_true());
    if (st == WAGLE_OK && o->rectify > 0)
        st = wg_json_set(ctx, m, "rectify", json_real(o->rectify));
    if (st == WAGLE_OK && o->protect.path != NULL)
        st = add_protection(ctx, w, m);
    if (st == WAGLE_OK && o->stop_when != NULL)
        st = wg_json_set(ctx, m, "stop_when", json_string(o->stop_when));
    if (st == WAGLE_OK && w->stop.chance)
        st = add_chance(ctx, w, m);
    if (st == WAGLE_OK && w->tries != NULL)
        st = wg_json_set(ctx, m, "lr_search", json_incref(w->tries));
    if (st == WAGLE_OK && o->land && w->result.stopped)
        st = wg_json_set(ctx, m, "land", json_real(w->result.land));
    if (st == WAGLE_OK && w->layout != NULL)
        st = wg_json_set(ctx, m, "layout", json_incref(w->layout));
    if (st == WAGLE_OK)
        st = wg_json_write(ctx, path, m, true);
    json_decref(m);
    wg_free(path);
    return st;
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
    WG_TRY(wg_write_text(ctx, w->partial, "log.jsonl", &w->log));
    WG_TRY(write_rows(ctx, w, "protect.jsonl", &w->protect_rows.written));
    WG_TRY(write_controls(ctx, w));
    WG_TRY(write_manifest(ctx, w));
    if (w->o->out_patch != NULL)
        WG_TRY(write_patch(ctx, w));
    if (wg_exists(w->checkpoint))
        wg_remove_tree(w->checkpoint);
    return wg_partial_commit(ctx, &w->folder, w->o->out);
}
