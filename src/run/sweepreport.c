/* sweepreport.c - a sweep's table and plot: each method at its own best learning rate, over seeds.
 */
#include "run/sweep.h"

#include "run/plot.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS_MOST = 64 };

/* Runs that differ in the seed alone. */
typedef struct group {
    wg_point of;
    const json_t *run[SEEDS_MOST];
    int n, reached; /* runs, and those whose stop rule held */
    double keep;    /* mean over runs of the mean over kept sets */
    struct {
        int n, reached;
        double keep;
    } rate; /* the same of the runs that choose the learning rate */
} group;

static double in_run(const json_t *run, const char *part, const char *set)
{
    const json_t *value =
        json_object_get(json_object_get(json_object_get(run, part), set), "probability");

    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Sets whose probability is to stay: spec.keep, or all but "forget". */
static double keep_of(const wg_sweep *s, const json_t *run)
{
    const json_t *chosen = json_object_get(s->spec, "keep");
    const char *name;
    json_t *value;
    double sum = 0;
    int n = 0;

    json_object_foreach (json_object_get(s->spec, "eval"), name, value) {
        bool in = chosen == NULL && strcmp(name, "forget") != 0;
        for (size_t i = 0; i < json_array_size(chosen); i++)
            in |= strcmp(json_string_value(json_array_get(chosen, i)), name) == 0;
        if (in) {
            sum += in_run(run, "eval", name);
            n++;
        }
    }
    return n > 0 ? sum / n : NAN;
}

static bool same_method(const wg_point *a, const wg_point *b)
{
    return strcmp(a->objective, b->objective) == 0 && strcmp(a->selector, b->selector) == 0 &&
           strcmp(a->exclude, b->exclude) == 0 && a->density == b->density;
}

static wagle_status add_run(wagle_ctx *ctx, const wg_sweep *s, const wg_point *p, group *list,
                            int64_t *n)
{
    wg_text key = {0};
    const json_t *run;
    int64_t i = 0;
    wagle_status st = wg_point_key(ctx, p, &key);

    run = st == WAGLE_OK ? json_object_get(s->done, key.text) : NULL;
    wg_text_free(&key);
    if (run == NULL || json_object_get(run, "failed") != NULL)
        return st;
    while (i < *n && !(same_method(&list[i].of, p) && list[i].of.lr == p->lr))
        i++;
    if (i == *n)
        list[(*n)++].of = *p;
    if (list[i].n < SEEDS_MOST) {
        list[i].run[list[i].n++] = run;
        list[i].reached += json_is_true(json_object_get(run, "stopped"));
        list[i].keep += (keep_of(s, run) - list[i].keep) / list[i].n;
        if (!s->tune || p->seed == s->point[0].seed) {
            list[i].rate.n = list[i].n;
            list[i].rate.reached = list[i].reached;
            list[i].rate.keep = list[i].keep;
        }
    }
    return WAGLE_OK;
}

/* a is the better learning rate: more of its runs came there, and they keep more. */
static bool is_better_rate(const group *a, const group *b)
{
    const double x = (double)a->rate.reached / a->rate.n, y = (double)b->rate.reached / b->rate.n;

    return x != y ? x > y : a->rate.keep > b->rate.keep;
}

static bool is_better(const group *a, const group *b)
{
    const double x = (double)a->reached / a->n, y = (double)b->reached / b->n;

    return x != y ? x > y : a->keep > b->keep;
}

/* Keeps of each method the best learning rate alone. */
static int64_t choose_rates(group *list, int64_t n)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < n; i++) {
        int64_t k = 0;
        while (k < kept && !same_method(&list[k].of, &list[i].of))
            k++;
        if (k == kept)
            list[kept++] = list[i];
        else if (is_better_rate(&list[i], &list[k]))
            list[k] = list[i];
    }
    return kept;
}

/* Whether another learning rate was better with the first seed. */
wagle_status wg_sweep_is_left_out(wagle_ctx *ctx, const wg_sweep *s, const wg_point *p, bool *out)
{
    group *list;
    int64_t n = 0;
    wagle_status st;

    *out = false;
    if (!s->tune || p->seed == s->point[0].seed)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &list, s->n));
    st = WAGLE_OK;
    for (int64_t i = 0; st == WAGLE_OK && i < s->n; i++)
        if (s->point[i].seed == s->point[0].seed && same_method(&s->point[i], p))
            st = add_run(ctx, s, &s->point[i], list, &n);
    n = choose_rates(list, n);
    *out = st == WAGLE_OK && n > 0 && list[0].of.lr != p->lr;
    wg_free(list);
    return st;
}

static int by_objective(const void *a, const void *b)
{
    const group *x = a, *y = b;
    const int order = strcmp(x->of.objective, y->of.objective);

    return order != 0 ? order : is_better(x, y) ? -1 : is_better(y, x) ? 1 : 0;
}

/* Mean of a set's probability, and half of its 95 % interval by Student's t (NAN for one run). */
static void mean_of(const group *g, const char *part, const char *set, double *mean, double *half)
{
    static const double quantile[] = {0,     12.706, 4.303, 3.182, 2.776, 2.571,
                                      2.447, 2.365,  2.306, 2.262, 2.228};
    double sum = 0, square = 0;

    for (int i = 0; i < g->n; i++)
        sum += in_run(g->run[i], part, set);
    *mean = sum / g->n;
    for (int i = 0; i < g->n; i++)
        square += pow(in_run(g->run[i], part, set) - *mean, 2);
    *half =
        g->n < 2 ? NAN : quantile[g->n - 1 < 10 ? g->n - 1 : 10] * sqrt(square / (g->n - 1) / g->n);
}

static wagle_status add_cell(wagle_ctx *ctx, wg_text *t, const group *g, const char *part,
                             const char *set)
{
    double mean, half;

    mean_of(g, part, set, &mean, &half);
    return isnan(mean)   ? wg_text_addz(ctx, t, " - |")
           : isnan(half) ? wg_text_printf(ctx, t, " %.3f |", mean)
                         : wg_text_printf(ctx, t, " %.3f +- %.3f |", mean, half);
}

static double steps_of(const group *g)
{
    double sum = 0;

    for (int i = 0; i < g->n; i++)
        sum += json_number_value(json_object_get(g->run[i], "steps"));
    return sum / g->n;
}

static wagle_status add_row(wagle_ctx *ctx, const wg_sweep *s, wg_text *t, const group *g)
{
    const bool relearns = json_object_get(s->spec, "relearn") != NULL;
    const char *name;
    json_t *value;

    WG_TRY(wg_text_printf(ctx, t, "| %s | %s | %s | %.4g | %.3g | %d/%d | %.1f |", g->of.objective,
                          g->of.selector, *g->of.exclude != '\0' ? g->of.exclude : "-",
                          g->of.density, g->of.lr, g->reached, g->n, steps_of(g)));
    json_object_foreach (json_object_get(s->spec, "eval"), name, value)
        WG_TRY(add_cell(ctx, t, g, "eval", name));
    json_object_foreach (json_object_get(s->spec, "eval"), name, value)
        if (relearns)
            WG_TRY(add_cell(ctx, t, g, "relearned", name));
    return wg_text_addz(ctx, t, "\n");
}

static wagle_status make_table(wagle_ctx *ctx, const wg_sweep *s, const group *list, int64_t n,
                               wg_text *t)
{
    const bool relearns = json_object_get(s->spec, "relearn") != NULL;
    int columns = 7;
    const char *name;
    json_t *value;

    WG_TRY(wg_text_addz(ctx, t,
                        "| objective | selector | without | density | lr | reached | steps |"));
    for (int round = 0; round < (relearns ? 2 : 1); round++)
        json_object_foreach (json_object_get(s->spec, "eval"), name, value) {
            WG_TRY(wg_text_printf(ctx, t, " %s%s |", name, round ? ", relearned" : ""));
            columns++;
        }
    WG_TRY(wg_text_addz(ctx, t, "\n"));
    for (int i = 0; i < columns; i++)
        WG_TRY(wg_text_addz(ctx, t, "|---"));
    WG_TRY(wg_text_addz(ctx, t, "|\n"));
    for (int64_t i = 0; i < n; i++)
        WG_TRY(add_row(ctx, s, t, &list[i]));
    return WAGLE_OK;
}

/* Forget probability across (or, of a sweep that relearns, that of the set spec.plot), what is kept
 * upwards. */
static wagle_status draw(wagle_ctx *ctx, const wg_sweep *s, const group *list, int64_t n,
                         wg_text *svg)
{
    const char *set = json_string_value(json_object_get(s->spec, "plot"));
    const bool relearned = json_object_get(s->spec, "relearn") != NULL && set != NULL;
    char across[128];
    wg_dot *dot;
    char(*label)[96] = NULL;
    wagle_status st;

    snprintf(across, sizeof across, "answer probability, %.64s%s", relearned ? set : "forget",
             relearned ? ", after relearning" : "");

    WG_TRY(WG_ALLOC(ctx, &dot, n));
    st = WG_ALLOC(ctx, &label, n);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++) {
        double half;
        mean_of(&list[i], relearned ? "relearned" : "eval", relearned ? set : "forget", &dot[i].x,
                &half);
        snprintf(label[i], sizeof label[i], "%s %s%s%s %.3g", list[i].of.objective,
                 list[i].of.selector, *list[i].of.exclude != '\0' ? " without " : "",
                 list[i].of.exclude, list[i].of.density);
        dot[i].y = list[i].keep;
        dot[i].label = label[i];
        dot[i].series = list[i].of.selector;
    }
    if (st == WAGLE_OK)
        st = wg_plot_dots(ctx,
                          &(wg_dots){.title = "forgotten (left) and kept (up): means over seeds",
                                     .x = across,
                                     .y = "mean answer probability, kept sets",
                                     .dot = dot,
                                     .n = n},
                          svg);
    wg_free(dot);
    wg_free(label);
    return st;
}

static wagle_status write_in(wagle_ctx *ctx, const wg_sweep *s, const char *name, const wg_text *t)
{
    char *path = wg_path_join(ctx, s->out, name);
    wagle_status st =
        path != NULL ? wg_write_file(ctx, path, t->text, (size_t)t->bytes, true) : WAGLE_E_RESOURCE;

    wg_free(path);
    return st;
}

wagle_status wg_sweep_report(wagle_ctx *ctx, const wg_sweep *s, char **table)
{
    group *list;
    wg_text t = {0}, svg = {0};
    int64_t n = 0;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &list, s->n));
    st = WAGLE_OK;
    for (int64_t i = 0; st == WAGLE_OK && i < s->n; i++)
        st = add_run(ctx, s, &s->point[i], list, &n);
    n = choose_rates(list, n);
    qsort(list, (size_t)n, sizeof *list, by_objective);
    if (st == WAGLE_OK)
        st = make_table(ctx, s, list, n, &t);
    if (st == WAGLE_OK)
        st = write_in(ctx, s, "table.md", &t);
    if (st == WAGLE_OK)
        st = draw(ctx, s, list, n, &svg);
    if (st == WAGLE_OK)
        st = write_in(ctx, s, "pareto.svg", &svg);
    *table = st == WAGLE_OK ? wg_text_take(ctx, &t) : NULL;
    wg_text_free(&t);
    wg_text_free(&svg);
    wg_free(list);
    return st == WAGLE_OK && *table == NULL ? WAGLE_E_RESOURCE : st;
}
