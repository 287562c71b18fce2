/* colour.h - colours of the terminal. */
#ifndef WG_CLI_COLOUR_H
#define WG_CLI_COLOUR_H

typedef enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_YELLOW, CLI_CYAN } cli_style;

/* The escape sequence that begins a style on stdout (1) or stderr (2), or ends it (CLI_PLAIN). It
 * is empty where colours are off. Terminals have them, files do not; NO_COLOR, CLICOLOR,
 * CLICOLOR_FORCE and TERM=dumb change that. */
const char *cli_colour(int stream, cli_style style);

#endif
