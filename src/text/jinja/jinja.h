/* jinja.h - renders chat templates: the part of Jinja that they use, like jinja2 3.1 in
 * transformers' environment (trim_blocks, lstrip_blocks, break and continue, the generation tag,
 * its tojson, raise_exception and strftime_now).
 *
 * docs/reference/chat.md lists what is supported. Other features are refused by name and line.
 * Templates are untrusted, so nesting, steps, memory and output are limited. */
#ifndef WG_TEXT_JINJA_JINJA_H
#define WG_TEXT_JINJA_JINJA_H

#include "base/json.h"
#include "base/text.h"
#include <time.h>

typedef struct wg_jinja wg_jinja; /* a compiled template */

/* `name` appears in error messages, as in "name:7: ...". Both texts are copied. Free with
 * wg_jinja_free. */
WAGLE_CHECK wagle_status wg_jinja_compile(wagle_ctx *ctx, const char *name, const char *text,
                                          size_t bytes, wg_jinja **out);
void wg_jinja_free(wg_jinja *t);
/* Whether the template reads this name anywhere. */
bool wg_jinja_reads(const wg_jinja *t, const char *name);
/* Parses YYYY-MM-DD; NULL means the current time. */
WAGLE_CHECK wagle_status wg_jinja_date(wagle_ctx *ctx, const char *date, struct tm *out);
/* Appends the rendered text to out. variables: an object, borrowed. date: YYYY-MM-DD for
 * strftime_now, or NULL for now. Errors are WAGLE_E_INPUT; the message names the template and its
 * line. */
WAGLE_CHECK wagle_status wg_jinja_render(wagle_ctx *ctx, const wg_jinja *t, const json_t *variables,
                                         const char *date, wg_text *out);

#endif
