/* search.c - the learning rate at which the run of a method takes a given number of updates, by the
 * secant search of train/secant.c. A try ends as soon as it cannot take the wanted number of
 * updates any more; how long it would have taken is then estimated. */
#include "sweep/sweep.h"

#include "train/run.h"
#include "train/secant.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES_MOST = 8 };

/* --- what a try tells ---------------------------------------------------------------------------
 */

typedef struct searching {
    wagle_train_options o; /* of the method */
    wg_stop_rule rule;
    int64_t warmup;
    wg_trial trial;
} searching;

static void bounds(const wg_sweep *s, const wagle_train_options *o, wg_trial *t)
{
    *t = (wg_trial){.least = (9 * s->updates + 9) / 10,
                    .most = 11 * s->updates / 10 / o->eval_every * o->eval_every};
}

static double work_of(const searching *h, int64_t updates)
{
    double sum = 0;

    for (int64_t i = 0; i < updates; i++)
        sum += wg_schedule(h->o.schedule, 1, i, h->warmup, h->o.steps);
    return sum;
}

/* The work that a try which was too slow would have taken, by how far its metric came in its second
 * half. */
static double expected(const searching *h, double wanted)
{
    const wg_trial *t = &h->trial;
    const wg_pace pace = {.work = {work_of(h, t->step[0]), work_of(h, t->step[1])},
                          .value = {t->value[0], t->value[1]},
                          .bound = h->rule.bound};
    const double spent = work_of(h, h->trial.most);

    if (t->step[0] == 0 || t->step[1] <= t->step[0])
        return WG_SLOWER_BY;
    return fmax(wg_search_expect(&pace, spent, wanted, WG_SLOWER_BY), 1.02);
}

/* --- tries in runs.json -------------------------------------------------------------------------
 */

static bool same_text(const json_t *run, const char *key, const char *text)
{
    const char *own = json_string_value(json_object_get(run, key));

    return own != NULL && strcmp(own, text) == 0;
}

bool wg_sweep_is_try(const json_t *run, const wg_point *p)
{
    const bool protects = json_object_get(run, "protect") != NULL;
    const bool adapts = json_object_get(run, "adapter") != NULL;

    return json_object_get(run, "accepted") != NULL && same_text(run, "objective", p->objective) &&
           same_text(run, "selector", p->selector) && same_text(run, "exclude", p->exclude) &&
           (protects ? same_text(run, "protect", p->protect) : !wg_sweep_protects(p)) &&
           (adapts ? same_text(run, "adapter", p->adapter) : !wg_sweep_adapts(p)) &&
           json_number_value(json_object_get(run, "density")) == p->density &&
           json_integer_value(json_object_get(run, "seed")) == p->seed;
}

static wg_tried tried(const json_t *run)
{
    return (wg_tried){.rate = json_number_value(json_object_get(run, "lr")),
                      .work = json_number_value(json_object_get(run, "relative_work")),
                      .stopped = json_is_true(json_object_get(run, "stopped")),
                      .failed = json_object_get(run, "failed") != NULL};
}

static int tries_of(const wg_sweep *s, const wg_point *p, wg_tried list[TRIES_MOST])
{
    const char *key;
    json_t *run;
    int n = 0;

    json_object_foreach (s->done, key, run)
        if (n < TRIES_MOST && wg_sweep_is_try(run, p))
            list[n++] = tried(run);
    return n;
}

/* The point as one of the rate. */
static wagle_status at_rate(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, double rate,
                            wg_point *out)
{
    *out = *p;
    out->lr = rate;
    return wg_sweep_name(ctx, s, out);
}

wagle_status wg_sweep_adopt(wagle_ctx *ctx, wg_sweep *s)
{
    const char *key;
    json_t *run;

    for (int64_t i = 0; s->updates > 0 && i < s->n; i++)
        json_object_foreach (s->done, key, run)
            if (json_is_true(json_object_get(run, "accepted")) &&
                wg_sweep_is_try(run, &s->point[i]))
                WG_TRY(at_rate(ctx, s, &s->point[i], tried(run).rate, &s->point[i]));
    return WAGLE_OK;
}

/* --- the search ---------------------------------------------------------------------------------
 */

/* How much a point's rate tells of another's. */
static int kinship(const wg_point *a, const wg_point *b)
{
    if (strcmp(a->objective, b->objective) != 0)
        return 0;
    if (strcmp(a->protect, b->protect) != 0 || strcmp(a->adapter, b->adapter) != 0)
        return 1;
    return strcmp(a->selector, b->selector) == 0 && strcmp(a->exclude, b->exclude) == 0 &&
                   a->density == b->density
               ? 3
               : 2;
}

/* Of the same method with the first seed, else the last that was found for its objective, protected
 * alike if there is one. */
static double start_of(const wg_sweep *s, const wg_point *p)
{
    double rate = p->start;
    int best = 0;

    for (int64_t i = 0; i < s->n; i++) {
        const wg_point *other = &s->point[i];
        const int kin = other->lr > 0 ? kinship(other, p) : 0;
        if (kin == 0 || kin < best || (kin == 3 && best == 3) ||
            json_object_get(json_object_get(s->done, other->key), "failed") != NULL)
            continue;
        best = kin;
        rate = other->lr;
    }
    return rate;
}

/* Three digits are enough, and read well. */
static double rounded(double rate)
{
    char text[32];

    snprintf(text, sizeof text, "%.3g", rate);
    return strtod(text, NULL);
}

static wagle_status keep(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, json_t *run, bool accepted)
{
    WG_TRY(wg_json_set(ctx, s->done, p->key, run));
    WG_TRY(wg_json_set(ctx, run, "accepted", json_boolean(accepted)));
    return wg_sweep_save(ctx, s);
}

static wagle_status begin(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, searching *h)
{
    wagle_param params[WG_OBJECTIVE_OPTIONS];

    *h = (searching){0};
    WG_TRY(wg_sweep_options(ctx, s, p, &h->o, params));
    WG_TRY(wg_stop_parse(ctx, h->o.stop_when, true, NULL, &h->rule));
    h->warmup =
        h->o.warmup >= 0 ? h->o.warmup : (int64_t)ceil(h->o.warmup_ratio * (double)h->o.steps);
    return WAGLE_OK;
}

/* No try took the wanted number of updates: the nearest that reached the rule runs as a whole, else
 * the nearest at all. If all failed, the point has failed: *any is false. */
static wagle_status take_nearest(wagle_ctx *ctx, wg_sweep *s, wg_point *p, const wg_tried *list,
                                 int n, wg_sweep_run *run, bool *any)
{
    const wg_tried *best = wg_search_nearest(list, n, true, NULL);

    if (best == NULL)
        best = wg_search_nearest(list, n, false, NULL);
    *any = best != NULL;
    *run = (wg_sweep_run){.work = best != NULL ? best->work : 0};
    WG_TRY(at_rate(ctx, s, p, best != NULL ? best->rate : list[0].rate, &run->point));
    if (best != NULL)
        return WAGLE_OK;
    *p = run->point;
    return keep(ctx, s, p, json_incref(json_object_get(s->done, p->key)), true);
}

wagle_status wg_sweep_try(wagle_ctx *ctx, wg_sweep *s, wg_point *p, wg_sweep_run *run, bool *any)
{
    wg_tried list[TRIES_MOST] = {0};
    searching h;
    const int n = tries_of(s, p, list);

    *any = true;
    *run = (wg_sweep_run){.tries = n < TRIES_MOST};
    WG_TRY(begin(ctx, s, p, &h));
    bounds(s, &h.o, &run->trial);
    if (run->tries) {
        WG_TRY(at_rate(ctx, s, p, rounded(wg_search_next(list, n, start_of(s, p))), &run->point));
        run->tries = !wg_sweep_is_done(s, &run->point); /* three digits do not come nearer */
    }
    return run->tries ? WAGLE_OK : take_nearest(ctx, s, p, list, n, run, any);
}

/* The work of a try, as a multiple of the wanted one. */
static wagle_status relative_work(wagle_ctx *ctx, wg_sweep *s, const wg_sweep_run *run,
                                  const json_t *result, double *out)
{
    const bool stopped = json_is_true(json_object_get(result, "stopped"));
    searching h;

    WG_TRY(begin(ctx, s, &run->point, &h));
    h.trial = run->trial;
    const double wanted = work_of(&h, s->updates);
    *out = stopped ? work_of(&h, json_integer_value(json_object_get(result, "steps"))) / wanted
                   : expected(&h, wanted);
    return WAGLE_OK;
}

wagle_status wg_sweep_tried(wagle_ctx *ctx, wg_sweep *s, wg_point *p, const wg_sweep_run *run,
                            json_t *result)
{
    const bool failed = json_object_get(result, "failed") != NULL;
    const int64_t steps = json_integer_value(json_object_get(result, "steps"));
    const bool accepted = !run->tries || (json_is_true(json_object_get(result, "stopped")) &&
                                          steps >= run->trial.least);
    double work = run->work;
    wagle_status st = WAGLE_OK;

    if (run->tries && !failed)
        st = relative_work(ctx, s, run, result, &work);
    if (st == WAGLE_OK && !(run->tries && failed))
        st = wg_json_set(ctx, result, "relative_work", json_real(work));
    if (st != WAGLE_OK) {
        json_decref(result);
        return st;
    }
    if (accepted)
        *p = run->point;
    WG_TRY(keep(ctx, s, &run->point, result, accepted));
    wg_log(ctx, 2, "%s: %.3g times the work that is wanted", run->point.key, work);
    return WAGLE_OK;
}

/* --- before the first run -----------------------------------------------------------------------
 */

wagle_status wg_sweep_check_search(wagle_ctx *ctx, const wg_sweep *s, const wagle_train_options *o)
{
    wg_trial t;

    if (s->updates == 0)
        return WAGLE_OK;
    if (o->stop_when == NULL)
        return wg_sweep_refuse(ctx, "updates", "needs 'stop_when', which ends a run");
    if (o->eval_every < 1) /* refused by name elsewhere */
        return WAGLE_OK;
    bounds(s, o, &t);
    if (t.most < t.least)
        return wg_sweep_refuse(ctx, "eval_every",
                               "no evaluation falls within 10 % of 'updates'; use a divisor of it");
    return o->steps >= t.most
               ? WAGLE_OK
               : wg_sweep_refuse(ctx, "steps",
                                 "must be at least 1.1 times 'updates' (default: 3 times)");
}
