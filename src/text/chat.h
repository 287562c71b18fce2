/* chat.h - conversations laid out by a model's chat template, as transformers'
 * apply_chat_template(messages, add_generation_prompt=...) does; docs/reference/chat.md. */
#ifndef WG_TEXT_CHAT_H
#define WG_TEXT_CHAT_H

#include "base/json.h"
#include "base/text.h"

typedef struct wg_chat wg_chat; /* a compiled chat template */

typedef struct wg_chat_options {
    /* NULL or "auto": the folder's default template; else one of the folder's named templates, or a
     * built-in layout (chatml, llama3, ...), which is a Jinja text in a table. */
    const char *name;
    /* "key=value" for the template, NULL-terminated, or NULL. The value is read as JSON where it is
     * valid JSON (or True, False, None), else as a string. */
    const char *const *kwargs;
    const char *date; /* YYYY-MM-DD for strftime_now; NULL: today */
} wg_chat_options;

/* Free with wg_chat_free. o may be NULL. */
WAGLE_CHECK wagle_status wg_chat_open(wagle_ctx *ctx, const char *folder, const wg_chat_options *o,
                                      wg_chat **out);
/* Whether the folder has a template of its own: a file named chat_template.jinja, one in
 * additional_chat_templates, or tokenizer_config.json's chat_template. */
WAGLE_CHECK wagle_status wg_chat_present(wagle_ctx *ctx, const char *folder, bool *out);
/* messages: array of {"role","content",...}. Appends the text as apply_chat_template(messages,
 * add_generation_prompt=...) gives it. It holds its special tokens: none are to be added. */
WAGLE_CHECK wagle_status wg_chat_render(wagle_ctx *ctx, const wg_chat *c, const json_t *messages,
                                        bool generation_prompt, wg_text *out);
/* The same for one question, after a system message where system is not NULL. */
WAGLE_CHECK wagle_status wg_chat_render_prompt(wagle_ctx *ctx, const wg_chat *c, const char *system,
                                               const char *prompt, wg_text *out);
/* For manifests and messages: "chat_template.jinja", "tokenizer_config.json chat_template
 * 'default'", "chatml". */
const char *wg_chat_name(const wg_chat *c);
/* Whether the template reads this variable or calls this function, as "strftime_now". */
bool wg_chat_reads(const wg_chat *c, const char *name);
void wg_chat_free(wg_chat *c);

/* Built-in layouts; ends with a NULL name. */
typedef struct wg_chat_layout {
    const char *name, *summary, *text;
} wg_chat_layout;
extern const wg_chat_layout wg_chat_layouts[];

#endif
