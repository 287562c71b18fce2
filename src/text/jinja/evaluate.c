/* evaluate.c - evaluates expressions and the arguments of calls. */
#include "text/jinja/internal.h"

#include <string.h>

wagle_status wg_jstep(wg_jrun *run, int64_t n)
{
    run->steps += n;
    if (run->steps > WG_J_STEPS)
        return wg_jfail(&run->at, "the template takes more than %d steps", WG_J_STEPS);
    return WAGLE_OK;
}

/* Looks up a name: in scopes from the inside out, then in the given variables, then in functions.
 */
wagle_status wg_jlookup(wg_jrun *run, const wg_jstring *name, wg_jvalue *out)
{
    const wg_jentry *function;
    wg_jscope *last = NULL;
    const json_t *given;

    for (wg_jscope *s = run->scope; s != NULL; s = s->outer) {
        last = s;
        for (const wg_jvariable *v = s->variables; v != NULL; v = v->next)
            if (v->name == name) {
                *out = v->value;
                return WAGLE_OK;
            }
    }
    if (name == run->template->special[WG_J_SELF_NAME]) {
        *out = (wg_jvalue){.kind = WG_J_SELF};
        return WAGLE_OK;
    }
    given = json_object_get(run->given, name->text);
    if (given != NULL) {
        WG_TRY(wg_jfrom_json(run, given, out));
        return wg_jscope_set(run, last, name, *out);
    }
    function = wg_jfunction(name);
    if (function == NULL)
        return wg_jundefined(run, name, NULL, NULL, out);
    *out = (wg_jvalue){WG_J_FUNCTION, {.function = function}};
    return WAGLE_OK;
}

static wagle_status evaluate_items(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    wg_jvalue item = {0};

    WG_TRY(wg_jsequence_new(run, node->kind == WG_J_TUPLE_OF ? WG_J_TUPLE : WG_J_LIST, 0, out));
    for (const wg_jnode *n = node->list; n != NULL; n = n->next) {
        WG_TRY(wg_jevaluate(run, n, &item));
        WG_TRY(wg_jsequence_add(run, out->sequence, item));
    }
    return WAGLE_OK;
}

static wagle_status evaluate_dict(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    wg_jvalue key = {0}, value = {0};

    WG_TRY(wg_jdict_new(run, out));
    for (const wg_jnode *n = node->list; n != NULL; n = n->next->next) {
        WG_TRY(wg_jevaluate(run, n, &key));
        WG_TRY(wg_jevaluate(run, n->next, &value));
        WG_TRY(wg_jdict_set(run, out->dict, &key, value));
    }
    return WAGLE_OK;
}

static wagle_status evaluate_concat(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    wg_text text = {0};
    wagle_status st = WAGLE_OK;

    for (const wg_jnode *n = node->list; st == WAGLE_OK && n != NULL; n = n->next) {
        wg_jvalue part = {0};
        st = wg_jevaluate(run, n, &part);
        if (st == WAGLE_OK)
            st = wg_jprint(run, &part, false, &text);
    }
    return wg_jtext_take(run, st, &text, out);
}

static wagle_status evaluate_slice(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    const wg_jnode *bounds[] = {node->b, node->c, node->d};
    wg_jvalue of = {0}, bound[3];

    WG_TRY(wg_jevaluate(run, node->a, &of));
    for (int i = 0; i < 3; i++) {
        bound[i] = wg_jnone();
        if (bounds[i] != NULL)
            WG_TRY(wg_jevaluate(run, bounds[i], &bound[i]));
    }
    return wg_jslice(run, &of, bound, out);
}

static wagle_status compare_one(wg_jrun *run, int op, const wg_jvalue *a, const wg_jvalue *b,
                                bool *out)
{
    int c;

    if (op == 'i' || op == 'n') {
        WG_TRY(wg_jcontains(run, a, b, out));
        *out = *out == (op == 'i');
        return WAGLE_OK;
    }
    if (op == WG_J_OP('=', '=') || op == WG_J_OP('!', '=')) {
        *out = wg_jequal(a, b) == (op == WG_J_OP('=', '='));
        return WAGLE_OK;
    }
    WG_TRY(wg_jcompare(run, a, b, &c));
    *out = c != 2 && (op == '<'                 ? c < 0
                      : op == '>'               ? c > 0
                      : op == WG_J_OP('<', '=') ? c <= 0
                                                : c >= 0);
    return WAGLE_OK;
}

/* a < b < c: evaluates each operand once and stops at the first false comparison. */
static wagle_status evaluate_compare(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    wg_jvalue a = {0}, b = {0};
    bool holds = true;

    WG_TRY(wg_jevaluate(run, node->a, &a));
    for (const wg_jnode *n = node->list; holds && n != NULL; n = n->next) {
        WG_TRY(wg_jevaluate(run, n->a, &b));
        run->at.line = n->line;
        WG_TRY(compare_one(run, n->op, &a, &b, &holds));
        a = b;
    }
    *out = wg_jbool(holds);
    return WAGLE_OK;
}

static wagle_status evaluate_sign(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    const wg_jvalue zero = wg_jint(0), minus = wg_jreal(-1);
    wg_jvalue v = {0};
    double x;

    WG_TRY(wg_jevaluate(run, node->a, &v));
    if (!wg_jnumber(&v, &x)) {
        if (v.kind == WG_J_UNDEFINED)
            return wg_juse_undefined(run, &v);
        return wg_jfail(&run->at, "a sign before a %s", wg_jtype(&v));
    }
    if (v.kind == WG_J_REAL)
        return node->op == '-' ? wg_jbinary(run, '*', &minus, &v, out) : (*out = v, WAGLE_OK);
    return wg_jbinary(run, node->op, &zero, &v, out);
}

static wagle_status evaluate_condition(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    wg_jvalue test = {0};

    WG_TRY(wg_jevaluate(run, node->a, &test));
    if (wg_jtrue(&test))
        return wg_jevaluate(run, node->b, out);
    if (node->c != NULL)
        return wg_jevaluate(run, node->c, out);
    return wg_jundefined(run, NULL, NULL, "an inline if without else was false", out);
}

static wagle_status evaluate_call(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    wg_jvalue what = {0};
    wg_jargs args;

    WG_TRY(wg_jevaluate(run, node->a, &what));
    WG_TRY(wg_jarguments(run, node->list, NULL, &args));
    run->at.line = node->line;
    return wg_jcall(run, &what, &args, out);
}

static wagle_status evaluate_entry(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    const char *what = node->kind == WG_J_FILTER ? "filter" : "test";
    wg_jvalue self = {0};
    wg_jargs args;

    if (node->entry == NULL)
        return wg_jfail(&run->at, "the %s '%.60s' is not known or not supported", what,
                        node->name->text);
    WG_TRY(wg_jevaluate(run, node->a, &self));
    WG_TRY(wg_jarguments(run, node->list, NULL, &args));
    run->at.line = node->line;
    return wg_jrun_entry(run, what, node->entry, &self, &args, out);
}

static wagle_status evaluate_pair(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    wg_jvalue a = {0}, b = {0};

    WG_TRY(wg_jevaluate(run, node->a, &a));
    if (node->kind == WG_J_ATTRIBUTE) {
        run->at.line = node->line;
        return wg_jattribute(run, &a, node->name, out);
    }
    WG_TRY(wg_jevaluate(run, node->b, &b));
    run->at.line = node->line;
    return node->kind == WG_J_ITEM ? wg_jitem(run, &a, &b, out)
                                   : wg_jbinary(run, node->op, &a, &b, out);
}

static wagle_status evaluate_logic(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    WG_TRY(wg_jevaluate(run, node->a, out));
    if (node->kind == WG_J_NOT)
        *out = wg_jbool(!wg_jtrue(out));
    else if (wg_jtrue(out) == (node->kind == WG_J_AND))
        return wg_jevaluate(run, node->b, out);
    return WAGLE_OK;
}

static wagle_status evaluate_node(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    switch (node->kind) {
    case WG_J_CONSTANT:
        *out = node->value;
        return WAGLE_OK;
    case WG_J_NAME:
        return wg_jlookup(run, node->name, out);
    case WG_J_PIPED:
        *out = run->piped;
        return WAGLE_OK;
    case WG_J_TUPLE_OF:
    case WG_J_LIST_OF:
        return evaluate_items(run, node, out);
    case WG_J_DICT_OF:
        return evaluate_dict(run, node, out);
    case WG_J_ATTRIBUTE:
    case WG_J_ITEM:
    case WG_J_BINARY:
        return evaluate_pair(run, node, out);
    case WG_J_SLICE:
        return evaluate_slice(run, node, out);
    case WG_J_CALL:
        return evaluate_call(run, node, out);
    case WG_J_FILTER:
    case WG_J_TEST:
        return evaluate_entry(run, node, out);
    case WG_J_NOT:
    case WG_J_AND:
    case WG_J_OR:
        return evaluate_logic(run, node, out);
    case WG_J_SIGN:
        return evaluate_sign(run, node, out);
    case WG_J_CONDITION:
        return evaluate_condition(run, node, out);
    case WG_J_COMPARE:
        return evaluate_compare(run, node, out);
    case WG_J_CONCAT:
        return evaluate_concat(run, node, out);
    default:
        return wg_jfail(&run->at, "a statement where an expression belongs");
    }
}

wagle_status wg_jevaluate(wg_jrun *run, const wg_jnode *node, wg_jvalue *out)
{
    WG_TRY(wg_jstep(run, 1));
    run->at.line = node->line;
    if (++run->depth > WG_J_DEPTH)
        return wg_jfail(&run->at, "expressions or calls are nested more than %d deep", WG_J_DEPTH);
    WG_TRY(evaluate_node(run, node, out));
    run->depth--;
    return WAGLE_OK;
}

/* --- arguments -------------------------------------------------------------------------------- */

typedef struct collector {
    wg_jsequence *positional;
    const wg_jstring **name;
    wg_jvalue *value;
    int named, capacity;
} collector;

static wagle_status collect_named(wg_jrun *run, collector *c, const wg_jstring *name,
                                  wg_jvalue value)
{
    WG_TRY(wg_jstep(run, 1 + c->named / 8));
    for (int i = 0; i < c->named; i++)
        if (c->name[i]->bytes == name->bytes &&
            memcmp(c->name[i]->text, name->text, (size_t)name->bytes) == 0)
            return wg_jfail(&run->at, "the argument '%.60s' is given twice", name->text);
    if (c->named == c->capacity) {
        const int capacity = c->capacity < 4 ? 4 : 2 * c->capacity;
        const wg_jstring **names;
        wg_jvalue *values;
        WG_TRY(WG_J_NEW(run, &names, capacity));
        WG_TRY(WG_J_NEW(run, &values, capacity));
        if (c->named > 0) {
            memcpy(names, c->name, (size_t)c->named * sizeof *names);
            memcpy(values, c->value, (size_t)c->named * sizeof *values);
        }
        c->name = names;
        c->value = values;
        c->capacity = capacity;
    }
    c->name[c->named] = name;
    c->value[c->named++] = value;
    return WAGLE_OK;
}

static wagle_status collect_dict(wg_jrun *run, collector *c, const wg_jvalue *v)
{
    if (v->kind != WG_J_DICT)
        return wg_jfail(&run->at, "** of a %s in a call", wg_jtype(v));
    for (int64_t i = 0; i < v->dict->n; i++) {
        if (v->dict->key[i].kind != WG_J_STRING)
            return wg_jfail(&run->at, "** in a call wants keys that are strings");
        WG_TRY(collect_named(run, c, v->dict->key[i].string, v->dict->value[i]));
    }
    return WAGLE_OK;
}

static wagle_status collect(wg_jrun *run, collector *c, const wg_jnode *node)
{
    const bool plain =
        node->kind != WG_J_KEYWORD && node->kind != WG_J_STAR && node->kind != WG_J_STARS;
    const wg_jsequence *items;
    wg_jvalue v = {0};

    WG_TRY(wg_jevaluate(run, plain ? node : node->a, &v));
    if (plain)
        return wg_jsequence_add(run, c->positional, v);
    if (node->kind == WG_J_KEYWORD)
        return collect_named(run, c, node->name, v);
    if (node->kind == WG_J_STARS)
        return collect_dict(run, c, &v);
    WG_TRY(wg_jitems(run, &v, &items));
    for (int64_t i = 0; i < items->n; i++)
        WG_TRY(wg_jsequence_add(run, c->positional, items->item[i]));
    return WAGLE_OK;
}

wagle_status wg_jarguments(wg_jrun *run, const wg_jnode *list, const wg_jvalue *caller,
                           wg_jargs *out)
{
    wg_jvalue positional = {0};
    collector c = {0};

    *out = (wg_jargs){0};
    if (list == NULL && caller == NULL)
        return WAGLE_OK;
    WG_TRY(wg_jsequence_new(run, WG_J_LIST, 4, &positional));
    c.positional = positional.sequence;
    for (const wg_jnode *n = list; n != NULL; n = n->next)
        WG_TRY(collect(run, &c, n));
    if (caller != NULL)
        WG_TRY(collect_named(run, &c, run->template->special[WG_J_CALLER], *caller));
    if (c.positional->n > 10000)
        return wg_jfail(&run->at, "more than 10000 arguments");
    out->n = (int)c.positional->n;
    for (int i = 0; i < c.named; i++)
        WG_TRY(wg_jsequence_add(run, c.positional, c.value[i]));
    out->value = c.positional->item;
    out->name = c.name;
    out->named = c.named;
    return WAGLE_OK;
}
