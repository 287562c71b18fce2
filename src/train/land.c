/* land.c - scales the change of a run back to where the rule that ended it just holds.
 *
 *   w = w0 + share * (w1 - w0),  share in (0,1]
 *
 * w0 are the weights of the model's files, w1 those that were trained. The share is found by
 * bisection, on the weights as they would be written. Runs that stop at the same rule stop at
 * different distances beyond it; after this they are equally far, so that what they keep can be
 * compared. */
#include "train/run.h"

#include <math.h>
#include <stdio.h>

enum { MOST_CHECKS = 10 };

typedef struct landing {
    double share, value, forget_probability; /* the smallest share known at which the rule holds */
    json_t *metrics;                         /* there; NULL: not asked since the last update */
} landing;

/* Metrics of `share` of the change; the state stays scaled, not rounded. */
static wagle_status ask_at(wagle_ctx *ctx, wg_run *w, double share, bool all, json_t **out)
{
    wg_optimizer *a = w->trainer.optimizer;
    wagle_status st;

    *out = json_object();
    if (*out == NULL)
        return wg_json_memory(ctx);
    wg_optimizer_scale(a, share);
    wg_optimizer_round(a);
    st = wg_run_eval_metrics(ctx, w, all, *out);
    wg_optimizer_scale(a, share);
    return st;
}

/* Takes the share if the rule holds there. */
static wagle_status try_share(wagle_ctx *ctx, wg_run *w, double share, landing *l, bool *holds)
{
    json_t *metrics;
    double value = NAN;
    wagle_status st = ask_at(ctx, w, share, false, &metrics);

    *holds = false;
    if (st == WAGLE_OK)
        st = wg_run_rule_value(ctx, w, metrics, &value);
    if (st == WAGLE_OK && wg_stop_holds(&w->stop, value)) {
        *holds = true;
        json_decref(l->metrics);
        *l = (landing){share, value, w->result.forget_probability, json_incref(metrics)};
    }
    json_decref(metrics);
    return st;
}

/* What the log says of the model that is written has all that the run's other lines have. */
static wagle_status note_landing(wagle_ctx *ctx, wg_run *w, landing *l)
{
    const bool more = w->o->monitor || (w->watch != NULL && !wg_stop_by_suite(&w->stop));
    json_t *line = NULL;
    wagle_status st = WAGLE_OK;

    if (more || l->metrics == NULL) {
        json_decref(l->metrics);
        st = ask_at(ctx, w, l->share, true, &l->metrics);
        l->forget_probability = w->result.forget_probability;
    }
    if (st == WAGLE_OK)
        line = json_pack("{s:f}", "land", l->share);
    if (st == WAGLE_OK && (line == NULL || json_object_update(line, l->metrics) != 0))
        st = wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_run_log_metrics(ctx, w, line);
    json_decref(line);
    return st;
}

wagle_status wg_run_land(wagle_ctx *ctx, wg_run *w)
{
    landing l = {1, w->asked, w->result.forget_probability, NULL};
    double below = 0;
    wagle_status st = WAGLE_OK;

    if (!w->o->land || !w->result.stopped)
        return WAGLE_OK;
    wg_optimizer_keep(w->trainer.optimizer);
    for (int i = 0; st == WAGLE_OK && i < MOST_CHECKS; i++) {
        const double share = (below + l.share) / 2;
        char detail[64];
        bool holds;
        snprintf(detail, sizeof detail, "%.4g of the change", share);
        wg_progress(ctx, "scaling back", i, MOST_CHECKS, detail);
        st = try_share(ctx, w, share, &l, &holds);
        below = holds ? below : share;
    }
    if (st == WAGLE_OK)
        st = note_landing(ctx, w, &l);
    if (st == WAGLE_OK) {
        w->result.land = l.share;
        w->asked = l.value;
        w->result.forget_probability = l.forget_probability;
    }
    wg_optimizer_scale(w->trainer.optimizer, w->result.land);
    json_decref(l.metrics);
    return st;
}

void wg_run_unland(wg_run *w)
{
    if (w->result.land < 1)
        wg_optimizer_scale(w->trainer.optimizer, 1);
    w->result.land = 1;
}
