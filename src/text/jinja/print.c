/* print.c - converts values to text: Python's str() and repr(), and JSON like json.dumps. */
#include "text/jinja/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

wagle_status wg_jadd(wg_jrun *run, wg_text *out, const char *text, int64_t bytes)
{
    if (out->bytes + bytes > WG_J_OUTPUT)
        return wg_jfail(&run->at, "the template writes more than %d MB", WG_J_OUTPUT >> 20);
    return wg_text_add(run->at.ctx, out, text, (size_t)bytes);
}

static wagle_status addz(wg_jrun *run, wg_text *out, const char *text)
{
    return wg_jadd(run, out, text, (int64_t)strlen(text));
}

/* Formats x like Python: the fewest digits that read back as x. */
void wg_jreal_text(double x, char out[64])
{
    char shortest[32], digits[32];
    int n = 0, power;

    if (!isfinite(x)) {
        strcpy(out, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
        return;
    }
    for (int precision = 0; precision < 18; precision++) {
        snprintf(shortest, sizeof shortest, "%.*e", precision, fabs(x));
        if (strtod(shortest, NULL) == fabs(x))
            break;
    }
    power = atoi(strchr(shortest, 'e') + 1);
    for (const char *c = shortest; *c != 'e'; c++)
        if (*c != '.')
            digits[n++] = *c;
    digits[n] = '\0';
    if (signbit(x))
        *out++ = '-';
    if (power < -4 || power >= 16)
        snprintf(out, 62, "%c%s%se%c%02d", digits[0], n > 1 ? "." : "", digits + 1,
                 power < 0 ? '-' : '+', abs(power));
    else if (power < 0)
        snprintf(out, 62, "0.%.*s%s", -power - 1, "0000", digits);
    else if (n <= power + 1)
        snprintf(out, 62, "%s%.*s.0", digits, power + 1 - n, "0000000000000000");
    else
        snprintf(out, 62, "%.*s.%s", power + 1, digits, digits + power + 1);
}

static wagle_status add_code(wg_jrun *run, int32_t c, wg_text *out)
{
    char text[16];

    snprintf(text, sizeof text,
             c < 0x100     ? "\\x%02x"
             : c < 0x10000 ? "\\u%04x"
                           : "\\U%08x",
             (unsigned)c);
    return addz(run, out, text);
}

static wagle_status repr_string(wg_jrun *run, const wg_jstring *s, wg_text *out)
{
    const bool single = memchr(s->text, '\'', (size_t)s->bytes) != NULL &&
                        memchr(s->text, '"', (size_t)s->bytes) == NULL;
    const char quote[] = {single ? '"' : '\'', '\0'};
    int n;

    if (s->markup)
        WG_TRY(addz(run, out, "Markup("));
    WG_TRY(addz(run, out, quote));
    for (int64_t at = 0; at < s->bytes; at += n) {
        const int32_t c = wg_jcode_at(s->text + at, s->bytes - at, &n);
        if (c == quote[0] || c == '\\')
            WG_TRY(addz(run, out, "\\"));
        if (c == '\n' || c == '\r' || c == '\t')
            WG_TRY(addz(run, out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t"));
        else if (!wg_jprintable(c))
            WG_TRY(add_code(run, c, out));
        else
            WG_TRY(wg_jadd(run, out, s->text + at, n));
    }
    WG_TRY(addz(run, out, quote));
    return s->markup ? addz(run, out, ")") : WAGLE_OK;
}

static wagle_status print_range(wg_jrun *run, const wg_jsequence *s, wg_text *out)
{
    char text[100];

    if (s->step == 1)
        snprintf(text, sizeof text, "range(%lld, %lld)", (long long)s->start, (long long)s->stop);
    else
        snprintf(text, sizeof text, "range(%lld, %lld, %lld)", (long long)s->start,
                 (long long)s->stop, (long long)s->step);
    return addz(run, out, text);
}

static wagle_status print_sequence(wg_jrun *run, const wg_jsequence *s, wg_text *out)
{
    static const char *const open[] = {"[",           "(", "", "dict_keys([", "dict_values([",
                                       "dict_items(["};
    static const char *const close[] = {"]", ")", "", "])", "])", "])"};

    if (s->flavour == WG_J_RANGE_OBJECT)
        return print_range(run, s, out);
    if (s->flavour == WG_J_ITERATOR)
        return wg_jfail(&run->at, "a generator is printed; '| list' makes a list of it");
    WG_TRY(addz(run, out, open[s->flavour]));
    for (int64_t i = 0; i < s->n; i++) {
        if (i > 0)
            WG_TRY(addz(run, out, ", "));
        WG_TRY(wg_jprint(run, &s->item[i], true, out));
    }
    if (s->flavour == WG_J_TUPLE && s->n == 1)
        WG_TRY(addz(run, out, ","));
    return addz(run, out, close[s->flavour]);
}

static wagle_status print_dict(wg_jrun *run, const wg_jdict *d, wg_text *out)
{
    WG_TRY(addz(run, out, "{"));
    for (int64_t i = 0; i < d->n; i++) {
        if (i > 0)
            WG_TRY(addz(run, out, ", "));
        WG_TRY(wg_jprint(run, &d->key[i], true, out));
        WG_TRY(addz(run, out, ": "));
        WG_TRY(wg_jprint(run, &d->value[i], true, out));
    }
    return addz(run, out, "}");
}

static wagle_status print_loop(wg_jrun *run, wg_jloop *loop, wg_text *out)
{
    char text[80];
    bool there;

    WG_TRY(wg_jloop_has(run, loop, -1, &there));
    snprintf(text, sizeof text, "<LoopContext %lld/%lld>", (long long)loop->index + 1,
             (long long)loop->kept->n);
    return addz(run, out, text);
}

static wagle_status print_macro(wg_jrun *run, const wg_jmacro *macro, wg_text *out)
{
    if (macro->node->name == NULL)
        return addz(run, out, "<Macro anonymous>");
    WG_TRY(addz(run, out, "<Macro "));
    WG_TRY(repr_string(run, macro->node->name, out));
    return addz(run, out, ">");
}

static wagle_status print_value(wg_jrun *run, const wg_jvalue *v, bool repr, wg_text *out)
{
    char text[64];

    switch (v->kind) {
    case WG_J_UNDEFINED:
        return addz(run, out, repr ? "Undefined" : "");
    case WG_J_NONE:
        return addz(run, out, "None");
    case WG_J_BOOL:
        return addz(run, out, v->boolean ? "True" : "False");
    case WG_J_INT:
        snprintf(text, sizeof text, "%lld", (long long)v->integer);
        return addz(run, out, text);
    case WG_J_REAL:
        wg_jreal_text(v->real, text);
        return addz(run, out, text);
    case WG_J_STRING:
        return repr ? repr_string(run, v->string, out)
                    : wg_jadd(run, out, v->string->text, v->string->bytes);
    case WG_J_SEQUENCE:
        return print_sequence(run, v->sequence, out);
    case WG_J_DICT:
        return print_dict(run, v->dict, out);
    case WG_J_NAMESPACE:
        WG_TRY(addz(run, out, "<Namespace "));
        WG_TRY(print_dict(run, v->dict, out));
        return addz(run, out, ">");
    case WG_J_MACRO:
        return print_macro(run, v->macro, out);
    case WG_J_LOOP:
        return print_loop(run, v->loop, out);
    default:
        return wg_jfail(&run->at, "a %s is printed", wg_jtype(v));
    }
}

wagle_status wg_jprint(wg_jrun *run, const wg_jvalue *v, bool repr, wg_text *out)
{
    WG_TRY(wg_jstep(run, 1));
    if (++run->depth > WG_J_DEPTH)
        return wg_jfail(&run->at, "a value that is printed is nested more than %d deep",
                        WG_J_DEPTH);
    WG_TRY(print_value(run, v, repr, out));
    run->depth--;
    return WAGLE_OK;
}

wagle_status wg_jstring_of(wg_jrun *run, const wg_jvalue *v, const wg_jstring **out)
{
    wg_text text = {0};
    wg_jvalue made = {0};

    if (v->kind == WG_J_STRING) {
        *out = v->string;
        return WAGLE_OK;
    }
    WG_TRY(wg_jtext_take(run, wg_jprint(run, v, false, &text), &text, &made));
    *out = made.string;
    return WAGLE_OK;
}

wagle_status wg_jescape(wg_jrun *run, const wg_jstring *s, wg_text *out)
{
    static const char marks[] = "&<>'\"";
    static const char *const codes[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    int64_t from = 0;

    for (int64_t i = 0; i < s->bytes && !s->markup; i++) {
        const char *mark = s->text[i] != '\0' ? strchr(marks, s->text[i]) : NULL;
        if (mark == NULL)
            continue;
        WG_TRY(wg_jadd(run, out, s->text + from, i - from));
        WG_TRY(addz(run, out, codes[mark - marks]));
        from = i + 1;
    }
    return wg_jadd(run, out, s->text + from, s->bytes - from);
}

/* --- JSON ------------------------------------------------------------------------------------- */

typedef struct dumper {
    wg_jrun *run;
    wg_text *out;
    const char *indent;     /* of one level; NULL: all on one line */
    const char *item, *key; /* separators */
    int64_t item_bytes, key_bytes;
    bool ascii, sorted;
    int level;
} dumper;

static wagle_status dump_value(dumper *d, const wg_jvalue *v);

static wagle_status dump_code(dumper *d, int32_t c, const char *utf8, int n)
{
    static const char marks[] = "\"\\\n\r\t\f\b", codes[] = "\"\\nrtfb";
    const char *mark = c != 0 && c < 0x80 ? strchr(marks, c) : NULL;
    char text[16];

    if (mark != NULL)
        snprintf(text, sizeof text, "\\%c", codes[mark - marks]);
    else if (c < 0x20 || (d->ascii && c > 0x7E && c < 0x10000))
        snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    else if (d->ascii && c >= 0x10000)
        snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xD800u + ((unsigned)(c - 0x10000) >> 10),
                 0xDC00u + ((unsigned)(c - 0x10000) & 0x3FF));
    else
        return wg_jadd(d->run, d->out, utf8, n);
    return addz(d->run, d->out, text);
}

static wagle_status dump_string(dumper *d, const wg_jstring *s)
{
    int n;

    WG_TRY(wg_jstep(d->run, s->bytes / 16));
    WG_TRY(addz(d->run, d->out, "\""));
    for (int64_t at = 0; at < s->bytes; at += n) {
        const int32_t c = wg_jcode_at(s->text + at, s->bytes - at, &n);
        WG_TRY(dump_code(d, c, s->text + at, n));
    }
    return addz(d->run, d->out, "\"");
}

static wagle_status dump_scalar(dumper *d, const wg_jvalue *v)
{
    char text[64];

    if (v->kind == WG_J_NONE)
        return addz(d->run, d->out, "null");
    if (v->kind == WG_J_BOOL)
        return addz(d->run, d->out, v->boolean ? "true" : "false");
    if (v->kind == WG_J_REAL && !isfinite(v->real))
        return addz(d->run, d->out,
                    isnan(v->real) ? "NaN"
                    : v->real > 0  ? "Infinity"
                                   : "-Infinity");
    if (v->kind == WG_J_REAL) {
        wg_jreal_text(v->real, text);
        return addz(d->run, d->out, text);
    }
    if (v->kind != WG_J_INT)
        return wg_jfail(&d->run->at, "tojson: a value of type %s has no JSON", wg_jtype(v));
    return wg_jprint(d->run, v, false, d->out);
}

static wagle_status dump_key(dumper *d, const wg_jvalue *key)
{
    if (key->kind == WG_J_STRING)
        return dump_string(d, key->string);
    if (key->kind == WG_J_SEQUENCE)
        return wg_jfail(&d->run->at, "tojson: a key of type %s", wg_jtype(key));
    WG_TRY(addz(d->run, d->out, "\""));
    WG_TRY(dump_scalar(d, key));
    return addz(d->run, d->out, "\"");
}

static wagle_status dump_break(dumper *d)
{
    if (d->indent == NULL)
        return WAGLE_OK;
    WG_TRY(addz(d->run, d->out, "\n"));
    for (int i = 0; i < d->level; i++)
        WG_TRY(addz(d->run, d->out, d->indent));
    return WAGLE_OK;
}

/* Writes the separator before item i, and a new line. */
static wagle_status dump_between(dumper *d, int64_t i)
{
    if (i > 0)
        WG_TRY(wg_jadd(d->run, d->out, d->item, d->item_bytes));
    return dump_break(d);
}

static wagle_status dump_list(dumper *d, const wg_jsequence *s)
{
    if (s->flavour > WG_J_TUPLE)
        return wg_jfail(
            &d->run->at, "tojson: a value of type %s has no JSON",
            wg_jtype(&(wg_jvalue){WG_J_SEQUENCE, {.sequence = (wg_jsequence *)(uintptr_t)s}}));
    if (s->n == 0)
        return addz(d->run, d->out, "[]");
    WG_TRY(addz(d->run, d->out, "["));
    d->level++;
    for (int64_t i = 0; i < s->n; i++) {
        WG_TRY(dump_between(d, i));
        WG_TRY(dump_value(d, &s->item[i]));
    }
    d->level--;
    WG_TRY(dump_break(d));
    return addz(d->run, d->out, "]");
}

/* Sorts the keys: order [n]. Selection sort is enough, because dicts are small and steps are
 * counted. */
static wagle_status sort_keys(dumper *d, const wg_jdict *dict, int64_t *order)
{
    for (int64_t i = 0; i < dict->n; i++)
        order[i] = i;
    for (int64_t i = 1; d->sorted && i < dict->n; i++) {
        const int64_t key = order[i];
        int64_t j = i;
        for (int c; j > 0; order[j] = order[j - 1], j--) {
            WG_TRY(wg_jstep(d->run, 1));
            WG_TRY(wg_jcompare(d->run, &dict->key[order[j - 1]], &dict->key[key], &c));
            if (c <= 0)
                break;
        }
        order[j] = key;
    }
    return WAGLE_OK;
}

static wagle_status dump_dict(dumper *d, const wg_jdict *dict)
{
    int64_t *order;

    if (dict->n == 0)
        return addz(d->run, d->out, "{}");
    WG_TRY(WG_J_NEW(d->run, &order, dict->n));
    WG_TRY(sort_keys(d, dict, order));
    WG_TRY(addz(d->run, d->out, "{"));
    d->level++;
    for (int64_t i = 0; i < dict->n; i++) {
        WG_TRY(dump_between(d, i));
        WG_TRY(dump_key(d, &dict->key[order[i]]));
        WG_TRY(wg_jadd(d->run, d->out, d->key, d->key_bytes));
        WG_TRY(dump_value(d, &dict->value[order[i]]));
    }
    d->level--;
    WG_TRY(dump_break(d));
    return addz(d->run, d->out, "}");
}

static wagle_status dump_value(dumper *d, const wg_jvalue *v)
{
    wagle_status st;

    WG_TRY(wg_jstep(d->run, 1));
    if (++d->run->depth > WG_J_DEPTH)
        return wg_jfail(&d->run->at, "tojson: a value is nested more than %d deep", WG_J_DEPTH);
    if (v->kind == WG_J_STRING)
        st = dump_string(d, v->string);
    else if (v->kind == WG_J_SEQUENCE)
        st = dump_list(d, v->sequence);
    else if (v->kind == WG_J_DICT)
        st = dump_dict(d, v->dict);
    else
        st = dump_scalar(d, v);
    d->run->depth--;
    return st;
}

static wagle_status read_indent(dumper *d, const wg_jvalue *indent)
{
    int64_t n;
    char *made;

    if (indent->kind == WG_J_ABSENT || indent->kind == WG_J_NONE)
        return WAGLE_OK;
    d->item = ",";
    d->item_bytes = 1;
    if (indent->kind == WG_J_STRING &&
        memchr(indent->string->text, '\0', (size_t)indent->string->bytes) == NULL) {
        d->indent = indent->string->text;
        if (d->indent[indent->string->bytes] == '\0')
            return WAGLE_OK;
        WG_TRY(WG_J_NEW(d->run, &made, indent->string->bytes + 1));
        memcpy(made, d->indent, (size_t)indent->string->bytes);
        d->indent = made;
        return WAGLE_OK;
    }
    if (!wg_jwhole(indent, &n) || n > 1000)
        return wg_jfail(&d->run->at, "tojson: indent is a number up to 1000 or a string");
    WG_TRY(WG_J_NEW(d->run, &made, (n > 0 ? n : 0) + 1));
    memset(made, ' ', (size_t)(n > 0 ? n : 0));
    d->indent = made;
    return WAGLE_OK;
}

static wagle_status read_separators(dumper *d, const wg_jvalue *v)
{
    const wg_jsequence *s;

    if (v->kind == WG_J_ABSENT || v->kind == WG_J_NONE)
        return WAGLE_OK;
    WG_TRY(wg_jitems(d->run, v, &s));
    if (s->n != 2 || s->item[0].kind != WG_J_STRING || s->item[1].kind != WG_J_STRING)
        return wg_jfail(&d->run->at, "tojson: separators are two strings");
    d->item = s->item[0].string->text;
    d->item_bytes = s->item[0].string->bytes;
    d->key = s->item[1].string->text;
    d->key_bytes = s->item[1].string->bytes;
    return WAGLE_OK;
}

static wagle_status tojson(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg,
                           const wg_jargs *all, wg_jvalue *out)
{
    wg_text text = {0};
    dumper d = {.run = run,
                .out = &text,
                .item = ", ",
                .item_bytes = 2,
                .key = ": ",
                .key_bytes = 2,
                .ascii = wg_jtrue(&arg[0]),
                .sorted = wg_jtrue(&arg[3])};

    (void)all;
    WG_TRY(read_indent(&d, &arg[1]));
    WG_TRY(read_separators(&d, &arg[2]));
    return wg_jtext_take(run, dump_value(&d, self), &text, out);
}

const wg_jentry wg_jtojson_entry = {"tojson", "ensure_ascii indent separators sort_keys", tojson};
