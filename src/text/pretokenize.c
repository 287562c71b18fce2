/* pretokenize.c - splits normalised text into pieces, which the model encodes one by one. */
#include "text/find.h"

#include <string.h>
#include <utf8proc.h>

typedef struct splitter {
    const wg_split_step *step;
    wg_finder finder;
    wagle_ctx *ctx;
    const char *text; /* the current piece */
    int64_t bytes;
    struct wg_span whole; /* position of the piece in the whole text */
    wg_spans *out;
    int64_t began; /* number of spans in `out` before the piece */
    bool last_matched, any;
} splitter;

static wagle_status push(splitter *s, int64_t start, int64_t stop)
{
    wg_spans *out = s->out;

    WG_TRY(WG_GROW(s->ctx, &out->span, &out->capacity, out->n + 1));
    out->span[out->n++] =
        (struct wg_span){s->whole.start + start, stop - start, s->whole.first && start == 0};
    return WAGLE_OK;
}

/* Adds the next range of the piece, which is either a match (possibly empty) or unmatched text. */
static wagle_status add_range(splitter *s, int64_t start, int64_t stop, bool matched)
{
    const wg_split_behavior how = s->step->behavior;
    bool joins = false;

    if (start == stop && !matched)
        return WAGLE_OK;
    matched ^= s->step->invert;
    if (how == WG_REMOVED)
        return matched ? WAGLE_OK : push(s, start, stop);
    if (s->any && how == WG_CONTIGUOUS)
        joins = matched == s->last_matched;
    else if (s->any && how == WG_MERGED_WITH_PREVIOUS)
        joins = matched && !s->last_matched;
    else if (s->any && how == WG_MERGED_WITH_NEXT)
        joins = !matched && s->last_matched;
    s->any = true;
    s->last_matched = matched;
    if (!joins)
        return push(s, start, stop);
    s->out->span[s->out->n - 1].bytes += stop - start;
    return WAGLE_OK;
}

static wagle_status split_regex(splitter *s)
{
    int64_t from = 0;

    wg_finder_begin(&s->finder, s->text, s->bytes);
    for (;;) {
        WG_TRY(wg_finder_next(&s->finder));
        if (!s->finder.found)
            return add_range(s, from, s->bytes, false);
        WG_TRY(add_range(s, from, s->finder.start, false));
        WG_TRY(add_range(s, s->finder.start, s->finder.stop, true));
        from = s->finder.stop;
    }
}

static int next_code(const splitter *s, int64_t at, int32_t *code)
{
    const int n = wg_utf8_decode(s->text + at, (size_t)(s->bytes - at), code);
    return n > 0 ? n : 1;
}

static bool in_class(const wg_split_step *step, int32_t code)
{
    switch (step->kind) {
    case WG_SPLIT_DIGITS:
        return wg_is_number(code);
    case WG_SPLIT_SPACES:
        return wg_is_space(code);
    case WG_SPLIT_PUNCTUATION:
        return wg_is_punctuation(code);
    default:
        return code == step->delimiter;
    }
}

/* Matches each character of a class. */
static wagle_status split_class(splitter *s)
{
    int64_t from = 0;
    int32_t c = 0;

    for (int64_t i = 0; i < s->bytes;) {
        const int n = next_code(s, i, &c);
        if (in_class(s->step, c)) {
            WG_TRY(add_range(s, from, i, false));
            WG_TRY(add_range(s, i, i + n, true));
            from = i + n;
        }
        i += n;
    }
    return add_range(s, from, s->bytes, false);
}

/* Matches words, and runs of other characters; spaces are dropped. */
static wagle_status split_words(splitter *s)
{
    int64_t from = 0;
    int kind = 0;
    int32_t c = 0;

    for (int64_t i = 0; i < s->bytes;) {
        const int n = next_code(s, i, &c);
        const int now = wg_is_word(c) ? 1 : wg_is_space(c) ? 0 : 2;
        if (now != kind && kind != 0)
            WG_TRY(push(s, from, i));
        if (now != kind)
            from = i;
        kind = now;
        i += n;
    }
    return kind != 0 ? push(s, from, s->bytes) : WAGLE_OK;
}

static wagle_status split_length(splitter *s)
{
    int64_t from = 0, count = 0;
    int32_t c;

    for (int64_t i = 0; i < s->bytes;) {
        i += next_code(s, i, &c);
        if (++count % s->step->length == 0) {
            WG_TRY(push(s, from, i));
            from = i;
        }
    }
    return push(s, from, s->bytes);
}

static wagle_status split_piece(splitter *s)
{
    int64_t n = s->began = s->out->n;
    wagle_status st;

    s->any = false;
    switch (s->step->kind) {
    case WG_SPLIT_REGEX:
    case WG_SPLIT_BYTE_LEVEL:
    case WG_SPLIT_METASPACE:
        st = s->step->regex != NULL ? split_regex(s) : push(s, 0, s->bytes);
        break;
    case WG_SPLIT_WORDS:
        st = split_words(s);
        break;
    case WG_SPLIT_LENGTH:
        st = split_length(s);
        break;
    default:
        st = split_class(s);
    }
    for (int64_t i = s->began; i < s->out->n; i++) /* empty pieces are dropped */
        if (s->out->span[i].bytes > 0)
            s->out->span[n++] = s->out->span[i];
    s->out->n = n;
    return st;
}

static wagle_status split_one(wagle_ctx *ctx, const wg_split_step *step, const wg_text *text,
                              const wg_spans *in, wg_spans *out)
{
    splitter s = {.ctx = ctx, .step = step, .out = out};
    wagle_status st = WAGLE_OK;

    if (step->regex != NULL)
        WG_TRY(wg_finder_new(ctx, step->regex, &s.finder));
    for (int64_t i = 0; st == WAGLE_OK && i < in->n; i++) {
        s.text = text->text + in->span[i].start;
        s.whole = in->span[i];
        s.bytes = in->span[i].bytes;
        st = split_piece(&s);
    }
    wg_finder_free(&s.finder);
    return st;
}

/* --- steps that rewrite the text -------------------------------------------------------------- */

/* Adds the rewritten text of a span. */
typedef wagle_status rewrite_span(wagle_ctx *, const wg_split_step *, bool first, const char *from,
                                  int64_t bytes, wg_text *out);

/* Puts a space before a span that does not begin with one. */
static wagle_status prefix_space(wagle_ctx *ctx, const wg_split_step *step, bool first,
                                 const char *from, int64_t bytes, wg_text *out)
{
    (void)step;
    (void)first;
    if (from[0] != ' ')
        WG_TRY(wg_text_addz(ctx, out, " "));
    return wg_text_add(ctx, out, from, (size_t)bytes);
}

static wagle_status map_bytes(wagle_ctx *ctx, const wg_split_step *step, bool first,
                              const char *from, int64_t bytes, wg_text *out)
{
    (void)step;
    (void)first;
    return wg_map_bytes(ctx, from, bytes, out);
}

static bool begins_with(const char *text, int64_t bytes, const char *start)
{
    const size_t n = strlen(start);
    return (size_t)bytes >= n && memcmp(text, start, n) == 0;
}

/* Replaces spaces by the step's symbol and puts one before the span. */
static wagle_status show_spaces(wagle_ctx *ctx, const wg_split_step *step, bool first,
                                const char *from, int64_t bytes, wg_text *out)
{
    const bool wanted =
        step->prepend == WG_PREPEND_ALWAYS || (step->prepend == WG_PREPEND_FIRST && first);
    int64_t j = 0;

    if (wanted && from[0] != ' ' && !begins_with(from, bytes, step->space))
        WG_TRY(wg_text_addz(ctx, out, step->space));
    while (j < bytes) {
        const char *space = memchr(from + j, ' ', (size_t)(bytes - j));
        const int64_t n = (space != NULL ? space - from : bytes) - j;
        WG_TRY(wg_text_add(ctx, out, from + j, (size_t)n));
        if (space != NULL)
            WG_TRY(wg_text_addz(ctx, out, step->space));
        j += n + 1;
    }
    return WAGLE_OK;
}

static wagle_status rewrite(wagle_ctx *ctx, const wg_split_step *step, rewrite_span *how,
                            wg_text *text, wg_spans *spans)
{
    wg_text out = {0};
    wagle_status st = wg_text_add(ctx, &out, "", 0);

    for (int64_t i = 0; st == WAGLE_OK && i < spans->n; i++) {
        struct wg_span *span = &spans->span[i];
        const int64_t start = out.bytes;
        st = how(ctx, step, span->first, text->text + span->start, span->bytes, &out);
        *span = (struct wg_span){start, out.bytes - start, span->first};
    }
    wg_text_free(text);
    *text = out;
    return st;
}

static wagle_status run_step(wagle_ctx *ctx, const wg_split_step *step, wg_text *text,
                             wg_spans *spans)
{
    wg_spans next = {0};
    wagle_status st = WAGLE_OK;

    if (step->prefix_space)
        st = rewrite(ctx, step, prefix_space, text, spans);
    if (step->kind == WG_SPLIT_METASPACE)
        st = rewrite(ctx, step, show_spaces, text, spans);
    if (st == WAGLE_OK)
        st = split_one(ctx, step, text, spans, &next);
    wg_free(spans->span);
    *spans = next;
    if (st == WAGLE_OK && step->maps_bytes)
        st = rewrite(ctx, step, map_bytes, text, spans);
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
    out->span[out->n++] = (struct wg_span){0, text->bytes, first};
    for (int i = 0; st == WAGLE_OK && i < t->n_split; i++)
        st = run_step(ctx, &t->split[i], text, out);
    return st;
}
