/* charsmap.c - SentencePiece's compiled normalisation ("precompiled_charsmap").
 *
 *   u32 bytes of the trie | the trie, u32 units (Darts-clone) | replacements, each ends with NUL
 *
 * A unit: bits 0-7 label, bit 8 has a leaf, bit 9 and bits 10-30 the offset of its children. A leaf
 * holds the offset of the replacement. The text is processed by grapheme. A grapheme of less than 6
 * bytes is looked up as a whole; longer ones, and those not found, character by character. */
#include "text/tokenizer.h"

#include <string.h>
#include <utf8proc.h>

enum { SHORT = 6 };

wagle_status wg_charsmap_read(wagle_ctx *ctx, const char *what, const void *data, size_t bytes,
                              wg_charsmap *out)
{
    uint32_t trie;

    *out = (wg_charsmap){0};
    if (bytes < sizeof trie)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: the precompiled charsmap is cut short", what);
    memcpy(&trie, data, sizeof trie);
    if (trie % sizeof trie != 0 || trie > bytes - sizeof trie || trie == 0)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: the precompiled charsmap's trie points outside of it", what);
    out->unit = (const uint32_t *)data + 1;
    out->units = trie / sizeof trie;
    out->text = (const char *)data + sizeof trie + trie;
    out->bytes = bytes - sizeof trie - trie;
    if (out->bytes > 0 && out->text[out->bytes - 1] != '\0')
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: the precompiled charsmap does not end with NUL",
                       what);
    return WAGLE_OK;
}

static size_t children(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* The replacement of the shortest prefix of key [n] that is in the map, or NULL. */
static const char *lookup(const wg_charsmap *m, const char *key, size_t n)
{
    size_t node = children(m->unit[0]);

    for (size_t i = 0; i < n && key[i] != '\0'; i++) {
        const uint32_t label = (unsigned char)key[i];
        node ^= label;
        if (node >= m->units || (m->unit[node] & (1u << 31 | 0xFFu)) != label)
            return NULL;
        const uint32_t unit = m->unit[node];
        node ^= children(unit);
        if (!(unit >> 8 & 1))
            continue;
        if (node >= m->units || (m->unit[node] & 0x7FFFFFFFu) >= m->bytes)
            return NULL;
        return m->text + (m->unit[node] & 0x7FFFFFFFu);
    }
    return NULL;
}

static size_t character(const char *text, size_t left, int32_t *code)
{
    const int n = wg_utf8_decode(text, left, code);
    return n > 0 ? (size_t)n : 1;
}

static size_t grapheme(const char *text, size_t left)
{
    utf8proc_int32_t state = 0;
    int32_t one, next;
    size_t n = character(text, left, &one);

    while (n < left) {
        const size_t more = character(text + n, left - n, &next);
        if (utf8proc_grapheme_break_stateful(one, next, &state))
            break;
        n += more;
        one = next;
    }
    return n;
}

wagle_status wg_charsmap_apply(wagle_ctx *ctx, const wg_charsmap *m, const wg_text *in,
                               wg_text *out)
{
    int32_t code;

    for (size_t at = 0; at < (size_t)in->bytes;) {
        const size_t whole = grapheme(in->text + at, (size_t)in->bytes - at);
        const char *by = whole < SHORT ? lookup(m, in->text + at, whole) : NULL;
        const size_t end = at + whole;
        if (by != NULL) {
            WG_TRY(wg_text_addz(ctx, out, by));
            at = end;
        }
        while (at < end) {
            const size_t n = character(in->text + at, end - at, &code);
            by = lookup(m, in->text + at, n);
            WG_TRY(by != NULL ? wg_text_addz(ctx, out, by)
                              : wg_text_add(ctx, out, in->text + at, n));
            at += n;
        }
    }
    return WAGLE_OK;
}
