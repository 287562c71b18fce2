#include "data/redact.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char purpose[] = "wagle redact 1";

/* Columns that are not redacted: they contain no content, and metrics and comparisons need them. */
static const char *const kept_columns[] = {"suite", "set", "benchmark", "subject", "chat", NULL};
/* The key is derived from the first of these groups that occurs in any row of the set. */
static const char *const input_columns[] = {"question", "answer", "written", NULL};
static const char *const output_columns[] = {"generated", "sampled", NULL};
static const char *const token_numbers[] = {"input_ids", "labels", NULL};

static bool is_one_of(const char *const *list, const char *key)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, key) == 0)
            return true;
    return false;
}

static bool same_text(const json_t *a, const json_t *b, const char *key)
{
    const char *x = json_string_value(json_object_get(a, key));
    const char *y = json_string_value(json_object_get(b, key));

    return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

static bool same_set(const json_t *a, const json_t *b)
{
    return same_text(a, b, "suite") && same_text(a, b, "set");
}

/* Appends the row's texts under the keys, each with its length, so that different lists of texts
 * always give different bytes. */
static wagle_status add_texts(wagle_ctx *ctx, const json_t *row, const char *const *keys,
                              wg_text *out)
{
    for (; *keys != NULL; keys++) {
        const wg_str text = wg_json_str(json_object_get(row, *keys));
        if (text.text == NULL)
            continue;
        WG_TRY(wg_text_printf(ctx, out, "%s %zu\n", *keys, text.bytes));
        WG_TRY(wg_text_adds(ctx, out, text));
    }
    return WAGLE_OK;
}

wagle_status wg_redact_key_of(wagle_ctx *ctx, const json_t *rows, const json_t *like,
                              wg_redact_key *key)
{
    static const char *const *const groups[] = {input_columns, output_columns};
    wg_text texts = {0};
    const json_t *row;
    size_t i;
    wagle_status st = WAGLE_OK;

    for (int g = 0; g < 2 && texts.bytes == 0; g++)
        json_array_foreach (rows, i, row)
            if (st == WAGLE_OK && same_set(row, like))
                st = add_texts(ctx, row, groups[g], &texts);
    if (st == WAGLE_OK)
        st = wg_hmac_sha256(ctx, purpose, strlen(purpose), texts.text != NULL ? texts.text : "",
                            (size_t)texts.bytes, key->byte);
    wg_text_free(&texts);
    return st;
}

wagle_status wg_redact_tag(wagle_ctx *ctx, const wg_redact_key *key, int64_t row, wg_str text,
                           char tag[WG_TAG])
{
    unsigned char digest[WG_SHA256_BYTES];
    wg_text whole = {0};
    wagle_status st = wg_text_printf(ctx, &whole, "%" PRId64 "\n", row);

    if (st == WAGLE_OK)
        st = wg_text_adds(ctx, &whole, text);
    if (st == WAGLE_OK)
        st = wg_hmac_sha256(ctx, key->byte, sizeof key->byte, whole.text, (size_t)whole.bytes,
                            digest);
    if (st == WAGLE_OK)
        snprintf(tag, WG_TAG, "[%02x%02x%02x%02x%02x%02x]", digest[0], digest[1], digest[2],
                 digest[3], digest[4], digest[5]);
    wg_text_free(&whole);
    return st;
}

typedef struct redaction {
    wagle_ctx *ctx;
    wg_redact_key key;
    int64_t row;
} redaction;

/* Replaces a text, or each text of a list or an object. Empty texts are kept. */
static wagle_status redact_value(const redaction *r, json_t *value)
{
    char tag[WG_TAG];
    const char *key;
    json_t *inner;
    size_t i;

    if (json_is_string(value) && json_string_length(value) > 0) {
        WG_TRY(wg_redact_tag(r->ctx, &r->key, r->row, wg_json_str(value), tag));
        return json_string_set(value, tag) == 0 ? WAGLE_OK : wg_json_memory(r->ctx);
    }
    json_array_foreach (value, i, inner)
        WG_TRY(redact_value(r, inner));
    json_object_foreach (value, key, inner)
        WG_TRY(redact_value(r, inner));
    return WAGLE_OK;
}

static wagle_status redact_row(const redaction *r, json_t *row)
{
    const char *key;
    json_t *value;

    for (int i = 0; token_numbers[i] != NULL; i++)
        json_object_del(row, token_numbers[i]);
    json_object_foreach (row, key, value)
        if (!is_one_of(kept_columns, key))
            WG_TRY(redact_value(r, value));
    return wg_json_set(r->ctx, row, "redacted", json_true());
}

static bool is_redacted(const json_t *row)
{
    return json_is_true(json_object_get(row, "redacted"));
}

/* Redacts the rows of one set. The key is computed before any row changes. */
static wagle_status redact_set(wagle_ctx *ctx, json_t *rows, const json_t *like)
{
    redaction r = {.ctx = ctx};
    json_t *row;
    size_t i;

    WG_TRY(wg_redact_key_of(ctx, rows, like, &r.key));
    json_array_foreach (rows, i, row) {
        const json_t *number = json_object_get(row, "row");
        if (is_redacted(row) || !same_set(row, like))
            continue;
        r.row = json_is_integer(number) ? json_integer_value(number) : (int64_t)i;
        WG_TRY(redact_row(&r, row));
    }
    return WAGLE_OK;
}

wagle_status wg_redact_rows(wagle_ctx *ctx, json_t *rows)
{
    json_t *row;
    size_t i;

    json_array_foreach (rows, i, row)
        if (json_is_object(row) && !is_redacted(row))
            WG_TRY(redact_set(ctx, rows, row));
    return WAGLE_OK;
}

static wagle_status read_lines(wagle_ctx *ctx, const char *what, const wg_text *jsonl, json_t *rows)
{
    const char *at = jsonl->text, *line;
    size_t bytes;

    while ((line = wg_next_line(&at, &bytes)) != NULL) {
        json_t *row;
        WG_TRY(wg_json_parse(ctx, what, line, bytes, &row));
        if (json_array_append_new(rows, row) != 0)
            return wg_json_memory(ctx);
    }
    return WAGLE_OK;
}

wagle_status wg_redact_lines(wagle_ctx *ctx, const char *what, const wg_text *jsonl, wg_text *out)
{
    json_t *rows = json_array();
    wagle_status st = rows != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        st = read_lines(ctx, what, jsonl, rows);
    if (st == WAGLE_OK)
        st = wg_redact_rows(ctx, rows);
    for (size_t i = 0; st == WAGLE_OK && i < json_array_size(rows); i++)
        st = wg_json_add_line(ctx, json_array_get(rows, i), out);
    json_decref(rows);
    return st;
}
