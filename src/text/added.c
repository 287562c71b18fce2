/* added.c - finds added tokens in a text, before any other stage: leftmost first, then longest. */
#include "text/tokenizer.h"

#include <string.h>
#include <utf8proc.h>

bool wg_is_space(int32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

bool wg_is_word(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);

    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NL) || k == UTF8PROC_CATEGORY_PC ||
           c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9);
}

bool wg_is_number(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);
    return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}

bool wg_is_punctuation(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);

    return (k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO && !wg_unicode8_lacks(c)) ||
           (c < 128 && c > 32 && c != 127 && !wg_is_word(c)) || c == 0x166D ||
           c == 0x111C9; /* which Unicode 8 counted as punctuation */
}

static const wg_added_token *longest_at(const wagle_tokenizer *t, bool normalized, const char *text,
                                        int64_t bytes)
{
    const int64_t *from = &t->added_from[normalized][(unsigned char)text[0]];

    for (int64_t i = from[0]; i < from[1]; i++) {
        const wg_added_token *a = &t->added[i];
        if ((int64_t)a->bytes <= bytes && memcmp(a->text, text, a->bytes) == 0)
            return a;
    }
    return NULL;
}

/* The code point that ends at `stop`, or that begins at `start`; -1 at the edge of the text. */
static int32_t code_before(const char *text, int64_t stop)
{
    int64_t start = stop;
    int32_t code = -1;

    while (start > 0 && stop - start < 4) {
        start--;
        if (((unsigned char)text[start] & 0xC0) != 0x80)
            break;
    }
    return wg_utf8_decode(text + start, (size_t)(stop - start), &code) > 0 ? code : -1;
}

static int32_t code_after(const char *text, int64_t bytes, int64_t start)
{
    int32_t code = -1;

    return wg_utf8_decode(text + start, (size_t)(bytes - start), &code) > 0 ? code : -1;
}

static bool alone(const char *text, int64_t bytes, int64_t start, int64_t stop)
{
    const int32_t before = code_before(text, start), after = code_after(text, bytes, stop);

    return !(before >= 0 && wg_is_word(before)) && !(after >= 0 && wg_is_word(after));
}

const wg_added_token *wg_added_next(const wagle_tokenizer *t, bool normalized, const char *text,
                                    int64_t bytes, int64_t from, int64_t *at, int64_t *start,
                                    int64_t *stop)
{
    char spare[4];
    int32_t c;

    while (*at < bytes) {
        const wg_added_token *a = longest_at(t, normalized, text + *at, bytes - *at);
        if (a == NULL) {
            ++*at;
            continue;
        }
        *start = *at;
        *stop = *at += (int64_t)a->bytes;
        if (t->split_special && a->skipped)
            continue;
        if (a->single_word && !alone(text, bytes, *start, *stop))
            continue;
        while (a->lstrip && *start > from && (c = code_before(text, *start)) >= 0 && wg_is_space(c))
            *start -= wg_utf8_encode(c, spare);
        if (a->lstrip && *start < from) /* the previous token took the spaces */
            *start = from;
        while (a->rstrip && (c = code_after(text, bytes, *stop)) >= 0 && wg_is_space(c))
            *stop += wg_utf8_encode(c, spare);
        if (*start < from || *start >= *stop)
            continue;
        return a;
    }
    return NULL;
}
