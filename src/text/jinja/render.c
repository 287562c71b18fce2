/* render.c - runs statements, loops, macros and calls; compiles and renders templates. */
#include "text/jinja/internal.h"

#include <stdio.h>
#include <string.h>

/* How a list of statements ended. */
typedef enum flow { ON, BREAK, CONTINUE } flow;

static wagle_status run_list(wg_jrun *run, wg_jscope *scope, const wg_jnode *list, wg_text *out,
                             flow *how);

/* --- scopes ----------------------------------------------------------------------------------- */

static wagle_status scope_new(wg_jrun *run, wg_jscope *outer, wg_jscope **out)
{
    WG_TRY(WG_J_NEW(run, out, 1));
    (*out)->outer = outer;
    return WAGLE_OK;
}

wagle_status wg_jscope_set(wg_jrun *run, wg_jscope *scope, const wg_jstring *name, wg_jvalue value)
{
    wg_jvariable *made;

    for (wg_jvariable *v = scope->variables; v != NULL; v = v->next)
        if (v->name == name) {
            v->value = value;
            return WAGLE_OK;
        }
    WG_TRY(WG_J_NEW(run, &made, 1));
    *made = (wg_jvariable){name, value, scope->variables};
    scope->variables = made;
    return WAGLE_OK;
}

static wagle_status assign_attribute(wg_jrun *run, const wg_jnode *target, const wg_jvalue *value)
{
    const wg_jvalue key = {WG_J_STRING, {.string = target->name}};
    wg_jvalue of = {0};

    WG_TRY(wg_jlookup(run, target->a->name, &of));
    run->at.line = target->line;
    if (of.kind != WG_J_NAMESPACE)
        return wg_jfail(&run->at, "cannot set '%.60s' of '%.60s', which is no namespace",
                        target->name->text, target->a->name->text);
    if (target->name->text[0] == '_')
        return wg_jfail(&run->at, "a namespace has no names with '_' in front: '%.60s'",
                        target->name->text);
    return wg_jdict_set(run, of.dict, &key, *value);
}

wagle_status wg_jassign(wg_jrun *run, wg_jscope *scope, const wg_jnode *target,
                        const wg_jvalue *value)
{
    const wg_jsequence *items;
    int64_t n = 0;

    if (target->kind == WG_J_NAME)
        return wg_jscope_set(run, scope, target->name, *value);
    if (target->kind == WG_J_ATTRIBUTE)
        return assign_attribute(run, target, value);
    if (value->kind == WG_J_UNDEFINED)
        return wg_juse_undefined(run, value);
    WG_TRY(wg_jitems(run, value, &items));
    for (const wg_jnode *t = target->list; t != NULL; t = t->next, n++)
        if (n < items->n)
            WG_TRY(wg_jassign(run, scope, t, &items->item[n]));
    if (n != items->n)
        return wg_jfail(&run->at, "%lld values for %lld names", (long long)items->n, (long long)n);
    return WAGLE_OK;
}

/* --- loops ------------------------------------------------------------------------------------ */

/* Tests the next item and adds it to the kept ones if the condition holds. */
static wagle_status loop_test_next(wg_jrun *run, wg_jloop *loop)
{
    const wg_jvalue *item = &loop->all->item[loop->seen++];
    wg_jscope *old = run->scope, *scope;
    wg_jvalue test = {0};

    WG_TRY(scope_new(run, loop->outer, &scope));
    run->scope = scope;
    WG_TRY(wg_jassign(run, scope, loop->node->b, item));
    WG_TRY(wg_jevaluate(run, loop->node->c, &test));
    run->scope = old;
    return wg_jtrue(&test) ? wg_jsequence_add(run, &loop->passed, *item) : WAGLE_OK;
}

wagle_status wg_jloop_has(wg_jrun *run, wg_jloop *loop, int64_t i, bool *out)
{
    while (loop->kept != loop->all && loop->seen < loop->all->n && (i < 0 || loop->passed.n <= i))
        WG_TRY(loop_test_next(run, loop));
    *out = i < loop->kept->n;
    return WAGLE_OK;
}

static wagle_status loop_new(wg_jrun *run, wg_jscope *scope, const wg_jnode *node, wg_jloop **out)
{
    wg_jvalue over = {0};

    WG_TRY(wg_jevaluate(run, node->a, &over));
    WG_TRY(WG_J_NEW(run, out, 1));
    (*out)->node = node;
    (*out)->outer = scope;
    WG_TRY(wg_jitems(run, &over, &(*out)->all));
    (*out)->kept = node->c != NULL ? &(*out)->passed : (*out)->all;
    return WAGLE_OK;
}

static wagle_status run_for(wg_jrun *run, wg_jscope *scope, const wg_jnode *node, wg_text *out,
                            flow *how)
{
    flow inside = ON;
    bool there, whole = false; /* an iteration completed; otherwise jinja2 runs the else branch */
    wg_jscope *inner;
    wg_jloop *loop;

    WG_TRY(loop_new(run, scope, node, &loop));
    for (; inside != BREAK; loop->index++) {
        run->at.line = node->line;
        WG_TRY(wg_jloop_has(run, loop, loop->index, &there));
        if (!there)
            break;
        WG_TRY(wg_jstep(run, 1));
        WG_TRY(scope_new(run, scope, &inner));
        WG_TRY(wg_jscope_set(run, inner, run->template->special[WG_J_LOOP_NAME],
                             (wg_jvalue){WG_J_LOOP, {.loop = loop}}));
        WG_TRY(wg_jassign(run, inner, node->b, &loop->kept->item[loop->index]));
        inside = ON;
        WG_TRY(run_list(run, inner, node->body, out, &inside));
        whole = whole || inside == ON;
    }
    if (whole || node->other == NULL)
        return WAGLE_OK;
    WG_TRY(scope_new(run, scope, &inner));
    return run_list(run, inner, node->other, out, how);
}

/* --- macros ----------------------------------------------------------------------------------- */

/* The index of a named argument, or -1. */
static int argument_named(const wg_jargs *args, const char *name)
{
    for (int i = 0; i < args->named; i++)
        if (strcmp(args->name[i]->text, name) == 0)
            return i;
    return -1;
}

/* Binds the special variable kwargs: named arguments without a parameter. */
static wagle_status bind_rest(wg_jrun *run, wg_jscope *scope, const wg_jnode *node,
                              const wg_jargs *args, const bool *used, int positional)
{
    wg_jvalue rest = {0}, many = {0};

    WG_TRY(wg_jdict_new(run, &rest));
    WG_TRY(wg_jsequence_new(run, WG_J_TUPLE, 0, &many));
    for (int i = 0; i < args->named; i++) {
        const wg_jvalue key = {WG_J_STRING, {.string = args->name[i]}};
        const bool caller = strcmp(args->name[i]->text, "caller") == 0;
        if (used[i] || (caller && node->caller))
            continue;
        if (!node->kwargs)
            return wg_jfail(&run->at, "macro '%.60s' has no argument '%.60s'",
                            node->name != NULL ? node->name->text : "caller", args->name[i]->text);
        WG_TRY(wg_jdict_set(run, rest.dict, &key, args->value[args->n + i]));
    }
    for (int i = positional; i < args->n; i++)
        WG_TRY(wg_jsequence_add(run, many.sequence, args->value[i]));
    if (many.sequence->n > 0 && !node->varargs)
        return wg_jfail(&run->at, "macro '%.60s' takes not more than %d arguments",
                        node->name != NULL ? node->name->text : "caller", positional);
    if (node->kwargs)
        WG_TRY(wg_jscope_set(run, scope, run->template->special[WG_J_KWARGS], rest));
    return node->varargs ? wg_jscope_set(run, scope, run->template->special[WG_J_VARARGS], many)
                         : WAGLE_OK;
}

static wagle_status bind_caller(wg_jrun *run, wg_jscope *scope, const wg_jargs *args)
{
    const wg_jstring *name = run->template->special[WG_J_CALLER];
    wg_jvalue none = {0};
    const int at = argument_named(args, "caller");

    WG_TRY(wg_jundefined(run, name, NULL, "no caller: the macro was not called by a call block",
                         &none));
    return wg_jscope_set(run, scope, name, at >= 0 ? args->value[args->n + at] : none);
}

static wagle_status bind_parameter(wg_jrun *run, wg_jscope *scope, const wg_jnode *p)
{
    wg_jvalue value = {0};

    if (p->a != NULL)
        WG_TRY(wg_jevaluate(run, p->a, &value));
    else
        WG_TRY(wg_jundefined(run, p->name, NULL, NULL, &value));
    return wg_jscope_set(run, scope, p->name, value);
}

static wagle_status bind_macro(wg_jrun *run, wg_jscope *scope, const wg_jnode *node,
                               const wg_jargs *args)
{
    const wg_jnode *later = NULL; /* the first parameter without a positional argument */
    int n = 0;
    bool *used;

    WG_TRY(WG_J_NEW(run, &used, args->named));
    for (const wg_jnode *p = node->list; p != NULL; p = p->next) {
        const bool placed = n < args->n;
        const int at = placed ? -1 : argument_named(args, p->name->text);
        if (!placed && later == NULL)
            later = p;
        if (at >= 0)
            used[at] = true;
        if (placed || at >= 0)
            WG_TRY(wg_jscope_set(run, scope, p->name, args->value[placed ? n : args->n + at]));
        n++;
    }
    if (node->caller)
        WG_TRY(bind_caller(run, scope, args));
    WG_TRY(bind_rest(run, scope, node, args, used, n));
    for (const wg_jnode *p = later; p != NULL; p = p->next)
        if (argument_named(args, p->name->text) < 0)
            WG_TRY(bind_parameter(run, scope, p));
    return WAGLE_OK;
}

static wagle_status call_macro(wg_jrun *run, const wg_jmacro *macro, const wg_jargs *args,
                               wg_jvalue *out)
{
    wg_jscope *old = run->scope, *scope;
    wg_text text = {0};
    flow how = ON;
    wagle_status st;

    WG_TRY(scope_new(run, macro->scope, &scope));
    run->scope = scope;
    WG_TRY(bind_macro(run, scope, macro->node, args));
    st = run_list(run, scope, macro->node->body, &text, &how);
    run->scope = old;
    return wg_jtext_take(run, st, &text, out);
}

static wagle_status make_macro(wg_jrun *run, wg_jscope *scope, const wg_jnode *node, wg_jvalue *out)
{
    wg_jmacro *m;

    WG_TRY(WG_J_NEW(run, &m, 1));
    *m = (wg_jmacro){node, scope};
    *out = (wg_jvalue){WG_J_MACRO, {.macro = m}};
    return WAGLE_OK;
}

/* --- calls ------------------------------------------------------------------------------------ */

static wagle_status call_joiner(wg_jrun *run, wg_jjoiner *j, wg_jvalue *out)
{
    *out = j->separator;
    if (!j->used)
        WG_TRY(wg_jtext(run, "", 0, out));
    j->used = true;
    return WAGLE_OK;
}

wagle_status wg_jcall(wg_jrun *run, const wg_jvalue *what, const wg_jargs *args, wg_jvalue *out)
{
    const wg_jvalue none = wg_jnone();
    wagle_status st;

    if (++run->depth > WG_J_DEPTH)
        return wg_jfail(&run->at, "calls are nested more than %d deep", WG_J_DEPTH);
    if (what->kind == WG_J_MACRO)
        st = call_macro(run, what->macro, args, out);
    else if (what->kind == WG_J_FUNCTION)
        st = wg_jrun_entry(run, "function", what->function, &none, args, out);
    else if (what->kind == WG_J_METHOD)
        st = wg_jrun_entry(run, "method", what->method->entry, &what->method->self, args, out);
    else if (what->kind == WG_J_JOINER && args->n + args->named == 0)
        st = call_joiner(run, what->joiner, out);
    else if (what->kind == WG_J_UNDEFINED)
        st = wg_juse_undefined(run, what);
    else
        st = wg_jfail(&run->at, "a %s is called", wg_jtype(what));
    run->depth--;
    return st;
}

static int parameter_at(const char *params, const wg_jstring *name)
{
    int at = 0;

    for (const char *p = params; *p != '\0'; at++) {
        const size_t n = strcspn(p, " ");
        const size_t mark = *p == '!';
        if (n - mark == (size_t)name->bytes && memcmp(p + mark, name->text, n - mark) == 0)
            return at;
        p += n + (p[n] == ' ');
    }
    return -1;
}

wagle_status wg_jrun_entry(wg_jrun *run, const char *what, const wg_jentry *entry,
                           const wg_jvalue *self, const wg_jargs *args, wg_jvalue *out)
{
    wg_jvalue arg[WG_J_PARAMS] = {{.kind = WG_J_ABSENT}};
    int n = 0;

    if (strcmp(entry->params, "*") == 0)
        return entry->run(run, self, arg, args, out);
    for (const char *p = entry->params; *p != '\0'; n++) {
        if (n < args->n)
            arg[n] = args->value[n];
        p += strcspn(p, " ");
        p += *p == ' ';
    }
    if (args->n > n)
        return wg_jfail(&run->at, "%s '%s' takes not more than %d arguments", what, entry->name, n);
    for (int i = 0; i < args->named; i++) {
        const int at = parameter_at(entry->params, args->name[i]);
        if (at < 0 || arg[at].kind != WG_J_ABSENT)
            return wg_jfail(&run->at, "%s '%s' has no argument '%.60s', or has it twice", what,
                            entry->name, args->name[i]->text);
        arg[at] = args->value[args->n + i];
    }
    n = 0;
    for (const char *p = entry->params; *p != '\0'; n++) {
        if (*p == '!' && arg[n].kind == WG_J_ABSENT)
            return wg_jfail(&run->at, "%s '%s' wants another argument", what, entry->name);
        p += strcspn(p, " ");
        p += *p == ' ';
    }
    return entry->run(run, self, arg, args, out);
}

/* --- statements ------------------------------------------------------------------------------- */

/* Runs a body and returns its output as a string. *how: how it ended. */
static wagle_status run_block(wg_jrun *run, wg_jscope *scope, const wg_jnode *body, flow *how,
                              wg_jvalue *out)
{
    wg_jscope *inner;
    wg_text text = {0};

    WG_TRY(scope_new(run, scope, &inner));
    return wg_jtext_take(run, run_list(run, inner, body, &text, how), &text, out);
}

/* Passes the output of a block through the filters of its tag. *out is not set unless *how is ON.
 */
static wagle_status run_piped(wg_jrun *run, wg_jscope *scope, const wg_jnode *node, flow *how,
                              wg_jvalue *out)
{
    const wg_jvalue piped = run->piped;

    WG_TRY(run_block(run, scope, node->body, how, out));
    if (*how != ON)
        return WAGLE_OK;
    run->scope = scope;
    run->piped = *out;
    WG_TRY(wg_jevaluate(run, node->a, out));
    run->piped = piped;
    return WAGLE_OK;
}

static wagle_status run_set(wg_jrun *run, wg_jscope *scope, const wg_jnode *node, flow *how)
{
    wg_jvalue value = {0};

    if (node->kind == WG_J_SET) {
        WG_TRY(wg_jevaluate(run, node->a, &value));
    } else {
        WG_TRY(run_piped(run, scope, node, how, &value));
        if (*how != ON)
            return WAGLE_OK;
    }
    run->at.line = node->line;
    return wg_jassign(run, scope, node->b, &value);
}

/* Writes the result of a filter block or call block, which must be text as in jinja2. */
static wagle_status write_text(wg_jrun *run, const wg_jvalue *value, wg_text *out)
{
    return value->kind == WG_J_STRING
               ? wg_jadd(run, out, value->string->text, value->string->bytes)
               : wg_jfail(&run->at, "a block gives a %s, not text", wg_jtype(value));
}

static wagle_status run_filter_block(wg_jrun *run, wg_jscope *scope, const wg_jnode *node,
                                     wg_text *out, flow *how)
{
    wg_jvalue value = {0};

    WG_TRY(run_piped(run, scope, node, how, &value));
    return *how == ON ? write_text(run, &value, out) : WAGLE_OK;
}

static wagle_status run_with(wg_jrun *run, wg_jscope *scope, const wg_jnode *node, wg_text *out,
                             flow *how)
{
    wg_jscope *inner;
    wg_jvalue value = {0};

    WG_TRY(scope_new(run, scope, &inner));
    for (const wg_jnode *n = node->list; n != NULL; n = n->next) {
        run->scope = scope;
        WG_TRY(wg_jevaluate(run, n->a, &value));
        WG_TRY(wg_jassign(run, inner, n->b, &value));
    }
    return run_list(run, inner, node->body, out, how);
}

static wagle_status run_call_block(wg_jrun *run, wg_jscope *scope, const wg_jnode *node,
                                   wg_text *out)
{
    wg_jvalue what = {0}, caller = {0}, value = {0};
    wg_jargs args;

    WG_TRY(make_macro(run, scope, node, &caller));
    WG_TRY(wg_jevaluate(run, node->a->a, &what));
    WG_TRY(wg_jarguments(run, node->a->list, &caller, &args));
    run->at.line = node->line;
    WG_TRY(wg_jcall(run, &what, &args, &value));
    return write_text(run, &value, out);
}

static wagle_status run_output(wg_jrun *run, const wg_jnode *node, wg_text *out)
{
    wg_jvalue value = {0};

    WG_TRY(wg_jevaluate(run, node->a, &value));
    run->at.line = node->line;
    return wg_jprint(run, &value, false, out);
}

static wagle_status run_if(wg_jrun *run, wg_jscope *scope, const wg_jnode *node, wg_text *out,
                           flow *how)
{
    wg_jvalue test = {0};

    WG_TRY(wg_jevaluate(run, node->a, &test));
    return run_list(run, scope, wg_jtrue(&test) ? node->body : node->other, out, how);
}

static wagle_status run_scope(wg_jrun *run, wg_jscope *scope, const wg_jnode *node, wg_text *out)
{
    wg_jscope *inner;
    flow how = ON;

    WG_TRY(scope_new(run, scope, &inner));
    return run_list(run, inner, node->body, out, &how);
}

static wagle_status run_one(wg_jrun *run, wg_jscope *scope, const wg_jnode *node, wg_text *out,
                            flow *how)
{
    wg_jvalue value = {0};

    switch (node->kind) {
    case WG_J_TEXT:
        return wg_jadd(run, out, node->value.string->text, node->value.string->bytes);
    case WG_J_OUTPUT_OF:
        return run_output(run, node, out);
    case WG_J_IF:
        return run_if(run, scope, node, out, how);
    case WG_J_FOR:
        return run_for(run, scope, node, out, how);
    case WG_J_SET:
    case WG_J_SET_BLOCK:
        return run_set(run, scope, node, how);
    case WG_J_WITH:
        return run_with(run, scope, node, out, how);
    case WG_J_MACRO_OF:
        WG_TRY(make_macro(run, scope, node, &value));
        return wg_jscope_set(run, scope, node->name, value);
    case WG_J_CALL_BLOCK:
        return run_call_block(run, scope, node, out);
    case WG_J_FILTER_BLOCK:
        return run_filter_block(run, scope, node, out, how);
    case WG_J_SCOPE:
        return run_scope(run, scope, node, out);
    default:
        *how = node->kind == WG_J_BREAK ? BREAK : CONTINUE;
        return WAGLE_OK;
    }
}

static wagle_status run_list(wg_jrun *run, wg_jscope *scope, const wg_jnode *list, wg_text *out,
                             flow *how)
{
    if (++run->depth > WG_J_DEPTH)
        return wg_jfail(&run->at, "blocks or calls are nested more than %d deep", WG_J_DEPTH);
    for (const wg_jnode *n = list; n != NULL && *how == ON; n = n->next) {
        WG_TRY(wg_jstep(run, 1));
        run->scope = scope;
        run->at.line = n->line;
        WG_TRY(run_one(run, scope, n, out, how));
    }
    run->depth--;
    return WAGLE_OK;
}

/* --- the template ----------------------------------------------------------------------------- */

wagle_status wg_jinja_compile(wagle_ctx *ctx, const char *name, const char *text, size_t bytes,
                              wg_jinja **out)
{
    static const char *const special[WG_J_SPECIALS] = {"loop", "caller", "kwargs", "varargs",
                                                       "self"};
    wg_jinterned *bucket[WG_J_BUCKETS] = {NULL};
    wg_jinja *t = wg_alloc(ctx, 1, sizeof *t);
    wg_jparser p = {.at = {ctx, NULL, 1}, .bucket = bucket};
    wagle_status st = t != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    *out = NULL;
    if (st == WAGLE_OK) {
        p.arena = &t->arena;
        p.at.name = t->name = wg_arena_text(ctx, &t->arena, name, strlen(name));
        st = t->name != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    }
    for (int i = 0; st == WAGLE_OK && i < WG_J_SPECIALS; i++)
        st = wg_jintern(&p, special[i], strlen(special[i]), &t->special[i]);
    if (st == WAGLE_OK)
        st = wg_jlex(&p, text, bytes);
    if (st == WAGLE_OK)
        st = wg_jparse(&p, &t->body);
    wg_free(p.token);
    if (st != WAGLE_OK) {
        wg_jinja_free(t);
        return st;
    }
    t->names = p.names;
    *out = t;
    return WAGLE_OK;
}

void wg_jinja_free(wg_jinja *t)
{
    if (t != NULL)
        wg_arena_free(&t->arena);
    wg_free(t);
}

bool wg_jinja_reads(const wg_jinja *t, const char *name)
{
    for (const wg_jinterned *i = t->names; i != NULL; i = i->next)
        if (strcmp(i->string.text, name) == 0)
            return true;
    return false;
}

wagle_status wg_jinja_date(wagle_ctx *ctx, const char *date, struct tm *out)
{
    const time_t now = time(NULL);
    int used = 0;

    *out = (struct tm){0};
    if (date == NULL) {
        localtime_r(&now, out);
        return WAGLE_OK;
    }
    if (sscanf(date, "%4d-%2d-%2d%n", &out->tm_year, &out->tm_mon, &out->tm_mday, &used) != 3 ||
        used != 10 || date[used] != '\0' || out->tm_year < 1000 || out->tm_mon < 1 ||
        out->tm_mon > 12 || out->tm_mday < 1 || out->tm_mday > 31)
        return wg_fail(ctx, WAGLE_E_USAGE, "date '%.40s': a date as 2026-07-31 is wanted", date);
    out->tm_year -= 1900;
    out->tm_mon -= 1;
    out->tm_isdst = -1;
    const int day = out->tm_mday;
    (void)mktime(out); /* sets the day of the week and of the year */
    if (out->tm_mday != day)
        return wg_fail(ctx, WAGLE_E_USAGE, "date '%.40s': that month has no such day", date);
    return WAGLE_OK;
}

wagle_status wg_jinja_render(wagle_ctx *ctx, const wg_jinja *t, const json_t *variables,
                             const char *date, wg_text *out)
{
    wg_jrun run = {.at = {ctx, t->name, 1}, .given = variables, .template = t};
    wg_jscope given = {0}, top = {.outer = &given};
    wg_text text = {0};
    flow how = ON;
    wagle_status st = wg_jinja_date(ctx, date, &run.now);

    if (st == WAGLE_OK)
        st = run_list(&run, &top, t->body, &text, &how);
    if (st == WAGLE_OK)
        st = wg_text_add(ctx, out, text.text != NULL ? text.text : "", (size_t)text.bytes);
    wg_text_free(&text);
    wg_arena_free(&run.arena);
    return st;
}
