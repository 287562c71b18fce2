#include "text/tokenizer.h"

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

/* text := every code point c of text as by append(c). */
static wagle_status lowercase(wagle_ctx *ctx, const wg_text *in, wg_text *out)
{
    char bytes[4];
    int32_t c;

    for (int64_t i = 0; i < in->bytes;) {
        const int n = wg_utf8_decode(in->text + i, (size_t)(in->bytes - i), &c);
        i += n > 0 ? n : 1;
        if (c == 0x130) { /* the one letter whose lower case is two */
            WG_TRY(wg_text_addz(ctx, out, "i\xCC\x87"));
            continue;
        }
        WG_TRY(wg_text_add(ctx, out, bytes, (size_t)wg_utf8_encode(utf8proc_tolower(c), bytes)));
    }
    return WAGLE_OK;
}

static wagle_status replace_matches(wagle_ctx *ctx, const wg_normal_step *step, const wg_text *in,
                                    wg_text *out)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    wagle_status st = WAGLE_OK;
    size_t at = 0;

    if (match == NULL)
        return wg_fail(ctx, WAGLE_E_RESOURCE, "not enough memory for a pattern");
    while (st == WAGLE_OK && pcre2_match(step->regex, (PCRE2_SPTR)in->text, (size_t)in->bytes, at,
                                         PCRE2_NO_UTF_CHECK, match, NULL) > 0) {
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(match);
        if (place[1] == place[0]) /* nothing to replace, and no way on */
            break;
        st = wg_text_add(ctx, out, in->text + at, place[0] - at);
        if (st == WAGLE_OK)
            st = wg_text_addz(ctx, out, step->content);
        at = place[1];
    }
    pcre2_match_data_free(match);
    return st == WAGLE_OK ? wg_text_add(ctx, out, in->text + at, (size_t)in->bytes - at) : st;
}

static wagle_status replace(wagle_ctx *ctx, const wg_normal_step *step, const wg_text *in,
                            wg_text *out)
{
    const size_t n = step->pattern != NULL ? strlen(step->pattern) : 0;
    int64_t i = 0;

    if (step->regex != NULL)
        return replace_matches(ctx, step, in, out);
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
    default: /* prepend */
        if (in->bytes > 0)
            WG_TRY(wg_text_addz(ctx, out, step->content));
        return wg_text_add(ctx, out, in->text, (size_t)in->bytes);
    }
}

wagle_status wg_normalize(wagle_ctx *ctx, const wagle_tokenizer *t, wg_text *text)
{
    for (int i = 0; i < t->n_normal; i++) {
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
