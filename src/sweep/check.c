/* check.c - what can be refused of a sweep before its first run. */
#include "sweep/sweep.h"

#include "base/pattern.h"
#include "io/mask.h"
#include "mask/topk.h"
#include "suite/results.h"
#include "suite/suite.h"
#include "suite/watch.h"
#include <stdio.h>
#include <string.h>

/* --- keys of the objects in the spec ------------------------------------------------------------
 */

typedef struct inner_key {
    const char *name;
    json_type type; /* JSON_INTEGER: a whole number, 0 or more */
} inner_key;

static const inner_key suite_keys[] = {{"run", JSON_STRING},         {"sets", JSON_OBJECT},
                                       {"gold", JSON_STRING},        {"limit", JSON_INTEGER},
                                       {"max_tokens", JSON_INTEGER}, {"resamples", JSON_INTEGER},
                                       {"shots", JSON_INTEGER},      {NULL, JSON_NULL}};
static const inner_key relearn_keys[] = {{"data", JSON_STRING},
                                         {"steps", JSON_INTEGER},
                                         {"lr", JSON_REAL},
                                         {"eval", JSON_ARRAY},
                                         {NULL, JSON_NULL}};

static const char *wanted(json_type type)
{
    return type == JSON_STRING    ? "text"
           : type == JSON_OBJECT  ? "an object"
           : type == JSON_ARRAY   ? "a list"
           : type == JSON_INTEGER ? "a whole number, 0 or more"
                                  : "a number";
}

static bool is_of(const json_t *value, json_type type)
{
    return type == JSON_REAL      ? json_is_number(value)
           : type == JSON_INTEGER ? json_is_integer(value) && json_integer_value(value) >= 0
                                  : json_typeof(value) == type;
}

static wagle_status check_keys(wagle_ctx *ctx, const json_t *object, const char *name,
                               const inner_key *known)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        const inner_key *k = known;
        while (k->name != NULL && strcmp(k->name, key) != 0)
            k++;
        if (k->name == NULL)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "sweep: '%s' has no key '%.64s' (docs/reference/sweep.md)", name, key);
        if (!is_of(value, k->type))
            return wg_fail(ctx, WAGLE_E_INPUT, "sweep: '%s': '%s' must be %s", name, key,
                           wanted(k->type));
    }
    return WAGLE_OK;
}

/* Each of params is of an objective of the grid. */
static wagle_status check_params(wagle_ctx *ctx, const wg_sweep *s)
{
    const char *key;
    json_t *value;

    json_object_foreach (json_object_get(s->spec, "params"), key, value) {
        bool known = false;
        for (int64_t i = 0; i < s->n && !known; i++)
            known = wg_objective_has(s->point[i].objective, key);
        if (!known)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "sweep: 'params': no objective of this sweep has the option '%.64s'",
                           key);
        if (!json_is_number(value))
            return wg_fail(ctx, WAGLE_E_INPUT, "sweep: 'params': '%s' must be a number", key);
    }
    return WAGLE_OK;
}

/* --- runs ---------------------------------------------------------------------------------------
 */

static wagle_status check_patterns(wagle_ctx *ctx, wg_sweep *s, const wg_point *p)
{
    const char *const *patterns;

    WG_TRY(wg_sweep_excluded(ctx, s, p, NULL, &patterns));
    return wg_check_patterns(ctx, patterns);
}

static wagle_status check_mask(wagle_ctx *ctx, wg_sweep *s, const char *file)
{
    const char *path;
    wg_mask mask;

    WG_TRY(wg_sweep_file(ctx, s, file, &path));
    WG_TRY(wg_mask_read(ctx, path, &mask));
    wg_mask_free(&mask);
    return WAGLE_OK;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static wagle_status check_point(wagle_ctx *ctx, wg_sweep *s, int64_t i)
{
    const wg_point *p = &s->point[i], *before = i > 0 ? p - 1 : NULL;
    const char *mask = wg_sweep_mask_file(p->selector);
    const bool same = before != NULL && same_text(before->selector, p->selector);
    wagle_train_options o;
    wagle_param params[WG_OBJECTIVE_OPTIONS];

    if (p->seed < 0)
        return wg_sweep_refuse(ctx, "seeds", "expected whole numbers of 0 or more");
    if (mask != NULL && !same)
        WG_TRY(check_mask(ctx, s, mask));
    if (mask == NULL)
        WG_TRY(wg_check_density(ctx, p->density));
    if (!same || !same_text(before->exclude, p->exclude))
        WG_TRY(check_patterns(ctx, s, p));
    if (same && same_text(before->objective, p->objective) &&
        same_text(before->protect, p->protect) && before->lr == p->lr && before->start == p->start)
        return WAGLE_OK;
    WG_TRY(wg_sweep_options(ctx, s, p, &o, params));
    WG_TRY(wg_sweep_check_search(ctx, s, &o));
    return wg_train_check(ctx, &o, false, wg_sweep_stops_by_suite(s));
}

static wagle_status check_relearning(wagle_ctx *ctx, const wg_sweep *s)
{
    const json_t *how = json_object_get(s->spec, "relearn"), *name;
    const json_t *steps = json_object_get(how, "steps");
    size_t i;

    WG_TRY(check_keys(ctx, how, "relearn", relearn_keys));
    if (how != NULL && !(json_number_value(json_object_get(how, "lr")) > 0))
        return wg_sweep_refuse(ctx, "relearn", "'lr' must be above 0");
    if (steps != NULL && json_integer_value(steps) < 1)
        return wg_sweep_refuse(ctx, "relearn", "'steps' must be 1 or more");
    json_array_foreach (json_object_get(how, "eval"), i, name)
        if (!json_is_string(name) ||
            json_object_get(json_object_get(s->spec, "eval"), json_string_value(name)) == NULL)
            return wg_sweep_refuse(ctx, "relearn", "'eval' must name sets of the spec's 'eval'");
    return WAGLE_OK;
}

static wagle_status check_suites(wagle_ctx *ctx, wg_sweep *s)
{
    const char *sets[WG_SWEEP_SETS + 1];
    wagle_suite_options o;
    wg_evaluation e = {.o = &o};
    wg_watch watch;

    WG_TRY(check_keys(ctx, json_object_get(s->spec, "suites"), "suites", suite_keys));
    if (json_object_get(s->spec, "suites") == NULL)
        return WAGLE_OK;
    WG_TRY(wg_sweep_suite_options(ctx, s, &s->point[0], &o, sets));
    if (o.gold != NULL)
        WG_TRY(wg_results_read(ctx, o.gold, &e.gold));
    const wagle_status st = wg_evaluation_check(ctx, &e);
    json_decref(e.gold);
    WG_TRY(st);
    return wg_sweep_stops_by_suite(s) ? wg_suite_watch(ctx, &o, &watch) : WAGLE_OK;
}

/* --- columns ------------------------------------------------------------------------------------
 */

static bool has_suite(const wg_sweep *s, const char *column)
{
    const json_t *run = json_object_get(json_object_get(s->spec, "suites"), "run");

    return wg_suite_named_in(json_string_value(run), column);
}

static bool is_relearned(const wg_sweep *s, const char *set)
{
    const json_t *how = json_object_get(s->spec, "relearn"), *some = json_object_get(how, "eval");
    const json_t *name;
    size_t i;

    if (how == NULL || some == NULL)
        return how != NULL && json_object_get(json_object_get(s->spec, "eval"), set) != NULL;
    json_array_foreach (some, i, name)
        if (same_text(json_string_value(name), set))
            return true;
    return false;
}

/* "q4_0.SET", of a kind that the spec has under "rounded". */
static bool is_rounded(const wg_sweep *s, const char *column)
{
    const char *dot = strchr(column, '.');
    const json_t *kind;
    size_t i;

    json_array_foreach (json_object_get(s->spec, "rounded"), i, kind) {
        const char *name = json_string_value(kind);
        if (dot != NULL && name != NULL && strlen(name) == (size_t)(dot - column) &&
            strncmp(name, column, strlen(name)) == 0)
            return json_object_get(json_object_get(s->spec, "eval"), dot + 1) != NULL;
    }
    return false;
}

/* Whether a column is of a suite, whose metrics are known once it ran: *of_suite. */
static wagle_status check_column(wagle_ctx *ctx, const wg_sweep *s, const char *key,
                                 const json_t *value, bool *of_suite)
{
    const char *name = json_string_value(value);
    const json_t *sets = json_object_get(s->spec, "eval");

    *of_suite = false;
    if (name == NULL)
        return wg_sweep_refuse(ctx, key, "expected names of columns");
    if (strchr(name, '.') == NULL && json_object_get(sets, name) != NULL)
        return WAGLE_OK;
    if ((strncmp(name, "relearned.", 10) == 0 && is_relearned(s, name + 10)) || is_rounded(s, name))
        return WAGLE_OK;
    *of_suite = strchr(name, '.') != NULL && has_suite(s, name);
    return *of_suite ? WAGLE_OK
                     : wg_fail(ctx, WAGLE_E_INPUT,
                               "sweep: '%s': there will be no column '%.64s'; use a set of 'eval', "
                               "relearned.SET, q4_0.SET of 'rounded', or SUITE.METRIC of 'suites'",
                               key, name);
}

static bool stop_metric(const wg_sweep *s, char out[160])
{
    const char *rule = json_string_value(json_object_get(s->spec, "stop_when"));

    if (!wg_sweep_stops_by_suite(s))
        return false;
    rule += strspn(rule, " ");
    snprintf(out, 160, "%.*s", (int)strcspn(rule, "<> "), rule);
    return true;
}

/* A metric of a suite that the untouched model has not, no run will have. */
static wagle_status look_up(wagle_ctx *ctx, const wg_sweep *s, const json_t *values,
                            const char *key, const char *name)
{
    const json_t *how = json_object_get(s->spec, "suites");
    const json_t *texts = json_object_get(how, "max_tokens");
    const char *dot = strchr(name, '.'), *metric;
    char suite[64];
    wg_text there = {0};
    json_t *value;
    wagle_status st = WAGLE_OK;

    snprintf(suite, sizeof suite, "%.*s", (int)(dot - name < 63 ? dot - name : 63), name);
    const json_t *metrics = json_object_get(values, suite);
    if (json_object_get(metrics, dot + 1) != NULL)
        return WAGLE_OK;
    json_object_foreach ((json_t *)(uintptr_t)metrics, metric, value)
        if (st == WAGLE_OK && there.bytes < 300)
            st = wg_text_printf(ctx, &there, "%s%s", there.bytes > 0 ? ", " : "", metric);
    if (st == WAGLE_OK)
        st =
            wg_fail(ctx, WAGLE_E_INPUT, "sweep: '%s': these sets give no '%.64s'%s (%s)", key, name,
                    texts != NULL && json_integer_value(texts) == 0
                        ? ", because max_tokens 0 generates no text"
                        : "",
                    there.text != NULL ? there.text : "no metric at all");
    wg_text_free(&there);
    return st;
}

static wagle_status look_up_all(wagle_ctx *ctx, const wg_sweep *s, const json_t *values)
{
    static const char *const lists[] = {"columns", "keep", "plot"};
    char rule[160];
    bool of_suite;

    for (int k = 0; k < 3; k++) {
        const json_t *list = json_object_get(s->spec, lists[k]);
        const bool single = json_is_string(list);
        for (size_t i = 0; i < (single ? 1 : json_array_size(list)); i++) {
            const json_t *name = single ? list : json_array_get(list, i);
            WG_TRY(check_column(ctx, s, lists[k], name, &of_suite));
            if (of_suite && values != NULL)
                WG_TRY(look_up(ctx, s, values, lists[k], json_string_value(name)));
        }
    }
    if (!stop_metric(s, rule))
        return WAGLE_OK;
    if (strchr(rule, '.') == NULL || !has_suite(s, rule))
        return wg_sweep_refuse(ctx, "stop_when",
                               "expected forget.METRIC, retain.METRIC or SUITE.METRIC of 'suites'");
    return values != NULL ? look_up(ctx, s, values, "stop_when", rule) : WAGLE_OK;
}

static bool wants_suites(const wg_sweep *s)
{
    static const char *const lists[] = {"columns", "keep"};
    const char *plot = json_string_value(json_object_get(s->spec, "plot"));
    bool any = wg_sweep_stops_by_suite(s) || (plot != NULL && has_suite(s, plot));
    const json_t *name;
    size_t i;

    for (int k = 0; k < 2; k++)
        json_array_foreach (json_object_get(s->spec, lists[k]), i, name)
            any |= has_suite(s, json_string_value(name));
    return any && json_object_get(s->spec, "suites") != NULL;
}

wagle_status wg_sweep_try_suites(wagle_ctx *ctx, wg_sweep *s)
{
    json_t *result;
    wagle_status st;

    if (!wants_suites(s))
        return WAGLE_OK;
    result = json_object();
    st = result != NULL ? wg_sweep_ask_suites(ctx, s, result) : wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = look_up_all(ctx, s, json_object_get(result, "suites"));
    json_decref(result);
    return st;
}

wagle_status wg_sweep_check_runs(wagle_ctx *ctx, wg_sweep *s)
{
    WG_TRY(check_params(ctx, s));
    WG_TRY(check_relearning(ctx, s));
    for (int64_t i = 0; i < s->n; i++) {
        if (i == 0 || !same_text(s->point[i - 1].adapter, s->point[i].adapter))
            WG_TRY(wg_sweep_check_adapter(ctx, s, &s->point[i]));
        WG_TRY(check_point(ctx, s, i));
    }
    WG_TRY(check_suites(ctx, s));
    return look_up_all(ctx, s, NULL);
}
