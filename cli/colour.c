#include "colour.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0';
}

static bool is_zero(const char *name)
{
    return is_set(name) && strcmp(getenv(name), "0") == 0;
}

/* https://no-color.org and https://bixense.com/clicolors: NO_COLOR wins, then CLICOLOR_FORCE. */
static bool is_coloured(int stream)
{
    if (is_set("NO_COLOR"))
        return false;
    if (is_set("CLICOLOR_FORCE") && !is_zero("CLICOLOR_FORCE"))
        return true;
    return isatty(stream) && !is_zero("CLICOLOR") &&
           !(is_set("TERM") && strcmp(getenv("TERM"), "dumb") == 0);
}

const char *cli_colour(int stream, cli_style style)
{
    static const char *const sequence[] = {
        [CLI_PLAIN] = "\033[0m", [CLI_BOLD] = "\033[1m",    [CLI_DIM] = "\033[2m",
        [CLI_RED] = "\033[31m",  [CLI_YELLOW] = "\033[33m", [CLI_CYAN] = "\033[36m"};

    return is_coloured(stream) ? sequence[style] : "";
}
