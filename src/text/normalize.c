#include "text/find.h"

#include <string.h>
#include <stdlib.h>
#include <utf8proc.h>

static wagle_status unicode_form(wagle_ctx *ctx, wg_text *text, wg_normal_kind kind)
{
    static const utf8proc_option_t options[] = {
        [WG_NORMAL_NFC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE,
        [WG_NORMAL_NFD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
        [WG_NORMAL_NFKC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
        [WG_NORMAL_NFKD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT,
    };
    utf8proc_uint8_t *result = NULL;
    const utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)text->text, text->bytes, &result, options[kind]);
    wagle_status st;

    if (n < 0)
        return wg_fail(ctx, n == UTF8PROC_ERROR_NOMEM ? WAGLE_E_RESOURCE : WAGLE_E_INPUT,
                       "normalising text: %s", utf8proc_errmsg(n));
    text->bytes = 0;
    st = wg_text_add(ctx, text, (const char *)result, (size_t)n);
    free(result);
    return st;
}

/* Converts the text to lower case. */
static wagle_status lowercase(wagle_ctx *ctx, const wg_text *in, wg_text *out)
{
    char bytes[4];
    int32_t c;

    for (int64_t i = 0; i < in->bytes;) {
        const int n = wg_utf8_decode(in->text + i, (size_t)(in->bytes - i), &c);
        i += n > 0 ? n : 1;
        if (c == 0x130) { /* the only letter whose lower case is two code points */
            WG_TRY(wg_text_addz(ctx, out, "i\xCC\x87"));
            continue;
        }
        WG_TRY(wg_text_add(ctx, out, bytes, (size_t)wg_utf8_encode(utf8proc_tolower(c), bytes)));
    }
    return WAGLE_OK;
}

static wagle_status replace(wagle_ctx *ctx, const wg_normal_step *step, const wg_text *in,
                            wg_text *out)
{
    const size_t n = step->pattern != NULL ? strlen(step->pattern) : 0;
    int64_t i = 0;

    if (step->regex != NULL)
        return wg_replace_matches(ctx, step->regex, in->text, in->bytes, step->content, false, out);
    while (i < in->bytes) {
        const char *at = in->text + i;
        if ((size_t)(in->bytes - i) >= n && memcmp(at, step->pattern, n) == 0) {
            WG_TRY(wg_text_addz(ctx, out, step->content));
            i += (int64_t)n;
        } else {
            WG_TRY(wg_text_add(ctx, out, at, 1));
            i++;
        }
    }
    return WAGLE_OK;
}

static wagle_status strip(wagle_ctx *ctx, const wg_normal_step *step, const wg_text *in,
                          wg_text *out)
{
    int64_t first = -1, last = 0;
    int32_t c;

    for (int64_t i = 0; i < in->bytes;) {
        const int n = wg_utf8_decode(in->text + i, (size_t)(in->bytes - i), &c);
        if (!wg_is_space(c)) {
            first = first < 0 ? i : first;
            last = i + n;
        }
        i += n > 0 ? n : 1;
    }
    first = !step->left ? 0 : first < 0 ? in->bytes : first;
    last = !step->right ? in->bytes : last;
    return first < last ? wg_text_add(ctx, out, in->text + first, (size_t)(last - first))
                        : wg_text_add(ctx, out, "", 0);
}

/* --- filters by character --------------------------------------------------------------------- */

static bool is_mark(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);
    return k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ME;
}

static bool is_nonspacing(int32_t c)
{
    return (utf8proc_category(c) == UTF8PROC_CATEGORY_MN && !wg_unicode8_lacks(c)) ||
           c == 0x1734; /* which Unicode 8 counted as one */
}

/* Control, format and private-use characters, except tab and line breaks. */
static bool is_control(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);

    return c != '\t' && c != '\n' && c != '\r' && k >= UTF8PROC_CATEGORY_CC &&
           !wg_unicode8_lacks(c);
}

static bool is_chinese(int32_t c)
{
    static const int32_t ranges[][2] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                        {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                        {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

/* The part of SentencePiece's nmt_nfkc before NFKC: characters that are dropped, or become a space.
 */
static bool nmt_drops(int32_t c)
{
    return (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
           c == 0x9F;
}

static bool nmt_space(int32_t c)
{
    return c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
           c == 0xFEFF || c == 0xFFFD;
}

static bool bert_drops(int32_t c)
{
    return c == 0 || c == 0xFFFD || is_control(c);
}

/* Filters characters: removes those in `drops`, replaces those in `spaces` by a space, and puts
 * spaces around those in `apart`. Each may be NULL. */
static wagle_status filter(wagle_ctx *ctx, bool (*drops)(int32_t), bool (*spaces)(int32_t),
                           bool (*apart)(int32_t), const wg_text *in, wg_text *out)
{
    int32_t c;

    for (int64_t i = 0; i < in->bytes;) {
        int n = wg_utf8_decode(in->text + i, (size_t)(in->bytes - i), &c);
        const char *at = in->text + i;
        n = n > 0 ? n : 1;
        i += n;
        if (drops != NULL && drops(c))
            continue;
        if (spaces != NULL && spaces(c))
            WG_TRY(wg_text_addz(ctx, out, " "));
        else if (apart != NULL && apart(c))
            WG_TRY(wg_text_printf(ctx, out, " %.*s ", n, at));
        else
            WG_TRY(wg_text_add(ctx, out, at, (size_t)n));
    }
    return WAGLE_OK;
}

/* Filters *text in place. */
static wagle_status filter_in_place(wagle_ctx *ctx, bool (*drops)(int32_t), bool (*spaces)(int32_t),
                                    bool (*apart)(int32_t), wg_text *text)
{
    wg_text out = {0};
    wagle_status st = wg_text_add(ctx, &out, "", 0);

    if (st == WAGLE_OK)
        st = filter(ctx, drops, spaces, apart, text, &out);
    wg_text_free(text);
    *text = out;
    return st;
}

static wagle_status bert(wagle_ctx *ctx, const wg_normal_step *step, const wg_text *in,
                         wg_text *out)
{
    wg_text text = {0};
    wagle_status st = wg_text_add(ctx, &text, in->text, (size_t)in->bytes);

    if (st == WAGLE_OK && step->clean)
        st = filter_in_place(ctx, bert_drops, wg_is_space, NULL, &text);
    if (st == WAGLE_OK && step->chinese)
        st = filter_in_place(ctx, NULL, NULL, is_chinese, &text);
    if (st == WAGLE_OK && step->accents)
        st = unicode_form(ctx, &text, WG_NORMAL_NFD);
    if (st == WAGLE_OK && step->accents)
        st = filter_in_place(ctx, is_nonspacing, NULL, NULL, &text);
    if (st == WAGLE_OK)
        st = step->lower ? lowercase(ctx, &text, out)
                         : wg_text_add(ctx, out, text.text, (size_t)text.bytes);
    wg_text_free(&text);
    return st;
}

static wagle_status rewrite(wagle_ctx *ctx, const wg_normal_step *step, const wg_text *in,
                            wg_text *out)
{
    switch (step->kind) {
    case WG_NORMAL_LOWERCASE:
        return lowercase(ctx, in, out);
    case WG_NORMAL_REPLACE:
        return replace(ctx, step, in, out);
    case WG_NORMAL_STRIP:
        return strip(ctx, step, in, out);
    case WG_NORMAL_CHARSMAP:
        return wg_charsmap_apply(ctx, &step->map, in, out);
    case WG_NORMAL_STRIP_ACCENTS:
        return filter(ctx, is_mark, NULL, NULL, in, out);
    case WG_NORMAL_BERT:
        return bert(ctx, step, in, out);
    case WG_NORMAL_NMT:
        return filter(ctx, nmt_drops, nmt_space, NULL, in, out);
    case WG_NORMAL_BYTE_LEVEL:
        return wg_map_bytes(ctx, in->text, in->bytes, out);
    default: /* prepend */
        if (in->bytes > 0)
            WG_TRY(wg_text_addz(ctx, out, step->content));
        return wg_text_add(ctx, out, in->text, (size_t)in->bytes);
    }
}

/* Whether the step keeps the first character of the text. */
static wagle_status keeps_start(wagle_ctx *ctx, const wg_normal_step *step, const wg_text *text,
                                bool *out)
{
    int32_t c = -1, spare;
    wg_finder f = {0};

    *out = true;
    if (text->bytes == 0 || wg_utf8_decode(text->text, (size_t)text->bytes, &c) == 0)
        return WAGLE_OK;
    *out = !((step->kind == WG_NORMAL_STRIP && step->left && wg_is_space(c)) ||
             (step->kind == WG_NORMAL_STRIP_ACCENTS && is_mark(c)) ||
             (step->kind == WG_NORMAL_NMT && nmt_drops(c)) ||
             (step->kind == WG_NORMAL_BERT && step->clean && bert_drops(c)) ||
             (step->kind == WG_NORMAL_BERT && step->accents && is_nonspacing(c)));
    if (step->kind != WG_NORMAL_REPLACE)
        return WAGLE_OK;
    f.stop = step->pattern != NULL ? (int64_t)strlen(step->pattern) : 0;
    f.found = step->pattern != NULL && f.stop <= text->bytes &&
              memcmp(text->text, step->pattern, (size_t)f.stop) == 0;
    if (step->regex != NULL) {
        WG_TRY(wg_finder_new(ctx, step->regex, &f));
        wg_finder_begin(&f, text->text, text->bytes);
        const wagle_status st = wg_finder_next(&f);
        wg_finder_free(&f);
        WG_TRY(st);
    }
    if (f.found &&
        f.start == 0) /* a replacement of several characters counts as the last of them */
        *out = step->content[0] != '\0' &&
               wg_utf8_decode(text->text, (size_t)text->bytes, &spare) >= f.stop;
    return WAGLE_OK;
}

wagle_status wg_normalize(wagle_ctx *ctx, const wagle_tokenizer *t, wg_text *text, bool *first)
{
    for (int i = 0; i < t->n_normal; i++) {
        bool kept = true;
        if (*first && t->marks_first)
            WG_TRY(keeps_start(ctx, &t->normal[i], text, &kept));
        *first &= kept;
        if (t->normal[i].kind <= WG_NORMAL_NFKD) {
            WG_TRY(unicode_form(ctx, text, t->normal[i].kind));
            continue;
        }
        wg_text out = {0};
        wagle_status st = wg_text_add(ctx, &out, "", 0);
        if (st == WAGLE_OK)
            st = rewrite(ctx, &t->normal[i], text, &out);
        wg_text_free(text);
        *text = out;
        WG_TRY(st);
    }
    return WAGLE_OK;
}
