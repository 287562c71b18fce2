/* record.h - one row of a data file: its kind and its fields. All readers of rows use this file. A
 * field of the wrong type is an error with file and line; it is never treated as missing. */
#ifndef WG_DATA_RECORD_H
#define WG_DATA_RECORD_H

#include "io/rows.h"

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

/* Columns by which a row is read: chosen by the user, or the first of the usual names that the row
 * has, or NULL. */
typedef struct wg_columns {
    const char *prompt, *answer, *text, *messages, *facts;
} wg_columns;

/* What `data` says of the rows and columns of its files. some: columns that rows of training and
 * evaluation do not use need not be read. */
wg_rows_select wg_data_select(const wagle_data *data, bool some);
wg_columns wg_record_columns(const wagle_data *data, const wg_record *r);
/* answered: a question must have an answer. */
WAGLE_CHECK wagle_status wg_record_kind_of(wagle_ctx *ctx, const wagle_data *data,
                                           const wg_record *r, bool answered, wg_record_kind *out);
/* Whether a row is a pair of preferences: `chosen` and `rejected`, and no other answer. */
bool wg_record_prefers(const wagle_data *data, const wg_record *r);
/* WAGLE_E_INPUT with "path:line: " before the message. */
WAGLE_CHECK wagle_status wg_record_fail(wagle_ctx *ctx, const wg_record *r, const char *format, ...)
    WG_PRINTF(3);
/* Reads a required text field. */
WAGLE_CHECK wagle_status wg_record_text(wagle_ctx *ctx, const wg_record *r, const char *name,
                                        wg_str *out);
/* Reads a field that is a text or a list of texts: *list [*n], free with wg_free. */
WAGLE_CHECK wagle_status wg_record_texts(wagle_ctx *ctx, const wg_record *r, const char *name,
                                         wg_str **list, int64_t *n);
/* Whether the value is a list of messages: objects. */
bool wg_is_messages(const json_t *value);
/* Replaces {name} in the template by fields of the row. {prompt} is the prompt column; so is
 * {question} if the row has no column of that name. {{ and }} are literal braces. */
WAGLE_CHECK wagle_status wg_record_fill(wagle_ctx *ctx, const wg_record *r, const char *template,
                                        const wg_columns *columns, wg_str prompt, wg_text *out);

#endif
