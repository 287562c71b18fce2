/* find.h - matches of a pattern in a text, one after the other, as Oniguruma's find_iter gives
 * them: empty ones too, but not right behind another match. */
#ifndef WG_TEXT_FIND_H
#define WG_TEXT_FIND_H

#include "text/tokenizer.h"

typedef struct wg_finder {
    wagle_ctx *ctx;
    const pcre2_code *regex;
    pcre2_match_data *match;
    const char *text; /* [bytes] */
    int64_t bytes, at, last;
    int64_t start, stop; /* of the match */
    bool found;
} wg_finder;

/* Free `match` with wg_finder_free; a finder may look through one text after another. */
WAGLE_CHECK wagle_status wg_finder_new(wagle_ctx *ctx, const pcre2_code *regex, wg_finder *out);
void wg_finder_begin(wg_finder *f, const char *text, int64_t bytes);
/* f->found: there is one more match. */
WAGLE_CHECK wagle_status wg_finder_next(wg_finder *f);
void wg_finder_free(wg_finder *f);
/* Adds the text with `by` in place of each match. empty: a match may be empty; else it is an error,
 * since the `tokenizers` library puts `by` there more than once. */
WAGLE_CHECK wagle_status wg_replace_matches(wagle_ctx *ctx, const pcre2_code *regex,
                                            const char *text, int64_t bytes, const char *by,
                                            bool empty, wg_text *out);

#endif
