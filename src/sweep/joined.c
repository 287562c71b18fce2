/* joined.c - what a join of sweeps writes: table.md, summary.json, plot.svg. */
#include "sweep/join.h"

#include "plot/plot.h"
#include "suite/results.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define AGAIN "relearned."

/* "relearned.SET" as a heading. */
static void title_of(const char *column, char out[96])
{
    const bool again = strncmp(column, AGAIN, sizeof AGAIN - 1) == 0;

    snprintf(out, 96, "%.80s%s", again ? column + sizeof AGAIN - 1 : column,
             again ? ", relearned" : "");
}

static const char *name_at(const json_t *list, size_t i)
{
    return json_string_value(json_array_get(list, i));
}

/* Tasks in which the method has runs that count; runs, and those that reached the stop rule. */
static void count_runs(const wg_join *j, const wg_method *m, int64_t *tasks, int64_t *runs,
                       int64_t *reached)
{
    *tasks = *runs = *reached = 0;
    for (int64_t t = 0; t < j->o->n; t++) {
        const wg_cell *cell = &m->cell[t];
        *tasks += cell->n > 0;
        *runs += cell->n;
        for (int64_t i = 0; i < cell->n; i++)
            *reached += json_is_true(json_object_get(cell->run[i], "stopped"));
    }
}

/* The methods of the objective of method `first` end before this one. */
static int64_t end_of(const wg_join *j, int64_t first)
{
    int64_t end = first;

    while (end < j->n && strcmp(j->method[end].objective, j->method[first].objective) == 0)
        end++;
    return end;
}

/* --- table.md: means ----------------------------------------------------------------------------
 */

static wagle_status add_rule(wagle_ctx *ctx, wg_text *t, size_t columns)
{
    WG_TRY(wg_text_addz(ctx, t, "\n|"));
    for (size_t i = 0; i < columns; i++)
        WG_TRY(wg_text_addz(ctx, t, "---|"));
    return wg_text_addz(ctx, t, "\n");
}

/* "0.812 ± 0.034", or "-". */
static wagle_status add_mean(wagle_ctx *ctx, wg_text *t, const char *format, double mean,
                             double half)
{
    char number[32], interval[32];

    if (isnan(mean))
        return wg_text_addz(ctx, t, " - |");
    snprintf(number, sizeof number, format, mean);
    snprintf(interval, sizeof interval, format, half);
    return wg_text_printf(ctx, t, isnan(half) ? " %s |" : " %s ± %s |", number,
                          *interval == '+' ? interval + 1 : interval);
}

/* "60.2 (57 to 63)": the mean, and the lowest and the highest over tasks. */
static wagle_status add_updates(wagle_ctx *ctx, wg_text *t, const wg_over *over)
{
    return over->n == 0              ? wg_text_addz(ctx, t, " - |")
           : over->low == over->high ? wg_text_printf(ctx, t, " %.4g |", over->low)
                                     : wg_text_printf(ctx, t, " %.1f (%.4g to %.4g) |", over->mean,
                                                      over->low, over->high);
}

/* One number, or the lowest and the highest over tasks. */
static wagle_status add_range(wagle_ctx *ctx, wg_text *t, const wg_over *over)
{
    return over->n == 0 ? wg_text_addz(ctx, t, " - |")
           : over->low == over->high
               ? wg_text_printf(ctx, t, " %.3g |", over->low)
               : wg_text_printf(ctx, t, " %.3g to %.3g |", over->low, over->high);
}

static wagle_status add_row(wagle_ctx *ctx, const wg_join *j, const wg_method *m, wg_text *t)
{
    const wg_over steps = wg_join_over(j, m, wg_join_number, "steps");
    const wg_over rate = wg_join_over(j, m, wg_join_number, "lr");
    int64_t tasks, runs, reached;

    count_runs(j, m, &tasks, &runs, &reached);
    WG_TRY(wg_text_printf(ctx, t, "| %s | %s | %lld | %lld/%lld |", m->objective, m->name,
                          (long long)tasks, (long long)reached, (long long)runs));
    WG_TRY(add_updates(ctx, t, &steps));
    WG_TRY(add_range(ctx, t, &rate));
    for (size_t i = 0; i < json_array_size(j->columns); i++) {
        const wg_over over = wg_join_over(j, m, wg_sweep_column, name_at(j->columns, i));
        WG_TRY(add_mean(ctx, t, "%.3f", over.mean, over.half));
    }
    return wg_text_addz(ctx, t, "\n");
}

static wagle_status add_means(wagle_ctx *ctx, const wg_join *j, wg_text *t)
{
    WG_TRY(wg_text_printf(ctx, t,
                          "Means over %lld tasks with 95 %% intervals by Student's t. The runs of "
                          "one task (seeds) are averaged first.\n\n"
                          "| objective | method | tasks | reached | updates | rate |",
                          (long long)j->o->n));
    for (size_t i = 0; i < json_array_size(j->columns); i++) {
        char title[96];
        title_of(name_at(j->columns, i), title);
        WG_TRY(wg_text_printf(ctx, t, " %s |", title));
    }
    WG_TRY(add_rule(ctx, t, 6 + json_array_size(j->columns)));
    for (int64_t i = 0; i < j->n; i++)
        WG_TRY(add_row(ctx, j, &j->method[i], t));
    return WAGLE_OK;
}

/* --- table.md: comparisons ----------------------------------------------------------------------
 */

static const wg_paired *test_of(const wg_join *j, int64_t method, size_t column)
{
    return &j->test[(size_t)method * json_array_size(j->compared) + column];
}

static double holm_of(const wg_join *j, int64_t method, size_t column)
{
    return j->holm[(size_t)method * json_array_size(j->compared) + column];
}

static wagle_status add_p(wagle_ctx *ctx, wg_text *t, double p)
{
    return isnan(p)    ? wg_text_addz(ctx, t, " - |")
           : p == 0    ? wg_text_addz(ctx, t, " 0 |")
           : p < 0.001 ? wg_text_printf(ctx, t, " %.1e |", p)
                       : wg_text_printf(ctx, t, " %.3f |", p);
}

static wagle_status add_comparison(wagle_ctx *ctx, const wg_join *j, int64_t i, size_t column,
                                   wg_text *t)
{
    const wg_paired *test = test_of(j, i, column);

    WG_TRY(wg_text_printf(ctx, t, "| %s | %s | %lld |", j->method[i].objective, j->method[i].name,
                          (long long)test->n));
    WG_TRY(add_mean(ctx, t, "%+.3f", test->mean, test->half));
    WG_TRY(add_p(ctx, t, test->p));
    WG_TRY(add_p(ctx, t, holm_of(j, i, column)));
    WG_TRY(add_p(ctx, t, test->equivalence));
    return wg_text_addz(ctx, t, "\n");
}

/* The fewest pairs with which a p of so many tests can be 0.05 after Holm's correction. */
static int needed_pairs(int64_t tests)
{
    int pairs = 1;

    while (ldexp((double)tests, 1 - pairs) > 0.05)
        pairs++;
    return pairs;
}

/* What the tests of one objective [first, end) can show at all. */
static wagle_status add_limits(wagle_ctx *ctx, const wg_join *j, int64_t first, int64_t end,
                               size_t column, wg_text *t)
{
    const char *objective = j->method[first].objective;
    const wg_paired *most = NULL;
    int64_t tests = 0;

    for (int64_t i = first; i < end; i++) {
        const wg_paired *test = test_of(j, i, column);
        tests += test->n > 0;
        most = test->n > 0 && (most == NULL || test->n > most->n) ? test : most;
    }
    if (most == NULL)
        return wg_text_printf(ctx, t, "- %s: no task has runs of '%s' and of another method.\n",
                              objective, j->baseline);
    const double corrected = fmin(1, most->smallest_p * (double)tests);
    WG_TRY(wg_text_printf(ctx, t,
                          "- %s: with %lld pair%s the smallest p that the test can reach is %.3g; "
                          "after Holm's correction over %lld method%s it is %.3g.",
                          objective, (long long)most->n, most->n == 1 ? "" : "s", most->smallest_p,
                          (long long)tests, tests == 1 ? "" : "s", corrected));
    return corrected > 0.05
               ? wg_text_printf(ctx, t,
                                " So no difference can be significant at 0.05: that takes %d "
                                "tasks.\n",
                                needed_pairs(tests))
               : wg_text_addz(ctx, t, "\n");
}

static wagle_status add_column(wagle_ctx *ctx, const wg_join *j, size_t column, wg_text *t)
{
    char title[96];

    title_of(name_at(j->compared, column), title);
    WG_TRY(wg_text_printf(ctx, t,
                          "\n## %s: difference from %s\n\n"
                          "| objective | method | pairs | difference | p | p, Holm | p, "
                          "equivalent |",
                          title, j->baseline));
    WG_TRY(add_rule(ctx, t, 7));
    for (int64_t i = 0; i < j->n; i++)
        if (!j->method[i].is_baseline)
            WG_TRY(add_comparison(ctx, j, i, column, t));
    WG_TRY(wg_text_addz(ctx, t, "\n"));
    for (int64_t i = 0; i < j->n; i = end_of(j, i))
        WG_TRY(add_limits(ctx, j, i, end_of(j, i), column, t));
    return WAGLE_OK;
}

wagle_status wg_joined_table(wagle_ctx *ctx, const wg_join *j, wg_text *out)
{
    WG_TRY(add_means(ctx, j, out));
    WG_TRY(wg_text_printf(
        ctx, out,
        "\nBelow, runs are paired by task and seed with those of '%s' under the same objective, "
        "and a pair is a task. p: two-sided sign-flip permutation test of the mean difference%s; "
        "Holm's correction is over the methods of one objective. p, equivalent: two one-sided "
        "paired t tests; below 0.05 the means differ by less than %g.\n",
        j->baseline, j->o->n > 20 ? " (100,000 random sign patterns above 20 pairs)" : "",
        j->o->margin));
    for (size_t c = 0; c < json_array_size(j->compared); c++)
        WG_TRY(add_column(ctx, j, c, out));
    return WAGLE_OK;
}

/* --- summary.json -------------------------------------------------------------------------------
 */

static json_t *describe_over(const wg_over *over)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:o}", "tasks", (json_int_t)over->n, "mean",
                     wg_json_real(over->mean), "half", wg_json_real(over->half), "low",
                     wg_json_real(over->low), "high", wg_json_real(over->high));
}

/* The number of each task, null where there is none. */
static wagle_status set_values(wagle_ctx *ctx, const wg_join *j, const wg_method *m,
                               const char *column, json_t *into)
{
    json_t *list = json_array();
    int failed = 0;

    WG_TRY(wg_json_set(ctx, into, "values", list));
    for (int64_t task = 0; task < j->o->n; task++)
        failed |= json_array_append_new(
            list, wg_json_real(wg_join_value(&m->cell[task], wg_sweep_column, column)));
    return failed == 0 ? WAGLE_OK : wg_json_memory(ctx);
}

static wagle_status set_columns(wagle_ctx *ctx, const wg_join *j, const wg_method *m, json_t *into)
{
    json_t *columns = json_object();

    WG_TRY(wg_json_set(ctx, into, "columns", columns));
    for (size_t i = 0; i < json_array_size(j->columns); i++) {
        const char *name = name_at(j->columns, i);
        const wg_over over = wg_join_over(j, m, wg_sweep_column, name);
        json_t *value = describe_over(&over);
        WG_TRY(wg_json_set(ctx, columns, name, value));
        WG_TRY(set_values(ctx, j, m, name, value));
    }
    return WAGLE_OK;
}

static wagle_status set_tests(wagle_ctx *ctx, const wg_join *j, int64_t i, json_t *into)
{
    json_t *tests = json_object();

    WG_TRY(wg_json_set(ctx, into, "paired", tests));
    for (size_t c = 0; c < json_array_size(j->compared); c++) {
        const wg_paired *t = test_of(j, i, c);
        WG_TRY(wg_json_set(
            ctx, tests, name_at(j->compared, c),
            json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "pairs", (json_int_t)t->n, "mean",
                      wg_json_real(t->mean), "half", wg_json_real(t->half), "p", wg_json_real(t->p),
                      "holm", wg_json_real(holm_of(j, i, c)), "smallest_p",
                      wg_json_real(t->smallest_p), "equivalence", wg_json_real(t->equivalence))));
    }
    return WAGLE_OK;
}

static wagle_status add_method(wagle_ctx *ctx, const wg_join *j, int64_t i, json_t *list)
{
    const wg_method *m = &j->method[i];
    const wg_over steps = wg_join_over(j, m, wg_join_number, "steps");
    const wg_over rate = wg_join_over(j, m, wg_join_number, "lr");
    int64_t tasks, runs, reached;
    json_t *method;

    count_runs(j, m, &tasks, &runs, &reached);
    method = json_pack(
        "{s:s, s:s, s:s, s:s, s:f, s:s, s:b, s:I, s:I, s:I, s:o, s:o}", "objective", m->objective,
        "method", m->name, "selector", wg_join_text(m->of, "selector", "none"), "exclude",
        wg_join_text(m->of, "exclude", ""), "density", wg_join_number(m->of, "density"), "protect",
        wg_join_text(m->of, "protect", "none"), "baseline", (int)m->is_baseline, "tasks",
        (json_int_t)tasks, "runs", (json_int_t)runs, "reached", (json_int_t)reached, "updates",
        describe_over(&steps), "rate", describe_over(&rate));
    if (method == NULL || json_array_append_new(list, method) != 0)
        return wg_json_memory(ctx);
    WG_TRY(set_columns(ctx, j, m, method));
    return m->is_baseline ? WAGLE_OK : set_tests(ctx, j, i, method);
}

static wagle_status fill_summary(wagle_ctx *ctx, const wg_join *j, json_t *summary)
{
    json_t *tasks = json_array(), *methods;
    int failed = 0;

    WG_TRY(wg_json_set(ctx, summary, "tasks", tasks));
    for (int64_t t = 0; t < j->o->n; t++)
        failed |= json_array_append_new(tasks, wg_json_bytes(j->o->sweeps[t]));
    if (failed != 0)
        return wg_json_memory(ctx);
    WG_TRY(wg_json_set(ctx, summary, "primary", json_string(j->primary)));
    WG_TRY(wg_json_set(ctx, summary, "keep", json_incref(j->keep)));
    WG_TRY(wg_json_set(ctx, summary, "baseline", json_string(j->baseline)));
    WG_TRY(wg_json_set(ctx, summary, "margin", json_real(j->o->margin)));
    methods = json_array();
    WG_TRY(wg_json_set(ctx, summary, "methods", methods));
    for (int64_t i = 0; i < j->n; i++)
        WG_TRY(add_method(ctx, j, i, methods));
    return WAGLE_OK;
}

wagle_status wg_joined_summary(wagle_ctx *ctx, const wg_join *j, json_t **out)
{
    wagle_status st;

    *out = json_object();
    st = *out != NULL ? fill_summary(ctx, j, *out) : wg_json_memory(ctx);
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

/* --- plot.svg -----------------------------------------------------------------------------------
 */

/* spec.plot, or the first column of relearning, or "forget". */
static const char *across(const wg_join *j)
{
    const char *plot = json_string_value(json_object_get(j->spec[0], "plot"));

    for (size_t i = 0; plot == NULL && i < json_array_size(j->columns); i++)
        if (strncmp(name_at(j->columns, i), AGAIN, sizeof AGAIN - 1) == 0)
            plot = name_at(j->columns, i);
    return plot != NULL ? plot : "forget";
}

typedef char heading[96];

/* mark [methods]; note [methods] says where tasks are missing. */
static void fill_marks(const wg_join *j, wg_mark *mark, heading *note)
{
    for (int64_t i = 0; i < j->n; i++) {
        const wg_over over = wg_join_over(j, &j->method[i], wg_sweep_column, j->primary);
        if (over.n < j->o->n)
            snprintf(note[i], sizeof note[i], " (%lld of %lld tasks)", (long long)over.n,
                     (long long)j->o->n);
        mark[i] = (wg_mark){.x = wg_join_over(j, &j->method[i], wg_sweep_column, across(j)).mean,
                            .y = over.mean,
                            .half = over.half,
                            .label = j->method[i].name,
                            .note = note[i]};
    }
}

/* A panel for each objective; mark, panel, title [methods]; axis: names of x and y. */
static int64_t fill_panels(const wg_join *j, heading axis[2], const wg_mark *mark, wg_marks *panel,
                           heading *title)
{
    int64_t panels = 0;

    for (int64_t i = 0; i < j->n; i = end_of(j, i)) {
        snprintf(title[panels], sizeof title[panels],
                 "%.40s: means over %lld tasks, 95 %% intervals", j->method[i].objective,
                 (long long)j->o->n);
        panel[panels] = (wg_marks){.title = title[panels],
                                   .x = axis[0],
                                   .y = axis[1],
                                   .mark = &mark[i],
                                   .n = end_of(j, i) - i};
        panels++;
    }
    return panels;
}

wagle_status wg_joined_plot(wagle_ctx *ctx, const wg_join *j, wg_text *out)
{
    heading axis[2], *title = NULL, *note = NULL;
    wg_mark *mark = NULL;
    wg_marks *panel = NULL;
    wagle_status st;

    title_of(across(j), axis[0]);
    title_of(j->primary, axis[1]);
    WG_TRY_GOTO(WG_ALLOC(ctx, &mark, j->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &panel, j->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &title, j->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &note, j->n), done);
    fill_marks(j, mark, note);
    st = wg_plot_marks(ctx, panel, fill_panels(j, axis, mark, panel, title), out);
done:
    wg_free(note);
    wg_free(title);
    wg_free(mark);
    wg_free(panel);
    return st;
}
