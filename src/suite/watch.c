/* watch.c - evaluates suites during training, as metrics SUITE.METRIC without intervals. */
#include "suite/watch.h"

#include "suite/results.h"
#include <stdio.h>
#include <string.h>

static wagle_status take(wagle_ctx *ctx, const json_t *suites, json_t *metrics)
{
    const char *suite, *metric;
    json_t *one, *value;

    json_object_foreach ((json_t *)(uintptr_t)suites, suite, one)
        json_object_foreach (json_object_get(one, "metrics"), metric, value) {
            char name[160];
            snprintf(name, sizeof name, "%s.%s", suite, metric);
            WG_TRY(wg_json_set(ctx, metrics, name, json_incref(json_object_get(value, "value"))));
        }
    return WAGLE_OK;
}

static wagle_status evaluate(wagle_ctx *ctx, void *user, wg_session *s, bool few, json_t *metrics)
{
    const wagle_suite_options *o = user;
    wagle_suite_options plain = *o;
    wg_evaluation e = {.o = &plain, .session = s};
    json_t *suites = json_object();
    wagle_status st;

    plain.resamples = 0;
    st = suites != NULL ? wg_evaluation_begin(ctx, &e) : wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_evaluation_check(ctx, &e);
    if (few) {
        plain.data.limit = 1;
        plain.max_tokens = plain.max_tokens != 0;
    }
    if (st == WAGLE_OK)
        st = wg_evaluation_run(ctx, &e);
    if (st == WAGLE_OK)
        st = wg_evaluation_measure(ctx, &e, suites);
    if (st == WAGLE_OK)
        st = take(ctx, suites, metrics);
    wg_evaluation_end(&e);
    json_decref(suites);
    return st;
}

static wagle_status check_one(wagle_ctx *ctx, wg_evaluation *e)
{
    if (e->suite->remakes_model)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "suite %s needs a finished model; use wagle eval --suite %s afterwards",
                       e->suite->name, e->suite->name);
    return ctx->memory > 0 && wg_evaluation_writes(e)
               ? wg_fail(ctx, WAGLE_E_USAGE,
                         "suite %s generates text, which @{memory} cannot plan for; leave out "
                         "@{memory}, or evaluate afterwards",
                         e->suite->name)
               : WAGLE_OK;
}

wagle_status wg_suite_watch_rule(wagle_ctx *ctx, const wagle_suite_options *o, const char *rule)
{
    const char *name = rule != NULL ? rule + strspn(rule, " ") : "";

    if (o == NULL || o->suites == NULL || *name == '\0' || strcmp(name, "chance") == 0 ||
        strncmp(name, "forget.", 7) == 0 || strncmp(name, "retain.", 7) == 0 ||
        wg_suite_named_in(o->suites, name))
        return WAGLE_OK;
    return wg_fail(ctx, WAGLE_E_USAGE,
                   "@{stop_when} '%.64s': write it as forget.probability<0.1, with forget, retain "
                   "or one of @{suites} %s",
                   rule, o->suites);
}

/* Suite tofu counts the end-of-text token unless --no-eos is given; the run's own metrics count it
 * only with --eos. */
static wagle_status compare_eos(wagle_ctx *ctx, wg_evaluation *e)
{
    if (strcmp(e->suite->name, "tofu") == 0 && e->o->data.eos == e->o->no_eos)
        wg_log(
            ctx, 0, "%s",
            e->o->no_eos
                ? "@{eos} counts the end-of-text token as part of an answer, and @{no_eos=true} "
                  "leaves "
                  "it out of suite tofu: tofu.forget.probability and forget.probability differ"
                : "suite tofu counts the end-of-text token as part of an answer, and without "
                  "@{eos} forget.probability does not: @{eos} or @{no_eos=true} makes them equal");
    return WAGLE_OK;
}

wagle_status wg_suite_watch(wagle_ctx *ctx, const wagle_suite_options *o, wg_watch *out)
{
    wg_evaluation e = {.o = o};

    *out = (wg_watch){0};
    if (o == NULL || o->suites == NULL)
        return WAGLE_OK;
    WG_TRY(wg_evaluation_check(ctx, &e));
    WG_TRY(wg_evaluation_each(ctx, &e, check_one));
    *out = (wg_watch){evaluate, (void *)(uintptr_t)o};
    return WAGLE_OK;
}

wagle_status wg_suite_watch_eos(wagle_ctx *ctx, const wagle_suite_options *o)
{
    wg_evaluation e = {.o = o};

    if (o == NULL || o->suites == NULL)
        return WAGLE_OK;
    WG_TRY(wg_evaluation_check(ctx, &e));
    return wg_evaluation_each(ctx, &e, compare_eos);
}
