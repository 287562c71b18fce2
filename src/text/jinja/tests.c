/* tests.c - the tests, which follow `is`. */
#include "text/jinja/internal.h"

#include <math.h>
#include <string.h>

/* Defines a test that is a single expression. */
#define SIMPLE(name, expression)                                                                   \
    WG_J_BUILTIN(name)                                                                             \
    {                                                                                              \
        WG_J_UNUSED;                                                                               \
        *out = wg_jbool(expression);                                                               \
        return WAGLE_OK;                                                                           \
    }
#define COMPARISON(name, expression)                                                               \
    WG_J_BUILTIN(name)                                                                             \
    {                                                                                              \
        int c;                                                                                     \
        WG_J_UNUSED;                                                                               \
        WG_TRY(wg_jcompare(run, self, &arg[0], &c));                                               \
        *out = wg_jbool(expression);                                                               \
        return WAGLE_OK;                                                                           \
    }

static bool sequence_value(const wg_jvalue *v)
{
    return v->kind == WG_J_UNDEFINED || v->kind == WG_J_STRING || v->kind == WG_J_DICT ||
           (v->kind == WG_J_SEQUENCE && v->sequence->flavour <= WG_J_RANGE_OBJECT);
}

static bool callable_value(const wg_jvalue *v)
{
    return v->kind == WG_J_UNDEFINED || v->kind == WG_J_MACRO || v->kind == WG_J_FUNCTION ||
           v->kind == WG_J_METHOD || v->kind == WG_J_LOOP || v->kind == WG_J_JOINER;
}

static bool number_value(const wg_jvalue *v)
{
    return v->kind == WG_J_BOOL || v->kind == WG_J_INT || v->kind == WG_J_REAL;
}

SIMPLE(defined, self->kind != WG_J_UNDEFINED)
SIMPLE(undefined, self->kind == WG_J_UNDEFINED)
SIMPLE(none, self->kind == WG_J_NONE)
SIMPLE(boolean, self->kind == WG_J_BOOL)
SIMPLE(is_true, self->kind == WG_J_BOOL && self->boolean)
SIMPLE(is_false, self->kind == WG_J_BOOL && !self->boolean)
SIMPLE(integer, self->kind == WG_J_INT)
SIMPLE(real, self->kind == WG_J_REAL)
SIMPLE(string, self->kind == WG_J_STRING)
SIMPLE(mapping, self->kind == WG_J_DICT)
SIMPLE(number, number_value(self))
SIMPLE(sequence, sequence_value(self))
SIMPLE(iterable, wg_jiterable(self))
SIMPLE(callable, callable_value(self))
SIMPLE(escaped, self->kind == WG_J_STRING && self->string->markup)
SIMPLE(equal, wg_jequal(self, &arg[0]))
SIMPLE(unequal, !wg_jequal(self, &arg[0]))
SIMPLE(filter, self->kind == WG_J_STRING && wg_jfilter(self->string) != NULL)
SIMPLE(test, self->kind == WG_J_STRING && wg_jtest(self->string) != NULL)
COMPARISON(less, c < 0)
COMPARISON(less_or_equal, c <= 0)
COMPARISON(greater, c > 0 && c != 2)
COMPARISON(greater_or_equal, c >= 0 && c != 2)

/* self % by == rest */
static wagle_status remainder_is(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *by,
                                 int64_t rest, wg_jvalue *out)
{
    const wg_jvalue wanted = wg_jint(rest);
    wg_jvalue r = {0};

    WG_TRY(wg_jbinary(run, '%', self, by, &r));
    *out = wg_jbool(wg_jequal(&r, &wanted));
    return WAGLE_OK;
}

WG_J_BUILTIN(odd)
{
    const wg_jvalue two = wg_jint(2);

    WG_J_UNUSED;
    return remainder_is(run, self, &two, 1, out);
}

WG_J_BUILTIN(even)
{
    const wg_jvalue two = wg_jint(2);

    WG_J_UNUSED;
    return remainder_is(run, self, &two, 0, out);
}

WG_J_BUILTIN(divisible)
{
    WG_J_UNUSED;
    return remainder_is(run, self, &arg[0], 0, out);
}

WG_J_BUILTIN(in)
{
    bool found;

    WG_J_UNUSED;
    WG_TRY(wg_jcontains(run, self, &arg[0], &found));
    *out = wg_jbool(found);
    return WAGLE_OK;
}

/* Whether both are the same object. Equal constants and small integers are; other values only if
 * they are one object here. */
WG_J_BUILTIN(same)
{
    WG_J_UNUSED;
    if (self->kind != arg[0].kind)
        *out = wg_jbool(false);
    else if (self->kind == WG_J_NONE)
        *out = wg_jbool(true);
    else if (self->kind == WG_J_BOOL || self->kind == WG_J_INT || self->kind == WG_J_STRING)
        *out = wg_jbool(wg_jequal(self, &arg[0]));
    else
        *out = wg_jbool(self->kind != WG_J_REAL && self->dict == arg[0].dict);
    return WAGLE_OK;
}

static wagle_status case_is(wg_jrun *run, const wg_jvalue *self, const char *what, wg_jvalue *out)
{
    const wg_jstring *s;

    WG_TRY(wg_jstring_of(run, self, &s));
    *out = wg_jbool(wg_jis(s, what));
    return WAGLE_OK;
}

WG_J_BUILTIN(lower)
{
    WG_J_UNUSED;
    return case_is(run, self, "islower", out);
}

WG_J_BUILTIN(upper)
{
    WG_J_UNUSED;
    return case_is(run, self, "isupper", out);
}

static const wg_jentry tests[] = {
    {"!=", "!other", unequal},
    {"<", "!other", less},
    {"<=", "!other", less_or_equal},
    {"==", "!other", equal},
    {">", "!other", greater},
    {">=", "!other", greater_or_equal},
    {"boolean", "", boolean},
    {"callable", "", callable},
    {"defined", "", defined},
    {"divisibleby", "!num", divisible},
    {"eq", "!other", equal},
    {"equalto", "!other", equal},
    {"escaped", "", escaped},
    {"even", "", even},
    {"false", "", is_false},
    {"filter", "", filter},
    {"float", "", real},
    {"ge", "!other", greater_or_equal},
    {"greaterthan", "!other", greater},
    {"gt", "!other", greater},
    {"in", "!seq", in},
    {"integer", "", integer},
    {"iterable", "", iterable},
    {"le", "!other", less_or_equal},
    {"lessthan", "!other", less},
    {"lower", "", lower},
    {"lt", "!other", less},
    {"mapping", "", mapping},
    {"ne", "!other", unequal},
    {"none", "", none},
    {"number", "", number},
    {"odd", "", odd},
    {"sameas", "!other", same},
    {"sequence", "", sequence},
    {"string", "", string},
    {"test", "", test},
    {"true", "", is_true},
    {"undefined", "", undefined},
    {"upper", "", upper},
    {NULL, NULL, NULL},
};

const wg_jentry *wg_jtest(const wg_jstring *name)
{
    return wg_jfind(tests, name);
}
