/* pystring.h - Python's str.strip and str.capitalize, for prompts whose definition uses them. */
#ifndef WG_TEXT_PYSTRING_H
#define WG_TEXT_PYSTRING_H

#include "base/text.h"

/* text [*bytes] without the white space at both ends: where it begins, *bytes its length. */
const char *wg_py_strip(const char *text, size_t *bytes);
/* Length of text [bytes] without the white space at its end. */
size_t wg_py_rstrip(const char *text, size_t bytes);
/* Adds text [bytes] with its first character in title case and all others in lower case. */
WAGLE_CHECK wagle_status wg_py_capitalize(wagle_ctx *ctx, const char *text, size_t bytes,
                                          wg_text *out);

#endif
