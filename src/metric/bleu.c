#include "metric/bleu.h"

#include <math.h>
#include <string.h>

/* --- the 13a tokenizer ------------------------------------------------------------------------ */

/* Characters that become tokens of their own: all ASCII punctuation except ' , - . */
static bool is_sign(char c)
{
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
           (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_stop(char c)
{
    return c == '.' || c == ',';
}

/* Applies the string replacements and adds a space before and after the text. */
static wagle_status prepare(wagle_ctx *ctx, const char *text, wg_text *out)
{
    static const char *const from[] = {"<skipped>", "-\n", "\n", "&quot;", "&amp;", "&lt;", "&gt;"};
    static const char *const to[] = {"", "", " ", "\"", "&", "<", ">"};
    wg_text now = {0};
    wagle_status st = wg_text_printf(ctx, &now, "%s", text);

    for (size_t k = 0; st == WAGLE_OK && k < sizeof from / sizeof *from; k++) {
        wg_text next = {0};
        const size_t length = strlen(from[k]);
        const char *at = now.text;
        for (const char *hit; st == WAGLE_OK && (hit = strstr(at, from[k])) != NULL;
             at = hit + length) {
            st = wg_text_add(ctx, &next, at, (size_t)(hit - at));
            if (st == WAGLE_OK)
                st = wg_text_addz(ctx, &next, to[k]);
        }
        if (st == WAGLE_OK)
            st = wg_text_addz(ctx, &next, at);
        wg_text_free(&now);
        now = next;
    }
    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, out, " %s ", now.text);
    wg_text_free(&now);
    return st;
}

/* A rule: if s[0] and s[1] satisfy the conditions, they are written with the given spaces. */
typedef struct rule {
    bool (*first)(char c), (*second)(char c);
    bool not_first, not_second; /* negate the condition */
    const char *before, *between, *after;
} rule;

static bool is_dash(char c)
{
    return c == '-';
}

static const rule rules[] = {
    {is_digit, is_stop, true, false, "", " ", " "}, /* . and , after a non-digit */
    {is_stop, is_digit, false, true, " ", " ", ""}, /* . and , before a non-digit */
    {is_digit, is_dash, false, false, "", " ", " "},
};

/* Length in bytes of the character at s. */
static size_t character(const char *s)
{
    int32_t code;
    const int n = wg_utf8_decode(s, strlen(s), &code);

    return n > 0 ? (size_t)n : 1;
}

static wagle_status apply(wagle_ctx *ctx, const rule *r, const char *s, wg_text *out)
{
    while (*s != '\0') {
        const size_t n = character(s);
        const char next = s[n];
        const bool fits =
            next != '\0' && r->first(*s) != r->not_first && r->second(next) != r->not_second;
        WG_TRY(wg_text_addz(ctx, out, fits ? r->before : ""));
        WG_TRY(wg_text_add(ctx, out, s, n));
        s += n;
        if (fits) {
            const size_t m = character(s);
            WG_TRY(wg_text_addz(ctx, out, r->between));
            WG_TRY(wg_text_add(ctx, out, s, m));
            WG_TRY(wg_text_addz(ctx, out, r->after));
            s += m;
        }
    }
    return wg_text_addz(ctx, out, "");
}

static wagle_status part_signs(wagle_ctx *ctx, const char *s, wg_text *out)
{
    for (; *s != '\0'; s++)
        WG_TRY(is_sign(*s) ? wg_text_printf(ctx, out, " %c ", *s) : wg_text_add(ctx, out, s, 1));
    return wg_text_addz(ctx, out, "");
}

static wagle_status tokenize(wagle_ctx *ctx, const char *text, wg_text *out)
{
    wg_text now = {0};
    wagle_status st = prepare(ctx, text, out);

    for (size_t k = 0; st == WAGLE_OK && k < 1 + sizeof rules / sizeof *rules; k++) {
        now = *out;
        *out = (wg_text){0};
        st = k == 0 ? part_signs(ctx, now.text, out) : apply(ctx, &rules[k - 1], now.text, out);
        wg_text_free(&now);
    }
    return st;
}

/* --- words ------------------------------------------------------------------------------------ */

typedef struct words {
    const char **word; /* [n] */
    size_t *bytes;     /* [n] */
    int64_t n;
    wg_text text;
} words;

/* Whether a character separates words in Python. */
static bool is_space(int32_t c)
{
    return (c >= 0x9 && c <= 0xD) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Replaces each NUL by U+0001; the tokenizer treats both as word characters. */
static wagle_status without_nul(wagle_ctx *ctx, wg_str text, words *w)
{
    wg_text copy = {0};
    wagle_status st = wg_text_adds(ctx, &copy, text);

    for (int64_t i = 0; st == WAGLE_OK && i < copy.bytes; i++)
        copy.text[i] = copy.text[i] != '\0' ? copy.text[i] : 1;
    if (st == WAGLE_OK)
        st = tokenize(ctx, copy.text, &w->text);
    wg_text_free(&copy);
    return st;
}

static wagle_status split(wagle_ctx *ctx, wg_str text, words *w)
{
    int64_t capacity = 0, same = 0;
    bool inside = false;

    WG_TRY(without_nul(ctx, text, w));
    for (const char *s = w->text.text; *s != '\0';) {
        int32_t code = 'x';
        const size_t n = character(s);
        (void)wg_utf8_decode(s, n, &code);
        if (is_space(code)) {
            inside = false;
        } else if (!inside) {
            WG_TRY(WG_GROW(ctx, &w->word, &capacity, w->n + 1));
            WG_TRY(WG_GROW(ctx, &w->bytes, &same, w->n + 1));
            w->word[w->n] = s;
            w->bytes[w->n++] = n;
            inside = true;
        } else {
            w->bytes[w->n - 1] += n;
        }
        s += n;
    }
    return WAGLE_OK;
}

static void free_words(words *w)
{
    wg_free(w->word);
    wg_free(w->bytes);
    wg_text_free(&w->text);
}

static bool same_gram(const words *a, int64_t i, const words *b, int64_t j, int64_t n)
{
    for (int64_t k = 0; k < n; k++)
        if (a->bytes[i + k] != b->bytes[j + k] ||
            memcmp(a->word[i + k], b->word[j + k], a->bytes[i + k]) != 0)
            return false;
    return true;
}

/* Counts the n-grams of c that match one in r; each n-gram of r matches once. */
static wagle_status matches(wagle_ctx *ctx, const words *r, const words *c, int64_t n, double *out)
{
    bool *taken;

    *out = 0;
    WG_TRY(WG_ALLOC(ctx, &taken, r->n));
    for (int64_t i = 0; i + n <= c->n; i++)
        for (int64_t j = 0; j + n <= r->n; j++)
            if (!taken[j] && same_gram(c, i, r, j, n)) {
                taken[j] = true;
                ++*out;
                break;
            }
    wg_free(taken);
    return WAGLE_OK;
}

wagle_status wg_bleu_count(wagle_ctx *ctx, wg_str reference, wg_str candidate, wg_bleu_counts *out)
{
    words r = {0}, c = {0};
    wagle_status st = split(ctx, reference, &r);

    if (st == WAGLE_OK)
        st = split(ctx, candidate, &c);
    *out = (wg_bleu_counts){.candidate = (double)c.n, .reference = (double)r.n};
    for (int64_t n = 1; st == WAGLE_OK && n <= WG_BLEU_ORDER; n++) {
        st = matches(ctx, &r, &c, n, &out->correct[n - 1]);
        out->total[n - 1] = c.n >= n ? (double)(c.n - n + 1) : 0;
    }
    free_words(&r);
    free_words(&c);
    return st;
}

double wg_bleu_score(const wg_bleu_counts *k, bool sentence)
{
    double sum = 0, smooth = 1, brevity = 1;
    int order = WG_BLEU_ORDER;
    bool any = false;

    for (int n = 0; n < WG_BLEU_ORDER; n++)
        any |= k->correct[n] > 0;
    if (!any)
        return 0;
    if (k->candidate < k->reference)
        brevity = exp(1 - k->reference / k->candidate);
    for (int n = 0; n < WG_BLEU_ORDER; n++) {
        if (k->total[n] == 0) {
            if (!sentence)
                return 0; /* a precision is undefined */
            break;
        }
        order = sentence ? n + 1 : WG_BLEU_ORDER;
        smooth *= k->correct[n] == 0 ? 2 : 1;
        sum += log(k->correct[n] > 0 ? 100 * k->correct[n] / k->total[n]
                                     : 100 / (smooth * k->total[n]));
    }
    return brevity * exp(sum / order);
}
