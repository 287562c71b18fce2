/* line.h - what a progress line says: the fields that fit its width, and the time left. */
#ifndef WG_CLI_LINE_H
#define WG_CLI_LINE_H

#include <stdbool.h>
#include <stdint.h>

enum { CLI_LINE = 512 };

/* The time that a stage still takes. Times are seconds of any clock. */
typedef struct cli_eta {
    bool started;
    int64_t first, done, total; /* units at the first and at the last report */
    double began, at;           /* when these were */
    double units, seconds;      /* of the last while: older ones count less and less */
    double offset;              /* what was shown at the last report, beyond the work left */
} cli_eta;

/* A report that `done` units are done. The first is where measuring begins, because units before it
 * were done earlier or were slow to start. */
void cli_eta_add(cli_eta *e, double now, int64_t done, int64_t total);
/* Seconds left; below 0: too early to say. The estimate follows the clock, and what a report
 * changes is shown little by little. */
double cli_eta_left(const cli_eta *e, double now);

typedef struct cli_progress {
    const char *stage;
    int64_t done, total; /* total 0: there is nothing to count */
    const char *detail;  /* fields "name value" with two spaces between them; or NULL */
    double elapsed, left;
    int64_t peak; /* bytes of memory; 0: not said */
} cli_progress;

/* The line in at most `width` columns; width 0: as long as it is. Returns the columns of its first
 * field, the stage and its count. */
int cli_line(const cli_progress *p, int width, char out[CLI_LINE]);

#endif
