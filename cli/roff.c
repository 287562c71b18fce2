/* roff.c - writes help pages as manual pages. */
#include "page.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Prints text with literal hyphens; `code` is bold. */
static void put(const char *text)
{
    bool bold = false;

    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '`')
            fputs((bold = !bold) ? "\\fB" : "\\fR", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\n' && (text[1] == '.' || text[1] == '\''))
            fputs("\n\\&", stdout);
        else
            putchar(*text);
    }
}

static void put_line(const char *before, const char *text, const char *after)
{
    fputs(before, stdout);
    put(text);
    puts(after);
}

static char page[32]; /* command of the page; "" for wagle(1) */

static void put_capitals(const char *text)
{
    char upper[80];
    size_t n = 0;

    for (; *text != '\0' && n < sizeof upper - 1; text++)
        upper[n++] = (char)toupper((unsigned char)*text);
    upper[n] = '\0';
    put(upper);
}

static void heading(const char *title)
{
    fputs(".SH ", stdout);
    put_capitals(title);
    putchar('\n');
}

/* "wagle mask [MASK...]" is page wagle-mask(1); "wagle" is wagle(1). */
static void start(const char *name, const char *summary)
{
    const char *command = strchr(name, ' ') != NULL ? strchr(name, ' ') + 1 : "";

    snprintf(page, sizeof page, "%.*s", (int)strcspn(command, " "), command);
    printf(".TH WAGLE%s", page[0] != '\0' ? "\\-" : "");
    put_capitals(page);
    printf(" 1 \"\" \"wagle " WAGLE_VERSION "\"\n.SH NAME\nwagle%s", page[0] != '\0' ? "\\-" : "");
    put(page);
    put_line(" \\- ", summary, "");
    put_line(".SH SYNOPSIS\n.B ", name, "");
    puts(page[0] != '\0' ? "[\\fIOPTION\\fR...]" : "\\fICOMMAND\\fR [\\fIOPTION\\fR...]");
    heading("Description");
    put_line("", summary, ".");
}

static void subheading(const char *title)
{
    put_line(".SS ", title, "");
}

static void paragraph(const char *text)
{
    put_line(".PP\n", text, "");
}

static void command(const char *line)
{
    put_line(".PP\n.RS\n.nf\n", line, "\n.fi\n.RE");
}

static void lines(const char *text)
{
    put_line(".PP\n.nf\n", text, ".fi");
}

static void option(const cli_shown *s)
{
    char note[256];

    cli_note(s, note);
    printf(".TP\n\\fB\\-\\-");
    put(s->flag);
    put_line("\\fR \\fI", s->value, "\\fR");
    put_line("", s->help, "");
    if (note[0] != '\0')
        put_line("", note, "");
}

static void item(const char *name, const char *text)
{
    put_line(".TP\n\\fB", name, "\\fR");
    put_line("", text, "");
}

static void end(void)
{
    heading("See also");
    printf(".BR wagle (1)");
    for (const cli_command *c = cli_commands; page[0] == '\0' && c->name != NULL; c++)
        printf(",\n.BR wagle\\-%s (1)", c->name);
    putchar('\n');
}

const cli_writer cli_roff = {start, heading, subheading, paragraph, command,
                             lines, option,  item,       end};
