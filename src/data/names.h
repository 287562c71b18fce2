/* names.h - the names in a set of texts, and invented ones in their place. */
#ifndef WG_DATA_NAMES_H
#define WG_DATA_NAMES_H

#include "data/words.h"
#include "text/tokenizer.h"

typedef struct wg_names wg_names;

/* NULL without memory; wg_names_free. */
WAGLE_CHECK wagle_status wg_names_new(wagle_ctx *ctx, wg_names **out);
void wg_names_free(wg_names *n);
/* Counts how a text writes its words. All texts come before the first wg_names_find. */
WAGLE_CHECK wagle_status wg_names_read(wagle_ctx *ctx, wg_names *n, wg_str text);
/* Takes the names of a question; *any: it has one.
 *
 * A name is a word with a capital within a sentence, but no function word, title, day or month. The
 * first word of a sentence is one too where it has a capital within a sentence elsewhere, or where
 * it stands before another name and no text writes it without a capital. */
WAGLE_CHECK wagle_status wg_names_find(wagle_ctx *ctx, wg_names *n, wg_str question, bool *any);
/* A hash of the text's words without the names: of questions that ask the same of different people
 * it is the same. After wg_names_find of all texts. */
WAGLE_CHECK wagle_status wg_names_form(wagle_ctx *ctx, wg_names *n, wg_str text, uint64_t *form);
/* Names so far, in words. */
int64_t wg_names_count(const wg_names *n);
/* Takes words of a vocabulary of V tokens for invented names: those that are one token, begin with
 * a capital, have four small letters after it (a to z) and are in no text that was read. Where they
 * are fewer than eight for each name, names are invented of syllables as without this call. */
WAGLE_CHECK wagle_status wg_names_from_vocabulary(wagle_ctx *ctx, wg_names *n,
                                                  const wagle_tokenizer *tokenizer, int64_t V);
/* Invents a word for each name: of about its length, in its script, and in no text that was read.
 * Another stream gives others. */
WAGLE_CHECK wagle_status wg_names_invent(wagle_ctx *ctx, wg_names *n, uint64_t seed,
                                         uint64_t stream);
/* Adds the text with invented names to `out`; capitals stay as they are. */
WAGLE_CHECK wagle_status wg_names_replace(wagle_ctx *ctx, wg_names *n, wg_str text, wg_text *out);

#endif
