/* markdown.c - writes help pages as Markdown, for docs/reference. */
#include "page.h"

#include <stdio.h>
#include <string.h>

/* The open block. Options and items are rows of a table, which begins with the first of them.
 * Consecutive commands are one code block. */
static enum { NO_TABLE, OPTIONS, ITEMS, COMMANDS } table;

void cli_markdown_text(const char *text)
{
    bool code = false;

    for (; *text != '\0'; text++) {
        if (*text == '`')
            code = !code;
        else if (*text == '|' || (!code && strchr("*_<>\\{}[]", *text) != NULL))
            putchar('\\');
        putchar(*text);
    }
}

static void leave_table(void)
{
    table = NO_TABLE;
    putchar('\n');
}

static void start(const char *name, const char *summary)
{
    leave_table();
    printf("## %s\n", name);
    if (summary[0] != '\0') {
        putchar(summary[0] >= 'a' && summary[0] <= 'z' ? summary[0] - 'a' + 'A' : summary[0]);
        cli_markdown_text(summary + 1);
        puts(".");
    }
}

static void heading(const char *title)
{
    leave_table();
    fputs("### ", stdout);
    cli_markdown_text(title);
    putchar('\n');
}

static void subheading(const char *title)
{
    leave_table();
    fputs("*", stdout);
    cli_markdown_text(title);
    puts("*");
}

static void paragraph(const char *text)
{
    leave_table();
    cli_markdown_text(text);
    putchar('\n');
}

static void command(const char *line)
{
    if (table != COMMANDS)
        leave_table();
    table = COMMANDS;
    printf("    %s\n", line);
}

static void lines(const char *text)
{
    leave_table();
    for (; *text != '\0'; text++) {
        fputs(*text != '\n' ? "    " : "", stdout);
        for (; *text != '\n'; text++)
            putchar(*text);
        putchar('\n');
    }
}

static void option(const cli_shown *s)
{
    if (table != OPTIONS)
        printf("\n| option | | values | default |\n|---|---|---|---|\n");
    table = OPTIONS;
    printf("| `--%s%s%s` | ", s->flag, s->value[0] != '\0' ? " " : "", s->value);
    cli_markdown_text(s->help);
    fputs(" | ", stdout);
    cli_markdown_text(s->values);
    fputs(" | ", stdout);
    cli_markdown_text(s->default_text);
    puts(" |");
}

static void item(const char *name, const char *text)
{
    if (table != ITEMS)
        printf("\n| | |\n|---|---|\n");
    table = ITEMS;
    printf("| `%s` | ", name);
    cli_markdown_text(text);
    puts(" |");
}

static void end(void)
{
    table = NO_TABLE;
}

const cli_writer cli_markdown = {start, heading, subheading, paragraph, command,
                                 lines, option,  item,       end};
