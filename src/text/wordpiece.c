/* wordpiece.c - WordPiece (Schuster and Nakajima 2012) and WordLevel. */
#include "text/tokenizer.h"

#include <string.h>

static int64_t code_points(const char *text, int64_t bytes)
{
    int64_t n = 0;

    for (int64_t i = 0; i < bytes; i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

/* The longest token at the start of text [bytes], with the prefix if it continues a word; -1: none.
 * *taken: number of bytes of the text in it. */
static int32_t longest(const wagle_tokenizer *t, bool continues, const char *text, int64_t bytes,
                       char *spare, int64_t *taken)
{
    const size_t prefix = continues ? strlen(t->prefix) : 0;
    const int64_t max = (int64_t)t->longest - (int64_t)prefix;
    int64_t n = bytes < max ? bytes : max;

    for (; n > 0; n--) {
        if (n < bytes && ((unsigned char)text[n] & 0xC0) == 0x80)
            continue;
        if (prefix > 0)
            memcpy(spare, t->prefix, prefix);
        memcpy(spare + prefix, text, (size_t)n);
        const int32_t id = wg_string_table_get(&t->by_text, spare, prefix + (size_t)n);
        if (id >= 0) {
            *taken = n;
            return id;
        }
    }
    return -1;
}

wagle_status wg_wordpiece(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece,
                          int64_t bytes, wg_ids *out)
{
    const int64_t before = out->n;
    char *spare = NULL;
    wagle_status st;

    if (code_points(piece, bytes) > t->max_word)
        return wg_add_unknown(ctx, t, out);
    WG_TRY(WG_ALLOC(ctx, &spare, (int64_t)t->longest + (int64_t)strlen(t->prefix) + 1));
    st = WAGLE_OK;
    for (int64_t at = 0, taken = 0; st == WAGLE_OK && at < bytes; at += taken) {
        const int32_t id = longest(t, at > 0, piece + at, bytes - at, spare, &taken);
        if (id < 0) {
            out->n = before;
            st = wg_add_unknown(ctx, t, out);
            break;
        }
        st = wg_ids_add(ctx, out, id);
    }
    wg_free(spare);
    return st;
}

wagle_status wg_wordlevel(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece,
                          int64_t bytes, wg_ids *out)
{
    const int32_t id = wg_string_table_get(&t->by_text, piece, (size_t)bytes);

    return id >= 0 ? wg_ids_add(ctx, out, id) : wg_add_unknown(ctx, t, out);
}
