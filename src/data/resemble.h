/* resemble.h - which of many texts resemble given rows: those that share a name, a phrase or a
 * characteristic word with them. Words are compared without case; where a script writes no spaces,
 * each character is a word. */
#ifndef WG_DATA_RESEMBLE_H
#define WG_DATA_RESEMBLE_H

#include "data/words.h"

typedef enum wg_resemblance {
    WG_RESEMBLES_NOT,
    WG_SHARES_NAME,   /* a word that rows write with a capital within a sentence and never without,
                         unless it is an ordinary word of the texts; or a number */
    WG_SHARES_PHRASE, /* WG_PHRASE words in a row that are not common in texts without such a name
                       */
    WG_SHARES_WORD,   /* a word that is WG_KEYNESS times as frequent in rows as in all texts */
} wg_resemblance;

enum {
    WG_ORDINARY = 2, /* texts write an ordinary word so often without a capital, and at least as
                        often as with one within a sentence */
    WG_PHRASE = 4,
    WG_COMMON_LEAST = 3,   /* a common phrase is in so many texts without a name, */
    WG_COMMON_PERCENT = 2, /* and in this share of them */
    WG_KEYNESS = 20,       /* share of rows that have the word / share of texts that do */
    WG_KEYWORD_ROWS = 2,   /* a characteristic word is in so many rows, if there are as many */
};

/* Texts [n_texts] that are compared with rows [n_rows]. `layout` is what stands around both (a chat
 * template's text): its words are no names and its phrases are common. */
typedef struct wg_comparison {
    const wg_str *row, *text;
    int64_t n_rows, n_texts;
    wg_str layout;
} wg_comparison;

/* out [n_texts]: the first of the kinds that applies. */
WAGLE_CHECK wagle_status wg_resemble(wagle_ctx *ctx, const wg_comparison *c, wg_resemblance *out);

#endif
