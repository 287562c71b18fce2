#include "text/tokenizer.h"

#include <string.h>

/* Byte-level vocabularies write a byte as a visible character: itself where it is one, else the
 * 68 others in order from U+0100 (GPT-2's bytes_to_unicode). */
static bool visible(int b)
{
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
}

static int hidden_before(int b) /* invisible bytes below b */
{
    int n = 0;

    for (int i = 0; i < b; i++)
        n += !visible(i);
    return n;
}

int wg_byte_to_char(unsigned char b, char out[4])
{
    return wg_utf8_encode(visible(b) ? b : 256 + hidden_before(b), out);
}

int wg_char_to_byte(int32_t code)
{
    if (code < 256)
        return visible(code) ? code : -1;
    for (int b = 0; b < 256; b++)
        if (!visible(b) && 256 + hidden_before(b) == code)
            return b;
    return -1;
}

/* The bytes that a token stands for; its own text if a character of it stands for none. */
static wagle_status token_bytes(wagle_ctx *ctx, const char *token, wg_text *out)
{
    const size_t n = strlen(token);
    const int64_t start = out->bytes;
    int32_t code;

    for (size_t i = 0; i < n;) {
        const int length = wg_utf8_decode(token + i, n - i, &code);
        const int byte = length > 0 ? wg_char_to_byte(code) : -1;
        const char c = (char)byte;
        if (byte < 0) {
            out->bytes = start;
            return wg_text_add(ctx, out, token, n);
        }
        WG_TRY(wg_text_add(ctx, out, &c, 1));
        i += (size_t)length;
    }
    return WAGLE_OK;
}

/* Length of the longest start of s [n] that could begin a valid character, at least 1. */
static size_t broken_length(const unsigned char *s, size_t n)
{
    const int lead = s[0];
    const int low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const int high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    size_t i = 1;

    if (lead < 0xC2 || lead > 0xF4 || n < 2 || s[1] < low || s[1] > high)
        return 1;
    for (i = 2; i < length && i < n && (s[i] & 0xC0) == 0x80; i++)
        ;
    return i;
}

static wagle_status replace_invalid(wagle_ctx *ctx, const wg_text *in, wg_text *out)
{
    int32_t code;

    for (int64_t i = 0; i < in->bytes;) {
        const size_t left = (size_t)(in->bytes - i);
        const int n = wg_utf8_decode(in->text + i, left, &code);
        WG_TRY(n > 0 ? wg_text_add(ctx, out, in->text + i, (size_t)n)
                     : wg_text_addz(ctx, out, "\xEF\xBF\xBD"));
        i += n > 0 ? n : (int64_t)broken_length((const unsigned char *)in->text + i, left);
    }
    return WAGLE_OK;
}

static bool is_special(const wagle_tokenizer *t, int32_t id)
{
    for (int64_t i = 0; i < t->n_added; i++)
        if (t->added[i].id == id)
            return t->added[i].special;
    return false;
}

wagle_status wg_decode(wagle_ctx *ctx, const wagle_tokenizer *t, const int32_t *ids, int64_t n,
                       bool skip_special, wg_text *out)
{
    wg_text raw = {0};
    wagle_status st = wg_text_add(ctx, &raw, "", 0);
    bool first = true;

    for (int64_t i = 0; st == WAGLE_OK && i < n; i++) {
        const char *token = ids[i] >= 0 && ids[i] < t->n_ids ? t->token[ids[i]] : NULL;
        if (token == NULL)
            st = wg_fail(ctx, WAGLE_E_INPUT, "token id %d is not in the vocabulary of %lld", ids[i],
                         (long long)t->n_ids);
        else if (skip_special && is_special(t, ids[i]))
            continue;
        else if (t->decode_bytes)
            st = token_bytes(ctx, token, &raw);
        else {
            st = first ? WAGLE_OK : wg_text_addz(ctx, &raw, " ");
            if (st == WAGLE_OK)
                st = wg_text_addz(ctx, &raw, token);
        }
        first = false;
    }
    if (st == WAGLE_OK)
        st = wg_text_add(ctx, out, "", 0);
    if (st == WAGLE_OK)
        st = replace_invalid(ctx, &raw, out);
    wg_text_free(&raw);
    return st;
}
