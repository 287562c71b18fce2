/* meter.c - progress of a stage, and the estimated time left. */
#include "meter.h"

#include <stdio.h>
#include <string.h>

static double seconds_since(const struct timespec *t)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - t->tv_sec) + 1e-9 * (double)(now.tv_nsec - t->tv_nsec);
}

void cli_meter_end(cli_meter *m)
{
    if (m->open)
        fputc('\n', stderr);
    m->open = false;
}

/* The rate is measured from the first report on, because the first units are slow (pages are read)
 * or were done earlier (a resumed run). There is no estimate before 3 s and 3 units. Estimates are
 * smoothed over about 15 s, so that the displayed number does not jump. */
double cli_meter_left(cli_meter *m, int64_t done, int64_t total, double elapsed, double since_told)
{
    const int64_t n = done - m->first_done;
    double left;

    if (n < 3 || elapsed < 3)
        return -1;
    left = elapsed / (double)n * (double)(total - done);
    if (m->left >= 0) {
        const double expected = m->left > since_told ? m->left - since_told : 0;
        const double trust = since_told < 15 ? since_told / 15 : 1;
        left = (1 - trust) * expected + trust * left;
    }
    m->left = left;
    return left;
}

static void start_stage(cli_meter *m, const char *stage)
{
    cli_meter_end(m);
    snprintf(m->stage, sizeof m->stage, "%s", stage);
    clock_gettime(CLOCK_MONOTONIC, &m->start);
    m->shown = m->told = m->start;
    m->first_done = -1;
    m->left = -1;
}

void cli_meter_show(void *user, const char *stage, int64_t done, int64_t total, const char *detail)
{
    cli_meter *m = user;
    char eta[48] = "";

    if (m->quiet)
        return;
    if (strcmp(stage, m->stage) != 0)
        start_stage(m, stage);
    if (m->first_done < 0 && done > 0) {
        m->first_done = done;
        clock_gettime(CLOCK_MONOTONIC, &m->first);
    }
    if (done < total && seconds_since(&m->shown) < (m->tty ? 0.1 : 10.0))
        return;
    const double elapsed = seconds_since(&m->start);
    if (!m->tty && elapsed < 10)
        return;
    if (m->first_done >= 0 && done < total) {
        const double left =
            cli_meter_left(m, done, total, seconds_since(&m->first), seconds_since(&m->told));
        if (left >= 0)
            snprintf(eta, sizeof eta, ", about %.0f s left", left);
        clock_gettime(CLOCK_MONOTONIC, &m->told);
    }
    clock_gettime(CLOCK_MONOTONIC, &m->shown);
    fprintf(stderr, "%s%s %lld/%lld%s%s  %.0f s%s%s", m->tty ? "\r\033[K" : "", stage,
            (long long)done, (long long)total, detail ? "  " : "", detail ? detail : "", elapsed,
            eta, m->tty ? "" : "\n");
    m->open = m->tty;
    if (done >= total)
        cli_meter_end(m);
}
