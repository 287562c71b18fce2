/* text.h - a growing byte string, and string helpers. */
#ifndef WG_BASE_TEXT_H
#define WG_BASE_TEXT_H

#include "base/memory.h"

/* Start with {0}; `text` is NUL-terminated once anything was added. Free with wg_text_free. */
typedef struct wg_text {
    char *text;
    int64_t bytes, capacity;
} wg_text;

/* A borrowed text of `bytes` bytes, which may contain NUL. text is NULL if there is no text. */
typedef struct wg_str {
    const char *text;
    size_t bytes;
} wg_str;

bool wg_str_equal(wg_str a, wg_str b);

wg_str wg_strz(const char *text); /* text up to its NUL, or NULL */
wg_str wg_text_str(const wg_text *t);

WAGLE_CHECK wagle_status wg_text_add(wagle_ctx *ctx, wg_text *t, const char *text, size_t bytes);
WAGLE_CHECK wagle_status wg_text_adds(wagle_ctx *ctx, wg_text *t, wg_str text);
WAGLE_CHECK wagle_status wg_text_addz(wagle_ctx *ctx, wg_text *t, const char *text);
WAGLE_CHECK wagle_status wg_text_printf(wagle_ctx *ctx, wg_text *t, const char *format, ...)
    WG_PRINTF(3);
void wg_text_free(wg_text *t);
/* Transfers ownership of the string (free with wg_free): "" if empty, NULL if memory runs out. */
char *wg_text_take(wagle_ctx *ctx, wg_text *t);

/* Returns the next non-empty line of a text and advances *at; NULL at the end. */
const char *wg_next_line(const char **at, size_t *bytes);
/* Takes the next line of the text from *at to end, empty or not, without its \n. false at the end.
 */
bool wg_next_line_of(const char **at, const char *end, wg_str *line);
bool wg_ends_with(const char *text, const char *end);
/* Decodes the first code point of text [bytes]. Returns its length, or 0 if it is not valid UTF-8.
 */
int wg_utf8_decode(const char *text, size_t bytes, int32_t *code);
int wg_utf8_encode(int32_t code, char out[4]); /* returns the length, 1..4 */
bool wg_utf8_valid(const char *text, size_t bytes);
uint64_t wg_hash_bytes(const void *data, size_t bytes); /* FNV-1a, for hash tables */

#endif
