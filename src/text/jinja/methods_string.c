/* methods_string.c - methods of strings, as in Python's str. Positions are code points. */
#include "text/jinja/internal.h"

#include <string.h>

static wagle_status want_string(wg_jrun *run, const wg_jvalue *v, const char *method,
                                const wg_jstring **out)
{
    *out = v->string;
    if (v->kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, v);
    return v->kind == WG_J_STRING
               ? WAGLE_OK
               : wg_jfail(&run->at, "%s wants a string, not a %s", method, wg_jtype(v));
}

static bool given(const wg_jvalue *v)
{
    return v->kind != WG_J_ABSENT && v->kind != WG_J_NONE;
}

static wagle_status want_int(wg_jrun *run, const wg_jvalue *v, const char *method, int64_t or_else,
                             int64_t *out)
{
    *out = or_else;
    return !given(v) || wg_jwhole(v, out)
               ? WAGLE_OK
               : wg_jfail(&run->at, "%s wants an integer, not a %s", method, wg_jtype(v));
}

/* Makes a string of bytes [from,to). */
static wagle_status substring(wg_jrun *run, const wg_jvalue *self, int64_t from, int64_t to,
                              wg_jvalue *out)
{
    WG_TRY(wg_jtext_in_place(run, self->string->text + from, to - from, out));
    ((wg_jstring *)(uintptr_t)out->string)->markup = self->string->markup;
    return WAGLE_OK;
}

static wagle_status string_like_self(wg_jrun *run, const wg_jvalue *self, wagle_status st,
                                     wg_text *text, wg_jvalue *out)
{
    WG_TRY(wg_jtext_take(run, st, text, out));
    ((wg_jstring *)(uintptr_t)out->string)->markup = self->string->markup;
    return WAGLE_OK;
}

/* --- case ------------------------------------------------------------------------------------- */

#define RECASE(name, to)                                                                           \
    WG_J_BUILTIN(name)                                                                             \
    {                                                                                              \
        wg_text text = {0};                                                                        \
        WG_J_UNUSED;                                                                               \
        return string_like_self(run, self, wg_jrecase(run, self->string, to, &text), &text, out);  \
    }
RECASE(upper, WG_J_UPPER)
RECASE(lower, WG_J_LOWER)
RECASE(title, WG_J_TITLE)
RECASE(capitalize, WG_J_CAPITALIZE)
RECASE(swapcase, WG_J_SWAP)

#define QUESTION(name)                                                                             \
    WG_J_BUILTIN(is_##name)                                                                        \
    {                                                                                              \
        WG_J_UNUSED;                                                                               \
        *out = wg_jbool(wg_jis(self->string, "is" #name));                                         \
        return WAGLE_OK;                                                                           \
    }
QUESTION(alnum)
QUESTION(alpha)
QUESTION(ascii)
QUESTION(decimal)
QUESTION(digit)
QUESTION(lower)
QUESTION(numeric)
QUESTION(printable)
QUESTION(space)
QUESTION(title)
QUESTION(upper)

/* --- ends ------------------------------------------------------------------------------------- */

static wagle_status strip_ends(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg, bool left,
                               bool right, wg_jvalue *out)
{
    const wg_jstring *chars = NULL;
    int64_t from, to;

    if (given(arg))
        WG_TRY(want_string(run, arg, "strip", &chars));
    WG_TRY(wg_jstep(run, self->string->bytes / 16));
    wg_jstrip(self->string, chars, left, right, &from, &to);
    return substring(run, self, from, to, out);
}

WG_J_BUILTIN(strip)
{
    WG_J_UNUSED;
    return strip_ends(run, self, arg, true, true, out);
}

WG_J_BUILTIN(lstrip)
{
    WG_J_UNUSED;
    return strip_ends(run, self, arg, true, false, out);
}

WG_J_BUILTIN(rstrip)
{
    WG_J_UNUSED;
    return strip_ends(run, self, arg, false, true, out);
}

static bool has_end(const char *text, int64_t bytes, const wg_jstring *end, bool at_start)
{
    return end->bytes <= bytes &&
           memcmp(at_start ? text : text + bytes - end->bytes, end->text, (size_t)end->bytes) == 0;
}

static wagle_status bounds(wg_jrun *run, const wg_jvalue *self, const wg_jvalue arg[2],
                           const char *method, int64_t *from, int64_t *to);

/* startswith and endswith: with one string or a tuple of strings. */
static wagle_status ends(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg, bool at_start,
                         const char *method, wg_jvalue *out)
{
    const bool several = arg->kind == WG_J_SEQUENCE && arg->sequence->flavour == WG_J_TUPLE;
    const int64_t n = several ? arg->sequence->n : 1;
    const wg_jstring *end;
    bool found = false;
    int64_t from, to;

    WG_TRY(bounds(run, self, arg + 1, method, &from, &to));
    for (int64_t i = 0; i < n && !found; i++) {
        WG_TRY(want_string(run, several ? &arg->sequence->item[i] : arg, method, &end));
        found = from <= to && has_end(self->string->text + from, to - from, end, at_start);
    }
    *out = wg_jbool(found);
    return WAGLE_OK;
}

WG_J_BUILTIN(startswith)
{
    WG_J_UNUSED;
    return ends(run, self, arg, true, "startswith", out);
}

WG_J_BUILTIN(endswith)
{
    WG_J_UNUSED;
    return ends(run, self, arg, false, "endswith", out);
}

WG_J_BUILTIN(removeprefix)
{
    const wg_jstring *end;

    WG_J_UNUSED;
    WG_TRY(want_string(run, arg, "removeprefix", &end));
    return substring(run, self,
                     has_end(self->string->text, self->string->bytes, end, true) ? end->bytes : 0,
                     self->string->bytes, out);
}

WG_J_BUILTIN(removesuffix)
{
    const int64_t n = self->string->bytes;
    const wg_jstring *end;

    WG_J_UNUSED;
    WG_TRY(want_string(run, arg, "removesuffix", &end));
    return substring(run, self, 0, has_end(self->string->text, n, end, false) ? n - end->bytes : n,
                     out);
}

/* --- search ----------------------------------------------------------------------------------- */

/* Converts the arguments start and stop from code points to bytes. from > to if start is past the
 * end.
 */
static wagle_status bounds(wg_jrun *run, const wg_jvalue *self, const wg_jvalue arg[2],
                           const char *method, int64_t *from, int64_t *to)
{
    const int64_t n = self->string->length;
    int64_t start, stop;

    WG_TRY(want_int(run, &arg[0], method, 0, &start));
    WG_TRY(want_int(run, &arg[1], method, n, &stop));
    start = start < 0 ? (start < -n ? 0 : start + n) : start;
    stop = stop < 0 ? (stop < -n ? 0 : stop + n) : stop > n ? n : stop;
    *to = wg_joffset(self->string, stop);
    *from = start > n ? *to + 1 : wg_joffset(self->string, start);
    return wg_jstep(run, self->string->bytes / 64);
}

/* Byte offset of the first or last `what` in [from,to), or -1. */
static int64_t search(const wg_jstring *s, const wg_jstring *what, int64_t from, int64_t to,
                      bool last)
{
    if (from > to || what->bytes > to - from)
        return -1;
    if (!last) {
        const char *found = what->bytes == 0 ? s->text + from
                                             : memmem(s->text + from, (size_t)(to - from),
                                                      what->text, (size_t)what->bytes);
        return found != NULL ? found - s->text : -1;
    }
    for (int64_t at = to - what->bytes; at >= from; at--)
        if (memcmp(s->text + at, what->text, (size_t)what->bytes) == 0)
            return at;
    return -1;
}

static wagle_status find_in(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg, bool last,
                            bool must, wg_jvalue *out)
{
    const wg_jstring *what;
    int64_t from, to, at;

    WG_TRY(want_string(run, arg, "find", &what));
    WG_TRY(bounds(run, self, arg + 1, "find", &from, &to));
    WG_TRY(wg_jstep(run, last ? self->string->bytes * what->bytes / 256 : 0));
    at = search(self->string, what, from, to, last);
    if (at < 0 && must)
        return wg_jfail(&run->at, "index: the substring is not found");
    *out = wg_jint(at < 0 ? -1 : wg_jcount(self->string->text, at));
    return WAGLE_OK;
}

WG_J_BUILTIN(find)
{
    WG_J_UNUSED;
    return find_in(run, self, arg, false, false, out);
}

WG_J_BUILTIN(rfind)
{
    WG_J_UNUSED;
    return find_in(run, self, arg, true, false, out);
}

WG_J_BUILTIN(index_of)
{
    WG_J_UNUSED;
    return find_in(run, self, arg, false, true, out);
}

WG_J_BUILTIN(rindex_of)
{
    WG_J_UNUSED;
    return find_in(run, self, arg, true, true, out);
}

WG_J_BUILTIN(count)
{
    const wg_jstring *what;
    int64_t from, to, n = 0;

    WG_J_UNUSED;
    WG_TRY(want_string(run, arg, "count", &what));
    WG_TRY(bounds(run, self, arg + 1, "count", &from, &to));
    if (what->bytes == 0 && from <= to) {
        *out = wg_jint(wg_jcount(self->string->text + from, to - from) + 1);
        return WAGLE_OK;
    }
    for (int64_t at; (at = search(self->string, what, from, to, false)) >= 0; n++)
        from = at + what->bytes;
    *out = wg_jint(n);
    return WAGLE_OK;
}

static int64_t character(const wg_jstring *s, int64_t at)
{
    int n = 0;

    if (at < s->bytes)
        (void)wg_jcode_at(s->text + at, s->bytes - at, &n);
    return n;
}

static wagle_status replace_all(wg_jrun *run, const wg_jstring *s, const wg_jstring *old,
                                const wg_jstring *fresh, int64_t max, wg_text *text)
{
    int64_t from = 0;

    WG_TRY(wg_jstep(run, s->bytes / 64));
    while (max != 0) {
        const int64_t at = search(s, old, from, s->bytes, false);
        if (at < 0)
            break;
        WG_TRY(wg_jadd(run, text, s->text + from, at - from));
        WG_TRY(fresh->markup || !s->markup ? wg_jadd(run, text, fresh->text, fresh->bytes)
                                           : wg_jescape(run, fresh, text));
        from = at + old->bytes;
        max--;
        if (old->bytes > 0)
            continue;
        if (from >= s->bytes)
            return WAGLE_OK;
        WG_TRY(wg_jadd(run, text, s->text + from, character(s, from)));
        from += character(s, from);
    }
    return wg_jadd(run, text, s->text + from, s->bytes - from);
}

WG_J_BUILTIN(replace)
{
    const wg_jstring *old, *fresh;
    wg_text text = {0};
    int64_t max;

    WG_J_UNUSED;
    WG_TRY(want_string(run, &arg[0], "replace", &old));
    WG_TRY(want_string(run, &arg[1], "replace", &fresh));
    WG_TRY(want_int(run, &arg[2], "replace", -1, &max));
    return string_like_self(run, self, replace_all(run, self->string, old, fresh, max, &text),
                            &text, out);
}

/* --- width ------------------------------------------------------------------------------------ */

static wagle_status fill(wg_jrun *run, const wg_jstring *with, int64_t n, wg_text *text)
{
    for (int64_t i = 0; i < n; i++)
        WG_TRY(wg_jadd(run, text, with->text, with->bytes));
    return WAGLE_OK;
}

/* Pads a string to a width. side < 0: on the right; > 0: on the left; 0: on both sides. */
static wagle_status pad(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg, int side,
                        wg_jvalue *out)
{
    const wg_jstring space = {" ", 1, 1, 0, false}, *with = &space;
    int64_t width, missing, before;
    wg_text text = {0};
    wagle_status st;

    WG_TRY(want_int(run, &arg[0], "the width", 0, &width));
    if (given(&arg[1]))
        WG_TRY(want_string(run, &arg[1], "the fill", &with));
    if (with->length != 1)
        return wg_jfail(&run->at, "the fill is one character");
    missing = width - self->string->length;
    missing = missing > 0 ? missing : 0;
    before = side < 0 ? 0 : side > 0 ? missing : missing / 2 + (missing & width & 1);
    if (missing > WG_J_OUTPUT)
        return wg_jfail(&run->at, "a width of %lld", (long long)width);
    st = fill(run, with, before, &text);
    if (st == WAGLE_OK)
        st = wg_jadd(run, &text, self->string->text, self->string->bytes);
    if (st == WAGLE_OK)
        st = fill(run, with, missing - before, &text);
    return string_like_self(run, self, st, &text, out);
}

WG_J_BUILTIN(center)
{
    WG_J_UNUSED;
    return pad(run, self, arg, 0, out);
}

WG_J_BUILTIN(ljust)
{
    WG_J_UNUSED;
    return pad(run, self, arg, -1, out);
}

WG_J_BUILTIN(rjust)
{
    WG_J_UNUSED;
    return pad(run, self, arg, 1, out);
}

WG_J_BUILTIN(zfill)
{
    const wg_jstring *s = self->string, zero = {"0", 1, 1, 0, false};
    const bool sign = s->bytes > 0 && (s->text[0] == '-' || s->text[0] == '+');
    int64_t width;
    wg_text text = {0};
    wagle_status st;

    WG_J_UNUSED;
    WG_TRY(want_int(run, &arg[0], "zfill", 0, &width));
    if (width > WG_J_OUTPUT)
        return wg_jfail(&run->at, "a width of %lld", (long long)width);
    st = wg_jadd(run, &text, s->text, sign);
    if (st == WAGLE_OK)
        st = fill(run, &zero, width - s->length, &text);
    if (st == WAGLE_OK)
        st = wg_jadd(run, &text, s->text + sign, s->bytes - sign);
    return string_like_self(run, self, st, &text, out);
}

WG_J_BUILTIN(format)
{
    wg_jvalue made = {0};

    WG_J_UNUSED;
    WG_TRY(wg_jbraces(run, self->string, all, &made));
    return substring(run, &made, 0, made.string->bytes, out);
}

const wg_jentry wg_jmethods_string[] = {
    {"capitalize", "", capitalize},
    {"center", "!width fillchar", center},
    {"count", "!sub start end", count},
    {"endswith", "!suffix start end", endswith},
    {"find", "!sub start end", find},
    {"format", "*", format},
    {"index", "!sub start end", index_of},
    {"isalnum", "", is_alnum},
    {"isalpha", "", is_alpha},
    {"isascii", "", is_ascii},
    {"isdecimal", "", is_decimal},
    {"isdigit", "", is_digit},
    {"islower", "", is_lower},
    {"isnumeric", "", is_numeric},
    {"isprintable", "", is_printable},
    {"isspace", "", is_space},
    {"istitle", "", is_title},
    {"isupper", "", is_upper},
    {"ljust", "!width fillchar", ljust},
    {"lower", "", lower},
    {"lstrip", "chars", lstrip},
    {"removeprefix", "!prefix", removeprefix},
    {"removesuffix", "!suffix", removesuffix},
    {"replace", "!old !new count", replace},
    {"rfind", "!sub start end", rfind},
    {"rindex", "!sub start end", rindex_of},
    {"rjust", "!width fillchar", rjust},
    {"rstrip", "chars", rstrip},
    {"startswith", "!prefix start end", startswith},
    {"strip", "chars", strip},
    {"swapcase", "", swapcase},
    {"title", "", title},
    {"upper", "", upper},
    {"zfill", "!width", zfill},
    {NULL, NULL, NULL},
};
