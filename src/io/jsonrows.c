/* jsonrows.c - rows of JSON Lines and of JSON arrays, and why a file is neither. */
#include "io/rows.h"

#include <stdio.h>
#include <string.h>

/* --- explaining wrong formats
 * -----------------------------------------------------------------------
 */

/* How deep in brackets and texts a place is. */
typedef struct nesting {
    int64_t depth;
    bool inside; /* a text */
} nesting;

/* Takes the byte at text[*i]; in a text, the one after a backslash too. */
static void nest(nesting *n, const char *text, size_t *i)
{
    const char c = text[*i];

    if (c == '"')
        n->inside = !n->inside;
    else if (n->inside)
        *i += c == '\\';
    else
        n->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
}

/* Number of brackets that text [bytes] leaves open. */
static int64_t count_open_brackets(const char *text, size_t bytes)
{
    nesting n = {0};

    for (size_t i = 0; i < bytes; i++)
        nest(&n, text, &i);
    return n.depth;
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

/* --- a JSON array -------------------------------------------------------------------------------
 */

/* Refuses JSON Lines with one list per line, as some tools write chats. */
static wagle_status refuse_list_per_line(wg_rows_reader *r)
{
    enum { FIRST_LINE = 1 << 20 };
    const char *newline = NULL;

    while (r->end - r->at < FIRST_LINE && !r->ended)
        WG_TRY(wg_rows_more(r));
    const size_t bytes = (size_t)(r->end - r->at);
    newline = memchr(r->at, '\n', bytes < FIRST_LINE ? bytes : FIRST_LINE);
    return newline != NULL && count_open_brackets(r->at, (size_t)(newline - r->at)) == 0 &&
                   !blank(newline, r->end)
               ? wg_rows_refuse(r, r->line,
                                "a line is a list; expected a JSON object of columns (a chat: "
                                "{\"messages\": [..]})")
               : WAGLE_OK;
}

/* Finds the comma or bracket that ends the value at r->at; *bytes before it, or up to the end of
 * the text. */
static wagle_status find_value(wg_rows_reader *r, size_t *bytes)
{
    nesting n = {0};
    size_t i = 0;

    for (;;) {
        for (; i < (size_t)(r->end - r->at); i++) {
            const char c = r->at[i];
            if (!n.inside && n.depth == 0 && (c == ',' || c == ']')) {
                *bytes = i;
                return WAGLE_OK;
            }
            nest(&n, r->at, &i);
            n.depth = n.depth > 0 ? n.depth : 0;
        }
        *bytes = (size_t)(r->end - r->at);
        if (r->ended)
            return WAGLE_OK;
        WG_TRY(wg_rows_more(r));
    }
}

/* Goes on by so many bytes. */
static void pass(wg_rows_reader *r, size_t bytes, wg_json_place *place)
{
    for (const char *to = r->at + bytes; r->at < to; r->at++)
        if (*r->at == '\n')
            *place = (wg_json_place){place->line + 1, 0};
        else
            place->column += ((unsigned char)*r->at & 0xC0) != 0x80;
}

/* The value at r->at [bytes], the i-th of the array, as a row. */
static wagle_status read_value(wg_rows_reader *r, size_t bytes, wg_json_place *place, int64_t i)
{
    json_t *row;

    WG_TRY(wg_json_parse_part(r->ctx, r->what, *place, r->at, bytes, &row));
    if (json_is_string(row))
        WG_TRY(text_row(r, &row));
    pass(r, bytes, place);
    return wg_rows_add(r, row, i);
}

static wagle_status end_array(wg_rows_reader *r, const wg_json_place *place)
{
    while (blank(r->at, r->end) && !r->ended) {
        r->at = r->end;
        WG_TRY(wg_rows_more(r));
    }
    return blank(r->at, r->end)
               ? WAGLE_OK
               : wg_fail(r->ctx, WAGLE_E_INPUT,
                         "%s:%lld:%lld: not valid JSON: text after the end of the array", r->what,
                         (long long)place->line, (long long)place->column + 1);
}

wagle_status wg_rows_array(wg_rows_reader *r)
{
    wg_json_place place = {r->line, 0};
    char stop = '\0';
    size_t bytes;

    WG_TRY(refuse_list_per_line(r));
    pass(r, 1, &place);
    for (int64_t i = 1; stop != ']' && !wg_rows_full(r); i++) {
        WG_TRY(find_value(r, &bytes));
        if (bytes == (size_t)(r->end - r->at))
            return wg_fail(r->ctx, WAGLE_E_INPUT,
                           "%s:%lld:%lld: not valid JSON: row %lld of the array does not end",
                           r->what, (long long)place.line, (long long)place.column + 1,
                           (long long)i);
        stop = r->at[bytes];
        if (i > 1 || stop != ']' || !blank(r->at, r->at + bytes)) /* [] has no rows */
            WG_TRY(read_value(r, bytes, &place, i));
        else
            pass(r, bytes, &place);
        pass(r, 1, &place);
    }
    return stop == ']' ? end_array(r, &place) : WAGLE_OK;
}
