/* earlier.c - tests again what earlier calls of `wagle forget` removed from the model.
 *
 * OUT/rows/forget.jsonl holds the rows of the call that made OUT, and OUT/rows/earlier-K.jsonl
 * those of the calls before it; the certificate lists them. */
#include "forget/forget.h"

#include <stdio.h>
#include <string.h>

static const char name[] = "certificate.json";

static bool has_certificate(const char *folder)
{
    char path[4400];

    return snprintf(path, sizeof path, "%.4096s/%s", folder, name) < (int)sizeof path &&
           wg_exists(path);
}

/* MODEL is either the OUT folder of an earlier call or the folder `model` in it. */
wagle_status wg_forget_find_earlier(wg_forget *f)
{
    char above[4400];

    snprintf(above, sizeof above, "%.4096s/..", f->o->model);
    if (has_certificate(f->o->model)) {
        f->earlier = f->o->model;
        snprintf(above, sizeof above, "%.4096s/model", f->o->model);
        f->original = wg_arena_text(f->ctx, &f->arena, above, strlen(above));
        return f->original != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    }
    if (!wg_is_folder(f->o->model) || !has_certificate(above))
        return WAGLE_OK;
    f->earlier = wg_arena_text(f->ctx, &f->arena, above, strlen(above));
    return f->earlier != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* Describes the earlier call's own rows in the form of an entry of the certificate's "earlier"
 * list.
 */
static wagle_status own_request(wg_forget *f, const json_t *certificate, json_t **out)
{
    json_t *asked = json_object_get(certificate, "asked");
    json_t *chance = json_object_get(certificate, "chance");

    const bool redacted = json_is_true(json_object_get(certificate, "redacted"));

    *out = json_pack(
        "{s:O?, s:O?, s:O?, s:O?, s:s*}", "date", json_object_get(certificate, "date"), "rows",
        json_object_get(asked, "rows"), "threshold", json_object_get(chance, "high"), "layout",
        json_object_get(asked, "layout_name"), "file",
        redacted ? NULL : "rows/forget.jsonl"); /* redacted rows are hashes and cannot be tested */
    return *out != NULL ? WAGLE_OK : wg_json_memory(f->ctx);
}

/* Copies the rows of a request into the new folder. *to is NULL if there are none: redacted
 * requests name no file. */
static wagle_status copy_rows(wg_forget *f, const json_t *request, int k, const char **to)
{
    const char *file = json_string_value(json_object_get(request, "file"));
    char *from;
    wagle_status st = WAGLE_OK;

    *to = NULL;
    if (file == NULL || strncmp(file, "rows/", 5) != 0 || strchr(file + 5, '/') != NULL)
        return WAGLE_OK;
    from = wg_path_join(f->ctx, f->earlier, file);
    if (from == NULL)
        return WAGLE_E_RESOURCE;
    if (wg_exists(from)) {
        *to = wg_forget_path(f, "rows/earlier-%d.jsonl", k);
        st = *to != NULL ? wg_copy_file(f->ctx, from, *to) : WAGLE_E_RESOURCE;
    }
    wg_free(from);
    return st;
}

static wagle_status test_request(wg_forget *f, json_t *request, int k)
{
    const char *model = wg_forget_path(f, "model"), *rows = NULL;
    const char *layout = json_string_value(json_object_get(request, "layout"));
    const json_t *threshold = json_object_get(request, "threshold");
    const char *verdict = "not tested";
    char file[64];
    wg_level level;

    if (model == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(copy_rows(f, request, k, &rows));
    snprintf(file, sizeof file, "rows/earlier-%d.jsonl", k);
    if (rows != NULL)
        WG_TRY(wg_json_set(f->ctx, request, "file", json_string(file)));
    const wg_forget_layout *data_layout = layout != NULL ? wg_forget_layout_find(layout) : NULL;
    if (rows != NULL && data_layout != NULL && json_is_number(threshold)) {
        const wagle_data data = wg_forget_data(f, rows, data_layout);
        WG_TRY(wg_forget_level(f, model, &data, &level));
        WG_TRY(wg_json_set(f->ctx, request, "probability", json_real(level.mean)));
        verdict = level.mean <= json_number_value(threshold) ? "pass" : "fail";
    }
    return wg_json_set(f->ctx, request, "verdict", json_string(verdict));
}

wagle_status wg_forget_test_earlier(wg_forget *f)
{
    json_t *certificate = NULL, *own = NULL, *request;
    size_t i;
    wagle_status st;

    if (f->earlier == NULL)
        return WAGLE_OK;
    st = wg_json_read_object(f->ctx, f->earlier, name, &certificate);
    if (st == WAGLE_OK)
        st = own_request(f, certificate, &own);
    if (st == WAGLE_OK &&
        json_array_extend(f->requests, json_object_get(certificate, "earlier")) != 0 &&
        json_object_get(certificate, "earlier") != NULL)
        st = wg_fail(f->ctx, WAGLE_E_INPUT, "%s/%s: 'earlier' is not a list", f->earlier, name);
    if (st == WAGLE_OK && json_array_append(f->requests, own) != 0)
        st = wg_json_memory(f->ctx);
    json_array_foreach (f->requests, i, request)
        if (st == WAGLE_OK)
            st = json_is_object(request)
                     ? test_request(f, request, (int)i + 1)
                     : wg_fail(f->ctx, WAGLE_E_INPUT, "%s/%s: 'earlier' holds no objects",
                               f->earlier, name);
    json_decref(own);
    json_decref(certificate);
    return st;
}
