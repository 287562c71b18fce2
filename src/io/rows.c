#include "io/rows.h"

#include "base/file.h"
#include "io/foreign.h"
#include <stdio.h>
#include <string.h>

bool wg_rows_full(const wg_rows_reader *r)
{
    return r->limit > 0 && r->rows->n >= r->limit;
}

wagle_status wg_rows_refuse(const wg_rows_reader *r, int64_t line, const char *what)
{
    return wg_fail(r->ctx, WAGLE_E_INPUT, "%s:%lld: %s", r->what, (long long)line, what);
}

/* Replaces a text in an array by the row {"text": text}. */
static wagle_status text_row(wg_rows_reader *r, json_t **row)
{
    json_t *object = json_object();

    if (json_object_set_new(object, "text", *row) != 0) {
        json_decref(object);
        *row = NULL;
        return wg_json_memory(r->ctx);
    }
    *row = object;
    return WAGLE_OK;
}

wagle_status wg_rows_add(wg_rows_reader *r, json_t *row, int64_t line)
{
    int64_t capacity = r->capacity;
    wagle_status st = WG_GROW(r->ctx, &r->rows->row, &capacity, r->rows->n + 1);

    if (st == WAGLE_OK)
        st = WG_GROW(r->ctx, &r->rows->line, &r->capacity, r->rows->n + 1);
    if (st == WAGLE_OK && !json_is_object(row))
        st = wg_fail(r->ctx, WAGLE_E_INPUT,
                     "%s:%lld: a row is %s; expected a JSON object of columns%s", r->what,
                     (long long)line, wg_json_kind(row),
                     json_is_array(row) ? " (a chat: {\"messages\": [..]})" : "");
    if (st != WAGLE_OK) {
        json_decref(row);
        return st;
    }
    r->rows->row[r->rows->n] = row;
    r->rows->line[r->rows->n++] = line;
    return WAGLE_OK;
}

/* --- explaining wrong formats
 * -----------------------------------------------------------------------
 */

/* Number of brackets that text [bytes] leaves open. */
static int64_t count_open_brackets(const char *text, size_t bytes)
{
    int64_t depth = 0;
    bool inside = false;

    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '"')
            inside = !inside;
        else if (inside)
            i += text[i] == '\\';
        else
            depth += (text[i] == '{' || text[i] == '[') - (text[i] == '}' || text[i] == ']');
    }
    return depth;
}

static bool blank(const char *from, const char *to)
{
    while (from < to && strchr(" \t\r\n", *from) != NULL && *from != '\0')
        from++;
    return from == to;
}

/* Whether every value is a list, or an object with indices as keys, as pandas writes columns. */
static bool is_of_columns(const json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, key, value)
        if (!json_is_array(value) && !json_is_object(value))
            return false;
    return json_object_size(object) > 0;
}

/* The key of the first list of objects, or NULL. */
static const char *list_of_rows(const json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, key, value)
        if (json_is_object(json_array_get(value, 0)))
            return key;
    return NULL;
}

/* Refuses a file that is one object over several lines. */
static wagle_status refuse_object(const wg_rows_reader *r, const json_t *object)
{
    const char *key = list_of_rows(object);

    if (key != NULL)
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s: one JSON object; if its list '%.40s' holds the rows, write only that "
                       "list to the file (jq '.\"%.40s\"')",
                       r->what, key, key);
    if (is_of_columns(object))
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s: one JSON object of columns; write one object for each row (pandas: "
                       "to_json(FILE, orient='records', lines=True))",
                       r->what);
    return wg_fail(r->ctx, WAGLE_E_INPUT,
                   "%s: one JSON object over several lines; write one object on each line (jq -c . "
                   "FILE), or a list of objects",
                   r->what);
}

/* Fails with the reason why the line from r->at to `stop` is no JSON, if it is known; else with st.
 */
static wagle_status explain(wg_rows_reader *r, wagle_status st, const char *stop)
{
    const bool goes_on =
        count_open_brackets(r->at, (size_t)(stop - r->at)) > 0 && !blank(stop, r->end);
    json_t *whole = NULL;

    if (st != WAGLE_E_INPUT || !goes_on)
        return st;
    wg_forget_failure(r->ctx);
    if (wg_json_parse(r->ctx, r->what, r->at, (size_t)(r->end - r->at), &whole) != WAGLE_OK)
        wg_forget_failure(r->ctx);
    st = whole != NULL ? refuse_object(r, whole)
                       : wg_rows_refuse(r, r->line,
                                        "a JSON value that continues on the next line; write one "
                                        "object on each line (jq -c . FILE)");
    json_decref(whole);
    return st;
}

/* Whether a text begins like Python's repr of a dict or of a list of dicts. */
static bool is_python(const char *at, const char *end)
{
    while (at < end && (*at == '[' || *at == '{' || *at == ' ' || *at == '\n' || *at == '\r'))
        at++;
    return at < end && *at == '\'';
}

/* Whether lines end with a single CR, as on old Macs. */
static bool has_cr_line_ends(const wg_rows_reader *r)
{
    const size_t bytes = (size_t)(r->end - r->at);
    const char *cr = memchr(r->at, '\r', bytes);

    return cr != NULL && memchr(r->at, '\n', bytes) == NULL && !blank(cr, r->end);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static wagle_status read_lines(wg_rows_reader *r)
{
    for (; r->at < r->end && !wg_rows_full(r); r->line++) {
        const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
        const char *stop = newline != NULL ? newline : r->end;
        char where[WG_MESSAGE_BYTES / 2];
        json_t *row;

        if (!blank(r->at, stop)) {
            snprintf(where, sizeof where, "%s:%lld", r->what, (long long)r->line);
            WG_TRY(explain(r, wg_json_parse(r->ctx, where, r->at, (size_t)(stop - r->at), &row),
                           stop));
            WG_TRY(wg_rows_add(r, row, r->line));
        }
        r->at = newline != NULL ? newline + 1 : r->end;
    }
    return WAGLE_OK;
}

/* Whether the file is JSON Lines with one list per line, as some tools write chats. */
static bool has_list_per_line(const wg_rows_reader *r)
{
    const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));

    return newline != NULL && count_open_brackets(r->at, (size_t)(newline - r->at)) == 0 &&
           !blank(newline, r->end);
}

static wagle_status read_array(wg_rows_reader *r)
{
    json_t *array, *row;
    wagle_status st = WAGLE_OK;
    size_t i;

    if (has_list_per_line(r))
        return wg_rows_refuse(
            r, r->line,
            "a line is a list; expected a JSON object of columns (a chat: {\"messages\": [..]})");
    WG_TRY(wg_json_parse(r->ctx, r->what, r->at, (size_t)(r->end - r->at), &array));
    json_array_foreach (array, i, row) {
        if (st != WAGLE_OK || wg_rows_full(r))
            break;
        json_incref(row);
        if (json_is_string(row))
            st = text_row(r, &row);
        if (st == WAGLE_OK)
            st = wg_rows_add(r, row, (int64_t)i + 1);
    }
    json_decref(array);
    return st;
}

/* --- files ------------------------------------------------------------------------------------ */

static wagle_status read_any(wg_rows_reader *r)
{
    if (r->at == r->end)
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s: the file is empty; expected JSON Lines, a JSON array or CSV", r->what);
    if ((*r->at == '[' || *r->at == '{') && is_python(r->at, r->end))
        return wg_rows_refuse(
            r, r->line,
            "single quotes as Python prints them; JSON needs double quotes (use json.dumps)");
    if (*r->at != '[' && has_cr_line_ends(r))
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s: lines end with a carriage return only, as on old Macs; convert them "
                       "with tr '\\r' '\\n'",
                       r->what);
    return *r->at == '[' ? read_array(r) : *r->at == '{' ? read_lines(r) : wg_rows_csv(r);
}

wagle_status wg_rows_parse(wagle_ctx *ctx, const char *what, const char *text, size_t bytes,
                           int64_t limit, wg_rows *out)
{
    wg_rows_reader r = {ctx, what, text, text + bytes, 1, limit, 0, out};
    wagle_status st;

    *out = (wg_rows){0};
    WG_TRY(wg_rows_foreign(ctx, what, text, bytes));
    if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        r.at += 3;
    while (r.at < r.end && strchr(" \t\r\n", *r.at) != NULL && *r.at != '\0')
        r.line += *r.at++ == '\n';
    st = read_any(&r);
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
