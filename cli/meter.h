/* meter.h - the progress line on stderr.
 *
 * A thread draws it again every second, so that it moves also where the library says nothing for a
 * while. On a terminal one line is updated; otherwise a line is printed every ten seconds. */
#ifndef WG_CLI_METER_H
#define WG_CLI_METER_H

#include "line.h"

#include <pthread.h>
#include <wagle/wagle.h>

/* Starts a thread without signals: these stay with the thread that works. */
bool cli_start_thread(pthread_t *out, void *(*run)(void *user), void *user);
/* Starts the line of a command; quiet: there is none. One at a time. */
void cli_meter_begin(const char *command, bool quiet);
/* A wagle_progress_fn. */
void cli_meter_show(void *user, const char *stage, int64_t done, int64_t total, const char *detail);
/* Prints a line to stderr, above the progress line. */
void cli_meter_print(const char *begin, const char *style, const char *line);
/* While on, nothing is drawn: for questions to the user. */
void cli_meter_pause(bool on);
/* Removes the line. Returns the seconds since it was started. */
double cli_meter_end(void);

#endif
