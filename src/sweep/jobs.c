/* jobs.c - points of a sweep that run at the same time.
 *
 * A job runs one point after the other, each in a thread of its own, with the job's context: its
 * part of the threads and of the memory, and on a card its own stream. The thread of the call
 * chooses the points, takes their results and writes runs.json. Jobs share nothing that changes but
 * the files of scores and masks: of two jobs that need the same file, one makes it and the other
 * waits. */
#include "sweep/sweep.h"

#include "base/memory.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- files that are made once -------------------------------------------------------------------
 */

struct wg_making {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const char *path[2 * WG_SWEEP_JOBS]; /* a job makes a mask, and for it scores */
    int n;
};

static int find_path(const wg_making *m, const char *path)
{
    int i = 0;

    while (i < m->n && strcmp(m->path[i], path) != 0)
        i++;
    return i;
}

void wg_sweep_making(wg_sweep *s, const char *path)
{
    wg_making *m = s->making;

    pthread_mutex_lock(&m->lock);
    while (find_path(m, path) < m->n)
        pthread_cond_wait(&m->changed, &m->lock);
    m->path[m->n++] = path;
    pthread_mutex_unlock(&m->lock);
}

void wg_sweep_made(wg_sweep *s, const char *path)
{
    wg_making *m = s->making;

    pthread_mutex_lock(&m->lock);
    m->path[find_path(m, path)] = m->path[m->n - 1];
    m->n--;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

/* --- jobs --------------------------------------------------------------------------------------
 */

typedef struct team team;

enum { TELL_NANOSECONDS = 250000000 }; /* between two looks at what the jobs do */

typedef struct job {
    team *of;
    wagle_ctx ctx;
    wg_sweep sweep; /* a copy with a folder, an arena and reference losses of its own */
    int64_t point;  /* that runs; -1: none */
    wg_sweep_run run;
    json_t *result;
    wagle_status status;
    bool ended;      /* under the team's lock, as is */
    char doing[256]; /* its progress, as fields of that of the sweep */
    pthread_t thread;
} job;

struct team {
    wg_sweep *s;
    job *job; /* [n] */
    int n, running;
    bool *is_running, *is_done; /* [points] */
    int64_t first;              /* points before it are done */
    int64_t made, left;
    wg_making making;
    pthread_mutex_t lock;
    pthread_cond_t ended;
};

/* The job's own progress, in its thread. */
static void hear_progress(void *user, const char *stage, int64_t done, int64_t total,
                          const char *detail)
{
    job *j = user;
    const bool alone = j->of->n == 1 && detail != NULL;

    pthread_mutex_lock(&j->of->lock);
    snprintf(j->doing, sizeof j->doing, "%s %lld/%lld%s%s", stage, (long long)done,
             (long long)total, alone ? "  " : "", alone ? detail : "");
    pthread_mutex_unlock(&j->of->lock);
}

static void *run_job(void *user)
{
    job *j = user;

    j->status = wg_sweep_point(&j->ctx, &j->sweep, &j->run.point,
                               j->run.tries ? &j->run.trial : NULL, &j->result);
    pthread_mutex_lock(&j->of->lock);
    j->ended = true;
    pthread_cond_signal(&j->of->ended);
    pthread_mutex_unlock(&j->of->lock);
    return NULL;
}

/* Signals stay with the threads of the program. */
static int start_thread(job *j)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&j->thread, NULL, run_job, j);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

/* Models of point i lie in OUT/running/i, whatever the job: results name them. */
static wagle_status start_job(wagle_ctx *ctx, team *t, job *j, int64_t i)
{
    char name[64];
    const char *all;

    wg_arena_free(&j->sweep.arena);
    snprintf(name, sizeof name, "running/%lld", (long long)i);
    WG_TRY(wg_sweep_path(ctx, &j->sweep, "running", &all));
    WG_TRY(wg_sweep_path(ctx, &j->sweep, name, &j->sweep.work));
    WG_TRY(wg_make_folder(ctx, all));
    WG_TRY(wg_make_folder(ctx, j->sweep.work));
    wg_forget_failure(&j->ctx);
    j->ended = false;
    j->doing[0] = '\0';
    if (start_thread(j) != 0)
        return wg_fail(ctx, WAGLE_E_RESOURCE, "sweep: no thread for a point; use fewer @{jobs}");
    j->point = i;
    t->is_running[i] = true;
    t->running++;
    return WAGLE_OK;
}

/* --- which point is next ------------------------------------------------------------------------
 */

static bool is_ready(const team *t, int64_t i)
{
    for (int64_t k = t->first; k < i; k++)
        if (!t->is_done[k] && wg_sweep_waits(t->s, i, k))
            return false;
    return !t->is_running[i];
}

/* The first point that can run now; *out -1: there is none. */
static wagle_status choose(wagle_ctx *ctx, team *t, int64_t *out, wg_sweep_run *run)
{
    bool any = false;
    int64_t i = t->first;

    for (; i < t->s->n && !any; i++) {
        if (t->is_done[i] || !is_ready(t, i))
            continue;
        WG_TRY(wg_sweep_next(ctx, t->s, &t->s->point[i], run, &any));
        t->is_done[i] = !any;
    }
    *out = any ? i - 1 : -1;
    while (t->first < t->s->n && t->is_done[t->first])
        t->first++;
    return WAGLE_OK;
}

static wagle_status fill_jobs(wagle_ctx *ctx, team *t)
{
    for (int k = 0; k < t->n; k++) {
        int64_t i;
        if (t->job[k].point >= 0)
            continue;
        WG_TRY(choose(ctx, t, &i, &t->job[k].run));
        if (i >= 0)
            WG_TRY(start_job(ctx, t, &t->job[k], i));
    }
    return WAGLE_OK;
}

/* --- results -----------------------------------------------------------------------------------
 */

/* Names the points that run, and what they do. */
static void tell_progress(wagle_ctx *ctx, team *t)
{
    char detail[WG_MESSAGE_BYTES] = "";
    size_t n = 0;

    pthread_mutex_lock(&t->lock);
    for (int k = 0; k < t->n && n < sizeof detail - 400; k++)
        if (t->job[k].point >= 0)
            n += (size_t)snprintf(detail + n, sizeof detail - n, "%s%.120s%s%s", n > 0 ? "  " : "",
                                  t->job[k].run.point.key, t->n == 1 ? "  " : " ", t->job[k].doing);
    pthread_mutex_unlock(&t->lock);
    wg_progress(ctx, "sweep", t->made, t->left, detail);
}

/* Under the team's lock: a job that has ended, or NULL. */
static job *find_ended(const team *t)
{
    for (int k = 0; k < t->n; k++)
        if (t->job[k].point >= 0 && t->job[k].ended)
            return &t->job[k];
    return NULL;
}

/* Waits for a job, and ends its thread. Meanwhile tells what the jobs do. */
static job *wait_for_job(wagle_ctx *ctx, team *t)
{
    job *j;

    pthread_mutex_lock(&t->lock);
    while ((j = find_ended(t)) == NULL) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TELL_NANOSECONDS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&t->ended, &t->lock, &until);
        pthread_mutex_unlock(&t->lock);
        tell_progress(ctx, t);
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    pthread_join(j->thread, NULL);
    t->is_running[j->point] = false;
    t->running--;
    return j;
}

static wagle_status say_failure(wagle_ctx *ctx, const team *t, const job *j)
{
    if (t->n > 1 && j->status == WAGLE_E_RESOURCE)
        return wg_fail(ctx, j->status, "%s (%d points run at once; use fewer @{jobs})",
                       j->ctx.message, t->n);
    return wg_fail(ctx, j->status, "%s", j->ctx.message);
}

/* Takes the result of the job that ends next. */
static wagle_status take_result(wagle_ctx *ctx, team *t)
{
    job *j = wait_for_job(ctx, t);
    wg_point *p = &t->s->point[j->point];
    json_t *result = j->result, *failed = json_object_get(result, "failed");

    j->point = -1;
    j->result = NULL;
    if (j->status != WAGLE_OK)
        return say_failure(ctx, t, j);
    if (failed != NULL)
        wg_log(ctx, 0, "%s: %s", j->run.point.key, json_string_value(failed));
    WG_TRY(wg_sweep_took(ctx, t->s, p, &j->run, result));
    t->made += wg_sweep_is_done(t->s, p);
    return WAGLE_OK;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

/* What a kill has left, too. Takes no memory: there may be none. */
static void remove_models(const wg_sweep *s)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s/running", s->out) < (int)sizeof path && wg_exists(path))
        wg_remove_tree(path);
}

/* Job k: it has its part of the threads and of the memory. */
static void make_job(const wagle_ctx *ctx, team *t, int k)
{
    job *j = &t->job[k];
    const int threads = wg_threads(ctx), part = threads / t->n + (k < threads % t->n);

    j->of = t;
    j->point = -1;
    j->ctx.name = ctx->name;
    j->ctx.name_user = ctx->name_user;
    j->ctx.threads = part > 0 ? part : 1;
    j->ctx.memory = ctx->memory / t->n;
    j->ctx.card_memory = ctx->card_memory / t->n;
    j->ctx.device = ctx->device;
    j->ctx.precision = ctx->precision;
    j->ctx.cpu_units = ctx->cpu_units;
    j->ctx.parts = ctx->parts;
    j->ctx.merged = ctx->merged; /* ctx outlives the job */
    j->ctx.adapter = ctx->adapter;
    j->ctx.parent = ctx;
    j->ctx.nested = 1;
    j->ctx.progress = ctx->progress != NULL ? hear_progress : NULL;
    j->ctx.progress_user = j;
    j->sweep = *t->s;
    j->sweep.done = NULL; /* they belong to the thread of the call */
    j->sweep.point = NULL;
    j->sweep.arena = (wg_arena){0};
    j->sweep.making = &t->making;
}

/* Ends what runs; results that are there all the same are kept. */
static void stop_jobs(wagle_ctx *ctx, team *t)
{
    for (int k = 0; k < t->n; k++)
        t->job[k].ctx.interrupted = 1;
    while (t->running > 0)
        (void)!take_result(ctx, t);
    for (int k = 0; k < t->n; k++) {
        wg_arena_free(&t->job[k].sweep.arena);
        wg_reference_cache_free(&t->job[k].sweep.shared);
    }
    remove_models(t->s);
}

static wagle_status run_team(wagle_ctx *ctx, team *t)
{
    wagle_status st;

    for (int k = 0; k < t->n; k++)
        make_job(ctx, t, k);
    remove_models(t->s);
    for (;;) {
        st = fill_jobs(ctx, t);
        if (st != WAGLE_OK || t->running == 0)
            break;
        WG_TRY_GOTO(take_result(ctx, t), done);
    }
    if (st == WAGLE_OK)
        wg_progress(ctx, "sweep", t->made, t->left, NULL);
done:
    stop_jobs(ctx, t);
    return st;
}

wagle_status wg_sweep_run_jobs(wagle_ctx *ctx, wg_sweep *s, int jobs, int64_t left)
{
    team t = {.s = s,
              .n = left > 0 && left < jobs ? (int)left : jobs,
              .left = left,
              .lock = PTHREAD_MUTEX_INITIALIZER,
              .ended = PTHREAD_COND_INITIALIZER,
              .making = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}};
    wagle_status st = WG_ALLOC(ctx, &t.job, t.n);

    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &t.is_running, s->n);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &t.is_done, s->n);
    if (st == WAGLE_OK)
        st = run_team(ctx, &t);
    wg_free(t.job);
    wg_free(t.is_running);
    wg_free(t.is_done);
    return st;
}
