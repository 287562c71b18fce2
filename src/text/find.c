#include "text/find.h"

wagle_status wg_finder_new(wagle_ctx *ctx, const pcre2_code *regex, wg_finder *out)
{
    *out = (wg_finder){
        .ctx = ctx, .regex = regex, .match = pcre2_match_data_create(1, NULL), .last = -1};
    return out->match != NULL ? WAGLE_OK
                              : wg_fail(ctx, WAGLE_E_RESOURCE, "not enough memory for a pattern");
}

void wg_finder_begin(wg_finder *f, const char *text, int64_t bytes)
{
    f->text = text;
    f->bytes = bytes;
    f->at = 0;
    f->last = -1;
    f->found = false;
}

static void step_over(wg_finder *f)
{
    int32_t code;
    const int n =
        f->at < f->bytes ? wg_utf8_decode(f->text + f->at, (size_t)(f->bytes - f->at), &code) : 1;

    f->at += n > 0 ? n : 1;
}

wagle_status wg_finder_next(wg_finder *f)
{
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(f->match);

    f->found = false;
    while (f->at <= f->bytes) {
        const int found = pcre2_match(f->regex, (PCRE2_SPTR)f->text, (size_t)f->bytes,
                                      (size_t)f->at, PCRE2_NO_UTF_CHECK, f->match, NULL);
        if (found == PCRE2_ERROR_NOMATCH)
            return WAGLE_OK;
        if (found < 0)
            return wg_fail(f->ctx, WAGLE_E_INPUT, "the tokenizer's pattern failed (PCRE2 %d)",
                           found);
        f->start = (int64_t)place[0];
        f->stop = (int64_t)place[1];
        if (f->start == f->stop && f->stop == f->last) {
            step_over(f);
            continue;
        }
        f->at = f->last = f->stop;
        f->found = f->stop >= f->start;
        return WAGLE_OK;
    }
    return WAGLE_OK;
}

void wg_finder_free(wg_finder *f)
{
    pcre2_match_data_free(f->match);
    f->match = NULL;
}

wagle_status wg_replace_matches(wagle_ctx *ctx, const pcre2_code *regex, const char *text,
                                int64_t bytes, const char *by, bool empty, wg_text *out)
{
    wg_finder f;
    int64_t from = 0;
    wagle_status st;

    if (bytes == 0)
        return WAGLE_OK;
    WG_TRY(wg_finder_new(ctx, regex, &f));
    wg_finder_begin(&f, text, bytes);
    while ((st = wg_finder_next(&f)) == WAGLE_OK && f.found) {
        if (!empty && f.start == f.stop)
            WG_TRY_GOTO(wg_fail(ctx, WAGLE_E_INPUT, "the normalizer's pattern matches empty text"),
                        done);
        WG_TRY_GOTO(wg_text_add(ctx, out, text + from, (size_t)(f.start - from)), done);
        WG_TRY_GOTO(wg_text_addz(ctx, out, by), done);
        from = f.stop;
    }
    if (st == WAGLE_OK)
        st = wg_text_add(ctx, out, text + from, (size_t)(bytes - from));
done:
    wg_finder_free(&f);
    return st;
}
