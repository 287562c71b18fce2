/* monitor.c - metrics during training and early stopping. */
#include "train/run.h"

#include "metric/statistics.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- the rule ----------------------------------------------------------------------------------
 */

static const char *const own[] = {"probability", "nll", "perplexity", "highest"};
enum { OWN = 4 };

static bool is_of_set(const char *name, const char *set)
{
    const size_t n = strlen(set);

    if (strncmp(name, set, n) != 0 || name[n] != '.')
        return false;
    for (int i = 0; i < OWN; i++)
        if (strcmp(name + n + 1, own[i]) == 0)
            return true;
    return false;
}

bool wg_stop_by_suite(const wg_stop_rule *rule)
{
    return rule->metric[0] != '\0' && !is_of_set(rule->metric, "forget") &&
           !is_of_set(rule->metric, "retain");
}

/* Whether SUITE of SUITE.METRIC is one of a list with commas. */
static bool is_of_suites(const char *metric, const char *suites)
{
    const size_t n = strcspn(metric, ".");

    for (const char *at = suites; metric[n] == '.' && at != NULL; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strncmp(at, metric, n) == 0 && strchr(", ", at[n]) != NULL)
            return true;
    }
    return false;
}

/* METRIC<BOUND, with spaces or without. */
static bool read_rule(const char *text, wg_stop_rule *rule)
{
    const char *at = text + strspn(text, " "), *op = at + strcspn(at, "<>");
    size_t n = (size_t)(op - at);
    char end;

    while (n > 0 && at[n - 1] == ' ')
        n--;
    if (n == 0 || n >= sizeof rule->metric || *op == '\0' || memchr(at, ' ', n) != NULL)
        return false;
    memcpy(rule->metric, at, n);
    rule->below = *op == '<';
    rule->equal = op[1] == '=';
    return sscanf(op + 1 + rule->equal, "%lf %c", &rule->bound, &end) == 1 && isfinite(rule->bound);
}

wagle_status wg_stop_parse(wagle_ctx *ctx, const char *text, bool suites, const char *names,
                           wg_stop_rule *rule)
{
    *rule = (wg_stop_rule){0};
    if (text == NULL)
        return WAGLE_OK;
    if (strcmp(text, "chance") == 0) {
        *rule = (wg_stop_rule){
            .metric = "forget.probability", .below = true, .chance = true, .bound = NAN};
        return WAGLE_OK;
    }
    if (read_rule(text, rule) && (!wg_stop_by_suite(rule) ||
                                  (suites && (names == NULL || is_of_suites(rule->metric, names)))))
        return WAGLE_OK;
    return wg_fail(
        ctx, WAGLE_E_USAGE,
        "@{stop_when} '%.64s': write it as forget.probability<0.1, with forget or "
        "retain; probability, highest, nll or perplexity; <, <=, > or >=. With @{suites} also "
        "SUITE.METRIC; for unlearn also chance",
        text);
}

/* --- asking ------------------------------------------------------------------------------------
 */

static wagle_status add_values(wagle_ctx *ctx, const char *name, const double value[OWN],
                               json_t *metrics)
{
    for (int i = 0; i < OWN; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s.%s", name, own[i]);
        WG_TRY(wg_json_set(ctx, metrics, key, json_real(value[i])));
    }
    return WAGLE_OK;
}

/* Of a set. The forget rows' probabilities also say which of them are skipped. */
static wagle_status eval_set(wagle_ctx *ctx, wg_run *w, const char *name, const wg_dataset *rows,
                             json_t *metrics)
{
    const bool forget = rows == &w->data.forget;
    double value[OWN], *each;
    wagle_status st;

    if (rows->n == 0)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &each, rows->n));
    st = wg_mean_probability(ctx, &w->session, rows, each, &value[0], &value[1]);
    value[2] = exp(value[1]);
    value[3] = wg_highest(each, rows->n);
    if (st == WAGLE_OK)
        st = add_values(ctx, name, value, metrics);
    if (st == WAGLE_OK && forget) {
        w->result.forget_probability = value[0];
        if (w->known != NULL)
            memcpy(w->known, each, (size_t)rows->n * sizeof *each);
    }
    wg_free(each);
    return st;
}

wagle_status wg_run_eval_metrics(wagle_ctx *ctx, wg_run *w, bool all, json_t *metrics)
{
    if ((all && w->o->monitor) || is_of_set(w->stop.metric, "forget"))
        WG_TRY(eval_set(ctx, w, "forget", &w->data.forget, metrics));
    if ((all && w->o->monitor) || is_of_set(w->stop.metric, "retain"))
        WG_TRY(eval_set(ctx, w, "retain", &w->data.retain, metrics));
    if (w->watch == NULL || !(all || wg_stop_by_suite(&w->stop)))
        return WAGLE_OK;
    return w->watch->evaluate(ctx, w->watch->user, &w->session, false, metrics);
}

static wagle_status no_metric(wagle_ctx *ctx, const wg_run *w, const json_t *metrics)
{
    wg_text names = {0};
    const char *name;
    json_t *other;
    wagle_status st = WAGLE_OK;

    json_object_foreach ((json_t *)(uintptr_t)metrics, name, other)
        if (st == WAGLE_OK)
            st = wg_text_printf(ctx, &names, " %s", name);
    if (st == WAGLE_OK)
        st = wg_fail(ctx, WAGLE_E_USAGE, "@{stop_when} '%s': no such metric; available are%.600s",
                     w->stop.metric, names.text != NULL ? names.text : " none");
    wg_text_free(&names);
    return st;
}

/* One row of each set tells the names, except where a name comes from a later row, or a suite
 * takes several rows; then all of them are asked. */
wagle_status wg_run_check_rule(wagle_ctx *ctx, wg_run *w)
{
    bool known = !wg_stop_by_suite(&w->stop) || w->watch == NULL;
    wagle_status st = WAGLE_OK;

    for (int few = 1; st == WAGLE_OK && !known && few >= 0; few--) {
        json_t *metrics = json_object();
        st = metrics != NULL ? w->watch->evaluate(ctx, w->watch->user, &w->session, few, metrics)
                             : wg_json_memory(ctx);
        known = st == WAGLE_OK && json_object_get(metrics, w->stop.metric) != NULL;
        if (few && st != WAGLE_OK && st != WAGLE_E_INTERRUPTED) {
            wg_forget_failure(ctx);
            st = WAGLE_OK;
        } else if (!few && st == WAGLE_OK && !known)
            st = no_metric(ctx, w, metrics);
        json_decref(metrics);
    }
    return st;
}

bool wg_stop_holds(const wg_stop_rule *rule, double x)
{
    return (rule->below ? x < rule->bound : x > rule->bound) || (rule->equal && x == rule->bound);
}

wagle_status wg_run_rule_value(wagle_ctx *ctx, const wg_run *w, const json_t *metrics, double *x)
{
    const json_t *value = json_object_get(metrics, w->stop.metric);

    *x = json_is_number(value) ? json_number_value(value) : NAN;
    return value != NULL ? WAGLE_OK : no_metric(ctx, w, metrics);
}

static wagle_status check_stop(wagle_ctx *ctx, wg_run *w, const json_t *metrics)
{
    double x = NAN;

    if (w->stop.metric[0] != '\0')
        WG_TRY(wg_run_rule_value(ctx, w, metrics, &x));
    if (isnan(x)) /* no rule, or its metric has no value here */
        return WAGLE_OK;
    w->asked = x;
    if (w->trial != NULL) {
        const int half = 2 * w->step > w->trial->most;
        w->trial->step[half] = w->step;
        w->trial->value[half] = x;
    }
    w->result.stopped = w->step > 0 && wg_stop_holds(&w->stop, x);
    return WAGLE_OK;
}

wagle_status wg_run_monitor(wagle_ctx *ctx, wg_run *w)
{
    const wg_stage training = {
        .stage = w->objective->name, .done = w->step, .total = w->steps, .outer = ctx->stage};
    const bool due = w->step % w->o->eval_every == 0 || w->step == w->steps;
    json_t *metrics;
    wagle_status st;

    if (!due || (w->step == 0 && w->watch == NULL) ||
        (w->watch == NULL && !w->o->monitor && w->stop.metric[0] == '\0'))
        return WAGLE_OK;
    metrics = json_object();
    ctx->stage = &training;
    /* of the model as it would be written: rounding may undo small changes */
    wg_optimizer_as_stored(w->trainer.optimizer, true);
    st = metrics != NULL ? wg_run_eval_metrics(ctx, w, true, metrics) : wg_json_memory(ctx);
    wg_optimizer_as_stored(w->trainer.optimizer, false);
    ctx->stage = training.outer;
    if (st == WAGLE_OK)
        st = check_stop(ctx, w, metrics);
    if (st == WAGLE_OK)
        st = wg_run_log_metrics(ctx, w, metrics);
    json_decref(metrics);
    return st;
}
