#include "io/rows.h"

#include "base/file.h"
#include <stdio.h>
#include <string.h>

typedef struct reader {
    wagle_ctx *ctx;
    const char *what, *at, *end;
    int64_t line, limit, capacity;
    wg_rows *rows;
} reader;

static bool full(const reader *r)
{
    return r->limit > 0 && r->rows->n >= r->limit;
}

/* Steals row. */
static wagle_status add(reader *r, json_t *row, int64_t line)
{
    int64_t capacity = r->capacity;
    wagle_status st = WG_GROW(r->ctx, &r->rows->row, &capacity, r->rows->n + 1);

    if (st == WAGLE_OK)
        st = WG_GROW(r->ctx, &r->rows->line, &r->capacity, r->rows->n + 1);
    if (st == WAGLE_OK && !json_is_object(row))
        st = wg_fail(r->ctx, WAGLE_E_INPUT, "%s:%lld: a row must be a JSON object", r->what,
                     (long long)line);
    if (st != WAGLE_OK) {
        json_decref(row);
        return st;
    }
    r->rows->row[r->rows->n] = row;
    r->rows->line[r->rows->n++] = line;
    return WAGLE_OK;
}

static wagle_status read_lines(reader *r)
{
    for (; r->at < r->end && !full(r); r->line++) {
        const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
        const char *stop = newline != NULL ? newline : r->end;
        char where[WG_MESSAGE_BYTES / 2];
        json_t *row;

        if (strspn(r->at, " \t\r\n") < (size_t)(stop - r->at)) {
            snprintf(where, sizeof where, "%s:%lld", r->what, (long long)r->line);
            WG_TRY(wg_json_parse(r->ctx, where, r->at, (size_t)(stop - r->at), &row));
            WG_TRY(add(r, row, r->line));
        }
        r->at = newline != NULL ? newline + 1 : r->end;
    }
    return WAGLE_OK;
}

static wagle_status read_array(reader *r)
{
    json_t *array, *row;
    wagle_status st = WAGLE_OK;
    size_t i;

    WG_TRY(wg_json_parse(r->ctx, r->what, r->at, (size_t)(r->end - r->at), &array));
    json_array_foreach (array, i, row) {
        if (st == WAGLE_OK && !full(r))
            st = add(r, json_incref(row), (int64_t)i + 1);
    }
    json_decref(array);
    return st;
}

/* One field into `field`; returns the delimiter that ended it (',' '\n' or 0 at the end), or -1
 * on an error. */
static int read_field(reader *r, wg_text *field)
{
    const bool quoted = r->at < r->end && *r->at == '"';

    field->bytes = 0;
    if (wg_text_add(r->ctx, field, "", 0) != WAGLE_OK)
        return -1;
    r->at += quoted;
    for (bool open = quoted; r->at < r->end; r->at++) {
        const char c = *r->at;
        if (open && c == '"' && r->at + 1 < r->end && r->at[1] == '"')
            r->at++;
        else if (open && c == '"') {
            open = false;
            continue;
        } else if (!open && (c == ',' || c == '\n')) {
            r->at++;
            r->line += c == '\n';
            return c;
        } else if (!open && c == '\r' && r->at + 1 < r->end && r->at[1] == '\n')
            continue;
        r->line += c == '\n';
        if (wg_text_add(r->ctx, field, r->at, 1) != WAGLE_OK)
            return -1;
        if (r->at + 1 == r->end && open) {
            wg_explain(r->ctx, "%s: a quoted CSV field is not closed", r->what);
            return -1;
        }
    }
    return 0;
}

/* The next record as an array of strings; *out stays NULL at the end of the file. */
static wagle_status read_record(reader *r, json_t **out)
{
    wg_text field = {0};
    wagle_status st = WAGLE_OK;
    int delimiter = ',';

    *out = NULL;
    while (r->at < r->end && (*r->at == '\n' || *r->at == '\r'))
        r->line += *r->at++ == '\n';
    if (r->at >= r->end)
        return WAGLE_OK;
    *out = json_array();
    while (delimiter == ',') {
        delimiter = read_field(r, &field);
        if (delimiter < 0)
            st = WAGLE_E_INPUT;
        else if (!wg_utf8_valid(field.text, (size_t)field.bytes))
            st = wg_fail(r->ctx, WAGLE_E_INPUT, "%s:%lld: not valid UTF-8", r->what,
                         (long long)r->line);
        else if (json_array_append_new(*out, json_stringn(field.text, (size_t)field.bytes)) != 0)
            st = wg_json_memory(r->ctx);
        if (st != WAGLE_OK)
            break;
    }
    wg_text_free(&field);
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

static wagle_status read_csv(reader *r)
{
    json_t *header = NULL, *record = NULL;
    wagle_status st;

    WG_TRY(read_record(r, &header));
    for (;;) {
        const int64_t line = r->line;
        json_t *row;
        st = full(r) ? WAGLE_OK : read_record(r, &record);
        if (st != WAGLE_OK || record == NULL)
            break;
        if (json_array_size(record) != json_array_size(header)) {
            st = wg_fail(r->ctx, WAGLE_E_INPUT, "%s:%lld: %zu fields, the header has %zu", r->what,
                         (long long)line, json_array_size(record), json_array_size(header));
            break;
        }
        row = json_object();
        for (size_t i = 0; i < json_array_size(header); i++)
            if (json_object_set(row, json_string_value(json_array_get(header, i)),
                                json_array_get(record, i)) != 0)
                st = wg_json_memory(r->ctx);
        if (st != WAGLE_OK) {
            json_decref(row);
            break;
        }
        st = add(r, row, line);
        json_decref(record);
        record = NULL;
        if (st != WAGLE_OK)
            break;
    }
    json_decref(record);
    json_decref(header);
    return st;
}

wagle_status wg_rows_parse(wagle_ctx *ctx, const char *what, const char *text, size_t bytes,
                           int64_t limit, wg_rows *out)
{
    reader r = {ctx, what, text, text + bytes, 1, limit, 0, out};
    wagle_status st;

    *out = (wg_rows){0};
    if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        r.at += 3;
    while (r.at < r.end && strchr(" \t\r\n", *r.at) != NULL && *r.at != '\0')
        r.line += *r.at++ == '\n';
    if (r.at < r.end && *r.at == '[')
        st = read_array(&r);
    else if (r.at < r.end && *r.at == '{')
        st = read_lines(&r);
    else
        st = read_csv(&r);
    if (st == WAGLE_OK && out->n == 0)
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: no rows in this file", what);
    if (st != WAGLE_OK)
        wg_rows_free(out);
    return st;
}

wagle_status wg_rows_read(wagle_ctx *ctx, const char *path, int64_t limit, wg_rows *out)
{
    wg_text copy = {0};
    wagle_status st;

    *out = (wg_rows){0};
    st = wg_read_text(ctx, path, &copy);
    if (st == WAGLE_OK)
        st = wg_rows_parse(ctx, path, copy.text, (size_t)copy.bytes, limit, out);
    wg_text_free(&copy);
    return st;
}

void wg_rows_free(wg_rows *rows)
{
    for (int64_t i = 0; i < rows->n; i++)
        json_decref(rows->row[i]);
    wg_free(rows->row);
    wg_free(rows->line);
    *rows = (wg_rows){0};
}
