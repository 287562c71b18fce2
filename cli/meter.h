/* meter.h - the line of progress on stderr. */
#ifndef WG_CLI_METER_H
#define WG_CLI_METER_H

#include <wagle/wagle.h>

#include <time.h>

typedef struct cli_meter {
    bool tty, quiet, verbose, open;
    char stage[64];
    struct timespec start, shown, first, told;
    int64_t first_done; /* units that were done when the stage was first heard of */
    double left;        /* seconds, as last told; below 0: never */
} cli_meter;

/* A wagle_progress_fn; user: the meter. On a terminal a line that is rewritten; elsewhere one line
 * each ten seconds. */
void cli_meter_show(void *user, const char *stage, int64_t done, int64_t total, const char *detail);
/* Ends the line that is being rewritten. */
void cli_meter_end(cli_meter *m);
/* Seconds left, smoothed, for `done` of `total` now; below 0: too early to say. */
double cli_meter_left(cli_meter *m, int64_t done, int64_t total, double elapsed, double since_told);

#endif
