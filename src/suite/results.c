#include "suite/results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char rows_ending[] = ".rows.jsonl";

json_t *wg_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* X.json or X.rows.jsonl -> X and `ending`. */
static wagle_status path_with(wagle_ctx *ctx, const char *path, const char *ending, wg_text *out)
{
    const char *own = wg_ends_with(path, rows_ending) ? rows_ending
                      : wg_ends_with(path, ".json")   ? ".json"
                                                      : "";

    WG_TRY(wg_text_add(ctx, out, path, strlen(path) - strlen(own)));
    return wg_text_addz(ctx, out, ending);
}

static wagle_status rows_path(wagle_ctx *ctx, const char *path, wg_text *out)
{
    return path_with(ctx, path, rows_ending, out);
}

wagle_status wg_results_check(wagle_ctx *ctx, const char *path, bool force,
                              const char *const *inputs, int n)
{
    wg_text name = {0};
    wagle_status st = wg_output_check(ctx, path, force, inputs, n);

    if (st == WAGLE_OK)
        st = rows_path(ctx, path, &name);
    if (st == WAGLE_OK)
        st = wg_check_absent(ctx, name.text, force);
    wg_text_free(&name);
    return st;
}

wagle_status wg_results_spare(wagle_ctx *ctx, const char *path, const char *input)
{
    wg_text name = {0};
    wagle_status st = wg_output_spares(ctx, path, input);

    if (st == WAGLE_OK)
        st = rows_path(ctx, path, &name);
    if (st == WAGLE_OK)
        st = wg_output_spares(ctx, name.text, input);
    wg_text_free(&name);
    return st;
}

wagle_status wg_results_read(wagle_ctx *ctx, const char *path, json_t **out)
{
    wg_text name = {0};
    wg_rows rows = {0};
    wagle_status st = rows_path(ctx, path, &name);

    *out = json_array();
    if (st == WAGLE_OK && !wg_exists(name.text))
        st =
            wg_exists(path)
                ? wg_fail(
                      ctx, WAGLE_E_INPUT,
                      "%s: not a result of eval @{suites}, or its rows are missing: there is no %s",
                      path, name.text)
                : wg_fail(ctx, WAGLE_E_INPUT, "%s: no such file", path);
    if (st == WAGLE_OK)
        st = wg_rows_read(ctx, name.text, NULL, &rows);
    for (int64_t i = 0; st == WAGLE_OK && i < rows.n; i++) {
        if (!json_is_string(json_object_get(rows.row[i], "suite")) ||
            !json_is_string(json_object_get(rows.row[i], "set")))
            st = wg_fail(ctx, WAGLE_E_INPUT,
                         "%s:%lld: not a row of an evaluation: it has no 'suite' or 'set'",
                         name.text, (long long)rows.line[i]);
        else if (json_array_append(*out, rows.row[i]) != 0)
            st = wg_json_memory(ctx);
    }
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    wg_rows_free(&rows);
    wg_text_free(&name);
    return st;
}

wagle_status wg_results_described(wagle_ctx *ctx, const char *path, json_t **out)
{
    wg_text name = {0};
    json_error_t error;
    wagle_status st = path_with(ctx, path, ".json", &name);

    *out = NULL;
    if (st == WAGLE_OK)
        *out = json_load_file(name.text, 0, &error);
    /* a file that cannot be read is no error: rows alone are enough for metrics */
    if (st == WAGLE_OK && *out == NULL && json_error_code(&error) == json_error_out_of_memory)
        st = wg_json_memory(ctx);
    if (!json_is_object(json_object_get(*out, "suites"))) {
        json_decref(*out);
        *out = NULL;
    }
    wg_text_free(&name);
    return st;
}

static wagle_status write_rows(wagle_ctx *ctx, const char *path, const json_t *rows, bool force)
{
    wg_output out = {0};
    const json_t *row;
    size_t i;
    wagle_status st = wg_output_open(ctx, path, force, &out);

    json_array_foreach (rows, i, row) {
        char *line = NULL;
        if (st == WAGLE_OK)
            st = wg_json_text(ctx, row, false, &line);
        if (st == WAGLE_OK)
            st = wg_output_write(ctx, &out, line, strlen(line));
        if (st == WAGLE_OK)
            st = wg_output_write(ctx, &out, "\n", 1);
        wg_free(line);
    }
    if (st == WAGLE_OK)
        st = wg_output_commit(ctx, &out);
    wg_output_abort(&out);
    return st;
}

wagle_status wg_results_write(wagle_ctx *ctx, const char *path, const json_t *result,
                              const json_t *rows, bool force)
{
    wg_text name = {0};
    wagle_status st = rows_path(ctx, path, &name);

    if (st == WAGLE_OK)
        st = write_rows(ctx, name.text, rows, force);
    if (st == WAGLE_OK) {
        st = wg_json_write(ctx, path, result, force);
        if (st != WAGLE_OK)
            wg_remove_tree(name.text);
    }
    wg_text_free(&name);
    return st;
}

static bool is_of(const json_t *row, const wg_suite *s)
{
    return strcmp(json_string_value(json_object_get(row, "suite")), s->name) == 0;
}

bool wg_results_has(const json_t *rows, const wg_suite *s)
{
    const json_t *row;
    size_t i;

    json_array_foreach (rows, i, row)
        if (is_of(row, s))
            return true;
    return false;
}

/* Checks that all columns of a set have the same rows, because they are resampled together. */
static wagle_status check_columns(wagle_ctx *ctx, const wg_suite *s, const wg_frame *f)
{
    for (int64_t i = 0; i < f->n; i++) {
        const wg_column *c = &f->column[i];
        int64_t k = 0;
        while (strcmp(f->column[k].set, c->set) != 0)
            k++;
        if (f->column[k].n != c->n)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s, set '%s': %lld rows have %s, %lld have %s; all rows of a set must "
                           "have the same numbers",
                           s->name, c->set, (long long)f->column[k].n, f->column[k].name,
                           (long long)c->n, c->name);
    }
    return WAGLE_OK;
}

wagle_status wg_results_frame(wagle_ctx *ctx, const wg_suite *s, const json_t *rows,
                              const char *prefix, wg_frame *f)
{
    const json_t *row;
    size_t i;

    json_array_foreach (rows, i, row) {
        char set[96];
        if (!is_of(row, s))
            continue;
        snprintf(set, sizeof set, "%s%.64s", prefix,
                 json_string_value(json_object_get(row, "set")));
        WG_TRY(s->derive(ctx, row, set, f));
    }
    return check_columns(ctx, s, f);
}

wagle_status wg_results_values(wagle_ctx *ctx, const char *text, json_t *row)
{
    json_t *root, *suite, *metric, *into = json_object();
    const char *name, *key;
    wagle_status st = wg_json_set(ctx, row, "suites", into);

    WG_TRY(st);
    WG_TRY(wg_json_parse(ctx, "the suites' result", text, strlen(text), &root));
    json_object_foreach (json_object_get(root, "suites"), name, suite) {
        json_t *values = json_object();
        if (st == WAGLE_OK)
            st = wg_json_set(ctx, into, name, values);
        else
            json_decref(values);
        json_object_foreach (json_object_get(suite, "metrics"), key, metric)
            if (st == WAGLE_OK)
                st = wg_json_set(ctx, values, key, json_incref(json_object_get(metric, "value")));
    }
    json_decref(root);
    return st;
}
