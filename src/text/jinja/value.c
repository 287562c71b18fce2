/* value.c - creates, compares and iterates values, as in Python. */
#include "text/jinja/internal.h"

#include <math.h>
#include <string.h>

wagle_status wg_jfail(const wg_jplace *at, const char *format, ...)
{
    char what[WG_MESSAGE_BYTES / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    for (char *c = what; *c != '\0'; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c = ' ';
    return wg_fail(at->ctx, WAGLE_E_INPUT, "%s:%d: %s", at->name, at->line, what);
}

void *wg_jalloc(wg_jrun *run, int64_t count, size_t size)
{
    run->full = count < 0 || (size_t)count > (size_t)WG_J_MEMORY / size ||
                (run->memory += count * (int64_t)size + 16) > WG_J_MEMORY;
    if (!run->full)
        return wg_arena_alloc(run->at.ctx, &run->arena, (size_t)count * size);
    wg_explain(run->at.ctx, "%s:%d: the template needs more than %d MB for its values",
               run->at.name, run->at.line, WG_J_MEMORY >> 20);
    return NULL;
}

wg_jvalue wg_jbool(bool x)
{
    return (wg_jvalue){WG_J_BOOL, {.boolean = x}};
}

wg_jvalue wg_jint(int64_t x)
{
    return (wg_jvalue){WG_J_INT, {.integer = x}};
}

wg_jvalue wg_jreal(double x)
{
    return (wg_jvalue){WG_J_REAL, {.real = x}};
}

wg_jvalue wg_jnone(void)
{
    return (wg_jvalue){.kind = WG_J_NONE};
}

wagle_status wg_jtext_in_place(wg_jrun *run, const char *text, int64_t bytes, wg_jvalue *out)
{
    wg_jstring *s;

    WG_TRY(WG_J_NEW(run, &s, 1));
    *s = (wg_jstring){text, bytes, wg_jcount(text, bytes), wg_hash_bytes(text, (size_t)bytes),
                      false};
    *out = (wg_jvalue){WG_J_STRING, {.string = s}};
    return WAGLE_OK;
}

wagle_status wg_jtext(wg_jrun *run, const char *text, int64_t bytes, wg_jvalue *out)
{
    char *copy;

    WG_TRY(WG_J_NEW(run, &copy, bytes + 1));
    if (bytes > 0)
        memcpy(copy, text, (size_t)bytes);
    return wg_jtext_in_place(run, copy, bytes, out);
}

wagle_status wg_jtext_take(wg_jrun *run, wagle_status st, wg_text *text, wg_jvalue *out)
{
    if (st == WAGLE_OK)
        st = wg_jtext(run, text->text, text->bytes, out);
    wg_text_free(text);
    return st;
}

wagle_status wg_jundefined(wg_jrun *run, const wg_jstring *name, const char *of, const char *hint,
                           wg_jvalue *out)
{
    wg_jmissing *m;

    WG_TRY(WG_J_NEW(run, &m, 1));
    *m = (wg_jmissing){name, of, hint};
    *out = (wg_jvalue){WG_J_UNDEFINED, {.missing = m}};
    return WAGLE_OK;
}

wagle_status wg_juse_undefined(wg_jrun *run, const wg_jvalue *v)
{
    const wg_jmissing *m = v->missing;

    if (m->hint != NULL)
        return wg_jfail(&run->at, "%s", m->hint);
    if (m->of != NULL)
        return wg_jfail(&run->at, "'%s object' has no '%.100s'", m->of, m->name->text);
    return wg_jfail(&run->at, "'%.100s' is undefined", m->name->text);
}

/* --- sequences -------------------------------------------------------------------------------- */

wagle_status wg_jsequence_new(wg_jrun *run, wg_jflavour flavour, int64_t capacity, wg_jvalue *out)
{
    wg_jsequence *s;

    WG_TRY(WG_J_NEW(run, &s, 1));
    s->flavour = flavour;
    s->capacity = capacity;
    if (capacity > 0)
        WG_TRY(WG_J_NEW(run, &s->item, capacity));
    *out = (wg_jvalue){WG_J_SEQUENCE, {.sequence = s}};
    return WAGLE_OK;
}

/* Tracks the nesting depth of containers, which limits recursion. */
static wagle_status deepen(wg_jrun *run, int *deep, const wg_jvalue *item)
{
    const int one = item->kind == WG_J_SEQUENCE ? 1 + item->sequence->deep
                    : item->kind == WG_J_DICT   ? 1 + item->dict->deep
                                                : 0;

    *deep = one > *deep ? one : *deep;
    return *deep <= WG_J_DEPTH
               ? WAGLE_OK
               : wg_jfail(&run->at, "lists are nested more than %d deep", WG_J_DEPTH);
}

wagle_status wg_jsequence_add(wg_jrun *run, wg_jsequence *s, wg_jvalue item)
{
    WG_TRY(deepen(run, &s->deep, &item));
    if (s->n == s->capacity) {
        const int64_t capacity = s->capacity < 4 ? 4 : 2 * s->capacity;
        wg_jvalue *grown;
        WG_TRY(WG_J_NEW(run, &grown, capacity));
        if (s->n > 0)
            memcpy(grown, s->item, (size_t)s->n * sizeof *grown);
        s->item = grown;
        s->capacity = capacity;
    }
    s->item[s->n++] = item;
    return WAGLE_OK;
}

wagle_status wg_jpair(wg_jrun *run, wg_jvalue a, wg_jvalue b, wg_jvalue *out)
{
    WG_TRY(wg_jsequence_new(run, WG_J_TUPLE, 2, out));
    WG_TRY(wg_jsequence_add(run, out->sequence, a));
    return wg_jsequence_add(run, out->sequence, b);
}

/* --- dicts ------------------------------------------------------------------------------------ */

wagle_status wg_jdict_new(wg_jrun *run, wg_jvalue *out)
{
    wg_jdict *d;

    WG_TRY(WG_J_NEW(run, &d, 1));
    *out = (wg_jvalue){WG_J_DICT, {.dict = d}};
    return WAGLE_OK;
}

static bool hash_of(const wg_jvalue *v, uint64_t *out)
{
    double x;

    if (wg_jnumber(v, &x)) { /* 1 == 1.0 == true */
        x = x == 0 ? 0 : x;
        *out = wg_hash_bytes(&x, sizeof x);
        return true;
    }
    if (v->kind == WG_J_SEQUENCE && v->sequence->flavour == WG_J_TUPLE) {
        *out = 17;
        for (int64_t i = 0; i < v->sequence->n; i++) {
            uint64_t one;
            if (!hash_of(&v->sequence->item[i], &one))
                return false;
            *out = *out * 31 + one;
        }
        return true;
    }
    if (v->kind ==
        WG_J_SEQUENCE) { /* as in Python: immutable values, and objects compared by identity */
        const wg_jflavour f = v->sequence->flavour;
        *out = 19 + (uint64_t)v->sequence->n;
        return f == WG_J_RANGE_OBJECT || f == WG_J_VALUES || f == WG_J_ITERATOR;
    }
    *out = v->kind == WG_J_STRING ? v->string->hash : (uint64_t)v->kind;
    return v->kind != WG_J_DICT;
}

bool wg_jhashable(const wg_jvalue *key)
{
    uint64_t hash;

    return hash_of(key, &hash);
}

const wg_jvalue *wg_jdict_get(const wg_jdict *d, const wg_jvalue *key)
{
    uint64_t hash;

    if (!hash_of(key, &hash))
        return NULL;
    for (int64_t i = 0; i < d->n; i++)
        if (d->hash[i] == hash && wg_jequal(&d->key[i], key))
            return &d->value[i];
    return NULL;
}

const wg_jvalue *wg_jdict_named(const wg_jdict *d, const wg_jstring *name)
{
    const wg_jvalue key = {WG_J_STRING, {.string = name}};

    return wg_jdict_get(d, &key);
}

static wagle_status dict_grow(wg_jrun *run, wg_jdict *d)
{
    const int64_t capacity = d->capacity < 8 ? 8 : 2 * d->capacity;
    wg_jvalue *key, *value;
    uint64_t *hash;

    WG_TRY(WG_J_NEW(run, &key, capacity));
    WG_TRY(WG_J_NEW(run, &value, capacity));
    WG_TRY(WG_J_NEW(run, &hash, capacity));
    if (d->n > 0) {
        memcpy(key, d->key, (size_t)d->n * sizeof *key);
        memcpy(value, d->value, (size_t)d->n * sizeof *value);
        memcpy(hash, d->hash, (size_t)d->n * sizeof *hash);
    }
    d->key = key;
    d->value = value;
    d->hash = hash;
    d->capacity = capacity;
    return WAGLE_OK;
}

wagle_status wg_jdict_set(wg_jrun *run, wg_jdict *d, const wg_jvalue *key, wg_jvalue value)
{
    const wg_jvalue *old;
    uint64_t hash;

    WG_TRY(wg_jstep(run, 1 + d->n / 16));
    if (!hash_of(key, &hash))
        return wg_jfail(&run->at, "a %s cannot be a key of a dict", wg_jtype(key));
    old = wg_jdict_get(d, key);
    WG_TRY(deepen(run, &d->deep, &value));
    WG_TRY(deepen(run, &d->deep, key));
    if (old != NULL) {
        d->value[old - d->value] = value;
        return WAGLE_OK;
    }
    if (d->n == d->capacity)
        WG_TRY(dict_grow(run, d));
    d->key[d->n] = *key;
    d->value[d->n] = value;
    d->hash[d->n++] = hash;
    return WAGLE_OK;
}

wagle_status wg_jdict_view(wg_jrun *run, const wg_jdict *d, wg_jflavour flavour, wg_jvalue *out)
{
    WG_TRY(wg_jstep(run, d->n));
    WG_TRY(wg_jsequence_new(run, flavour, d->n, out));
    for (int64_t i = 0; i < d->n; i++) {
        wg_jvalue item = flavour == WG_J_KEYS ? d->key[i] : d->value[i];
        if (flavour != WG_J_KEYS && flavour != WG_J_VALUES)
            WG_TRY(wg_jpair(run, d->key[i], d->value[i], &item));
        WG_TRY(wg_jsequence_add(run, out->sequence, item));
    }
    return WAGLE_OK;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static wagle_status list_from_json(wg_jrun *run, const json_t *json, wg_jvalue *out)
{
    const int64_t n = (int64_t)json_array_size(json);

    WG_TRY(wg_jsequence_new(run, WG_J_LIST, n, out));
    for (int64_t i = 0; i < n; i++) {
        wg_jvalue item = {0};
        WG_TRY(wg_jfrom_json(run, json_array_get(json, (size_t)i), &item));
        WG_TRY(wg_jsequence_add(run, out->sequence, item));
    }
    return WAGLE_OK;
}

static wagle_status dict_from_json(wg_jrun *run, const json_t *json, wg_jvalue *out)
{
    WG_TRY(wg_jdict_new(run, out));
    for (void *i = json_object_iter((json_t *)(uintptr_t)json); i != NULL;
         i = json_object_iter_next((json_t *)(uintptr_t)json, i)) {
        wg_jdict *d = out->dict;
        if (d->n == d->capacity)
            WG_TRY(dict_grow(run, d));
        WG_TRY(wg_jtext_in_place(run, json_object_iter_key(i), (int64_t)json_object_iter_key_len(i),
                                 &d->key[d->n]));
        d->hash[d->n] = d->key[d->n].string->hash;
        WG_TRY(wg_jfrom_json(run, json_object_iter_value(i), &d->value[d->n]));
        WG_TRY(deepen(run, &d->deep, &d->value[d->n++]));
    }
    return WAGLE_OK;
}

wagle_status wg_jfrom_json(wg_jrun *run, const json_t *json, wg_jvalue *out)
{
    wagle_status st = WAGLE_OK;

    WG_TRY(wg_jstep(run, 1));
    if (++run->depth > WG_J_DEPTH)
        return wg_jfail(&run->at, "a variable is nested more than %d deep", WG_J_DEPTH);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        st = dict_from_json(run, json, out);
        break;
    case JSON_ARRAY:
        st = list_from_json(run, json, out);
        break;
    case JSON_STRING:
        st =
            wg_jtext_in_place(run, json_string_value(json), (int64_t)json_string_length(json), out);
        break;
    case JSON_INTEGER:
        *out = wg_jint(json_integer_value(json));
        break;
    case JSON_REAL:
        *out = wg_jreal(json_real_value(json));
        break;
    case JSON_NULL:
        *out = wg_jnone();
        break;
    default:
        *out = wg_jbool(json_is_true(json));
    }
    run->depth--;
    return st;
}

/* --- queries ---------------------------------------------------------------------------------- */

bool wg_jnumber(const wg_jvalue *v, double *out)
{
    if (v->kind == WG_J_REAL)
        *out = v->real;
    else if (v->kind == WG_J_INT)
        *out = (double)v->integer;
    else if (v->kind == WG_J_BOOL)
        *out = v->boolean;
    return v->kind == WG_J_REAL || v->kind == WG_J_INT || v->kind == WG_J_BOOL;
}

bool wg_jwhole(const wg_jvalue *v, int64_t *out)
{
    if (v->kind == WG_J_INT)
        *out = v->integer;
    else if (v->kind == WG_J_BOOL)
        *out = v->boolean;
    return v->kind == WG_J_INT || v->kind == WG_J_BOOL;
}

const char *wg_jtype(const wg_jvalue *v)
{
    static const char *const names[] = {
        "nothing", "Undefined", "NoneType",         "bool",  "int",      "float",  "str",
        "list",    "dict",      "Namespace",        "Macro", "function", "method", "LoopContext",
        "Cycler",  "Joiner",    "TemplateReference"};
    static const char *const flavours[] = {"list",        "tuple",      "range",    "dict_keys",
                                           "dict_values", "dict_items", "generator"};

    return v->kind == WG_J_SEQUENCE ? flavours[v->sequence->flavour] : names[v->kind];
}

bool wg_jiterable(const wg_jvalue *v)
{
    return v->kind == WG_J_UNDEFINED || v->kind == WG_J_STRING || v->kind == WG_J_SEQUENCE ||
           v->kind == WG_J_DICT || v->kind == WG_J_LOOP;
}

int64_t wg_jlength(const wg_jvalue *v)
{
    switch (v->kind) {
    case WG_J_UNDEFINED:
        return 0;
    case WG_J_STRING:
        return v->string->length;
    case WG_J_DICT:
        return v->dict->n;
    case WG_J_SEQUENCE:
        return v->sequence->flavour == WG_J_ITERATOR ? -1 : v->sequence->n;
    default:
        return -1;
    }
}

bool wg_jtrue(const wg_jvalue *v)
{
    double x;

    if (v->kind == WG_J_NONE || v->kind == WG_J_ABSENT)
        return false;
    if (wg_jnumber(v, &x))
        return x != 0;
    return wg_jlength(v) != 0;
}

wagle_status wg_jdefer(wg_jrun *run, wagle_status st, int depth, wg_jvalue *iterator)
{
    const char *message = run->at.ctx->message;
    char *copy;

    if (st != WAGLE_E_INPUT || run->full || run->steps > WG_J_STEPS)
        return st;
    WG_TRY(WG_J_NEW(run, &copy, (int64_t)strlen(message) + 1));
    strcpy(copy, message);
    iterator->sequence->failed = copy;
    run->depth = depth;
    wg_begin(run->at.ctx);
    return WAGLE_OK;
}

wagle_status wg_jfail_late(wg_jrun *run, const wg_jsequence *iterator)
{
    return iterator->failed == NULL ? WAGLE_OK
                                    : wg_fail(run->at.ctx, WAGLE_E_INPUT, "%s", iterator->failed);
}

wagle_status wg_jitems(wg_jrun *run, const wg_jvalue *v, const wg_jsequence **out)
{
    wg_jvalue made = {0};

    if (v->kind == WG_J_DICT) {
        WG_TRY(wg_jdict_view(run, v->dict, WG_J_KEYS, &made));
        *out = made.sequence;
        return WAGLE_OK;
    }
    if (v->kind == WG_J_SEQUENCE && v->sequence->flavour != WG_J_ITERATOR) {
        *out = v->sequence;
        return wg_jstep(run, v->sequence->n);
    }
    if (v->kind != WG_J_UNDEFINED && v->kind != WG_J_STRING && v->kind != WG_J_SEQUENCE)
        return wg_jfail(&run->at, "a value of type %s cannot be iterated", wg_jtype(v));
    WG_TRY(wg_jsequence_new(run, WG_J_LIST, wg_jlength(v) > 0 ? wg_jlength(v) : 0, &made));
    *out = made.sequence;
    if (v->kind == WG_J_STRING) {
        const wg_jstring *s = v->string;
        int n;
        WG_TRY(wg_jstep(run, s->length));
        for (int64_t at = 0; at < s->bytes; at += n) {
            (void)wg_jcode_at(s->text + at, s->bytes - at, &n);
            WG_TRY(
                wg_jtext_in_place(run, s->text + at, n, &made.sequence->item[made.sequence->n++]));
        }
    } else if (v->kind == WG_J_SEQUENCE) {
        wg_jsequence *s = v->sequence;
        WG_TRY(wg_jfail_late(run, s));
        WG_TRY(wg_jstep(run, s->n - s->next));
        *made.sequence = (wg_jsequence){.item = s->item != NULL ? s->item + s->next : NULL,
                                        .n = s->n - s->next,
                                        .deep = s->deep};
        made.sequence->capacity = made.sequence->n;
        s->next = s->n;
    }
    return WAGLE_OK;
}

/* --- comparisons ------------------------------------------------------------------------------ */

static bool ordered(const wg_jsequence *s) /* lists, tuples and ranges are compared item by item */
{
    return s->flavour == WG_J_LIST || s->flavour == WG_J_TUPLE || s->flavour == WG_J_RANGE_OBJECT;
}

static bool equal_sequences(const wg_jsequence *a, const wg_jsequence *b)
{
    if (a == b)
        return true;
    if (a->flavour != b->flavour || !ordered(a) || a->n != b->n)
        return false;
    for (int64_t i = 0; i < a->n; i++)
        if (!wg_jequal(&a->item[i], &b->item[i]))
            return false;
    return true;
}

static bool equal_dicts(const wg_jdict *a, const wg_jdict *b)
{
    if (a == b)
        return true;
    if (a->n != b->n)
        return false;
    for (int64_t i = 0; i < a->n; i++) {
        const wg_jvalue *other = wg_jdict_get(b, &a->key[i]);
        if (other == NULL || !wg_jequal(&a->value[i], other))
            return false;
    }
    return true;
}

bool wg_jequal(const wg_jvalue *a, const wg_jvalue *b)
{
    int64_t i, j;
    double x, y;

    if (wg_jwhole(a, &i) && wg_jwhole(b, &j))
        return i == j;
    if (wg_jnumber(a, &x) && wg_jnumber(b, &y))
        return x == y;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case WG_J_UNDEFINED:
    case WG_J_NONE:
        return true;
    case WG_J_STRING:
        return a->string->hash == b->string->hash && a->string->bytes == b->string->bytes &&
               memcmp(a->string->text, b->string->text, (size_t)a->string->bytes) == 0;
    case WG_J_SEQUENCE:
        return equal_sequences(a->sequence, b->sequence);
    case WG_J_DICT:
        return equal_dicts(a->dict, b->dict);
    case WG_J_METHOD:
        return a->method->entry == b->method->entry &&
               wg_jequal(&a->method->self, &b->method->self);
    default: /* objects are equal only to themselves */
        return a->dict == b->dict;
    }
}

/* Compares bytes, because UTF-8 preserves the order of code points. */
static int compare_strings(const wg_jstring *a, const wg_jstring *b)
{
    const int64_t n = a->bytes < b->bytes ? a->bytes : b->bytes;
    const int c = n > 0 ? memcmp(a->text, b->text, (size_t)n) : 0;

    return c != 0 ? (c > 0) - (c < 0) : (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

static wagle_status compare_sequences(wg_jrun *run, const wg_jsequence *a, const wg_jsequence *b,
                                      int *out)
{
    int64_t i = 0;

    while (i < a->n && i < b->n && wg_jequal(&a->item[i], &b->item[i]))
        i++;
    WG_TRY(wg_jstep(run, i + 1));
    *out = (a->n > b->n) - (a->n < b->n);
    return i < a->n && i < b->n ? wg_jcompare(run, &a->item[i], &b->item[i], out) : WAGLE_OK;
}

wagle_status wg_jcompare(wg_jrun *run, const wg_jvalue *a, const wg_jvalue *b, int *out)
{
    int64_t i, j;
    double x = 0, y = 0;
    const bool whole = wg_jwhole(a, &i) && wg_jwhole(b, &j);

    if (a->kind == WG_J_UNDEFINED || b->kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, a->kind == WG_J_UNDEFINED ? a : b);
    if (whole)
        *out = (i > j) - (i < j);
    else if (wg_jnumber(a, &x) && wg_jnumber(b, &y))
        *out =
            isnan(x) || isnan(y) ? 2 : (x > y) - (x < y); /* 2: unordered; every < and > is false */
    else if (a->kind == WG_J_STRING && b->kind == WG_J_STRING)
        *out = compare_strings(a->string, b->string);
    else if (a->kind == WG_J_SEQUENCE && b->kind == WG_J_SEQUENCE &&
             a->sequence->flavour == b->sequence->flavour && a->sequence->flavour <= WG_J_TUPLE)
        return compare_sequences(run, a->sequence, b->sequence, out);
    else
        return wg_jfail(&run->at, "a %s and a %s cannot be ordered", wg_jtype(a), wg_jtype(b));
    return WAGLE_OK;
}
