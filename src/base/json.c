#include "base/json.h"

#include "base/file.h"
#include <string.h>

enum { MOST_BYTES = 256 << 20 };

enum { FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY };

/* Length of NaN, Infinity or -Infinity (as Python writes them) at the start of text [bytes], or 0.
 */
static size_t python_number(const char *text, size_t bytes)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bytes >= strlen(words[i]) && memcmp(text, words[i], strlen(words[i])) == 0)
            return strlen(words[i]);
    return 0;
}

/* Replaces NaN and infinities outside of strings by empty objects of the same length, so that
 * positions in errors stay correct. Returns whether there were any. */
static bool replace_python_numbers(char *text, size_t bytes)
{
    bool inside = false, any = false;

    for (size_t i = 0; i < bytes; i++) {
        const size_t n = inside ? 0 : python_number(text + i, bytes - i);
        if (n > 0) {
            memset(text + i, ' ', n);
            text[i] = '{';
            text[i + n - 1] = '}';
            any = true;
        }
        if (text[i] == '"')
            inside = !inside;
        i += inside && text[i] == '\\';
    }
    return any;
}

/* Parses the document again, without the numbers that only Python accepts. */
static wagle_status parse_python(wagle_ctx *ctx, const char *text, size_t bytes, json_t **out)
{
    json_error_t unused;
    char *copy = wg_copy_text(ctx, text, bytes);

    if (copy == NULL)
        return WAGLE_E_RESOURCE;
    if (replace_python_numbers(copy, bytes))
        *out = json_loadb(copy, bytes, FLAGS, &unused);
    wg_free(copy);
    return WAGLE_OK;
}

wagle_status wg_json_parse(wagle_ctx *ctx, const char *what, const char *text, size_t bytes,
                           json_t **out)
{
    return wg_json_parse_part(ctx, what, (wg_json_place){1, 0}, text, bytes, out);
}

wagle_status wg_json_parse_part(wagle_ctx *ctx, const char *what, wg_json_place place,
                                const char *text, size_t bytes, json_t **out)
{
    json_error_t error;

    *out = NULL;
    if (bytes > MOST_BYTES)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: JSON of %zu bytes; at most %d bytes are supported",
                       what, bytes, MOST_BYTES);
    *out = json_loadb(text, bytes, FLAGS, &error);
    if (*out == NULL && json_error_code(&error) == json_error_numeric_overflow)
        *out = /* integers beyond 64 bits become reals */
            json_loadb(text, bytes, FLAGS | JSON_DECODE_INT_AS_REAL, &error);
    if (*out == NULL && json_error_code(&error) == json_error_invalid_syntax)
        WG_TRY(parse_python(ctx, text, bytes, out));
    if (*out != NULL)
        return WAGLE_OK;
    if (json_error_code(&error) == json_error_out_of_memory || error.text[0] == '\0')
        return wg_json_memory(ctx); /* jansson gives no reason only if memory ran out */
    return wg_fail(ctx, WAGLE_E_INPUT, "%s:%lld:%lld: not valid JSON: %s", what,
                   (long long)(place.line - 1 + error.line),
                   (long long)(error.column + (error.line == 1 ? place.column : 0)), error.text);
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

wagle_status wg_json_read_object(wagle_ctx *ctx, const char *folder, const char *name, json_t **out)
{
    char *path = wg_path_join(ctx, folder, name);
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    *out = NULL;
    if (st == WAGLE_OK && wg_exists(path))
        st = wg_json_read(ctx, path, out);
    if (st == WAGLE_OK && *out != NULL && !json_is_object(*out))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: not a JSON object", path);
    wg_free(path);
    return st;
}

wagle_status wg_json_memory(wagle_ctx *ctx)
{
    return wg_fail(ctx, WAGLE_E_RESOURCE, "not enough memory for a JSON document");
}

typedef struct writer {
    wagle_ctx *ctx;
    wg_text text;
    wagle_status st; /* needed because jansson does not report every failure of its callback */
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

wagle_status wg_json_add_line(wagle_ctx *ctx, const json_t *value, wg_text *out)
{
    char *line;
    wagle_status st;

    WG_TRY(wg_json_text(ctx, value, false, &line));
    st = wg_text_printf(ctx, out, "%s\n", line);
    wg_free(line);
    return st;
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

const char *wg_json_kind(const json_t *value)
{
    if (value == NULL)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    case JSON_ARRAY:
        return json_array_size(value) > 0 ? "a list" : "an empty list";
    default:
        return json_object_size(value) > 0 ? "an object" : "NaN or an empty object";
    }
}

wg_str wg_json_str(const json_t *value)
{
    return (wg_str){json_string_value(value), json_string_length(value)};
}

json_t *wg_json_bytes(const char *text)
{
    const size_t bytes = strlen(text);
    json_t *out = json_string(text);
    int32_t code;

    if (out != NULL)
        return out;
    out = json_string("");
    for (size_t i = 0; out != NULL && i < bytes;) {
        const int n = wg_utf8_decode(text + i, bytes - i, &code);
        json_t *longer = n > 0 ? json_sprintf("%s%.*s", json_string_value(out), n, text + i)
                               : json_sprintf("%s\xEF\xBF\xBD", json_string_value(out));
        json_decref(out);
        out = longer;
        i += n > 0 ? (size_t)n : 1;
    }
    return out;
}

wagle_status wg_json_set(wagle_ctx *ctx, json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0 ? WAGLE_OK : wg_json_memory(ctx);
}
