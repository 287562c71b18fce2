/* jobs.c - points of a sweep that run at the same time.
 *
 * A job runs one point after the other, each in a thread of its own, with the job's context: its
 * part of the threads and of the memory, and on a card its own stream. The thread of the call
 * chooses the points, takes their results and writes runs.json. Jobs share nothing that changes but
 * the files of scores and masks: of two jobs that need the same file, one makes it and the other
 * waits. Where there are several processes, process 0 also hands points to the jobs of the others
 * (handout.c). */
#include "sweep/jobs.h"

#include "base/memory.h"
#include "base/thread.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- files that are made once -------------------------------------------------------------------
 */

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

/* Between two looks at what the jobs do; of several processes, between two turns. */
enum { TELL_NANOSECONDS = 250000000, TURN_NANOSECONDS = 50000000 };

/* The job's own progress, in its thread. */
static void hear_progress(void *user, const char *stage, int64_t done, int64_t total,
                          const char *detail)
{
    wg_job *j = user;
    const bool alone = j->of->n == 1 && j->sweep.processes == 1 && detail != NULL;

    pthread_mutex_lock(&j->of->lock);
    snprintf(j->doing, sizeof j->doing, "%s %lld/%lld%s%s", stage, (long long)done,
             (long long)total, alone ? "  " : "", alone ? detail : "");
    pthread_mutex_unlock(&j->of->lock);
}

static void *run_job(void *user)
{
    wg_job *j = user;

    j->status = wg_sweep_point(&j->ctx, &j->sweep, &j->run.point,
                               j->run.tries ? &j->run.trial : NULL, &j->result);
    pthread_mutex_lock(&j->of->lock);
    j->ended = true;
    pthread_cond_signal(&j->of->ended);
    pthread_mutex_unlock(&j->of->lock);
    return NULL;
}

/* Models of point i lie in OUT/running/i, whatever the job: results name them. */
wagle_status wg_sweep_start_job(wagle_ctx *ctx, wg_team *t, wg_job *j, int64_t i)
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
    if (!wg_thread_start(&j->thread, run_job, j))
        return wg_fail(ctx, WAGLE_E_RESOURCE, "sweep: no thread for a point; use fewer @{jobs}");
    j->has_thread = true;
    j->point = i;
    t->running++;
    return WAGLE_OK;
}

/* A job of another process gets its point in the next turn. */
static wagle_status begin_point(wagle_ctx *ctx, wg_team *t, int k, int64_t i)
{
    wg_job *j = &t->job[k];

    t->is_running[i] = true;
    if (k < t->own)
        return wg_sweep_start_job(ctx, t, j, i);
    j->point = i;
    j->ended = j->sent = false;
    j->doing[0] = '\0';
    t->running++;
    return WAGLE_OK;
}

/* --- which point is next ------------------------------------------------------------------------
 */

static bool is_ready(const wg_team *t, int64_t i)
{
    for (int64_t k = t->first; k < i; k++)
        if (!t->is_done[k] && wg_sweep_waits(t->s, i, k))
            return false;
    return !t->is_running[i];
}

/* The first point that can run now; *out -1: there is none. */
static wagle_status choose(wagle_ctx *ctx, wg_team *t, int64_t *out, wg_sweep_run *run)
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

/* Every process gets a point before any gets its second. */
static wagle_status fill_jobs(wagle_ctx *ctx, wg_team *t)
{
    for (int slot = 0; slot < t->each; slot++)
        for (int r = 0; r < t->s->processes; r++) {
            const int k = r == 0 ? slot : t->own + (r - 1) * t->each + slot;
            int64_t i;
            if ((r == 0 && slot >= t->own) || t->job[k].point >= 0)
                continue;
            WG_TRY(choose(ctx, t, &i, &t->job[k].run));
            if (i >= 0)
                WG_TRY(begin_point(ctx, t, k, i));
        }
    return WAGLE_OK;
}

/* --- results -----------------------------------------------------------------------------------
 */

/* Names the points that run, and what they do. */
static void tell_progress(wagle_ctx *ctx, wg_team *t)
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
static wg_job *find_ended(const wg_team *t)
{
    for (int k = 0; k < t->n; k++)
        if (t->job[k].point >= 0 && t->job[k].ended)
            return &t->job[k];
    return NULL;
}

void wg_sweep_wait(wg_team *t)
{
    struct timespec until;

    pthread_mutex_lock(&t->lock);
    if (find_ended(t) == NULL) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += t->s->processes > 1 ? TURN_NANOSECONDS : TELL_NANOSECONDS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&t->ended, &t->lock, &until);
    }
    pthread_mutex_unlock(&t->lock);
}

void wg_sweep_end_job(wg_team *t, wg_job *j)
{
    if (j->has_thread)
        pthread_join(j->thread, NULL);
    j->has_thread = false;
    t->running--;
}

/* Waits for a job, *out, and ends its thread. Meanwhile tells what the jobs do. */
static wagle_status wait_for_job(wagle_ctx *ctx, wg_team *t, wg_job **out)
{
    wg_job *j = NULL;

    while (j == NULL) {
        wg_sweep_wait(t);
        if (t->n > t->own)
            WG_TRY(wg_sweep_turn(ctx, t));
        if (!t->leaves && t->n > t->own) /* its own jobs would say so, if any runs */
            WG_TRY(wg_check_interrupt(ctx));
        tell_progress(ctx, t);
        pthread_mutex_lock(&t->lock);
        j = find_ended(t);
        pthread_mutex_unlock(&t->lock);
    }
    t->is_running[j->point] = false;
    wg_sweep_end_job(t, j);
    *out = j;
    return WAGLE_OK;
}

static wagle_status say_failure(wagle_ctx *ctx, const wg_team *t, const wg_job *j)
{
    if (t->own > 1 && j->status == WAGLE_E_RESOURCE)
        return wg_fail(ctx, j->status, "%s (%d points run at once; use fewer @{jobs})",
                       j->ctx.message, t->own);
    return wg_fail(ctx, j->status, "%s", j->ctx.message);
}

static void say_process(wagle_ctx *ctx, const wg_team *t, const wg_job *j)
{
    const long long k = j - t->job - t->own;

    if (k >= 0)
        wg_log(ctx, 2, "%s: was run by process %lld", j->run.point.key, k / t->each + 1);
}

/* Takes the result of the job that ends next. */
static wagle_status take_result(wagle_ctx *ctx, wg_team *t)
{
    wg_job *j;
    wg_point *p;
    json_t *result, *failed;

    WG_TRY(wait_for_job(ctx, t, &j));
    p = &t->s->point[j->point];
    result = j->result;
    failed = json_object_get(result, "failed");
    j->point = -1;
    j->result = NULL;
    if (j->status != WAGLE_OK)
        return say_failure(ctx, t, j);
    say_process(ctx, t, j);
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

void wg_sweep_make_job(const wagle_ctx *ctx, wg_team *t, int k)
{
    wg_job *j = &t->job[k];
    const int threads = wg_threads(ctx), part = threads / t->own + (k < threads % t->own);

    j->of = t;
    j->point = -1;
    if (k >= t->own) /* it runs in another process */
        return;
    j->ctx.name = ctx->name;
    j->ctx.name_user = ctx->name_user;
    j->ctx.threads = part > 0 ? part : 1;
    j->ctx.memory = ctx->memory / t->own;
    j->ctx.card_memory = ctx->card_memory / t->own;
    j->ctx.device = ctx->device;
    j->ctx.precision = ctx->precision;
    j->ctx.cpu_units = ctx->cpu_units;
    j->ctx.parts = ctx->parts;
    j->ctx.merged = ctx->merged; /* ctx outlives the wg_job */
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

void wg_sweep_interrupt_jobs(wg_team *t)
{
    t->leaves = true;
    for (int k = 0; k < t->own; k++)
        t->job[k].ctx.interrupted = 1;
}

void wg_sweep_free_jobs(wg_team *t)
{
    for (int k = 0; t->job != NULL && k < t->own; k++) {
        wg_arena_free(&t->job[k].sweep.arena);
        wg_reference_cache_free(&t->job[k].sweep.shared);
    }
    wg_free(t->job);
    wg_free(t->is_running);
    wg_free(t->is_done);
}

/* Jobs of processes that cannot be reached have no result. */
static void forget_others(wg_team *t)
{
    for (int k = t->own; k < t->n; k++)
        if (t->job[k].point >= 0) {
            json_decref(t->job[k].result);
            t->job[k].result = NULL;
            t->job[k].point = -1;
            t->running--;
        }
    pthread_mutex_lock(&t->lock);
    t->n = t->own;
    pthread_mutex_unlock(&t->lock);
}

/* Ends what runs; results that are there all the same are kept. */
static wagle_status stop_jobs(wagle_ctx *ctx, wg_team *t, wagle_status st)
{
    wg_sweep_interrupt_jobs(t);
    while (t->running > 0) {
        (void)!take_result(ctx, t);
        if (t->lost)
            forget_others(t);
    }
    t->last = true;
    t->outcome = st;
    if (t->n > t->own && !t->lost && st == WAGLE_OK)
        st = wg_sweep_turn(ctx, t);
    else if (t->n > t->own && !t->lost)
        (void)!wg_sweep_turn(ctx, t);
    remove_models(t->s);
    return st;
}

static wagle_status run_team(wagle_ctx *ctx, wg_team *t)
{
    wagle_status st;

    for (int k = 0; k < t->n; k++)
        wg_sweep_make_job(ctx, t, k);
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
    return stop_jobs(ctx, t, st);
}

wagle_status wg_sweep_run_jobs(wagle_ctx *ctx, wg_sweep *s, int jobs, int64_t left)
{
    const int own = left > 0 && left < jobs ? (int)left : jobs;
    wg_team t = {
        .s = s,
        .own = own,
        .each = jobs,
        .n = own + (s->processes - 1) * jobs,
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
    wg_sweep_free_jobs(&t);
    return st;
}
