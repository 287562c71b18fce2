/* csv.c - reads rows of values that are separated by commas (RFC 4180) or tabs; every field is a
 * text. */
#include "base/file.h"
#include "io/rows.h"

#include <string.h>

/* Whether an unquoted field, or one with closed quotes, ends here; if so, skips the delimiter. */
static bool ends_field(wg_rows_reader *r, char separator, int *delimiter)
{
    const size_t left = (size_t)(r->end - r->at);
    const bool cr = left > 0 && *r->at == '\r' && (left == 1 || r->at[1] == '\n');
    const char *at = r->at + cr;

    if (at < r->end && *at != separator && *at != '\n')
        return false;
    *delimiter = at < r->end ? *at : 0;
    r->line += *delimiter == '\n';
    r->at = at < r->end ? at + 1 : at;
    return true;
}

/* Reads a quoted field; r->at is after the opening quote. */
static wagle_status read_quoted(wg_rows_reader *r, wg_text *field)
{
    const int64_t began = r->line;

    for (; r->at < r->end; r->at++) {
        if (*r->at == '"') {
            if (r->at + 1 >= r->end || r->at[1] != '"') {
                r->at++;
                return WAGLE_OK;
            }
            r->at++;
        }
        r->line += *r->at == '\n';
        WG_TRY(wg_text_add(r->ctx, field, r->at, 1));
    }
    return wg_rows_refuse(r, began, "a quoted CSV field that begins here is not closed");
}

/* Reads one field. *delimiter: the character that ended it, the separator or '\n', or 0 at the end.
 */
static wagle_status read_field(wg_rows_reader *r, char separator, wg_text *field, int *delimiter)
{
    field->bytes = 0;
    WG_TRY(wg_text_add(r->ctx, field, "", 0));
    if (r->at < r->end && *r->at == '"') {
        r->at++;
        WG_TRY(read_quoted(r, field));
        return ends_field(r, separator, delimiter)
                   ? WAGLE_OK
                   : wg_rows_refuse(r, r->line,
                                    "text after the closing quote of a CSV field (write a quote "
                                    "within quotes twice)");
    }
    for (; !ends_field(r, separator, delimiter); r->at++) {
        if (*r->at == '\r')
            return wg_rows_refuse(r, r->line,
                                  "a carriage return within a CSV field that has no quotes");
        WG_TRY(wg_text_add(r->ctx, field, r->at, 1));
    }
    return WAGLE_OK;
}

/* Reads the next record of the text in memory as an array of strings; *out is NULL at its end. */
static wagle_status read_record(wg_rows_reader *r, char separator, json_t **out)
{
    wg_text field = {0};
    int64_t began;
    wagle_status st = WAGLE_OK;
    int delimiter = (unsigned char)separator;

    *out = NULL;
    while (r->at < r->end && (*r->at == '\n' || *r->at == '\r'))
        r->line += *r->at++ == '\n';
    if (r->at >= r->end)
        return WAGLE_OK;
    began = r->line;
    *out = json_array();
    while (st == WAGLE_OK && delimiter == separator) {
        st = read_field(r, separator, &field, &delimiter);
        if (st == WAGLE_OK && !wg_utf8_valid(field.text, (size_t)field.bytes))
            st = wg_rows_refuse(
                r, began,
                "not valid UTF-8 (iconv -f WINDOWS-1252 -t UTF-8 converts files from Windows)");
        if (st == WAGLE_OK &&
            json_array_append_new(*out, json_stringn(field.text, (size_t)field.bytes)) != 0)
            st = wg_json_memory(r->ctx);
    }
    wg_text_free(&field);
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

/* The same, where a record may go on in text that is not yet in memory: it is read again then. */
static wagle_status next_record(wg_rows_reader *r, char separator, json_t **out)
{
    for (;;) {
        const char *began = r->at;
        const int64_t line = r->line;
        const wagle_status st = read_record(r, separator, out);
        if (r->ended || r->at < r->end || (st != WAGLE_OK && st != WAGLE_E_INPUT))
            return st;
        wg_forget_failure(r->ctx);
        json_decref(*out);
        *out = NULL;
        r->at = began;
        r->line = line;
        WG_TRY(wg_rows_more(r));
    }
}

/* Tabs separate columns if the header has some and no comma, or if the file's name says so. */
static wagle_status find_separator(wg_rows_reader *r, char *out)
{
    const char *newline;
    size_t bytes;

    while ((newline = memchr(r->at, '\n', (size_t)(r->end - r->at))) == NULL && !r->ended)
        WG_TRY(wg_rows_more(r));
    bytes = (size_t)((newline != NULL ? newline : r->end) - r->at);
    *out = memchr(r->at, '\t', bytes) != NULL && (memchr(r->at, ',', bytes) == NULL ||
                                                  strstr(wg_path_name(r->what), ".tsv") != NULL)
               ? '\t'
               : ',';
    return WAGLE_OK;
}

/* Checks that column names are unique and separated by commas. */
static wagle_status check_header(wg_rows_reader *r, const json_t *header)
{
    static const struct {
        char mark;
        const char *what;
    } other[] = {
        {';', "the header's columns are separated by semicolons; commas or tabs are expected"},
        {'|', "the header's columns are separated by |; commas or tabs are expected"},
    };
    const char *name = json_string_value(json_array_get(header, 0));

    for (size_t k = 0; json_array_size(header) == 1 && k < sizeof other / sizeof *other; k++)
        if (strchr(name, other[k].mark) != NULL)
            return wg_rows_refuse(r, 1, other[k].what);
    for (size_t i = 0; i < json_array_size(header); i++) {
        const wg_str column = wg_json_str(json_array_get(header, i));
        if (strlen(column.text) != column.bytes)
            return wg_rows_refuse(r, 1, "the name of a column holds U+0000");
        for (size_t k = 0; k < i; k++)
            if (strcmp(column.text, json_string_value(json_array_get(header, k))) == 0)
                return wg_fail(
                    r->ctx, WAGLE_E_INPUT,
                    "%s:1: column '%.60s' occurs twice in the header; rename or remove one",
                    r->what, column.text);
    }
    return WAGLE_OK;
}

static wagle_status add_record(wg_rows_reader *r, const json_t *header, const json_t *record,
                               int64_t line)
{
    json_t *row;

    if (json_array_size(record) != json_array_size(header))
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s:%lld: %zu fields, but the header has %zu (put quotes around a text with "
                       "commas or line breaks)",
                       r->what, (long long)line, json_array_size(record), json_array_size(header));
    row = json_object();
    for (size_t i = 0; i < json_array_size(header); i++)
        if (json_object_set(row, json_string_value(json_array_get(header, i)),
                            json_array_get(record, i)) != 0) {
            json_decref(row);
            return wg_json_memory(r->ctx);
        }
    return wg_rows_add(r, row, line);
}

wagle_status wg_rows_csv(wg_rows_reader *r)
{
    json_t *header = NULL, *record = NULL;
    char separator = ',';
    wagle_status st = find_separator(r, &separator);

    if (st == WAGLE_OK)
        st = next_record(r, separator, &header);

    if (st == WAGLE_OK)
        st = check_header(r, header);
    while (st == WAGLE_OK && !wg_rows_full(r)) {
        const int64_t line = r->line;
        st = next_record(r, separator, &record);
        if (st != WAGLE_OK || record == NULL)
            break;
        st = add_record(r, header, record, line);
        json_decref(record);
        record = NULL;
    }
    json_decref(header);
    return st == WAGLE_OK && r->n == 0 && r->found.bytes == 0
               ? wg_rows_refuse(r, 1, "a CSV header without rows")
               : st;
}
