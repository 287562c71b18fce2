/* find.h - iterates over the matches of a pattern in a text, like Oniguruma's find_iter: includes
 * empty matches, but not directly after another match. */
#ifndef WG_TEXT_FIND_H
#define WG_TEXT_FIND_H

#include "text/tokenizer.h"

typedef struct wg_finder {
    wagle_ctx *ctx;
    const pcre2_code *regex;
    pcre2_match_data *match;
    const char *text; /* [bytes] */
    int64_t bytes, at, last;
    int64_t start, stop; /* of the last match */
    bool found;
} wg_finder;

/* Makes a finder, which can search several texts in turn. Free with wg_finder_free. */
WAGLE_CHECK wagle_status wg_finder_new(wagle_ctx *ctx, const pcre2_code *regex, wg_finder *out);
void wg_finder_begin(wg_finder *f, const char *text, int64_t bytes);
/* Finds the next match; f->found: there is one. */
WAGLE_CHECK wagle_status wg_finder_next(wg_finder *f);
void wg_finder_free(wg_finder *f);
/* Adds the text with each match replaced by `by`. empty: matches may be empty. Otherwise an empty
 * match is an error, because the `tokenizers` library inserts `by` more than once there. */
WAGLE_CHECK wagle_status wg_replace_matches(wagle_ctx *ctx, const pcre2_code *regex,
                                            const char *text, int64_t bytes, const char *by,
                                            bool empty, wg_text *out);

#endif
