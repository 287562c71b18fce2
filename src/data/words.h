/* words.h - splits a text into words, with positions and features of names. */
#ifndef WG_DATA_WORDS_H
#define WG_DATA_WORDS_H

#include "base/text.h"

enum { WG_FIGURES = 3 }; /* digits of a number that counts as a name */

/* In scripts without spaces, each character is a word. */
typedef struct wg_word {
    uint64_t hash;    /* of its lower-case form; identifies the word */
    size_t at, bytes; /* in the text */
    bool capital;     /* begins with a capital and has more than one character */
    bool capitals;    /* at least two capitals and no lower-case letter */
    bool initial;     /* a single capital letter */
    bool inside;      /* not the first word of its sentence; a quotation mark ends a sentence */
    bool begins;      /* first word of the text or of a sentence, outside quotation marks */
    bool figures;     /* a number of WG_FIGURES digits or more */
} wg_word;

typedef struct wg_words {
    wg_word *word; /* [n]; free with wg_free */
    int64_t n, capacity;
} wg_words;

/* The hash of a word in lower case. */
uint64_t wg_word_hash(const char *lower, size_t bytes);
/* Splits a text into words, replacing the previous content of *out, which starts as {0}. */
WAGLE_CHECK wagle_status wg_words_split(wagle_ctx *ctx, wg_str text, wg_words *out);

#endif
