/* requests.c - `wagle unlearn --requests`: fills the structure and prints the table. */
#include "common.h"

#include <stdio.h>
#include <string.h>

/* Its number; ROUGE has several, of which F1 is shown. NULL: it has none. */
static const json_t *number_of(const json_t *of, const char *metric)
{
    const json_t *value = json_object_get(of, metric);

    value = json_is_object(value) ? json_object_get(value, "f1") : value;
    return json_is_number(value) ? value : NULL;
}

/* The answer probability, else the first metric that is a number or has an F1. NULL: none. */
static const char *metric_of(const json_t *of)
{
    const char *key;
    json_t *one;

    if (number_of(of, "probability") != NULL)
        return "probability";
    json_object_foreach ((json_t *)(uintptr_t)of, key, one)
        if (strcmp(key, "rows") != 0 && number_of(of, key) != NULL)
            return key;
    return NULL;
}

/* The metric that the table shows: one of all requests together, else (perplexity) of each. */
static const char *shown(const json_t *table)
{
    const json_t *before = json_array_get(table, 0);
    const char *metric = metric_of(json_object_get(before, "forget"));

    if (metric == NULL)
        metric = metric_of(json_array_get(json_object_get(before, "asked"), 0));
    return metric != NULL ? metric : "rows";
}

static void print_cell(const json_t *of, const char *metric, int width)
{
    const json_t *value = number_of(of, metric);

    if (value == NULL)
        printf("  %*s", width, "");
    else
        printf("  %*.4f", width, json_number_value(value));
}

/* As many columns as requests: each is as wide as the file's name. */
static void print_row(const json_t *row, const json_t *requests, const char *metric, bool retain,
                      int first)
{
    const char *file = json_string_value(json_object_get(row, "file"));
    const json_t *request, *steps = json_object_get(row, "steps");
    size_t i;

    printf("%-*.*s", first, first, file != NULL ? file : "(before)");
    if (steps != NULL)
        printf("  %6lld", (long long)json_integer_value(steps));
    else
        printf("  %6s", "");
    print_cell(json_object_get(row, "forget"), metric, 9);
    if (retain)
        print_cell(json_object_get(row, "retain"), metric, 9);
    json_array_foreach (requests, i, request) {
        const int n = (int)strlen(json_string_value(json_object_get(request, "file")));
        print_cell(json_array_get(json_object_get(row, "asked"), i), metric, n > 8 ? n : 8);
    }
    putchar('\n');
}

static int widest(const json_t *requests)
{
    const json_t *request;
    int most = 8;
    size_t i;

    json_array_foreach (requests, i, request) {
        const int n = (int)strlen(json_string_value(json_object_get(request, "file")));
        most = n > most ? n : most;
    }
    return most < 40 ? most : 40;
}

static void print_table(const json_t *root)
{
    const json_t *table = json_object_get(root, "table"), *row, *request;
    const json_t *requests = json_object_get(root, "requests");
    const bool retain = json_object_get(json_array_get(table, 0), "retain") != NULL;
    const int first = widest(requests);
    const char *metric = shown(table);
    size_t i;

    printf("%s after each request, of the requests so far, %sof each:\n", metric,
           retain ? "of the retain rows, " : "");
    printf("%-*s  %6s  %9s%s", first, "request", "steps", "so far", retain ? "     retain" : "");
    json_array_foreach (requests, i, request)
        printf("  %8s", json_string_value(json_object_get(request, "file")));
    putchar('\n');
    json_array_foreach (table, i, row)
        print_row(row, requests, metric, retain, first);
}

wagle_status cli_unlearn_requests(wagle_ctx *ctx, const cli_options *o, wagle_train_options *t)
{
    wagle_requests_options r;
    char *json = NULL;
    json_t *root;
    wagle_status st;

    wagle_requests_defaults(&r);
    t->forget = cli_files(o, o->requests);
    r.train = t;
    r.metrics = o->metrics;
    cli_given_whole(&r.max_tokens, o->max_tokens);
    st = wagle_unlearn_requests(ctx, &r, &json);
    if (json == NULL)
        return st;
    if (o->json) {
        puts(json);
    } else if ((root = json_loads(json, 0, NULL)) != NULL) {
        print_table(root);
        json_decref(root);
    }
    wagle_string_free(json);
    return st;
}
