#include "api/inspect_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool all_bits(const wg_tensors *t)
{
    for (int64_t i = 0; i < t->n; i++)
        if (t->tensor[i].dtype != WG_BOOL)
            return false;
    return t->n > 0;
}

const char *wg_inspect_kind(const wg_tensors *t)
{
    static const char *const known[][2] = {{"wagle-scores", "scores"},
                                           {"wagle-mask", "mask"},
                                           {"wagle-patch", "patch"},
                                           {"wagle-checkpoint", "checkpoint"}};
    const char *format = wg_tensors_metadata(t, "format");

    for (size_t i = 0; format != NULL && i < sizeof known / sizeof *known; i++)
        if (strcmp(format, known[i][0]) == 0)
            return known[i][1];
    return all_bits(t) ? "mask" : "safetensors";
}

/* gamma as it was given, and what it came to where that is a mean. */
static wagle_status add_gamma(wagle_ctx *ctx, const wg_tensors *t, json_t *out)
{
    const char *given = wg_tensors_metadata(t, "gamma_given"), *value;
    double mean;

    value = wg_tensors_metadata(t, "gamma");
    if (value == NULL)
        return WAGLE_OK;
    mean = strtod(value, NULL);
    if (given == NULL)
        return mean > 0 ? wg_json_set(ctx, out, "gamma", json_real(mean)) : WAGLE_OK;
    WG_TRY(wg_json_set(ctx, out, "gamma", json_string(given)));
    return strtod(given, NULL) > 0 || !(mean > 0)
               ? WAGLE_OK
               : wg_json_set(ctx, out, "mean_fisher", json_real(mean));
}

/* Those that are texts of one line: a checkpoint's log, a mask's shapes are not. */
wagle_status wg_inspect_metadata(wagle_ctx *ctx, const wg_tensors *t, json_t *out)
{
    static const char *const left_out[] = {"format", "shapes", "log",         "run",
                                           "old",    "gamma",  "gamma_given", "transposed"};
    const char *key;
    json_t *value;

    json_object_foreach (t->metadata, key, value) {
        const char *text = json_string_value(value);
        bool known = text == NULL || strlen(text) > 200 || strchr(text, '\n') != NULL;
        for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
            known |= strcmp(left_out[i], key) == 0;
        if (!known)
            WG_TRY(wg_json_set(ctx, out, key, json_incref(value)));
    }
    return add_gamma(ctx, t, out);
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static bool has(const json_t *object, const char *key)
{
    return json_object_get(object, key) != NULL;
}

wagle_status wg_inspect_json_kind(wagle_ctx *ctx, const char *path, json_t **root,
                                  const char **kind)
{
    *kind = NULL;
    WG_TRY(wg_json_read(ctx, path, root));
    *kind = has(*root, "wagle") && has(*root, "suites")      ? "result"
            : has(*root, "wagle") && has(*root, "objective") ? "manifest"
            : has(*root, "overall") && has(*root, "rows")    ? "evaluation"
            : has(*root, "model") && has(*root, "eval")      ? "sweep"
                                                             : NULL;
    return *kind != NULL
               ? WAGLE_OK
               : wg_fail(
                     ctx, WAGLE_E_INPUT,
                     "%s: JSON, but not a result of eval, a manifest of a run or a spec of a sweep",
                     path);
}

/* Numbers and texts of an object but its schema's name, their keys after `prefix`. */
static wagle_status add_scalars(wagle_ctx *ctx, const json_t *object, const char *prefix,
                                json_t *out)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        char name[200];
        snprintf(name, sizeof name, "%s%s", prefix, key);
        if (!json_is_array(value) && !json_is_object(value) && strcmp(key, "schema") != 0)
            WG_TRY(wg_json_set(ctx, out, name, json_incref(value)));
    }
    return WAGLE_OK;
}

static wagle_status add_metrics(wagle_ctx *ctx, const json_t *suites, json_t *out)
{
    const char *suite, *metric;
    json_t *one, *value;

    json_object_foreach ((json_t *)(uintptr_t)suites, suite, one)
        json_object_foreach (json_object_get(one, "metrics"), metric, value) {
            char name[200];
            snprintf(name, sizeof name, "%s.%s", suite, metric);
            WG_TRY(wg_json_set(ctx, out, name, json_incref(json_object_get(value, "value"))));
        }
    return WAGLE_OK;
}

/* Names of the files of a list of {"file"}. */
static wagle_status add_files(wagle_ctx *ctx, const json_t *root, const char *key, json_t *out)
{
    const json_t *list = json_object_get(root, key), *one;
    wg_text names = {0};
    wagle_status st = WAGLE_OK;
    size_t i;

    json_array_foreach (list, i, one)
        if (st == WAGLE_OK && json_is_string(json_object_get(one, "file")))
            st = wg_text_printf(ctx, &names, "%s%s", i > 0 ? ", " : "",
                                json_string_value(json_object_get(one, "file")));
    if (st == WAGLE_OK && names.bytes > 0)
        st = wg_json_set(ctx, out, key, wg_json_bytes(names.text));
    wg_text_free(&names);
    return st;
}

wagle_status wg_inspect_json(wagle_ctx *ctx, const char *kind, const json_t *root, json_t *out)
{
    WG_TRY(add_scalars(ctx, root, "", out));
    if (strcmp(kind, "evaluation") == 0)
        return add_scalars(ctx, json_object_get(root, "overall"), "overall.", out);
    if (strcmp(kind, "result") == 0)
        return add_metrics(ctx, json_object_get(root, "suites"), out);
    WG_TRY(add_files(ctx, root, "forget", out));
    WG_TRY(add_files(ctx, root, "retain", out));
    return add_files(ctx, root, "data", out);
}
