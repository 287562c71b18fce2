#include "base/choose.h"

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

/* The next of words with spaces between them. */
static bool next_word(const char **at, wg_str *word)
{
    *at += strspn(*at, " ");
    *word = (wg_str){*at, strcspn(*at, " ")};
    *at += word->bytes;
    return word->bytes > 0;
}

wagle_status wg_choose_word(wagle_ctx *ctx, const char *flag, const char *text, const char *words,
                            int *out)
{
    const char *at = words;
    wg_text list = {0};
    wg_str word;
    wagle_status st = WAGLE_OK;

    for (int i = 0; next_word(&at, &word); i++)
        if (wg_str_equal(word, wg_strz(text))) {
            if (out != NULL)
                *out = i;
            return WAGLE_OK;
        }
    for (at = words; st == WAGLE_OK && next_word(&at, &word);)
        st = wg_text_printf(ctx, &list, "%s%.*s",
                            word.text == words ? ""
                            : *at == '\0'      ? " or "
                                               : ", ",
                            (int)word.bytes, word.text);
    if (st == WAGLE_OK)
        st = wg_fail(ctx, WAGLE_E_USAGE, "--%s %.16s: must be %s", flag, text, list.text);
    wg_text_free(&list);
    return st;
}
