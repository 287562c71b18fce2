/* filters_choose.c - map, select, reject, selectattr and rejectattr; and the table of filters. */
#include "text/jinja/internal.h"

#include <string.h>

/* The arguments after the first `skip`. */
static wg_jargs rest_of(const wg_jargs *all, int skip)
{
    wg_jargs rest = *all;

    rest.value += skip;
    rest.n -= skip;
    return rest;
}

static wagle_status apply(wg_jrun *run, const char *what, const wg_jvalue *name,
                          const wg_jentry *(*find)(const wg_jstring *), const wg_jvalue *item,
                          const wg_jargs *args, wg_jvalue *out)
{
    const wg_jentry *entry = name->kind == WG_J_STRING ? find(name->string) : NULL;

    if (entry == NULL)
        return wg_jfail(&run->at, "the %s '%.60s' is not known or not supported", what,
                        name->kind == WG_J_STRING ? name->string->text : wg_jtype(name));
    return wg_jrun_entry(run, what, entry, item, args, out);
}

/* map("filter", ...) or map(attribute="a.b", default=...) */
static wagle_status map_one(wg_jrun *run, const wg_jvalue *item, const wg_jargs *all,
                            wg_jvalue *out)
{
    wg_jvalue path = {.kind = WG_J_ABSENT}, or_else = {.kind = WG_J_ABSENT};
    wg_jargs rest;

    for (int i = 0; all->n == 0 && i < all->named; i++) {
        const bool attribute = strcmp(all->name[i]->text, "attribute") == 0;
        if (!attribute && strcmp(all->name[i]->text, "default") != 0)
            return wg_jfail(&run->at, "map has no argument '%.60s'", all->name[i]->text);
        *(attribute ? &path : &or_else) = all->value[i];
    }
    if (all->n == 0 && path.kind == WG_J_ABSENT)
        return wg_jfail(&run->at, "map wants a filter or attribute=");
    if (all->n == 0)
        return wg_jby_attribute(run, item, &path, &or_else, out);
    rest = rest_of(all, 1);
    return apply(run, "filter", &all->value[0], wg_jfilter, item, &rest, out);
}

static wagle_status map_all(wg_jrun *run, const wg_jvalue *self, const wg_jargs *all,
                            wg_jsequence *out)
{
    const wg_jsequence *items;
    wg_jvalue made = {0};

    if (!wg_jtrue(self))
        return WAGLE_OK;
    WG_TRY(wg_jitems(run, self, &items));
    for (int64_t i = 0; i < items->n; i++) {
        WG_TRY(map_one(run, &items->item[i], all, &made));
        WG_TRY(wg_jsequence_add(run, out, made));
    }
    return WAGLE_OK;
}

WG_J_BUILTIN(map)
{
    const int depth = run->depth;

    WG_J_UNUSED;
    WG_TRY(wg_jsequence_new(run, WG_J_ITERATOR, 0, out));
    return wg_jdefer(run, map_all(run, self, all, out->sequence), depth, out);
}

/* Arguments: a path if by_attribute, then the name of a test and its arguments. */
static wagle_status choose_all(wg_jrun *run, const wg_jvalue *self, const wg_jargs *all,
                               bool by_attribute, bool wanted, wg_jsequence *out)
{
    const wg_jvalue none = {.kind = WG_J_ABSENT};
    const wg_jsequence *items;
    wg_jvalue value = {0}, holds = {0};

    if (!wg_jtrue(self))
        return WAGLE_OK;
    if (all->n < by_attribute)
        return wg_jfail(&run->at, "no name of an attribute");
    WG_TRY(wg_jitems(run, self, &items));
    for (int64_t i = 0; i < items->n; i++) {
        value = items->item[i];
        if (by_attribute)
            WG_TRY(wg_jby_attribute(run, &items->item[i], &all->value[0], &none, &value));
        holds = value;
        if (all->n > by_attribute) {
            const wg_jargs rest = rest_of(all, by_attribute + 1);
            WG_TRY(apply(run, "test", &all->value[by_attribute], wg_jtest, &value, &rest, &holds));
        }
        if (wg_jtrue(&holds) == wanted)
            WG_TRY(wg_jsequence_add(run, out, items->item[i]));
    }
    return WAGLE_OK;
}

static wagle_status choose(wg_jrun *run, const wg_jvalue *self, const wg_jargs *all,
                           bool by_attribute, bool wanted, wg_jvalue *out)
{
    const int depth = run->depth;

    WG_TRY(wg_jsequence_new(run, WG_J_ITERATOR, 0, out));
    return wg_jdefer(run, choose_all(run, self, all, by_attribute, wanted, out->sequence), depth,
                     out);
}

#define CHOICE(name, by_attribute, wanted)                                                         \
    static wagle_status name(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg,            \
                             const wg_jargs *all, wg_jvalue *out)                                  \
    {                                                                                              \
        (void)arg;                                                                                 \
        return choose(run, self, all, by_attribute, wanted, out);                                  \
    }

CHOICE(choose_items, false, true)
CHOICE(reject_items, false, false)
CHOICE(choose_by_attribute, true, true)
CHOICE(reject_by_attribute, true, false)

const wg_jentry wg_jfilters_choose[] = {
    {"map", "*", map},
    {"reject", "*", reject_items},
    {"rejectattr", "*", reject_by_attribute},
    {"select", "*", choose_items},
    {"selectattr", "*", choose_by_attribute},
    {NULL, NULL, NULL},
};

const wg_jentry *wg_jfind(const wg_jentry *table, const wg_jstring *name)
{
    for (; table->name != NULL; table++)
        if (strlen(table->name) == (size_t)name->bytes &&
            memcmp(table->name, name->text, (size_t)name->bytes) == 0)
            return table;
    return NULL;
}

const wg_jentry *wg_jfilter(const wg_jstring *name)
{
    static const wg_jentry *const tables[] = {wg_jfilters_text, wg_jfilters_list,
                                              wg_jfilters_choose};
    const wg_jentry *found = NULL;

    for (size_t i = 0; found == NULL && i < sizeof tables / sizeof *tables; i++)
        found = wg_jfind(tables[i], name);
    return found;
}
