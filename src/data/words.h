/* words.h - a text as words: where they stand, and which look like parts of names. */
#ifndef WG_DATA_WORDS_H
#define WG_DATA_WORDS_H

#include "base/text.h"

enum { WG_FIGURES = 3 }; /* digits of a number that counts as a name */

/* Where a script writes no spaces, each character is a word. */
typedef struct wg_word {
    uint64_t hash;    /* of its lower-case form; stands for the word */
    size_t at, bytes; /* in the text */
    bool capital;     /* begins with a capital, and has another character */
    bool capitals;    /* has no lower-case letter, and two capitals or more */
    bool initial;     /* one capital letter */
    bool inside;      /* follows a word of the same sentence; a quotation mark ends one */
    bool begins;      /* first word of the text or of a sentence, outside quotation marks */
    bool figures;     /* a number of WG_FIGURES digits or more */
} wg_word;

typedef struct wg_words {
    wg_word *word; /* [n]; free with wg_free */
    int64_t n, room;
} wg_words;

/* The hash of a word in lower case. */
uint64_t wg_word_hash(const char *lower, size_t bytes);
/* The words of a text, in place of those of the one before; *out starts as {0}. */
WAGLE_CHECK wagle_status wg_words_split(wagle_ctx *ctx, wg_str text, wg_words *out);

#endif
