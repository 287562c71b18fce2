/* page.h - help pages, which writers print for a terminal, as a manual page or as Markdown.
 *
 * Text may contain `code` in backticks; each writer formats it differently. */
#ifndef WG_CLI_PAGE_H
#define WG_CLI_PAGE_H

#include "options.h"

typedef struct cli_shown {
    const char *flag, *value; /* value "" for a flag without one */
    const char *help;
    const char *values;       /* "above 0", "rows or tokens"; "" if there is nothing to say */
    const char *default_text; /* "" if there is none */
} cli_shown;

typedef struct cli_writer {
    void (*start)(const char *name, const char *summary); /* begins a page */
    void (*heading)(const char *title);
    void (*subheading)(const char *title);
    void (*paragraph)(const char *text);
    void (*command)(const char *line); /* a command to type */
    void (*lines)(const char *text);   /* preformatted text */
    void (*option)(const cli_shown *s);
    void (*item)(const char *name, const char *text);
    void (*end)(void);
} cli_writer;

extern const cli_writer cli_terminal, cli_roff, cli_markdown;

/* "[above 0; default: 1e-5]", or "" if there is nothing to say. */
void cli_note(const cli_shown *s, char out[256]);

/* --- page.c ----------------------------------------------------------------------------------- */

/* end: whether to end the page. */
void cli_page_front(const cli_writer *w, bool end);
void cli_page_command(const cli_writer *w, const cli_command *c);
void cli_page_common(const cli_writer *w);

/* --- topics.c --------------------------------------------------------------------------------- */

typedef struct cli_topic {
    const char *name, *summary;
    const char *commands; /* commands whose help refers to the topic */
    void (*write)(const cli_writer *w);
} cli_topic;

extern const cli_topic cli_topics[]; /* ends with a NULL name */

/* Lists the entries of a table of the library as items. */
void cli_list(const cli_writer *w, wagle_info (*at)(int i));

/* --- reference.c ------------------------------------------------------------------------------ */

/* Prints text with Markdown's special characters escaped. */
void cli_markdown_text(const char *text);
/* Prints docs/reference/commands.md and tables.md. */
void cli_reference_commands(void);
void cli_reference_tables(void);

/* --- schema.c --------------------------------------------------------------------------------- */

/* Prints docs/reference/schemas/config.json. */
void cli_reference_config(void);
/* The options of training that are keys of manifest.json and of a sweep's spec, as properties of a
 * JSON Schema: {"manifest": {...}, "sweep-spec": {...}}. */
void cli_reference_training(void);
/* The JSON Schema of a recipe. */
void cli_reference_recipe(void);

#endif
