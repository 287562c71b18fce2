/* functions.c - global functions of templates: range, namespace, raise_exception, ... */
#include "text/jinja/internal.h"

#include <string.h>

WG_J_BUILTIN(range)
{
    int64_t bound[3] = {0, 0, 1}, n;

    WG_J_UNUSED;
    for (int i = 0; i < 3; i++)
        if (arg[i].kind != WG_J_ABSENT && !wg_jwhole(&arg[i], &bound[i]))
            return arg[i].kind == WG_J_UNDEFINED
                       ? wg_juse_undefined(run, &arg[i])
                       : wg_jfail(&run->at, "range of a %s", wg_jtype(&arg[i]));
    if (arg[1].kind == WG_J_ABSENT) {
        bound[1] = bound[0];
        bound[0] = 0;
    }
    if (bound[2] == 0)
        return wg_jfail(&run->at, "range with a step of 0");
    const double span = ((double)bound[1] - (double)bound[0]) / (double)bound[2];
    n = span <= 0 ? 0 : span > WG_J_RANGE ? WG_J_RANGE + 1 : (int64_t)span + 1;
    while (n > 0 && n <= WG_J_RANGE && /* excludes items beyond the end */
           (bound[2] > 0 ? bound[0] + (n - 1) * bound[2] >= bound[1]
                         : bound[0] + (n - 1) * bound[2] <= bound[1]))
        n--;
    if (n > WG_J_RANGE)
        return wg_jfail(&run->at, "a range of more than %d items", WG_J_RANGE);
    WG_TRY(wg_jstep(run, n));
    WG_TRY(wg_jsequence_new(run, WG_J_RANGE_OBJECT, n, out));
    out->sequence->start = bound[0];
    out->sequence->stop = bound[1];
    out->sequence->step = bound[2];
    for (int64_t i = 0; i < n; i++)
        WG_TRY(wg_jsequence_add(run, out->sequence, wg_jint(bound[0] + i * bound[2])));
    return WAGLE_OK;
}

/* Adds the pairs of a dict, or a list of pairs, to d. */
static wagle_status add_pairs(wg_jrun *run, const wg_jvalue *from, wg_jdict *d)
{
    const wg_jsequence *items, *pair;

    if (from->kind == WG_J_DICT) {
        for (int64_t i = 0; i < from->dict->n; i++)
            WG_TRY(wg_jdict_set(run, d, &from->dict->key[i], from->dict->value[i]));
        return WAGLE_OK;
    }
    WG_TRY(wg_jitems(run, from, &items));
    for (int64_t i = 0; i < items->n; i++) {
        WG_TRY(wg_jitems(run, &items->item[i], &pair));
        if (pair->n != 2)
            return wg_jfail(&run->at, "dict wants pairs");
        WG_TRY(wg_jdict_set(run, d, &pair->item[0], pair->item[1]));
    }
    return WAGLE_OK;
}

WG_J_BUILTIN(dict)
{
    WG_J_UNUSED;
    WG_TRY(wg_jdict_new(run, out));
    if (all->n > 1)
        return wg_jfail(&run->at, "dict takes one argument and named ones");
    if (all->n == 1)
        WG_TRY(add_pairs(run, &all->value[0], out->dict));
    for (int i = 0; i < all->named; i++) {
        const wg_jvalue key = {WG_J_STRING, {.string = all->name[i]}};
        WG_TRY(wg_jdict_set(run, out->dict, &key, all->value[all->n + i]));
    }
    return WAGLE_OK;
}

WG_J_BUILTIN(namespace_of)
{
    WG_TRY(dict(run, self, arg, all, out));
    for (int64_t i = 0; i < out->dict->n; i++)
        if (out->dict->key[i].kind == WG_J_STRING && out->dict->key[i].string->bytes > 0 &&
            out->dict->key[i].string->text[0] == '_')
            return wg_jfail(&run->at, "a namespace has no names with '_' in front: '%.60s'",
                            out->dict->key[i].string->text);
    out->kind = WG_J_NAMESPACE;
    return WAGLE_OK;
}

WG_J_BUILTIN(raise_exception)
{
    const wg_jstring *message;

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, &arg[0], &message));
    return wg_jfail(&run->at, "the template refuses these messages: %.300s", message->text);
}

/* Replaces conversions that differ between C's and Python's strftime: %f (microseconds), and time
 * zones, which are empty. */
static wagle_status plain_format(wg_jrun *run, const wg_jstring *s, wg_text *out)
{
    for (int64_t i = 0; i < s->bytes; i++) {
        if (s->text[i] != '%' || i + 1 >= s->bytes) {
            WG_TRY(wg_jadd(run, out, s->text + i, 1));
            continue;
        }
        i++;
        if (s->text[i] == 'f')
            WG_TRY(wg_jadd(run, out, "000000", 6));
        else if (s->text[i] != 'z' && s->text[i] != 'Z')
            WG_TRY(wg_jadd(run, out, s->text + i - 1, 2));
    }
    return WAGLE_OK;
}

WG_J_BUILTIN(strftime_now)
{
    const wg_jstring *format;
    wg_text plain = {0};
    wg_jvalue made = {0};
    char *text;
    size_t capacity;

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, &arg[0], &format));
    if (arg[0].kind != WG_J_STRING)
        return wg_jfail(&run->at, "strftime_now of a %s", wg_jtype(&arg[0]));
    if (format->bytes == 0)
        return wg_jtext(run, "", 0, out);
    if (format->bytes > 1000 || memchr(format->text, '\0', (size_t)format->bytes) != NULL)
        return wg_jfail(&run->at, "strftime_now: a format of more than 1000 bytes, or with a NUL");
    WG_TRY(wg_jtext_take(run, plain_format(run, format, &plain), &plain, &made));
    capacity = (size_t)made.string->bytes * 32 + 64;
    WG_TRY(WG_J_NEW(run, &text, (int64_t)capacity));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const size_t n = strftime(text, capacity, made.string->text, &run->now);
#pragma GCC diagnostic pop
    if (!wg_utf8_valid(text, n))
        return wg_jfail(&run->at, "strftime_now: its text is not UTF-8");
    return wg_jtext(run, text, (int64_t)n, out);
}

WG_J_BUILTIN(cycler)
{
    wg_jcycler *c;
    wg_jvalue items = {0};

    WG_J_UNUSED;
    if (all->n == 0 || all->named > 0)
        return wg_jfail(&run->at, "cycler wants items");
    WG_TRY(wg_jsequence_new(run, WG_J_TUPLE, all->n, &items));
    for (int i = 0; i < all->n; i++)
        WG_TRY(wg_jsequence_add(run, items.sequence, all->value[i]));
    WG_TRY(WG_J_NEW(run, &c, 1));
    c->items = items.sequence;
    *out = (wg_jvalue){WG_J_CYCLER, {.cycler = c}};
    return WAGLE_OK;
}

WG_J_BUILTIN(joiner)
{
    wg_jjoiner *j;

    WG_J_UNUSED;
    WG_TRY(WG_J_NEW(run, &j, 1));
    j->separator = arg[0];
    if (arg[0].kind == WG_J_ABSENT)
        WG_TRY(wg_jtext(run, ", ", 2, &j->separator));
    *out = (wg_jvalue){WG_J_JOINER, {.joiner = j}};
    return WAGLE_OK;
}

WG_J_BUILTIN(lipsum)
{
    WG_J_UNUSED;
    return wg_jfail(&run->at, "lipsum makes text by chance, which is not supported");
}

const wg_jentry *wg_jfunction(const wg_jstring *name)
{
    static const wg_jentry functions[] = {
        {"cycler", "*", cycler},
        {"dict", "*", dict},
        {"joiner", "sep", joiner},
        {"lipsum", "*", lipsum},
        {"namespace", "*", namespace_of},
        {"raise_exception", "!message", raise_exception},
        {"range", "!start stop step", range},
        {"strftime_now", "!format", strftime_now},
        {NULL, NULL, NULL},
    };

    return wg_jfind(functions, name);
}
