/* learning_rate.c - --lr auto: finds the learning rate on the model at hand, by a few short tries.
 *
 * A try is the run's own first updates, up to TRY_UPDATES of them, at one rate. The rule's metric
 * is asked at a few updates, of a sample of the forget rows. A try ends when the rule holds or the
 * loss is not finite. From where the rule held, or from how far the metric came, follows how many
 * updates the run would take, and from that the next rate (search.c). A try after which the rule is
 * expected within the wanted number of updates ends the search, and so does one that reached the
 * rule in some number of updates that is not too small to judge by. */
#include "train/run.h"

#include "base/number.h"
#include "metric/statistics.h"
#include "train/secant.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIES_MOST = 5,
    TRY_UPDATES = 20,
    WANTED = 60,
    CHECKS = 5,
    SAMPLE = 64, /* rows that a try asks */
};
static const int check_at[CHECKS] = {3, 6, 10, 15, TRY_UPDATES};
static const double SLOWEST = 9;  /* most work that is expected, as a multiple of the wanted */
static const double STILL = 0.02; /* share of the way to the rule that is no movement */
/* Slopes of log(work) by log(rate): expected work is too uncertain to tell more than that. */
static const double STEEPEST = -1.5, FLATTEST = -0.7;
static const double TELLING = 0.2; /* share that an expectation is taken from */

typedef struct
try {
    double lr, value[CHECKS], updates; /* updates: until the rule holds, expected unless reached */
    int64_t step[CHECKS];
    int n; /* checks */
    bool reached, failed;
    double work, part; /* work: multiple of the wanted; part: of the way to the rule */
}
try_;

typedef struct rate_search {
    wg_run *w;
    wg_stop_rule rule;    /* that tries are judged by */
    wg_dataset sample;    /* borrows from the forget rows */
    double start, wanted; /* the metric before training; work */
    try_ try[TRIES_MOST];
    int n;
} rate_search;

int64_t wg_run_wanted(const wg_run *w)
{
    const int64_t most = (3 * w->steps + 4) / 5;

    return most < WANTED ? most : WANTED;
}

/* --- the first guess ---------------------------------------------------------------------------
 */

/* Root mean square of a tensor's first values. */
static double size_of(const wg_tensors *files, const wg_tensor *t)
{
    enum { SOME = 4096 };
    float value[SOME];
    const int64_t n = t->count < SOME ? t->count : SOME;
    double sum = 0;

    wg_to_float(t->dtype, wg_tensor_bytes(files, t), n, value);
    for (int64_t i = 0; i < n; i++)
        sum += (double)value[i] * (double)value[i];
    return sqrt(sum / (double)n);
}

/* What a weight of a typical matrix is divided by the root of how many inputs it has: a change of
 * each weight by this, of one sign, is as large as the matrix's output. */
static wagle_status scale_of(wagle_ctx *ctx, const wg_model *m, double *out)
{
    double *size = NULL;
    int64_t n = 0;

    WG_TRY(WG_ALLOC(ctx, &size, m->files.n));
    for (int64_t i = 0; i < m->files.n; i++) {
        const wg_tensor *t = &m->files.tensor[i];
        if (t->shape.rank == 2 && wg_model_is_weight(m, (int)i) && size_of(&m->files, t) > 0)
            size[n++] = size_of(&m->files, t) / sqrt((double)t->shape.dim[1]);
    }
    wg_sort(size, n);
    *out = n > 0 ? size[n / 2] : 1e-3;
    wg_free(size);
    return WAGLE_OK;
}

/* A rate at which AdamW reaches the rule in some 20 updates of the models that were looked at.
 * Other optimizers, adapters and few weights want others. */
static wagle_status first_guess(wagle_ctx *ctx, const wg_run *w, double *out)
{
    const wg_optimizer *a = w->trainer.optimizer;
    const double trained = (double)a->n / (double)wg_model_parameters(w->session.model);
    double scale;

    WG_TRY(scale_of(ctx, w->session.model, &scale));
    *out = 0.03 * scale;
    if (a->lora != NULL)
        *out *= 10;
    else if (trained < 0.5)
        *out /= sqrt(trained);
    if (w->protect_rows.all.n > 0)
        *out *= 3;
    if (strcmp(w->rules->name, "lion") == 0)
        *out /= 5;
    if (strcmp(w->rules->name, "sgd") == 0)
        *out *= 1e3;
    return WAGLE_OK;
}

/* Two digits are enough, and read well. */
static double rounded(double rate)
{
    char text[32];

    snprintf(text, sizeof text, "%.2g", rate);
    return strtod(text, NULL);
}

/* --- a try -------------------------------------------------------------------------------------
 */

/* The highest of some rows says little after few updates: the mean stands for it. Where no row is
 * above a bound, the mean is well below it. */
static wg_stop_rule judged_by(const wg_run *w)
{
    wg_stop_rule rule = w->stop;

    if (strcmp(rule.metric, "forget.highest") == 0) {
        strcpy(rule.metric, "forget.probability");
        rule.bound /= 2;
    }
    return rule;
}

/* Every so many rows of the forget set. */
static wagle_status take_sample(wagle_ctx *ctx, rate_search *h)
{
    const wg_dataset *all = &h->w->data.forget;
    const int64_t n = all->n < SAMPLE ? all->n : SAMPLE;

    WG_TRY(WG_ALLOC(ctx, &h->sample.example, n));
    for (int64_t i = 0; i < n; i++)
        h->sample.example[i] = all->example[i * all->n / n];
    h->sample.n = n;
    h->sample.longest = all->longest;
    return WAGLE_OK;
}

/* To nine digits, which tries.json gives back as they are. */
static double kept(double x)
{
    char text[32];

    snprintf(text, sizeof text, "%.9g", x);
    return strtod(text, NULL);
}

/* The rule's metric: of the forget set on the sample, any other as the run asks it. */
static wagle_status eval_rule(wagle_ctx *ctx, rate_search *h, double *value)
{
    wg_run *w = h->w;
    const char *metric = h->rule.metric;
    double probability, nll;
    json_t *metrics;
    wagle_status st;

    if (strncmp(metric, "forget.", 7) == 0 && !wg_stop_by_suite(&h->rule)) {
        WG_TRY(wg_mean_probability(ctx, &w->session, &h->sample, NULL, &probability, &nll));
        *value = strcmp(metric + 7, "nll") == 0          ? nll
                 : strcmp(metric + 7, "perplexity") == 0 ? exp(nll)
                                                         : probability;
        return WAGLE_OK;
    }
    metrics = json_object();
    st = metrics != NULL ? wg_run_eval_metrics(ctx, w, false, metrics) : wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_run_rule_value(ctx, w, metrics, value);
    json_decref(metrics);
    return st;
}

static wagle_status eval_rule_as_stored(wagle_ctx *ctx, rate_search *h, double *value)
{
    wagle_status st;

    wg_optimizer_as_stored(h->w->trainer.optimizer, true);
    st = eval_rule(ctx, h, value);
    wg_optimizer_as_stored(h->w->trainer.optimizer, false);
    if (st == WAGLE_OK)
        *value = kept(*value);
    return st;
}

/* The state before the first update. */
static wagle_status restart(wagle_ctx *ctx, wg_run *w)
{
    w->step = 0;
    w->ordered = -1;
    w->asked = w->result.forget_probability = NAN;
    w->trainer.alpha = w->o->alpha;
    w->trainer.hessian_step = -1;
    WG_TRY(wg_run_skip(ctx, w));
    return wg_optimizer_restart(ctx, w->trainer.optimizer, w->o->seed);
}

static double work_of(const wg_run *w, int64_t updates)
{
    double sum = 0;

    for (int64_t i = 0; i < updates; i++)
        sum += wg_schedule(w->o->schedule, 1, i, w->warmup, w->steps);
    return sum;
}

/* How long the run would take, from the try's checks. */
static void estimate_updates(const rate_search *h, try_ *t)
{
    const wg_run *w = h->w;
    const int last = t->n - 1, middle = (t->n - 1) / 2;
    const double bound = h->rule.bound, spent = work_of(w, t->step[last]);
    double earlier = 0, way;

    t->part = wg_search_part(h->start, t->value[last], bound);
    if (t->reached) {
        const double before = last > 0 ? t->value[last - 1] : h->start;
        earlier = last > 0 ? work_of(w, t->step[last - 1]) : 0;
        way = wg_search_part(before, t->value[last], bound);
        t->work = (earlier + (spent - earlier) / (way > 1 ? way : 1)) / h->wanted;
    } else if (!(t->part > STILL)) {
        t->work = SLOWEST;
    } else {
        const wg_pace pace = {{last > 0 ? work_of(w, t->step[middle]) : 0, spent},
                              {last > 0 ? t->value[middle] : h->start, t->value[last]},
                              bound};
        t->work = wg_search_expect(&pace, spent, h->wanted, SLOWEST);
    }
    t->updates = t->work * (double)wg_run_wanted(w);
}

/* Updates until check k is due, as far as the run goes. */
static int64_t due(const wg_run *w, int k)
{
    return check_at[k] < w->steps ? check_at[k] : w->steps;
}

/* A loss that is not finite is a result too: the rate is too high. */
static wagle_status run_updates(wagle_ctx *ctx, rate_search *h, try_ *t)
{
    wg_run *w = h->w;
    wagle_status st = WAGLE_OK;

    for (int k = 0; k < CHECKS && st == WAGLE_OK && !t->reached && !t->failed; k++) {
        if (k > 0 && due(w, k) == due(w, k - 1))
            break;
        while (st == WAGLE_OK && w->step < due(w, k)) {
            wg_step step;
            double lr;
            char detail[64];
            snprintf(detail, sizeof detail, "try %d at @{lr} %g", h->n + 1, w->lr);
            wg_progress(ctx, "learning rate", w->step, TRY_UPDATES, detail);
            st = wg_run_update(ctx, w, &step, &lr);
        }
        if (st == WAGLE_OK)
            st = eval_rule_as_stored(ctx, h, &t->value[k]);
        if (st != WAGLE_OK)
            break;
        t->step[k] = w->step;
        t->n = k + 1;
        t->failed = !isfinite(t->value[k]);
        t->reached = wg_stop_holds(&h->rule, t->value[k]);
    }
    if (st != WAGLE_E_RUN)
        return st;
    wg_forget_failure(ctx);
    t->failed = true;
    return WAGLE_OK;
}

static void log_try(wagle_ctx *ctx, const rate_search *h, const try_ *t)
{
    const char *metric =
        strcmp(h->rule.metric, "forget.probability") == 0 ? "forget probability" : h->rule.metric;

    if (t->failed)
        wg_log(ctx, 1, "try %d: @{lr} %g: too high, the loss is not finite after %lld updates",
               h->n, t->lr, (long long)h->w->step);
    else
        wg_log(ctx, 1, "try %d: @{lr} %g: %s %.4g -> %.4g after %lld updates", h->n, t->lr, metric,
               h->start, t->value[t->n - 1], (long long)t->step[t->n - 1]);
}

static wagle_status run_try(wagle_ctx *ctx, rate_search *h, double lr)
{
    try_ *t = &h->try[h->n];

    *t = (try_){.lr = lr};
    h->w->lr = lr;
    WG_TRY(restart(ctx, h->w));
    WG_TRY(run_updates(ctx, h, t));
    if (t->failed)
        t->work = NAN;
    else
        estimate_updates(h, t);
    h->n++;
    log_try(ctx, h, t);
    return WAGLE_OK;
}

/* --- tries.json --------------------------------------------------------------------------------
 */

static wagle_status try_json(wagle_ctx *ctx, const try_ *t, json_t **out)
{
    json_t *checks = json_array();

    *out = json_pack("{s:f, s:b, s:b, s:o}", "lr", t->lr, "reached", (int)t->reached, "failed",
                     (int)t->failed, "checks", checks);
    if (*out == NULL)
        return wg_json_memory(ctx);
    for (int i = 0; i < t->n; i++)
        if (isfinite(t->value[i]) &&
            json_array_append_new(checks, json_pack("{s:I, s:f}", "updates", (json_int_t)t->step[i],
                                                    "value", t->value[i])) != 0)
            return wg_json_memory(ctx);
    return t->failed ? WAGLE_OK : wg_json_set(ctx, *out, "expected_updates", json_real(t->updates));
}

/* The search so far, as w->tries and in OUT.partial. lr: what was chosen, 0: nothing yet. */
static wagle_status keep(wagle_ctx *ctx, rate_search *h, double lr, const char *why)
{
    wg_run *w = h->w;
    json_t *list = json_array();
    char *path;
    wagle_status st = WAGLE_OK;

    json_decref(w->tries);
    w->tries = json_pack("{s:s, s:s, s:f, s:f, s:I, s:I, s:o}", "run", w->fingerprint, "metric",
                         h->rule.metric, "bound", h->rule.bound, "start", h->start, "rows",
                         (json_int_t)h->sample.n, "wanted_updates", (json_int_t)wg_run_wanted(w),
                         "tries", list);
    if (w->tries == NULL)
        return wg_json_memory(ctx);
    for (int i = 0; st == WAGLE_OK && i < h->n; i++) {
        json_t *one = NULL;
        st = try_json(ctx, &h->try[i], &one);
        if (json_array_append_new(list, one) != 0 && st == WAGLE_OK)
            st = wg_json_memory(ctx);
    }
    WG_TRY(st);
    if (lr > 0) {
        WG_TRY(wg_json_set(ctx, w->tries, "lr", json_real(lr)));
        WG_TRY(wg_json_set(ctx, w->tries, "why", json_string(why)));
    }
    if (w->partial == NULL)
        return WAGLE_OK;
    path = wg_path_join(ctx, w->partial, WG_TRIES_FILE);
    st = path != NULL ? wg_json_write(ctx, path, w->tries, true) : WAGLE_E_RESOURCE;
    wg_free(path);
    return st;
}

/* A try of the file, which is of this very run. */
static void take_try(rate_search *h, const json_t *from)
{
    try_ *t = &h->try[h->n++];
    const json_t *check;
    size_t i;

    *t = (try_){.lr = json_number_value(json_object_get(from, "lr")),
                .reached = json_is_true(json_object_get(from, "reached")),
                .failed = json_is_true(json_object_get(from, "failed"))};
    json_array_foreach (json_object_get(from, "checks"), i, check)
        if (t->n < CHECKS) {
            t->step[t->n] = json_integer_value(json_object_get(check, "updates"));
            t->value[t->n++] = json_number_value(json_object_get(check, "value"));
        }
    t->failed |= t->n == 0;
    if (!t->failed)
        estimate_updates(h, t);
}

/* tries.json, or NULL where it is not there or of another run. */
static wagle_status read_tries(wagle_ctx *ctx, const wg_run *w, json_t **file)
{
    const char *run;

    *file = NULL;
    if (w->partial == NULL)
        return WAGLE_OK;
    WG_TRY(wg_json_read_object(ctx, w->partial, WG_TRIES_FILE, file));
    run = json_string_value(json_object_get(*file, "run"));
    if (run != NULL && strcmp(run, w->fingerprint) == 0)
        return WAGLE_OK;
    json_decref(*file);
    *file = NULL;
    return WAGLE_OK;
}

/* What process 0 has read comes to the others. */
static wagle_status share_tries(wagle_ctx *ctx, json_t **file)
{
    char *text = NULL;
    wagle_status st;

    if (!wg_together(ctx))
        return WAGLE_OK;
    if (*file != NULL)
        WG_TRY(wg_json_text(ctx, *file, false, &text));
    st = wg_broadcast_text(ctx, &text);
    if (st == WAGLE_OK && *file == NULL && text != NULL)
        st = wg_json_parse(ctx, WG_TRIES_FILE, text, strlen(text), file);
    wg_free(text);
    return st;
}

/* What an interrupted search left. *lr: 0 where it has not chosen yet. */
static wagle_status load(wagle_ctx *ctx, rate_search *h, double *lr)
{
    wg_run *w = h->w;
    json_t *file = NULL, *one;
    size_t i;

    *lr = 0;
    if (!w->o->resume)
        return WAGLE_OK;
    WG_TRY(read_tries(ctx, w, &file));
    WG_TRY(share_tries(ctx, &file));
    if (file == NULL)
        return WAGLE_OK;
    h->start = json_number_value(json_object_get(file, "start"));
    json_array_foreach (json_object_get(file, "tries"), i, one)
        if (h->n < TRIES_MOST)
            take_try(h, one);
    *lr = json_number_value(json_object_get(file, "lr"));
    w->tries = *lr > 0 ? json_incref(file) : NULL;
    json_decref(file);
    return WAGLE_OK;
}

/* --- the search --------------------------------------------------------------------------------
 */

static double next_rate(const rate_search *h, double guess)
{
    wg_tried list[TRIES_MOST];
    double highest = 0;
    bool told = h->n == 0;

    for (int i = 0; i < h->n; i++) {
        const try_ *t = &h->try[i];
        highest = fmax(highest, t->lr);
        told |= t->failed || t->reached || t->part > STILL;
        list[i] = (wg_tried){.rate = t->lr,
                             .work = t->work,
                             .stopped = t->reached || t->part >= TELLING,
                             .failed = t->failed};
    }
    if (!told) /* all are too low */
        return rounded(WG_SLOWER_BY * highest);
    return rounded(wg_search_within(list, h->n, guess, STEEPEST, FLATTEST));
}

static bool was_tried(const rate_search *h, double rate)
{
    for (int i = 0; i < h->n; i++)
        if (h->try[i].lr == rate)
            return true;
    return false;
}

/* Whether the last try tells enough. */
static bool is_enough(const rate_search *h)
{
    const try_ *t = h->n > 0 ? &h->try[h->n - 1] : NULL;

    if (t == NULL || t->failed)
        return false;
    if (t->reached)
        return t->work >= 1.0 / 6;
    return t->part >= TELLING && t->work >= 0.4 && t->work <= 2;
}

/* No try moved the metric towards the rule. */
static wagle_status nothing_found(wagle_ctx *ctx, const rate_search *h)
{
    double low = INFINITY, high = 0;

    for (int i = 0; i < h->n; i++) {
        low = fmin(low, h->try[i].lr);
        high = fmax(high, h->try[i].lr);
    }
    return wg_fail(
        ctx, WAGLE_E_RUN,
        "@{lr=auto}: none of %d rates from %g to %g brings %s from %.4g towards its rule; "
        "name a rate with @{lr}, or another objective",
        h->n, low, high, h->rule.metric, h->start);
}

/* Updates that the run takes at a rate, in proportion to those of the nearest try. */
static double expected_at(const rate_search *h, double lr)
{
    const try_ *nearest = NULL;

    for (int i = 0; i < h->n; i++) {
        const try_ *t = &h->try[i];
        if (!t->failed && (nearest == NULL || fabs(log(t->lr / lr)) < fabs(log(nearest->lr / lr))))
            nearest = t;
    }
    return nearest != NULL ? nearest->updates * nearest->lr / lr : (double)wg_run_wanted(h->w);
}

static wagle_status choose(wagle_ctx *ctx, rate_search *h, double *lr, char why[160])
{
    double guess;
    bool moved = false;

    WG_TRY(first_guess(ctx, h->w, &guess));
    while (h->n < TRIES_MOST && !is_enough(h)) {
        const double rate = next_rate(h, guess);
        if (was_tried(h, rate))
            break; /* two digits do not come nearer */
        WG_TRY(run_try(ctx, h, rate));
        WG_TRY(keep(ctx, h, 0, NULL));
    }
    for (int i = 0; i < h->n; i++)
        moved |= !h->try[i].failed && (h->try[i].reached || h->try[i].part > STILL);
    if (!moved)
        return nothing_found(ctx, h);
    *lr = next_rate(h, guess);
    snprintf(why, 160, "the rule is expected to hold after about %.0f updates",
             expected_at(h, *lr));
    return WAGLE_OK;
}

static wagle_status search(wagle_ctx *ctx, rate_search *h)
{
    char why[160] = "the rule holds before training";
    double lr, guess;

    h->wanted = work_of(h->w, wg_run_wanted(h->w));
    WG_TRY(take_sample(ctx, h));
    WG_TRY(load(ctx, h, &lr));
    if (lr == 0) {
        if (h->n == 0)
            WG_TRY(eval_rule_as_stored(ctx, h, &h->start));
        if (wg_stop_holds(&h->rule, h->start)) {
            WG_TRY(first_guess(ctx, h->w, &guess));
            lr = rounded(guess);
        } else {
            WG_TRY(choose(ctx, h, &lr, why));
        }
        WG_TRY(keep(ctx, h, lr, why));
        wg_log(ctx, 1, "@{lr} %g: %s", lr, why);
    }
    h->w->lr = lr;
    return restart(ctx, h->w);
}

wagle_status wg_run_search_plan(wagle_ctx *ctx, const wg_run *w)
{
    wg_text plan = {0};
    wagle_status st;

    if (w->o->lr > 0)
        return WAGLE_OK;
    st = wg_text_printf(ctx, &plan,
                        "%slearning rate:\n  searched first, by up to %d tries of up to %lld "
                        "updates\n",
                        ctx->plan != NULL ? ctx->plan : "", TRIES_MOST,
                        (long long)due(w, CHECKS - 1));
    wg_free(ctx->plan);
    ctx->plan = st == WAGLE_OK ? wg_text_take(ctx, &plan) : NULL;
    wg_text_free(&plan);
    return st;
}

wagle_status wg_run_search(wagle_ctx *ctx, wg_run *w)
{
    rate_search h = {.w = w, .rule = judged_by(w)};
    wagle_status st;

    if (w->o->lr > 0)
        return WAGLE_OK;
    st = search(ctx, &h);
    wg_free(h.sample.example);
    if (st != WAGLE_E_INTERRUPTED)
        return st;
    WG_TRY(restart(ctx, w));
    if (!wg_exists(w->checkpoint))
        WG_TRY(wg_run_save(ctx, w));
    wg_forget_failure(ctx);
    return wg_fail(
        ctx, st,
        "interrupted in try %d of the search for a learning rate; @{resume=true} goes on "
        "from there",
        h.n + 1);
}
