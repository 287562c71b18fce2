/* join.c - the sweeps of a study as one: methods over tasks, and each against a baseline. */
#include "sweep/join.h"

#include "base/options.h"

#include "metric/statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WG_ALL_WEIGHTS "all weights"

/* --- numbers of a run ---------------------------------------------------------------------------
 */

double wg_join_number(const json_t *run, const char *name)
{
    const json_t *value = json_object_get(run, name);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *wg_join_text(const json_t *run, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(run, key));

    return text != NULL && *text != '\0' ? text : otherwise;
}

double wg_join_value(const wg_cell *cell, wg_number_fn *number, const char *name)
{
    double sum = 0;
    int64_t n = 0;

    for (int64_t i = 0; i < cell->n; i++) {
        const double value = number(cell->run[i], name);
        sum += isnan(value) ? 0 : value;
        n += !isnan(value);
    }
    return n > 0 ? sum / (double)n : NAN;
}

wg_over wg_join_over(const wg_join *j, const wg_method *m, wg_number_fn *number, const char *name)
{
    wg_over over = {.low = INFINITY, .high = -INFINITY};

    for (int64_t task = 0; task < j->o->n; task++) {
        const double value = wg_join_value(&m->cell[task], number, name);
        if (isnan(value))
            continue;
        over.low = fmin(over.low, value);
        over.high = fmax(over.high, value);
        j->value[over.n++] = value;
    }
    over.mean = wg_mean(j->value, over.n);
    over.half = wg_half_interval(j->value, over.n);
    return over;
}

/* --- methods ------------------------------------------------------------------------------------
 */

/* "all weights", "random 0.1", "wagle@auto 0.1 without embeddings, protect retain@0.1". */
static wagle_status write_name(wagle_ctx *ctx, const json_t *run, wg_text *t)
{
    const char *selector = wg_join_text(run, "selector", "none");
    const char *exclude = wg_join_text(run, "exclude", "");
    const char *protect = wg_join_text(run, "protect", "none");
    const char *adapter = wg_join_text(run, "adapter", "none");
    const double density = json_number_value(json_object_get(run, "density"));
    const bool all = strcmp(selector, "none") == 0;

    WG_TRY(wg_text_addz(ctx, t, all ? WG_ALL_WEIGHTS : selector));
    if (!all && density > 0)
        WG_TRY(wg_text_printf(ctx, t, " %.4g", density));
    if (*exclude != '\0')
        WG_TRY(wg_text_printf(ctx, t, " without %s", exclude));
    if (strcmp(protect, "none") != 0)
        WG_TRY(wg_text_printf(ctx, t, ", protect %s", protect));
    return strcmp(adapter, "none") == 0 ? WAGLE_OK
                                        : wg_text_printf(ctx, t, ", adapter %s", adapter);
}

static wagle_status name_method(wagle_ctx *ctx, wg_join *j, const json_t *run, const char **out)
{
    wg_text t = {0};
    const wagle_status st = write_name(ctx, run, &t);

    *out = st == WAGLE_OK ? wg_arena_text(ctx, &j->arena, t.text, (size_t)t.bytes) : NULL;
    wg_text_free(&t);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* The method of a run, which is added if it is new. */
static wagle_status find_method(wagle_ctx *ctx, wg_join *j, const json_t *run, wg_method **out)
{
    const char *objective = json_string_value(json_object_get(run, "objective")), *name;
    int64_t i = 0;

    WG_TRY(name_method(ctx, j, run, &name));
    while (i < j->n &&
           (strcmp(j->method[i].name, name) != 0 || strcmp(j->method[i].objective, objective) != 0))
        i++;
    if (i == j->n) {
        wg_method added = {.of = run, .objective = objective, .name = name};
        WG_TRY(WG_GROW(ctx, &j->method, &j->room, j->n + 1));
        WG_TRY(WG_ALLOC(ctx, &added.cell, j->o->n));
        j->method[j->n++] = added;
    }
    *out = &j->method[i];
    return WAGLE_OK;
}

static wagle_status add_runs(wagle_ctx *ctx, wg_join *j, int64_t task)
{
    const char *key;
    json_t *run;

    json_object_foreach (j->runs[task], key, run) {
        wg_method *m;
        if (wg_join_has_failed(run))
            continue;
        WG_TRY(find_method(ctx, j, run, &m));
        wg_cell *cell = &m->cell[task];
        WG_TRY(WG_GROW(ctx, &cell->run, &cell->room, cell->n + 1));
        cell->run[cell->n++] = run;
    }
    return WAGLE_OK;
}

/* Whether a learning rate was searched, so that only accepted runs count. */
static bool was_searched(const wg_join *j, int64_t task, const wg_cell *cell)
{
    bool any = json_object_get(j->spec[task], "updates") != NULL;

    for (int64_t i = 0; i < cell->n; i++)
        any |= json_object_get(cell->run[i], "accepted") != NULL;
    return any;
}

static double rate_of(const json_t *run)
{
    return wg_join_number(run, "lr");
}

/* The result of a learning rate: share of runs that reached the stop rule, mean of what is kept. */
typedef struct standing {
    double reached, kept;
} standing;

/* With spec.tune the first seed alone chooses. */
static bool chooses(const json_t *spec, const json_t *run)
{
    const json_t *first = json_array_get(json_object_get(spec, "seeds"), 0);

    return !json_is_true(json_object_get(spec, "tune")) ||
           json_integer_value(json_object_get(run, "seed")) == json_integer_value(first);
}

static standing standing_of(const wg_join *j, int64_t task, const wg_cell *cell, double rate)
{
    const json_t *name;
    standing s = {0};
    double n = 0;
    size_t k;

    for (int64_t i = 0; i < cell->n; i++) {
        if (rate_of(cell->run[i]) != rate || !chooses(j->spec[task], cell->run[i]))
            continue;
        s.reached += json_is_true(json_object_get(cell->run[i], "stopped"));
        json_array_foreach (j->keep, k, name)
            s.kept += wg_sweep_column(cell->run[i], json_string_value(name));
        n++;
    }
    s.reached = n > 0 ? s.reached / n : -1; /* no run of it chooses */
    s.kept = n > 0 ? s.kept / n : 0;
    return s;
}

/* The rule of a sweep's own table: most runs reached the stop rule, then most is kept. */
static double best_rate(const wg_join *j, int64_t task, const wg_cell *cell)
{
    double best = rate_of(cell->run[0]);
    standing most = standing_of(j, task, cell, best);

    for (int64_t i = 1; i < cell->n; i++) {
        const standing s = standing_of(j, task, cell, rate_of(cell->run[i]));
        if (s.reached != most.reached ? s.reached > most.reached : s.kept > most.kept) {
            most = s;
            best = rate_of(cell->run[i]);
        }
    }
    return best;
}

/* Leaves the runs that count. */
static void narrow(const wg_join *j, int64_t task, wg_cell *cell)
{
    const bool searched = was_searched(j, task, cell);
    const double rate = cell->n > 0 ? best_rate(j, task, cell) : 0;
    int64_t n = 0;

    for (int64_t i = 0; i < cell->n; i++)
        if (searched ? json_is_true(json_object_get(cell->run[i], "accepted"))
                     : rate_of(cell->run[i]) == rate)
            cell->run[n++] = cell->run[i];
    cell->n = n;
}

/* --- comparison ---------------------------------------------------------------------------------
 */

static const wg_method *baseline_of(const wg_join *j, const wg_method *m)
{
    for (int64_t i = 0; i < j->n; i++)
        if (strcmp(j->method[i].objective, m->objective) == 0 && j->method[i].is_baseline)
            return &j->method[i];
    return NULL;
}

static const json_t *of_seed(const wg_cell *cell, const json_t *seed)
{
    for (int64_t i = 0; i < cell->n; i++)
        if (json_equal(json_object_get(cell->run[i], "seed"), seed))
            return cell->run[i];
    return NULL;
}

/* Mean over the seeds that both ran of the difference of the two runs; NAN: there is no pair. */
static double difference(const wg_cell *a, const wg_cell *b, const char *column)
{
    double sum = 0;
    int64_t n = 0;

    for (int64_t i = 0; i < a->n; i++) {
        const json_t *other = of_seed(b, json_object_get(a->run[i], "seed"));
        const double d = wg_sweep_column(a->run[i], column) - wg_sweep_column(other, column);
        sum += isnan(d) ? 0 : d;
        n += !isnan(d);
    }
    return n > 0 ? sum / (double)n : NAN;
}

/* Of one method in one column. */
static wg_paired compare(const wg_join *j, const wg_method *m, const char *column)
{
    double *d = j->value;
    const wg_method *base = m->is_baseline ? NULL : baseline_of(j, m);
    int64_t n = 0;

    for (int64_t task = 0; base != NULL && task < j->o->n; task++) {
        d[n] = difference(&m->cell[task], &base->cell[task], column);
        n += !isnan(d[n]);
    }
    return wg_paired_test(d, n, j->o->margin, j->o->seed);
}

/* Holm's correction over the methods of each objective, column by column; p, out [methods]. */
static void correct(wg_join *j, size_t column, double *p, double *out)
{
    const size_t columns = json_array_size(j->compared);

    for (int64_t first = 0, end; first < j->n; first = end) {
        for (end = first;
             end < j->n && strcmp(j->method[end].objective, j->method[first].objective) == 0; end++)
            p[end - first] = j->test[(size_t)end * columns + column].p;
        wg_holm(p, end - first, out);
        for (int64_t i = first; i < end; i++)
            j->holm[(size_t)i * columns + column] = out[i - first];
    }
}

static wagle_status compare_all(wagle_ctx *ctx, wg_join *j)
{
    const size_t columns = json_array_size(j->compared);
    double *a = NULL, *b = NULL;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(ctx, &j->test, j->n * (int64_t)columns), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &j->holm, j->n * (int64_t)columns), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &a, j->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &b, j->n), done);
    for (size_t c = 0; c < columns; c++) {
        const char *name = json_string_value(json_array_get(j->compared, c));
        for (int64_t i = 0; i < j->n; i++)
            j->test[(size_t)i * columns + c] = compare(j, &j->method[i], name);
        correct(j, c, a, b);
    }
done:
    wg_free(a);
    wg_free(b);
    return st;
}

/* --- the order of methods -----------------------------------------------------------------------
 */

static int by_objective(const void *a, const void *b)
{
    const wg_method *x = a, *y = b;
    const int order = strcmp(x->objective, y->objective);

    return order != 0                         ? order
           : x->is_baseline != y->is_baseline ? y->is_baseline - x->is_baseline
           : x->rank != y->rank               ? (x->rank < y->rank) - (x->rank > y->rank)
                                              : strcmp(x->name, y->name);
}

/* By objective, the baseline first, then what keeps most. */
static void sort_methods(wg_join *j)
{
    for (int64_t i = 0; i < j->n; i++) {
        const wg_over over = wg_join_over(j, &j->method[i], wg_sweep_column, j->primary);
        j->method[i].is_baseline = strcmp(j->method[i].name, j->baseline) == 0;
        j->method[i].rank = over.n > 0 ? over.mean : -INFINITY;
    }
    qsort(j->method, (size_t)j->n, sizeof *j->method, by_objective);
}

/* A baseline that is asked for by name is there. */
static wagle_status check_baseline(wagle_ctx *ctx, const wg_join *j)
{
    wg_text names = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; i < j->n; i++)
        if (j->method[i].is_baseline)
            return WAGLE_OK;
    if (j->o->baseline == NULL)
        return WAGLE_OK;
    for (int64_t i = 0; st == WAGLE_OK && i < j->n && names.bytes < 400; i++)
        if (strcmp(j->method[i].objective, j->method[0].objective) == 0)
            st = wg_text_printf(ctx, &names, "%s'%s'", i > 0 ? ", " : "", j->method[i].name);
    if (st == WAGLE_OK)
        st = wg_fail(ctx, WAGLE_E_USAGE, "@{baseline} '%.100s': no such method; choose from %s",
                     j->o->baseline, names.text != NULL ? names.text : "none");
    wg_text_free(&names);
    return st;
}

static wagle_status check_primary(wagle_ctx *ctx, const wg_join *j)
{
    for (int64_t i = 0; i < j->n; i++)
        if (wg_join_over(j, &j->method[i], wg_sweep_column, j->primary).n > 0)
            return WAGLE_OK;
    return wg_fail(
        ctx, j->o->column != NULL ? WAGLE_E_USAGE : WAGLE_E_INPUT,
        "%s'%.100s': no run has this column; use a set of 'eval', relearned.SET or SUITE.METRIC",
        j->o->column != NULL ? "@{column} " : "the first of 'keep', ", j->primary);
}

/* --- the command --------------------------------------------------------------------------------
 */

/* The primary column first, then the others that are kept. */
static wagle_status choose_columns(wagle_ctx *ctx, wg_join *j)
{
    const json_t *name;
    size_t i;

    j->columns = json_array();
    j->keep = json_array();
    j->compared = json_array();
    if (j->columns == NULL || j->keep == NULL || j->compared == NULL)
        return wg_json_memory(ctx);
    WG_TRY(wg_join_columns(ctx, j->spec[0], j->columns));
    WG_TRY(wg_join_kept(ctx, j->spec[0], j->keep));
    j->primary =
        j->o->column != NULL ? j->o->column : json_string_value(json_array_get(j->keep, 0));
    if (j->primary == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: its spec has no column to keep; choose one with @{column}",
                       j->o->sweeps[0]);
    WG_TRY(wg_join_add(ctx, j->compared, j->primary));
    json_array_foreach (j->keep, i, name)
        WG_TRY(wg_join_add(ctx, j->compared, json_string_value(name)));
    json_array_foreach (j->compared, i, name)
        WG_TRY(wg_join_add(ctx, j->columns, json_string_value(name)));
    return WAGLE_OK;
}

static wagle_status read_all(wagle_ctx *ctx, wg_join *j)
{
    WG_TRY(WG_ALLOC(ctx, &j->spec, j->o->n));
    WG_TRY(WG_ALLOC(ctx, &j->runs, j->o->n));
    WG_TRY(WG_ALLOC(ctx, &j->value, j->o->n));
    WG_TRY(wg_join_read(ctx, j));
    WG_TRY(choose_columns(ctx, j));
    for (int64_t task = 0; task < j->o->n; task++)
        WG_TRY(add_runs(ctx, j, task));
    for (int64_t i = 0; i < j->n; i++)
        for (int64_t task = 0; task < j->o->n; task++)
            narrow(j, task, &j->method[i].cell[task]);
    sort_methods(j);
    WG_TRY(check_baseline(ctx, j));
    WG_TRY(check_primary(ctx, j));
    return compare_all(ctx, j);
}

static wagle_status write_summary(wagle_ctx *ctx, const wg_join *j, const char *folder)
{
    json_t *summary = NULL;
    char *path = wg_path_join(ctx, folder, "summary.json");
    wagle_status st = path != NULL ? wg_joined_summary(ctx, j, &summary) : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK)
        st = wg_json_write(ctx, path, summary, true);
    json_decref(summary);
    wg_free(path);
    return st;
}

/* The folder appears whole. */
static wagle_status write_all(wagle_ctx *ctx, const wg_join *j, const wg_text *table)
{
    wg_partial folder;
    wg_text svg = {0};
    wagle_status st;

    WG_TRY(wg_partial_new(ctx, j->o->out, &folder));
    st = wg_write_text(ctx, folder.path, "table.md", table);
    if (st == WAGLE_OK)
        st = write_summary(ctx, j, folder.path);
    if (st == WAGLE_OK)
        st = wg_joined_plot(ctx, j, &svg);
    if (st == WAGLE_OK)
        st = wg_write_text(ctx, folder.path, "plot.svg", &svg);
    if (st == WAGLE_OK)
        st = wg_partial_commit(ctx, &folder, j->o->out);
    wg_partial_end(&folder, false);
    wg_text_free(&svg);
    return st;
}

static wagle_status join(wagle_ctx *ctx, wg_join *j, char **table)
{
    wg_text t = {0};
    wagle_status st = read_all(ctx, j);

    if (st == WAGLE_OK)
        st = wg_joined_table(ctx, j, &t);
    if (st == WAGLE_OK && !ctx->dry_run)
        st = write_all(ctx, j, &t);
    if (st == WAGLE_OK)
        *table = wg_text_take(ctx, &t);
    wg_text_free(&t);
    return st == WAGLE_OK && *table == NULL ? WAGLE_E_RESOURCE : st;
}

static void tidy(wg_join *j)
{
    for (int64_t task = 0; task < j->o->n; task++) {
        json_decref(j->spec != NULL ? j->spec[task] : NULL);
        json_decref(j->runs != NULL ? j->runs[task] : NULL);
        for (int64_t i = 0; i < j->n; i++)
            wg_free(j->method[i].cell[task].run);
    }
    for (int64_t i = 0; i < j->n; i++)
        wg_free(j->method[i].cell);
    json_decref(j->columns);
    json_decref(j->keep);
    json_decref(j->compared);
    wg_free(j->spec);
    wg_free(j->runs);
    wg_free(j->value);
    wg_free(j->method);
    wg_free(j->test);
    wg_free(j->holm);
    wg_arena_free(&j->arena);
}

WG_DEFAULTS(wagle_join_defaults, wagle_join_options, .margin = 0.02)

static wagle_status check_options(wagle_ctx *ctx, const wagle_join_options *o)
{
    if (o->n < 2)
        return wg_fail(ctx, WAGLE_E_USAGE, "give two or more folders of sweeps, one for each task");
    if (!(o->margin > 0))
        return wg_fail(ctx, WAGLE_E_USAGE, "the margin of equivalence must be above 0");
    if (ctx->dry_run)
        return WAGLE_OK;
    if (o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{out DIR} is missing");
    return wg_output_check(ctx, o->out, o->force, o->sweeps, (int)o->n);
}

wagle_status wagle_join_sweeps(wagle_ctx *ctx, const wagle_join_options *given, char **table)
{
    wagle_join_options own;
    const wagle_join_options *o = &own;
    wg_join j = {.o = o};
    wagle_status st;

    *table = NULL;
    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_join));
    j.baseline = o->baseline != NULL ? o->baseline : WG_ALL_WEIGHTS;
    WG_TRY(check_options(ctx, o));
    st = join(ctx, &j, table);
    tidy(&j);
    return st;
}
