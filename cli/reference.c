/* reference.c - docs/reference/commands.md and tables.md, from the tables. */
#include "page.h"

#include <stdio.h>

void cli_reference_commands(void)
{
    puts("# Commands\nEvery command with its options, their defaults and the values that they "
         "take. This page is written by `wagle help --reference`; the same text is in `wagle help "
         "COMMAND` and in the manual pages.");
    for (const cli_command *c = cli_commands; c->name != NULL; c++)
        cli_page_command(&cli_markdown, c);
    cli_markdown.start("Common options", "");
    cli_page_common(&cli_markdown);
    cli_markdown.end();
}

void cli_reference_tables(void)
{
    puts("# Tables");
}
