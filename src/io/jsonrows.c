/* jsonrows.c - rows of JSON Lines and of JSON arrays, and why a file is neither. */
#include "io/rows.h"

#include <stdio.h>
#include <string.h>

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
    while (!r->ended)
        WG_TRY(wg_rows_more(r));
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

/* --- JSON ------------------------------------------------------------------------------------- */

/* Finds the end of the line at r->at, which may come with more of the text; *newline is NULL in the
 * last line. */
static wagle_status find_line(wg_rows_reader *r, const char **newline)
{
    for (;;) {
        *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
        if (*newline != NULL || r->ended)
            return WAGLE_OK;
        WG_TRY(wg_rows_more(r));
    }
}

static wagle_status read_line(wg_rows_reader *r, const char *stop)
{
    char where[WG_MESSAGE_BYTES / 2];
    json_t *row;

    snprintf(where, sizeof where, "%s:%lld", r->what, (long long)r->line);
    WG_TRY(explain(r, wg_json_parse(r->ctx, where, r->at, (size_t)(stop - r->at), &row), stop));
    return wg_rows_add(r, row, r->line);
}

wagle_status wg_rows_lines(wg_rows_reader *r)
{
    const char *newline;

    for (; !(r->at == r->end && r->ended) && !wg_rows_full(r); r->line++) {
        WG_TRY(find_line(r, &newline));
        const char *stop = newline != NULL ? newline : r->end;
        if (!blank(r->at, stop))
            WG_TRY(read_line(r, stop));
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

wagle_status wg_rows_array(wg_rows_reader *r)
{
    json_t *array, *row;
    wagle_status st = WAGLE_OK;
    size_t i;

    while (!r->ended)
        WG_TRY(wg_rows_more(r));
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
