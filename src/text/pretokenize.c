/* pretokenize.c - cuts normalised text into the pieces that BPE sees one by one. */
#include "text/tokenizer.h"

#include <string.h>
#include <utf8proc.h>

typedef struct splitter {
    wagle_ctx *ctx;
    const wg_split_step *step;
    pcre2_match_data *match;
    const char *text; /* the piece being split */
    int64_t offset;   /* its place in the whole text */
    int64_t bytes;
    wg_spans *out;
    int64_t open; /* start of the span that waits for its end, -1: none */
    bool last_matched, any;
} splitter;

static wagle_status push(splitter *s, int64_t start, int64_t stop)
{
    wg_spans *out = s->out;

    if (start == stop)
        return WAGLE_OK;
    WG_TRY(WG_GROW(s->ctx, &out->span, &out->capacity, out->n + 1));
    out->span[out->n++] = (struct wg_span){s->offset + start, stop - start};
    return WAGLE_OK;
}

/* Takes the next stretch of the piece, all of it matched or all of it not. */
static wagle_status stretch(splitter *s, int64_t start, int64_t stop, bool matched)
{
    wg_spans *out = s->out;

    if (start == stop)
        return WAGLE_OK;
    matched ^= s->step->invert;
    const bool follows = s->any, before = s->last_matched;
    s->any = true;
    s->last_matched = matched;
    switch (s->step->behavior) {
    case WG_REMOVED:
        return matched ? WAGLE_OK : push(s, start, stop);
    case WG_CONTIGUOUS:
        if (follows && matched == before) {
            out->span[out->n - 1].bytes += stop - start;
            return WAGLE_OK;
        }
        return push(s, start, stop);
    case WG_MERGED_WITH_PREVIOUS:
        if (follows && matched && !before) {
            out->span[out->n - 1].bytes += stop - start;
            return WAGLE_OK;
        }
        return push(s, start, stop);
    case WG_MERGED_WITH_NEXT:
        if (follows && !matched && before) {
            out->span[out->n - 1].bytes += stop - start;
            return WAGLE_OK;
        }
        return push(s, start, stop);
    default:
        return push(s, start, stop);
    }
}

static wagle_status split_regex(splitter *s)
{
    int64_t at = 0, from = 0;

    while (at < s->bytes) {
        const int found = pcre2_match(s->step->regex, (PCRE2_SPTR)s->text, (size_t)s->bytes,
                                      (size_t)at, PCRE2_NO_UTF_CHECK, s->match, NULL);
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(s->match);
        if (found == PCRE2_ERROR_NOMATCH)
            break;
        if (found < 0)
            return wg_fail(s->ctx, WAGLE_E_INPUT, "the pre-tokenizer's pattern failed (PCRE2 %d)",
                           found);
        if (place[1] == place[0]) { /* an empty match: step over one character */
            int32_t c;
            const int n = wg_utf8_decode(s->text + at, (size_t)(s->bytes - at), &c);
            at += n > 0 ? n : 1;
            continue;
        }
        WG_TRY(stretch(s, from, (int64_t)place[0], false));
        WG_TRY(stretch(s, (int64_t)place[0], (int64_t)place[1], true));
        at = from = (int64_t)place[1];
    }
    return stretch(s, from, s->bytes, false);
}

static wagle_status split_digits(splitter *s)
{
    int64_t from = 0;
    int32_t c = 0;

    for (int64_t i = 0; i < s->bytes;) {
        int n = wg_utf8_decode(s->text + i, (size_t)(s->bytes - i), &c);
        n = n > 0 ? n : 1;
        const utf8proc_category_t k = utf8proc_category(c);
        if (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO) {
            WG_TRY(stretch(s, from, i, false));
            WG_TRY(stretch(s, i, i + n, true));
            from = i + n;
        }
        i += n;
    }
    return stretch(s, from, s->bytes, false);
}

static wagle_status split_one(wagle_ctx *ctx, const wg_split_step *step, const wg_text *text,
                              const wg_spans *in, wg_spans *out)
{
    splitter s = {.ctx = ctx, .step = step, .out = out};
    wagle_status st = WAGLE_OK;

    if (step->regex != NULL) {
        s.match = pcre2_match_data_create(1, NULL);
        if (s.match == NULL)
            return wg_fail(ctx, WAGLE_E_RESOURCE, "not enough memory for a pattern");
    }
    for (int64_t i = 0; st == WAGLE_OK && i < in->n; i++) {
        s.text = text->text + in->span[i].start;
        s.offset = in->span[i].start;
        s.bytes = in->span[i].bytes;
        s.any = false;
        st = step->kind == WG_SPLIT_DIGITS ? split_digits(&s)
             : step->regex != NULL         ? split_regex(&s)
                                           : push(&s, 0, s.bytes);
    }
    pcre2_match_data_free(s.match);
    return st;
}

/* Each span that does not begin with a space gets one. */
static wagle_status prefix_spaces(wagle_ctx *ctx, wg_text *text, wg_spans *spans)
{
    wg_text out = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < spans->n; i++) {
        struct wg_span *span = &spans->span[i];
        const int64_t start = out.bytes;
        if (text->text[span->start] != ' ')
            st = wg_text_addz(ctx, &out, " ");
        if (st == WAGLE_OK)
            st = wg_text_add(ctx, &out, text->text + span->start, (size_t)span->bytes);
        *span = (struct wg_span){start, out.bytes - start};
    }
    wg_text_free(text);
    *text = out;
    return st;
}

static bool begins_with(const char *text, int64_t bytes, const char *start)
{
    const size_t n = strlen(start);
    return (size_t)bytes >= n && memcmp(text, start, n) == 0;
}

/* Spaces become the step's sign, and spans get one in front; first: span 0 begins the text. */
static wagle_status show_spaces(wagle_ctx *ctx, const wg_split_step *step, bool first,
                                wg_text *text, wg_spans *spans)
{
    wg_text out = {0};
    wagle_status st = wg_text_add(ctx, &out, "", 0);

    for (int64_t i = 0; st == WAGLE_OK && i < spans->n; i++) {
        struct wg_span *span = &spans->span[i];
        const char *from = text->text + span->start;
        const int64_t start = out.bytes;
        const bool wanted = step->prepend == WG_PREPEND_ALWAYS ||
                            (step->prepend == WG_PREPEND_FIRST && first && i == 0);
        if (wanted && from[0] != ' ' && !begins_with(from, span->bytes, step->space))
            st = wg_text_addz(ctx, &out, step->space);
        for (int64_t j = 0; st == WAGLE_OK && j < span->bytes; j++)
            st = from[j] == ' ' ? wg_text_addz(ctx, &out, step->space)
                                : wg_text_add(ctx, &out, from + j, 1);
        *span = (struct wg_span){start, out.bytes - start};
    }
    wg_text_free(text);
    *text = out;
    return st;
}

wagle_status wg_pretokenize(wagle_ctx *ctx, const wagle_tokenizer *t, bool first, wg_text *text,
                            wg_spans *out)
{
    wagle_status st = WAGLE_OK;

    out->n = 0;
    if (text->bytes == 0)
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &out->span, &out->capacity, 1));
    out->span[out->n++] = (struct wg_span){0, text->bytes};
    for (int i = 0; st == WAGLE_OK && i < t->n_split; i++) {
        wg_spans next = {0};
        if (t->split[i].prefix_space)
            st = prefix_spaces(ctx, text, out);
        if (t->split[i].kind == WG_SPLIT_METASPACE)
            st = show_spaces(ctx, &t->split[i], first, text, out);
        if (st == WAGLE_OK)
            st = split_one(ctx, &t->split[i], text, out, &next);
        wg_free(out->span);
        *out = next;
    }
    return st;
}
