/* unicode.c - spaces, case and classes of code points, as in Python's str. */
#include "text/jinja/internal.h"

#include <string.h>
#include <utf8proc.h>

bool wg_jspace(int32_t c)
{
    static const int32_t others[] = {0x20,   0x85,   0xA0,   0x1680, 0x2028,
                                     0x2029, 0x202F, 0x205F, 0x3000};

    if ((c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F) || (c >= 0x2000 && c <= 0x200A))
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (c == others[i])
            return true;
    return false;
}

bool wg_jline_end(int32_t c)
{
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

bool wg_jprintable(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);

    return c == ' ' ||
           !(k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF || k == UTF8PROC_CATEGORY_CS ||
             k == UTF8PROC_CATEGORY_CO || k == UTF8PROC_CATEGORY_CN || k == UTF8PROC_CATEGORY_ZL ||
             k == UTF8PROC_CATEGORY_ZP || k == UTF8PROC_CATEGORY_ZS);
}

int32_t wg_jcode_at(const char *text, int64_t bytes, int *length)
{
    int32_t code = 0;

    *length = wg_utf8_decode(text, (size_t)bytes, &code);
    if (*length == 0) { /* unreachable: strings are validated when created */
        *length = 1;
        code = 0xFFFD;
    }
    return code;
}

int64_t wg_jcount(const char *text, int64_t bytes)
{
    int64_t n = 0;

    for (int64_t i = 0; i < bytes; i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

int64_t wg_joffset(const wg_jstring *s, int64_t i)
{
    int64_t at = 0;

    if (s->bytes == s->length)
        return i;
    for (; at < s->bytes; at++)
        if (((unsigned char)s->text[at] & 0xC0) != 0x80 && i-- == 0)
            return at;
    return s->bytes;
}

/* Common letters whose upper case has more than one code point. */
static const struct {
    int32_t code;
    const char *upper, *title;
} wide[] = {
    {0xDF, "SS", "Ss"},
    {0x149, "\u02BCN", "\u02BCN"},
    {0x1F0, "J\u030C", "J\u030C"},
    {0x390, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
    {0x3B0, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
    {0x587, "\u0535\u0552", "\u0535\u0582"},
    {0xFB00, "FF", "Ff"},
    {0xFB01, "FI", "Fi"},
    {0xFB02, "FL", "Fl"},
    {0xFB03, "FFI", "Ffi"},
    {0xFB04, "FFL", "Ffl"},
    {0xFB05, "ST", "St"},
    {0xFB06, "ST", "St"},
};

static bool upper_or_title(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);

    return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LT;
}

static bool cased(int32_t c)
{
    return upper_or_title(c) || utf8proc_category(c) == UTF8PROC_CATEGORY_LL ||
           utf8proc_toupper(c) != c || utf8proc_tolower(c) != c;
}

/* Whether a capital sigma is at the end of a word, where its lower case differs. */
static bool final_sigma(const wg_jstring *s, int64_t at, bool word)
{
    int n;

    return word && (at >= s->bytes || !cased(wg_jcode_at(s->text + at, s->bytes - at, &n)));
}

static wagle_status add_case(wg_jrun *run, int32_t c, wg_jcase to, wg_text *out)
{
    char utf8[4];

    for (size_t i = 0; to != WG_J_LOWER && i < sizeof wide / sizeof *wide; i++)
        if (wide[i].code == c) {
            const char *made = to == WG_J_UPPER ? wide[i].upper : wide[i].title;
            return wg_jadd(run, out, made, (int64_t)strlen(made));
        }
    if (to == WG_J_LOWER && c == 0x130)
        return wg_jadd(run, out, "i\u0307", 3);
    c = to == WG_J_LOWER   ? utf8proc_tolower(c)
        : to == WG_J_UPPER ? utf8proc_toupper(c)
                           : utf8proc_totitle(c);
    return wg_jadd(run, out, utf8, wg_utf8_encode(c, utf8));
}

wagle_status wg_jrecase(wg_jrun *run, const wg_jstring *s, wg_jcase to, wg_text *out)
{
    bool word = false; /* the previous code point is cased */
    int n;

    WG_TRY(wg_jstep(run, s->bytes / 16));
    for (int64_t at = 0; at < s->bytes; at += n) {
        const int32_t c = wg_jcode_at(s->text + at, s->bytes - at, &n);
        wg_jcase how = to;
        if (to == WG_J_TITLE)
            how = word ? WG_J_LOWER : WG_J_TITLE;
        else if (to == WG_J_CAPITALIZE)
            how = at == 0 ? WG_J_TITLE : WG_J_LOWER;
        else if (to == WG_J_SWAP)
            how = upper_or_title(c) ? WG_J_LOWER : WG_J_UPPER;
        if (how == WG_J_LOWER && c == 0x3A3 && final_sigma(s, at + n, word))
            WG_TRY(wg_jadd(run, out, "\u03C2", 2));
        else
            WG_TRY(add_case(run, c, how, out));
        word = cased(c);
    }
    return WAGLE_OK;
}

static bool letter(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);

    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

static bool superscript(int32_t c)
{
    return c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 || (c >= 0x2074 && c <= 0x2079) ||
           (c >= 0x2080 && c <= 0x2089) || (c >= 0x2460 && c <= 0x2468);
}

static bool decimal(int32_t c)
{
    return utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}

static bool digit(int32_t c)
{
    return decimal(c) || superscript(c);
}

static bool numeric(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);

    return k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_NO;
}

static bool letter_or_number(int32_t c)
{
    return letter(c) || numeric(c);
}

static bool ascii(int32_t c)
{
    return c < 0x80;
}

static bool every(const wg_jstring *s, bool (*is)(int32_t c))
{
    int n;

    for (int64_t at = 0; at < s->bytes; at += n)
        if (!is(wg_jcode_at(s->text + at, s->bytes - at, &n)))
            return false;
    return true;
}

/* Whether there is a letter of this case and none of the other. */
static bool one_case(const wg_jstring *s, bool upper)
{
    bool found = false;
    int n;

    for (int64_t at = 0; at < s->bytes; at += n) {
        const int32_t c = wg_jcode_at(s->text + at, s->bytes - at, &n);
        const bool up = upper_or_title(c), low = !up && cased(c);
        if (upper ? low || utf8proc_category(c) == UTF8PROC_CATEGORY_LT : up)
            return false;
        found = found || up || low;
    }
    return found;
}

static bool titled(const wg_jstring *s)
{
    bool word = false, found = false;
    int n;

    for (int64_t at = 0; at < s->bytes; at += n) {
        const int32_t c = wg_jcode_at(s->text + at, s->bytes - at, &n);
        const bool up = upper_or_title(c), low = !up && cased(c);
        if ((up && word) || (low && !word))
            return false;
        word = up || low;
        found = found || word;
    }
    return found;
}

bool wg_jis(const wg_jstring *s, const char *what)
{
    static const struct {
        const char *name;
        bool (*is)(int32_t c);
    } kinds[] = {{"isdigit", digit},  {"isdecimal", decimal},        {"isnumeric", numeric},
                 {"isalpha", letter}, {"isalnum", letter_or_number}, {"isspace", wg_jspace},
                 {"isascii", ascii},  {"isprintable", wg_jprintable}};

    if (strcmp(what, "isupper") == 0 || strcmp(what, "islower") == 0)
        return one_case(s, what[2] == 'u');
    if (strcmp(what, "istitle") == 0)
        return titled(s);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(what, kinds[i].name) == 0)
            return every(s, kinds[i].is) &&
                   (s->bytes > 0 || kinds[i].is == ascii || kinds[i].is == wg_jprintable);
    return false;
}

static bool taken(int32_t c, const wg_jstring *chars)
{
    int n;

    if (chars == NULL)
        return wg_jspace(c);
    for (int64_t at = 0; at < chars->bytes; at += n)
        if (wg_jcode_at(chars->text + at, chars->bytes - at, &n) == c)
            return true;
    return false;
}

void wg_jstrip(const wg_jstring *s, const wg_jstring *chars, bool left, bool right, int64_t *from,
               int64_t *to)
{
    int n;

    *from = 0;
    *to = s->bytes;
    while (left && *from < *to && taken(wg_jcode_at(s->text + *from, *to - *from, &n), chars))
        *from += n;
    while (right && *to > *from) {
        int64_t at = *to - 1;
        while (at > *from && ((unsigned char)s->text[at] & 0xC0) == 0x80)
            at--;
        if (!taken(wg_jcode_at(s->text + at, *to - at, &n), chars))
            break;
        *to = at;
    }
}
