/* requests.c - models that requests were unlearned from one after another: what was asked after
 * each, as curves and as a table. */
#include "report/report.h"

#include "plot/plot.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* requests.json of a run's folder; NULL: none. */
static const json_t *table_of(const wg_report_model *m)
{
    return json_object_get(m->requests, "table");
}

/* --- numbers -----------------------------------------------------------------------------------
 */

/* A metric of a set in a row: a number, or the F1 of ROUGE; NAN: it was not asked. */
static double value_of(const json_t *set, const char *metric)
{
    const json_t *value = json_object_get(set, metric);

    if (json_is_object(value))
        value = json_object_get(value, "f1");
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The metric that is shown: the answer probability, else the first one that was asked. */
static const char *metric_of(const wg_report *r)
{
    for (int i = 0; i < r->n; i++) {
        const json_t *set = json_object_get(json_array_get(table_of(&r->model[i]), 0), "forget");
        const char *key;
        json_t *value;
        if (set == NULL || json_object_get(set, "probability") != NULL)
            continue;
        json_object_foreach ((json_t *)(uintptr_t)set, key, value)
            if (strcmp(key, "rows") != 0)
                return key;
    }
    return "probability";
}

/* --- curves ------------------------------------------------------------------------------------
 */

typedef struct points {
    double *x, *y;
    int64_t n;
} points;

/* set: "forget" or "retain"; NULL: the first request alone. */
static wagle_status read_points(wagle_ctx *ctx, const json_t *table, const char *set,
                                const char *metric, points *out)
{
    const json_t *row;
    size_t i;

    WG_TRY(WG_ALLOC(ctx, &out->x, (int64_t)json_array_size(table)));
    WG_TRY(WG_ALLOC(ctx, &out->y, (int64_t)json_array_size(table)));
    json_array_foreach (table, i, row) {
        const double y = value_of(set != NULL ? json_object_get(row, set)
                                              : json_array_get(json_object_get(row, "asked"), 0),
                                  metric);
        if (!isfinite(y))
            continue;
        out->x[out->n] = json_number_value(json_object_get(row, "requests"));
        out->y[out->n++] = y;
    }
    return WAGLE_OK;
}

static wagle_status draw(wagle_ctx *ctx, wg_report *r, const char *set, const char *metric,
                         const char *title, const char *caption)
{
    points p[WG_REPORT_MODELS] = {{NULL, NULL, 0}};
    wg_line line[WG_REPORT_MODELS];
    wg_text svg = {0};
    int64_t n = 0;
    wagle_status st = WAGLE_OK;

    for (int i = 0; st == WAGLE_OK && i < r->n; i++) {
        if (table_of(&r->model[i]) == NULL)
            continue;
        st = read_points(ctx, table_of(&r->model[i]), set, metric, &p[i]);
        if (p[i].n > 1)
            line[n++] = (wg_line){r->model[i].label, p[i].x, p[i].y, p[i].n};
    }
    if (st == WAGLE_OK && n > 0)
        st = wg_plot_lines(
            ctx, &(wg_lines){.title = title, .x = "requests", .y = metric, .line = line, .n = n},
            &svg);
    if (st == WAGLE_OK && n > 0)
        st = wg_page_figure(ctx, &r->page, &svg, caption);
    for (int i = 0; i < r->n; i++) {
        wg_free(p[i].x);
        wg_free(p[i].y);
    }
    wg_text_free(&svg);
    return st;
}

/* --- the table ---------------------------------------------------------------------------------
 */

static wagle_status number_cell(wagle_ctx *ctx, wg_report *r, double value)
{
    return isfinite(value) ? wg_page_cell(ctx, &r->page, false, "%.4g", value)
                           : wg_page_cell(ctx, &r->page, false, "-");
}

/* Each request that was asked: its name and number, with a comma between them. */
static wagle_status asked_cell(wagle_ctx *ctx, wg_report *r, const json_t *row, const char *metric)
{
    const json_t *one;
    char number[40];
    size_t i;

    WG_TRY(wg_text_addz(ctx, &r->page, "<td class=\"t\">"));
    json_array_foreach (json_object_get(row, "asked"), i, one) {
        const char *file = json_string_value(json_object_get(one, "file"));
        snprintf(number, sizeof number, " %.4g", value_of(one, metric));
        WG_TRY(wg_page_text(ctx, &r->page, i > 0 ? ", " : ""));
        WG_TRY(wg_page_text(ctx, &r->page, file != NULL ? file : "?"));
        WG_TRY(wg_page_text(ctx, &r->page, number));
    }
    return wg_text_addz(ctx, &r->page, "</td>");
}

/* Metrics of the suites, if any ran. */
static wagle_status suites_cell(wagle_ctx *ctx, wg_report *r, const json_t *row)
{
    const char *suite, *metric;
    json_t *values, *value;
    char number[40];
    bool any = false;

    WG_TRY(wg_text_addz(ctx, &r->page, "<td class=\"t\">"));
    json_object_foreach (json_object_get(row, "suites"), suite, values)
        json_object_foreach (values, metric, value) {
            snprintf(number, sizeof number, " %.4g", json_number_value(value));
            WG_TRY(wg_page_text(ctx, &r->page, any ? ", " : ""));
            WG_TRY(wg_page_text(ctx, &r->page, suite));
            WG_TRY(wg_page_text(ctx, &r->page, "."));
            WG_TRY(wg_page_text(ctx, &r->page, metric));
            WG_TRY(wg_page_text(ctx, &r->page, json_is_number(value) ? number : " -"));
            any = true;
        }
    return wg_text_addz(ctx, &r->page, any ? "</td>" : "-</td>");
}

static wagle_status table_row(wagle_ctx *ctx, wg_report *r, const json_t *row, const char *metric)
{
    const char *file = json_string_value(json_object_get(row, "file"));
    const bool unmet = json_is_true(json_object_get(row, "unmet"));

    WG_TRY(wg_text_addz(ctx, &r->page, "<tr>"));
    WG_TRY(wg_page_cell(ctx, &r->page, true, "%lld",
                        (long long)json_integer_value(json_object_get(row, "requests"))));
    WG_TRY(wg_text_addz(ctx, &r->page, "<td class=\"t\">"));
    WG_TRY(wg_page_text(ctx, &r->page, file != NULL ? file : "before the first request"));
    WG_TRY(wg_page_text(ctx, &r->page, unmet ? " (its stopping rule was not reached)" : ""));
    WG_TRY(wg_text_addz(ctx, &r->page, "</td>"));
    WG_TRY(number_cell(ctx, r, value_of(row, "steps")));
    WG_TRY(number_cell(ctx, r, value_of(row, "lr")));
    WG_TRY(number_cell(ctx, r, value_of(json_object_get(row, "forget"), metric)));
    WG_TRY(number_cell(ctx, r, value_of(json_object_get(row, "retain"), metric)));
    WG_TRY(asked_cell(ctx, r, row, metric));
    WG_TRY(suites_cell(ctx, r, row));
    return wg_text_addz(ctx, &r->page, "</tr>\n");
}

static wagle_status model_table(wagle_ctx *ctx, wg_report *r, const wg_report_model *m,
                                const char *metric)
{
    static const char *const heads[] = {"requests",      "the last of them", "updates",
                                        "learning rate", "requests so far",  "retain",
                                        "each request",  "of the suites"};
    const json_t *row;
    size_t i;

    WG_TRY(wg_text_addz(ctx, &r->page, "<h3>"));
    WG_TRY(wg_page_text(ctx, &r->page, m->label));
    WG_TRY(wg_text_addz(ctx, &r->page, "</h3>\n"));
    WG_TRY(wg_page_table(ctx, &r->page, heads, 8));
    json_array_foreach (table_of(m), i, row)
        WG_TRY(table_row(ctx, r, row, metric));
    return wg_page_table_end(ctx, &r->page);
}

wagle_status wg_report_requests(wagle_ctx *ctx, wg_report *r)
{
    const char *metric = metric_of(r);
    bool any = false;

    for (int i = 0; i < r->n; i++)
        any |= table_of(&r->model[i]) != NULL;
    if (!any)
        return WAGLE_OK;
    WG_TRY(wg_page_section(ctx, &r->page, "Requests, one after another"));
    WG_TRY(wg_page_paragraph(ctx, &r->page,
                             "Each request was unlearned from the model that the one before it "
                             "left. After each, all so far were asked again. The numbers are the "
                             "mean %s over the rows.",
                             metric));
    WG_TRY(draw(ctx, r, "forget", metric, "All requests so far",
                "Rows of all requests so far, by the number of requests; at 0, of all requests "
                "before the first was unlearned. One line for each model."));
    WG_TRY(draw(ctx, r, NULL, metric, "The first request",
                "Rows of the first request. If the line rises again, later requests brought back "
                "what it removed."));
    WG_TRY(
        draw(ctx, r, "retain", metric, "The retain rows",
             "Rows to keep, by the number of requests. A line that falls shows harm that adds up "
             "over the requests."));
    for (int i = 0; i < r->n; i++)
        if (table_of(&r->model[i]) != NULL)
            WG_TRY(model_table(ctx, r, &r->model[i], metric));
    return WAGLE_OK;
}
