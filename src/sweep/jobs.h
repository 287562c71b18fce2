/* jobs.h - the jobs that run the points of a sweep, in threads of this process and in others. */
#ifndef WG_SWEEP_JOBS_H
#define WG_SWEEP_JOBS_H

#include "sweep/sweep.h"

#include <pthread.h>

/* Files that are made once: of two jobs that need the same one, one waits. */
struct wg_making {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const char *path[2 * WG_SWEEP_JOBS]; /* a job makes a mask, and for it scores */
    int n;
};

typedef struct wg_team wg_team;

typedef struct wg_job {
    wg_team *of;
    wagle_ctx ctx;
    wg_sweep sweep; /* a copy with a folder, an arena and reference losses of its own */
    int64_t point;  /* that runs; -1: none */
    wg_sweep_run run;
    json_t *result;
    wagle_status status;
    bool ended;      /* under the team's lock, as is */
    char doing[256]; /* its progress, as fields of that of the sweep */
    pthread_t thread;
    bool has_thread;
    bool sent; /* of a job of another process: it knows its point */
} wg_job;

/* Process 0 has its own jobs, then those of process 1, and so on. The others have their own alone.
 */
struct wg_team {
    wg_sweep *s;
    wg_job *job; /* [n] */
    int n, own, running;
    int each;                   /* jobs of each other process */
    bool *is_running, *is_done; /* [points] */
    int64_t first;              /* points before it are done */
    int64_t made, left;
    bool leaves;          /* no point begins any more, and those that run are interrupted */
    bool lost;            /* another process cannot be reached */
    bool last;            /* the turn of process 0 is the last; */
    wagle_status outcome; /* what the sweep comes to */
    wg_making making;
    pthread_mutex_t lock;
    pthread_cond_t ended;
};

/* --- jobs.c ----------------------------------------------------------------------------------- */

/* Job k of this process: it has its part of the threads and of the memory. */
void wg_sweep_make_job(const wagle_ctx *ctx, wg_team *t, int k);
/* Runs j->run, of point i, in a thread. */
WAGLE_CHECK wagle_status wg_sweep_start_job(wagle_ctx *ctx, wg_team *t, wg_job *j, int64_t i);
/* Waits until a job of this process has ended, but not for long. */
void wg_sweep_wait(wg_team *t);
void wg_sweep_interrupt_jobs(wg_team *t);
void wg_sweep_free_jobs(wg_team *t);

/* Ends the thread of a job that has ended. */
void wg_sweep_end_job(wg_team *t, wg_job *j);

/* --- handout.c: points for other processes ------------------------------------------------------
 *
 * While a sweep runs each process is alone: points exchange nothing. Only every few milliseconds
 * the processes take a turn together. The others tell process 0 what their jobs do and what their
 * results are, and process 0 tells them what to run. */

/* Calls exchange nothing from here on, and their rows are in as many parts as those of `wagle`. */
void wg_sweep_alone(wagle_ctx *ctx);
/* They do again. */
void wg_sweep_together(wagle_ctx *ctx, int count, int parts);
/* Process 0 tells the others how it went before the first turn. */
WAGLE_CHECK wagle_status wg_sweep_agree(wagle_ctx *ctx, const wg_sweep *s, wagle_status mine);
/* A turn of process 0. */
WAGLE_CHECK wagle_status wg_sweep_turn(wagle_ctx *ctx, wg_team *t);
/* What the others do until the last turn; `jobs` is the same in all processes. */
WAGLE_CHECK wagle_status wg_sweep_help(wagle_ctx *ctx, wg_sweep *s, int jobs);

#endif
