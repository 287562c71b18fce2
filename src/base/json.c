#include "base/json.h"

#include "base/file.h"
#include <string.h>

enum { MOST_BYTES = 256 << 20 };

wagle_status wg_json_parse(wagle_ctx *ctx, const char *what, const char *text, size_t bytes,
                           json_t **out)
{
    json_error_t error;

    *out = NULL;
    if (bytes > MOST_BYTES)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: JSON of %zu bytes, at most %d are read", what,
                       bytes, MOST_BYTES);
    *out =
        json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (*out == NULL && json_error_code(&error) == json_error_numeric_overflow)
        *out =
            json_loadb(text, bytes, /* integers past 64 bits become reals */
                       JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (*out != NULL)
        return WAGLE_OK;
    if (json_error_code(&error) == json_error_out_of_memory || error.text[0] == '\0')
        return wg_json_memory(ctx); /* jansson names no other reason only then */
    return wg_fail(ctx, WAGLE_E_INPUT, "%s:%d:%d: not valid JSON: %s", what, error.line,
                   error.column, error.text);
}

wagle_status wg_json_read(wagle_ctx *ctx, const char *path, json_t **out)
{
    wg_map map;
    wagle_status st;

    *out = NULL;
    WG_TRY(wg_map_open(ctx, path, &map));
    st = wg_json_parse(ctx, path, (const char *)map.data, map.bytes, out);
    wg_map_close(&map);
    return st;
}

wagle_status wg_json_memory(wagle_ctx *ctx)
{
    return wg_fail(ctx, WAGLE_E_RESOURCE, "not enough memory for a JSON document");
}

typedef struct writer {
    wagle_ctx *ctx;
    wg_text text;
    wagle_status st; /* jansson does not pass on every failure of its callback */
} writer;

static int append(const char *data, size_t bytes, void *user)
{
    writer *w = user;

    if (w->st == WAGLE_OK)
        w->st = wg_text_add(w->ctx, &w->text, data, bytes);
    return w->st == WAGLE_OK ? 0 : -1;
}

wagle_status wg_json_text(wagle_ctx *ctx, const json_t *value, bool indent, char **out)
{
    writer w = {.ctx = ctx};

    *out = NULL;
    if (value == NULL ||
        json_dump_callback(value, append, &w,
                           (indent ? JSON_INDENT(2) : JSON_COMPACT) | JSON_ENCODE_ANY |
                               JSON_REAL_PRECISION(indent ? 15 : 17)) != 0 ||
        w.st != WAGLE_OK) {
        wg_text_free(&w.text);
        return wg_json_memory(ctx);
    }
    *out = wg_text_take(ctx, &w.text);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

wagle_status wg_json_write(wagle_ctx *ctx, const char *path, const json_t *value, bool force)
{
    char *text;
    wagle_status st;

    WG_TRY(wg_json_text(ctx, value, true, &text));
    st = wg_write_file(ctx, path, text, strlen(text), force);
    wg_free(text);
    return st;
}

wagle_status wg_json_set(wagle_ctx *ctx, json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0 ? WAGLE_OK : wg_json_memory(ctx);
}
