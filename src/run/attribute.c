#include "run/attribute.h"

#include "run/budget.h"
#include "run/tensorfile.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 1 << 18 };

typedef struct scorer {
    wg_attribution *of;
    wg_take_scores *take;
    void *user;
    float *theta, *score; /* [CHUNK] */
} scorer;

static wagle_status score_tensor(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                                 const wg_real *const grad[WG_STREAMS])
{
    scorer *k = user;
    const wg_model *m = k->of->session.model;

    for (int64_t first = 0; first < n; first += CHUNK) {
        wg_score_chunk c = {.tensor = tensor,
                            .first = first,
                            .n = n - first < CHUNK ? n - first : CHUNK,
                            .gamma = k->of->gamma,
                            .seed = k->of->seed};
        c.theta = wg_model_view(m, tensor, first, c.n, k->theta);
        c.grad_forget = grad != NULL ? grad[0] + first : NULL;
        c.grad_retain = grad != NULL && grad[1] != NULL ? grad[1] + first : NULL;
        k->of->selector->score(&c, k->score);
        for (int64_t i = 0; i < c.n; i++)
            if (!isfinite(k->score[i]))
                return wg_fail(ctx, WAGLE_E_RUN, "score of '%s' at %lld is not finite",
                               m->files.tensor[tensor].name, (long long)(first + i));
        WG_TRY(k->take(k->user, ctx, tensor, first, k->score, c.n));
    }
    wg_map_release(m->files.tensor[tensor].data, m->files.tensor[tensor].bytes);
    return WAGLE_OK;
}

/* Mean over all weights of the mean over sequences of squared per-sequence gradients. */
static wagle_status mean_fisher(wagle_ctx *ctx, wg_session *s, const wg_dataset *retain,
                                double *gamma)
{
    wg_real *nll = NULL, *weight = NULL;
    double *square = NULL, total = 0;
    wagle_status st;

    WG_TRY(wg_session_batch(ctx, s, retain, NULL));
    WG_TRY_GOTO(WG_ALLOC(ctx, &nll, s->batch.M), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &weight, s->batch.M), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &square, s->batch.S), done);
    wg_token_mean_weights(&s->batch, weight);
    WG_TRY_GOTO(wg_engine_forward(ctx, s->engine, &s->batch, true, "gamma: forward", nll), done);
    WG_TRY_GOTO(
        wg_engine_square_norms(ctx, s->engine, &s->batch, weight, "gamma: backward", square), done);
    for (int64_t i = 0; i < s->batch.S; i++)
        total += square[i];
    *gamma = total / (double)s->batch.S / (double)wg_model_parameters(s->model);
    if (!(*gamma > 0) || !isfinite(*gamma))
        st = wg_fail(ctx, WAGLE_E_RUN, "gamma auto came to %g; give --gamma a number", *gamma);
done:
    wg_free(nll);
    wg_free(weight);
    wg_free(square);
    return st;
}

static wagle_status score_by_gradients(wagle_ctx *ctx, scorer *k, bool both)
{
    wg_session *s = &k->of->session;
    const wg_sink sink = {.user = k, .accept = score_tensor};
    wg_real *nll = NULL, *weight = NULL;
    wagle_status st;

    WG_TRY(wg_session_batch(ctx, s, &k->of->forget, both ? &k->of->retain : NULL));
    WG_TRY_GOTO(WG_ALLOC(ctx, &nll, s->batch.M), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &weight, s->batch.M), done);
    wg_token_mean_weights(&s->batch, weight);
    WG_TRY_GOTO(wg_engine_forward(ctx, s->engine, &s->batch, true, "forward", nll), done);
    st = wg_engine_backward(ctx, s->engine, &s->batch, weight, both ? 2 : 1, "backward", &sink);
done:
    wg_free(nll);
    wg_free(weight);
    return st;
}

static wagle_status score_all(wagle_ctx *ctx, scorer *k)
{
    const int needs = k->of->selector->needs;
    const wg_model *m = k->of->session.model;

    WG_TRY(WG_ALLOC(ctx, &k->theta, CHUNK));
    WG_TRY(WG_ALLOC(ctx, &k->score, CHUNK));
    if (needs & WG_NEEDS_FORGET)
        return score_by_gradients(ctx, k, (needs & WG_NEEDS_RETAIN_GRADIENT) != 0);
    for (int t = 0; t < m->files.n; t++)
        if (wg_model_is_weight(m, t))
            WG_TRY(score_tensor(k, ctx, t, m->files.tensor[t].count, NULL));
    return WAGLE_OK;
}

static wagle_status find_gamma(wagle_ctx *ctx, wg_attribution *a)
{
    return (a->selector->needs & WG_NEEDS_GAMMA) && a->gamma == 0
               ? mean_fisher(ctx, &a->session, &a->retain, &a->gamma)
               : WAGLE_OK;
}

wagle_status wg_score(wagle_ctx *ctx, wg_attribution *a, wg_take_scores *take, void *user)
{
    scorer k = {.of = a, .take = take, .user = user};
    wagle_status st = find_gamma(ctx, a);

    if (st == WAGLE_OK)
        st = score_all(ctx, &k);
    wg_free(k.theta);
    wg_free(k.score);
    return st;
}

static wagle_status put(void *user, wagle_ctx *ctx, int tensor, int64_t first, const float *score,
                        int64_t n)
{
    return wg_tensor_file_put(ctx, user, tensor, first, score, n);
}

wagle_status wg_attribute(wagle_ctx *ctx, wg_attribution *a, const char *out, bool force)
{
    wg_tensor_file file;
    json_t *facts;
    char text[32];
    wagle_status st;

    WG_TRY(find_gamma(ctx, a));
    snprintf(text, sizeof text, "%.17g", a->gamma);
    facts = json_pack("{s:s, s:s, s:s}", "format", "wagle-scores", "selector", a->selector->name,
                      "gamma", text);
    st = facts != NULL ? WAGLE_OK : wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_tensor_file_open(ctx, out, a->session.model, facts, force, &file);
    if (st == WAGLE_OK) {
        st = wg_score(ctx, a, put, &file);
        st = wg_tensor_file_close(ctx, &file, st);
    }
    json_decref(facts);
    return st;
}

/* Checkpoints may go into the folder where the result will be. */
static wagle_status budget(wagle_ctx *ctx, const wagle_attribute_options *o, wg_attribution *a)
{
    char folder[4096] = ".";
    const char *slash = strrchr(o->out, '/');
    const wg_cost cost = {"scores of a piece", 2 * (int64_t)CHUNK * (int64_t)sizeof(float)};
    wg_need need = {.cost = &cost, .n = 1, .steps = 1, .hint = "fewer rows (--limit) take less"};

    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", slash == o->out ? 1 : (int)(slash - o->out),
                 o->out);
    if (a->forget.n == 0)
        return WAGLE_OK;
    need.intent = wg_largest_batch(&a->forget, &a->retain,
                                   a->forget.n > a->retain.n ? a->forget.n : a->retain.n);
    need.intent.streams = a->retain.n > 0 ? WG_STREAMS : 1;
    need.intent.folder = folder;
    return wg_budget(ctx, &a->session, &need);
}

wagle_status wg_attribution_open(wagle_ctx *ctx, const wagle_attribute_options *o,
                                 wg_attribution *out)
{
    wagle_status st;

    *out = (wg_attribution){.gamma = o->gamma, .seed = o->seed};
    if (!(o->gamma >= 0) || !isfinite(o->gamma))
        return wg_fail(ctx, WAGLE_E_USAGE, "--gamma wants a number above 0, or auto");
    WG_TRY(wg_selector_find(ctx, o->selector, &out->selector));
    WG_TRY(wg_check_absent(ctx, o->out, o->force));
    WG_TRY(wg_session_open(ctx, o->model, &out->session));
    st = WAGLE_OK;
    if (out->selector->needs & WG_NEEDS_FORGET)
        st = wg_dataset_load(ctx, &out->session.reader, &o->forget, &out->forget);
    if (st == WAGLE_OK && (out->selector->needs & WG_NEEDS_RETAIN_GRADIENT))
        st = wg_dataset_load(ctx, &out->session.reader, &o->retain, &out->retain);
    if (st == WAGLE_OK)
        st = budget(ctx, o, out);
    if (st != WAGLE_OK)
        wg_attribution_close(out);
    return st;
}

void wg_attribution_close(wg_attribution *a)
{
    wg_dataset_free(&a->forget);
    wg_dataset_free(&a->retain);
    wg_session_close(&a->session);
}

void wagle_attribute_defaults(wagle_attribute_options *o)
{
    *o = (wagle_attribute_options){.selector = "wagle"};
}

wagle_status wagle_attribute(wagle_ctx *ctx, const wagle_attribute_options *o)
{
    wg_attribution a;
    wagle_status st = WAGLE_OK;

    wg_begin(ctx);
    if (o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "attribute wants --out");
    WG_TRY(wg_attribution_open(ctx, o, &a));
    if (!ctx->dry_run)
        st = wg_attribute(ctx, &a, o->out, o->force);
    if (st == WAGLE_OK && !ctx->dry_run && (a.selector->needs & WG_NEEDS_GAMMA))
        wg_log(ctx, 1, "gamma %g", a.gamma);
    wg_attribution_close(&a);
    return st;
}
