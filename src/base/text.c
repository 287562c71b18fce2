#include "base/text.h"

#include <stdio.h>
#include <string.h>

wagle_status wg_text_add(wagle_ctx *ctx, wg_text *t, const char *text, size_t bytes)
{
    WG_TRY(WG_GROW(ctx, &t->text, &t->capacity, t->bytes + (int64_t)bytes + 1));
    if (bytes > 0)
        memcpy(t->text + t->bytes, text, bytes);
    t->bytes += (int64_t)bytes;
    t->text[t->bytes] = '\0';
    return WAGLE_OK;
}

wagle_status wg_text_adds(wagle_ctx *ctx, wg_text *t, wg_str text)
{
    return wg_text_add(ctx, t, text.text, text.bytes);
}

wg_str wg_strz(const char *text)
{
    return (wg_str){text, text != NULL ? strlen(text) : 0};
}

wg_str wg_text_str(const wg_text *t)
{
    return (wg_str){t->text != NULL ? t->text : "", (size_t)t->bytes};
}

wagle_status wg_text_addz(wagle_ctx *ctx, wg_text *t, const char *text)
{
    return wg_text_add(ctx, t, text, strlen(text));
}

wagle_status wg_text_printf(wagle_ctx *ctx, wg_text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    WG_TRY(WG_GROW(ctx, &t->text, &t->capacity, t->bytes + n + 1));
    va_start(args, format);
    vsnprintf(t->text + t->bytes, (size_t)n + 1, format, args);
    va_end(args);
    t->bytes += n;
    return WAGLE_OK;
}

void wg_text_free(wg_text *t)
{
    wg_free(t->text);
    *t = (wg_text){0};
}

char *wg_text_take(wagle_ctx *ctx, wg_text *t)
{
    char *text = t->text != NULL ? t->text : wg_copy_text(ctx, "", 0);

    *t = (wg_text){0};
    return text;
}

const char *wg_next_line(const char **at, size_t *bytes)
{
    const char *line = *at + strspn(*at, "\r\n");

    *bytes = strcspn(line, "\r\n");
    *at = line + *bytes;
    return *bytes > 0 ? line : NULL;
}

bool wg_next_line_of(const char **at, const char *end, wg_str *line)
{
    const char *from = *at;
    const char *newline = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;

    *line = (wg_str){from, (size_t)((newline != NULL ? newline : end) - from)};
    *at = newline != NULL ? newline + 1 : end;
    return from < end;
}

bool wg_ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

int wg_utf8_decode(const char *text, size_t bytes, int32_t *code)
{
    static const int32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)text;
    int length;

    if (bytes == 0)
        return 0;
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || (size_t)length > bytes)
        return 0;
    *code = s[0] & (0x7F >> length);
    for (int i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        *code = (*code << 6) | (s[i] & 0x3F);
    }
    if (*code < smallest[length] || *code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF))
        return 0;
    return length;
}

int wg_utf8_encode(int32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    const int length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const int lead[] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (int i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(lead[length] | code);
    return length;
}

bool wg_utf8_valid(const char *text, size_t bytes)
{
    int32_t code;

    for (size_t i = 0; i < bytes;) {
        const int n = wg_utf8_decode(text + i, bytes - i, &code);
        if (n == 0)
            return false;
        i += (size_t)n;
    }
    return true;
}

uint64_t wg_hash_bytes(const void *data, size_t bytes)
{
    const unsigned char *s = data;
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ s[i]) * 0x100000001b3u;
    return hash ^ (hash >> 29);
}

bool wg_str_equal(wg_str a, wg_str b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.text, b.text, a.bytes) == 0);
}
