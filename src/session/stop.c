/* stop.c - texts that end an answer, as lm-eval's `until` does: what the first of them cuts off is
 * gone before the next one is looked for. */
#include "session/generate.h"

#include <string.h>

wagle_status wg_stop_check(wagle_ctx *ctx, const char *const *stop)
{
    for (int i = 0; stop != NULL && stop[i] != NULL; i++)
        if (*stop[i] == '\0')
            return wg_fail(ctx, WAGLE_E_USAGE,
                           "@{stop} is empty: every answer would end before its first word");
    return WAGLE_OK;
}

/* Cuts a text where it first contains one of stop; returns whether it does. */
static bool cut_text(const char *const *stop, wg_text *text)
{
    const int64_t before = text->bytes;

    for (int i = 0; stop != NULL && stop[i] != NULL && text->text != NULL; i++) {
        const char *at = memmem(text->text, (size_t)text->bytes, stop[i], strlen(stop[i]));
        if (at != NULL)
            text->bytes = at - text->text;
    }
    if (text->bytes == before)
        return false;
    text->text[text->bytes] = '\0';
    return true;
}

int64_t wg_stop_begun(const char *const *stop, const char *text, int64_t bytes)
{
    int64_t most = 0;

    for (int i = 0; stop != NULL && stop[i] != NULL; i++) {
        const int64_t whole = (int64_t)strlen(stop[i]);
        for (int64_t n = whole - 1 < bytes ? whole - 1 : bytes; n > most; n--)
            if (memcmp(text + bytes - n, stop[i], (size_t)n) == 0)
                most = n;
    }
    return most;
}

wagle_status wg_stop_text(wagle_ctx *ctx, const wg_session *s, const char *const *stop,
                          const wg_ids *made, wg_text *out, bool *cut)
{
    const wagle_status st = wg_generated_text(ctx, s, made, out);
    const bool shorter = st == WAGLE_OK && cut_text(stop, out);

    if (cut != NULL)
        *cut = shorter;
    return st;
}

wagle_status wg_stop_reached(wagle_ctx *ctx, const wg_session *s, const char *const *stop,
                             const wg_ids *made, bool *reached)
{
    wg_text text = {0};
    const wagle_status st = wg_stop_text(ctx, s, stop, made, &text, reached);

    wg_text_free(&text);
    return st;
}

wagle_status wg_stop_keep(wagle_ctx *ctx, const wg_session *s, const char *const *stop,
                          wg_ids *made)
{
    wg_text text = {0};
    int64_t bytes = 0;
    bool cut = false;
    wagle_status st = WAGLE_OK;

    if (stop != NULL)
        st = wg_stop_text(ctx, s, stop, made, &text, &cut);
    if (cut)
        for (bytes = INT64_MAX; st == WAGLE_OK && bytes > text.bytes;) {
            wg_text shorter = {0};
            made->n--;
            st = wg_generated_text(ctx, s, made, &shorter);
            bytes = made->n > 0 ? shorter.bytes : 0;
            wg_text_free(&shorter);
        }
    wg_text_free(&text);
    return st;
}
