#include "base/choose.h"

#include <stdio.h>
#include <string.h>

int wg_name_find(wg_name_at *at, wg_str name)
{
    for (int i = 0; at(i) != NULL; i++)
        if (wg_str_equal(wg_strz(at(i)), name))
            return i;
    return -1;
}

wagle_status wg_name_list(wagle_ctx *ctx, wg_name_at *at, wg_text *out)
{
    for (int i = 0; at(i) != NULL; i++)
        if (i == 0 || strcmp(at(i), at(i - 1)) != 0)
            WG_TRY(wg_text_printf(ctx, out, "%s%s", i > 0 ? ", " : "", at(i)));
    return WAGLE_OK;
}

wagle_status wg_choose(wagle_ctx *ctx, const char *what, wg_name_at *at, wg_str name, int *out)
{
    wg_text names = {0};
    wagle_status st;

    *out = wg_name_find(at, name);
    if (*out >= 0)
        return WAGLE_OK;
    st = wg_name_list(ctx, at, &names);
    if (st == WAGLE_OK)
        st = wg_fail(ctx, WAGLE_E_USAGE, "no %s '%.*s'; choose from %s", what,
                     (int)(name.bytes < 32 ? name.bytes : 32), name.text, names.text);
    wg_text_free(&names);
    return st;
}

bool wg_next_name(const char **at, wg_str *name)
{
    if (*at == NULL || **at == '\0')
        return false;
    *name = (wg_str){*at, strcspn(*at, ",")};
    *at += name->bytes + ((*at)[name->bytes] == ',');
    return true;
}

/* --- enumerations of choices.def ---------------------------------------------------------------
 */

#define WAGLE_CHOICES(type) const char *const wg_words_of_##type[] = {
#define WAGLE_CHOICE(constant, word) word,
#define WAGLE_CHOICES_END(type)                                                                    \
    NULL                                                                                           \
    }                                                                                              \
    ;
#include <wagle/choices.def>

int wg_word_find(const char *const *words, const char *text)
{
    for (int i = 0; words[i] != NULL; i++)
        if (*text != '\0' && strcmp(words[i], text) == 0)
            return i;
    return -1;
}

wagle_status wg_word_list(wagle_ctx *ctx, const char *const *words, wg_text *out)
{
    for (bool first = true; *words != NULL; words++) {
        if (**words == '\0')
            continue;
        WG_TRY(wg_text_printf(ctx, out, "%s%s",
                              first              ? ""
                              : words[1] == NULL ? " or "
                                                 : ", ",
                              *words));
        first = false;
    }
    return WAGLE_OK;
}

static wagle_status refuse(wagle_ctx *ctx, const char *option, const char *text,
                           const char *const *words)
{
    wg_text list = {0};
    wagle_status st = wg_word_list(ctx, words, &list);

    if (st == WAGLE_OK)
        st = wg_fail(ctx, WAGLE_E_USAGE, "@{%s} %.16s: must be %s", option, text, list.text);
    wg_text_free(&list);
    return st;
}

wagle_status wg_choose_word(wagle_ctx *ctx, const char *option, const char *text,
                            const char *const *words, int *out)
{
    *out = wg_word_find(words, text);
    return *out >= 0 ? WAGLE_OK : refuse(ctx, option, text, words);
}

wagle_status wg_check_choice(wagle_ctx *ctx, const char *option, int value,
                             const char *const *words)
{
    char number[16];

    for (int i = 0; words[i] != NULL; i++)
        if (i == value)
            return WAGLE_OK;
    snprintf(number, sizeof number, "%d", value);
    return refuse(ctx, option, number, words);
}
