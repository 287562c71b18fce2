/* methods.c - attributes of values: methods of dicts, lists, loops and cyclers, and the tables of
 * attributes. Methods of strings are in methods_string.c. */
#include "text/jinja/internal.h"

#include <string.h>

/* --- dict ------------------------------------------------------------------------------------- */

WG_J_BUILTIN(dict_items)
{
    WG_J_UNUSED;
    return wg_jdict_view(run, self->dict, WG_J_ITEMS, out);
}

WG_J_BUILTIN(dict_keys)
{
    WG_J_UNUSED;
    return wg_jdict_view(run, self->dict, WG_J_KEYS, out);
}

WG_J_BUILTIN(dict_values)
{
    WG_J_UNUSED;
    return wg_jdict_view(run, self->dict, WG_J_VALUES, out);
}

WG_J_BUILTIN(dict_get)
{
    const wg_jvalue *found = wg_jdict_get(self->dict, &arg[0]);

    WG_J_UNUSED;
    WG_TRY(wg_jstep(run, self->dict->n / 16));
    if (!wg_jhashable(&arg[0]))
        return wg_jfail(&run->at, "get: a key of type %s", wg_jtype(&arg[0]));
    *out = found != NULL ? *found : arg[1].kind != WG_J_ABSENT ? arg[1] : wg_jnone();
    return WAGLE_OK;
}

WG_J_BUILTIN(dict_copy)
{
    WG_J_UNUSED;
    WG_TRY(wg_jdict_new(run, out));
    for (int64_t i = 0; i < self->dict->n; i++)
        WG_TRY(wg_jdict_set(run, out->dict, &self->dict->key[i], self->dict->value[i]));
    return WAGLE_OK;
}

/* --- list, tuple, range ----------------------------------------------------------------------- */

WG_J_BUILTIN(list_count)
{
    int64_t n = 0;

    WG_J_UNUSED;
    WG_TRY(wg_jstep(run, self->sequence->n));
    for (int64_t i = 0; i < self->sequence->n; i++)
        n += wg_jequal(&self->sequence->item[i], &arg[0]);
    *out = wg_jint(n);
    return WAGLE_OK;
}

WG_J_BUILTIN(list_index)
{
    const int64_t n = self->sequence->n;
    int64_t from = 0, to = n;

    WG_J_UNUSED;
    WG_TRY(wg_jstep(run, n));
    if ((arg[1].kind != WG_J_ABSENT && !wg_jwhole(&arg[1], &from)) ||
        (arg[2].kind != WG_J_ABSENT && !wg_jwhole(&arg[2], &to)))
        return wg_jfail(&run->at, "index: a bound that is no integer");
    from = from < 0 ? (from < -n ? 0 : from + n) : from;
    to = to < 0 ? to + n : to > n ? n : to;
    for (int64_t i = from; i < to; i++)
        if (wg_jequal(&self->sequence->item[i], &arg[0])) {
            *out = wg_jint(i);
            return WAGLE_OK;
        }
    return wg_jfail(&run->at, "index: the item is not in the list");
}

WG_J_BUILTIN(list_copy)
{
    const wg_jvalue whole[3] = {wg_jnone(), wg_jnone(), wg_jnone()};

    WG_J_UNUSED;
    return wg_jslice(run, self, whole, out);
}

/* --- loop, cycler ----------------------------------------------------------------------------- */

WG_J_BUILTIN(loop_cycle)
{
    WG_J_UNUSED;
    if (all->n == 0 || all->named > 0)
        return wg_jfail(&run->at, "loop.cycle wants items");
    *out = all->value[self->loop->index % all->n];
    return WAGLE_OK;
}

WG_J_BUILTIN(loop_changed)
{
    wg_jvalue now = {0};

    WG_J_UNUSED;
    WG_TRY(wg_jsequence_new(run, WG_J_TUPLE, all->n, &now));
    for (int i = 0; i < all->n; i++)
        WG_TRY(wg_jsequence_add(run, now.sequence, all->value[i]));
    *out = wg_jbool(self->loop->last_changed.kind == WG_J_ABSENT ||
                    !wg_jequal(&self->loop->last_changed, &now));
    self->loop->last_changed = now;
    return WAGLE_OK;
}

WG_J_BUILTIN(cycler_next)
{
    wg_jcycler *c = self->cycler;

    WG_J_UNUSED;
    *out = c->items->item[c->at];
    c->at = (c->at + 1) % c->items->n;
    return WAGLE_OK;
}

WG_J_BUILTIN(cycler_reset)
{
    WG_J_UNUSED;
    self->cycler->at = 0;
    *out = wg_jnone();
    return WAGLE_OK;
}

static const wg_jentry of_dict[] = {
    {"copy", "", dict_copy}, {"get", "!key default", dict_get}, {"items", "", dict_items},
    {"keys", "", dict_keys}, {"values", "", dict_values},       {NULL, NULL, NULL},
};
static const wg_jentry of_list[] = {
    {"copy", "", list_copy},
    {"count", "!value", list_count},
    {"index", "!value start stop", list_index},
    {NULL, NULL, NULL},
};
static const wg_jentry of_tuple[] = {
    {"count", "!value", list_count},
    {"index", "!value start stop", list_index},
    {NULL, NULL, NULL},
};
static const wg_jentry of_loop[] = {
    {"changed", "*", loop_changed}, {"cycle", "*", loop_cycle}, {NULL, NULL, NULL}};
static const wg_jentry of_cycler[] = {
    {"next", "", cycler_next}, {"reset", "", cycler_reset}, {NULL, NULL, NULL}};

/* --- tables of attributes --------------------------------------------------------------------- */

/* Attributes that exist in Python but are not supported: refused by name rather than undefined. */
static const struct {
    const char *type, *names;
} elsewhere[] = {
    {"str", "casefold encode expandtabs format_map isidentifier maketrans translate"},
    {"int", "as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag "
            "is_integer numerator real to_bytes"},
    {"bool", "as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag "
             "is_integer numerator real to_bytes"},
    {"float", "as_integer_ratio conjugate from_number fromhex hex imag is_integer real"},
    {"dict", "fromkeys"},
    {"dict_keys", "isdisjoint mapping"},
    {"dict_values", "mapping"},
    {"dict_items", "isdisjoint mapping"},
    {"range", "start stop step"},
    {"generator", "close send throw"},
    {"Macro", "arguments caller catch_kwargs catch_varargs explicit_caller name"},
    {"Cycler", "items pos"},
    {"Joiner", "sep used"},
    {"function", "fromkeys"},
};

/* Methods that modify a value; the sandbox refuses calls of them. */
static const struct {
    const char *type, *names;
} unsafe[] = {
    {"list", "append clear extend insert pop remove reverse sort"},
    {"dict", "clear pop popitem setdefault update"},
};

static bool among(const char *words, const wg_jstring *name)
{
    for (const char *w = words; *w != '\0';) {
        const size_t n = strcspn(w, " ");
        if (n == (size_t)name->bytes && memcmp(w, name->text, n) == 0)
            return true;
        w += n + (w[n] == ' ');
    }
    return false;
}

static wagle_status beside(wg_jrun *run, const wg_jvalue *of, const wg_jstring *name,
                           wg_jvalue *out)
{
    const char *type = wg_jtype(of);

    if (name->bytes > 1 && name->text[0] == '_' && name->text[1] == '_')
        return wg_jundefined(run, name, type, "access to an internal attribute is unsafe", out);
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        if (strcmp(type, unsafe[i].type) == 0 && among(unsafe[i].names, name))
            return wg_jundefined(run, name, type,
                                 "a method that would change a list or dict is unsafe", out);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (strcmp(type, elsewhere[i].type) == 0 && among(elsewhere[i].names, name))
            return wg_jfail(&run->at, "'%s' of a %s is not supported", name->text, type);
    return WAGLE_OK;
}

static wagle_status neighbour(wg_jrun *run, wg_jloop *loop, int64_t at, wg_jvalue *out)
{
    bool there = at >= 0;

    if (there)
        WG_TRY(wg_jloop_has(run, loop, at, &there));
    if (!there)
        return wg_jundefined(run, NULL, NULL, "there is no such item of the loop", out);
    *out = loop->kept->item[at];
    return WAGLE_OK;
}

static wagle_status loop_attribute(wg_jrun *run, wg_jloop *loop, const wg_jstring *name,
                                   wg_jvalue *out)
{
    static const char *const names[] = {"index",  "index0",   "first",    "depth",
                                        "depth0", "last",     "nextitem", "previtem",
                                        "length", "revindex", "revindex0"};
    enum {
        INDEX,
        INDEX0,
        FIRST,
        DEPTH,
        DEPTH0,
        LAST,
        NEXT,
        PREVIOUS,
        LENGTH,
        REVINDEX,
        REVINDEX0,
        NAMES
    };
    const int64_t i = loop->index;
    int which = 0;
    bool there = true;

    while (which < NAMES && strcmp(names[which], name->text) != 0)
        which++;
    if (which == NEXT || which == PREVIOUS)
        return neighbour(run, loop, which == NEXT ? i + 1 : i - 1, out);
    if (which == LAST)
        WG_TRY(wg_jloop_has(run, loop, i + 1, &there));
    if (which >= LENGTH && which < NAMES)
        WG_TRY(wg_jloop_has(run, loop, -1, &there));
    const int64_t n = loop->kept->n;
    const wg_jvalue value[NAMES + 1] = {[INDEX] = wg_jint(i + 1),
                                        [INDEX0] = wg_jint(i),
                                        [FIRST] = wg_jbool(i == 0),
                                        [DEPTH] = wg_jint(1),
                                        [DEPTH0] = wg_jint(0),
                                        [LAST] = wg_jbool(!there),
                                        [LENGTH] = wg_jint(n),
                                        [REVINDEX] = wg_jint(n - i),
                                        [REVINDEX0] = wg_jint(n - i - 1),
                                        [NAMES] = {.kind = WG_J_ABSENT}};
    *out = value[which];
    return WAGLE_OK;
}

static const wg_jentry *find_method(const wg_jvalue *of, const wg_jstring *name)
{
    const wg_jentry *found = NULL;

    switch (of->kind) {
    case WG_J_STRING:
        found = wg_jfind(wg_jmethods_string, name);
        return found != NULL ? found : wg_jfind(wg_jmethods_split, name);
    case WG_J_DICT:
        return wg_jfind(of_dict, name);
    case WG_J_LOOP:
        return wg_jfind(of_loop, name);
    case WG_J_CYCLER:
        return wg_jfind(of_cycler, name);
    case WG_J_SEQUENCE:
        if (of->sequence->flavour == WG_J_LIST)
            return wg_jfind(of_list, name);
        return of->sequence->flavour <= WG_J_RANGE_OBJECT ? wg_jfind(of_tuple, name) : NULL;
    default:
        return NULL;
    }
}

wagle_status wg_jown_attribute(wg_jrun *run, const wg_jvalue *of, const wg_jstring *name,
                               wg_jvalue *out)
{
    const wg_jentry *entry = find_method(of, name);
    const wg_jvalue *found = NULL;
    wg_jmethod *m;

    *out = (wg_jvalue){.kind = WG_J_ABSENT};
    if (of->kind == WG_J_NAMESPACE) {
        found = wg_jdict_named(of->dict, name);
        if (found != NULL)
            *out = *found;
        return WAGLE_OK;
    }
    if (of->kind == WG_J_CYCLER && strcmp(name->text, "current") == 0) {
        *out = of->cycler->items->item[of->cycler->at];
        return WAGLE_OK;
    }
    if (of->kind == WG_J_LOOP)
        WG_TRY(loop_attribute(run, of->loop, name, out));
    if (out->kind != WG_J_ABSENT)
        return WAGLE_OK;
    if (entry == NULL)
        return beside(run, of, name, out);
    WG_TRY(WG_J_NEW(run, &m, 1));
    *m = (wg_jmethod){*of, entry};
    *out = (wg_jvalue){WG_J_METHOD, {.method = m}};
    return WAGLE_OK;
}
