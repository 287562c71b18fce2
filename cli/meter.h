/* meter.h - the progress line on stderr. */
#ifndef WG_CLI_METER_H
#define WG_CLI_METER_H

#include <wagle/wagle.h>

#include <time.h>

typedef struct cli_meter {
    bool tty, quiet, verbose, open;
    char stage[64];
    struct timespec start, shown, first, told;
    int64_t first_done; /* units done at the first report of the stage */
    double left;        /* last displayed estimate in seconds; negative if none */
} cli_meter;

/* A wagle_progress_fn; user: the meter. On a terminal, it updates one line; otherwise it prints a
 * line every ten seconds. */
void cli_meter_show(void *user, const char *stage, int64_t done, int64_t total, const char *detail);
/* Ends the line that is being updated. */
void cli_meter_end(cli_meter *m);
/* Smoothed estimate of the seconds left, after `done` of `total`; negative if it is too early. */
double cli_meter_left(cli_meter *m, int64_t done, int64_t total, double elapsed, double since_told);

#endif
