/* handout.c - points of a sweep for the jobs of other processes. */
#include "sweep/jobs.h"

#include "base/memory.h"
#include "dist/dist.h"
#include <stdio.h>
#include <string.h>

/* To a job of another process. */
typedef struct order {
    int64_t point; /* to begin; -1: none */
    double lr, work;
    wg_trial trial;
    int32_t tries, leaves, last, outcome;
} order;

/* From it. */
typedef struct report {
    int64_t bytes; /* of the text that follows: its result as JSON, or why it has none */
    wg_trial trial;
    int32_t ended, status, interrupted;
    char doing[256];
} report;

/* The jobs of all processes but the first, process by process. */
typedef struct turn {
    order *order;   /* [jobs in all] */
    report *report; /* [jobs in all] */
    int64_t *slice; /* [processes + 1] where the jobs of each begin */
    int64_t *bytes; /* [processes + 1] the same of their texts */
    char *text;
} turn;

/* --- alone and together ------------------------------------------------------------------------
 */

void wg_sweep_alone(wagle_ctx *ctx)
{
    ctx->processes.count = 0;
    ctx->parts = ctx->parts_alone;
}

void wg_sweep_together(wagle_ctx *ctx, int count, int parts)
{
    ctx->processes.count = count;
    ctx->parts = parts;
}

wagle_status wg_sweep_agree(wagle_ctx *ctx, const wg_sweep *s, wagle_status mine)
{
    wagle_status first = mine, st;

    ctx->processes.count = s->processes;
    st = wg_broadcast(ctx, &first, sizeof first);
    ctx->processes.count = 0;
    if (s->rank == 0 && mine != WAGLE_OK)
        return mine;
    WG_TRY(st);
    return first == WAGLE_OK ? WAGLE_OK
                             : wg_fail(ctx, first, "sweep: process 0 could not begin it");
}

/* --- a turn ------------------------------------------------------------------------------------
 */

static void free_turn(turn *x)
{
    wg_free(x->order);
    wg_free(x->report);
    wg_free(x->slice);
    wg_free(x->bytes);
    wg_free(x->text);
}

static wagle_status new_turn(wagle_ctx *ctx, const wg_sweep *s, int each, turn *x)
{
    const int64_t jobs = (int64_t)(s->processes - 1) * each;

    *x = (turn){0};
    WG_TRY(WG_ALLOC(ctx, &x->order, jobs));
    WG_TRY(WG_ALLOC(ctx, &x->report, jobs));
    WG_TRY(WG_ALLOC(ctx, &x->slice, s->processes + 1));
    WG_TRY(WG_ALLOC(ctx, &x->bytes, s->processes + 1));
    for (int r = 1; r < s->processes; r++)
        x->slice[r + 1] = (int64_t)r * each;
    return WAGLE_OK;
}

/* Where the texts of processes begin; of this one's jobs alone, unless it is the first. */
static int64_t place_texts(const wg_sweep *s, turn *x)
{
    for (int r = 1; r < s->processes; r++) {
        x->bytes[r + 1] = x->bytes[r];
        for (int64_t k = x->slice[r]; k < x->slice[r + 1]; k++)
            x->bytes[r + 1] += x->report[k].bytes;
    }
    return x->bytes[s->processes];
}

static wagle_status exchange(wagle_ctx *ctx, const wg_sweep *s, turn *x)
{
    int64_t bytes;

    WG_TRY(wg_gather_slices(ctx, x->report, sizeof *x->report, x->slice));
    WG_TRY(wg_scatter_slices(ctx, x->order, sizeof *x->order, x->slice));
    bytes = place_texts(s, x);
    if (s->rank == 0)
        WG_TRY(WG_ALLOC(ctx, &x->text, bytes + 1));
    return wg_gather_slices(ctx, x->text, 1, x->bytes);
}

/* --- process 0 ---------------------------------------------------------------------------------
 */

static void write_order(wg_team *t, wg_job *j, order *o)
{
    *o = (order){.point = -1, .leaves = t->leaves, .last = t->last, .outcome = (int)t->outcome};
    if (j->point < 0 || j->sent || t->last)
        return;
    o->point = j->point;
    o->lr = j->run.point.lr;
    o->work = j->run.work;
    o->trial = j->run.trial;
    o->tries = j->run.tries;
    j->sent = true;
}

static wagle_status read_report(wagle_ctx *ctx, wg_job *j, const report *r, const char *text)
{
    if (r->interrupted)
        ctx->interrupted = 1;
    snprintf(j->doing, sizeof j->doing, "%.*s", (int)sizeof r->doing - 1, r->doing);
    if (!r->ended)
        return WAGLE_OK;
    j->ended = true;
    j->status = (wagle_status)r->status;
    j->run.trial = r->trial;
    if (j->status == WAGLE_OK)
        return wg_json_parse(ctx, "result", text, (size_t)r->bytes, &j->result);
    snprintf(j->ctx.message, sizeof j->ctx.message, "%.*s", (int)r->bytes, text);
    return WAGLE_OK;
}

wagle_status wg_sweep_turn(wagle_ctx *ctx, wg_team *t)
{
    const int64_t jobs = t->n - t->own;
    const char *text;
    turn x;
    wagle_status st = new_turn(ctx, t->s, t->each, &x);

    for (int64_t k = 0; st == WAGLE_OK && k < jobs; k++)
        write_order(t, &t->job[t->own + k], &x.order[k]);
    ctx->processes.count = t->s->processes;
    if (st == WAGLE_OK)
        st = exchange(ctx, t->s, &x);
    ctx->processes.count = 0;
    t->lost |= st != WAGLE_OK;
    text = x.text;
    for (int64_t k = 0; st == WAGLE_OK && k < jobs; k++) {
        st = read_report(ctx, &t->job[t->own + k], &x.report[k], text);
        text += x.report[k].bytes;
    }
    t->lost |= st != WAGLE_OK;
    free_turn(&x);
    return st;
}

/* --- the others --------------------------------------------------------------------------------
 */

/* The result of a job that has ended: its text is added to *text, and freed here. */
static wagle_status write_result(wagle_ctx *ctx, wg_team *t, wg_job *j, report *r, wg_text *text)
{
    char *result = NULL;
    const int64_t before = text->bytes;
    wagle_status st = WAGLE_OK;

    wg_sweep_end_job(t, j);
    r->ended = true;
    r->status = (int32_t)j->status;
    r->trial = j->run.trial;
    if (j->status == WAGLE_OK)
        st = wg_json_text(ctx, j->result, true, &result);
    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, text, "%s", result != NULL ? result : j->ctx.message);
    r->bytes = text->bytes - before;
    wg_free(result);
    json_decref(j->result);
    j->result = NULL;
    j->point = -1;
    return st;
}

static wagle_status write_report(wagle_ctx *ctx, wg_team *t, wg_job *j, report *r, wg_text *text)
{
    bool ended;

    *r = (report){.interrupted = ctx->interrupted != 0};
    pthread_mutex_lock(&t->lock);
    snprintf(r->doing, sizeof r->doing, "%s", j->doing);
    ended = j->point >= 0 && j->ended;
    pthread_mutex_unlock(&t->lock);
    return ended ? write_result(ctx, t, j, r, text) : WAGLE_OK;
}

/* A point that cannot begin has ended. */
static wagle_status obey(wagle_ctx *ctx, wg_team *t, wg_job *j, const order *o)
{
    if (o->point < 0)
        return WAGLE_OK;
    j->run = (wg_sweep_run){
        .point = t->s->point[o->point], .tries = o->tries != 0, .trial = o->trial, .work = o->work};
    j->run.point.lr = o->lr;
    WG_TRY(wg_sweep_name(ctx, t->s, &j->run.point));
    j->status = wg_sweep_start_job(ctx, t, j, o->point);
    if (j->status == WAGLE_OK)
        return WAGLE_OK;
    snprintf(j->ctx.message, sizeof j->ctx.message, "%s", ctx->message);
    j->point = o->point;
    j->ended = true;
    t->running++;
    return WAGLE_OK;
}

static wagle_status take_turn(wagle_ctx *ctx, wg_team *t, turn *x, order *last)
{
    const int64_t first = x->slice[t->s->rank];
    wg_text text = {0};
    wagle_status st = WAGLE_OK;

    for (int k = 0; st == WAGLE_OK && k < t->own; k++)
        st = write_report(ctx, t, &t->job[k], &x->report[first + k], &text);
    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, &text, "%s", ""); /* there is a text */
    x->text = text.text;
    ctx->processes.count = t->s->processes;
    if (st == WAGLE_OK)
        st = exchange(ctx, t->s, x);
    ctx->processes.count = 0;
    *last = x->order[first];
    if (st == WAGLE_OK && last->leaves)
        wg_sweep_interrupt_jobs(t);
    for (int k = 0; st == WAGLE_OK && k < t->own; k++)
        st = obey(ctx, t, &t->job[k], &x->order[first + k]);
    x->text = NULL;
    wg_text_free(&text);
    return st;
}

/* Of a sweep that another process has ended, or that it cannot reach. */
static void end_jobs(wg_team *t)
{
    wg_sweep_interrupt_jobs(t);
    for (int k = 0; k < t->own; k++) {
        if (t->job[k].has_thread)
            wg_sweep_end_job(t, &t->job[k]);
        json_decref(t->job[k].result);
    }
}

wagle_status wg_sweep_help(wagle_ctx *ctx, wg_sweep *s, int jobs)
{
    wg_team t = {
        .s = s,
        .own = jobs,
        .n = jobs,
        .each = jobs,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .ended = PTHREAD_COND_INITIALIZER,
        .making = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}};
    order last = {0};
    wagle_status st = WG_ALLOC(ctx, &t.job, jobs);

    for (int k = 0; st == WAGLE_OK && k < jobs; k++)
        wg_sweep_make_job(ctx, &t, k);
    while (st == WAGLE_OK && !last.last) {
        turn x;
        wg_sweep_wait(&t);
        st = new_turn(ctx, s, jobs, &x);
        if (st == WAGLE_OK)
            st = take_turn(ctx, &t, &x, &last);
        free_turn(&x);
    }
    if (t.job != NULL)
        end_jobs(&t);
    wg_sweep_free_jobs(&t);
    if (st == WAGLE_OK && last.outcome != WAGLE_OK)
        return wg_fail(ctx, (wagle_status)last.outcome, "sweep: process 0 has ended it");
    return st;
}
