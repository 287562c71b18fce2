/* terminal.c - writes help pages as text, as wide as the terminal but 60 to 100 columns. */
#include "colour.h"
#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NARROWEST = 60, WIDEST = 100, OPTION_COLUMN = 26, ITEM_COLUMN = 20 };

static int terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size = {0};
    int n = columns != NULL ? atoi(columns) : 0;

    if (n <= 0 && isatty(1) && ioctl(1, TIOCGWINSZ, &size) == 0)
        n = size.ws_col;
    return n <= 0 || n > WIDEST ? WIDEST : n < NARROWEST ? NARROWEST : n;
}

static void spaces(int n)
{
    printf("%*s", n, "");
}

/* Prints a word. Code in backticks is printed in quotes. */
static void put_word(const char *word, int n)
{
    for (int i = 0; i < n; i++)
        putchar(word[i] == '`' ? '\'' : word[i]);
}

/* Prints the pieces of text with line breaks, from column `at` on. Further lines are indented by
 * `indent` columns, and `end` is printed before each line break. Ends the last line. */
static void pieces(const char *text, int (*length)(const char *text), int at, int indent,
                   const char *end)
{
    const int width = terminal_width() - (int)strlen(end);
    bool first = true;

    for (int n; *(text += strspn(text, " ")) != '\0'; text += n) {
        n = length(text);
        if (!first && at + 1 + n > width) {
            printf("%s\n", end);
            spaces(indent);
            at = indent;
        } else if (!first) {
            putchar(' ');
            at++;
        }
        put_word(text, n);
        at += n;
        first = false;
    }
    putchar('\n');
}

static int word(const char *text)
{
    return (int)strcspn(text, " ");
}

/* Length of an option with its value. */
static int command_part(const char *text)
{
    int n = word(text);

    while (text[n] == ' ' && strncmp(text, "--", 2) == 0 && strncmp(text + n + 1, "--", 2) != 0)
        n += 1 + word(text + n + 1);
    return n;
}

static void wrap(const char *text, int at, int indent)
{
    pieces(text, word, at, indent, "");
}

/* Prints `left`, then text from a column on. If `left` is too long, it gets its own line. */
static void in_columns(int indent, const char *left, int column, const char *text)
{
    int at = indent + (int)strlen(left);

    spaces(indent);
    fputs(left, stdout);
    if (at + 2 > column) {
        putchar('\n');
        at = 0;
    }
    spaces(column - at);
    wrap(text, column, column);
}

static bool started; /* nothing is printed below the title yet */

/* Prints an empty line before the first element of a page, if it does not begin with one. */
static void after_title(void)
{
    if (started)
        putchar('\n');
    started = false;
}

static void start(const char *name, const char *summary)
{
    printf("%s%s%s - ", cli_colour(1, CLI_BOLD), name, cli_colour(1, CLI_PLAIN));
    wrap(summary, (int)strlen(name) + 3, 2);
    started = true;
}

static void heading(const char *title)
{
    started = false;
    printf("\n%s", cli_colour(1, CLI_BOLD));
    wrap(title, 0, 0);
    fputs(cli_colour(1, CLI_PLAIN), stdout);
}

static void subheading(const char *title)
{
    spaces(2);
    wrap(title, 2, 2);
}

static void paragraph(const char *text)
{
    started = false;
    putchar('\n');
    wrap(text, 0, 0);
}

static void command(const char *line)
{
    after_title();
    spaces(2);
    pieces(line, command_part, 2, 6, " \\");
}

static void lines(const char *text)
{
    printf("\n%s", text);
}

static void option(const cli_shown *s)
{
    char left[96], note[256], text[700];

    after_title();
    cli_note(s, note);
    snprintf(left, sizeof left, "--%s%s%s", s->flag, s->value[0] != '\0' ? " " : "", s->value);
    snprintf(text, sizeof text, "%s %s", s->help, note);
    in_columns(2, left, OPTION_COLUMN, text);
}

static void item(const char *name, const char *text)
{
    after_title();
    in_columns(2, name, ITEM_COLUMN, text);
}

static void end(void)
{
}

const cli_writer cli_terminal = {start, heading, subheading, paragraph, command,
                                 lines, option,  item,       end};
