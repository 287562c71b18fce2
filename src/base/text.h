/* text.h - a growing byte string, and small questions about strings. */
#ifndef WG_BASE_TEXT_H
#define WG_BASE_TEXT_H

#include "base/memory.h"

/* Start with {0}; `text` is NUL-terminated once anything was added. Free with wg_text_free. */
typedef struct wg_text {
    char *text;
    int64_t bytes, capacity;
} wg_text;

/* Text that belongs to another, of so many bytes: it may hold NUL. No text at all: NULL. */
typedef struct wg_str {
    const char *text;
    size_t bytes;
} wg_str;

bool wg_str_equal(wg_str a, wg_str b);

wg_str wg_strz(const char *text); /* up to its NUL; NULL is no text */
wg_str wg_text_str(const wg_text *t);

WAGLE_CHECK wagle_status wg_text_add(wagle_ctx *ctx, wg_text *t, const char *text, size_t bytes);
WAGLE_CHECK wagle_status wg_text_adds(wagle_ctx *ctx, wg_text *t, wg_str text);
WAGLE_CHECK wagle_status wg_text_addz(wagle_ctx *ctx, wg_text *t, const char *text);
WAGLE_CHECK wagle_status wg_text_printf(wagle_ctx *ctx, wg_text *t, const char *format, ...)
    WG_PRINTF(3);
void wg_text_free(wg_text *t);
/* Hands the string over (free with wg_free); "" if nothing was added; NULL without memory. */
char *wg_text_take(wagle_ctx *ctx, wg_text *t);

/* The next line of a text that is not empty, `bytes` long; NULL at the end. *at goes on. */
const char *wg_next_line(const char **at, size_t *bytes);
bool wg_ends_with(const char *text, const char *end);
/* Decodes one code point of text [bytes]; returns its length, 0 if it is not valid UTF-8. */
int wg_utf8_decode(const char *text, size_t bytes, int32_t *code);
int wg_utf8_encode(int32_t code, char out[4]); /* returns the length, 1..4 */
bool wg_utf8_valid(const char *text, size_t bytes);
uint64_t wg_hash_bytes(const void *data, size_t bytes); /* FNV-1a, for tables */

#endif
