/* run.c - finetune and unlearn: options, memory, steps, stopping. */
#include "base/pattern.h"
#include "base/place.h"
#include "data/distinct.h"
#include "train/members.h"

#include "mask/attribute.h"
#include "modeldir/folder.h"
#include "mask/views.h"
#include "optim/lora.h"
#include "session/budget.h"
#include "session/opened.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

wagle_status wg_train_output_spares(wagle_ctx *ctx, const wagle_train_options *o, const char *out)
{
    for (const wg_member *m = wg_train_members; m->name != NULL; m++) {
        const void *at = (const char *)o + m->at;
        if (m->kind == WG_MEMBER_FILE || m->kind == WG_MEMBER_FOLDER)
            WG_TRY(wg_output_spares(ctx, out, wg_member_value(m, o).text));
        if (m->kind == WG_MEMBER_DATA)
            WG_TRY(wg_output_spares_data(ctx, out, at));
    }
    return WAGLE_OK;
}

wagle_status wg_train_output_check(wagle_ctx *ctx, const wagle_train_options *o, const char *out,
                                   bool force)
{
    WG_TRY(wg_train_output_spares(ctx, o, out));
    return wg_output_check(ctx, out, force, NULL, 0);
}

/* Numbers that go together; ranges are in the table of members. */
static wagle_status check_numbers(wagle_ctx *ctx, const wagle_train_options *o)
{
    if (o->steps == 0 && o->pairs == NULL && !(o->epochs > 0))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{steps} or @{epochs} must be above 0");
    if (o->rectify > 0 && o->lora > 0)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{rectify} %g: cannot be used with @{lora}",
                       o->rectify);
    if (o->clip_before_mask && (o->clip == 0 || (o->mask == NULL && o->selector == NULL) ||
                                o->lora > 0 || o->rectify > 0 || o->accumulate > 1))
        return wg_fail(
            ctx, WAGLE_E_USAGE,
            "@{clip_before_mask} needs @{clip}, and @{mask} or @{selector}; it cannot be "
            "used with @{lora}, @{rectify} or @{accumulate}");
    if (o->no_decay != NULL && *o->no_decay != NULL && (o->weight_decay == 0 || o->lora > 0))
        return wg_fail(
            ctx, WAGLE_E_USAGE,
            "@{no_decay} needs a @{weight_decay} above 0, and cannot be used with @{lora}");
    return WAGLE_OK;
}

/* What is not there where rows are cut into parts. */
static wagle_status check_parts(wagle_ctx *ctx, const wagle_train_options *o)
{
    const struct {
        bool given;
        const char *name;
    } missing[] = {{o->lora > 0, "lora"},
                   {o->rectify > 0, "rectify"},
                   {o->clip_before_mask, "clip_before_mask"}};

    for (size_t i = 0; wg_parts(ctx) > 1 && i < sizeof missing / sizeof *missing; i++)
        if (missing[i].given)
            return wg_fail(ctx, WAGLE_E_USAGE, "@{%s} cannot be used with @{parts} %d",
                           missing[i].name, wg_parts(ctx));
    return WAGLE_OK;
}

static wagle_status check_patterns(wagle_ctx *ctx, const wagle_train_options *o)
{
    for (const wg_member *m = wg_train_members; m->name != NULL; m++)
        if (m->kind == WG_MEMBER_PATTERNS)
            WG_TRY(wg_check_patterns(ctx, wg_member_value(m, o).list));
    return WAGLE_OK;
}

/* A folder, or memory; there are no files of a run in memory. A GGUF file is trained in memory
 * alone. */
static wagle_status check_place(wagle_ctx *ctx, const wagle_train_options *o)
{
    if (o->opened == NULL && o->model != NULL && wg_is_gguf(o->model))
        return wg_model_place(ctx, o->model);
    if (o->opened != NULL && wg_opened_is_gguf(o->opened) && o->made == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "the open model is a GGUF file; training that writes a folder needs the "
                       "folder that wagle_import makes of it");
    if (o->out_patch != NULL && o->opened != NULL && o->opened->base != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "out_patch: the model before is in memory; wagle_model_save it, and name "
                       "that folder");
    if (!wg_writes(ctx))
        return WAGLE_OK;
    if (o->made == NULL)
        return o->out != NULL ? WAGLE_OK : wg_fail(ctx, WAGLE_E_USAGE, "@{out DIR} is missing");
    if (o->out != NULL || o->opened == NULL || o->out_patch != NULL || o->out_adapter != NULL ||
        o->resume)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "`made` needs `opened`, and cannot be used with out, out_patch, out_adapter "
                       "or resume");
    return WAGLE_OK;
}

static wagle_status check_options(wagle_ctx *ctx, wg_run *w, bool plain)
{
    const wagle_train_options *o = w->o;
    bool tokens;

    WG_TRY(wg_objective_find(ctx, o->objective, &w->objective));
    if (plain != ((w->objective->needs & WG_TRAINS_ONLY) != 0))
        return wg_fail(ctx, WAGLE_E_USAGE, "objective %s cannot be used with %s", o->objective,
                       plain ? "finetune" : "unlearn");
    WG_TRY(check_place(ctx, o));
    WG_TRY(wg_members_check(ctx, o));
    WG_TRY(check_numbers(ctx, o));
    WG_TRY(check_parts(ctx, o));
    WG_TRY(wg_check_searched(ctx, o, plain));
    WG_TRY(check_patterns(ctx, o));
    WG_TRY(wg_reduction(ctx, w->objective, o, &tokens));
    if (o->clip_before_mask && (w->objective->needs & WG_SPARSE))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{clip_before_mask} cannot be used with objective %s",
                       w->objective->name);
    if ((o->mask != NULL) + (o->selector != NULL) + (o->lora > 0) > 1)
        return wg_fail(ctx, WAGLE_E_USAGE, "give only one of @{mask}, @{selector} and @{lora}");
    for (int i = 0; i < 2; i++) {
        const char *also = i == 0 ? o->out_patch : o->out_adapter;
        if (also == NULL)
            continue;
        WG_TRY(wg_output_apart(ctx, also, o->out));
        WG_TRY(wg_train_output_check(ctx, o, also, o->force));
    }
    WG_TRY(wg_run_log_check(ctx, o));
    WG_TRY(wg_train_check_early(ctx, o, w->objective));
    WG_TRY(wg_protect_check(ctx, o, plain));
    WG_TRY(wg_optimizer_kind_find(ctx, o->optimizer, &w->rules));
    if (o->land && o->stop_when == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{land} needs @{stop_when}, the rule that it lands on");
    WG_TRY(wg_stop_parse(ctx, o->stop_when, w->watch != NULL,
                         o->watch != NULL ? o->watch->suites : NULL, &w->stop));
    WG_TRY(wg_run_check_master(ctx, w));
    if (o->skip_forgotten &&
        (!w->stop.below || (strcmp(w->stop.metric, "forget.probability") != 0 &&
                            strcmp(w->stop.metric, "forget.highest") != 0)))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{skip_forgotten} needs @{stop_when=chance}, 'forget.probability<P' or "
                       "'forget.highest<P', whose bound says which rows are forgotten");
    return WAGLE_OK;
}

wagle_status wg_train_check(wagle_ctx *ctx, const wagle_train_options *o, bool plain, bool suites)
{
    const wg_watch watch = {NULL, NULL};
    wg_run w = {.own = *o, .o = &w.own, .watch = suites ? &watch : NULL, .events = {.fd = -1}};

    wg_train_resolve(&w.own, plain);
    return check_options(ctx, &w, plain);
}

/* Patterns that the choice leaves out: under protection also the table of embedding and head, which
 * no factor protects, unless --include names it. */
static wagle_status excluded(wagle_ctx *ctx, wg_run *w, const char *const **out)
{
    const wagle_train_options *o = w->o;
    const wg_model *m = w->session.model;
    const char *table = m->files.tensor[wg_model_tensor(m, WG_EMBED, 0)].name;
    int64_t n = 0;

    *out = o->exclude;
    if (o->protect.path == NULL || !m->config.tied ||
        (o->include != NULL && wg_matches_any(table, o->include)))
        return WAGLE_OK;
    while (o->exclude != NULL && o->exclude[n] != NULL)
        n++;
    WG_TRY(WG_ALLOC(ctx, &w->exclude, n + 2));
    for (int64_t i = 0; i < n; i++)
        w->exclude[i] = o->exclude[i];
    w->exclude[n] = table;
    *out = w->exclude;
    return WAGLE_OK;
}

/* The factors, of the model as it is stored; of --selector's scores too, which come first. */
static wagle_status protect(wagle_ctx *ctx, wg_run *w)
{
    const double start = wg_seconds();
    double share = 0;

    if (w->protect_rows.all.n == 0 || w->protect.n > 0)
        return WAGLE_OK;
    WG_TRY(wg_protect_make(ctx, &w->session, &w->protect_rows.all, w->o,
                           w->spill_factors ? w->partial : NULL, &w->protect));
    for (int64_t i = 0; i < w->protect.n; i++)
        share += (double)w->protect.factor[i].pairs / (double)w->protect.factor[i].I;
    wg_log(ctx, 1,
           "%lld rows of %lld tokens are protected, in %.0f %% of the directions that matrices "
           "read; that took %.1f s",
           (long long)w->protect_rows.all.n, (long long)wg_protect_tokens(&w->protect_rows.all),
           100 * share / (double)w->protect.n, wg_seconds() - start);
    return WAGLE_OK;
}

/* `to` has no rows; those it gets still belong to `from`. */
static wagle_status copy_rows(wagle_ctx *ctx, const wg_dataset *from, wg_dataset *to)
{
    if (from->n == 0)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &to->example, from->n));
    memcpy(to->example, from->example, (size_t)from->n * sizeof *to->example);
    to->n = from->n;
    to->longest = from->longest;
    return WAGLE_OK;
}

/* The rows that are scored: those of the run, or with o->draw lists of the attribution's own, whose
 * tokens are the run's. */
static wagle_status rows_of_scores(wagle_ctx *ctx, wg_run *w, wg_attribution *a)
{
    const int64_t drawn = w->o->draw;

    a->forget = drawn > 0 ? (wg_dataset){0} : w->data.forget;
    a->retain = drawn > 0 ? (wg_dataset){0} : w->data.retain;
    if (drawn == 0)
        return WAGLE_OK;
    WG_TRY(copy_rows(ctx, &w->data.forget, &a->forget));
    if (a->selector->needs & WG_NEEDS_RETAIN_ROWS)
        WG_TRY(copy_rows(ctx, &w->data.retain, &a->retain));
    return wg_attribution_draw(ctx, drawn, a);
}

/* Whether the factors of the scores are those of the training: of rows that are drawn they are not.
 */
static bool shares_factors(const wg_run *w)
{
    return w->protect_rows.all.n > 0 && w->o->draw == 0;
}

/* The rows whose factors the scores need: those to protect, else the retain rows. */
static wagle_status rows_of_factors(wagle_ctx *ctx, wg_run *w, wg_attribution *a)
{
    WG_TRY(wg_attribution_protection(ctx, a, w->o));
    if (!shares_factors(w))
        return wg_attribution_protect_rows(ctx, a);
    a->protected = &w->protect_rows.all;
    return WAGLE_OK;
}

/* Factors that the scores need. Those of the rows to protect are of the training too: its plan is
 * not made yet, so under --memory they go into a file. */
static wagle_status factors_of_scores(wagle_ctx *ctx, wg_run *w, wg_attribution *a)
{
    wagle_status st;

    if (!(a->selector->needs & WG_NEEDS_FACTORS) || !shares_factors(w))
        return wg_attribution_factors(ctx, a, w->partial);
    w->spill_factors = a->spill_factors;
    st = protect(ctx, w);
    a->session = w->session;
    a->factors = &w->protect;
    return st;
}

/* A mask of scores that are kept in OUT.partial meanwhile. In a dry run only its memory. */
static wagle_status score_and_select(wagle_ctx *ctx, wg_run *w, wg_attribution *a,
                                     const wg_choice *choice)
{
    char *path;
    wagle_status st;

    WG_TRY(rows_of_factors(ctx, w, a));
    WG_TRY(wg_attribution_budget(ctx, a, w->partial, true));
    if (ctx->dry_run)
        return WAGLE_OK;
    st = factors_of_scores(ctx, w, a);
    w->session = a->session; /* its batch may have grown */
    WG_TRY(st);
    if (wg_together(ctx) || w->partial == NULL) {
        st = wg_together(ctx) ? wg_select_together(ctx, a, choice, &w->mask)
                              : wg_select_in_memory(ctx, a, choice, &w->mask);
        w->session = a->session;
        return st;
    }
    path = wg_path_join(ctx, w->partial, "scores.safetensors");
    if (path == NULL)
        return WAGLE_E_RESOURCE;
    st = wg_select_through_file(ctx, a, path, choice, &w->mask);
    w->session = a->session;
    wg_free(path);
    return st;
}

/* The mask that was named, or one made here. */
static wagle_status load_mask(wagle_ctx *ctx, wg_run *w)
{
    const wagle_train_options *o = w->o;
    wg_choice choice = {o->density, WAGLE_SCOPE_GLOBAL, o->include, o->exclude};
    wg_attribution a;
    wagle_status st;

    w->masked = o->mask != NULL || o->selector != NULL;
    if (o->mask_tensors != NULL)
        return wg_views_mask(ctx, o->mask_tensors, &w->mask);
    if (o->mask != NULL)
        return wg_mask_read(ctx, o->mask, &w->mask);
    if (o->selector == NULL)
        return WAGLE_OK;
    WG_TRY(excluded(ctx, w, &choice.exclude));
    a = (wg_attribution){.session = w->session,
                         .gamma = wg_gamma_number(&o->gamma),
                         .given_gamma = o->gamma,
                         .damping = o->damping >= 0 ? o->damping : WG_DAMPING,
                         .seed = o->seed,
                         .draw = o->draw,
                         .spill_factors = ctx->memory > 0 && w->partial != NULL,
                         .in_memory = w->partial == NULL || wg_together(ctx)};
    st = wg_attribution_selector(ctx, &a, o->selector);
    if (st == WAGLE_OK)
        st = rows_of_scores(ctx, w, &a);
    if (st == WAGLE_OK)
        st = score_and_select(ctx, w, &a, &choice);
    wg_attribution_drop_factors(&a);
    if (o->draw > 0) {
        wg_free(a.forget.example);
        wg_free(a.retain.example);
    }
    return st;
}

/* --- steps ----------------------------------------------------------------------------------- */

wagle_status wg_run_update(wagle_ctx *ctx, wg_run *w, wg_step *step, double *lr)
{
    char detail[128];
    wagle_status st;

    *lr = wg_schedule(w->o->schedule, w->lr, w->step, w->warmup, w->steps);
    WG_TRY(wg_trainer_epoch(ctx, &w->trainer, w->step / w->per_epoch));
    WG_TRY(wg_run_sample_rows(ctx, w));
    st = wg_train_step(ctx, &w->trainer, w->pick, w->n_picks, w->step, *lr, step);
    if (st == WAGLE_E_RUN) {
        snprintf(detail, sizeof detail, "step %lld of %lld at @{lr} %g (%.3g here; less may do)",
                 (long long)w->step, (long long)w->steps, w->lr, *lr);
        return wg_note(ctx, st, detail);
    }
    WG_TRY(st);
    w->step++;
    return WAGLE_OK;
}

/* What the progress shows of an update: fields with two spaces between them. */
static void tell_progress(wagle_ctx *ctx, const wg_run *w, const wg_logged *step)
{
    const bool both = !(w->objective->needs & WG_TRAINS_ONLY);
    char detail[160];
    size_t n = (size_t)snprintf(detail, sizeof detail, "loss %.4f", step->of.loss);

    if (both && w->objective->term != NULL)
        n += (size_t)snprintf(detail + n, sizeof detail - n, "  forget %.4f", step->of.forget_term);
    if (both && w->trainer.retain_term != WG_RETAIN_NONE)
        n += (size_t)snprintf(detail + n, sizeof detail - n, "  keep %.4f", step->of.retain_term);
    snprintf(detail + n, sizeof detail - n, "  lr %.3g  tok/s %.0f", step->of.lr,
             step->tokens_per_second);
    wg_progress(ctx, w->objective->name, w->step, w->steps, detail);
}

/* Logs an update and tells the caller of it, who may say stop. */
static wagle_status tell_step(wagle_ctx *ctx, wg_run *w, const wg_step *step, double lr,
                              double seconds)
{
    const wg_logged told = {.of = {.step = w->step,
                                   .steps = w->steps,
                                   .loss = step->loss.loss,
                                   .forget_term = step->loss.forget,
                                   .retain_term = step->loss.retain,
                                   .grad_norm = step->grad_norm,
                                   .lr = lr,
                                   .tokens = step->tokens,
                                   .seconds = seconds},
                            .cosine = step->cosine,
                            .tokens_per_second = (double)step->tokens / seconds};

    w->result.loss = step->loss.loss;
    WG_TRY(wg_run_log_step(ctx, w, &told));
    tell_progress(ctx, w, &told);
    if (w->o->on_step != NULL && !w->o->on_step(w->o->on_step_user, &told.of))
        w->told = true;
    return WAGLE_OK;
}

static wagle_status one_step(wagle_ctx *ctx, wg_run *w)
{
    const double start = wg_seconds();
    wg_step step;
    double lr;

    WG_TRY(wg_run_update(ctx, w, &step, &lr));
    WG_TRY(tell_step(ctx, w, &step, lr, wg_seconds() - start));
    if (w->o->checkpoint_every > 0 && w->step % w->o->checkpoint_every == 0 && w->files)
        return wg_run_save(ctx, w);
    return WAGLE_OK;
}

/* Whether the run is a trial of which nothing is kept. */
static bool in_vain(const wg_run *w)
{
    return w->trial != NULL && (!w->result.stopped || w->step < w->trial->least);
}

static wagle_status all_steps(wagle_ctx *ctx, wg_run *w)
{
    const int64_t first = w->step;
    const int64_t last = w->trial != NULL && w->trial->most < w->steps ? w->trial->most : w->steps;
    const int64_t sent = wg_sent_bytes(ctx);
    double spent = 0;
    wagle_status st = wg_run_monitor(ctx, w); /* a resumed run checks what it had not */

    while (st == WAGLE_OK && w->step < last && !w->result.stopped && !w->told) {
        const double start = wg_seconds();
        st = wg_agree(ctx);
        if (st == WAGLE_OK)
            st = one_step(ctx, w);
        if (w->step > first + 1)
            spent += wg_seconds() - start;
        if (st == WAGLE_OK)
            st = wg_run_monitor(ctx, w);
    }
    w->told &= !w->result.stopped;
    if (wg_together(ctx) && w->step > first)
        wg_log(ctx, 2, "sent %.1f MB a step to the other processes",
               (double)(wg_sent_bytes(ctx) - sent) / 1e6 / (double)(w->step - first));
    if (st == WAGLE_OK && !in_vain(w))
        st = wg_run_land(ctx, w);
    w->result.stopped |= w->told;
    w->result.step_seconds = w->step > first + 1 ? spent / (double)(w->step - first - 1) : NAN;
    if (st != WAGLE_E_INTERRUPTED || !w->files)
        return st;
    /* a step that did not finish has changed nothing */
    WG_TRY(wg_run_save(ctx, w));
    wg_forget_failure(ctx);
    return wg_fail(ctx, st, "interrupted at step %lld of %lld; add @{resume=true} to continue",
                   (long long)w->step, (long long)w->steps);
}

/* --- the run --------------------------------------------------------------------------------- */

static wagle_status plan_steps(wagle_ctx *ctx, wg_run *w)
{
    const wagle_train_options *o = w->o;
    const int64_t whole = o->batch * o->accumulate;

    w->per_epoch = (w->data.forget.n + whole - 1) / whole;
    w->steps = w->pairs != NULL ? (int64_t)json_array_size(w->pairs)
               : o->steps > 0   ? o->steps
                                : (int64_t)ceil(o->epochs * (double)w->per_epoch);
    if (o->warmup > w->steps)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{warmup} %lld: the run has only %lld updates",
                       (long long)o->warmup, (long long)w->steps);
    w->warmup =
        o->warmup >= 0
            ? o->warmup
            : (int64_t)ceil(o->warmup_ratio * (double)(o->lr > 0 ? w->steps : wg_run_wanted(w)));
    w->warmup = w->warmup < w->steps ? w->warmup : w->steps;
    w->ordered = -1;
    w->room = whole;
    WG_TRY(WG_ALLOC(ctx, &w->order, w->data.forget.n));
    WG_TRY(wg_run_skip(ctx, w));
    WG_TRY(WG_ALLOC(ctx, &w->pick, o->accumulate));
    WG_TRY(WG_ALLOC(ctx, &w->f, whole));
    return WG_ALLOC(ctx, &w->r, whole);
}

static wagle_status prepare(wagle_ctx *ctx, wg_run *w)
{
    const wagle_train_options *o = w->o;
    wg_retain term;

    WG_TRY(wg_run_read_pairs(ctx, w));
    WG_TRY(plan_steps(ctx, w));
    WG_TRY(wg_retain_term(ctx, w->objective, o, &term));
    if (o->rectify > 0 && (term == WG_RETAIN_NONE || w->objective->term == NULL))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{rectify} needs an objective with a forget term over tokens and a retain "
                       "term; %s does not have both",
                       w->objective->name);
    if (!ctx->dry_run && w->partial != NULL) {
        WG_TRY(wg_run_fingerprint(ctx, w));
        WG_TRY(wg_run_check_resume(ctx, w));
    }
    if (!ctx->dry_run && o->selector != NULL && !o->resume)
        WG_TRY(wg_run_check_rule(ctx, w));
    WG_TRY(wg_run_check_stored(ctx, w)); /* before scores are computed, and with the mask */
    WG_TRY(load_mask(ctx, w));
    WG_TRY(wg_run_check_stored(ctx, w));
    WG_TRY(wg_run_budget(ctx, w, term));
    if (ctx->dry_run) {
        if (w->partial != NULL)
            WG_TRY(wg_run_reserve(ctx, w, wg_run_trained(w)));
        return wg_run_search_plan(ctx, w);
    }
    WG_TRY(protect(ctx, w));
    WG_TRY(wg_trainer_new(ctx, &w->session, &w->data, o, w->shared, &w->trainer));
    return wg_optimizer_new(ctx, w->session.model, w->masked ? &w->mask : NULL,
                            w->protect_rows.all.n > 0 ? &w->protect : NULL, o,
                            w->spill_state ? w->partial : NULL, &w->trainer.optimizer);
}

static void close_run(wg_run *w)
{
    wg_trainer_free(&w->trainer);
    wg_protect_free(&w->protect);
    wg_free(w->exclude);
    wg_protect_rows_free(&w->protect_rows);
    wg_mask_free(&w->mask);
    wg_chance_free(&w->chance);
    json_decref(w->tries);
    wg_train_data_free(&w->data);
    wg_session_close(&w->session);
    wg_run_log_close(w);
    json_decref(w->pairs);
    json_decref(w->made_by);
    json_decref(w->layout);
    wg_free(w->order);
    wg_free(w->known);
    wg_free(w->left);
    wg_free(w->f);
    wg_free(w->r);
    wg_free(w->pick);
    wg_free(w->checkpoint);
}

/* Rows that the model wrote are the retain rows too, where there are none. */
static wagle_status keep_self_rows(wagle_ctx *ctx, wg_run *w)
{
    return w->data.retain.n > 0 || (w->objective->needs & WG_TRAINS_ONLY)
               ? WAGLE_OK
               : copy_rows(ctx, &w->protect_rows.self, &w->data.retain);
}

static wagle_status load_data(wagle_ctx *ctx, wg_run *w)
{
    WG_TRY(wg_protect_check_model(ctx, w->session.model, w->o));
    WG_TRY(wg_train_data_load(ctx, &w->session, w->objective, w->o, &w->data));
    WG_TRY(wg_protect_rows_load(ctx, &w->session, w->o, &w->data.forget, &w->data.retain,
                                &w->protect_rows));
    WG_TRY(keep_self_rows(ctx, w));
    WG_TRY(wg_chance_load(ctx, w));
    WG_TRY(wg_layout_compare(ctx, w->session.model->folder, &w->session.reader.layout));
    if (w->session.reader.laid_out > 0) {
        w->layout = wg_layout_json(&w->session.reader.layout);
        if (w->layout == NULL)
            return wg_json_memory(ctx);
    }
    if (strncmp(w->stop.metric, "retain.", 7) == 0 && w->data.retain.n == 0)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{stop_when} is about retain, but there is no @{retain}");
    return WAGLE_OK;
}

/* What may be meant otherwise. */
static wagle_status warn(wagle_ctx *ctx, const wg_run *w)
{
    const wagle_train_options *o = w->o;

    /* one file for both was said already */
    if (w->trainer.retain_term != WG_RETAIN_NONE && wg_run_same_rows(w) &&
        !wg_data_share(&o->forget, &o->retain))
        wg_log(ctx, 0, "@{forget} and @{retain} are the same rows, so one term undoes the other");
    if (w->trainer.tokens)
        wg_log(ctx, 2, "losses are means over label tokens (@{reduction=tokens})");
    return wg_tell_left_out(ctx, w->session.model->folder, &w->session.model->files);
}

/* Said in a dry run too. */
static void warn_idle(wagle_ctx *ctx, const wg_run *w)
{
    for (int64_t i = 0; i < w->steps; i++)
        if (wg_schedule(w->o->schedule, 1, i, w->warmup, w->steps) > 0)
            return;
    wg_log(ctx, 0,
           "every update has learning rate 0, because the warm-up starts there, so nothing will "
           "change; add @{warmup=0}");
}

/* If the model cannot be written, what was trained is kept. */
static wagle_status finish(wagle_ctx *ctx, wg_run *w)
{
    char why[WG_MESSAGE_BYTES];
    wagle_status st, saved;

    if (!wg_writes(ctx))
        return WAGLE_OK;
    if (w->partial == NULL)
        return wg_opened_trained(ctx, w->o->opened, w->session.model, w->o->made);
    wg_run_release(w);
    st = wg_run_finish(ctx, w);
    if (st == WAGLE_OK)
        return st;
    snprintf(why, sizeof why, "%s", ctx->message);
    wg_forget_failure(ctx);
    wg_run_unland(w);
    saved = wg_run_clear_partial(ctx, w, true);
    if (saved == WAGLE_OK)
        saved = wg_run_save(ctx, w);
    wg_forget_failure(ctx);
    return saved == WAGLE_OK || wg_exists(w->checkpoint)
               ? wg_fail(ctx, st,
                         "%.800s; the training is kept in a checkpoint; add @{resume=true} to "
                         "write the "
                         "model",
                         why)
               : wg_fail(ctx, st, "%s", why);
}

static wagle_status judge_rule(wagle_ctx *ctx, const wg_run *w)
{
    char text[640], last[96] = "", level[160] = "";

    if (w->o->stop_when == NULL || w->result.stopped)
        return WAGLE_OK;
    if (w->stop.chance)
        snprintf(level, sizeof level, ", %s<%.4g,", w->stop.metric, w->stop.bound);
    if (!isnan(w->asked))
        snprintf(last, sizeof last, " (%.4g at its last check)", w->asked);
    snprintf(text, sizeof text,
             "@{stop_when} '%.96s'%s was not reached in %lld steps%s; the model is in %.160s",
             w->o->stop_when, level, (long long)w->steps, last,
             w->o->out != NULL ? w->o->out : "memory");
    if (!w->o->allow_unmet)
        return wg_fail(ctx, WAGLE_E_UNMET, "%s", text);
    wg_log(ctx, 0, "%s", text);
    return WAGLE_OK;
}

wagle_status wg_train(wagle_ctx *ctx, const wagle_train_options *given, bool plain,
                      const wg_train_hooks *around, wagle_train_result *result)
{
    wg_run w = {.own = *given,
                .o = &w.own,
                .folder = {.lock = -1},
                .held = -1,
                .events = {.fd = -1},
                .shared = around->shared,
                .watch = around->watch,
                .trial = around->trial};
    const wagle_train_options *o = &w.own;
    const double start = wg_seconds();
    wagle_status st;

    wg_forget_failure(ctx);
    wg_train_hold(&w.own);
    if (o->made != NULL)
        *o->made = NULL;
    wg_train_resolve(&w.own, plain);
    w.files = o->out != NULL;
    if (!wg_writes(ctx)) {
        w.own.out = w.own.out_patch = w.own.out_adapter = w.own.tensorboard = NULL;
        w.own.made = NULL;
    }
    w.lr = o->lr;
    w.result.forget_probability = w.result.chance = w.asked = NAN;
    w.result.land = 1;
    WG_TRY(check_options(ctx, &w, plain));
    if (!o->resume) /* it was said when the run began */
        wg_data_warn_shared(ctx, &o->forget, &o->retain);
    if (o->out != NULL)
        WG_TRY(wg_train_output_check(ctx, o, o->out, o->force || o->resume));
    WG_TRY_GOTO(wg_session_begin(ctx, o->model, o->opened, &w.session), done);
    WG_TRY_GOTO(wg_lora_check_written(ctx, w.session.model, o), done);
    WG_TRY_GOTO(load_data(ctx, &w), done);
    if (o->out != NULL)
        WG_TRY_GOTO(wg_run_open_partial(ctx, &w), done);
    WG_TRY_GOTO(prepare(ctx, &w), done);
    warn_idle(ctx, &w);
    if (ctx->dry_run)
        goto done;
    w.result.selected = w.trainer.optimizer->n;
    w.result.weights = wg_model_parameters(w.session.model);
    if (w.partial != NULL)
        WG_TRY_GOTO(wg_run_reserve(ctx, &w, w.result.selected), done);
    WG_TRY_GOTO(warn(ctx, &w), done);
    WG_TRY_GOTO(wg_run_log_open(ctx, &w), done);
    WG_TRY_GOTO(wg_chance_measure(ctx, &w), done);
    WG_TRY_GOTO(wg_run_search(ctx, &w), done);
    WG_TRY_GOTO(wg_run_resume(ctx, &w), done);
    WG_TRY_GOTO(wg_run_log_start(ctx, &w), done);
    WG_TRY_GOTO(all_steps(ctx, &w), done);
    if (in_vain(&w))
        goto done;
    WG_TRY_GOTO(finish(ctx, &w), done);
    WG_TRY_GOTO(judge_rule(ctx, &w), done);
    if (w.unchanged)
        st =
            wg_fail(ctx, WAGLE_E_RUN,
                    "@{out_patch} %.160s: not written, because no stored weight changed; the model "
                    "is in %.160s",
                    o->out_patch, o->out);
done:
    wg_run_release(&w);
    if (w.partial != NULL)
        wg_partial_end(&w.folder, w.checkpoint == NULL || wg_exists(w.checkpoint));
    w.result.steps = w.step;
    w.result.stop_value = w.asked;
    w.result.lr = w.lr;
    w.result.seconds = wg_seconds() - start;
    if (result != NULL)
        *result = w.result;
    close_run(&w);
    return st;
}

wagle_status wg_train_facts(wagle_ctx *ctx, const wagle_train_options *o, const char *where,
                            const json_t *before, json_t **facts)
{
    const wg_watch watch = {NULL, NULL};
    wg_run w = {.own = *o,
                .o = &w.own,
                .held = -1,
                .events = {.fd = -1},
                .watch = o->watch != NULL ? &watch : NULL,
                .records_watch = o->watch != NULL};
    wagle_status st;

    *facts = NULL;
    wg_train_resolve(&w.own, false);
    WG_TRY(check_options(ctx, &w, false));
    WG_TRY_GOTO(wg_session_begin(ctx, w.o->model, w.o->opened, &w.session), done);
    WG_TRY_GOTO(wg_train_data_load(ctx, &w.session, w.objective, w.o, &w.data), done);
    WG_TRY_GOTO(wg_run_read_pairs(ctx, &w), done);
    WG_TRY_GOTO(plan_steps(ctx, &w), done);
    w.checkpoint = wg_copy_text(ctx, where, strlen(where)); /* which messages name */
    WG_TRY_GOTO(w.checkpoint != NULL ? WAGLE_OK : WAGLE_E_RESOURCE, done);
    WG_TRY_GOTO(wg_run_fingerprint(ctx, &w), done);
    if (before != NULL)
        WG_TRY_GOTO(wg_run_compare_strictly(ctx, &w, before), done);
    *facts = json_incref(w.made_by);
done:
    close_run(&w);
    return st;
}
