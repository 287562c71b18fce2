/* format.c - "%s" % x and "{}".format(x). Unsupported conversions are refused by name. */
#include "text/jinja/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct spec {
    char fill[8];
    char align; /* < > ^ =, or 0 */
    char sign;  /* + - space */
    char type;
    bool zero, alternate, comma;
    int width, precision; /* precision: -1 if not given */
} spec;

static wagle_status put_padded(wg_jrun *run, const spec *s, const char *text, int64_t bytes,
                               int64_t head, wg_text *out)
{
    const int64_t length = wg_jcount(text, bytes);
    const int64_t missing = s->width > length ? s->width - length : 0;
    const int64_t left = s->align == '<' ? 0 : s->align == '^' ? missing / 2 : missing;

    head = s->align == '=' ? head : 0;
    WG_TRY(wg_jadd(run, out, text, head));
    for (int64_t i = 0; i < left; i++)
        WG_TRY(wg_jadd(run, out, s->fill, (int64_t)strlen(s->fill)));
    WG_TRY(wg_jadd(run, out, text + head, bytes - head));
    for (int64_t i = left; i < missing; i++)
        WG_TRY(wg_jadd(run, out, s->fill, (int64_t)strlen(s->fill)));
    return WAGLE_OK;
}

/* Writes the digits of a number without its sign. */
static wagle_status digits_of(wg_jrun *run, const spec *s, const wg_jvalue *v, char *text,
                              size_t capacity)
{
    const int precision = s->precision < 0 ? 6 : s->precision;
    int64_t i = 0;
    double x = 0;

    (void)wg_jnumber(v, &x);
    x = fabs(x);
    if (strchr("dxXo", s->type) != NULL) {
        if (!wg_jwhole(v, &i) && (s->type != 'd' || !isfinite(x) || x >= 0x1p63))
            return wg_jfail(&run->at, "format %%%c of a %s", s->type, wg_jtype(v));
        const uint64_t u = wg_jwhole(v, &i) ? (i < 0 ? 0 - (uint64_t)i : (uint64_t)i) : (uint64_t)x;
        snprintf(text, capacity,
                 s->type == 'd'   ? "%llu"
                 : s->type == 'o' ? "%llo"
                 : s->type == 'x' ? "%llx"
                                  : "%llX",
                 (unsigned long long)u);
        return WAGLE_OK;
    }
    if (strchr("fFeEgG", s->type) == NULL || s->type == '\0')
        return wg_jfail(&run->at, "the format '%c' is not supported", s->type);
    const char format[] = {'%', '.', '*', s->type, '\0'};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, capacity, format, precision, x);
#pragma GCC diagnostic pop
    return WAGLE_OK;
}

static wagle_status put_number(wg_jrun *run, spec s, const wg_jvalue *v, wg_text *out)
{
    char digits[800], text[1000];
    double x = 0;
    int64_t n = 0, whole;

    if (!wg_jnumber(v, &x))
        return wg_jfail(&run->at, "format '%c' of a %s", s.type, wg_jtype(v));
    if (s.precision > 300 || s.width > 10000)
        return wg_jfail(&run->at, "a format of more than 300 digits");
    WG_TRY(digits_of(run, &s, v, digits, sizeof digits));
    if (signbit(x) && !(s.type == 'd' && x > -1 && v->kind == WG_J_REAL))
        text[n++] = '-';
    else if (s.sign == '+' || s.sign == ' ')
        text[n++] = s.sign;
    const int64_t head = n;
    whole = (int64_t)strspn(digits, "0123456789");
    for (int64_t i = 0; digits[i] != '\0'; i++) {
        if (s.comma && i > 0 && i < whole && (whole - i) % 3 == 0)
            text[n++] = ',';
        text[n++] = digits[i];
    }
    if (s.zero && s.align == 0) {
        s.align = '=';
        strcpy(s.fill, "0");
    }
    s.align = s.align == 0 ? '>' : s.align;
    return put_padded(run, &s, text, n, head, out);
}

static wagle_status put_string(wg_jrun *run, spec s, const wg_jstring *v, wg_text *out)
{
    int64_t bytes = v->bytes;

    if (s.precision >= 0 && s.precision < v->length)
        bytes = wg_joffset(v, s.precision);
    return put_padded(run, &s, v->text, bytes, 0, out);
}

static int number_at(const wg_jstring *f, int64_t *at)
{
    int n = 0;

    for (; *at < f->bytes && f->text[*at] >= '0' && f->text[*at] <= '9'; ++*at)
        n = n < 100000 ? 10 * n + f->text[*at] - '0' : n;
    return n;
}

static bool is_at(const wg_jstring *f, int64_t at, char c)
{
    return at < f->bytes && f->text[at] == c;
}

/* --- "%s" % x --------------------------------------------------------------------------------- */

typedef struct operands {
    const wg_jvalue *with;
    const wg_jsequence *tuple; /* NULL: `with` is the only operand */
    int64_t used;
    bool named;
} operands;

static wagle_status next_operand(wg_jrun *run, operands *o, const wg_jvalue **out)
{
    const int64_t n = o->tuple != NULL ? o->tuple->n : 1;

    if (o->used >= n)
        return wg_jfail(&run->at, "not enough values for a format");
    *out = o->tuple != NULL ? &o->tuple->item[o->used] : o->with;
    o->used++;
    return WAGLE_OK;
}

static wagle_status named_operand(wg_jrun *run, operands *o, const wg_jstring *f, int64_t *at,
                                  const wg_jvalue **out)
{
    const char *end = memchr(f->text + *at, ')', (size_t)(f->bytes - *at));
    wg_jvalue key = {0};

    if (end == NULL || o->with->kind != WG_J_DICT)
        return wg_jfail(&run->at, "a format with a name wants a dict");
    WG_TRY(wg_jtext_in_place(run, f->text + *at, end - f->text - *at, &key));
    *at = end - f->text + 1;
    *out = wg_jdict_get(o->with->dict, &key);
    o->named = true;
    return *out != NULL ? WAGLE_OK
                        : wg_jfail(&run->at, "a format has no value for '%.60s'", key.string->text);
}

static wagle_status put_conversion(wg_jrun *run, spec *s, const wg_jvalue *v, wg_text *out)
{
    const wg_jstring *text;
    wg_text repr = {0};
    wg_jvalue made = {0};

    if (s->type == 'i' || s->type == 'u')
        s->type = 'd';
    if (s->type == 's' || s->type == 'r') {
        if (s->type == 'r') {
            WG_TRY(wg_jtext_take(run, wg_jprint(run, v, true, &repr), &repr, &made));
            v = &made;
        }
        WG_TRY(wg_jstring_of(run, v, &text));
        s->align = s->align == 0 ? '>' : s->align;
        return put_string(run, *s, text, out);
    }
    if (v->kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, v);
    if (s->type == 'c' && v->kind == WG_J_STRING && v->string->length == 1)
        return put_string(run, *s, v->string, out);
    if (s->alternate || strchr("dxXofFeEgG", s->type) == NULL)
        return wg_jfail(&run->at, "the format %%%s%c is not supported", s->alternate ? "#" : "",
                        s->type);
    if (s->align == '<')
        s->zero = false;
    return put_number(run, *s, v, out);
}

static wagle_status percent_one(wg_jrun *run, operands *o, const wg_jstring *f, int64_t *at,
                                wg_text *out)
{
    spec s = {.fill = " ", .precision = -1};
    const wg_jvalue *v = NULL;

    if (is_at(f, *at, '('))
        WG_TRY((++*at, named_operand(run, o, f, at, &v)));
    for (; *at < f->bytes && f->text[*at] != '\0' && strchr("-+ #0", f->text[*at]) != NULL; ++*at) {
        const char c = f->text[*at];
        s.align = c == '-' ? '<' : s.align;
        s.sign = c == '+' || (c == ' ' && s.sign != '+') ? c : s.sign;
        s.zero = s.zero || c == '0';
        s.alternate = s.alternate || c == '#';
    }
    s.width = number_at(f, at);
    if (is_at(f, *at, '.')) {
        ++*at;
        s.precision = number_at(f, at);
    }
    if (*at >= f->bytes)
        return wg_jfail(&run->at, "a format that is not whole");
    s.type = f->text[(*at)++];
    if (s.type == '%')
        return wg_jadd(run, out, "%", 1);
    if (s.type == '*' || s.type == '\0')
        return wg_jfail(&run->at, "the format '%%*' is not supported");
    if (v == NULL)
        WG_TRY(next_operand(run, o, &v));
    return v != NULL ? put_conversion(run, &s, v, out)
                     : wg_jfail(&run->at, "a format wants more values");
}

static wagle_status percent_all(wg_jrun *run, operands *o, const wg_jstring *f, wg_text *out)
{
    for (int64_t at = 0; at < f->bytes;) {
        const char *mark = memchr(f->text + at, '%', (size_t)(f->bytes - at));
        const int64_t end = mark != NULL ? mark - f->text : f->bytes;
        WG_TRY(wg_jadd(run, out, f->text + at, end - at));
        at = end + 1;
        if (mark != NULL)
            WG_TRY(percent_one(run, o, f, &at, out));
    }
    return WAGLE_OK;
}

wagle_status wg_jpercent(wg_jrun *run, const wg_jstring *format, const wg_jvalue *with,
                         wg_jvalue *out)
{
    const bool tuple = with->kind == WG_J_SEQUENCE && with->sequence->flavour == WG_J_TUPLE;
    const bool spare = /* operands that may remain unused */
        with->kind == WG_J_DICT || with->kind == WG_J_UNDEFINED ||
        (with->kind == WG_J_SEQUENCE && !tuple && with->sequence->flavour <= WG_J_RANGE_OBJECT);
    operands o = {.with = with, .tuple = tuple ? with->sequence : NULL};
    wg_text text = {0};

    if (format->markup)
        return wg_jfail(&run->at, "%% of a string that was marked safe is not supported");
    WG_TRY(wg_jstep(run, format->bytes / 16));
    WG_TRY(wg_jtext_take(run, percent_all(run, &o, format, &text), &text, out));
    if (!o.named && !spare && o.used < (tuple ? with->sequence->n : 1))
        return wg_jfail(&run->at, "not all values were used by a format");
    return WAGLE_OK;
}

/* --- "{}".format(x) --------------------------------------------------------------------------- */

/* Parses [at,end) of f: fill, align, sign, #, 0, width, comma, precision, type. */
static wagle_status read_spec(wg_jrun *run, const wg_jstring *f, int64_t at, int64_t end, spec *s)
{
    int n = 0;

    *s = (spec){.fill = " ", .precision = -1};
    if (at < end)
        (void)wg_jcode_at(f->text + at, end - at, &n);
    if (n > 0 && at + n < end && f->text[at + n] != '\0' &&
        strchr("<>^=", f->text[at + n]) != NULL) {
        memcpy(s->fill, f->text + at, (size_t)n);
        s->fill[n] = '\0';
        s->align = f->text[at + n];
        at += n + 1;
    } else if (at < end && f->text[at] != '\0' && strchr("<>^=", f->text[at]) != NULL) {
        s->align = f->text[at++];
    }
    if (at < end && f->text[at] != '\0' && strchr("+- ", f->text[at]) != NULL)
        s->sign = f->text[at++];
    s->zero = at < end && f->text[at] == '0';
    s->width = number_at(f, &at);
    if (is_at(f, at, ',') && at < end) {
        s->comma = true;
        at++;
    }
    if (is_at(f, at, '.') && at < end) {
        at++;
        s->precision = number_at(f, &at);
    }
    if (at < end)
        s->type = f->text[at++];
    return at == end && s->width <= 10000
               ? WAGLE_OK
               : wg_jfail(&run->at, "a format in braces that is not supported");
}

static wagle_status put_value(wg_jrun *run, const wg_jstring *f, int64_t at, int64_t end,
                              char conversion, const wg_jvalue *v, wg_text *out)
{
    const bool number = v->kind == WG_J_INT || v->kind == WG_J_REAL;
    const wg_jstring *text;
    wg_text made = {0};
    wg_jvalue string = {0};
    spec s = {0};

    WG_TRY(read_spec(run, f, at, end, &s));
    if (conversion == 0 && number && s.type != 's' && at < end) {
        if (s.type == '%') {
            wg_jvalue hundred = wg_jreal(100);
            WG_TRY(wg_jbinary(run, '*', v, &hundred, &string));
            s.type = 'f';
            WG_TRY(put_number(run, s, &string, out));
            return wg_jadd(run, out, "%", 1);
        }
        if (s.type == 0 && (v->kind == WG_J_INT || s.precision >= 0))
            s.type = v->kind == WG_J_INT ? 'd' : 'g';
        if (s.type != 0)
            return put_number(run, s, v, out);
    }
    if (conversion == 0 && at < end && v->kind != WG_J_STRING && !number)
        return wg_jfail(&run->at, "a format in braces for a %s is not supported", wg_jtype(v));
    if (s.type != 0 && s.type != 's')
        return wg_jfail(&run->at, "the format '%c' of a %s", s.type, wg_jtype(v));
    WG_TRY(wg_jtext_take(run, wg_jprint(run, v, conversion == 'r', &made), &made, &string));
    WG_TRY(wg_jstring_of(run, &string, &text));
    s.align = s.align == 0 ? (number && conversion == 0 ? '>' : '<') : s.align;
    return put_string(run, s, text, out);
}

/* Evaluates a field: a name, an index or "", followed by any number of .b or [b]. */
static wagle_status read_field(wg_jrun *run, const wg_jstring *f, int64_t at, int64_t end,
                               const wg_jargs *with, int *automatic, wg_jvalue *out)
{
    int64_t stop = at, index = 0;
    bool numbered = true, found = false;

    while (stop < end && f->text[stop] != '.' && f->text[stop] != '[')
        numbered = f->text[stop] >= '0' && f->text[stop] <= '9' && numbered, stop++;
    if (stop < end)
        return wg_jfail(&run->at, "attributes in a format in braces are not supported");
    if (stop == at)
        index = (*automatic)++;
    else if (numbered)
        index = number_at(f, &at);
    if (numbered) {
        found = index < with->n;
        if (found)
            *out = with->value[index];
    }
    for (int i = 0; !numbered && i < with->named; i++)
        if (with->name[i]->bytes == stop - at &&
            memcmp(with->name[i]->text, f->text + at, (size_t)(stop - at)) == 0) {
            *out = with->value[with->n + i];
            found = true;
        }
    return found ? WAGLE_OK : wg_jfail(&run->at, "a format in braces has no such value");
}

/* Formats {field!r:spec}; *at is after the opening brace. */
static wagle_status brace_one(wg_jrun *run, const wg_jstring *f, int64_t *at, const wg_jargs *with,
                              int *automatic, wg_text *out)
{
    const char *close = memchr(f->text + *at, '}', (size_t)(f->bytes - *at));
    const int64_t end = close != NULL ? close - f->text : f->bytes;
    int64_t name = *at, from;
    char conversion = 0;
    wg_jvalue v = {0};

    if (close == NULL || memchr(f->text + *at, '{', (size_t)(end - *at)) != NULL)
        return wg_jfail(&run->at, "a format whose braces do not match, or are nested");
    while (name < end && f->text[name] != '!' && f->text[name] != ':')
        name++;
    from = name;
    if (is_at(f, from, '!') && from < end) {
        conversion = from + 1 < end ? f->text[from + 1] : '?';
        from += 2;
        if ((conversion != 'r' && conversion != 's') || (from < end && f->text[from] != ':'))
            return wg_jfail(&run->at, "a format with '!%c' is not supported", conversion);
    }
    WG_TRY(read_field(run, f, *at, name, with, automatic, &v));
    from += from < end && f->text[from] == ':';
    *at = end + 1;
    return put_value(run, f, from, end, conversion, &v, out);
}

static wagle_status braces_all(wg_jrun *run, const wg_jstring *f, const wg_jargs *with,
                               wg_text *out)
{
    int automatic = 0;

    for (int64_t at = 0; at < f->bytes;) {
        const char c = f->text[at];
        const bool twice = is_at(f, at + 1, c);
        if (c != '{' && c != '}') {
            int64_t end = at;
            while (end < f->bytes && f->text[end] != '{' && f->text[end] != '}')
                end++;
            WG_TRY(wg_jadd(run, out, f->text + at, end - at));
            at = end;
        } else if (twice) {
            WG_TRY(wg_jadd(run, out, &c, 1));
            at += 2;
        } else if (c == '}') {
            return wg_jfail(&run->at, "a format with a single '}'");
        } else {
            at++;
            WG_TRY(brace_one(run, f, &at, with, &automatic, out));
        }
    }
    return WAGLE_OK;
}

wagle_status wg_jbraces(wg_jrun *run, const wg_jstring *format, const wg_jargs *with,
                        wg_jvalue *out)
{
    wg_text text = {0};

    if (format->markup)
        return wg_jfail(&run->at, "format of a string that was marked safe is not supported");
    WG_TRY(wg_jstep(run, format->bytes / 16));
    return wg_jtext_take(run, braces_all(run, format, with, &text), &text, out);
}
