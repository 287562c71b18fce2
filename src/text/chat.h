/* chat.h - renders conversations with a model's chat template, like transformers'
 * apply_chat_template(messages, add_generation_prompt=...); docs/reference/chat.md. */
#ifndef WG_TEXT_CHAT_H
#define WG_TEXT_CHAT_H

#include "base/json.h"
#include "base/text.h"

typedef struct wg_chat wg_chat; /* a compiled chat template */

typedef struct wg_chat_options {
    /* NULL or "auto": the folder's default template. Else the name of one of the folder's templates
     * or of a built-in layout (chatml, llama3, ...). */
    const char *name;
    /* "key=value" for the template, NULL-terminated, or NULL. A value that is valid JSON (or True,
     * False, None) is parsed; any other is a string. */
    const char *const *kwargs;
    const char *date; /* YYYY-MM-DD for strftime_now; NULL: today */
} wg_chat_options;

/* Free with wg_chat_free. o may be NULL. */
WAGLE_CHECK wagle_status wg_chat_open(wagle_ctx *ctx, const char *folder, const wg_chat_options *o,
                                      wg_chat **out);
/* Whether the folder has a template: chat_template.jinja, a file in additional_chat_templates, or
 * chat_template in tokenizer_config.json. */
WAGLE_CHECK wagle_status wg_chat_present(wagle_ctx *ctx, const char *folder, bool *out);
/* messages: array of {"role","content",...}. Appends the text that apply_chat_template(messages,
 * add_generation_prompt=...) returns. It contains the special tokens; add none when tokenising. */
WAGLE_CHECK wagle_status wg_chat_render(wagle_ctx *ctx, const wg_chat *c, const json_t *messages,
                                        bool generation_prompt, wg_text *out);
/* The same for one question, after a system message if system is not NULL. */
WAGLE_CHECK wagle_status wg_chat_render_prompt(wagle_ctx *ctx, const wg_chat *c, const char *system,
                                               const char *prompt, wg_text *out);
/* For manifests and messages: "chat_template.jinja", "tokenizer_config.json chat_template
 * 'default'", "chatml". */
const char *wg_chat_name(const wg_chat *c);
/* Whether the template reads this variable or calls this function, for example "strftime_now". */
bool wg_chat_reads(const wg_chat *c, const char *name);
void wg_chat_free(wg_chat *c);

/* Built-in layouts; ends with a NULL name. */
typedef struct wg_chat_layout {
    const char *name, *summary, *text;
} wg_chat_layout;
extern const wg_chat_layout wg_chat_layouts[];

#endif
