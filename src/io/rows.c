#include "io/rows.h"

#include "base/file.h"
#include "io/arrow/arrow.h"
#include "io/foreign.h"
#include "io/parquet/parquet.h"
#include "io/saved.h"
#include "io/source.h"
#include <stdio.h>
#include <string.h>

enum { MOST_TEXT = 256 << 20 }; /* bytes of a line or record, as of a JSON document */

static const wg_rows_select everything;

bool wg_rows_full(const wg_rows_reader *r)
{
    return r->select->limit > 0 && r->n >= r->select->limit;
}

wagle_status wg_rows_refuse(const wg_rows_reader *r, int64_t line, const char *what)
{
    return wg_fail(r->ctx, WAGLE_E_INPUT, "%s:%lld: %s", r->what, (long long)line, what);
}

wagle_status wg_rows_broken(wagle_ctx *ctx, const char *file, const char *kind, const char *format,
                            va_list args)
{
    char what[500];

    vsnprintf(what, sizeof what, format, args);
    return wg_fail(ctx, WAGLE_E_INPUT, "%s: %s with %s", file, kind, what);
}

/* --- values that were not read ---------------------------------------------------------------- */

static const char UNREAD[] = "not read";

json_t *wg_rows_unread(const char *kind)
{
    return json_pack("{s:s}", UNREAD, kind);
}

const char *wg_rows_kind(const json_t *value)
{
    const char *kind = json_string_value(json_object_get(value, UNREAD));

    return kind != NULL && json_object_size(value) == 1 ? kind : wg_json_kind(value);
}

wagle_status wg_rows_choose(const wg_rows_reader *r, const char *column, const char *kind,
                            json_t **unread)
{
    *unread = NULL;
    if (wg_rows_reads(r, column))
        return WAGLE_OK;
    *unread = wg_rows_unread(kind);
    return *unread != NULL ? WAGLE_OK : wg_json_memory(r->ctx);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Gives back what was read of a mapped file from time to time. */
static void release(wg_rows_reader *r)
{
    enum { PART = 16 << 20 };

    if (r->is_mapped && r->at - r->released > PART) {
        wg_map_release(r->released, (size_t)(r->at - r->released));
        r->released = r->at;
    }
}

wagle_status wg_rows_check(wagle_ctx *ctx, const char *what, const json_t *row, int64_t line)
{
    return json_is_object(row)
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT,
                         "%s:%lld: a row is %s; expected a JSON object of columns%s", what,
                         (long long)line, wg_json_kind(row),
                         json_is_array(row) ? " (a chat: {\"messages\": [..]})" : "");
}

wagle_status wg_rows_add(wg_rows_reader *r, json_t *row, int64_t line)
{
    wagle_status st = wg_rows_check(r->ctx, r->what, row, line);
    bool taken = false;

    if (st == WAGLE_OK)
        st = wg_select_note(r, row);
    if (st == WAGLE_OK)
        st = wg_select_takes(r, row, &taken);
    if (st == WAGLE_OK && taken)
        st = wg_select_rename(r, &row, line);
    release(r);
    if (st != WAGLE_OK || !taken) {
        json_decref(row);
        return st;
    }
    r->n++;
    return r->accept(r->user, row, r->what, line);
}

wagle_status wg_rows_keep(wagle_ctx *ctx, wg_rows *rows, json_t *row, int64_t line)
{
    int64_t capacity = rows->capacity;
    wagle_status st = WG_GROW(ctx, &rows->row, &capacity, rows->n + 1);

    if (st == WAGLE_OK)
        st = WG_GROW(ctx, &rows->line, &rows->capacity, rows->n + 1);
    if (st != WAGLE_OK) {
        json_decref(row);
        return st;
    }
    rows->row[rows->n] = row;
    rows->line[rows->n++] = line;
    return WAGLE_OK;
}

void wg_rows_free(wg_rows *rows)
{
    for (int64_t i = 0; i < rows->n; i++)
        json_decref(rows->row[i]);
    wg_free(rows->row);
    wg_free(rows->line);
    *rows = (wg_rows){0};
}

/* --- text ------------------------------------------------------------------------------------- */

wagle_status wg_rows_more(wg_rows_reader *r)
{
    enum { PART = 1 << 18 };
    const size_t kept = (size_t)(r->end - r->at);
    const int64_t wanted = (int64_t)kept * 2 > PART ? (int64_t)kept * 2 : PART;
    size_t got;

    if (r->ended)
        return WAGLE_OK;
    if (kept > MOST_TEXT)
        return wg_rows_refuse(r, r->line, "a row of more than 256 MB");
    if (r->room < wanted) {
        char *fresh = wg_alloc(r->ctx, wanted, 1);
        if (fresh == NULL)
            return WAGLE_E_RESOURCE;
        memcpy(fresh, r->at, kept);
        wg_free(r->buffer);
        r->buffer = fresh;
        r->room = wanted;
    } else
        memmove(r->buffer, r->at, kept);
    r->at = r->buffer;
    r->end = r->at + kept;
    WG_TRY(wg_source_read(r->ctx, r->source, r->buffer + kept, (size_t)r->room - kept, &got));
    r->end += got;
    r->ended = got == 0;
    return WAGLE_OK;
}

/* Whether a text begins like Python's repr of a dict or of a list of dicts. */
static bool is_python(const char *at, const char *end)
{
    while (at < end && (*at == '[' || *at == '{' || *at == ' ' || *at == '\n' || *at == '\r'))
        at++;
    return at < end && *at == '\'';
}

/* Whether lines end with a single CR, as on old Macs. Looks no further than the first line feed, so
 * that a large file is not read here. */
static bool has_cr_line_ends(const wg_rows_reader *r)
{
    const size_t bytes = (size_t)(r->end - r->at);
    const char *cr =
        r->ended && memchr(r->at, '\n', bytes) == NULL ? memchr(r->at, '\r', bytes) : NULL;

    while (cr != NULL && cr < r->end && (*cr == '\r' || *cr == ' ' || *cr == '\t'))
        cr++;
    return cr != NULL && cr < r->end;
}

static wagle_status read_any(wg_rows_reader *r)
{
    if (r->at == r->end)
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s: the file is empty; expected JSON Lines, a JSON array, CSV, "
                       "Parquet or Arrow",
                       r->what);
    if ((*r->at == '[' || *r->at == '{') && is_python(r->at, r->end))
        return wg_rows_refuse(
            r, r->line,
            "single quotes as Python prints them; JSON needs double quotes (use json.dumps)");
    if (*r->at != '[' && has_cr_line_ends(r))
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s: lines end with a carriage return only, as on old Macs; convert them "
                       "with tr '\\r' '\\n'",
                       r->what);
    return *r->at == '[' ? wg_rows_array(r) : *r->at == '{' ? wg_rows_lines(r) : wg_rows_csv(r);
}

static wagle_status read_text(wg_rows_reader *r)
{
    while (r->end - r->at < 512 && !r->ended)
        WG_TRY(wg_rows_more(r));
    WG_TRY(wg_rows_foreign(r->ctx, r->what, r->at, (size_t)(r->end - r->at)));
    if (r->end - r->at >= 3 && memcmp(r->at, "\xEF\xBB\xBF", 3) == 0)
        r->at += 3;
    for (;;) {
        while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0')
            r->line += *r->at++ == '\n';
        if (r->at < r->end || r->ended)
            return read_any(r);
        WG_TRY(wg_rows_more(r));
    }
}

/* --- files ------------------------------------------------------------------------------------ */

/* After the last row: says what was missing. */
static wagle_status end_rows(wg_rows_reader *r, wagle_status st)
{
    st = wg_select_end(r, st);
    if (st == WAGLE_OK && r->n == 0)
        st = wg_fail(r->ctx, WAGLE_E_INPUT, "%s: no rows in this file%s", r->what,
                     r->found.bytes > 0 ? " that @{where} selects" : "");
    wg_text_free(&r->found);
    return st;
}

static wagle_status read_bytes(wg_rows_reader *r, const unsigned char *data, size_t bytes)
{
    const wg_packing packing = wg_packing_of(data, bytes);
    wagle_status st = wg_select_check(r->ctx, r->select);

    r->at = r->released = (const char *)data;
    r->end = r->at + bytes;
    r->ended = packing == WG_PLAIN;
    if (st == WAGLE_OK && packing != WG_PLAIN) {
        r->is_mapped = false;
        r->end = r->at;
        st = wg_source_open(r->ctx, r->what, packing, data, bytes, &r->source);
    }
    if (st == WAGLE_OK)
        st = wg_is_parquet(data, bytes) ? wg_rows_parquet(r, data, bytes)
             : wg_is_arrow(data, bytes) ? wg_rows_arrow(r, data, bytes)
                                        : read_text(r);
    st = end_rows(r, st);
    wg_source_close(r->source);
    wg_free(r->buffer);
    return st;
}

static wagle_status visit_file(wagle_ctx *ctx, const char *path, const wg_rows_select *select,
                               wg_row_fn *accept, void *user)
{
    wg_rows_reader r = {.ctx = ctx,
                        .what = path,
                        .line = 1,
                        .select = select,
                        .accept = accept,
                        .user = user,
                        .is_mapped = true};
    wg_map map;
    wagle_status st;

    WG_TRY(wg_map_open(ctx, path, &map));
    st = read_bytes(&r, map.data, map.bytes);
    wg_map_close(&map);
    return st;
}

/* --- folders ---------------------------------------------------------------------------------- */

bool wg_rows_named_so(const char *name)
{
    static const char *const forms[] = {".jsonl", ".json", ".csv", ".tsv", ".ndjson"};
    static const char *const packed[] = {"", ".gz", ".zst"};
    char end[16];

    if (*name == '.' || *name == '_')
        return false;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (size_t k = 0; k < sizeof packed / sizeof *packed; k++) {
            snprintf(end, sizeof end, "%s%s", forms[i], packed[k]);
            if (wg_ends_with(name, end))
                return true;
        }
    return wg_ends_with(name, ".parquet") || wg_ends_with(name, ".arrow") ||
           wg_ends_with(name, ".feather");
}

static wagle_status visit_entry(wagle_ctx *ctx, const char *folder, const char *name,
                                const wg_rows_select *select, wg_row_fn *accept, void *user)
{
    char *path = wg_path_join(ctx, folder, name);
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && (wg_is_folder(path) || !wg_rows_named_so(name)))
        st = wg_fail(ctx, WAGLE_E_INPUT,
                     "%s: %s in a folder of rows, which has only .jsonl, .json, .csv, .tsv (also "
                     ".gz or .zst), .parquet, .arrow and .feather; move it, or name the files that "
                     "are meant",
                     path, wg_is_folder(path) ? "a folder" : "a file of another kind");
    if (st == WAGLE_OK)
        st = visit_file(ctx, path, select, accept, user);
    wg_free(path);
    return st;
}

/* One of the files that datasets wrote by save_to_disk. */
static wagle_status read_part(wg_rows_reader *r, const char *path)
{
    wagle_status st;
    wg_map map;

    WG_TRY(wg_map_open(r->ctx, path, &map));
    r->what = path;
    r->at = r->released = (const char *)map.data;
    st = wg_is_arrow(map.data, map.bytes)
             ? wg_rows_arrow(r, map.data, map.bytes)
             : wg_fail(r->ctx, WAGLE_E_INPUT, "%s: not an Arrow file, as state.json says", path);
    wg_map_close(&map);
    return st;
}

/* The files of save_to_disk are one data set. */
static wagle_status visit_saved(wagle_ctx *ctx, const char *folder, const wg_rows_select *select,
                                wg_row_fn *accept, void *user)
{
    wg_rows_reader r = {.ctx = ctx,
                        .what = folder,
                        .select = select,
                        .accept = accept,
                        .user = user,
                        .is_mapped = true};
    json_t *files = NULL, *file;
    wagle_status st = wg_select_check(ctx, select);
    size_t i;

    if (st == WAGLE_OK)
        st = wg_saved_files(ctx, folder, &files);
    json_array_foreach (files, i, file)
        if (st == WAGLE_OK && !wg_rows_full(&r)) {
            char *path = wg_path_join(ctx, folder, json_string_value(file));
            st = path != NULL ? read_part(&r, path) : WAGLE_E_RESOURCE;
            wg_free(path);
        }
    r.what = folder;
    st = end_rows(&r, st);
    json_decref(files);
    return st;
}

/* Files that begin with . or _ are left out, as other tools keep notes there. */
static wagle_status visit_folder(wagle_ctx *ctx, const char *path, const wg_rows_select *select,
                                 wg_row_fn *accept, void *user)
{
    char **names;
    wagle_status st = wg_list_folder(ctx, path, &names);
    int64_t n = 0;

    if (st != WAGLE_OK)
        return st;
    if (wg_is_saved(names)) {
        wg_free_names(names);
        return visit_saved(ctx, path, select, accept, user);
    }
    st = wg_rows_foreign_folder(ctx, path, names);
    for (char **name = names; st == WAGLE_OK && *name != NULL; name++)
        if (**name != '.' && **name != '_') {
            st = visit_entry(ctx, path, *name, select, accept, user);
            n++;
        }
    wg_free_names(names);
    return st == WAGLE_OK && n == 0
               ? wg_fail(ctx, WAGLE_E_INPUT, "%s: no files of rows in this folder", path)
               : st;
}

wagle_status wg_rows_visit(wagle_ctx *ctx, const char *path, const wg_rows_select *select,
                           wg_row_fn *accept, void *user)
{
    return (wg_is_folder(path) ? visit_folder : visit_file)(
        ctx, path, select != NULL ? select : &everything, accept, user);
}

/* --- rows that are kept ----------------------------------------------------------------------- */

typedef struct keeping {
    wagle_ctx *ctx;
    wg_rows *rows;
    bool numbered; /* lines are numbers over all files */
} keeping;

static wagle_status keep(void *user, json_t *row, const char *file, int64_t line)
{
    const keeping *k = user;

    (void)file;
    return wg_rows_keep(k->ctx, k->rows, row, k->numbered ? k->rows->n + 1 : line);
}

wagle_status wg_rows_read(wagle_ctx *ctx, const char *path, const wg_rows_select *select,
                          wg_rows *out)
{
    keeping k = {ctx, out, wg_is_folder(path)};
    wagle_status st;

    *out = (wg_rows){0};
    st = wg_rows_visit(ctx, path, select, keep, &k);
    if (st != WAGLE_OK)
        wg_rows_free(out);
    return st;
}

wagle_status wg_rows_parse(wagle_ctx *ctx, const char *what, const char *text, size_t bytes,
                           const wg_rows_select *select, wg_rows *out)
{
    keeping k = {ctx, out, false};
    wg_rows_reader r = {.ctx = ctx,
                        .what = what,
                        .line = 1,
                        .select = select != NULL ? select : &everything,
                        .accept = keep,
                        .user = &k};
    wagle_status st;

    *out = (wg_rows){0};
    st = read_bytes(&r, (const unsigned char *)text, bytes);
    if (st != WAGLE_OK)
        wg_rows_free(out);
    return st;
}

wagle_status wg_rows_offer(wagle_ctx *ctx, const char *what, const wg_rows *rows,
                           const wg_rows_select *select, wg_row_fn *accept, void *user)
{
    wg_rows_reader r = {.ctx = ctx,
                        .what = what,
                        .select = select != NULL ? select : &everything,
                        .accept = accept,
                        .user = user};
    wagle_status st = wg_select_check(ctx, r.select);

    for (int64_t i = 0; st == WAGLE_OK && i < rows->n && !wg_rows_full(&r); i++)
        st = wg_rows_add(&r, json_incref(rows->row[i]), rows->line[i]);
    st = wg_select_end(&r, st);
    if (st == WAGLE_OK && r.n == 0)
        st = wg_fail(ctx, WAGLE_E_INPUT,
                     rows->n == 0 ? "%s: there are none" : "%s: none that @{where} selects", what);
    wg_text_free(&r.found);
    return st;
}
