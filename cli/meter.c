#include "meter.h"

#include "colour.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static struct meter {
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t ended;
    pthread_t ticker;
    bool ticks, quiet, tty, paused;
    bool open; /* a line is drawn */
    char stage[64], detail[CLI_LINE];
    int64_t done, total;
    double began, shown;
    cli_eta eta;
} meter = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

/* Seconds: the first line comes after so long, and further ones then. */
static const double first_on_tty = 0.5, tick = 1, every_on_tty = 0.1, every_elsewhere = 10;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One column stays free: a terminal may wrap a line that ends in its last one. */
static int line_width(void)
{
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    int n = ioctl(2, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;

    if (n <= 0)
        n = columns != NULL ? atoi(columns) : 0;
    return n > 1 ? n - 1 : 79;
}

static void clear(struct meter *m)
{
    if (m->open)
        fputs("\r\033[K", stderr);
    m->open = false;
}

static void draw(struct meter *m, double at)
{
    char line[CLI_LINE];
    const cli_progress p = {.stage = m->stage,
                            .done = m->done,
                            .total = m->total,
                            .detail = m->detail,
                            .elapsed = at - m->began,
                            .left = m->done < m->total ? cli_eta_left(&m->eta, at) : -1,
                            .peak = wagle_peak_memory()};
    const int head = cli_line(&p, m->tty ? line_width() : 0, line);

    clear(m);
    fprintf(stderr, "%s%.*s%s%s%s", cli_colour(2, CLI_BOLD), head, line, cli_colour(2, CLI_PLAIN),
            line + head, m->tty ? "" : "\n");
    fflush(stderr);
    m->open = m->tty;
    m->shown = at;
}

/* Draws where it is time to. least: seconds since the line before. */
static void draw_if_due(struct meter *m, double least)
{
    const double at = now(), first = m->tty ? first_on_tty : every_elsewhere;

    if (!m->quiet && !m->paused && at - m->began >= first && at - m->shown >= least)
        draw(m, at);
}

static void *run_ticker(void *user)
{
    struct meter *m = user;

    pthread_mutex_lock(&m->lock);
    while (m->ticks) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(first_on_tty * 1e9);
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&m->ended, &m->lock, &until);
        if (m->ticks)
            draw_if_due(m, m->tty ? tick : every_elsewhere);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

bool cli_start_thread(pthread_t *out, void *(*run)(void *user), void *user)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(out, NULL, run, user) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void cli_meter_begin(const char *command, bool quiet)
{
    struct meter *m = &meter;

    m->quiet = quiet;
    m->tty = isatty(2);
    snprintf(m->stage, sizeof m->stage, "%s", command);
    m->began = now();
    m->shown = m->tty ? 0 : m->began;
    if (quiet)
        return;
    pthread_mutex_lock(&m->lock);
    m->ticks = cli_start_thread(&m->ticker, run_ticker, m);
    pthread_mutex_unlock(&m->lock);
}

void cli_meter_show(void *user, const char *stage, int64_t done, int64_t total, const char *detail)
{
    struct meter *m = &meter;
    const double at = now();

    (void)user;
    pthread_mutex_lock(&m->lock);
    if (strcmp(stage, m->stage) != 0) {
        snprintf(m->stage, sizeof m->stage, "%s", stage);
        m->eta = (cli_eta){0};
    }
    m->done = done;
    m->total = total;
    snprintf(m->detail, sizeof m->detail, "%s", detail != NULL ? detail : "");
    cli_eta_add(&m->eta, at, done, total);
    draw_if_due(m, m->tty ? every_on_tty : every_elsewhere);
    pthread_mutex_unlock(&m->lock);
}

void cli_meter_print(const char *begin, const char *style, const char *line)
{
    pthread_mutex_lock(&meter.lock);
    clear(&meter);
    fprintf(stderr, "%s%s%s%s\n", style, begin, *style != '\0' ? cli_colour(2, CLI_PLAIN) : "",
            line);
    pthread_mutex_unlock(&meter.lock);
}

void cli_meter_pause(bool on)
{
    pthread_mutex_lock(&meter.lock);
    clear(&meter);
    meter.paused = on;
    pthread_mutex_unlock(&meter.lock);
}

double cli_meter_end(void)
{
    struct meter *m = &meter;
    bool ticks;

    pthread_mutex_lock(&m->lock);
    ticks = m->ticks;
    m->ticks = false;
    m->quiet = true;
    clear(m);
    pthread_cond_signal(&m->ended);
    pthread_mutex_unlock(&m->lock);
    if (ticks)
        pthread_join(m->ticker, NULL);
    return now() - m->began;
}
