#include "text/pystring.h"

#include <string.h>
#include <utf8proc.h>

static bool is_space(int32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Length of the last character of text [bytes]; *code is 0 if it is not valid UTF-8. */
static size_t last_character(const char *text, size_t bytes, int32_t *code)
{
    size_t n = 1;

    while (n < bytes && n < 4 && ((unsigned char)text[bytes - n] & 0xC0) == 0x80)
        n++;
    if (wg_utf8_decode(text + bytes - n, n, code) != (int)n)
        *code = 0;
    return n;
}

size_t wg_py_rstrip(const char *text, size_t bytes)
{
    int32_t code;

    while (bytes > 0) {
        const size_t n = last_character(text, bytes, &code);
        if (!is_space(code))
            break;
        bytes -= n;
    }
    return bytes;
}

const char *wg_py_strip(const char *text, size_t *bytes)
{
    int32_t code;

    *bytes = wg_py_rstrip(text, *bytes);
    while (*bytes > 0) {
        const int n = wg_utf8_decode(text, *bytes, &code);
        if (n <= 0 || !is_space(code))
            break;
        text += n;
        *bytes -= (size_t)n;
    }
    return text;
}

/* Characters whose title case has several code points (Unicode's SpecialCasing.txt). */
static const struct {
    int32_t code;
    const char *title;
} titles[] = {{0xDF, "Ss"},
              {0x149, "\xCA\xBCN"},
              {0x1F0, "J\xCC\x8C"},
              {0x390, "\xCE\x99\xCC\x88\xCC\x81"},
              {0x3B0, "\xCE\xA5\xCC\x88\xCC\x81"},
              {0x587, "\xD4\xB5\xD6\x82"},
              {0x1E96, "H\xCC\xB1"},
              {0x1E97, "T\xCC\x88"},
              {0x1E98, "W\xCC\x8A"},
              {0x1E99, "Y\xCC\x8A"},
              {0x1E9A, "A\xCA\xBE"},
              {0x1F50, "\xCE\xA5\xCC\x93"},
              {0x1F52, "\xCE\xA5\xCC\x93\xCC\x80"},
              {0x1F54, "\xCE\xA5\xCC\x93\xCC\x81"},
              {0x1F56, "\xCE\xA5\xCC\x93\xCD\x82"},
              {0x1FB2, "\xE1\xBE\xBA\xCD\x85"},
              {0x1FB4, "\xCE\x86\xCD\x85"},
              {0x1FB6, "\xCE\x91\xCD\x82"},
              {0x1FB7, "\xCE\x91\xCD\x82\xCD\x85"},
              {0x1FC2, "\xE1\xBF\x8A\xCD\x85"},
              {0x1FC4, "\xCE\x89\xCD\x85"},
              {0x1FC6, "\xCE\x97\xCD\x82"},
              {0x1FC7, "\xCE\x97\xCD\x82\xCD\x85"},
              {0x1FD2, "\xCE\x99\xCC\x88\xCC\x80"},
              {0x1FD3, "\xCE\x99\xCC\x88\xCC\x81"},
              {0x1FD6, "\xCE\x99\xCD\x82"},
              {0x1FD7, "\xCE\x99\xCC\x88\xCD\x82"},
              {0x1FE2, "\xCE\xA5\xCC\x88\xCC\x80"},
              {0x1FE3, "\xCE\xA5\xCC\x88\xCC\x81"},
              {0x1FE4, "\xCE\xA1\xCC\x93"},
              {0x1FE6, "\xCE\xA5\xCD\x82"},
              {0x1FE7, "\xCE\xA5\xCC\x88\xCD\x82"},
              {0x1FF2, "\xE1\xBF\xBA\xCD\x85"},
              {0x1FF4, "\xCE\x8F\xCD\x85"},
              {0x1FF6, "\xCE\xA9\xCD\x82"},
              {0x1FF7, "\xCE\xA9\xCD\x82\xCD\x85"},
              {0xFB00, "Ff"},
              {0xFB01, "Fi"},
              {0xFB02, "Fl"},
              {0xFB03, "Ffi"},
              {0xFB04, "Ffl"},
              {0xFB05, "St"},
              {0xFB06, "St"},
              {0xFB13, "\xD5\x84\xD5\xB6"},
              {0xFB14, "\xD5\x84\xD5\xA5"},
              {0xFB15, "\xD5\x84\xD5\xAB"},
              {0xFB16, "\xD5\x8E\xD5\xB6"},
              {0xFB17, "\xD5\x84\xD5\xAD"}};

static wagle_status add_code(wagle_ctx *ctx, int32_t code, wg_text *out)
{
    char bytes[4];

    return wg_text_add(ctx, out, bytes, (size_t)wg_utf8_encode(code, bytes));
}

static wagle_status add_title(wagle_ctx *ctx, int32_t code, wg_text *out)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].code == code)
            return wg_text_addz(ctx, out, titles[i].title);
    return add_code(ctx, utf8proc_totitle(code), out);
}

static bool is_cased(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);

    return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT;
}

/* Whether a character, such as a mark or apostrophe, does not end a word. */
static bool is_skipped(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);

    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_ME || k == UTF8PROC_CATEGORY_CF ||
           k == UTF8PROC_CATEGORY_LM || k == UTF8PROC_CATEGORY_SK || c == 0x27 || c == 0x2E ||
           c == 0x3A || c == 0xB7 || c == 0x2018 || c == 0x2019;
}

/* Whether the sigma at `at` ends a word: there is a cased letter before it and none after. */
static bool is_final_sigma(const char *text, size_t bytes, size_t at)
{
    int32_t code = 0;
    size_t i = at;

    while (i > 0) {
        i -= last_character(text, i, &code);
        if (!is_skipped(code))
            break;
    }
    if (at == 0 || !is_cased(code))
        return false;
    for (i = at + 2; i < bytes;) {
        const int n = wg_utf8_decode(text + i, bytes - i, &code);
        if (n <= 0 || !is_skipped(code))
            return n <= 0 || !is_cased(code);
        i += (size_t)n;
    }
    return true;
}

wagle_status wg_py_capitalize(wagle_ctx *ctx, const char *text, size_t bytes, wg_text *out)
{
    enum { SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2, DOTTED_I = 0x130 };
    int32_t code;

    for (size_t i = 0; i < bytes;) {
        const int n = wg_utf8_decode(text + i, bytes - i, &code);
        if (n <= 0)
            return wg_text_add(ctx, out, text + i, bytes - i);
        if (i == 0)
            WG_TRY(add_title(ctx, code, out));
        else if (code == DOTTED_I)
            WG_TRY(wg_text_addz(ctx, out, "i\xCC\x87"));
        else if (code == SIGMA && is_final_sigma(text, bytes, i))
            WG_TRY(add_code(ctx, FINAL_SIGMA, out));
        else
            WG_TRY(add_code(ctx, utf8proc_tolower(code), out));
        i += (size_t)n;
    }
    return WAGLE_OK;
}
