/* resemble.h - finds the texts that resemble given rows: those that share a name, a phrase or a
 * characteristic word with them. Words are compared without case. In scripts without spaces, each
 * character is a word. */
#ifndef WG_DATA_RESEMBLE_H
#define WG_DATA_RESEMBLE_H

#include "data/words.h"

typedef enum wg_resemblance {
    WG_RESEMBLES_NOT,
    WG_SHARES_NAME, /* a number, or a word that rows capitalise within sentences and always, unless
                       it is an ordinary word of the texts */
    WG_SHARES_PHRASE, /* WG_PHRASE consecutive words that are not common in texts without such a
                         name */
    WG_SHARES_WORD,   /* a word that is WG_KEYNESS times as frequent in rows as in all texts */
} wg_resemblance;

enum {
    WG_ORDINARY = 2, /* texts write an ordinary word at least this often without a capital, and at
                        least as often as with one within a sentence */
    WG_PHRASE = 4,
    WG_COMMON_LEAST = 3,   /* a common phrase is in at least this many texts without a name, */
    WG_COMMON_PERCENT = 2, /* and in at least this share of them */
    WG_KEYNESS = 20,       /* ratio: share of rows with the word / share of texts with it */
    WG_KEYWORD_ROWS =
        2, /* a characteristic word is in at least this many rows, if there are as many */
};

/* Texts [n_texts] to compare with rows [n_rows]. `layout` is the text around both (of a chat
 * template): its words are not names and its phrases are common. */
typedef struct wg_comparison {
    const wg_str *row, *text;
    int64_t n_rows, n_texts;
    wg_str layout;
} wg_comparison;

/* Sets out [n_texts] to the first kind of resemblance that applies. */
WAGLE_CHECK wagle_status wg_resemble(wagle_ctx *ctx, const wg_comparison *c, wg_resemblance *out);

#endif
