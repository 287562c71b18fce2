/* attribute.c - `wagle attribute`: options, data, memory, and where scores go. */
#include "mask/attribute.h"

#include "base/options.h"

#include "data/distinct.h"
#include "data/held.h"

#include "mask/part_sums.h"
#include "mask/tensorfile.h"
#include "session/budget.h"
#include "session/opened.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What processes do with scores that another one writes. */
static wagle_status drop(void *user, wagle_ctx *ctx, int tensor, int64_t first, const float *score,
                         int64_t n)
{
    (void)user, (void)ctx, (void)tensor, (void)first, (void)score, (void)n;
    return WAGLE_OK;
}

wagle_status wg_score_for_others(wagle_ctx *ctx, wg_attribution *a)
{
    return wg_score(ctx, a, drop, NULL);
}

static wagle_status put(void *user, wagle_ctx *ctx, int tensor, int64_t first, const float *score,
                        int64_t n)
{
    return wg_tensor_file_put(ctx, user, tensor, first, score, n);
}

static bool scored(const void *user, int tensor)
{
    return wg_is_scored(user, tensor);
}

wagle_status wg_attribute(wagle_ctx *ctx, wg_attribution *a, const char *out, bool force)
{
    wg_tensor_file file;
    json_t *facts;
    wagle_status st;

    WG_TRY(wg_find_gamma(ctx, a));
    facts = json_pack("{s:s}", "format", "wagle-scores");
    st = facts != NULL ? wg_attribution_facts(ctx, a, facts) : wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_tensor_file_open(ctx, out, a->session.model, scored, a, facts, force, &file);
    if (st == WAGLE_OK) {
        st = wg_score(ctx, a, put, &file);
        st = wg_tensor_file_close(ctx, &file, st);
    }
    json_decref(facts);
    return st;
}

/* Scores that are kept in memory. */
typedef struct keeping {
    wagle_tensors *scores;
    int64_t *place; /* [tensors of the model] */
} keeping;

static wagle_status keep(void *user, wagle_ctx *ctx, int tensor, int64_t first, const float *score,
                         int64_t n)
{
    const keeping *k = user;

    (void)ctx;
    wg_views_put(k->scores, k->place[tensor], first, score, n);
    return WAGLE_OK;
}

wagle_status wg_attribute_in_memory(wagle_ctx *ctx, wg_attribution *a, wagle_tensors **out)
{
    const wg_tensors *files = &a->session.model->files;
    keeping k = {0};
    wg_tensor *list = NULL;
    bool *transposed = NULL;
    int64_t n = 0;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(ctx, &list, files->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &k.place, files->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &transposed, files->n), done);
    for (int t = 0; t < files->n; t++)
        if (wg_model_is_weight(a->session.model, t) && wg_is_scored(a, t)) {
            k.place[t] = n;
            transposed[n] = wg_model_is_transposed(a->session.model, t);
            list[n++] = files->tensor[t];
        }
    WG_TRY_GOTO(wg_views_new_scores(ctx, list, transposed, n, &k.scores), done);
    st = wg_score(ctx, a, keep, &k);
    if (st == WAGLE_OK)
        *out = k.scores;
    else
        wg_views_free(k.scores);
done:
    wg_free(list);
    wg_free(transposed);
    wg_free(k.place);
    return st;
}

wagle_status wg_attribution_budget(wagle_ctx *ctx, wg_attribution *a, const char *folder,
                                   bool only_check)
{
    const int needs = a->selector->needs;
    const wg_dataset *retain = needs & WG_NEEDS_RETAIN_ROWS ? &a->retain : NULL;
    const int64_t all = retain != NULL && retain->n > a->forget.n ? retain->n : a->forget.n;
    const int64_t parts = wg_parts(ctx), rows = (all + parts - 1) / parts;
    const int kinds = 1 + (retain != NULL) + ((needs & WG_NEEDS_FORGET_FISHER) != 0) +
                      ((needs & WG_NEEDS_RETAIN_FISHER) != 0);
    const wg_model *m = a->session.model;
    const int64_t streams = retain != NULL ? WG_STREAMS : 1;
    wg_cost cost[] = {
        {.what = "scores of a piece",
         .bytes = 2 * (int64_t)WG_SCORES_AT_ONCE * (int64_t)sizeof(float)},
        {.what = "factors of protected matrices, at most", .bytes = wg_attribution_factor_bytes(a)},
        {.what = "retain gradient times its factor", .bytes = wg_attribution_product_bytes(a)},
        {.what = "scores", .bytes = a->in_memory ? wg_slice_scores_bytes(ctx, m) : 0},
        {.what = "gradients of parts that wait for others",
         .bytes = wg_part_sums_bytes(ctx, wg_model_parameters(m), m->widest, kinds)},
        {.what = "gradients of a tensor, from the card",
         .bytes = m->ops->host ? 0 : streams * m->widest * (int64_t)sizeof(float)}};
    const wg_spill factors = {&cost[1], &a->spill_factors, "factors of protected matrices go"};
    wg_need need = {.cost = cost,
                    .n = sizeof cost / sizeof *cost,
                    .steps = 1,
                    .passes = wg_most_passes(ctx, all),
                    .traffic =
                        wg_attribution_traffic(ctx, wg_model_parameters(m), m->files.n, kinds),
                    .only_check = only_check,
                    .hint = "fewer rows (@{limit}) take less"};

    if (!(needs & (WG_NEEDS_FORGET | WG_NEEDS_INPUTS)))
        return WAGLE_OK;
    wg_add_shared_traffic(ctx, m, need.passes, &need.traffic);
    need.intent = wg_largest_batch(&a->forget, retain, rows);
    need.intent.streams = (int)streams;
    need.intent.folder = folder;
    WG_TRY(wg_budget_spilling(ctx, &a->session, &need, &factors, folder != NULL));
    if (!(needs & WG_NEEDS_FACTORS))
        return WAGLE_OK;
    WG_TRY(wg_protect_fits(ctx, &a->session, a->protected, &a->protection, cost[1].bytes));
    need.only_check = true; /* sets the engine's memory limit back to that of scoring */
    return wg_budget(ctx, &a->session, &need);
}

/* The folder of the result, which is also used for scratch files. */
static void folder_of(const char *out, char folder[4096])
{
    const char *slash = strrchr(out, '/');

    snprintf(folder, 4096, "%.*s", slash == NULL || slash == out ? 1 : (int)(slash - out),
             slash == NULL ? "." : out);
}

wagle_status wg_attribution_selector(wagle_ctx *ctx, wg_attribution *a, const char *name)
{
    static const char *const forms[] = {[WAGLE_GAMMA_DIAG] = "wagle-diag",
                                        [WAGLE_GAMMA_AUTO] = "wagle",
                                        [WAGLE_GAMMA_NUMBER] = "wagle",
                                        [WAGLE_GAMMA_PROTECT] = "wagle-protect"};

    return wg_selector_find(ctx, strcmp(name, "wagle") == 0 ? forms[a->given_gamma.kind] : name,
                            &a->selector);
}

/* Finds the loss by name. It must be one of the forget answers' own tokens. */
static wagle_status find_loss(wagle_ctx *ctx, const wagle_attribute_options *o, wg_attribution *out)
{
    if (o->loss == NULL || strcmp(o->loss, "nll") == 0)
        return WAGLE_OK;
    WG_TRY(wg_objective_find(ctx, o->loss, &out->loss));
    if (out->loss->term != NULL && out->loss->token == WG_LOSS_NLL &&
        !(out->loss->needs & (WG_NEEDS_REFUSALS | WG_TRAINS_ONLY)))
        return WAGLE_OK;
    return wg_fail(
        ctx, WAGLE_E_USAGE,
        "@{loss} %s: it does not follow from the token losses of the forget answers; use "
        "nll, ga, npo, simnpo, wga or satimp",
        o->loss);
}

/* The options of the rows to protect, in the form of training options. */
static wagle_train_options protection_of(const wagle_attribute_options *o)
{
    return (wagle_train_options){.forget = o->forget,
                                 .retain = o->retain,
                                 .seed = o->seed,
                                 .protect = o->protect,
                                 .protect_damping = o->protect_damping,
                                 .protect_rank = o->protect_rank};
}

/* Loads the rows, checks the memory, and computes the factors if the selector needs them. */
static wagle_status load(wagle_ctx *ctx, const wagle_attribute_options *o, wg_attribution *a)
{
    const int needs = a->selector->needs;
    char beside[4096];
    const char *folder = o->out != NULL ? beside : NULL;

    if (folder != NULL)
        folder_of(o->out, beside);
    if (needs & (WG_NEEDS_FORGET | WG_NEEDS_INPUTS))
        WG_TRY(
            wg_dataset_load_preferred(ctx, &a->session.reader, &o->forget, "rejected", &a->forget));
    if (needs & WG_NEEDS_RETAIN_ROWS)
        WG_TRY(
            wg_dataset_load_preferred(ctx, &a->session.reader, &o->retain, "chosen", &a->retain));
    WG_TRY(wg_attribution_draw(ctx, o->draw, a));
    WG_TRY(wg_attribution_protect_rows(ctx, a));
    WG_TRY(wg_attribution_budget(ctx, a, folder, false));
    return ctx->dry_run ? WAGLE_OK : wg_attribution_factors(ctx, a, folder);
}

static wagle_status check_out(wagle_ctx *ctx, const wagle_attribute_options *o)
{
    WG_TRY(wg_output_check(ctx, o->out, o->force, WG_INPUTS(o->model)));
    if (o->tensorboard != NULL)
        WG_TRY(wg_output_spares(ctx, o->tensorboard, o->model));
    WG_TRY(wg_output_spares_data(ctx, o->out, &o->forget));
    WG_TRY(wg_output_spares_data(ctx, o->out, &o->retain));
    return wg_output_spares_data(ctx, o->out, &o->protect);
}

enum { MOST_DRAWN = 100 * 1000 * 1000 };

wagle_status wg_attribution_open(wagle_ctx *ctx, const wagle_attribute_options *o,
                                 wg_attribution *out)
{
    const wagle_train_options protection = protection_of(o);
    wagle_status st;

    *out = (wg_attribution){.gamma = wg_gamma_number(&o->gamma),
                            .given_gamma = o->gamma,
                            .damping = o->damping,
                            .seed = o->seed,
                            .draw = o->draw,
                            .in_memory = o->out == NULL,
                            .forget_data = &o->forget,
                            .retain_data = &o->retain};
    WG_TRY(wg_gamma_check(ctx, &o->gamma));
    if (!(o->damping >= 0) || !isfinite(o->damping))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{damping} %g: must be 0 or more", o->damping);
    if (o->draw < 0 || o->draw > MOST_DRAWN)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{draw} %lld: must be from 1 to %d", (long long)o->draw,
                       MOST_DRAWN);
    WG_TRY(wg_attribution_selector(ctx, out, o->selector));
    WG_TRY(wg_attribution_protection(ctx, out, &protection));
    WG_TRY(find_loss(ctx, o, out));
    if (o->out != NULL)
        WG_TRY(check_out(ctx, o));
    wg_data_warn_shared(ctx, &o->forget, &o->retain);
    WG_TRY(wg_session_begin(ctx, o->model, o->opened, &out->session));
    st = load(ctx, o, out);
    if (st != WAGLE_OK)
        wg_attribution_close(out);
    return st;
}

void wg_attribution_close(wg_attribution *a)
{
    wg_attribution_drop_factors(a);
    wg_dataset_free(&a->forget);
    wg_dataset_free(&a->retain);
    wg_session_close(&a->session);
}

WG_DEFAULTS(wagle_attribute_defaults, wagle_attribute_options, .selector = "wagle",
            .gamma.kind = WAGLE_GAMMA_DIAG, .damping = WG_DAMPING,
            .protect_damping = WG_PROTECT_DAMPING, .protect_rank = WG_PROTECT_RANK)

void wg_attribute_hold(wagle_attribute_options *o)
{
    if (o->opened != NULL)
        o->model = wg_opened_path(o->opened);
    wg_data_hold(&o->forget);
    wg_data_hold(&o->retain);
    wg_data_hold(&o->protect);
}

/* The scores, and their histograms if these are wanted. */
static wagle_status score_for(wagle_ctx *ctx, const wagle_attribute_options *o, wg_attribution *a)
{
    wg_histograms h;
    wagle_status st = WAGLE_OK;

    if (!wg_writes(ctx))
        return wg_score_for_others(ctx, a);
    if (o->tensorboard != NULL) {
        WG_TRY(wg_histograms_open(ctx, a, o->tensorboard, o->force, &h));
        a->histograms = &h;
    }
    st = o->made != NULL ? wg_attribute_in_memory(ctx, a, o->made)
                         : wg_attribute(ctx, a, o->out, o->force);
    if (a->histograms != NULL) {
        if (st == WAGLE_OK)
            st = wg_histograms_write(ctx, a, &h);
        wg_histograms_close(&h);
        a->histograms = NULL;
    }
    return st;
}

wagle_status wagle_attribute(wagle_ctx *ctx, const wagle_attribute_options *given)
{
    wagle_attribute_options own;
    const wagle_attribute_options *o = &own;
    wg_attribution a;
    const int64_t sent = wg_sent_bytes(ctx);
    wagle_status st = WAGLE_OK;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_attribute));
    wg_attribute_hold(&own);
    if (!wg_writes(ctx)) {
        own.out = own.tensorboard = NULL;
        own.made = NULL;
    } else if ((o->out == NULL) == (o->made == NULL))
        return wg_fail(ctx, WAGLE_E_USAGE, "attribute: @{out FILE} is missing");
    if (o->made != NULL)
        *o->made = NULL;
    WG_TRY(wg_attribution_open(ctx, o, &a));
    if (!ctx->dry_run)
        st = score_for(ctx, o, &a);
    if (st == WAGLE_OK && !ctx->dry_run &&
        (a.selector->needs & (WG_NEEDS_GAMMA | WG_NEEDS_MEAN_FISHER)))
        wg_log(ctx, 1, "gamma %g", a.gamma);
    if (st == WAGLE_OK && !ctx->dry_run && wg_together(ctx))
        wg_log(ctx, 2, "sent %.1f MB to the other processes",
               (double)(wg_sent_bytes(ctx) - sent) / 1e6);
    wg_attribution_close(&a);
    return st;
}
