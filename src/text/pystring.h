/* pystring.h - Python's str.strip and str.capitalize, for prompts that are defined with them. */
#ifndef WG_TEXT_PYSTRING_H
#define WG_TEXT_PYSTRING_H

#include "base/text.h"

/* Strips white space at both ends of text [*bytes]. Returns the new start; *bytes is the new
 * length. */
const char *wg_py_strip(const char *text, size_t *bytes);
/* Length of text [bytes] without trailing white space. */
size_t wg_py_rstrip(const char *text, size_t bytes);
/* Adds text [bytes] with its first character in title case and all others in lower case. */
WAGLE_CHECK wagle_status wg_py_capitalize(wagle_ctx *ctx, const char *text, size_t bytes,
                                          wg_text *out);

#endif
