/* evaluate.c - eval, compare and report: prints results of the library as tables. */
#include "common.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- tables ----------------------------------------------------------------------------------- */

static void print_number(const json_t *value)
{
    if (!json_is_number(value))
        printf(" %10s", "-");
    else if (json_number_value(value) != 0 && json_number_value(value) < 1e-3 &&
             json_number_value(value) > -1e-3)
        printf(" %10.2e", json_number_value(value));
    else
        printf(" %10.4f", json_number_value(value));
}

static void print_suite(const char *name, const json_t *suite)
{
    const char *metric, *chat = json_string_value(json_object_get(suite, "chat"));
    json_t *value;

    printf("%-34s %10s %10s %10s %6s\n", name, "value", "95 % from", "to", "n");
    json_object_foreach (json_object_get(suite, "metrics"), metric, value) {
        printf("  %-32s", metric);
        print_number(json_object_get(value, "value"));
        print_number(json_object_get(value, "low"));
        print_number(json_object_get(value, "high"));
        printf(" %6lld\n", (long long)json_integer_value(json_object_get(value, "n")));
    }
    json_object_foreach (json_object_get(suite, "benchmarks"), metric, value)
        printf("  set %s was asked as %s%s%s\n", metric, json_string_value(value),
               chat != NULL ? " by " : "", chat != NULL ? chat : "");
    json_object_foreach (json_object_get(suite, "left_out"), metric, value)
        printf("  without %s: %s\n", metric, json_string_value(value));
}

static wagle_status print_result(char *json, bool as_json)
{
    json_t *root = as_json ? NULL : json_loads(json, 0, NULL);
    const char *name;
    json_t *suite;

    if (root == NULL)
        return cli_print(WAGLE_OK, json);
    json_object_foreach (json_object_get(root, "suites"), name, suite)
        print_suite(name, suite);
    json_decref(root);
    wagle_string_free(json);
    return WAGLE_OK;
}

static wagle_status print_difference(char *json, bool as_json)
{
    json_t *root = as_json ? NULL : json_loads(json, 0, NULL), *one;
    size_t i;

    if (root == NULL)
        return cli_print(WAGLE_OK, json);
    printf("%-44s %10s %10s %10s %10s %10s %8s\n", "metric (*: differs significantly)", "A", "B",
           "B - A", "95 % from", "to", "p");
    json_array_foreach (json_object_get(root, "differences"), i, one) {
        char name[160];
        snprintf(name, sizeof name, "%s %s.%s",
                 json_is_true(json_object_get(one, "significant")) ? "*" : " ",
                 json_string_value(json_object_get(one, "suite")),
                 json_string_value(json_object_get(one, "metric")));
        printf("%-44s", name);
        print_number(json_object_get(one, "a"));
        print_number(json_object_get(one, "b"));
        print_number(json_object_get(one, "difference"));
        print_number(json_object_get(one, "low"));
        print_number(json_object_get(one, "high"));
        printf(" %8.4f\n", json_number_value(json_object_get(one, "p")));
    }
    json_decref(root);
    wagle_string_free(json);
    return WAGLE_OK;
}

/* --- eval ------------------------------------------------------------------------------------- */

enum { TOFU_SETS = 4 };

wagle_status cli_tofu_sets(cli_options *o)
{
    static const char *const name[TOFU_SETS] = {"forget", "retain", "real_authors", "world_facts"};
    static char entry[TOFU_SETS][4200];
    const char *file[TOFU_SETS] = {o->split != NULL ? o->split : CLI_TOFU_SPLIT, "retain",
                                   "real_authors", "world_facts"};
    int n = 0;

    while (o->sets[n] != NULL)
        n++;
    for (int i = 0; o->tofu != NULL && i < TOFU_SETS; i++) {
        if (n == CLI_LIST || strlen(o->tofu) > 4000 || strlen(file[i]) > 64)
            return cli_complain("--tofu: there are too many sets, or its name is too long");
        snprintf(entry[i], sizeof entry[i], "%s=%s/%s_perturbed.json", name[i], o->tofu, file[i]);
        o->sets[n++] = entry[i];
    }
    return WAGLE_OK;
}

wagle_status cli_suites(cli_options *o, wagle_suite_options *s)
{
    wagle_suite_defaults(s);
    if (cli_tofu_sets(o) != WAGLE_OK)
        return WAGLE_E_USAGE;
    s->suites = o->suites;
    s->sets = o->sets;
    s->data = cli_rows(o, NULL);
    s->gold = o->gold_result;
    s->reference = o->reference;
    s->scorer = o->scorer;
    s->encoder = o->encoder;
    s->leak_k = o->leak_k;
    s->min_k = o->min_k != NULL ? o->min_k : s->min_k;
    s->stop = cli_stop(o);
    s->no_eos = o->no_eos;
    s->redact = o->redact;
    cli_given_seed(&s->seed, o->seed);
    cli_given(&s->temperature, o->temperature);
    cli_given(&s->top_p, o->top_p);
    cli_given(&s->relearn_lr, o->relearn_lr);
    cli_given_whole(&s->max_tokens, o->max_tokens);
    cli_given_whole(&s->resamples, o->resamples);
    cli_given_whole(&s->shots, o->shots);
    cli_given_whole(&s->samples, o->samples);
    cli_given_whole(&s->prefix, o->prefix);
    cli_given_whole(&s->length, o->length);
    cli_given_whole(&s->verbatim, o->verbatim);
    cli_given_whole(&s->relearn_steps, o->relearn_steps);
    return WAGLE_OK;
}

static wagle_status eval_suites(wagle_ctx *ctx, cli_options *o)
{
    wagle_suite_options s;
    char *json = NULL;
    wagle_status st;

    if (cli_suites(o, &s) != WAGLE_OK)
        return WAGLE_E_USAGE;
    s.model = o->model;
    s.out = o->out;
    s.recompute = o->recompute;
    s.force = o->force;
    st = wagle_suite_run(ctx, &s, &json);
    return st == WAGLE_OK && json != NULL ? print_result(json, o->json) : st;
}

/* Prints a metric: ROUGE has three numbers, others have one. */
static void print_metric(const char *name, const json_t *value)
{
    printf("  %-12s", name);
    if (json_is_number(value)) {
        print_number(value);
    } else {
        print_number(json_object_get(value, "precision"));
        print_number(json_object_get(value, "recall"));
        print_number(json_object_get(value, "f1"));
    }
    putchar('\n');
}

/* Prints means over the rows; --out and --json have the rows. */
static wagle_status print_rows_result(const cli_options *o, char *json)
{
    json_t *root = o->json ? NULL : json_loads(json, 0, NULL), *value;
    const json_t *overall = json_object_get(root, "overall");
    const char *name;
    bool rouge = false;

    if (root == NULL)
        return cli_print(WAGLE_OK, json);
    printf("%s: %lld rows\n", o->data[0],
           (long long)json_integer_value(json_object_get(overall, "rows")));
    json_object_foreach ((json_t *)(uintptr_t)overall, name, value) {
        if (strcmp(name, "rows") == 0)
            continue;
        if (json_is_object(value) && !rouge)
            printf("  %-12s %10s %10s %10s\n", "", "precision", "recall", "F1");
        rouge |= json_is_object(value);
        print_metric(name, value);
    }
    if (o->out != NULL)
        printf("%s has the metrics of each row\n", o->out);
    json_decref(root);
    wagle_string_free(json);
    return WAGLE_OK;
}

wagle_status cli_eval(wagle_ctx *ctx, cli_options *o)
{
    wagle_eval_options e;
    char *json = NULL;
    wagle_status st;

    if (o->data[0] != NULL && (o->suites != NULL || o->recompute != NULL))
        return cli_complain("eval: a suite reads --set NAME=FILE, not --data");
    if (o->suites != NULL || o->recompute != NULL)
        return eval_suites(ctx, o);
    wagle_eval_defaults(&e);
    e.model = o->model;
    e.metrics = o->metrics != NULL ? o->metrics : e.metrics;
    e.data = cli_rows(o, o->data[0]);
    cli_given_whole(&e.max_tokens, o->max_tokens);
    e.stop = cli_stop(o);
    e.out = o->out;
    e.redact = o->redact;
    e.force = o->force;
    st = wagle_eval(ctx, &e, &json);
    return st == WAGLE_OK && json != NULL ? print_rows_result(o, json) : st;
}

wagle_status cli_compare(wagle_ctx *ctx, cli_options *o)
{
    wagle_difference_options d;
    char *json = NULL;
    wagle_status st;

    wagle_difference_defaults(&d);
    d.a = o->argument[0];
    d.b = o->argument[1];
    cli_given_whole(&d.resamples, o->resamples);
    cli_given_seed(&d.seed, o->seed);
    if (o->argument[1] == NULL)
        return cli_complain("compare: give two results");
    if (d.resamples < 1)
        return cli_complain("--resamples 0: compare needs 1 or more");
    st = wagle_difference(ctx, &d, &json);
    return st == WAGLE_OK ? print_difference(json, o->json) : st;
}

wagle_status cli_report(wagle_ctx *ctx, cli_options *o)
{
    wagle_report_options r;

    wagle_report_defaults(&r);
    r.runs = o->argument;
    r.out = o->out;
    r.title = o->title;
    r.original = o->original;
    r.gold = o->gold_result;
    r.redact = o->redact;
    r.force = o->force;
    cli_given_whole(&r.resamples, o->resamples);
    return wagle_report(ctx, &r);
}
