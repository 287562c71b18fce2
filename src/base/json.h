/* json.h - JSON documents (jansson) with errors that name the file and the key. */
#ifndef WG_BASE_JSON_H
#define WG_BASE_JSON_H

#include "base/text.h"
#include <jansson.h>

/* One document, of at most 256 MB; json_decref *out. `what` names it in errors. NaN, Infinity and
 * -Infinity, which Python's json writes and JSON does not have, become empty objects: they are not
 * in the way where they are not used, and no text, number or list where they are. */
WAGLE_CHECK wagle_status wg_json_parse(wagle_ctx *ctx, const char *what, const char *text,
                                       size_t bytes, json_t **out);
WAGLE_CHECK wagle_status wg_json_read(wagle_ctx *ctx, const char *path, json_t **out);
/* The JSON object in a folder's file; *out is NULL where there is no such file. */
WAGLE_CHECK wagle_status wg_json_read_object(wagle_ctx *ctx, const char *folder, const char *name,
                                             json_t **out);
/* Text of a document, for people (two spaces of indentation, 15 digits) or exact, in one line; free
 * with wg_free. */
WAGLE_CHECK wagle_status wg_json_text(wagle_ctx *ctx, const json_t *value, bool indent, char **out);
/* Adds the value as one line of JSON Lines. */
WAGLE_CHECK wagle_status wg_json_add_line(wagle_ctx *ctx, const json_t *value, wg_text *out);
WAGLE_CHECK wagle_status wg_json_write(wagle_ctx *ctx, const char *path, const json_t *value,
                                       bool force);
/* The failure of a json_* call that had no memory. */
WAGLE_CHECK wagle_status wg_json_memory(wagle_ctx *ctx);
/* What a value is, for errors: "a text", "a number", "null", "a list", .. */
const char *wg_json_kind(const json_t *value);
/* A string's text with all its bytes; no text (NULL) for any other value. */
wg_str wg_json_str(const json_t *value);
/* Adds key: value (stolen, may be NULL) to object; WAGLE_E_RESOURCE on failure. */
/* A string of any bytes, such as a path: what is no UTF-8 becomes U+FFFD. NULL: no memory. */
json_t *wg_json_bytes(const char *text);
WAGLE_CHECK wagle_status wg_json_set(wagle_ctx *ctx, json_t *object, const char *key,
                                     json_t *value);

#endif
