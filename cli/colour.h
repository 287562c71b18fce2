/* colour.h - colours of the terminal. */
#ifndef WG_CLI_COLOUR_H
#define WG_CLI_COLOUR_H

typedef enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_YELLOW, CLI_CYAN } cli_style;

/* The sequence that begins a style on the stream 1 or 2, or ends it (CLI_PLAIN); "" where there are
 * to be no colours: on files and pipes, and as NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb
 * say. */
const char *cli_colour(int stream, cli_style style);

#endif
