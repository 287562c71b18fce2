/* expression.c - parses expressions with the grammar of jinja2 (jinja2/parser.py): precedence from
 * `if` down to calls, subscripts, filters and tests. */
#include "text/jinja/internal.h"

#include <string.h>

static wagle_status parse_unary(wg_jparser *p, bool filters, wg_jnode **out);

static const wg_jtoken *current(const wg_jparser *p)
{
    return &p->token[p->now];
}

static void advance(wg_jparser *p)
{
    if (p->now + 1 < p->tokens)
        p->now++;
    p->at.line = p->token[p->now].line;
}

wagle_status wg_jnode_new(wg_jparser *p, wg_jnode_kind kind, wg_jnode **out)
{
    *out = wg_arena_alloc(p->at.ctx, p->arena, sizeof **out);
    if (*out == NULL)
        return WAGLE_E_RESOURCE;
    (*out)->kind = kind;
    (*out)->line = current(p)->line;
    return WAGLE_OK;
}

bool wg_jat_op(const wg_jparser *p, int op)
{
    return current(p)->kind == WG_J_OPERATOR && current(p)->op == op;
}

bool wg_jat_word(const wg_jparser *p, const char *word)
{
    return current(p)->kind == WG_J_WORD && strcmp(current(p)->text->text, word) == 0;
}

bool wg_jskip_op(wg_jparser *p, int op)
{
    const bool there = wg_jat_op(p, op);

    if (there)
        advance(p);
    return there;
}

bool wg_jskip_word(wg_jparser *p, const char *word)
{
    const bool there = wg_jat_word(p, word);

    if (there)
        advance(p);
    return there;
}

wagle_status wg_junexpected(wg_jparser *p, const char *wanted)
{
    static const char *const what[] = {"text",
                                       "'{{'",
                                       "the end of a variable tag",
                                       "'{%'",
                                       "the end of a tag",
                                       "a name",
                                       "a literal",
                                       "an operator",
                                       "the end of the template"};
    const wg_jtoken *t = current(p);
    char op[3] = {(char)(t->op > 255 ? t->op >> 8 : t->op), (char)(t->op > 255 ? t->op & 255 : 0),
                  '\0'};

    p->at.line = t->line;
    if (t->kind == WG_J_WORD)
        return wg_jfail(&p->at, "found '%.60s', expected %s", t->text->text, wanted);
    if (t->kind == WG_J_OPERATOR)
        return wg_jfail(&p->at, "found '%s', expected %s", op, wanted);
    return wg_jfail(&p->at, "found %s, expected %s", what[t->kind], wanted);
}

wagle_status wg_jexpect_op(wg_jparser *p, int op)
{
    const char wanted[] = {'\'', (char)(op > 255 ? op >> 8 : op), '\'', '\0'};

    return wg_jskip_op(p, op) ? WAGLE_OK : wg_junexpected(p, wanted);
}

wagle_status wg_jexpect_word(wg_jparser *p, const wg_jstring **out)
{
    if (current(p)->kind != WG_J_WORD)
        return wg_junexpected(p, "a name");
    *out = current(p)->text;
    advance(p);
    return WAGLE_OK;
}

wagle_status wg_jenter(wg_jparser *p)
{
    if (++p->depth > 3 * WG_J_NESTING)
        return wg_jfail(&p->at, "expressions or blocks are nested too deep");
    return WAGLE_OK;
}

static void append(wg_jnode ***tail, wg_jnode *node)
{
    **tail = node;
    if (node != NULL)
        *tail = &node->next;
}

/* Parses comma-separated items up to a closing bracket. pairs: key: value. */
static wagle_status parse_items(wg_jparser *p, int close, bool pairs, wg_jnode *into)
{
    wg_jnode **tail = &into->list, *item;

    while (!wg_jskip_op(p, close)) {
        if (into->list != NULL) {
            WG_TRY(wg_jexpect_op(p, ','));
            if (wg_jskip_op(p, close))
                break;
        }
        WG_TRY(wg_jparse_expression(p, true, &item));
        append(&tail, item);
        if (pairs) {
            if (item->kind == WG_J_LIST_OF || item->kind == WG_J_DICT_OF)
                return wg_jfail(&p->at, "a list or dict cannot be a key");
            WG_TRY(wg_jexpect_op(p, ':'));
            WG_TRY(wg_jparse_expression(p, true, &item));
            append(&tail, item);
        }
    }
    return WAGLE_OK;
}

/* Parses (a), (a, b) or (), after the opening bracket. */
static wagle_status parse_bracketed(wg_jparser *p, wg_jnode **out)
{
    if (wg_jskip_op(p, ')'))
        return wg_jnode_new(p, WG_J_TUPLE_OF, out);
    WG_TRY(wg_jparse_tuple(p, true, out));
    return wg_jexpect_op(p, ')');
}

static wagle_status parse_constant(wg_jparser *p, wg_jvalue value, wg_jnode **out)
{
    WG_TRY(wg_jnode_new(p, WG_J_CONSTANT, out));
    (*out)->value = value;
    advance(p);
    return WAGLE_OK;
}

/* Parses a literal; adjacent strings are concatenated. */
static wagle_status parse_literal(wg_jparser *p, wg_jnode **out)
{
    WG_TRY(parse_constant(p, current(p)->value, out));
    while ((*out)->value.kind == WG_J_STRING && current(p)->kind == WG_J_LITERAL &&
           current(p)->value.kind == WG_J_STRING) {
        const wg_jstring *a = (*out)->value.string, *b = current(p)->value.string;
        wg_jstring *s = wg_arena_alloc(p->at.ctx, p->arena, sizeof *s);
        char *text = wg_arena_alloc(p->at.ctx, p->arena, (size_t)(a->bytes + b->bytes) + 1);
        if (s == NULL || text == NULL)
            return WAGLE_E_RESOURCE;
        if (a->bytes + b->bytes > WG_J_TEMPLATE_BYTES)
            return wg_jfail(&p->at, "a string of more than %d bytes", WG_J_TEMPLATE_BYTES);
        memcpy(text, a->text, (size_t)a->bytes);
        memcpy(text + a->bytes, b->text, (size_t)b->bytes);
        *s = (wg_jstring){text, a->bytes + b->bytes, a->length + b->length, 0, false};
        s->hash = wg_hash_bytes(text, (size_t)s->bytes);
        (*out)->value.string = s;
        advance(p);
    }
    return WAGLE_OK;
}

/* Records that the enclosing macros read a special variable. */
static void record_use(wg_jparser *p, const char *name)
{
    for (wg_juses *u = p->uses; u != NULL; u = u->outer) {
        u->macro->caller = u->macro->caller || strcmp(name, "caller") == 0;
        u->macro->kwargs = u->macro->kwargs || strcmp(name, "kwargs") == 0;
        u->macro->varargs = u->macro->varargs || strcmp(name, "varargs") == 0;
    }
}

static wagle_status parse_name(wg_jparser *p, wg_jnode **out)
{
    static const struct {
        const char *name;
        wg_jvalue value;
    } constants[] = {{"true", {WG_J_BOOL, {.boolean = true}}},
                     {"True", {WG_J_BOOL, {.boolean = true}}},
                     {"false", {WG_J_BOOL, {.boolean = false}}},
                     {"False", {WG_J_BOOL, {.boolean = false}}},
                     {"none", {.kind = WG_J_NONE}},
                     {"None", {.kind = WG_J_NONE}}};

    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (wg_jat_word(p, constants[i].name))
            return parse_constant(p, constants[i].value, out);
    WG_TRY(wg_jnode_new(p, WG_J_NAME, out));
    (*out)->name = current(p)->text;
    record_use(p, (*out)->name->text);
    advance(p);
    return WAGLE_OK;
}

static wagle_status parse_primary(wg_jparser *p, wg_jnode **out)
{
    const wg_jtoken *t = current(p);

    if (t->kind == WG_J_WORD)
        return parse_name(p, out);
    if (t->kind == WG_J_LITERAL)
        return parse_literal(p, out);
    if (wg_jskip_op(p, '('))
        return parse_bracketed(p, out);
    if (wg_jat_op(p, '[') || wg_jat_op(p, '{')) {
        const bool list = t->op == '[';
        WG_TRY(wg_jnode_new(p, list ? WG_J_LIST_OF : WG_J_DICT_OF, out));
        advance(p);
        return parse_items(p, list ? ']' : '}', !list, *out);
    }
    return wg_junexpected(p, "an expression");
}

/* x[], x[a, b]: parses the rest of a tuple used as subscript. */
static wagle_status parse_subscripts(wg_jparser *p, wg_jnode **item)
{
    wg_jnode *first = *item, **tail;

    WG_TRY(wg_jnode_new(p, WG_J_TUPLE_OF, item));
    (*item)->list = first;
    tail = first != NULL ? &first->next : &(*item)->list;
    while (first != NULL && wg_jskip_op(p, ',')) {
        WG_TRY(wg_jparse_expression(p, true, tail));
        tail = &(*tail)->next;
    }
    return WAGLE_OK;
}

/* Parses a, a:b or a:b:c inside [ ]. */
static wagle_status parse_subscribed(wg_jparser *p, wg_jnode *of, wg_jnode **out)
{
    wg_jnode *bound[3] = {NULL, NULL, NULL};
    int n = 0;

    while (!wg_jat_op(p, ']') && n < 3) {
        if (!wg_jat_op(p, ':'))
            WG_TRY(wg_jparse_expression(p, true, &bound[n]));
        if (!wg_jskip_op(p, ':'))
            break;
        n++;
    }
    if (n == 0 && (bound[0] == NULL || wg_jat_op(p, ',')))
        WG_TRY(parse_subscripts(p, &bound[0]));
    if (n == 3)
        return wg_junexpected(p, "']'");
    WG_TRY(wg_jnode_new(p, n == 0 ? WG_J_ITEM : WG_J_SLICE, out));
    (*out)->a = of;
    (*out)->b = bound[0];
    (*out)->c = bound[1];
    (*out)->d = bound[2];
    return wg_jexpect_op(p, ']');
}

static wagle_status parse_dot(wg_jparser *p, wg_jnode *of, wg_jnode **out)
{
    const wg_jtoken *t = current(p);

    WG_TRY(wg_jnode_new(p, t->kind == WG_J_WORD ? WG_J_ATTRIBUTE : WG_J_ITEM, out));
    (*out)->a = of;
    if (t->kind == WG_J_WORD)
        return wg_jexpect_word(p, &(*out)->name);
    if (t->kind != WG_J_LITERAL || t->value.kind != WG_J_INT)
        return wg_junexpected(p, "a name or number");
    return parse_constant(p, t->value, &(*out)->b);
}

static wagle_status parse_argument(wg_jparser *p, int *rank, wg_jnode **out)
{
    const int64_t next = p->now + 1;
    const bool named = current(p)->kind == WG_J_WORD && next < p->tokens &&
                       p->token[next].kind == WG_J_OPERATOR && p->token[next].op == '=';
    const int kind = wg_jat_op(p, '*') ? 2 : wg_jat_op(p, WG_J_OP('*', '*')) ? 3 : named ? 1 : 0;
    static const wg_jnode_kind kinds[] = {WG_J_CONSTANT, WG_J_KEYWORD, WG_J_STAR, WG_J_STARS};

    if (kind < *rank && !(kind == 1 && *rank == 2))
        return wg_jfail(&p->at, "arguments in a wrong order");
    if (kind == *rank && kind > 1)
        return wg_jfail(&p->at, "two arguments with %s", kind == 2 ? "*" : "**");
    *rank = kind > *rank ? kind : *rank;
    if (kind == 0)
        return wg_jparse_expression(p, true, out);
    WG_TRY(wg_jnode_new(p, kinds[kind], out));
    (*out)->name = named ? current(p)->text : NULL;
    advance(p);
    if (named)
        advance(p);
    return wg_jparse_expression(p, true, &(*out)->a);
}

/* Parses the arguments of a call, after the opening bracket. */
static wagle_status parse_arguments(wg_jparser *p, wg_jnode *into)
{
    wg_jnode **tail = &into->list, *argument;
    int rank = 0;

    while (!wg_jskip_op(p, ')')) {
        if (into->list != NULL) {
            WG_TRY(wg_jexpect_op(p, ','));
            if (wg_jskip_op(p, ')'))
                break;
        }
        WG_TRY(parse_argument(p, &rank, &argument));
        append(&tail, argument);
    }
    return WAGLE_OK;
}

static wagle_status parse_call(wg_jparser *p, wg_jnode *of, wg_jnode **out)
{
    WG_TRY(wg_jnode_new(p, WG_J_CALL, out));
    advance(p);
    (*out)->a = of;
    return parse_arguments(p, *out);
}

static wagle_status parse_postfix(wg_jparser *p, wg_jnode **node)
{
    for (;;) {
        if (wg_jat_op(p, '('))
            WG_TRY(parse_call(p, *node, node));
        else if (wg_jskip_op(p, '.'))
            WG_TRY(parse_dot(p, *node, node));
        else if (wg_jskip_op(p, '['))
            WG_TRY(parse_subscribed(p, *node, node));
        else
            return WAGLE_OK;
    }
}

/* Finds a filter or test by a possibly dotted name; none that is supported has a dot. */
static wagle_status find_entry(wg_jparser *p, wg_jnode *node, const char *what,
                               const wg_jentry *(*find)(const wg_jstring *))
{
    WG_TRY(wg_jexpect_word(p, &node->name));
    node->entry = find(node->name);
    if (node->entry == NULL) {
        node->op = p->soft ? WG_J_REFUSE_LATER : 0;
        node->other = p->unknown;
        p->unknown = node;
    }
    if (wg_jat_op(p, '.'))
        return wg_jfail(&p->at, "%s with a dotted name", what);
    return WAGLE_OK;
}

wagle_status wg_jparse_filters(wg_jparser *p, wg_jnode *in, bool first, wg_jnode **out)
{
    *out = in;
    while (first || wg_jskip_op(p, '|')) {
        wg_jnode *filter;
        first = false;
        WG_TRY(wg_jnode_new(p, WG_J_FILTER, &filter));
        WG_TRY(find_entry(p, filter, "filter", wg_jfilter));
        filter->a = *out;
        *out = filter;
        if (wg_jskip_op(p, '('))
            WG_TRY(parse_arguments(p, filter));
    }
    return WAGLE_OK;
}

/* Whether an argument without brackets follows, as in "x is divisibleby 3". */
static bool at_bare_argument(const wg_jparser *p)
{
    const wg_jtoken *t = current(p);

    if (t->kind == WG_J_WORD)
        return !wg_jat_word(p, "else") && !wg_jat_word(p, "or") && !wg_jat_word(p, "and");
    return t->kind == WG_J_LITERAL || wg_jat_op(p, '[') || wg_jat_op(p, '{');
}

static wagle_status parse_test(wg_jparser *p, wg_jnode **node)
{
    wg_jnode *test, *negated;
    const bool not_it = wg_jskip_word(p, "not");

    WG_TRY(wg_jnode_new(p, WG_J_TEST, &test));
    WG_TRY(find_entry(p, test, "test", wg_jtest));
    test->a = *node;
    *node = test;
    if (wg_jskip_op(p, '(')) {
        WG_TRY(parse_arguments(p, test));
    } else if (at_bare_argument(p)) {
        if (wg_jat_word(p, "is"))
            return wg_jfail(&p->at, "tests with 'is' cannot be chained");
        WG_TRY(parse_primary(p, &test->list));
        WG_TRY(parse_postfix(p, &test->list));
    }
    if (not_it) {
        WG_TRY(wg_jnode_new(p, WG_J_NOT, &negated));
        negated->a = test;
        *node = negated;
    }
    return WAGLE_OK;
}

/* Parses filters and tests, and calls of their results. */
static wagle_status parse_filters_and_tests(wg_jparser *p, wg_jnode **node)
{
    for (;;) {
        if (wg_jat_op(p, '|'))
            WG_TRY(wg_jparse_filters(p, *node, false, node));
        else if (wg_jskip_word(p, "is"))
            WG_TRY(parse_test(p, node));
        else if (wg_jat_op(p, '('))
            WG_TRY(parse_call(p, *node, node));
        else
            return WAGLE_OK;
    }
}

static wagle_status parse_unary(wg_jparser *p, bool filters, wg_jnode **out)
{
    WG_TRY(wg_jenter(p));
    if (wg_jat_op(p, '-') || wg_jat_op(p, '+')) {
        WG_TRY(wg_jnode_new(p, WG_J_SIGN, out));
        (*out)->op = current(p)->op;
        advance(p);
        WG_TRY(parse_unary(p, false, &(*out)->a));
    } else {
        WG_TRY(parse_primary(p, out));
    }
    WG_TRY(parse_postfix(p, out));
    if (filters)
        WG_TRY(parse_filters_and_tests(p, out));
    p->depth--;
    return WAGLE_OK;
}

static wagle_status parse_product(wg_jparser *p, wg_jnode **out);

/* Parses a ~ b ~ c into one node. */
static wagle_status parse_concat(wg_jparser *p, wg_jnode **out)
{
    wg_jnode *first, **tail;

    WG_TRY(parse_product(p, out));
    if (!wg_jat_op(p, '~'))
        return WAGLE_OK;
    first = *out;
    tail = &first->next;
    WG_TRY(wg_jnode_new(p, WG_J_CONCAT, out));
    (*out)->list = first;
    while (wg_jskip_op(p, '~')) {
        WG_TRY(parse_product(p, tail));
        tail = &(*tail)->next;
    }
    return WAGLE_OK;
}

static wagle_status parse_value(wg_jparser *p, wg_jnode **out)
{
    return parse_unary(p, true, out);
}

/* Parses a op b op c, left-associative. */
static wagle_status parse_chain(wg_jparser *p, const int ops[4],
                                wagle_status (*inner)(wg_jparser *, wg_jnode **), wg_jnode **out)
{
    WG_TRY(inner(p, out));
    for (int i = 0; i < 4 && ops[i] != 0;) {
        wg_jnode *node;
        if (!wg_jat_op(p, ops[i])) {
            i++;
            continue;
        }
        WG_TRY(wg_jnode_new(p, WG_J_BINARY, &node));
        node->op = ops[i];
        advance(p);
        node->a = *out;
        *out = node;
        WG_TRY(inner(p, &node->b));
        i = 0;
    }
    return WAGLE_OK;
}

static wagle_status parse_power(wg_jparser *p, wg_jnode **out)
{
    return parse_chain(p, (const int[4]){WG_J_OP('*', '*')}, parse_value, out);
}

static wagle_status parse_product(wg_jparser *p, wg_jnode **out)
{
    return parse_chain(p, (const int[4]){'*', '/', WG_J_OP('/', '/'), '%'}, parse_power, out);
}

static wagle_status parse_sum(wg_jparser *p, wg_jnode **out)
{
    return parse_chain(p, (const int[4]){'+', '-'}, parse_concat, out);
}

/* The comparison operator at the current token, or 0. */
static int comparison_at(const wg_jparser *p)
{
    static const int ops[] = {WG_J_OP('=', '='), WG_J_OP('!', '='), '<', WG_J_OP('<', '='), '>',
                              WG_J_OP('>', '=')};
    const wg_jtoken *next = &p->token[p->now + (p->now + 1 < p->tokens)];

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (wg_jat_op(p, ops[i]))
            return ops[i];
    if (wg_jat_word(p, "in"))
        return 'i';
    if (wg_jat_word(p, "not") && next->kind == WG_J_WORD && strcmp(next->text->text, "in") == 0)
        return 'n';
    return 0;
}

static wagle_status parse_compare(wg_jparser *p, wg_jnode **out)
{
    wg_jnode *node, **tail;

    WG_TRY(parse_sum(p, out));
    if (comparison_at(p) == 0)
        return WAGLE_OK;
    WG_TRY(wg_jnode_new(p, WG_J_COMPARE, &node));
    node->a = *out;
    *out = node;
    tail = &node->list;
    while (comparison_at(p) != 0) {
        wg_jnode *operand;
        WG_TRY(wg_jnode_new(p, WG_J_OPERAND, &operand));
        operand->op = comparison_at(p);
        advance(p);
        if (operand->op == 'n')
            advance(p);
        WG_TRY(parse_sum(p, &operand->a));
        append(&tail, operand);
    }
    return WAGLE_OK;
}

static wagle_status parse_not(wg_jparser *p, wg_jnode **out)
{
    if (!wg_jat_word(p, "not"))
        return parse_compare(p, out);
    WG_TRY(wg_jenter(p));
    WG_TRY(wg_jnode_new(p, WG_J_NOT, out));
    advance(p);
    WG_TRY(parse_not(p, &(*out)->a));
    p->depth--;
    return WAGLE_OK;
}

static wagle_status parse_logic(wg_jparser *p, bool any, wg_jnode **out)
{
    wg_jnode *node;

    WG_TRY(any ? parse_logic(p, false, out) : parse_not(p, out));
    while (wg_jat_word(p, any ? "or" : "and")) {
        WG_TRY(wg_jnode_new(p, any ? WG_J_OR : WG_J_AND, &node));
        advance(p);
        node->a = *out;
        *out = node;
        WG_TRY(any ? parse_logic(p, false, &node->b) : parse_not(p, &node->b));
    }
    return WAGLE_OK;
}

/* Parses a condition. As in jinja2, unknown filters in it are refused only when evaluated. */
static wagle_status parse_condition(wg_jparser *p, wg_jnode **out)
{
    const bool soft = p->soft;
    wg_jnode *unknown = p->unknown, *node;

    WG_TRY(parse_logic(p, true, out));
    if (wg_jat_word(p, "if"))
        for (wg_jnode *u = p->unknown; u != unknown; u = u->other)
            u->op = WG_J_REFUSE_LATER;
    while (wg_jskip_word(p, "if")) {
        p->soft = true;
        WG_TRY(wg_jnode_new(p, WG_J_CONDITION, &node));
        node->b = *out;
        *out = node;
        WG_TRY(parse_logic(p, true, &node->a));
        if (wg_jskip_word(p, "else"))
            WG_TRY(wg_jparse_expression(p, true, &node->c));
    }
    p->soft = soft;
    return WAGLE_OK;
}

wagle_status wg_jparse_expression(wg_jparser *p, bool conditions, wg_jnode **out)
{
    WG_TRY(wg_jenter(p));
    WG_TRY(conditions ? parse_condition(p, out) : parse_logic(p, true, out));
    p->depth--;
    return WAGLE_OK;
}

wagle_status wg_jparse_tuple(wg_jparser *p, bool conditions, wg_jnode **out)
{
    wg_jnode **tail, *item;

    WG_TRY(wg_jparse_expression(p, conditions, out));
    if (!wg_jat_op(p, ','))
        return WAGLE_OK;
    item = *out;
    WG_TRY(wg_jnode_new(p, WG_J_TUPLE_OF, out));
    (*out)->list = item;
    tail = &item->next;
    while (wg_jskip_op(p, ',') && current(p)->kind != WG_J_VARIABLE_END &&
           current(p)->kind != WG_J_BLOCK_END && !wg_jat_op(p, ')') &&
           !wg_jat_word(p, "recursive")) {
        WG_TRY(wg_jparse_expression(p, conditions, &item));
        append(&tail, item);
    }
    return WAGLE_OK;
}
