/* lex.c - splits a template into tokens, with jinja2's rules for white space: trim_blocks,
 * lstrip_blocks, the signs - and +, and the line break at the end of the file. */
#include "text/jinja/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

typedef struct lexer {
    wg_jparser *p;
    const char *text;
    int64_t bytes, at, counted; /* lines are counted up to `counted` */
    bool line_start;            /* the last tag consumed the line break after it */
} lexer;

static int line_at(lexer *x, int64_t at)
{
    for (; x->counted < at; x->counted++)
        x->p->at.line += x->text[x->counted] == '\n';
    return x->p->at.line;
}

static wagle_status add_token(lexer *x, wg_jtoken token)
{
    wg_jparser *p = x->p;

    WG_TRY(WG_GROW(p->at.ctx, &p->token, &p->capacity, p->tokens + 1));
    token.line = line_at(x, x->at);
    p->token[p->tokens++] = token;
    return WAGLE_OK;
}

static wagle_status make_string(wg_jparser *p, const char *text, int64_t bytes,
                                const wg_jstring **out)
{
    wg_jstring *s = wg_arena_alloc(p->at.ctx, p->arena, sizeof *s);
    char *copy = wg_arena_text(p->at.ctx, p->arena, text, (size_t)bytes);

    *out = s;
    if (s == NULL || copy == NULL)
        return WAGLE_E_RESOURCE;
    *s = (wg_jstring){copy, bytes, wg_jcount(copy, bytes), wg_hash_bytes(copy, (size_t)bytes),
                      false};
    return WAGLE_OK;
}

wagle_status wg_jintern(wg_jparser *p, const char *text, size_t bytes, const wg_jstring **out)
{
    const uint64_t hash = wg_hash_bytes(text, bytes);
    wg_jinterned **chain = &p->bucket[hash % WG_J_BUCKETS], *made;

    for (wg_jinterned *i = *chain; i != NULL; i = i->chain)
        if (i->string.hash == hash && i->string.bytes == (int64_t)bytes &&
            memcmp(i->string.text, text, bytes) == 0) {
            *out = &i->string;
            return WAGLE_OK;
        }
    made = wg_arena_alloc(p->at.ctx, p->arena, sizeof *made);
    if (made == NULL)
        return WAGLE_E_RESOURCE;
    made->string.text = wg_arena_text(p->at.ctx, p->arena, text, bytes);
    if (made->string.text == NULL)
        return WAGLE_E_RESOURCE;
    made->string.bytes = (int64_t)bytes;
    made->string.length = wg_jcount(text, (int64_t)bytes);
    made->string.hash = hash;
    made->chain = *chain;
    *chain = made;
    made->next = p->names;
    p->names = made;
    *out = &made->string;
    return WAGLE_OK;
}

static wagle_status add_data(lexer *x, int64_t from, int64_t to)
{
    wg_jtoken token = {.kind = WG_J_DATA};

    if (from >= to)
        return WAGLE_OK;
    WG_TRY(make_string(x->p, x->text + from, to - from, &token.text));
    return add_token(x, token);
}

static bool starts(const lexer *x, int64_t at, const char *with)
{
    const int64_t n = (int64_t)strlen(with);

    return at + n <= x->bytes && memcmp(x->text + at, with, (size_t)n) == 0;
}

static int64_t skip_spaces(const lexer *x, int64_t at)
{
    int n;

    while (at < x->bytes && wg_jspace(wg_jcode_at(x->text + at, x->bytes - at, &n)))
        at += n;
    return at;
}

/* The end of the text [from,to) before a tag with this sign, after stripping. */
static int64_t strip_before(const lexer *x, int64_t from, int64_t to, char sign, bool variable)
{
    const wg_jstring s = {.text = x->text + from, .bytes = to - from};
    int64_t left, end, line = to;

    wg_jstrip(&s, NULL, false, true, &left, &end);
    if (sign == '-')
        return from + end;
    if (sign == '+' || variable)
        return to;
    while (line > from && x->text[line - 1] != '\n')
        line--;
    if ((line > from || x->line_start) && from + end <= line)
        return line;
    return to;
}

/* Length of a tag end at `at` (-}} }} -%} +%} %}), with the white space that it strips; 0 if there
 * is none. */
static int64_t tag_end(const lexer *x, int64_t at, char mark)
{
    const char plain[] = {mark, '}', '\0'}, minus[] = {'-', mark, '}', '\0'},
               plus[] = {'+', mark, '}', '\0'};

    if (starts(x, at, minus))
        return skip_spaces(x, at + 3) - at;
    if (mark != '}' && starts(x, at, plus))
        return 3;
    if (!starts(x, at, plain))
        return 0;
    return 2 + (mark != '}' && starts(x, at + 2, "\n"));
}

static void advance(lexer *x, int64_t bytes)
{
    x->at += bytes;
    x->line_start = x->text[x->at - 1] == '\n';
}

/* --- inside a tag ----------------------------------------------------------------------------- */

static bool is_in_set(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* The end of the digits at `at`, which may be separated by single underscores. */
static int64_t digits(const lexer *x, int64_t at, const char *of)
{
    const int64_t from = at;

    while (at < x->bytes &&
           (is_in_set(x->text[at], of) || (x->text[at] == '_' && at > from && at + 1 < x->bytes &&
                                           is_in_set(x->text[at + 1], of))))
        at++;
    return at;
}

static bool is_digit(const lexer *x, int64_t at)
{
    return at < x->bytes && x->text[at] >= '0' && x->text[at] <= '9';
}

/* The end of a float that starts at `at`; `at` if there is none. */
static int64_t float_end(const lexer *x, int64_t at)
{
    int64_t end = digits(x, at, "0123456789"), point = end, power;

    if (at > 0 && x->text[at - 1] == '.')
        return at;
    if (point < x->bytes && x->text[point] == '.' && is_digit(x, point + 1))
        point = digits(x, point + 1, "0123456789");
    power = point;
    if (power < x->bytes && (x->text[power] == 'e' || x->text[power] == 'E')) {
        power += 1 + (starts(x, power + 1, "+") || starts(x, power + 1, "-"));
        if (is_digit(x, power))
            return digits(x, power, "0123456789");
    }
    return point > end ? point : at;
}

static int64_t integer_end(const lexer *x, int64_t at, int *base)
{
    static const struct {
        const char *mark, *of;
        int base;
    } bases[] = {{"bB", "01", 2}, {"oO", "01234567", 8}, {"xX", "0123456789abcdefABCDEF", 16}};

    *base = 10;
    if (x->text[at] != '0')
        return digits(x, at, "0123456789");
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (at + 2 < x->bytes && is_in_set(x->text[at + 1], bases[i].mark) &&
            is_in_set(x->text[at + 2], bases[i].of)) {
            *base = bases[i].base;
            return digits(x, at + 2, bases[i].of);
        }
    return digits(x, at, "0");
}

static wagle_status lex_number(lexer *x)
{
    wg_jtoken token = {.kind = WG_J_LITERAL};
    int base = 10;
    const int64_t real = float_end(x, x->at);
    const int64_t end = real > x->at ? real : integer_end(x, x->at, &base);
    char plain[80], *stop;
    size_t n = 0;

    for (int64_t i = x->at + (base != 10 ? 2 : 0); i < end && n + 1 < sizeof plain; i++)
        if (x->text[i] != '_')
            plain[n++] = x->text[i];
    plain[n] = '\0';
    if (n + 1 >= sizeof plain)
        return wg_jfail(&x->p->at, "a number of more than %zu digits", n);
    errno = 0;
    token.value =
        real > x->at ? wg_jreal(strtod(plain, &stop)) : wg_jint(strtoll(plain, &stop, base));
    if (token.value.kind == WG_J_INT && errno == ERANGE)
        return wg_jfail(&x->p->at, "the integer %s has more than 64 bits", plain);
    WG_TRY(add_token(x, token));
    advance(x, end - x->at);
    return WAGLE_OK;
}

static bool in_name(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);

    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_MC) || k == UTF8PROC_CATEGORY_ND;
}

static wagle_status lex_word(lexer *x)
{
    wg_jtoken token = {.kind = WG_J_WORD};
    int64_t end = x->at;
    int n;

    while (end < x->bytes && in_name(wg_jcode_at(x->text + end, x->bytes - end, &n)))
        end += n;
    WG_TRY(wg_jintern(x->p, x->text + x->at, (size_t)(end - x->at), &token.text));
    WG_TRY(add_token(x, token));
    advance(x, end - x->at);
    return WAGLE_OK;
}

/* Reads \x41 \u00e9 \U0001f600 or octal; *at is after the backslash and advances. */
static wagle_status lex_code(lexer *x, int64_t *at, int64_t end, wg_text *out)
{
    const char kind = x->text[*at];
    const int max = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 3;
    int64_t code = 0, i = *at + (max != 3);
    char utf8[4];
    int n = 0;

    for (; n < max && i < end; n++, i++) {
        const char *of = "0123456789abcdef", c = x->text[i];
        const char *found = c != '\0' ? strchr(of, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        if (found == NULL || (max == 3 && found - of > 7))
            break;
        code = code * (max == 3 ? 8 : 16) + (found - of);
    }
    if ((max != 3 && n < max) || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return wg_jfail(&x->p->at, "the escape \\%.*s is not a character",
                        (int)(i - *at < 12 ? i - *at : 12), x->text + *at);
    *at = i;
    return wg_text_add(x->p->at.ctx, out, utf8, (size_t)wg_utf8_encode((int32_t)code, utf8));
}

static wagle_status unescape(lexer *x, int64_t from, int64_t to, wg_text *out)
{
    static const char marks[] = "ntr\\'\"abfv", codes[] = "\n\t\r\\'\"\a\b\f\v";
    wagle_ctx *ctx = x->p->at.ctx;

    for (int64_t i = from; i < to;) {
        const char *mark = NULL;
        if (x->text[i] != '\\' || i + 1 >= to) {
            WG_TRY(wg_text_add(ctx, out, x->text + i++, 1));
            continue;
        }
        i++;
        if (x->text[i] != '\0')
            mark = strchr(marks, x->text[i]);
        if (mark != NULL) {
            WG_TRY(wg_text_add(ctx, out, codes + (mark - marks), 1));
            i++;
        } else if (x->text[i] == '\n') {
            i++;
        } else if (x->text[i] == 'N') {
            return wg_jfail(&x->p->at, "the escape \\N{...} is not supported");
        } else if (is_in_set(x->text[i], "xuU01234567")) {
            WG_TRY(lex_code(x, &i, to, out));
        } else {
            WG_TRY(wg_text_add(ctx, out, "\\", 1));
        }
    }
    return WAGLE_OK;
}

static wagle_status lex_string(lexer *x)
{
    wg_jtoken token = {.kind = WG_J_LITERAL, .value.kind = WG_J_STRING};
    const char quote = x->text[x->at];
    int64_t end = x->at + 1;
    wg_text made = {0};
    wagle_status st;

    line_at(x, x->at);
    while (end < x->bytes && x->text[end] != quote)
        end += 1 + (x->text[end] == '\\');
    if (end >= x->bytes)
        return wg_jfail(&x->p->at, "a string without an end");
    st = unescape(x, x->at + 1, end, &made);
    if (st == WAGLE_OK)
        st = make_string(x->p, made.text != NULL ? made.text : "", made.bytes, &token.value.string);
    if (st == WAGLE_OK)
        st = add_token(x, token);
    wg_text_free(&made);
    if (st == WAGLE_OK)
        advance(x, end + 1 - x->at);
    return st;
}

typedef struct brackets {
    char open[WG_J_NESTING]; /* closing bracket of each */
    int n;
} brackets;

static wagle_status lex_operator(lexer *x, brackets *b)
{
    static const char *const two[] = {"//", "**", "==", "!=", ">=", "<="};
    static const char one[] = "+-/*%~[](){}><=.:|,;", opens[] = "([{", closes[] = ")]}";
    const char c = x->text[x->at];
    const char *bracket = is_in_set(c, opens) ? strchr(opens, c) : NULL;
    wg_jtoken token = {.kind = WG_J_OPERATOR, .op = c};
    int n = 1;

    line_at(x, x->at);
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (starts(x, x->at, two[i])) {
            token.op = WG_J_OP(two[i][0], two[i][1]);
            n = 2;
        }
    if (n == 1 && !is_in_set(c, one))
        return wg_jfail(&x->p->at, "unexpected character '%.*s'",
                        (int)(x->bytes - x->at < 4 ? x->bytes - x->at : 4), x->text + x->at);
    if (bracket != NULL) {
        if (b->n == WG_J_NESTING)
            return wg_jfail(&x->p->at, "more than %d nested brackets", WG_J_NESTING);
        b->open[b->n++] = closes[bracket - opens];
    } else if (n == 1 && is_in_set(c, closes) && (b->n == 0 || b->open[--b->n] != c)) {
        return wg_jfail(&x->p->at, "unexpected '%c'", c);
    }
    WG_TRY(add_token(x, token));
    advance(x, n);
    return WAGLE_OK;
}

static wagle_status lex_tag(lexer *x, bool block)
{
    const wg_jtoken end = {.kind = block ? WG_J_BLOCK_END : WG_J_VARIABLE_END};
    brackets b = {.n = 0};

    while (x->at < x->bytes) {
        const int64_t spaces = skip_spaces(x, x->at) - x->at;
        const int64_t closed = b.n == 0 ? tag_end(x, x->at, block ? '%' : '}') : 0;
        int n;
        if (closed > 0) {
            WG_TRY(add_token(x, end));
            advance(x, closed);
            return WAGLE_OK;
        }
        if (spaces > 0)
            advance(x, spaces);
        else if (is_digit(x, x->at))
            WG_TRY(lex_number(x));
        else if (x->text[x->at] == '\'' || x->text[x->at] == '"')
            WG_TRY(lex_string(x));
        else if (in_name(wg_jcode_at(x->text + x->at, x->bytes - x->at, &n)))
            WG_TRY(lex_word(x));
        else
            WG_TRY(lex_operator(x, &b));
    }
    return WAGLE_OK;
}

/* --- between tags ----------------------------------------------------------------------------- */

static wagle_status lex_comment(lexer *x)
{
    int64_t at = x->at;

    line_at(x, x->at);
    while (at < x->bytes && tag_end(x, at, '#') == 0)
        at++;
    if (at >= x->bytes)
        return wg_jfail(&x->p->at, "a comment without its end #}");
    advance(x, at - x->at + tag_end(x, at, '#'));
    return WAGLE_OK;
}

/* Position after `{% WORD` at `at`, or -1. */
static int64_t tag_word(const lexer *x, int64_t at, const char *word)
{
    if (!starts(x, at, "{%"))
        return -1;
    at += 2 + (starts(x, at + 2, "-") || starts(x, at + 2, "+"));
    at = skip_spaces(x, at);
    return starts(x, at, word) ? skip_spaces(x, at + (int64_t)strlen(word)) : -1;
}

/* Position after `{% raw %}` at `at`, or -1. */
static int64_t raw_begin(const lexer *x, int64_t at)
{
    const int64_t end = tag_word(x, at, "raw");

    if (end < 0)
        return -1;
    if (starts(x, end, "-%}"))
        return skip_spaces(x, end + 3);
    return starts(x, end, "%}") ? end + 2 : -1;
}

static wagle_status lex_raw(lexer *x)
{
    line_at(x, x->at);
    for (int64_t at = x->at; at < x->bytes; at++) {
        const int64_t end = tag_word(x, at, "endraw");
        const int64_t closed = end >= 0 ? tag_end(x, end, '%') : 0;
        if (closed == 0)
            continue;
        WG_TRY(add_data(x, x->at, strip_before(x, x->at, at, x->text[at + 2], false)));
        advance(x, end + closed - x->at);
        return WAGLE_OK;
    }
    return wg_jfail(&x->p->at, "raw without endraw");
}

static wagle_status lex_next(lexer *x)
{
    int64_t tag = x->at, raw;
    char sign;

    while (tag < x->bytes &&
           !(starts(x, tag, "{{") || starts(x, tag, "{%") || starts(x, tag, "{#")))
        tag++;
    if (tag >= x->bytes) {
        WG_TRY(add_data(x, x->at, x->bytes));
        x->at = x->bytes;
        return WAGLE_OK;
    }
    sign = tag + 2 < x->bytes ? x->text[tag + 2] : '\0';
    WG_TRY(add_data(x, x->at, strip_before(x, x->at, tag, sign, x->text[tag + 1] == '{')));
    raw = raw_begin(x, tag);
    if (raw >= 0) {
        advance(x, raw - x->at);
        x->line_start = x->text[x->at - 1] == '\n';
        return lex_raw(x);
    }
    x->at = tag;
    if (x->text[tag + 1] != '#')
        WG_TRY(add_token(x, (wg_jtoken){.kind = x->text[tag + 1] == '{' ? WG_J_VARIABLE_BEGIN
                                                                        : WG_J_BLOCK_BEGIN}));
    advance(x, 2 + (sign == '-' || sign == '+'));
    if (x->text[tag + 1] == '#')
        return lex_comment(x);
    return lex_tag(x, x->text[tag + 1] == '%');
}

/* Converts line breaks to \n and removes the one at the end of the text. */
static wagle_status normalise(lexer *x, const char *text, size_t bytes)
{
    char *made = wg_arena_alloc(x->p->at.ctx, x->p->arena, bytes + 1);
    size_t n = 0;

    if (made == NULL)
        return WAGLE_E_RESOURCE;
    for (size_t i = 0; i < bytes; i++) {
        const bool pair = text[i] == '\r' && i + 1 < bytes && text[i + 1] == '\n';
        made[n++] = text[i] == '\r' ? '\n' : text[i];
        i += pair;
    }
    n -= n > 0 && made[n - 1] == '\n';
    x->text = made;
    x->bytes = (int64_t)n;
    return WAGLE_OK;
}

wagle_status wg_jlex(wg_jparser *p, const char *text, size_t bytes)
{
    lexer x = {.p = p, .line_start = true};

    p->at.line = 1;
    if (bytes > WG_J_TEMPLATE_BYTES)
        return wg_jfail(&p->at, "a template of %zu bytes, at most %d are read", bytes,
                        WG_J_TEMPLATE_BYTES);
    if (!wg_utf8_valid(text, bytes))
        return wg_jfail(&p->at, "the template is not UTF-8");
    WG_TRY(normalise(&x, text, bytes));
    while (x.at < x.bytes)
        WG_TRY(lex_next(&x));
    return add_token(&x, (wg_jtoken){.kind = WG_J_END});
}
