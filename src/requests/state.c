/* state.c - requests.json: what the runs follow from, the requests, and the table so far. */
#include "requests/requests.h"

#include "base/hash.h"
#include "data/example.h"
#include "train/train.h"

#include <string.h>

static const char schema[] = "wagle-requests-1";

/* --- what is asked, of which files -------------------------------------------------------------
 */

/* The hash of a file or folder of rows; "" if the entry is none, as in "retain" or "self:64". */
static wagle_status hash_entry(wg_requests *r, const char *entry, char hash[WG_SHA256_TEXT])
{
    const char *path;
    float weight;

    hash[0] = '\0';
    WG_TRY(wg_data_entry(r->ctx, entry, &r->arena, &path, &weight));
    return wg_exists(path) ? wg_sha256_path(r->ctx, path, "", hash) : WAGLE_OK;
}

static wagle_status add_entry(wg_requests *r, const char *entry, json_t *list)
{
    char hash[WG_SHA256_TEXT];

    WG_TRY(hash_entry(r, entry, hash));
    return json_array_append_new(list,
                                 json_pack("{s:o, s:s}", "file", wg_json_bytes(wg_path_name(entry)),
                                           "sha256", hash)) == 0
               ? WAGLE_OK
               : wg_json_memory(r->ctx);
}

/* Each request once: the same rows twice would be forgotten already. */
static wagle_status add_request(wg_requests *r, int i, json_t *list)
{
    const json_t *before;
    size_t k;

    WG_TRY(add_entry(r, r->file[i], list));
    const char *hash =
        json_string_value(json_object_get(json_array_get(list, (size_t)i), "sha256"));
    if (*hash == '\0')
        return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: no such file", r->file[i]);
    json_array_foreach (list, k, before)
        if (k < (size_t)i &&
            strcmp(json_string_value(json_object_get(before, "sha256")), hash) == 0)
            return strcmp(r->file[k], r->file[i]) == 0
                       ? wg_fail(r->ctx, WAGLE_E_USAGE, "@{requests}: %s is given twice",
                                 r->file[i])
                       : wg_fail(r->ctx, WAGLE_E_USAGE,
                                 "@{requests}: %s and %s are the same, byte for byte", r->file[k],
                                 r->file[i]);
    return WAGLE_OK;
}

static wagle_status add_requests(wg_requests *r, json_t *list)
{
    for (int i = 0; i < r->n; i++)
        WG_TRY(add_request(r, i, list));
    return WAGLE_OK;
}

static wagle_status add_protected(wg_requests *r, json_t *list)
{
    const wagle_data *d = &r->t->protect;

    if (d->path != NULL)
        WG_TRY(add_entry(r, d->path, list));
    for (const char *const *more = d->more; d->path != NULL && more != NULL && *more != NULL;
         more++)
        WG_TRY(add_entry(r, *more, list));
    return WAGLE_OK;
}

static json_t *text_or_null(const char *text)
{
    return text != NULL ? wg_json_bytes(text) : json_null();
}

/* A new document without runs. */
static wagle_status begin(wg_requests *r, json_t **out)
{
    json_t *s =
        json_pack("{s:s, s:s, s:o, s:I, s:o, s:b, s:[], s:[], s:[]}", "schema", schema, "wagle",
                  WAGLE_VERSION, "metrics", text_or_null(r->o->metrics), "max_tokens",
                  (json_int_t)r->o->max_tokens, "out_patch", text_or_null(r->t->out_patch),
                  "redact", (int)r->t->redact, "protect", "requests", "table");
    wagle_status st = s != NULL ? WAGLE_OK : wg_json_memory(r->ctx);

    if (st == WAGLE_OK)
        st = add_requests(r, json_object_get(s, "requests"));
    if (st == WAGLE_OK)
        st = add_protected(r, json_object_get(s, "protect"));
    *out = s;
    return st;
}

/* --- the same call as before? ------------------------------------------------------------------
 */

/* Requests that are in the table are the same; those after them may be others where `open` is set.
 */
static bool same_requests(wg_requests *r, const json_t *before, const json_t *now, bool open)
{
    const json_t *was = json_object_get(before, "requests"), *is = json_object_get(now, "requests");
    const size_t rows = json_array_size(json_object_get(before, "table"));

    r->changed = !json_equal(was, is);
    for (size_t i = 0; open && r->changed && i + 1 < rows; i++)
        if (!json_equal(json_array_get(was, i), json_array_get(is, i)))
            return false;
    return !r->changed || (open && rows > 1 && rows <= json_array_size(is) + 1);
}

/* What to do if OUT.partial or OUT is of another call. */
static const char *start_again(const wg_requests *r)
{
    return r->t->force ? "leave out @{resume=true}" : "add @{force=true}";
}

static wagle_status compare(wg_requests *r, const char *where, const json_t *before,
                            const json_t *now, bool open)
{
    static const char *const keys[] = {"metrics", "max_tokens", "protect", "out_patch", "redact"};

    if (!same_requests(r, before, now, open))
        return wg_fail(r->ctx, WAGLE_E_USAGE,
                       "%s: made with other @{requests}; give the same, or %s to start again",
                       where, start_again(r));
    for (int i = 0; i < 5; i++)
        if (!json_equal(json_object_get(before, keys[i]), json_object_get(now, keys[i])))
            return wg_fail(r->ctx, WAGLE_E_USAGE,
                           "%s: made with other @{%s}; give the same, or %s to start again", where,
                           keys[i], start_again(r));
    return WAGLE_OK;
}

static wagle_status read_before(wg_requests *r, const char *where, json_t **out)
{
    const json_t *s;

    WG_TRY(wg_json_read(r->ctx, where, out));
    s = json_object_get(*out, "schema");
    if (json_is_string(s) && strcmp(json_string_value(s), schema) == 0 &&
        json_is_object(json_object_get(*out, "made_by")) &&
        json_is_array(json_object_get(*out, "table")) &&
        json_is_array(json_object_get(*out, "requests")))
        return WAGLE_OK;
    return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: not what @{requests} of this version leave", where);
}

/* What runs follow from is found without the log of a run. */
static wagle_status find_facts(wg_requests *r, const char *where, const json_t *before,
                               json_t **facts)
{
    const wagle_train_options t = wg_request_options(r, 1, r->t->model, r->t->out);
    wagle_log_fn *log = r->ctx->log;

    r->ctx->log = NULL;
    const wagle_status st = wg_train_facts(r->ctx, &t, where, before, facts);
    r->ctx->log = log;
    return st;
}

/* Into r->state: the table of `where`, after everything else was compared; where NULL: none. open:
 * requests that are not in the table may be others. */
static wagle_status take(wg_requests *r, const char *where, bool open)
{
    json_t *before = NULL, *now = NULL, *facts = NULL;
    wagle_status st = where != NULL ? read_before(r, where, &before) : WAGLE_OK;

    if (st == WAGLE_OK)
        st = begin(r, &now);
    if (st == WAGLE_OK && before != NULL)
        st = compare(r, where, before, now, open);
    if (st == WAGLE_OK)
        st = find_facts(r, where != NULL ? where : "", json_object_get(before, "made_by"), &facts);
    if (st == WAGLE_OK)
        st = wg_json_set(r->ctx, now, "made_by", json_incref(facts));
    if (st == WAGLE_OK && before != NULL)
        st = wg_json_set(r->ctx, now, "table", json_incref(json_object_get(before, "table")));
    if (st == WAGLE_OK && json_object_get(before, "unchanged") != NULL)
        st = wg_json_set(r->ctx, now, "unchanged",
                         json_incref(json_object_get(before, "unchanged")));
    if (st == WAGLE_OK)
        r->state = json_incref(now);
    json_decref(facts);
    json_decref(now);
    json_decref(before);
    return st;
}

/* --- opening and saving ------------------------------------------------------------------------
 */

/* Nothing is there to go on from. */
static wagle_status start(wg_requests *r)
{
    const char *checkpoint = wg_requests_path(r, "checkpoint.safetensors");

    if (checkpoint == NULL)
        return WAGLE_E_RESOURCE;
    if (wg_exists(checkpoint) && !r->t->force)
        return wg_fail(
            r->ctx, WAGLE_E_USAGE,
            "%s: an unfinished run without @{requests}; add @{force=true} to start again",
            r->folder.path);
    WG_TRY(wg_train_output_check(r->ctx, r->t, r->t->out, r->t->force));
    WG_TRY(wg_requests_check_patches(r, false));
    WG_TRY(take(r, NULL, false));
    return wg_empty_folder(r->ctx, r->folder.path, NULL);
}

wagle_status wg_requests_open(wg_requests *r, bool *finished)
{
    const bool again = r->t->force && !r->t->resume;
    const char *here = wg_requests_path(r, WG_REQUESTS_FILE);
    char *there = wg_path_join(r->ctx, r->t->out, WG_REQUESTS_FILE);
    wagle_status st = WAGLE_E_RESOURCE;

    *finished = false;
    if (here != NULL && there != NULL) {
        const bool unfinished = wg_exists(here) && !again;
        *finished = wg_exists(there) && !r->t->force;
        if (unfinished && !*finished)
            WG_TRY_GOTO(wg_requests_is_out(r, finished), done);
        st = *finished ? take(r, there, false) : unfinished ? take(r, here, true) : start(r);
        if (st == WAGLE_OK && unfinished && !*finished) {
            WG_TRY_GOTO(wg_train_output_check(r->ctx, r->t, r->t->out, r->t->force), done);
            WG_TRY_GOTO(wg_requests_check_patches(r, true), done);
            wg_log(r->ctx, 1, "%d of %d requests are done",
                   wg_requests_done(r) > 0 ? wg_requests_done(r) - 1 : 0, r->n);
        }
    }
done:
    wg_free(there);
    return st;
}

wagle_status wg_requests_save(const wg_requests *r)
{
    char *path = wg_path_join(r->ctx, r->folder.path, WG_REQUESTS_FILE);
    const wagle_status st =
        path != NULL ? wg_json_write(r->ctx, path, r->state, true) : WAGLE_E_RESOURCE;

    wg_free(path);
    return st;
}

int wg_requests_done(const wg_requests *r)
{
    return (int)json_array_size(json_object_get(r->state, "table"));
}
