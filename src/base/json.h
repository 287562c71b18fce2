/* json.h - JSON documents (jansson), with errors that name the file and the key. */
#ifndef WG_BASE_JSON_H
#define WG_BASE_JSON_H

#include "base/text.h"
#include <jansson.h>

/* Parses one document of at most 256 MB; json_decref *out. `what` names it in errors. NaN, Infinity
 * and -Infinity, which Python writes but JSON does not allow, become empty objects: values that are
 * not used do no harm, and values that are used have the wrong type. */
WAGLE_CHECK wagle_status wg_json_parse(wagle_ctx *ctx, const char *what, const char *text,
                                       size_t bytes, json_t **out);
/* Where a text begins in its file: line (from 1) and characters before it in this line. */
typedef struct wg_json_place {
    int64_t line, column;
} wg_json_place;
/* wg_json_parse of one value within a file, whose errors name the place in the file. */
WAGLE_CHECK wagle_status wg_json_parse_part(wagle_ctx *ctx, const char *what, wg_json_place place,
                                            const char *text, size_t bytes, json_t **out);
WAGLE_CHECK wagle_status wg_json_read(wagle_ctx *ctx, const char *path, json_t **out);
/* Reads the JSON object in a file of a folder; *out is NULL if there is no such file. */
WAGLE_CHECK wagle_status wg_json_read_object(wagle_ctx *ctx, const char *folder, const char *name,
                                             json_t **out);
/* Writes a document as text: indented for people (two spaces, 15 digits), or exact on one line.
 * Free with wg_free. */
WAGLE_CHECK wagle_status wg_json_text(wagle_ctx *ctx, const json_t *value, bool indent, char **out);
/* Appends the value as one line of JSON Lines. */
WAGLE_CHECK wagle_status wg_json_add_line(wagle_ctx *ctx, const json_t *value, wg_text *out);
WAGLE_CHECK wagle_status wg_json_write(wagle_ctx *ctx, const char *path, const json_t *value,
                                       bool force);
/* The error for a json_* call that ran out of memory. */
WAGLE_CHECK wagle_status wg_json_memory(wagle_ctx *ctx);
/* The kind of a value, for error messages: "a text", "a number", "null", "a list", .. */
const char *wg_json_kind(const json_t *value);
/* The bytes of a string; NULL text for any other value. */
wg_str wg_json_str(const json_t *value);

/* A string from any bytes, such as a path; invalid UTF-8 becomes U+FFFD. NULL if memory runs out.
 */
json_t *wg_json_bytes(const char *text);
/* Adds key: value (stolen, may be NULL) to object; WAGLE_E_RESOURCE on failure. */
WAGLE_CHECK wagle_status wg_json_set(wagle_ctx *ctx, json_t *object, const char *key,
                                     json_t *value);

#endif
