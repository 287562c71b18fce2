/* record.h - one row of a data file: which kind it is, and its fields. Every reader of rows goes
 * through here. A field that is there and is not what is wanted is an error with file and line; it
 * is never taken for a missing one. */
#ifndef WG_DATA_RECORD_H
#define WG_DATA_RECORD_H

#include "base/json.h"

typedef struct wg_record {
    const json_t *fields;
    const char *path;
    int64_t line;
} wg_record;

typedef enum wg_record_kind {
    WG_RECORD_TOKENS,   /* input_ids, with labels or without */
    WG_RECORD_QUESTION, /* a prompt and its answer */
    WG_RECORD_CHAT,     /* messages */
    WG_RECORD_TEXT,     /* plain text */
} wg_record_kind;

/* Names of the columns that a row is read by: chosen, or those of the usual names that are there,
 * or NULL. */
typedef struct wg_columns {
    const char *prompt, *answer, *text, *messages, *facts;
} wg_columns;

wg_columns wg_record_columns(const wagle_data *data, const wg_record *r);
/* answered: a question needs an answer. */
WAGLE_CHECK wagle_status wg_record_kind_of(wagle_ctx *ctx, const wagle_data *data,
                                           const wg_record *r, bool answered, wg_record_kind *out);
/* WAGLE_E_INPUT with "path:line: " before the message. */
WAGLE_CHECK wagle_status wg_record_fail(wagle_ctx *ctx, const wg_record *r, const char *format, ...)
    WG_PRINTF(3);
/* A text field that must be there. */
WAGLE_CHECK wagle_status wg_record_text(wagle_ctx *ctx, const wg_record *r, const char *name,
                                        wg_str *out);
/* A field that is a text, or a list of texts: *list [*n], wg_free it. */
WAGLE_CHECK wagle_status wg_record_texts(wagle_ctx *ctx, const wg_record *r, const char *name,
                                         wg_str **list, int64_t *n);
/* A list of objects: messages. */
bool wg_is_messages(const json_t *value);
/* Replaces {name} of the template by the row's fields; {prompt} is the prompt column's text, and so
 * is {question} where the row has no such column. {{ and }} are braces. */
WAGLE_CHECK wagle_status wg_record_fill(wagle_ctx *ctx, const wg_record *r, const char *template,
                                        const wg_columns *columns, wg_str prompt, wg_text *out);

#endif
