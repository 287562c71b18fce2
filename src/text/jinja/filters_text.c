/* filters_text.c - filters that return strings and numbers, like do_NAME of jinja2. */
#include "text/jinja/internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keep_markup(const wg_jvalue *from, wg_jvalue *to)
{
    if (from->kind == WG_J_STRING && from->string->markup)
        ((wg_jstring *)(uintptr_t)to->string)->markup = true;
}

static wagle_status recase(wg_jrun *run, const wg_jvalue *self, wg_jcase to, wg_jvalue *out)
{
    const wg_jstring *s;
    wg_text text = {0};

    WG_TRY(wg_jstring_of(run, self, &s));
    WG_TRY(wg_jtext_take(run, wg_jrecase(run, s, to, &text), &text, out));
    keep_markup(self, out);
    return WAGLE_OK;
}

WG_J_BUILTIN(upper)
{
    WG_J_UNUSED;
    return recase(run, self, WG_J_UPPER, out);
}

WG_J_BUILTIN(lower)
{
    WG_J_UNUSED;
    return recase(run, self, WG_J_LOWER, out);
}

WG_J_BUILTIN(capitalize)
{
    WG_J_UNUSED;
    return recase(run, self, WG_J_CAPITALIZE, out);
}

static bool starts_word(int32_t c)
{
    return wg_jspace(c) || (c != 0 && c < 0x80 && strchr("-({[<", c) != NULL);
}

/* Words begin after white space and - ( { [ <; the first letter is capitalised. */
WG_J_BUILTIN(title)
{
    const wg_jstring *s;
    wg_text text = {0};
    wagle_status st = WAGLE_OK;
    int64_t end;
    int n;

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, self, &s));
    for (int64_t at = 0; st == WAGLE_OK && at < s->bytes; at = end) {
        const bool apart = starts_word(wg_jcode_at(s->text + at, s->bytes - at, &n));
        const wg_jstring first = {.text = s->text + at, .bytes = n};
        int length = 0;
        for (end = at + n; end < s->bytes; end += length)
            if (starts_word(wg_jcode_at(s->text + end, s->bytes - end, &length)) != apart)
                break;
        const wg_jstring rest = {.text = s->text + at + n, .bytes = end - at - n};
        st = wg_jrecase(run, &first, WG_J_UPPER, &text);
        if (st == WAGLE_OK)
            st = wg_jrecase(run, &rest, WG_J_LOWER, &text);
    }
    return wg_jtext_take(run, st, &text, out);
}

WG_J_BUILTIN(trim)
{
    const wg_jstring *s, *chars = NULL;
    int64_t from, to;

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, self, &s));
    if (arg[0].kind == WG_J_STRING)
        chars = arg[0].string;
    else if (arg[0].kind != WG_J_ABSENT && arg[0].kind != WG_J_NONE)
        return wg_jfail(&run->at, "trim: what is stripped is a %s", wg_jtype(&arg[0]));
    WG_TRY(wg_jstep(run, s->bytes / 16));
    wg_jstrip(s, chars, true, true, &from, &to);
    WG_TRY(wg_jtext_in_place(run, s->text + from, to - from, out));
    keep_markup(self, out);
    return WAGLE_OK;
}

WG_J_BUILTIN(string)
{
    const wg_jstring *s;

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, self, &s));
    *out = (wg_jvalue){WG_J_STRING, {.string = s}};
    return WAGLE_OK;
}

WG_J_BUILTIN(replace)
{
    wg_jvalue plain = {.kind = WG_J_STRING};
    const wg_jstring *part[2];
    wg_jvalue parts[3];
    wg_jargs args = {.value = parts, .n = 2};
    wg_jvalue method = {0};

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, self, &plain.string));
    for (int i = 0; i < 2; i++) {
        WG_TRY(wg_jstring_of(run, &arg[i], &part[i]));
        parts[i] = (wg_jvalue){WG_J_STRING, {.string = part[i]}};
    }
    if (arg[2].kind != WG_J_ABSENT && arg[2].kind != WG_J_NONE)
        parts[args.n++] = arg[2];
    if (plain.string->markup)
        WG_TRY(wg_jtext_in_place(run, plain.string->text, plain.string->bytes, &plain));
    WG_TRY(wg_jown_attribute(run, &plain, &(const wg_jstring){"replace", 7, 7, 0, false}, &method));
    return wg_jcall(run, &method, &args, out);
}

WG_J_BUILTIN(indent)
{
    const bool first = wg_jtrue(&arg[1]), blank = wg_jtrue(&arg[2]);
    const wg_jstring *s = self->string;
    int64_t width = 4, line = 0, n_lines = 0;
    wg_jvalue pad = {0};
    wg_text text = {0};
    wagle_status st = WAGLE_OK;
    int n;

    WG_J_UNUSED;
    if (self->kind != WG_J_STRING)
        return self->kind == WG_J_UNDEFINED ? wg_juse_undefined(run, self)
                                            : wg_jfail(&run->at, "indent of a %s", wg_jtype(self));
    if (arg[0].kind == WG_J_STRING)
        pad = arg[0];
    else if (arg[0].kind != WG_J_ABSENT && !wg_jwhole(&arg[0], &width))
        return wg_jfail(&run->at, "indent: the width is a %s", wg_jtype(&arg[0]));
    else
        WG_TRY(wg_jbinary(run, '*',
                          &(wg_jvalue){WG_J_STRING, {.string = &(wg_jstring){" ", 1, 1, 0, false}}},
                          &(wg_jvalue){WG_J_INT, {.integer = width}}, &pad));
    for (int64_t at = 0; st == WAGLE_OK && at <= s->bytes; at += n) {
        const bool end = at == s->bytes; /* the end of the text counts as a line break */
        const int32_t c = end ? '\n' : wg_jcode_at(s->text + at, s->bytes - at, &n);
        n = end ? 1 : n;
        if (!wg_jline_end(c))
            continue;
        if (n_lines > 0)
            st = wg_jadd(run, &text, "\n", 1);
        if (st == WAGLE_OK && (n_lines > 0 ? blank || at > line : first))
            st = wg_jadd(run, &text, pad.string->text, pad.string->bytes);
        if (st == WAGLE_OK)
            st = wg_jadd(run, &text, s->text + line, at - line);
        if (c == '\r' && at + 1 < s->bytes && s->text[at + 1] == '\n')
            n = 2;
        if (c == '\r' && at + 1 == s->bytes)
            n = 2; /* the line break that ends the text belongs to it */
        line = at + n;
        n_lines++;
    }
    WG_TRY(wg_jtext_take(run, st, &text, out));
    keep_markup(self, out);
    return WAGLE_OK;
}

/* Copies a Python number without surrounding spaces and without single underscores between digits.
 */
static bool plain_number(const wg_jstring *s, char *text, size_t capacity)
{
    int64_t from, to;
    size_t n = 0;

    wg_jstrip(s, NULL, true, true, &from, &to);
    for (int64_t i = from; i < to; i++) {
        const char c = s->text[i];
        const bool between = i > from && i + 1 < to && s->text[i - 1] >= '0' &&
                             s->text[i + 1] >= '0' && s->text[i - 1] != '_' &&
                             s->text[i + 1] != '_';
        if (c == '\0' || wg_jspace((unsigned char)c) || n + 1 >= capacity)
            return false;
        if (c == '_' && !between)
            return false;
        if (c != '_')
            text[n++] = c;
    }
    text[n] = '\0';
    return n > 0;
}

static bool real_of_text(const wg_jstring *s, double *out)
{
    char text[400], *end;

    if (!plain_number(s, text, sizeof text) || strpbrk(text, "xXpP(") != NULL)
        return false;
    *out = strtod(text, &end);
    return *end == '\0';
}

static wagle_status whole_of_real(wg_jrun *run, double x, const wg_jvalue *or_else, wg_jvalue *out)
{
    if (!isfinite(x)) {
        *out = *or_else;
        return WAGLE_OK;
    }
    if (fabs(x) >= 0x1p63)
        return wg_jfail(&run->at, "int: more than 64 bits");
    *out = wg_jint((int64_t)x);
    return WAGLE_OK;
}

static wagle_status whole_of_text(wg_jrun *run, const wg_jstring *s, int64_t base,
                                  const wg_jvalue *or_else, wg_jvalue *out)
{
    char text[400], *end = text;
    double x;

    if (base != 0 && (base < 2 || base > 36))
        return wg_jfail(&run->at, "int: a base of %lld", (long long)base);
    if (plain_number(s, text, sizeof text)) {
        const bool prefix = base == 10 && strpbrk(text, "xXoObB") != NULL;
        errno = 0;
        *out = wg_jint(prefix ? 0 : strtoll(text, &end, (int)base));
        if (*end == '\0' && end != text && errno == ERANGE)
            return wg_jfail(&run->at, "int: more than 64 bits");
        if (*end == '\0' && end != text)
            return WAGLE_OK;
    }
    *out = *or_else;
    return real_of_text(s, &x) ? whole_of_real(run, x, or_else, out) : WAGLE_OK;
}

WG_J_BUILTIN(to_int)
{
    const wg_jvalue zero = wg_jint(0), *or_else = arg[0].kind != WG_J_ABSENT ? &arg[0] : &zero;
    int64_t base = 10;
    double x;

    WG_J_UNUSED;
    if (arg[1].kind != WG_J_ABSENT && !wg_jwhole(&arg[1], &base))
        return wg_jfail(&run->at, "int: the base is a %s", wg_jtype(&arg[1]));
    if (self->kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, self);
    if (self->kind == WG_J_STRING)
        return whole_of_text(run, self->string, base, or_else, out);
    *out = *or_else;
    if (wg_jwhole(self, &base))
        *out = wg_jint(base);
    else if (wg_jnumber(self, &x))
        return whole_of_real(run, x, or_else, out);
    return WAGLE_OK;
}

WG_J_BUILTIN(to_float)
{
    double x = 0;

    WG_J_UNUSED;
    if (self->kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, self);
    if (self->kind == WG_J_STRING ? real_of_text(self->string, &x) : wg_jnumber(self, &x))
        *out = wg_jreal(x);
    else
        *out = arg[0].kind != WG_J_ABSENT ? arg[0] : wg_jreal(0);
    return WAGLE_OK;
}

WG_J_BUILTIN(absolute)
{
    int64_t i;

    WG_J_UNUSED;
    *out = *self;
    if (wg_jwhole(self, &i) && i != INT64_MIN)
        *out = wg_jint(i < 0 ? -i : i);
    else if (self->kind == WG_J_REAL)
        *out = wg_jreal(fabs(self->real));
    else
        return self->kind == WG_J_UNDEFINED ? wg_juse_undefined(run, self)
                                            : wg_jfail(&run->at, "abs of a %s", wg_jtype(self));
    return WAGLE_OK;
}

/* Rounds to `digits` places, half to even, from the exact value as in Python. */
static double round_to(double x, int digits)
{
    char text[400];

    if (!isfinite(x) || digits > 22)
        return x;
    if (digits < 0) {
        const double unit = pow(10, -digits);
        const double down = floor(x / unit), rest = x / unit - down;
        return unit * (rest > 0.5 || (rest == 0.5 && fmod(down, 2) != 0) ? down + 1 : down);
    }
    snprintf(text, sizeof text, "%.*f", digits, x);
    return strtod(text, NULL);
}

WG_J_BUILTIN(rounded)
{
    const char *method = arg[1].kind == WG_J_STRING ? arg[1].string->text : "common";
    int64_t digits = 0, i;
    double x;

    WG_J_UNUSED;
    if (!wg_jnumber(self, &x))
        return self->kind == WG_J_UNDEFINED ? wg_juse_undefined(run, self)
                                            : wg_jfail(&run->at, "round of a %s", wg_jtype(self));
    if ((arg[0].kind != WG_J_ABSENT && !wg_jwhole(&arg[0], &digits)) || digits > 300 ||
        digits < -300)
        return wg_jfail(&run->at, "round: the number of digits");
    if (strcmp(method, "common") == 0) {
        if (wg_jwhole(self, &i) && digits >= 0)
            *out = wg_jint(i);
        else if (wg_jwhole(self, &i))
            return whole_of_real(run, round_to(x, (int)digits), self, out);
        else
            *out = wg_jreal(round_to(x, (int)digits));
        return WAGLE_OK;
    }
    if (strcmp(method, "ceil") != 0 && strcmp(method, "floor") != 0)
        return wg_jfail(&run->at, "round: the method is common, ceil or floor");
    x = x * pow(10, (double)digits);
    *out = wg_jreal((method[0] == 'c' ? ceil(x) : floor(x)) / pow(10, (double)digits));
    return WAGLE_OK;
}

WG_J_BUILTIN(format)
{
    const wg_jstring *s;
    wg_jvalue with = {0};

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, self, &s));
    if (all->n > 0 && all->named > 0)
        return wg_jfail(&run->at, "format: positional and named arguments together");
    if (all->named > 0) {
        WG_TRY(wg_jdict_new(run, &with));
        for (int i = 0; i < all->named; i++)
            WG_TRY(wg_jdict_set(run, with.dict, &(wg_jvalue){WG_J_STRING, {.string = all->name[i]}},
                                all->value[i]));
    } else {
        WG_TRY(wg_jsequence_new(run, WG_J_TUPLE, all->n, &with));
        for (int i = 0; i < all->n; i++)
            WG_TRY(wg_jsequence_add(run, with.sequence, all->value[i]));
    }
    return wg_jpercent(run, s, &with, out);
}

/* Counts runs of letters, digits and _. */
WG_J_BUILTIN(wordcount)
{
    const wg_jstring *s;
    int64_t words = 0;
    bool inside = false;
    int n;

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, self, &s));
    WG_TRY(wg_jstep(run, s->bytes / 16));
    for (int64_t at = 0; at < s->bytes; at += n) {
        const int32_t c = wg_jcode_at(s->text + at, s->bytes - at, &n);
        const wg_jstring one = {s->text + at, n, 1, 0, false};
        const bool word = c == '_' || wg_jis(&one, "isalnum");
        words += word && !inside;
        inside = word;
    }
    *out = wg_jint(words);
    return WAGLE_OK;
}

WG_J_BUILTIN(safe)
{
    const wg_jstring *s;

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, self, &s));
    WG_TRY(wg_jtext_in_place(run, s->text, s->bytes, out));
    ((wg_jstring *)(uintptr_t)out->string)->markup = true;
    return WAGLE_OK;
}

WG_J_BUILTIN(escape)
{
    const wg_jstring *s;
    wg_text text = {0};

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, self, &s));
    WG_TRY(wg_jtext_take(run, wg_jescape(run, s, &text), &text, out));
    ((wg_jstring *)(uintptr_t)out->string)->markup = true;
    return WAGLE_OK;
}

WG_J_BUILTIN(forceescape)
{
    wg_jvalue plain = {0};
    const wg_jstring *s;

    WG_TRY(wg_jstring_of(run, self, &s));
    WG_TRY(wg_jtext_in_place(run, s->text, s->bytes, &plain));
    return escape(run, &plain, arg, all, out);
}

WG_J_BUILTIN(or_default)
{
    WG_J_UNUSED;
    *out = *self;
    if (self->kind == WG_J_UNDEFINED || (wg_jtrue(&arg[1]) && !wg_jtrue(self)))
        *out = arg[0];
    return out->kind == WG_J_ABSENT ? wg_jtext(run, "", 0, out) : WAGLE_OK;
}

WG_J_BUILTIN(length)
{
    bool there;

    WG_J_UNUSED;
    *out = wg_jint(wg_jlength(self));
    if (self->kind == WG_J_LOOP) {
        WG_TRY(wg_jloop_has(run, self->loop, -1, &there));
        *out = wg_jint(self->loop->kept->n);
    }
    return out->integer >= 0 ? WAGLE_OK : wg_jfail(&run->at, "a %s has no length", wg_jtype(self));
}

WG_J_BUILTIN(shorten)
{
    const wg_jstring dots = {"...", 3, 3, 0, false};
    const wg_jstring *s = self->string, *end = arg[2].kind == WG_J_STRING ? arg[2].string : &dots;
    int64_t length = 255, leeway = 5, cut;
    wg_text text = {0};
    wagle_status st;

    WG_J_UNUSED;
    if (wg_jlength(self) < 0 || (arg[0].kind != WG_J_ABSENT && !wg_jwhole(&arg[0], &length)) ||
        (arg[3].kind > WG_J_NONE && !wg_jwhole(&arg[3], &leeway)) || length < end->length ||
        leeway < 0)
        return wg_jfail(&run->at, "truncate: arguments that make no sense");
    *out = *self;
    if (wg_jlength(self) <= length || wg_jlength(self) - length <= leeway)
        return WAGLE_OK;
    if (self->kind != WG_J_STRING)
        return wg_jfail(&run->at, "truncate of a %s", wg_jtype(self));
    cut = wg_joffset(s, length - end->length);
    for (int64_t at = cut; !wg_jtrue(&arg[1]) && at > 0; at--)
        if (s->text[at - 1] == ' ') {
            cut = at - 1;
            break;
        }
    st = wg_jadd(run, &text, s->text, cut);
    if (st == WAGLE_OK)
        st = wg_jadd(run, &text, end->text, end->bytes);
    return wg_jtext_take(run, st, &text, out);
}

WG_J_BUILTIN(center)
{
    const wg_jvalue eighty = wg_jint(80);
    wg_jvalue text = {.kind = WG_J_STRING}, width = arg[0].kind != WG_J_ABSENT ? arg[0] : eighty,
              method;
    const wg_jargs args = {.value = &width, .n = 1};

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, self, &text.string));
    WG_TRY(wg_jown_attribute(run, &text, &(const wg_jstring){"center", 6, 6, 0, false}, &method));
    return wg_jcall(run, &method, &args, out);
}

WG_J_BUILTIN(tojson)
{
    return wg_jtojson_entry.run(run, self, arg, all, out);
}

const wg_jentry wg_jfilters_text[] = {
    {"abs", "", absolute},
    {"capitalize", "", capitalize},
    {"center", "width", center},
    {"count", "", length},
    {"d", "default_value boolean", or_default},
    {"default", "default_value boolean", or_default},
    {"e", "", escape},
    {"escape", "", escape},
    {"float", "default", to_float},
    {"forceescape", "", forceescape},
    {"format", "*", format},
    {"indent", "width first blank", indent},
    {"int", "default base", to_int},
    {"length", "", length},
    {"lower", "", lower},
    {"replace", "!old !new count", replace},
    {"round", "precision method", rounded},
    {"safe", "", safe},
    {"string", "", string},
    {"title", "", title},
    {"tojson", "ensure_ascii indent separators sort_keys", tojson},
    {"trim", "chars", trim},
    {"truncate", "length killwords end leeway", shorten},
    {"upper", "", upper},
    {"wordcount", "", wordcount},
    {NULL, NULL, NULL},
};
