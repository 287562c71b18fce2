#include "text/find.h"

#include <string.h>

/* Whether a byte is itself a visible character. Byte-level vocabularies write each byte as a
 * visible character: itself if possible; the 68 others in order from U+0100 (GPT-2's
 * bytes_to_unicode). */
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

wagle_status wg_map_bytes(wagle_ctx *ctx, const char *text, int64_t bytes, wg_text *out)
{
    char mapped[4];

    WG_TRY(wg_text_add(ctx, out, "", 0));
    for (int64_t i = 0; i < bytes; i++) {
        const int n = wg_byte_to_char((unsigned char)text[i], mapped);
        WG_TRY(wg_text_add(ctx, out, mapped, (size_t)n));
    }
    return WAGLE_OK;
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

/* The bytes that a token represents, or its own text if one of its characters represents no byte.
 */
static wagle_status token_bytes(wagle_ctx *ctx, const char *token, size_t n, wg_text *out)
{
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

/* Length of the longest prefix of s [n] that could begin a valid character, at least 1. */
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

/* Tokens during decoding: span i of `text` is token i. */
typedef struct tokens {
    wg_text text;
    wg_spans spans;
} tokens;

static void tokens_free(tokens *k)
{
    wg_text_free(&k->text);
    wg_free(k->spans.span);
}

/* Adds the text since `start` as one token. */
static wagle_status close_token(wagle_ctx *ctx, tokens *k, int64_t start)
{
    WG_TRY(WG_GROW(ctx, &k->spans.span, &k->spans.capacity, k->spans.n + 1));
    k->spans.span[k->spans.n++] = (struct wg_span){start, k->text.bytes - start, false};
    return WAGLE_OK;
}

static wagle_status put(wagle_ctx *ctx, tokens *k, const char *text, int64_t bytes)
{
    const int64_t start = k->text.bytes;

    WG_TRY(wg_text_add(ctx, &k->text, text, (size_t)bytes));
    return close_token(ctx, k, start);
}

/* The byte of a token "<0x0A>", or -1. */
static int fallback_byte(const char *text, int64_t bytes)
{
    int value = 0;

    if (bytes != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    for (int i = 3; i < 5; i++) {
        const char c = text[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static wagle_status flush_bytes(wagle_ctx *ctx, tokens *out, wg_text *bytes)
{
    const int64_t n = bytes->bytes;

    bytes->bytes = 0;
    if (n == 0)
        return WAGLE_OK;
    if (wg_utf8_valid(bytes->text, (size_t)n))
        return put(ctx, out, bytes->text, n);
    for (int64_t i = 0; i < n; i++)
        WG_TRY(put(ctx, out, "\xEF\xBF\xBD", 3));
    return WAGLE_OK;
}

static wagle_status join_bytes(wagle_ctx *ctx, const tokens *in, tokens *out)
{
    wg_text bytes = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < in->spans.n; i++) {
        const char *text = in->text.text + in->spans.span[i].start;
        const int byte = fallback_byte(text, in->spans.span[i].bytes);
        const char c = (char)byte;
        if (byte >= 0) {
            st = wg_text_add(ctx, &bytes, &c, 1);
            continue;
        }
        st = flush_bytes(ctx, out, &bytes);
        if (st == WAGLE_OK)
            st = put(ctx, out, text, in->spans.span[i].bytes);
    }
    if (st == WAGLE_OK)
        st = flush_bytes(ctx, out, &bytes);
    wg_text_free(&bytes);
    return st;
}

/* Adds text with every occurrence of `pattern` replaced. */
static wagle_status add_replaced(wagle_ctx *ctx, wg_text *out, const char *text, int64_t bytes,
                                 const char *pattern, const char *by)
{
    const int64_t n = (int64_t)strlen(pattern);

    for (int64_t i = 0; i < bytes;) {
        const bool here = n > 0 && bytes - i >= n && memcmp(text + i, pattern, (size_t)n) == 0;
        WG_TRY(here ? wg_text_addz(ctx, out, by) : wg_text_add(ctx, out, text + i, 1));
        i += here ? n : 1;
    }
    return WAGLE_OK;
}

static wagle_status put_replaced(wagle_ctx *ctx, tokens *out, const wg_decode_step *step,
                                 const char *text, int64_t bytes, const char *by)
{
    const int64_t start = out->text.bytes;

    WG_TRY(step->regex != NULL
               ? wg_replace_matches(ctx, step->regex, text, bytes, by, true, &out->text)
               : add_replaced(ctx, &out->text, text, bytes, step->pattern, by));
    return close_token(ctx, out, start);
}

/* Replacements of WordPiece's decoder and of transformers' clean_up_tokenization; ends with NULL.
 */
static const char *const clean_up_rules[][2] = {
    {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
    {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
    {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}, {NULL, NULL}};
static const char *const clean_up_dirt[][2] = {
    {" .", "."},   {" ?", "?"},   {" !", "!"},     {" ,", ","},     {" ' ", "'"}, {" n't", "n't"},
    {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}, {NULL, NULL}};

static wagle_status clean(wagle_ctx *ctx, const char *const (*dirt)[2], wg_text *text)
{
    for (; (*dirt)[0] != NULL; dirt++) {
        wg_text out = {0};
        wagle_status st = wg_text_add(ctx, &out, "", 0);
        if (st == WAGLE_OK)
            st = add_replaced(ctx, &out, text->text, text->bytes, (*dirt)[0], (*dirt)[1]);
        wg_text_free(text);
        *text = out;
        WG_TRY(st);
    }
    return WAGLE_OK;
}

/* Removes the prefix of a token that continues a word; puts a space before any other token. */
static wagle_status put_wordpiece(wagle_ctx *ctx, tokens *out, const wg_decode_step *step,
                                  bool first, const char *text, int64_t bytes)
{
    const int64_t n = (int64_t)strlen(step->pattern);
    const bool continues = bytes >= n && memcmp(text, step->pattern, (size_t)n) == 0;
    const int64_t cut = !first && continues ? n : 0;
    wg_text one = {0};
    wagle_status st = wg_text_addz(ctx, &one, first || continues ? "" : " ");

    if (st == WAGLE_OK)
        st = wg_text_add(ctx, &one, text + cut, (size_t)(bytes - cut));
    if (st == WAGLE_OK && step->clean)
        st = clean(ctx, clean_up_rules, &one);
    if (st == WAGLE_OK)
        st = put(ctx, out, one.text, one.bytes);
    wg_text_free(&one);
    return st;
}

static wagle_status put_stripped(wagle_ctx *ctx, tokens *out, const wg_decode_step *step,
                                 const char *text, int64_t bytes)
{
    const int64_t n = (int64_t)strlen(step->content);

    for (int64_t i = 0; i < step->start && bytes >= n; i++) {
        if (memcmp(text, step->content, (size_t)n) != 0)
            break;
        text += n;
        bytes -= n;
    }
    for (int64_t i = 0; i < step->stop && bytes >= n; i++) {
        if (memcmp(text + bytes - n, step->content, (size_t)n) != 0)
            break;
        bytes -= n;
    }
    return put(ctx, out, text, bytes);
}

static wagle_status put_step(wagle_ctx *ctx, const wg_decode_step *step, bool first, bool last,
                             const char *text, int64_t bytes, tokens *out)
{
    switch (step->kind) {
    case WG_DECODE_REPLACE:
        return put_replaced(ctx, out, step, text, bytes, step->content);
    case WG_DECODE_METASPACE:
        return put_replaced(ctx, out, step, text, bytes, first && step->start > 0 ? "" : " ");
    case WG_DECODE_BPE:
        return put_replaced(ctx, out, step, text, bytes, last ? "" : " ");
    case WG_DECODE_WORDPIECE:
        return put_wordpiece(ctx, out, step, first, text, bytes);
    default:
        return put_stripped(ctx, out, step, text, bytes);
    }
}

/* Joins the bytes that the tokens represent; invalid UTF-8 is replaced. */
static wagle_status join_byte_level(wagle_ctx *ctx, const tokens *in, tokens *out)
{
    wg_text bytes = {0};
    wagle_status st = wg_text_add(ctx, &bytes, "", 0);

    for (int64_t i = 0; st == WAGLE_OK && i < in->spans.n; i++)
        st = token_bytes(ctx, in->text.text + in->spans.span[i].start,
                         (size_t)in->spans.span[i].bytes, &bytes);
    if (st == WAGLE_OK)
        st = replace_invalid(ctx, &bytes, &out->text);
    if (st == WAGLE_OK)
        st = close_token(ctx, out, 0);
    wg_text_free(&bytes);
    return st;
}

static wagle_status run_step(wagle_ctx *ctx, const wg_decode_step *step, const tokens *in,
                             tokens *out)
{
    WG_TRY(wg_text_add(ctx, &out->text, "", 0));
    if (step->kind == WG_DECODE_BYTE_FALLBACK)
        return join_bytes(ctx, in, out);
    if (step->kind == WG_DECODE_BYTE_LEVEL)
        return join_byte_level(ctx, in, out);
    if (step->kind == WG_DECODE_FUSE)
        return put(ctx, out, in->text.text, in->text.bytes);
    for (int64_t i = 0; i < in->spans.n; i++) {
        const struct wg_span *span = &in->spans.span[i];
        const char *text = in->text.text + span->start;
        WG_TRY(put_step(ctx, step, i == 0, i + 1 == in->spans.n, text, span->bytes, out));
    }
    return WAGLE_OK;
}

/* Collects the tokens of ids; without a decoder, they are separated by spaces. */
static wagle_status collect(wagle_ctx *ctx, const wagle_tokenizer *t, const int32_t *ids, int64_t n,
                            bool skip_special, tokens *out)
{
    WG_TRY(wg_text_add(ctx, &out->text, "", 0));
    for (int64_t i = 0; i < n; i++) {
        const char *token = ids[i] >= 0 && ids[i] < t->n_ids ? t->token[ids[i]] : NULL;
        const int64_t start = out->text.bytes;
        if (token == NULL)
            return wg_fail(ctx, WAGLE_E_INPUT, "token id %d is not in the vocabulary of %lld",
                           ids[i], (long long)t->n_ids);
        if (skip_special && t->skipped[ids[i]])
            continue;
        if (t->n_decode == 0 && out->spans.n > 0)
            WG_TRY(wg_text_addz(ctx, &out->text, " "));
        WG_TRY(wg_text_addz(ctx, &out->text, token));
        WG_TRY(close_token(ctx, out, start));
    }
    return WAGLE_OK;
}

wagle_status wg_decode(wagle_ctx *ctx, const wagle_tokenizer *t, const int32_t *ids, int64_t n,
                       bool skip_special, wg_text *out)
{
    tokens now = {0};
    wagle_status st = collect(ctx, t, ids, n, skip_special, &now);

    for (int i = 0; st == WAGLE_OK && i < t->n_decode; i++) {
        tokens next = {0};
        st = run_step(ctx, &t->decode[i], &now, &next);
        tokens_free(&now);
        now = next;
    }
    if (st == WAGLE_OK && t->clean_up)
        st = clean(ctx, clean_up_dirt, &now.text);
    if (st == WAGLE_OK)
        st = wg_text_add(ctx, out, "", 0);
    if (st == WAGLE_OK)
        st = replace_invalid(ctx, &now.text, out);
    tokens_free(&now);
    return st;
}
