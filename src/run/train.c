/* train.c - finetune and unlearn: schedule, pairing, stopping, checkpoints, the finished folder.
 *
 * A run works in OUT.partial and appears as OUT when whole. checkpoint.safetensors there holds
 * the compact state (masters and both moments of selected weights), the step and the log so far;
 * everything else follows from the options, so a resumed run gives the same bits. */
#include "run/train.h"

#include "base/hash.h"
#include "base/number.h"
#include "run/attribute.h"
#include "run/budget.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct stop_rule {
    bool any, forget, probability, below;
    double bound;
} stop_rule;

typedef struct run {
    const wagle_train_options *o;
    const wg_objective *objective;
    wg_session session;
    wg_dataset forget, retain, refusals;
    wg_map refusal_text;
    char **refusal;
    int64_t n_refusals, refusal_epoch;
    wg_mask mask;
    bool masked, spill_state;
    wg_trainer trainer;
    stop_rule stop;
    char *partial, *checkpoint;
    char fingerprint[WG_SHA256_TEXT];
    int64_t per_epoch, steps, warmup, step;
    int64_t *order, *f, *r; /* [rows], [batch], [batch] */
    int64_t ordered;        /* epoch that `order` is of, -1: none */
    wg_text log;
    int64_t log_mark; /* its length when the last step ended */
    wagle_train_result result;
} run;

static void shared_defaults(wagle_train_options *o)
{
    *o = (wagle_train_options){.state = "f32",
                               .alpha = 1,
                               .forget_weight = 1,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .epsilon = 1e-8,
                               .clip = 1,
                               .epochs = 5,
                               .batch = 4,
                               .warmup = -1,
                               .eval_every = 5,
                               .weight_decay = 0.01};
}

void wagle_finetune_defaults(wagle_train_options *o)
{
    shared_defaults(o);
    o->objective = "finetune";
    o->lr = 1e-4;
    o->warmup_ratio = 0.05;
}

void wagle_unlearn_defaults(wagle_train_options *o)
{
    shared_defaults(o);
    o->objective = "graddiff";
    o->lr = 1e-5;
    o->density = 0.1;
    o->warmup_ratio = 0.1;
}

/* forget.probability<0.1 */
static wagle_status parse_stop(wagle_ctx *ctx, const char *text, stop_rule *rule)
{
    static const char *const names[] = {"forget.probability", "forget.nll", "retain.probability",
                                        "retain.nll"};
    char end;

    *rule = (stop_rule){0};
    if (text == NULL)
        return WAGLE_OK;
    for (int i = 0; i < 4; i++) {
        const size_t n = strlen(names[i]);
        if (strncmp(text, names[i], n) != 0 || (text[n] != '<' && text[n] != '>') ||
            sscanf(text + n + 1, "%lf%c", &rule->bound, &end) != 1)
            continue;
        rule->any = true;
        rule->forget = i < 2;
        rule->probability = i % 2 == 0;
        rule->below = text[n] == '<';
        return WAGLE_OK;
    }
    return wg_fail(ctx, WAGLE_E_USAGE,
                   "--stop-when '%.64s': as in forget.probability<0.1; also forget.nll, "
                   "retain.probability, retain.nll, and >",
                   text);
}

static wagle_status check_options(wagle_ctx *ctx, const run *w)
{
    const wagle_train_options *o = w->o;

    if (o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "no --out was named");
    if (!(o->lr > 0) || !isfinite(o->lr))
        return wg_fail(ctx, WAGLE_E_USAGE, "--lr %g: a number above 0", o->lr);
    if (o->batch < 1 || o->batch > 4096)
        return wg_fail(ctx, WAGLE_E_USAGE, "--batch %lld: from 1 to 4096", (long long)o->batch);
    if (o->steps < 0 || (o->steps == 0 && !(o->epochs > 0 && o->epochs < 1e6)))
        return wg_fail(ctx, WAGLE_E_USAGE, "--steps or --epochs: a number above 0");
    if (!(o->clip >= 0) || !(o->weight_decay >= 0) || !(o->alpha >= 0) || o->eval_every < 1)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "--clip, --weight-decay, --alpha: 0 or more; --eval-every: 1 or more");
    if (strcmp(o->state, "f32") != 0 && strcmp(o->state, "bf16") != 0)
        return wg_fail(ctx, WAGLE_E_USAGE, "--state %.16s: f32 or bf16", o->state);
    if (o->mask != NULL && o->selector != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "--mask or --selector, not both");
    if ((w->objective->needs & WG_NEEDS_REFUSALS) && o->refusal == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "objective %s wants --refusal FILE, a line each",
                       w->objective->name);
    return WAGLE_OK;
}

/* --- data ----------------------------------------------------------------------------------- */

static wagle_status read_refusals(wagle_ctx *ctx, run *w)
{
    int64_t room = 0;
    const char *at, *end;

    WG_TRY(wg_map_open(ctx, w->o->refusal, &w->refusal_text));
    at = (const char *)w->refusal_text.data;
    end = at + w->refusal_text.bytes;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline != NULL ? newline : end) - at);
        n -= n > 0 && at[n - 1] == '\r';
        WG_TRY(WG_GROW(ctx, &w->refusal, &room, w->n_refusals + 1));
        if (n > 0) {
            w->refusal[w->n_refusals] = wg_copy_text(ctx, at, n);
            if (w->refusal[w->n_refusals++] == NULL)
                return WAGLE_E_RESOURCE;
        }
        at = newline != NULL ? newline + 1 : end;
    }
    return w->n_refusals > 0
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT, "%s: no refusals in this file", w->o->refusal);
}

/* The forget rows with the refusals of one epoch. */
static wagle_status choose_refusals(wagle_ctx *ctx, run *w, int64_t epoch)
{
    int64_t *choice;
    wagle_status st;

    if (w->n_refusals == 0 || w->refusal_epoch == epoch)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &choice, w->forget.n));
    for (int64_t i = 0; i < w->forget.n; i++)
        choice[i] = wg_random_below(w->o->seed, WG_STREAM_REFUSAL,
                                    (uint64_t)(epoch * w->forget.n + i), w->n_refusals);
    wg_dataset_free(&w->refusals);
    st = wg_dataset_with_answers(ctx, &w->session.reader, &w->o->forget, &w->forget,
                                 (const char *const *)w->refusal, choice, &w->refusals);
    w->refusal_epoch = epoch;
    wg_free(choice);
    return st;
}

static wagle_status load_data(wagle_ctx *ctx, run *w)
{
    const bool plain = (w->objective->needs & WG_TRAINS_ONLY) != 0;

    WG_TRY(wg_dataset_load(ctx, &w->session.reader, plain ? &w->o->retain : &w->o->forget,
                           &w->forget));
    if (!plain && (w->o->retain.path != NULL || (w->objective->needs & WG_NEEDS_RETAIN)))
        WG_TRY(wg_dataset_load(ctx, &w->session.reader, &w->o->retain, &w->retain));
    if (w->objective->needs & WG_NEEDS_REFUSALS) {
        WG_TRY(read_refusals(ctx, w));
        w->refusal_epoch = -1;
        WG_TRY(choose_refusals(ctx, w, 0));
    }
    if (w->stop.any && !w->stop.forget && w->retain.n == 0)
        return wg_fail(ctx, WAGLE_E_USAGE, "--stop-when names retain, and there is no --retain");
    return WAGLE_OK;
}

/* The mask that was named, or one made here from scores kept in OUT.partial. */
static wagle_status load_mask(wagle_ctx *ctx, run *w)
{
    wg_attribution a;
    wg_tensors scores;
    char *path;
    wagle_status st;

    w->masked = w->o->mask != NULL || w->o->selector != NULL;
    if (w->o->mask != NULL)
        return wg_mask_read(ctx, w->o->mask, &w->mask);
    if (w->o->selector == NULL)
        return WAGLE_OK;
    a = (wg_attribution){.session = w->session,
                         .forget = w->forget,
                         .retain = w->retain,
                         .gamma = w->o->gamma,
                         .seed = w->o->seed};
    WG_TRY(wg_selector_find(ctx, w->o->selector, &a.selector));
    path = wg_path_join(ctx, w->partial, "scores.safetensors");
    if (path == NULL)
        return WAGLE_E_RESOURCE;
    st = wg_attribute(ctx, &a, path, true);
    w->session = a.session; /* its batch may have grown */
    if (st == WAGLE_OK)
        st = wg_tensors_open(ctx, path, &scores);
    if (st == WAGLE_OK) {
        st = wg_select(ctx, &scores, w->o->density, w->o->include, w->o->exclude, &w->mask);
        wg_tensors_close(&scores);
    }
    wg_remove_tree(path);
    wg_free(path);
    return st;
}

static wagle_status make_fingerprint(wagle_ctx *ctx, run *w)
{
    const wagle_train_options *o = w->o;
    const char *files[] = {o->forget.path, o->retain.path, o->mask, o->refusal};
    wg_text t = {0};
    wg_sha256 h;
    wagle_status st = wg_text_printf(
        ctx, &t,
        "%s %s %s %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %lld %lld %lld %llu %s %.17g "
        "%lld",
        WAGLE_VERSION, o->state, w->objective->name, o->alpha, o->forget_weight, o->lr,
        o->weight_decay, o->clip, o->beta1, o->beta2, o->epsilon, (long long)w->steps,
        (long long)o->batch, (long long)w->warmup, (unsigned long long)o->seed,
        o->selector ? o->selector : "", o->density, (long long)ctx->memory);

    for (int64_t i = 0; st == WAGLE_OK && i < o->n_params; i++)
        st = wg_text_printf(ctx, &t, " %s=%.17g", o->params[i].key, o->params[i].value);
    for (int i = 0; st == WAGLE_OK && i < 4; i++) {
        char hash[WG_SHA256_TEXT] = "-";
        if (files[i] != NULL)
            st = wg_sha256_file(ctx, files[i], hash);
        if (st == WAGLE_OK)
            st = wg_text_printf(ctx, &t, " %s", hash);
    }
    if (st == WAGLE_OK)
        st = wg_sha256_begin(ctx, &h);
    if (st == WAGLE_OK) {
        wg_sha256_add(&h, t.text, (size_t)t.bytes);
        wg_sha256_end(&h, w->fingerprint);
    }
    wg_text_free(&t);
    return st;
}

/* --- checkpoints ----------------------------------------------------------------------------- */

static wagle_status write_checkpoint(wagle_ctx *ctx, const run *w)
{
    const wg_adamw *a = w->trainer.adamw;
    const wg_dtype moments = a->bf16 ? WG_BF16 : WG_F32;
    const size_t bytes = (size_t)a->n * sizeof(float), less = (size_t)a->n * wg_dtype_size(moments);
    const wg_shape shape = {1, {a->n}};
    const wg_tensor list[] = {
        {.name = "master", .dtype = WG_F32, .shape = shape, .bytes = bytes, .data = a->master},
        {.name = "first_moment", .dtype = moments, .shape = shape, .bytes = less, .data = a->m},
        {.name = "second_moment", .dtype = moments, .shape = shape, .bytes = less, .data = a->v},
    };
    char step[32];
    json_t *facts;
    wagle_status st;

    snprintf(step, sizeof step, "%lld", (long long)w->step);
    facts = json_pack("{s:s, s:s, s:s, s:s}", "format", "wagle-checkpoint", "step", step, "run",
                      w->fingerprint, "log", w->log_mark > 0 ? w->log.text : "");
    if (w->log_mark < w->log.bytes)
        json_object_set_new(facts, "log", json_stringn(w->log.text, (size_t)w->log_mark));
    if (facts == NULL)
        return wg_json_memory(ctx);
    st = wg_safetensors_write(ctx, w->checkpoint, list, 3, facts, true);
    json_decref(facts);
    return st;
}

static wagle_status take_checkpoint(wagle_ctx *ctx, run *w, const wg_tensors *file)
{
    static const char *const names[] = {"master", "first_moment", "second_moment"};
    const wg_adamw *a = w->trainer.adamw;
    void *const into[] = {a->master, a->m, a->v};
    const char *step = wg_tensors_metadata(file, "step");
    const char *made_by = wg_tensors_metadata(file, "run"), *log = wg_tensors_metadata(file, "log");

    if (step == NULL || made_by == NULL || log == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not a checkpoint", w->checkpoint);
    if (strcmp(made_by, w->fingerprint) != 0)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: made with other options or data; give those again, or --force",
                       w->checkpoint);
    for (int i = 0; i < 3; i++) {
        const wg_tensor *t = wg_tensors_find(file, names[i]);
        if (t == NULL || t->dtype != (i > 0 && a->bf16 ? WG_BF16 : WG_F32) || t->count != a->n)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: '%s' does not fit the mask", w->checkpoint,
                           names[i]);
        memcpy(into[i], t->data, t->bytes);
    }
    if (sscanf(step, "%ld", &w->step) != 1 || w->step < 0 || w->step > w->steps)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: step %.32s", w->checkpoint, step);
    WG_TRY(wg_text_addz(ctx, &w->log, log));
    w->log_mark = w->log.bytes;
    return WAGLE_OK;
}

static wagle_status resume(wagle_ctx *ctx, run *w)
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

/* --- steps ----------------------------------------------------------------------------------- */

/* Rows of the current step: an epoch visits each forget row once, paired by the seed. */
static int64_t choose_rows(run *w)
{
    const int64_t epoch = w->step / w->per_epoch, at = w->step % w->per_epoch * w->o->batch;
    const int64_t n = w->forget.n - at < w->o->batch ? w->forget.n - at : w->o->batch;

    if (w->ordered != epoch)
        wg_random_permutation(w->o->seed, (uint64_t)epoch << 8 | WG_STREAM_SHUFFLE, w->order,
                              w->forget.n);
    w->ordered = epoch;
    for (int64_t i = 0; i < n; i++) {
        w->f[i] = w->order[at + i];
        w->r[i] = w->retain.n == 0
                      ? 0
                      : wg_random_below(w->o->seed, (uint64_t)epoch << 8 | WG_STREAM_PAIR,
                                        (uint64_t)(at + i), w->retain.n);
    }
    return n;
}

static wagle_status check_stop(wagle_ctx *ctx, run *w)
{
    double probability, nll, value;

    if (!w->stop.any || w->step == 0 || (w->step % w->o->eval_every != 0 && w->step != w->steps))
        return WAGLE_OK;
    WG_TRY(wg_mean_probability(ctx, &w->session, w->stop.forget ? &w->forget : &w->retain,
                               &probability, &nll));
    value = w->stop.probability ? probability : nll;
    if (w->stop.forget)
        w->result.forget_probability = probability;
    w->result.stopped = w->stop.below ? value < w->stop.bound : value > w->stop.bound;
    return wg_text_printf(ctx, &w->log, "{\"step\":%lld,\"%s.probability\":%.9g,\"%s.nll\":%.9g}\n",
                          (long long)w->step, w->stop.forget ? "forget" : "retain", probability,
                          w->stop.forget ? "forget" : "retain", nll);
}

static wagle_status one_step(wagle_ctx *ctx, run *w)
{
    wg_step step = {.lr = wg_schedule(w->o->lr, w->step, w->warmup, w->steps)};
    char detail[96];
    int64_t n;

    WG_TRY(choose_refusals(ctx, w, w->step / w->per_epoch));
    n = choose_rows(w);
    WG_TRY(wg_train_step(ctx, &w->trainer, w->f, w->r, n, w->step, &step));
    w->result.loss = step.loss;
    WG_TRY(wg_text_printf(ctx, &w->log,
                          "{\"step\":%lld,\"loss\":%.9g,\"grad_norm\":%.9g,\"lr\":%.9g}\n",
                          (long long)w->step, step.loss, step.grad_norm, step.lr));
    w->step++;
    w->log_mark = w->log.bytes;
    snprintf(detail, sizeof detail, "loss %.4f", step.loss);
    wg_progress(ctx, w->objective->name, w->step, w->steps, detail);
    if (w->o->checkpoint_every > 0 && w->step % w->o->checkpoint_every == 0)
        return write_checkpoint(ctx, w);
    return WAGLE_OK;
}

static wagle_status all_steps(wagle_ctx *ctx, run *w)
{
    const int64_t first = w->step;
    double spent = 0;
    wagle_status st = check_stop(ctx, w); /* a resumed run checks what it had not */

    while (st == WAGLE_OK && w->step < w->steps && !w->result.stopped) {
        const double start = wg_seconds();
        st = one_step(ctx, w);
        if (w->step > first + 1)
            spent += wg_seconds() - start;
        if (st == WAGLE_OK)
            st = check_stop(ctx, w);
    }
    w->result.step_seconds = w->step > first + 1 ? spent / (double)(w->step - first - 1) : NAN;
    if (st != WAGLE_E_INTERRUPTED)
        return st;
    /* a step that did not finish has changed nothing */
    WG_TRY(write_checkpoint(ctx, w));
    wg_begin(ctx);
    return wg_fail(ctx, st, "interrupted at step %lld of %lld; --resume goes on from there",
                   (long long)w->step, (long long)w->steps);
}

/* What the state takes, and where it goes if memory is short: into a file as a last resort. */
static wagle_status budget(wagle_ctx *ctx, run *w)
{
    const wagle_train_options *o = w->o;
    const int64_t weights = wg_model_parameters(w->session.model);
    const bool masked = o->mask != NULL || o->selector != NULL,
               bf16 = strcmp(o->state, "bf16") == 0;
    const int64_t selected = !masked         ? weights
                             : w->mask.n > 0 ? w->mask.selected
                                             : (int64_t)(o->density * (double)weights + 0.5);
    const wg_cost cost[] = {
        {"optimizer: masters, gradient, moments", wg_adamw_bytes(selected, bf16)},
        {"mask", masked ? weights / 8 + weights / WG_OVERLAY_BLOCK * 8 : 0}};
    const bool pairs = (w->objective->needs & WG_NEEDS_RETAIN) != 0;
    wg_need need = {.intent = wg_largest_batch(&w->forget, pairs ? &w->retain : NULL, o->batch),
                    .cost = cost,
                    .n = 2,
                    .steps = w->steps,
                    .updated = selected,
                    .hint = bf16 ? "a lower --density or --batch takes less"
                                 : "--state bf16 and a lower --density or --batch take less"};
    wagle_status st;

    need.intent.folder = w->partial;
    need.intent.placed = !masked;
    st = wg_budget(ctx, &w->session, &need);
    if (st != WAGLE_E_RESOURCE || ctx->memory == 0)
        return st;
    wg_begin(ctx);
    need.cost = &cost[1];
    need.n = 1;
    w->spill_state = true;
    WG_TRY(wg_budget(ctx, &w->session, &need));
    wg_log(ctx, 1, "the optimizer's %.1f GB go into a scratch file: --memory has no room for them",
           (double)cost[0].bytes / 1e9);
    return WAGLE_OK;
}

static wagle_status prepare(wagle_ctx *ctx, run *w)
{
    const wagle_train_options *o = w->o;

    w->per_epoch = (w->forget.n + o->batch - 1) / o->batch;
    w->steps = o->steps > 0 ? o->steps : (int64_t)ceil(o->epochs * (double)w->per_epoch);
    w->warmup = o->warmup >= 0 ? o->warmup : (int64_t)ceil(o->warmup_ratio * (double)w->steps);
    w->warmup = w->warmup < w->steps ? w->warmup : w->steps;
    w->ordered = -1;
    WG_TRY(WG_ALLOC(ctx, &w->order, w->forget.n));
    WG_TRY(WG_ALLOC(ctx, &w->f, o->batch));
    WG_TRY(WG_ALLOC(ctx, &w->r, o->batch));
    WG_TRY(make_fingerprint(ctx, w));
    if (!ctx->dry_run || o->selector == NULL)
        WG_TRY(load_mask(ctx, w));
    WG_TRY(budget(ctx, w));
    if (ctx->dry_run)
        return WAGLE_OK;
    return wg_trainer_new(
        ctx, &w->session, w->objective, o, w->n_refusals > 0 ? &w->refusals : &w->forget,
        &w->retain, w->masked ? &w->mask : NULL, w->spill_state ? w->partial : NULL, &w->trainer);
}

/* What was done, without times or places: the same run writes the same bytes. */
static wagle_status write_manifest(wagle_ctx *ctx, const run *w)
{
    const wagle_train_options *o = w->o;
    char *path = wg_path_join(ctx, w->partial, "manifest.json");
    json_t *m = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:f, s:f, s:f, s:f, s:I, s:I}",
                          "wagle", WAGLE_VERSION, "objective", w->objective->name, "run",
                          w->fingerprint, "steps", (json_int_t)w->step, "planned_steps",
                          (json_int_t)w->steps, "selected", (json_int_t)w->trainer.adamw->n,
                          "weights", (json_int_t)wg_model_parameters(w->session.model), "stopped",
                          (int)w->result.stopped, "lr", o->lr, "weight_decay", o->weight_decay,
                          "clip", o->clip, "alpha", o->alpha, "batch", (json_int_t)o->batch, "seed",
                          (json_int_t)o->seed);
    wagle_status st = path != NULL && m != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        st = wg_json_write(ctx, path, m, true);
    json_decref(m);
    wg_free(path);
    return st;
}

static wagle_status finish(wagle_ctx *ctx, run *w)
{
    char *log = wg_path_join(ctx, w->partial, "log.jsonl");
    wagle_status st = log != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK)
        st = wg_write_model(ctx, w->session.model, w->partial);
    if (st == WAGLE_OK)
        st = wg_write_file(ctx, log, w->log.text != NULL ? w->log.text : "", (size_t)w->log.bytes,
                           true);
    if (st == WAGLE_OK)
        st = write_manifest(ctx, w);
    if (st == WAGLE_OK && wg_exists(w->checkpoint))
        wg_remove_tree(w->checkpoint);
    if (st == WAGLE_OK)
        st = wg_replace_folder(ctx, w->partial, w->o->out);
    wg_free(log);
    return st;
}

/* What a killed run left half-written beside its checkpoint. */
static wagle_status remove_leftovers(wagle_ctx *ctx, const run *w)
{
    char **names;
    wagle_status st = WAGLE_OK;

    WG_TRY(wg_list_folder(ctx, w->partial, &names));
    for (char **name = names; st == WAGLE_OK && *name != NULL; name++) {
        char *path = wg_path_join(ctx, w->partial, *name);
        st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
        if (path != NULL && strcmp(path, w->checkpoint) != 0)
            wg_remove_tree(path);
        wg_free(path);
    }
    wg_free_names(names);
    return st;
}

static wagle_status open_partial(wagle_ctx *ctx, run *w)
{
    wg_text t = {0};

    WG_TRY(wg_text_printf(ctx, &t, "%s.partial", w->o->out));
    w->partial = t.text;
    w->checkpoint = wg_path_join(ctx, w->partial, "checkpoint.safetensors");
    if (w->checkpoint == NULL)
        return WAGLE_E_RESOURCE;
    if (wg_exists(w->checkpoint) && !w->o->resume && !w->o->force)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: an unfinished run; --resume goes on, --force starts again", w->partial);
    if (wg_exists(w->checkpoint) && w->o->resume)
        return remove_leftovers(ctx, w);
    wg_remove_tree(w->partial);
    return wg_make_folder(ctx, w->partial);
}

static void close_run(run *w)
{
    wg_trainer_free(&w->trainer);
    wg_mask_free(&w->mask);
    wg_dataset_free(&w->forget);
    wg_dataset_free(&w->retain);
    wg_dataset_free(&w->refusals);
    for (int64_t i = 0; i < w->n_refusals; i++)
        wg_free(w->refusal[i]);
    wg_free(w->refusal);
    wg_map_close(&w->refusal_text);
    wg_session_close(&w->session);
    wg_text_free(&w->log);
    wg_free(w->order);
    wg_free(w->f);
    wg_free(w->r);
    wg_free(w->partial);
    wg_free(w->checkpoint);
}

static wagle_status train(wagle_ctx *ctx, const wagle_train_options *o, bool plain,
                          wagle_train_result *result)
{
    run w = {.o = o};
    const double start = wg_seconds();
    bool made = false;
    wagle_status st;

    wg_begin(ctx);
    w.result.forget_probability = NAN;
    WG_TRY(wg_objective_find(ctx, o->objective, &w.objective));
    if (plain != ((w.objective->needs & WG_TRAINS_ONLY) != 0))
        return wg_fail(ctx, WAGLE_E_USAGE, "objective %s is not for %s", o->objective,
                       plain ? "finetune" : "unlearn");
    WG_TRY(check_options(ctx, &w));
    WG_TRY(parse_stop(ctx, o->stop_when, &w.stop));
    WG_TRY(wg_check_absent(ctx, o->out, o->force || o->resume));
    WG_TRY_GOTO(wg_session_open(ctx, o->model, &w.session), done);
    WG_TRY_GOTO(load_data(ctx, &w), done);
    WG_TRY_GOTO(open_partial(ctx, &w), done);
    made = true;
    WG_TRY_GOTO(prepare(ctx, &w), done);
    if (ctx->dry_run)
        goto done;
    w.result.selected = w.trainer.adamw->n;
    w.result.weights = wg_model_parameters(w.session.model);
    WG_TRY_GOTO(resume(ctx, &w), done);
    WG_TRY_GOTO(all_steps(ctx, &w), done);
    st = finish(ctx, &w);
done:
    if ((st != WAGLE_OK || ctx->dry_run) && made && !wg_exists(w.checkpoint))
        wg_remove_tree(w.partial);
    w.result.steps = w.step;
    w.result.seconds = wg_seconds() - start;
    if (result != NULL)
        *result = w.result;
    close_run(&w);
    return st;
}

wagle_status wagle_finetune(wagle_ctx *ctx, const wagle_train_options *o,
                            wagle_train_result *result)
{
    return train(ctx, o, true, result);
}

wagle_status wagle_unlearn(wagle_ctx *ctx, const wagle_train_options *o, wagle_train_result *result)
{
    return train(ctx, o, false, result);
}
