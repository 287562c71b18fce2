/* fit.c - reads the sweeps of a study, and refuses those that do not fit together. */
#include "sweep/join.h"

#include <string.h>
#include <sys/stat.h>

/* --- reading ------------------------------------------------------------------------------------
 */

static wagle_status read_file(wagle_ctx *ctx, const char *folder, const char *name, json_t **out)
{
    WG_TRY(wg_json_read_object(ctx, folder, name, out));
    return *out != NULL
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT,
                         "%s: not a sweep (no %s); 'wagle sweep SPEC.json --out DIR' makes one",
                         folder, name);
}

/* A run that came to an end has all of these. */
static wagle_status check_run(wagle_ctx *ctx, const char *folder, const char *key,
                              const json_t *run)
{
    static const struct {
        const char *key;
        json_type type;
    } wanted[] = {{"objective", JSON_STRING}, {"selector", JSON_STRING}, {"exclude", JSON_STRING},
                  {"density", JSON_REAL},     {"lr", JSON_REAL},         {"seed", JSON_INTEGER},
                  {"steps", JSON_REAL}};

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const json_t *value = json_object_get(run, wanted[i].key);
        const bool fits = wanted[i].type == JSON_REAL
                              ? json_is_number(value)
                              : value != NULL && json_typeof(value) == wanted[i].type;
        if (!fits)
            return wg_fail(
                ctx, WAGLE_E_INPUT,
                "%s/runs.json: '%.200s': not a run of a sweep ('%s' is missing, or not a %s)",
                folder, key, wanted[i].key, wanted[i].type == JSON_STRING ? "text" : "number");
    }
    return WAGLE_OK;
}

bool wg_join_has_failed(const json_t *run)
{
    return json_object_get(run, "failed") != NULL;
}

static wagle_status read_sweep(wagle_ctx *ctx, wg_join *j, int64_t task)
{
    const char *folder = j->o->sweeps[task], *key;
    json_t *run;

    WG_TRY(read_file(ctx, folder, "spec.json", &j->spec[task]));
    WG_TRY(read_file(ctx, folder, "runs.json", &j->runs[task]));
    WG_TRY(wg_note(ctx, wg_sweep_check(ctx, &(wg_sweep){.spec = j->spec[task]}), folder));
    json_object_foreach (j->runs[task], key, run)
        if (!wg_join_has_failed(run))
            WG_TRY(check_run(ctx, folder, key, run));
    return WAGLE_OK;
}

/* --- folders that fit together ------------------------------------------------------------------
 */

/* Keys in which the tasks of a study may differ: its data, its methods, and what is only shown. */
static const char *const free_keys[] = {
    "model", "forget",     "retain",    "refusal", "reference", "eval",
    "lr",    "objectives", "selectors", "exclude", "densities", "seeds",
    "grids", "protect",    "columns",   "keep",    "plot",      "adapter"};

static bool is_free(const char *key)
{
    for (size_t i = 0; i < sizeof free_keys / sizeof *free_keys; i++)
        if (strcmp(free_keys[i], key) == 0)
            return true;
    return false;
}

/* The value without the files in it: those of suites and relearn are a task's own. */
static json_t *without_files(const json_t *value)
{
    json_t *copy = json_deep_copy(value);

    for (int i = 0; json_is_object(copy) && i < 3; i++)
        json_object_del(copy, i == 0 ? "data" : i == 1 ? "sets" : "gold");
    return copy;
}

static wagle_status compare_values(wagle_ctx *ctx, const json_t *a, const json_t *b, bool *same)
{
    json_t *x = without_files(a), *y = without_files(b);
    const bool there = x != NULL && y != NULL;

    *same = there && json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return there ? WAGLE_OK : wg_json_memory(ctx);
}

/* Each setting of the spec `a` stands in the spec `b` too. */
static wagle_status compare_settings(wagle_ctx *ctx, const wg_join *j, const json_t *a,
                                     const json_t *b, int64_t task)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)a, key, value) {
        const json_t *other = json_object_get(b, key);
        bool same = is_free(key);
        if (!same && other != NULL)
            WG_TRY(compare_values(ctx, value, other, &same));
        if (!same)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s: its spec and that of %s differ in '%s'; tasks of one study may "
                           "differ only in their files, seeds and methods",
                           j->o->sweeps[task], j->o->sweeps[0], key);
    }
    return WAGLE_OK;
}

/* The same texts, in any order. */
static bool is_same_set(const json_t *a, const json_t *b)
{
    const json_t *x, *y;
    size_t i, k;

    json_array_foreach (a, i, x) {
        bool found = false;
        json_array_foreach (b, k, y)
            found |= json_equal(x, y);
        if (!found)
            return false;
    }
    return json_array_size(a) == json_array_size(b);
}

wagle_status wg_join_add(wagle_ctx *ctx, json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
            return WAGLE_OK;
    return json_array_append_new(list, json_string(text)) == 0 ? WAGLE_OK : wg_json_memory(ctx);
}

/* The objectives of the spec and its grids, each once. */
static wagle_status list_objectives(wagle_ctx *ctx, const json_t *spec, json_t *list)
{
    const json_t *grids = json_object_get(spec, "grids");
    const json_t *name;
    size_t i;

    for (size_t g = 0; g <= json_array_size(grids); g++) {
        const json_t *from = g == 0 ? spec : json_array_get(grids, g - 1);
        json_array_foreach (json_object_get(from, "objectives"), i, name)
            if (json_is_string(name))
                WG_TRY(wg_join_add(ctx, list, json_string_value(name)));
    }
    return WAGLE_OK;
}

/* spec.keep, or all sets of eval but "forget". */
wagle_status wg_join_kept(wagle_ctx *ctx, const json_t *spec, json_t *list)
{
    const json_t *chosen = json_object_get(spec, "keep");
    const char *name;
    json_t *value;
    size_t i;

    json_array_foreach (chosen, i, value)
        WG_TRY(wg_join_add(ctx, list, json_is_string(value) ? json_string_value(value) : ""));
    if (chosen == NULL)
        json_object_foreach (json_object_get(spec, "eval"), name, value)
            if (strcmp(name, "forget") != 0)
                WG_TRY(wg_join_add(ctx, list, name));
    return WAGLE_OK;
}

wagle_status wg_join_columns(wagle_ctx *ctx, const json_t *spec, json_t *list)
{
    const json_t *name;
    size_t i;

    WG_TRY(wg_sweep_columns(ctx, spec, list));
    json_array_foreach (list, i, name)
        if (!json_is_string(name))
            return wg_sweep_refuse(ctx, "columns", "expected a list of columns");
    return WAGLE_OK;
}

typedef wagle_status list_fn(wagle_ctx *ctx, const json_t *spec, json_t *list);

static wagle_status compare_lists(wagle_ctx *ctx, const wg_join *j, int64_t task, const char *what,
                                  list_fn *fill)
{
    json_t *first = json_array(), *other = json_array();
    wagle_status st = first != NULL && other != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        st = fill(ctx, j->spec[0], first);
    if (st == WAGLE_OK)
        st = fill(ctx, j->spec[task], other);
    if (st == WAGLE_OK && !is_same_set(first, other))
        st = wg_fail(ctx, WAGLE_E_INPUT,
                     "%s: its %s differ from those of %s, so the two cannot be joined",
                     j->o->sweeps[task], what, j->o->sweeps[0]);
    json_decref(first);
    json_decref(other);
    return st;
}

/* A folder that is named twice would count its pairs twice. */
static wagle_status check_twice(wagle_ctx *ctx, const wg_join *j, int64_t task)
{
    struct stat a, b;

    for (int64_t i = 0; i < task; i++)
        if (stat(j->o->sweeps[i], &a) == 0 && stat(j->o->sweeps[task], &b) == 0 &&
            a.st_dev == b.st_dev && a.st_ino == b.st_ino)
            return wg_fail(ctx, WAGLE_E_USAGE, "%s: the same folder as %s", j->o->sweeps[task],
                           j->o->sweeps[i]);
    return WAGLE_OK;
}

static wagle_status check_fit(wagle_ctx *ctx, const wg_join *j, int64_t task)
{
    WG_TRY(check_twice(ctx, j, task));
    WG_TRY(compare_lists(ctx, j, task, "columns", wg_join_columns));
    WG_TRY(compare_lists(ctx, j, task, "columns in 'keep'", wg_join_kept));
    WG_TRY(compare_lists(ctx, j, task, "objectives", list_objectives));
    WG_TRY(compare_settings(ctx, j, j->spec[0], j->spec[task], task));
    return compare_settings(ctx, j, j->spec[task], j->spec[0], task);
}

wagle_status wg_join_read(wagle_ctx *ctx, wg_join *j)
{
    for (int64_t task = 0; task < j->o->n; task++)
        WG_TRY(read_sweep(ctx, j, task));
    for (int64_t task = 1; task < j->o->n; task++)
        WG_TRY(check_fit(ctx, j, task));
    return WAGLE_OK;
}
