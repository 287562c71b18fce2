/* choose.h - a name or a word that must be one of those that there are. */
#ifndef WG_BASE_CHOOSE_H
#define WG_BASE_CHOOSE_H

#include "base/text.h"

/* The i-th name of a table; NULL past the last. */
typedef const char *wg_name_at(int i);

/* The place of a name in a table; -1: it is not there. */
int wg_name_find(wg_name_at *at, wg_str name);
/* "a, b, c"; a name is listed once if its neighbour is the same. */
WAGLE_CHECK wagle_status wg_name_list(wagle_ctx *ctx, wg_name_at *at, wg_text *out);
/* As wg_name_find; WAGLE_E_USAGE if it is not there: "no optimizer 'adam'; choose from adamw, sgd".
 */
WAGLE_CHECK wagle_status wg_choose(wagle_ctx *ctx, const char *what, wg_name_at *at, wg_str name,
                                   int *out);
/* The next name of a list with commas between names: false at its end. *at goes on. */
bool wg_next_name(const char **at, wg_str *name);

/* --- enumerations of choices.def ---------------------------------------------------------------
 */

/* The words of each, by value: "" if no text stands for it, NULL past the last. */
#define WAGLE_CHOICES(type) extern const char *const wg_words_of_##type[];
#define WAGLE_CHOICE(constant, word)
#define WAGLE_CHOICES_END(type)
#include <wagle/choices.def>
#undef WAGLE_CHOICES
#undef WAGLE_CHOICE
#undef WAGLE_CHOICES_END

/* The value whose word is `text`; -1: none. */
int wg_word_find(const char *const *words, const char *text);
/* "linear, cosine or constant" */
WAGLE_CHECK wagle_status wg_word_list(wagle_ctx *ctx, const char *const *words, wg_text *out);
/* As wg_word_find, into *out. WAGLE_E_USAGE if there is none: "state f64: must be f32 or bf16". */
WAGLE_CHECK wagle_status wg_choose_word(wagle_ctx *ctx, const char *option, const char *text,
                                        const char *const *words, int *out);
/* WAGLE_E_USAGE where the number is no value of the enumeration. */
WAGLE_CHECK wagle_status wg_check_choice(wagle_ctx *ctx, const char *option, int value,
                                         const char *const *words);

#endif
