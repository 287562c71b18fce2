/* gather.c - reads the inputs of a report: run folders, evaluation results, certificates. */
#include "report/report.h"

#include "base/file.h"
#include "io/rows.h"
#include "report/certificate.h"
#include "suite/results.h"
#include <stdio.h>
#include <string.h>

/* Finds the model with a label, or adds it. */
static wagle_status find_or_add_model(wagle_ctx *ctx, wg_report *r, const char *label,
                                      wg_report_model **out)
{
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->model[i].label, label) == 0) {
            *out = &r->model[i];
            return WAGLE_OK;
        }
    if (r->n == WG_REPORT_MODELS)
        return wg_fail(ctx, WAGLE_E_USAGE, "report: more than %d models", WG_REPORT_MODELS);
    *out = &r->model[r->n++];
    snprintf((*out)->label, sizeof(*out)->label, "%s", label);
    (*out)->suites = json_object();
    (*out)->rows = json_array();
    (*out)->sources = json_array();
    return (*out)->suites != NULL && (*out)->rows != NULL && (*out)->sources != NULL
               ? WAGLE_OK
               : wg_json_memory(ctx);
}

/* The last component of a path, ignoring trailing slashes. */
static void last_component(const char *path, char out[64])
{
    size_t end = strlen(path), from;

    while (end > 1 && path[end - 1] == '/')
        end--;
    for (from = end; from > 0 && path[from - 1] != '/';)
        from--;
    snprintf(out, 64, "%.*s", (int)(end - from), path + from);
}

static wagle_status read_lines(wagle_ctx *ctx, const char *path, json_t **out)
{
    wg_rows rows;
    wagle_status st = WAGLE_OK;

    WG_TRY(wg_rows_read(ctx, path, NULL, &rows));
    *out = json_array();
    for (int64_t i = 0; st == WAGLE_OK && i < rows.n; i++)
        if (json_array_append(*out, rows.row[i]) != 0)
            st = wg_json_memory(ctx);
    wg_rows_free(&rows);
    return st;
}

static bool is_table(const json_t *requests)
{
    const json_t *table = json_object_get(requests, "table"), *row;
    size_t i;

    json_array_foreach (table, i, row)
        if (!json_is_object(row) || !json_is_integer(json_object_get(row, "requests")))
            return false;
    return json_array_size(table) > 0;
}

/* Reads requests.json of a folder that unlearn wrote, if there is one. */
static wagle_status add_requests(wagle_ctx *ctx, wg_report_model *m, const char *folder)
{
    static const char name[] = "requests.json";

    WG_TRY(wg_json_read_object(ctx, folder, name, &m->requests));
    return m->requests == NULL || is_table(m->requests)
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT, "%s/%s: not a table of requests", folder, name);
}

/* Reads manifest.json and log.jsonl of a folder written by finetune or unlearn. */
static wagle_status add_run(wagle_ctx *ctx, wg_report_model *m, const char *folder)
{
    char *manifest = wg_path_join(ctx, folder, "manifest.json");
    char *log = wg_path_join(ctx, folder, "log.jsonl");
    wagle_status st = manifest != NULL && log != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && !wg_exists(manifest))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: no manifest.json, so it is not the folder of a run",
                     folder);
    if (st == WAGLE_OK && m->manifest == NULL)
        st = wg_json_read(ctx, manifest, &m->manifest);
    if (st == WAGLE_OK && wg_exists(log) && m->log == NULL)
        st = read_lines(ctx, log, &m->log);
    if (st == WAGLE_OK && m->requests == NULL)
        st = add_requests(ctx, m, folder);
    wg_free(manifest);
    wg_free(log);
    return st;
}

static wagle_status add_result(wagle_ctx *ctx, wg_report_model *m, const char *path,
                               const json_t *result)
{
    wg_text rows_path = {0};
    json_t *rows = NULL;
    wagle_status st = wg_text_printf(ctx, &rows_path, "%.*s.rows.jsonl",
                                     (int)(strlen(path) - strlen(".json")), path);

    if (st == WAGLE_OK && json_object_update(m->suites, json_object_get(result, "suites")) != 0)
        st = wg_json_memory(ctx);
    if (st == WAGLE_OK && wg_exists(rows_path.text))
        st = wg_results_read(ctx, rows_path.text, &rows);
    if (st == WAGLE_OK && rows != NULL && json_array_extend(m->rows, rows) != 0)
        st = wg_json_memory(ctx);
    json_decref(rows);
    wg_text_free(&rows_path);
    return st;
}

static wagle_status add_result_file(wagle_ctx *ctx, wg_report *r, const char *label,
                                    const char *path, wg_report_model **m)
{
    json_t *result;
    char name[64];
    wagle_status st;

    if (!wg_ends_with(path, ".json"))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: expected the folder of a run, or a result of eval (.json)", path);
    WG_TRY(wg_json_read(ctx, path, &result));
    if (!json_is_object(json_object_get(result, "suites"))) {
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: not a result of eval @{suites}: it has no 'suites'",
                     path);
    } else {
        const char *model = json_string_value(json_object_get(result, "model"));
        last_component(model != NULL ? model : path, name);
        st = find_or_add_model(ctx, r, label != NULL ? label : name, m);
        if (st == WAGLE_OK)
            st = add_result(ctx, *m, path, result);
    }
    json_decref(result);
    return st;
}

/* Finds a certificate: `path` is the file or its folder. *out is the file's path, or NULL. Free
 * with wg_free. */
static wagle_status find_certificate(wagle_ctx *ctx, const char *path, char **out)
{
    static const char name[] = "certificate.json";
    const bool folder = wg_is_folder(path);

    *out = NULL;
    if (!folder && strcmp(wg_path_name(path), name) != 0)
        return WAGLE_OK;
    *out = folder ? wg_path_join(ctx, path, name) : wg_copy_text(ctx, path, strlen(path));
    if (*out == NULL)
        return WAGLE_E_RESOURCE;
    if (!wg_exists(*out)) {
        wg_free(*out);
        *out = NULL;
    }
    return WAGLE_OK;
}

static wagle_status add_certificate(wagle_ctx *ctx, wg_report *r, char *path)
{
    if (r->certificate != NULL) {
        const wagle_status st =
            wg_fail(ctx, WAGLE_E_USAGE, "report: two certificates, %s and %s; a page shows one",
                    r->certificate_path, path);
        wg_free(path);
        return st;
    }
    r->certificate_path = path;
    return wg_certificate_read(ctx, path, &r->certificate);
}

wagle_status wg_report_add(wagle_ctx *ctx, wg_report *r, const char *entry)
{
    char *certificate = NULL;
    const char *equals = wg_exists(entry) ? NULL : strchr(entry, '=');
    const char *path = equals != NULL ? equals + 1 : entry;
    char label[64], name[64];
    wg_report_model *m = NULL;

    snprintf(label, sizeof label, "%.*s", (int)(equals != NULL ? equals - entry : 0), entry);
    if (!wg_exists(path))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: no such file or folder", path);
    WG_TRY(find_certificate(ctx, path, &certificate));
    if (certificate != NULL)
        return add_certificate(ctx, r, certificate);
    if (wg_is_folder(path)) {
        last_component(path, name);
        WG_TRY(find_or_add_model(ctx, r, equals != NULL ? label : name, &m));
        WG_TRY(add_run(ctx, m, path));
    } else {
        WG_TRY(add_result_file(ctx, r, equals != NULL ? label : NULL, path, &m));
    }
    /* bytes are not checked as UTF-8, because the path is opened again */
    return json_array_append_new(m->sources, json_string_nocheck(path)) == 0 ? WAGLE_OK
                                                                             : wg_json_memory(ctx);
}

static wg_report_model *find(wg_report *r, const char *label)
{
    for (int i = 0; label != NULL && i < r->n; i++)
        if (strcmp(r->model[i].label, label) == 0)
            return &r->model[i];
    return NULL;
}

/* The model with the first of these labels that exists, or NULL. */
static wg_report_model *find_first(wg_report *r, const char *const *labels)
{
    wg_report_model *m = NULL;

    for (; *labels != NULL && m == NULL; labels++)
        m = find(r, *labels);
    return m;
}

wagle_status wg_report_assign(wagle_ctx *ctx, wg_report *r)
{
    static const char *const originals[] = {"original", "full", "base", NULL};
    static const char *const golds[] = {"gold", "retain", "retrained", NULL};
    wg_report_model *original = find(r, r->o->original), *gold = find(r, r->o->gold);

    if ((r->o->original != NULL && original == NULL) || (r->o->gold != NULL && gold == NULL))
        return wg_fail(ctx, WAGLE_E_USAGE, "report: no model is labelled '%s'",
                       original == NULL && r->o->original != NULL ? r->o->original : r->o->gold);
    for (int i = 0; i < r->n && original == NULL; i++) /* the model that a run started from */
        if (json_object_get(r->model[i].manifest, "forget") != NULL)
            original = find(r, json_string_value(json_object_get(r->model[i].manifest, "model")));
    original = original != NULL ? original : find_first(r, originals);
    gold = gold != NULL ? gold : find_first(r, golds);
    for (int i = 0; i < r->n; i++)
        r->model[i].part = &r->model[i] == original ? WG_PART_ORIGINAL
                           : &r->model[i] == gold   ? WG_PART_GOLD
                                                    : WG_PART_UNLEARNED;
    if (original != NULL) { /* the original is shown first */
        const wg_report_model first = *original;
        memmove(&r->model[1], &r->model[0], (size_t)(original - r->model) * sizeof first);
        r->model[0] = first;
    }
    return WAGLE_OK;
}

/* A row of some model's forget set. Its redaction key is also used for names in the certificate. */
static const json_t *forget_row(const wg_report *r, const json_t **rows)
{
    const json_t *row;
    size_t k;

    for (int i = 0; i < r->n; i++)
        json_array_foreach (r->model[i].rows, k, row) {
            const char *set = json_string_value(json_object_get(row, "set"));
            *rows = r->model[i].rows;
            if (set != NULL && strcmp(set, "forget") == 0)
                return row;
        }
    return NULL;
}

wagle_status wg_report_redact(wagle_ctx *ctx, wg_report *r)
{
    const json_t *rows = NULL, *row = forget_row(r, &rows);
    wg_redact_key key;

    if (r->certificate != NULL && row != NULL)
        WG_TRY(wg_redact_key_of(ctx, rows, row, &key));
    if (r->certificate != NULL)
        WG_TRY(wg_certificate_redact(ctx, r->certificate, row != NULL ? &key : NULL));
    for (int i = 0; i < r->n; i++)
        WG_TRY(wg_redact_rows(ctx, r->model[i].rows));
    return WAGLE_OK;
}

void wg_report_free(wg_report *r)
{
    json_decref(r->certificate);
    wg_free((void *)(uintptr_t)r->certificate_path);
    for (int i = 0; i < r->n; i++) {
        json_decref(r->model[i].manifest);
        json_decref(r->model[i].log);
        json_decref(r->model[i].requests);
        json_decref(r->model[i].suites);
        json_decref(r->model[i].rows);
        json_decref(r->model[i].sources);
    }
    wg_text_free(&r->page);
}
