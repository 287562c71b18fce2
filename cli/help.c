/* help.c - `wagle help ...`: chooses the page and the output format. */
#include "page.h"

#include <stdio.h>
#include <string.h>

const cli_command *cli_command_find(const char *name)
{
    for (const cli_command *c = cli_commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static const cli_topic *find_topic(const char *name)
{
    for (const cli_topic *t = cli_topics; t->name != NULL; t++)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}

static void topic_page(const cli_writer *w, const cli_topic *t)
{
    w->start(t->name, t->summary);
    t->write(w);
    w->end();
}

static int page(const cli_writer *w, const char *name)
{
    const cli_command *c = cli_command_find(name);
    const cli_topic *t = find_topic(name);

    if (c != NULL)
        cli_page_command(w, c);
    else if (t != NULL)
        topic_page(w, t);
    else
        return (int)cli_unknown_help(name);
    return 0;
}

/* Prints a manual page; that of `wagle` includes the topics. */
static int manual(const char *name)
{
    if (name != NULL)
        return page(&cli_roff, name);
    cli_page_front(&cli_roff, false);
    for (const cli_topic *t = cli_topics; t->name != NULL; t++) {
        cli_roff.heading(t->name);
        t->write(&cli_roff);
    }
    cli_roff.end();
    return 0;
}

/* Prints the names of the commands, for scripts. */
static int list(const char *name)
{
    (void)name;
    for (const cli_command *c = cli_commands; c->name != NULL; c++)
        puts(c->name);
    return 0;
}

static int reference(const char *name)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } pages[] = {{"commands", cli_reference_commands},
                 {"tables", cli_reference_tables},
                 {"config", cli_reference_config},
                 {"recipe", cli_reference_recipe},
                 {"training", cli_reference_training}};

    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (name == NULL || strcmp(name, pages[i].name) == 0) {
            pages[i].print();
            return 0;
        }
    return (int)cli_refuse(
        "help: --reference %s: there are commands, tables, config, recipe and training", name);
}

static const struct form {
    const char *flag;
    int (*print)(const char *name); /* name: the next argument, or NULL */
} forms[] = {
    {"--man", manual},
    {"--list", list},
    {"--reference", reference},
};

int cli_help_command(int argc, char **argv)
{
    if (argc < 1) {
        cli_page_front(&cli_terminal, true);
        return 0;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(argv[0], forms[i].flag) == 0)
            return forms[i].print(argc > 1 ? argv[1] : NULL);
    return page(&cli_terminal, argv[0]);
}

void cli_help(const cli_command *c)
{
    cli_page_command(&cli_terminal, c);
}
