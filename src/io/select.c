/* select.c - which rows of a file are read, and under which names: `where` and `fields`. */
#include "io/rows.h"

#include <string.h>

enum { MOST = 32 }; /* of each */

/* A condition "column=text" or "column!=text", or a new name "column=name". */
typedef struct pair {
    wg_str column;
    const char *text;
    bool differs;
} pair;

static pair split(const char *text)
{
    const char *equals = strchr(text, '=');
    pair p = {{text, strlen(text)}, NULL, false};

    if (equals == NULL)
        return p;
    p.differs = equals > text && equals[-1] == '!';
    p.column.bytes = (size_t)(equals - text) - p.differs;
    p.text = equals + 1;
    return p;
}

static json_t *get(const json_t *row, wg_str column)
{
    return json_object_getn(row, column.text, column.bytes);
}

static wagle_status check(wagle_ctx *ctx, const char *const *list, const char *option,
                          const char *wanted)
{
    int n = 0;

    for (; list != NULL && *list != NULL; list++) {
        const pair p = split(*list);
        if (p.text == NULL || p.column.bytes == 0 ||
            (strcmp(option, "fields") == 0 && (p.differs || *p.text == '\0')))
            return wg_fail(ctx, WAGLE_E_USAGE, "@{%s} '%.60s': expected %s", option, *list, wanted);
        if (!wg_utf8_valid(*list, strlen(*list)))
            return wg_fail(ctx, WAGLE_E_USAGE, "@{%s} '%.60s' is not valid UTF-8", option, *list);
        if (++n > MOST)
            return wg_fail(ctx, WAGLE_E_USAGE, "@{%s} is given more than %d times", option,
                           (int)MOST);
    }
    return WAGLE_OK;
}

wagle_status wg_select_check(wagle_ctx *ctx, const wg_rows_select *s)
{
    WG_TRY(check(ctx, s->where, "where", "COLUMN=TEXT or COLUMN!=TEXT"));
    return check(ctx, s->fields, "fields", "COLUMN=NAME");
}

/* --- columns that are in no row --------------------------------------------------------------- */

static void note(wg_rows_reader *r, const char *const *list, int first, const json_t *row)
{
    for (int i = 0; list != NULL && list[i] != NULL; i++)
        if (get(row, split(list[i]).column) != NULL)
            r->seen |= (uint64_t)1 << (first + i);
}

wagle_status wg_select_note(wg_rows_reader *r, const json_t *row)
{
    const char *key;
    json_t *value;

    if (r->select->where == NULL && r->select->fields == NULL)
        return WAGLE_OK;
    note(r, r->select->where, 0, row);
    note(r, r->select->fields, MOST, row);
    if (r->found.bytes > 0)
        return WAGLE_OK;
    json_object_foreach ((json_t *)(uintptr_t)row, key, value) {
        if (r->found.bytes > 300)
            return wg_text_addz(r->ctx, &r->found, ", ..");
        WG_TRY(wg_text_printf(r->ctx, &r->found, "%s%.40s", r->found.bytes > 0 ? ", " : "", key));
    }
    return WAGLE_OK;
}

static wagle_status check_seen(const wg_rows_reader *r, const char *const *list, int first,
                               const char *option)
{
    for (int i = 0; list != NULL && list[i] != NULL; i++) {
        const wg_str column = split(list[i]).column;
        if ((r->seen >> (first + i) & 1) == 0) {
            wg_forget_failure(r->ctx);
            return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: @{%s} '%.60s': no column '%.*s' (found: %s)",
                           r->what, option, list[i], (int)(column.bytes < 60 ? column.bytes : 60),
                           column.text, r->found.text);
        }
    }
    return WAGLE_OK;
}

wagle_status wg_select_end(wg_rows_reader *r, wagle_status st)
{
    if ((st != WAGLE_OK && st != WAGLE_E_INPUT) || r->found.bytes == 0)
        return st;
    WG_TRY(check_seen(r, r->select->where, 0, "where"));
    WG_TRY(check_seen(r, r->select->fields, MOST, "fields"));
    return st;
}

/* --- conditions ------------------------------------------------------------------------------- */

/* Whether the value reads as the text: a text itself, a number or true as JSON writes them; null
 * and a missing column read as "". */
static wagle_status reads_as(wagle_ctx *ctx, const json_t *value, const char *text, bool *out)
{
    char *shown;

    *out = *text == '\0';
    if (value == NULL || json_is_null(value))
        return WAGLE_OK;
    *out = json_is_string(value) && wg_str_equal(wg_json_str(value), wg_strz(text));
    if (json_is_string(value) || json_is_array(value) || json_is_object(value))
        return WAGLE_OK;
    shown = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (shown == NULL)
        return wg_json_memory(ctx);
    *out = strcmp(shown, text) == 0;
    free(shown);
    return WAGLE_OK;
}

wagle_status wg_select_takes(const wg_rows_reader *r, const json_t *row, bool *out)
{
    *out = true;
    for (const char *const *w = r->select->where; *out && w != NULL && *w != NULL; w++) {
        const pair p = split(*w);
        WG_TRY(reads_as(r->ctx, get(row, p.column), p.text != NULL ? p.text : "", out));
        *out = *out != p.differs;
    }
    return WAGLE_OK;
}

/* --- names ------------------------------------------------------------------------------------ */

/* The new name of a column, or its own. */
static const char *name_of(const wg_rows_select *s, const char *column)
{
    for (const char *const *f = s->fields; f != NULL && *f != NULL; f++) {
        const pair p = split(*f);
        if (wg_str_equal(p.column, wg_strz(column)))
            return p.text;
    }
    return column;
}

bool wg_rows_reads(const wg_rows_reader *r, const char *column)
{
    const wg_rows_select *s = r->select;

    for (const char *const *w = s->where; w != NULL && *w != NULL; w++)
        if (wg_str_equal(split(*w).column, wg_strz(column)))
            return true;
    return s->reads == NULL || s->reads(s->of, name_of(s, column));
}

wagle_status wg_select_rename(wg_rows_reader *r, json_t **row, int64_t line)
{
    json_t *out, *value;
    const char *key;

    if (r->select->fields == NULL || *r->select->fields == NULL)
        return WAGLE_OK;
    out = json_object();
    json_object_foreach (*row, key, value) {
        const char *name = name_of(r->select, key);
        const bool twice = json_object_get(out, name) != NULL;
        if (twice || json_object_set(out, name, value) != 0) {
            json_decref(out);
            return twice ? wg_fail(r->ctx, WAGLE_E_INPUT,
                                   "%s:%lld: two columns are called '%.60s' after @{fields}; give "
                                   "the other one a name too",
                                   r->what, (long long)line, name)
                         : wg_json_memory(r->ctx);
        }
    }
    json_decref(*row);
    *row = out;
    return WAGLE_OK;
}
