/* table.c - the results of a sweep: each method at its own best learning rate, over seeds. */
#include "sweep/sweep.h"

#include "modeldir/fake_quant.h"

#include "plot/plot.h"
#include "suite/results.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS_MOST = 64, LABEL = 96 };

/* The results of some runs. */
typedef struct standing {
    int n, reached; /* runs, and those whose stop rule held */
    double keep;    /* mean over runs of the mean over kept columns */
} standing;

/* Runs that differ in the seed alone. */
typedef struct group {
    wg_point of;
    const json_t *run[SEEDS_MOST];
    standing all;
    standing first; /* of the runs that choose: with spec.tune those of the first seed */
} group;

typedef bool same_fn(const wg_point *a, const wg_point *b);

/* --- columns ------------------------------------------------------------------------------------
 */

static double probability(const json_t *run, const char *part, const char *set)
{
    const json_t *value =
        json_object_get(json_object_get(json_object_get(run, part), set), "probability");

    return json_is_number(value) ? json_number_value(value) : NAN;
}

#define AGAIN "relearned."

static bool is_again(const char *column)
{
    return strncmp(column, AGAIN, sizeof AGAIN - 1) == 0;
}

/* "SET" (of eval), "relearned.SET", "q4_0.SET" or "SUITE.METRIC" of a run; NAN: it has no such
 * number. */
static double column(const json_t *run, const char *name)
{
    const char *dot = strchr(name, '.');
    char suite[32];
    const json_t *value;

    if (dot == NULL)
        return probability(run, "eval", name);
    if (is_again(name))
        return probability(run, "relearned", dot + 1);
    snprintf(suite, sizeof suite, "%.*s", (int)(dot - name < 31 ? dot - name : 31), name);
    if (wg_block_kind_find(suite) >= 0)
        return probability(json_object_get(run, "rounded"), suite, dot + 1);
    value = json_object_get(json_object_get(json_object_get(run, "suites"), suite), dot + 1);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Means over the columns that are to stay high: spec.keep, or all sets of eval but "forget". */
static double keep_of(const wg_sweep *s, const json_t *run)
{
    const json_t *chosen = json_object_get(s->spec, "keep");
    const char *name;
    json_t *value;
    double sum = 0;
    size_t i, n = json_array_size(chosen);

    json_array_foreach (chosen, i, value)
        sum += column(run, json_string_value(value));
    if (chosen == NULL)
        json_object_foreach (json_object_get(s->spec, "eval"), name, value)
            if (strcmp(name, "forget") != 0) {
                sum += column(run, name);
                n++;
            }
    return n > 0 ? sum / (double)n : NAN;
}

/* Columns of the table: spec.columns, or the sets of eval, before and after relearning. */
static wagle_status list_columns(wagle_ctx *ctx, const wg_sweep *s, json_t *list)
{
    const json_t *chosen = json_object_get(s->spec, "columns");
    const json_t *again = json_object_get(s->spec, "relearn");
    const json_t *some = json_object_get(again, "eval");
    const char *name;
    json_t *value;
    size_t i;
    int failed = chosen != NULL ? json_array_extend(list, (json_t *)(uintptr_t)chosen) : 0;

    if (chosen != NULL)
        return failed == 0 ? WAGLE_OK : wg_json_memory(ctx);
    json_object_foreach (json_object_get(s->spec, "eval"), name, value)
        failed |= json_array_append_new(list, json_string(name));
    json_array_foreach (some, i, value)
        failed |= json_array_append_new(list, json_sprintf(AGAIN "%s", json_string_value(value)));
    if (again != NULL && some == NULL)
        json_object_foreach (json_object_get(s->spec, "eval"), name, value)
            failed |= json_array_append_new(list, json_sprintf(AGAIN "%s", name));
    return failed == 0 ? WAGLE_OK : wg_json_memory(ctx);
}

/* --- groups -------------------------------------------------------------------------------------
 */

static bool same_selection(const wg_point *a, const wg_point *b)
{
    return strcmp(a->objective, b->objective) == 0 && strcmp(a->selector, b->selector) == 0 &&
           strcmp(a->exclude, b->exclude) == 0 && strcmp(a->protect, b->protect) == 0 &&
           strcmp(a->adapter, b->adapter) == 0;
}

bool wg_sweep_same_method(const wg_point *a, const wg_point *b)
{
    return same_selection(a, b) && a->density == b->density;
}

static void add_run(const wg_sweep *s, const wg_point *p, group *list, int64_t *n)
{
    const json_t *run = json_object_get(s->done, p->key);
    int64_t i = 0;

    if (run == NULL || json_object_get(run, "failed") != NULL)
        return;
    while (i < *n &&
           !(wg_sweep_same_method(&list[i].of, p) && (s->updates > 0 || list[i].of.lr == p->lr)))
        i++;
    if (i == *n)
        list[(*n)++].of = *p;
    if (list[i].all.n == SEEDS_MOST)
        return;
    list[i].run[list[i].all.n++] = run;
    list[i].all.reached += json_is_true(json_object_get(run, "stopped"));
    list[i].all.keep += (keep_of(s, run) - list[i].all.keep) / list[i].all.n;
    if (!s->tune || p->seed == s->point[0].seed)
        list[i].first = list[i].all;
}

/* More of its runs came there, and they keep more. */
static bool is_better(const standing *a, const standing *b)
{
    const double x = (double)a->reached / a->n, y = (double)b->reached / b->n;

    return x != y ? x > y : a->keep > b->keep;
}

/* Keeps the best alone of those that are the same. */
static int64_t choose(group *list, int64_t n, same_fn *same)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < n; i++) {
        int64_t k = 0;
        if (list[i].first.n == 0)
            continue;
        while (k < kept && !same(&list[k].of, &list[i].of))
            k++;
        if (k == kept)
            list[kept++] = list[i];
        else if (is_better(&list[i].first, &list[k].first))
            list[k] = list[i];
    }
    return kept;
}

/* Whether another learning rate was better with the first seed. */
wagle_status wg_sweep_is_left_out(wagle_ctx *ctx, const wg_sweep *s, const wg_point *p, bool *out)
{
    group *list;
    int64_t n = 0;

    *out = false;
    if (!s->tune || p->seed == s->point[0].seed)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &list, s->n));
    for (int64_t i = 0; i < s->n; i++)
        if (s->point[i].seed == s->point[0].seed && wg_sweep_same_method(&s->point[i], p))
            add_run(s, &s->point[i], list, &n);
    n = choose(list, n, wg_sweep_same_method);
    *out = n > 0 && list[0].of.lr != p->lr;
    wg_free(list);
    return WAGLE_OK;
}

/* An earlier point is of the same method and seed. */
static bool has_sibling(const wg_sweep *s, int64_t i)
{
    int64_t k = 0;

    while (s->point[k].seed != s->point[i].seed ||
           !wg_sweep_same_method(&s->point[k], &s->point[i]))
        k++;
    return k < i;
}

wagle_status wg_sweep_count(wagle_ctx *ctx, const wg_sweep *s, int64_t *planned, int64_t *there)
{
    *planned = *there = 0;
    for (int64_t i = 0; i < s->n; i++) {
        const wg_point *p = &s->point[i];
        bool skip;
        *planned += !s->tune || p->seed == s->point[0].seed || !has_sibling(s, i);
        if (json_object_get(s->done, p->key) == NULL)
            continue;
        WG_TRY(wg_sweep_is_left_out(ctx, s, p, &skip));
        *there += !skip;
    }
    return WAGLE_OK;
}

static int by_objective(const void *a, const void *b)
{
    const group *x = a, *y = b;
    const int order = strcmp(x->of.objective, y->of.objective);

    return order != 0                    ? order
           : is_better(&x->all, &y->all) ? -1
           : is_better(&y->all, &x->all) ? 1
                                         : 0;
}

/* Mean of a column, and half of its 95 % interval by Student's t (NAN for one run). */
static void mean_of(const group *g, const char *name, double *mean, double *half)
{
    static const double quantile[] = {0,     12.706, 4.303, 3.182, 2.776, 2.571,
                                      2.447, 2.365,  2.306, 2.262, 2.228};
    double sum = 0, square = 0;

    for (int i = 0; i < g->all.n; i++)
        sum += column(g->run[i], name);
    *mean = sum / g->all.n;
    for (int i = 0; i < g->all.n; i++)
        square += pow(column(g->run[i], name) - *mean, 2);
    *half = g->all.n < 2 ? NAN
                         : quantile[g->all.n - 1 < 10 ? g->all.n - 1 : 10] *
                               sqrt(square / (g->all.n - 1) / g->all.n);
}

/* Geometric mean of its runs' learning rates, which are one unless they were searched. */
static double rate_of(const group *g)
{
    double sum = 0;
    bool same = true;

    for (int i = 0; i < g->all.n; i++) {
        const double rate = json_number_value(json_object_get(g->run[i], "lr"));
        same &= rate == g->of.lr;
        sum += log(rate);
    }
    return same ? g->of.lr : exp(sum / g->all.n);
}

static double steps_of(const group *g)
{
    double sum = 0;

    for (int i = 0; i < g->all.n; i++)
        sum += json_number_value(json_object_get(g->run[i], "steps"));
    return sum / g->all.n;
}

/* --- what is written ----------------------------------------------------------------------------
 */

static wagle_status add_row(wagle_ctx *ctx, const json_t *columns, wg_text *t, const group *g)
{
    size_t i;
    json_t *name;

    WG_TRY(wg_text_printf(ctx, t, "| %s | %s", g->of.objective, g->of.selector));
    WG_TRY(wg_sweep_add_extras(ctx, &g->of, ", ", t));
    WG_TRY(wg_text_printf(ctx, t, " | %s | %.4g | %.3g | %d/%d | %.1f |",
                          *g->of.exclude != '\0' ? g->of.exclude : "-", g->of.density, rate_of(g),
                          g->all.reached, g->all.n, steps_of(g)));
    json_array_foreach (columns, i, name) {
        double mean, half;
        mean_of(g, json_string_value(name), &mean, &half);
        WG_TRY(isnan(mean)   ? wg_text_addz(ctx, t, " - |")
               : isnan(half) ? wg_text_printf(ctx, t, " %.3f |", mean)
                             : wg_text_printf(ctx, t, " %.3f ± %.3f |", mean, half));
    }
    return wg_text_addz(ctx, t, "\n");
}

static wagle_status add_table(wagle_ctx *ctx, const json_t *columns, const group *list, int64_t n,
                              wg_text *t)
{
    size_t i;
    json_t *name;

    WG_TRY(wg_text_addz(ctx, t,
                        "| objective | selector | without | density | lr | reached | steps |"));
    json_array_foreach (columns, i, name) {
        const char *text = json_string_value(name);
        const bool again = is_again(text);
        WG_TRY(wg_text_printf(ctx, t, " %s%s |", again ? text + sizeof AGAIN - 1 : text,
                              again ? ", relearned" : ""));
    }
    WG_TRY(wg_text_addz(ctx, t, "\n|"));
    for (i = 0; i < 7 + json_array_size(columns); i++)
        WG_TRY(wg_text_addz(ctx, t, "---|"));
    WG_TRY(wg_text_addz(ctx, t, "\n"));
    for (int64_t k = 0; k < n; k++)
        WG_TRY(add_row(ctx, columns, t, &list[k]));
    return WAGLE_OK;
}

/* The whole table, and before it, where there are several, each selector at its best density. */
static wagle_status make_tables(wagle_ctx *ctx, const json_t *columns, const group *list, int64_t n,
                                wg_text *t)
{
    group *best;
    int64_t kept;
    wagle_status st = WAGLE_OK;

    WG_TRY(WG_ALLOC(ctx, &best, n));
    memcpy(best, list, (size_t)n * sizeof *list);
    kept = choose(best, n, same_selection);
    qsort(best, (size_t)kept, sizeof *best, by_objective);
    if (kept < n) {
        st = wg_text_addz(ctx, t, "Each selector at its best density:\n\n");
        if (st == WAGLE_OK)
            st = add_table(ctx, columns, best, kept, t);
        if (st == WAGLE_OK)
            st = wg_text_addz(ctx, t, "\nAll:\n\n");
    }
    if (st == WAGLE_OK)
        st = add_table(ctx, columns, list, n, t);
    wg_free(best);
    return st;
}

static wagle_status summarise(wagle_ctx *ctx, const json_t *columns, const group *g, json_t *into)
{
    json_t *method = json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:f}", "objective",
                               g->of.objective, "selector", g->of.selector, "exclude",
                               g->of.exclude, "density", g->of.density, "lr", rate_of(g), "runs",
                               g->all.n, "reached", g->all.reached, "steps", steps_of(g));
    size_t i;
    json_t *name;

    if (json_array_append_new(into, method) != 0)
        return wg_json_memory(ctx);
    WG_TRY(wg_sweep_set_extras(ctx, &g->of, method));
    json_array_foreach (columns, i, name) {
        double mean, half;
        mean_of(g, json_string_value(name), &mean, &half);
        WG_TRY(wg_json_set(ctx, method, json_string_value(name),
                           isnan(half) ? json_pack("{s:o}", "mean", wg_json_real(mean))
                                       : json_pack("{s:o, s:o}", "mean", wg_json_real(mean), "half",
                                                   wg_json_real(half))));
    }
    return WAGLE_OK;
}

static wagle_status write_summary(wagle_ctx *ctx, const wg_sweep *s, const json_t *columns,
                                  const group *list, int64_t n)
{
    json_t *into = json_array();
    char *path = wg_path_join(ctx, s->out, "summary.json");
    wagle_status st = into == NULL   ? wg_json_memory(ctx)
                      : path == NULL ? WAGLE_E_RESOURCE
                                     : WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        st = summarise(ctx, columns, &list[i], into);
    if (st == WAGLE_OK)
        st = wg_json_write(ctx, path, into, true);
    json_decref(into);
    wg_free(path);
    return st;
}

static wagle_status label_of(wagle_ctx *ctx, const wg_point *p, char label[LABEL])
{
    wg_text t = {0};
    wagle_status st = wg_sweep_add_method(ctx, p, &t);

    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, &t, " %.3g", p->density);
    if (st == WAGLE_OK)
        snprintf(label, LABEL, "%s", t.text);
    wg_text_free(&t);
    return st;
}

/* spec.plot across (default: the forget set), what is kept upwards. */
static wagle_status draw(wagle_ctx *ctx, const wg_sweep *s, const group *list, int64_t n,
                         wg_text *svg)
{
    const json_t *plot = json_object_get(s->spec, "plot");
    const char *across = plot != NULL ? json_string_value(plot) : "forget";
    char title[128];
    wg_dot *dot;
    char(*label)[LABEL] = NULL;
    wagle_status st;

    snprintf(title, sizeof title, "%s%.100s",
             strchr(across, '.') != NULL ? "" : "answer probability, ", across);
    WG_TRY(WG_ALLOC(ctx, &dot, n));
    st = WG_ALLOC(ctx, &label, n);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++) {
        double half;
        mean_of(&list[i], across, &dot[i].x, &half);
        st = label_of(ctx, &list[i].of, label[i]);
        dot[i].y = list[i].all.keep;
        dot[i].label = label[i];
        dot[i].series = list[i].of.selector;
    }
    if (st == WAGLE_OK)
        st = wg_plot_dots(ctx,
                          &(wg_dots){.title = "forgotten (left) and kept (up): means over seeds",
                                     .x = title,
                                     .y = "mean of what is kept",
                                     .dot = dot,
                                     .n = n},
                          svg);
    wg_free(dot);
    wg_free(label);
    return st;
}

static wagle_status write_all(wagle_ctx *ctx, const wg_sweep *s, const json_t *columns,
                              const group *list, int64_t n, const wg_text *t)
{
    wg_text svg = {0};
    wagle_status st = wg_write_text(ctx, s->out, "table.md", t);

    if (st == WAGLE_OK)
        st = write_summary(ctx, s, columns, list, n);
    if (st == WAGLE_OK)
        st = draw(ctx, s, list, n, &svg);
    if (st == WAGLE_OK)
        st = wg_write_text(ctx, s->out, "pareto.svg", &svg);
    wg_text_free(&svg);
    return st;
}

static wagle_status tell(wagle_ctx *ctx, const wg_sweep *s, bool write, char **table)
{
    group *list;
    wg_text t = {0};
    int64_t n = 0;
    json_t *columns;
    wagle_status st;

    *table = NULL;
    WG_TRY(WG_ALLOC(ctx, &list, s->n));
    for (int64_t i = 0; i < s->n; i++)
        add_run(s, &s->point[i], list, &n);
    n = choose(list, n, wg_sweep_same_method);
    qsort(list, (size_t)n, sizeof *list, by_objective);
    columns = json_array();
    st = columns != NULL ? list_columns(ctx, s, columns) : wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = make_tables(ctx, columns, list, n, &t);
    if (st == WAGLE_OK && write)
        st = write_all(ctx, s, columns, list, n, &t);
    if (st == WAGLE_OK)
        *table = wg_text_take(ctx, &t);
    wg_text_free(&t);
    wg_free(list);
    json_decref(columns);
    return st == WAGLE_OK && *table == NULL ? WAGLE_E_RESOURCE : st;
}

wagle_status wg_sweep_columns(wagle_ctx *ctx, const json_t *spec, json_t *list)
{
    return list_columns(ctx, &(wg_sweep){.spec = (json_t *)(uintptr_t)spec}, list);
}

double wg_sweep_column(const json_t *run, const char *name)
{
    return column(run, name);
}

wagle_status wg_sweep_tell(wagle_ctx *ctx, const wg_sweep *s, char **table)
{
    return tell(ctx, s, false, table);
}

wagle_status wg_sweep_report(wagle_ctx *ctx, const wg_sweep *s, char **table)
{
    return tell(ctx, s, true, table);
}
