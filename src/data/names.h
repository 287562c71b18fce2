/* names.h - finds the names in a set of texts and replaces them by invented ones. */
#ifndef WG_DATA_NAMES_H
#define WG_DATA_NAMES_H

#include "data/words.h"
#include "text/tokenizer.h"

typedef struct wg_names wg_names;

/* Free with wg_names_free. */
WAGLE_CHECK wagle_status wg_names_new(wagle_ctx *ctx, wg_names **out);
void wg_names_free(wg_names *n);
/* Records how a text capitalises its words. All texts must be read before the first wg_names_find.
 */
WAGLE_CHECK wagle_status wg_names_read(wagle_ctx *ctx, wg_names *n, wg_str text);
/* Adds the names of a question; *any: it has one.
 *
 * A name is a capitalised word within a sentence, but not a function word, title, day or month. The
 * first word of a sentence is a name if it is capitalised within a sentence elsewhere, or if it
 * precedes another name and no text has it without a capital. */
WAGLE_CHECK wagle_status wg_names_find(wagle_ctx *ctx, wg_names *n, wg_str question, bool *any);
/* A hash of the text's words without the names. It is equal for questions that ask the same about
 * different people. Call wg_names_find for all texts first. */
WAGLE_CHECK wagle_status wg_names_form(wagle_ctx *ctx, wg_names *n, wg_str text, uint64_t *form);
/* Number of names found, in words. */
int64_t wg_names_count(const wg_names *n);
/* Collects words of a vocabulary of V tokens for invented names: single tokens that begin with a
 * capital followed by four lower-case letters (a to z) and occur in no text that was read. If there
 * are fewer than eight per name, names are made of syllables, as without this call. */
WAGLE_CHECK wagle_status wg_names_from_vocabulary(wagle_ctx *ctx, wg_names *n,
                                                  const wagle_tokenizer *tokenizer, int64_t V);
/* Invents a word for each name, of similar length, in the same script, that occurs in no text that
 * was read. The words depend on seed and stream. */
WAGLE_CHECK wagle_status wg_names_invent(wagle_ctx *ctx, wg_names *n, uint64_t seed,
                                         uint64_t stream);
/* Adds the text with invented names to `out`; capitalisation is preserved. */
WAGLE_CHECK wagle_status wg_names_replace(wagle_ctx *ctx, wg_names *n, wg_str text, wg_text *out);

#endif
