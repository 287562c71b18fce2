/* statement.c - parses a template into a list of nodes: text, {{ ... }} and {% ... %}. */
#include "text/jinja/internal.h"

#include <string.h>

static wagle_status parse_body(wg_jparser *p, const char *ends, wg_jnode **out);

static const wg_jtoken *current(const wg_jparser *p)
{
    return &p->token[p->now];
}

static wagle_status expect(wg_jparser *p, wg_jtoken_kind kind, const char *wanted)
{
    if (current(p)->kind != kind)
        return wg_junexpected(p, wanted);
    p->now += p->now + 1 < p->tokens;
    p->at.line = current(p)->line;
    return WAGLE_OK;
}

static wagle_status expect_block_end(wg_jparser *p)
{
    return expect(p, WG_J_BLOCK_END, "'%}'");
}

/* --- targets of assignments ------------------------------------------------------------------- */

static wagle_status parse_targets(wg_jparser *p, bool attributes, bool bracketed, wg_jnode **out);

static wagle_status parse_target(wg_jparser *p, bool attributes, wg_jnode **out)
{
    static const char *const constants[] = {"true", "True", "false", "False", "none", "None"};

    if (wg_jskip_op(p, '(')) {
        WG_TRY(parse_targets(p, attributes, true, out));
        return wg_jexpect_op(p, ')');
    }
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (wg_jat_word(p, constants[i]))
            return wg_jfail(&p->at, "cannot assign to '%s'", constants[i]);
    WG_TRY(wg_jnode_new(p, WG_J_NAME, out));
    WG_TRY(wg_jexpect_word(p, &(*out)->name));
    if (attributes && wg_jskip_op(p, '.')) {
        wg_jnode *of = *out;
        WG_TRY(wg_jnode_new(p, WG_J_ATTRIBUTE, out));
        (*out)->a = of;
        return wg_jexpect_word(p, &(*out)->name);
    }
    return WAGLE_OK;
}

/* Parses a, or a, b as a tuple. */
static wagle_status parse_targets(wg_jparser *p, bool attributes, bool bracketed, wg_jnode **out)
{
    wg_jnode *first, **tail;

    WG_TRY(wg_jenter(p));
    WG_TRY(parse_target(p, attributes, out));
    p->depth--;
    if (!wg_jat_op(p, ','))
        return WAGLE_OK;
    first = *out;
    tail = &first->next;
    WG_TRY(wg_jnode_new(p, WG_J_TUPLE_OF, out));
    (*out)->list = first;
    while (wg_jskip_op(p, ',')) {
        if (wg_jat_op(p, bracketed ? ')' : '=') || wg_jat_word(p, "in"))
            break;
        WG_TRY(parse_target(p, attributes, tail));
        tail = &(*tail)->next;
    }
    return WAGLE_OK;
}

static wagle_status refuse_loop(wg_jparser *p, const wg_jnode *target)
{
    if (target->kind == WG_J_NAME && strcmp(target->name->text, "loop") == 0)
        return wg_jfail(&p->at, "cannot assign to 'loop' in a for");
    return WAGLE_OK;
}

/* --- statements ------------------------------------------------------------------------------- */

/* Parser state that is reset in the body of a function: unknown filters are refused at once, and
 * break and continue do not apply to outer loops. */
typedef struct fresh {
    bool soft;
    int loops;
} fresh;

static fresh begin_fresh(wg_jparser *p, bool function)
{
    const fresh old = {p->soft, p->loops};

    p->soft = false;
    if (function)
        p->loops = 0;
    return old;
}

static void end_fresh(wg_jparser *p, fresh old)
{
    p->soft = old.soft;
    p->loops = old.loops;
}

static wagle_status parse_end(wg_jparser *p, const char *word)
{
    return wg_jskip_word(p, word) ? WAGLE_OK : wg_junexpected(p, word);
}

static wagle_status parse_if(wg_jparser *p, wg_jnode **out)
{
    const bool soft = p->soft;

    p->soft = true;
    for (wg_jnode **at = out;; at = &(*at)->other) {
        WG_TRY(wg_jnode_new(p, WG_J_IF, at));
        WG_TRY(wg_jparse_tuple(p, false, &(*at)->a));
        WG_TRY(parse_body(p, "elif else endif", &(*at)->body));
        if (wg_jskip_word(p, "elif"))
            continue;
        if (wg_jskip_word(p, "else"))
            WG_TRY(parse_body(p, "endif", &(*at)->other));
        break;
    }
    p->soft = soft;
    return parse_end(p, "endif");
}

static wagle_status parse_for(wg_jparser *p, wg_jnode **out)
{
    fresh old;

    WG_TRY(wg_jnode_new(p, WG_J_FOR, out));
    WG_TRY(parse_targets(p, false, false, &(*out)->b));
    WG_TRY(refuse_loop(p, (*out)->b));
    for (const wg_jnode *n = (*out)->b->list; n != NULL; n = n->next)
        WG_TRY(refuse_loop(p, n));
    if (!wg_jskip_word(p, "in"))
        return wg_junexpected(p, "'in'");
    WG_TRY(wg_jparse_tuple(p, false, &(*out)->a));
    old = begin_fresh(p, false);
    if (wg_jskip_word(p, "if"))
        WG_TRY(wg_jparse_expression(p, true, &(*out)->c));
    if (wg_jat_word(p, "recursive"))
        return wg_jfail(&p->at, "a recursive for is not supported");
    p->loops++;
    WG_TRY(parse_body(p, "else endfor", &(*out)->body));
    p->loops--;
    if (wg_jskip_word(p, "else"))
        WG_TRY(parse_body(p, "endfor", &(*out)->other));
    end_fresh(p, old);
    return parse_end(p, "endfor");
}

static wagle_status parse_set(wg_jparser *p, wg_jnode **out)
{
    wg_jnode *piped;
    fresh old;

    WG_TRY(wg_jnode_new(p, WG_J_SET, out));
    WG_TRY(parse_targets(p, true, false, &(*out)->b));
    if (wg_jskip_op(p, '='))
        return wg_jparse_tuple(p, true, &(*out)->a);
    (*out)->kind = WG_J_SET_BLOCK;
    old = begin_fresh(p, false);
    WG_TRY(wg_jnode_new(p, WG_J_PIPED, &piped));
    WG_TRY(wg_jparse_filters(p, piped, false, &(*out)->a));
    WG_TRY(parse_body(p, "endset", &(*out)->body));
    end_fresh(p, old);
    return parse_end(p, "endset");
}

static wagle_status parse_with(wg_jparser *p, wg_jnode **out)
{
    wg_jnode **tail;
    fresh old;

    WG_TRY(wg_jnode_new(p, WG_J_WITH, out));
    tail = &(*out)->list;
    for (int i = 0; current(p)->kind != WG_J_BLOCK_END; i++) {
        if (i > 0)
            WG_TRY(wg_jexpect_op(p, ','));
        WG_TRY(wg_jnode_new(p, WG_J_SET, tail));
        WG_TRY(parse_targets(p, false, false, &(*tail)->b));
        WG_TRY(wg_jexpect_op(p, '='));
        WG_TRY(wg_jparse_expression(p, true, &(*tail)->a));
        tail = &(*tail)->next;
    }
    old = begin_fresh(p, false);
    WG_TRY(parse_body(p, "endwith", &(*out)->body));
    end_fresh(p, old);
    return parse_end(p, "endwith");
}

/* Parses the parameters of a macro, after the opening bracket. */
static wagle_status parse_signature(wg_jparser *p, wg_jnode *into)
{
    wg_jnode **tail = &into->list;
    bool defaults = false;

    for (int i = 0; !wg_jskip_op(p, ')'); i++) {
        if (i > 0)
            WG_TRY(wg_jexpect_op(p, ','));
        WG_TRY(wg_jnode_new(p, WG_J_KEYWORD, tail));
        WG_TRY(wg_jexpect_word(p, &(*tail)->name));
        if (wg_jskip_op(p, '=')) {
            WG_TRY(wg_jparse_expression(p, true, &(*tail)->a));
            defaults = true;
        } else if (defaults) {
            return wg_jfail(&p->at, "a parameter without a default follows one with a default");
        }
        tail = &(*tail)->next;
    }
    return WAGLE_OK;
}

/* A parameter with the name of a special variable hides it. */
static wagle_status declared(wg_jparser *p, wg_jnode *macro)
{
    for (const wg_jnode *n = macro->list; n != NULL; n = n->next) {
        macro->kwargs = macro->kwargs && strcmp(n->name->text, "kwargs") != 0;
        macro->varargs = macro->varargs && strcmp(n->name->text, "varargs") != 0;
        if (!macro->caller || strcmp(n->name->text, "caller") != 0)
            continue;
        if (n->a == NULL)
            return wg_jfail(&p->at, "a parameter 'caller' wants a default");
        macro->caller = false;
    }
    return WAGLE_OK;
}

static wagle_status parse_function_body(wg_jparser *p, wg_jnode *macro, const char *end)
{
    wg_juses uses = {macro, p->uses};
    const fresh old = begin_fresh(p, true);

    p->uses = &uses;
    WG_TRY(parse_body(p, end, &macro->body));
    p->uses = uses.outer;
    end_fresh(p, old);
    WG_TRY(declared(p, macro));
    return parse_end(p, end);
}

static wagle_status parse_macro(wg_jparser *p, wg_jnode **out)
{
    WG_TRY(wg_jnode_new(p, WG_J_MACRO_OF, out));
    WG_TRY(wg_jexpect_word(p, &(*out)->name));
    WG_TRY(wg_jexpect_op(p, '('));
    WG_TRY(parse_signature(p, *out));
    return parse_function_body(p, *out, "endmacro");
}

static wagle_status parse_call_block(wg_jparser *p, wg_jnode **out)
{
    WG_TRY(wg_jnode_new(p, WG_J_CALL_BLOCK, out));
    if (wg_jskip_op(p, '('))
        WG_TRY(parse_signature(p, *out));
    WG_TRY(wg_jparse_expression(p, true, &(*out)->a));
    if ((*out)->a->kind != WG_J_CALL)
        return wg_jfail(&p->at, "expected a call after 'call'");
    return parse_function_body(p, *out, "endcall");
}

static wagle_status parse_generation(wg_jparser *p, wg_jnode **out)
{
    WG_TRY(wg_jnode_new(p, WG_J_SCOPE, out));
    return parse_function_body(p, *out, "endgeneration");
}

static wagle_status parse_filter_block(wg_jparser *p, wg_jnode **out)
{
    wg_jnode *piped;
    fresh old = begin_fresh(p, false);

    WG_TRY(wg_jnode_new(p, WG_J_FILTER_BLOCK, out));
    WG_TRY(wg_jnode_new(p, WG_J_PIPED, &piped));
    WG_TRY(wg_jparse_filters(p, piped, true, &(*out)->a));
    WG_TRY(parse_body(p, "endfilter", &(*out)->body));
    end_fresh(p, old);
    return parse_end(p, "endfilter");
}

static wagle_status parse_leave(wg_jparser *p, wg_jnode_kind kind, wg_jnode **out)
{
    if (p->loops == 0)
        return wg_jfail(&p->at, "%s outside a for", kind == WG_J_BREAK ? "break" : "continue");
    return wg_jnode_new(p, kind, out);
}

static wagle_status parse_break(wg_jparser *p, wg_jnode **out)
{
    return parse_leave(p, WG_J_BREAK, out);
}

static wagle_status parse_continue(wg_jparser *p, wg_jnode **out)
{
    return parse_leave(p, WG_J_CONTINUE, out);
}

static wagle_status parse_print(wg_jparser *p, wg_jnode **out)
{
    WG_TRY(wg_jnode_new(p, WG_J_OUTPUT_OF, out));
    WG_TRY(wg_jparse_expression(p, true, &(*out)->a));
    return wg_jat_op(p, ',') ? wg_jfail(&p->at, "print of several values is not supported")
                             : WAGLE_OK;
}

static wagle_status parse_statement(wg_jparser *p, wg_jnode **out)
{
    static const struct {
        const char *name;
        wagle_status (*parse)(wg_jparser *, wg_jnode **);
    } tags[] = {
        {"if", parse_if},
        {"for", parse_for},
        {"set", parse_set},
        {"with", parse_with},
        {"macro", parse_macro},
        {"call", parse_call_block},
        {"filter", parse_filter_block},
        {"generation", parse_generation},
        {"break", parse_break},
        {"continue", parse_continue},
        {"print", parse_print},
    };
    static const char *const refused[] = {"extends", "include", "import",
                                          "from",    "block",   "autoescape"};
    const wg_jtoken *t = current(p);

    if (t->kind != WG_J_WORD)
        return wg_junexpected(p, "the name of a tag");
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (wg_jskip_word(p, tags[i].name))
            return tags[i].parse(p, out);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (wg_jat_word(p, refused[i]))
            return wg_jfail(&p->at, "the tag '%s' is not supported", refused[i]);
    return wg_jfail(&p->at, "the tag '%.60s' is not known, or not expected here", t->text->text);
}

static bool is_one_of(const wg_jparser *p, const char *words)
{
    for (const char *at = words; *at != '\0';) {
        const size_t n = strcspn(at, " ");
        const wg_jtoken *t = current(p);
        if (t->kind == WG_J_WORD && (size_t)t->text->bytes == n &&
            memcmp(t->text->text, at, n) == 0)
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

/* Parses nodes up to one of the tags `ends`, whose name is then the current token; NULL: up to the
 * end.
 */
static wagle_status parse_nodes(wg_jparser *p, const char *ends, wg_jnode **out)
{
    wg_jnode **tail = out;

    for (;; tail = *tail != NULL ? &(*tail)->next : tail) {
        const wg_jtoken *t = current(p);
        if (t->kind == WG_J_END)
            return ends == NULL
                       ? WAGLE_OK
                       : wg_jfail(&p->at, "the template ends before '%s'",
                                  strrchr(ends, ' ') != NULL ? strrchr(ends, ' ') + 1 : ends);
        if (t->kind == WG_J_DATA) {
            WG_TRY(wg_jnode_new(p, WG_J_TEXT, tail));
            (*tail)->value = (wg_jvalue){WG_J_STRING, {.string = t->text}};
            WG_TRY(expect(p, WG_J_DATA, "text"));
        } else if (t->kind == WG_J_VARIABLE_BEGIN) {
            WG_TRY(wg_jnode_new(p, WG_J_OUTPUT_OF, tail));
            WG_TRY(expect(p, WG_J_VARIABLE_BEGIN, "'{{'"));
            WG_TRY(wg_jparse_tuple(p, true, &(*tail)->a));
            WG_TRY(expect(p, WG_J_VARIABLE_END, "'}}'"));
        } else {
            WG_TRY(expect(p, WG_J_BLOCK_BEGIN, "'{%'"));
            if (ends != NULL && is_one_of(p, ends))
                return WAGLE_OK;
            WG_TRY(wg_jenter(p));
            WG_TRY(parse_statement(p, tail));
            p->depth--;
            WG_TRY(expect_block_end(p));
        }
    }
}

static wagle_status parse_body(wg_jparser *p, const char *ends, wg_jnode **out)
{
    (void)wg_jskip_op(p, ':');
    WG_TRY(expect_block_end(p));
    return parse_nodes(p, ends, out);
}

wagle_status wg_jparse(wg_jparser *p, wg_jnode **out)
{
    wg_jnode *first = NULL;

    p->at.line = 1;
    WG_TRY(parse_nodes(p, NULL, out));
    for (wg_jnode *u = p->unknown; u != NULL; u = u->other)
        if (u->op != WG_J_REFUSE_LATER)
            first = u;
    if (first == NULL)
        return WAGLE_OK;
    p->at.line = first->line;
    return wg_jfail(&p->at, "the %s '%.60s' is not known or not supported",
                    first->kind == WG_J_FILTER ? "filter" : "test", first->name->text);
}
