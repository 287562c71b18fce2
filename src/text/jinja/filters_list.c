/* filters_list.c - filters of lists and dicts, like do_NAME of jinja2. A generator in jinja2 is an
 * iterator here: true, without a length, readable once. */
#include "text/jinja/internal.h"

#include <stdlib.h>
#include <string.h>

/* --- attributes by path: "a.b.0", or several with commas -------------------------------------- */

static wagle_status follow(wg_jrun *run, const wg_jvalue *item, const char *path, int64_t bytes,
                           const wg_jvalue *or_else, wg_jvalue *out)
{
    *out = *item;
    for (int64_t at = 0; at <= bytes;) {
        const char *dot = memchr(path + at, '.', (size_t)(bytes - at));
        const int64_t n = (dot != NULL ? dot - path : bytes) - at;
        const wg_jvalue of = *out;
        wg_jvalue key = {0};
        WG_TRY(wg_jtext_in_place(run, path + at, n, &key));
        if (wg_jis(key.string, "isdigit") && n < 18)
            key = wg_jint(strtoll(path + at, NULL, 10));
        WG_TRY(wg_jitem(run, &of, &key, out));
        if (out->kind == WG_J_UNDEFINED && or_else->kind > WG_J_NONE)
            *out = *or_else;
        at += n + 1;
    }
    return WAGLE_OK;
}

wagle_status wg_jby_attribute(wg_jrun *run, const wg_jvalue *item, const wg_jvalue *path,
                              const wg_jvalue *or_else, wg_jvalue *out)
{
    const wg_jvalue was = *item;

    *out = was;
    if (path->kind == WG_J_ABSENT || path->kind == WG_J_NONE)
        return WAGLE_OK;
    if (path->kind == WG_J_STRING)
        return follow(run, &was, path->string->text, path->string->bytes, or_else, out);
    WG_TRY(wg_jitem(run, &was, path, out));
    if (out->kind == WG_J_UNDEFINED && or_else->kind > WG_J_NONE)
        *out = *or_else;
    return WAGLE_OK;
}

/* Computes the comparison key of an item. */
static wagle_status fold(wg_jrun *run, bool case_sensitive, wg_jvalue *key)
{
    wg_text text = {0};

    if (case_sensitive || key->kind != WG_J_STRING)
        return WAGLE_OK;
    return wg_jtext_take(run, wg_jrecase(run, key->string, WG_J_LOWER, &text), &text, key);
}

static wagle_status key_of(wg_jrun *run, const wg_jvalue *item, const wg_jvalue *path,
                           bool case_sensitive, wg_jvalue *out)
{
    const wg_jvalue none = {.kind = WG_J_ABSENT};

    WG_TRY(wg_jby_attribute(run, item, path, &none, out));
    return fold(run, case_sensitive, out);
}

/* The same for several paths, as a list. */
static wagle_status keys_of(wg_jrun *run, const wg_jvalue *item, const wg_jvalue *path,
                            bool case_sensitive, wg_jvalue *out)
{
    const wg_jvalue none = {.kind = WG_J_ABSENT};
    wg_jvalue key = {0};

    WG_TRY(wg_jsequence_new(run, WG_J_LIST, 1, out));
    if (path->kind != WG_J_STRING) {
        WG_TRY(key_of(run, item, path, case_sensitive, &key));
        return wg_jsequence_add(run, out->sequence, key);
    }
    for (int64_t at = 0; at <= path->string->bytes;) {
        const char *text = path->string->text + at;
        const char *comma = memchr(text, ',', (size_t)(path->string->bytes - at));
        const int64_t n = comma != NULL ? comma - text : path->string->bytes - at;
        WG_TRY(follow(run, item, text, n, &none, &key));
        WG_TRY(fold(run, case_sensitive, &key));
        WG_TRY(wg_jsequence_add(run, out->sequence, key));
        at += n + 1;
    }
    return WAGLE_OK;
}

/* --- order ------------------------------------------------------------------------------------ */

/* Merges the ranges [a,b) and [b,c) of order by key (stable). */
static wagle_status merge(wg_jrun *run, const wg_jvalue *key, bool reverse, int64_t *order,
                          int64_t *spare, int64_t a, int64_t b, int64_t c)
{
    int64_t i = a, j = b;

    for (int64_t to = a; to < c; to++) {
        int later = 0;
        if (i < b && j < c) {
            WG_TRY(wg_jstep(run, 1));
            WG_TRY(reverse ? wg_jcompare(run, &key[order[j]], &key[order[i]], &later)
                           : wg_jcompare(run, &key[order[i]], &key[order[j]], &later));
        }
        spare[to] = order[j >= c || (i < b && later != 1) ? i++ : j++];
    }
    memcpy(order + a, spare + a, (size_t)(c - a) * sizeof *order);
    return WAGLE_OK;
}

/* Sorts items [n] by key [n] (stable). */
static wagle_status sort_by(wg_jrun *run, const wg_jsequence *items, const wg_jvalue *key,
                            bool reverse, wg_jvalue *out)
{
    int64_t *order, *spare;

    WG_TRY(WG_J_NEW(run, &order, items->n));
    WG_TRY(WG_J_NEW(run, &spare, items->n));
    for (int64_t i = 0; i < items->n; i++)
        order[i] = i;
    for (int64_t width = 1; width < items->n; width *= 2)
        for (int64_t a = 0; a + width < items->n; a += 2 * width)
            WG_TRY(merge(run, key, reverse, order, spare, a, a + width,
                         a + 2 * width < items->n ? a + 2 * width : items->n));
    WG_TRY(wg_jsequence_new(run, WG_J_LIST, items->n, out));
    for (int64_t i = 0; i < items->n; i++)
        WG_TRY(wg_jsequence_add(run, out->sequence, items->item[order[i]]));
    return WAGLE_OK;
}

WG_J_BUILTIN(sort)
{
    const wg_jsequence *items;
    wg_jvalue *key;

    WG_J_UNUSED;
    WG_TRY(wg_jitems(run, self, &items));
    WG_TRY(WG_J_NEW(run, &key, items->n));
    for (int64_t i = 0; i < items->n; i++)
        WG_TRY(keys_of(run, &items->item[i], &arg[2], wg_jtrue(&arg[1]), &key[i]));
    return sort_by(run, items, key, wg_jtrue(&arg[0]), out);
}

WG_J_BUILTIN(dictsort)
{
    const bool by_value = arg[1].kind == WG_J_STRING && strcmp(arg[1].string->text, "value") == 0;
    wg_jvalue items = {0}, *key;

    WG_J_UNUSED;
    if (self->kind != WG_J_DICT)
        return self->kind == WG_J_UNDEFINED
                   ? wg_juse_undefined(run, self)
                   : wg_jfail(&run->at, "dictsort of a %s", wg_jtype(self));
    if (!by_value && arg[1].kind != WG_J_ABSENT &&
        (arg[1].kind != WG_J_STRING || strcmp(arg[1].string->text, "key") != 0))
        return wg_jfail(&run->at, "dictsort: by is 'key' or 'value'");
    WG_TRY(wg_jdict_view(run, self->dict, WG_J_ITEMS, &items));
    WG_TRY(WG_J_NEW(run, &key, self->dict->n));
    for (int64_t i = 0; i < self->dict->n; i++) {
        key[i] = by_value ? self->dict->value[i] : self->dict->key[i];
        WG_TRY(fold(run, wg_jtrue(&arg[0]), &key[i]));
    }
    return sort_by(run, items.sequence, key, wg_jtrue(&arg[2]), out);
}

static wagle_status extreme(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg, int sign,
                            wg_jvalue *out)
{
    const wg_jsequence *items;
    wg_jvalue best = {0}, key = {0};
    int c;

    WG_TRY(wg_jitems(run, self, &items));
    if (items->n == 0)
        return wg_jundefined(run, NULL, NULL, "min or max of nothing", out);
    WG_TRY(key_of(run, &items->item[0], &arg[1], wg_jtrue(&arg[0]), &best));
    *out = items->item[0];
    for (int64_t i = 1; i < items->n; i++) {
        WG_TRY(key_of(run, &items->item[i], &arg[1], wg_jtrue(&arg[0]), &key));
        WG_TRY(wg_jcompare(run, &key, &best, &c));
        if (c == sign) {
            best = key;
            *out = items->item[i];
        }
    }
    return WAGLE_OK;
}

WG_J_BUILTIN(minimum)
{
    WG_J_UNUSED;
    return extreme(run, self, arg, -1, out);
}

WG_J_BUILTIN(maximum)
{
    WG_J_UNUSED;
    return extreme(run, self, arg, 1, out);
}

static wagle_status unique_items(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg,
                                 wg_jsequence *out)
{
    const wg_jsequence *items;
    wg_jvalue seen = {0}, key = {0};

    WG_TRY(wg_jitems(run, self, &items));
    WG_TRY(wg_jdict_new(run, &seen));
    for (int64_t i = 0; i < items->n; i++) {
        WG_TRY(key_of(run, &items->item[i], &arg[1], wg_jtrue(&arg[0]), &key));
        const int64_t before = seen.dict->n;
        WG_TRY(wg_jdict_set(run, seen.dict, &key, wg_jnone()));
        if (seen.dict->n > before)
            WG_TRY(wg_jsequence_add(run, out, items->item[i]));
    }
    return WAGLE_OK;
}

WG_J_BUILTIN(reverse)
{
    const wg_jvalue back[3] = {wg_jnone(), wg_jnone(), wg_jint(-1)};
    const wg_jsequence *items;

    WG_J_UNUSED;
    if (self->kind == WG_J_STRING)
        return wg_jslice(run, self, back, out);
    const bool list = self->kind == WG_J_SEQUENCE && self->sequence->flavour == WG_J_ITERATOR;
    WG_TRY(wg_jitems(run, self, &items));
    WG_TRY(wg_jsequence_new(run, list ? WG_J_LIST : WG_J_ITERATOR, items->n, out));
    for (int64_t i = items->n - 1; i >= 0; i--)
        WG_TRY(wg_jsequence_add(run, out->sequence, items->item[i]));
    return WAGLE_OK;
}

/* --- picking and joining ---------------------------------------------------------------------- */

WG_J_BUILTIN(first)
{
    WG_J_UNUSED;
    if (self->kind == WG_J_SEQUENCE && self->sequence->flavour == WG_J_ITERATOR &&
        self->sequence->next < self->sequence->n) {
        *out = self->sequence->item[self->sequence->next++];
        return WAGLE_OK;
    }
    const wg_jsequence *items;
    WG_TRY(wg_jitems(run, self, &items));
    if (items->n == 0)
        return wg_jundefined(run, NULL, NULL, "no first item, the sequence is empty", out);
    *out = items->item[0];
    return WAGLE_OK;
}

WG_J_BUILTIN(last)
{
    const wg_jsequence *items;

    WG_J_UNUSED;
    if (self->kind == WG_J_SEQUENCE && self->sequence->flavour == WG_J_ITERATOR)
        return wg_jfail(&run->at, "last of a generator; '| list' makes a list of it");
    WG_TRY(wg_jitems(run, self, &items));
    if (items->n == 0)
        return wg_jundefined(run, NULL, NULL, "no last item, the sequence is empty", out);
    *out = items->item[items->n - 1];
    return WAGLE_OK;
}

WG_J_BUILTIN(list)
{
    const wg_jsequence *items;

    WG_J_UNUSED;
    WG_TRY(wg_jitems(run, self, &items));
    WG_TRY(wg_jsequence_new(run, WG_J_LIST, items->n, out));
    for (int64_t i = 0; i < items->n; i++)
        WG_TRY(wg_jsequence_add(run, out->sequence, items->item[i]));
    return WAGLE_OK;
}

static wagle_status items_of(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg,
                             wg_jsequence *out)
{
    wg_jvalue pair = {0};

    (void)arg;
    if (self->kind == WG_J_UNDEFINED)
        return WAGLE_OK;
    if (self->kind != WG_J_DICT)
        return wg_jfail(&run->at, "items of a %s", wg_jtype(self));
    for (int64_t i = 0; i < self->dict->n; i++) {
        WG_TRY(wg_jpair(run, self->dict->key[i], self->dict->value[i], &pair));
        WG_TRY(wg_jsequence_add(run, out, pair));
    }
    return WAGLE_OK;
}

WG_J_BUILTIN(join)
{
    const wg_jvalue none = {.kind = WG_J_ABSENT};
    const wg_jsequence *items;
    const wg_jstring *between = NULL;
    wg_text text = {0};
    wagle_status st = WAGLE_OK;

    WG_J_UNUSED;
    if (arg[0].kind != WG_J_ABSENT)
        WG_TRY(wg_jstring_of(run, &arg[0], &between));
    WG_TRY(wg_jitems(run, self, &items));
    for (int64_t i = 0; st == WAGLE_OK && i < items->n; i++) {
        wg_jvalue item = {0};
        if (i > 0 && between != NULL)
            st = wg_jadd(run, &text, between->text, between->bytes);
        if (st == WAGLE_OK)
            st = wg_jby_attribute(run, &items->item[i], &arg[1], &none, &item);
        if (st == WAGLE_OK)
            st = wg_jprint(run, &item, false, &text);
    }
    return wg_jtext_take(run, st, &text, out);
}

WG_J_BUILTIN(sum)
{
    const wg_jvalue none = {.kind = WG_J_ABSENT};
    const wg_jsequence *items;
    wg_jvalue item, total = arg[1].kind != WG_J_ABSENT ? arg[1] : wg_jint(0);

    WG_J_UNUSED;
    if (total.kind == WG_J_STRING)
        return wg_jfail(&run->at, "sum of strings");
    WG_TRY(wg_jitems(run, self, &items));
    for (int64_t i = 0; i < items->n; i++) {
        WG_TRY(wg_jby_attribute(run, &items->item[i], &arg[0], &none, &item));
        WG_TRY(wg_jbinary(run, '+', &total, &item, &total));
    }
    *out = total;
    return WAGLE_OK;
}

static wagle_status batches(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg,
                            wg_jsequence *out)
{
    const wg_jsequence *items;
    wg_jvalue row = {0};
    int64_t n;

    if (!wg_jwhole(&arg[0], &n) || n > WG_J_RANGE)
        return wg_jfail(&run->at, "batch: how many items a batch has");
    WG_TRY(wg_jitems(run, self, &items));
    WG_TRY(wg_jsequence_new(run, WG_J_LIST, 0, &row));
    for (int64_t i = 0; i < items->n; i++) {
        if (row.sequence->n == n) {
            WG_TRY(wg_jsequence_add(run, out, row));
            WG_TRY(wg_jsequence_new(run, WG_J_LIST, 0, &row));
        }
        WG_TRY(wg_jsequence_add(run, row.sequence, items->item[i]));
    }
    if (row.sequence->n == 0)
        return WAGLE_OK;
    while (arg[1].kind > WG_J_NONE && row.sequence->n < n)
        WG_TRY(wg_jsequence_add(run, row.sequence, arg[1]));
    return wg_jsequence_add(run, out, row);
}

static wagle_status slices(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg,
                           wg_jsequence *out)
{
    const wg_jsequence *items;
    int64_t n, at = 0;

    if (!wg_jwhole(&arg[0], &n) || n == 0 || n > WG_J_RANGE)
        return wg_jfail(&run->at, "slice: how many slices");
    WG_TRY(wg_jitems(run, self, &items));
    for (int64_t i = 0; i < n; i++) {
        const int64_t size = items->n / n + (i < items->n % n);
        wg_jvalue row = {0};
        WG_TRY(wg_jsequence_new(run, WG_J_LIST, size, &row));
        for (int64_t j = 0; j < size; j++)
            WG_TRY(wg_jsequence_add(run, row.sequence, items->item[at++]));
        if (arg[1].kind > WG_J_NONE && i >= items->n % n)
            WG_TRY(wg_jsequence_add(run, row.sequence, arg[1]));
        WG_TRY(wg_jsequence_add(run, out, row));
    }
    return WAGLE_OK;
}

/* Defines a filter that returns a generator: errors occur when its items are read. */
#define GENERATOR(name, make)                                                                      \
    WG_J_BUILTIN(name)                                                                             \
    {                                                                                              \
        const int depth = run->depth;                                                              \
        WG_J_UNUSED;                                                                               \
        WG_TRY(wg_jsequence_new(run, WG_J_ITERATOR, 0, out));                                      \
        return wg_jdefer(run, make(run, self, arg, out->sequence), depth, out);                    \
    }
GENERATOR(batch, batches)
GENERATOR(items, items_of)
GENERATOR(slice, slices)
GENERATOR(unique, unique_items)

/* x | attr("name"): looks up only the attribute, not an item. */
WG_J_BUILTIN(attr)
{
    const wg_jstring *name;

    WG_J_UNUSED;
    WG_TRY(wg_jstring_of(run, &arg[0], &name));
    if (self->kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, self);
    WG_TRY(wg_jown_attribute(run, self, name, out));
    return out->kind != WG_J_ABSENT ? WAGLE_OK
                                    : wg_jundefined(run, name, wg_jtype(self), NULL, out);
}

const wg_jentry wg_jfilters_list[] = {
    {"attr", "!name", attr},
    {"batch", "!linecount fill_with", batch},
    {"dictsort", "case_sensitive by reverse", dictsort},
    {"first", "", first},
    {"items", "", items},
    {"join", "d attribute", join},
    {"last", "", last},
    {"list", "", list},
    {"max", "case_sensitive attribute", maximum},
    {"min", "case_sensitive attribute", minimum},
    {"reverse", "", reverse},
    {"slice", "!slices fill_with", slice},
    {"sort", "reverse case_sensitive attribute", sort},
    {"sum", "attribute start", sum},
    {"unique", "case_sensitive attribute", unique},
    {NULL, NULL, NULL},
};
