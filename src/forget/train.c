/* train.c - one unlearning run, to the level of chance, that leaves other knowledge alone. */
#include "forget/forget.h"

#include <stdio.h>
#include <string.h>

enum { UPDATES_MOST = 240, CHECK_EVERY = 2 };
static const char self_texts[] = "self:256";

/* NPO fades out as answers become unlikely, which spares the rest, but may end above chance.
 * GradDiff goes on. */
static const char *const objectives[] = {"npo", "graddiff"};
enum { OBJECTIVES = 2 };

static wagle_status unlearn(wg_forget *f, const char *objective, const char *out, const char *undo,
                            const char *rule)
{
    const char *rows = wg_forget_path(f, "rows/forget.jsonl");
    const char *partial = wg_forget_path(f, "model.partial");
    wagle_train_options t;

    if (rows == NULL || partial == NULL)
        return WAGLE_E_RESOURCE;
    wagle_unlearn_defaults(&t);
    t.model = f->original;
    t.out = out;
    t.forget = wg_forget_data(f, rows, f->layout);
    if (f->o->retain != NULL)
        t.retain = wg_forget_data(f, f->o->retain, f->layout);
    t.protect.path = f->o->retain != NULL ? "retain" : self_texts;
    t.objective = objective;
    t.lr = f->o->lr;
    t.schedule = "constant";
    t.stop_when = rule;
    t.land = true;
    t.allow_unmet = true;
    t.steps = UPDATES_MOST;
    t.eval_every = CHECK_EVERY;
    t.seed = f->o->seed;
    t.out_patch = f->o->no_undo ? NULL : undo;
    t.resume = wg_exists(partial);
    return wagle_unlearn(f->ctx, &t, &f->run);
}

/* The command that does the same. */
static wagle_status note(wg_forget *f, const char *objective, const char *rule)
{
    char rate[32] = "auto", steps[16], every[16], seed[24];

    if (f->o->lr > 0)
        snprintf(rate, sizeof rate, "%.6g", f->o->lr);
    snprintf(steps, sizeof steps, "%d", UPDATES_MOST);
    snprintf(every, sizeof every, "%d", CHECK_EVERY);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)f->o->seed);
    return wg_forget_command(
        f, "unlearn",
        (const wg_flag[]){{"--model", f->original_name},
                          {"--forget", wg_forget_out(f, "rows/forget.jsonl")},
                          {"--retain", f->o->retain},
                          {"--prompt", f->layout != NULL ? f->layout->prompt : NULL},
                          {f->layout != NULL ? f->layout->flag : NULL, ""},
                          {"--protect", f->o->retain != NULL ? "retain" : self_texts},
                          {"--objective", objective},
                          {"--lr", rate},
                          {"--schedule", "constant"},
                          {"--stop-when", rule},
                          {"--land", ""},
                          {"--steps", steps},
                          {"--eval-every", every},
                          {"--seed", seed},
                          {"--out-patch", f->o->no_undo ? NULL : wg_forget_out(f, "undo.patch")},
                          {"--out", wg_forget_out(f, "model")},
                          {0}});
}

/* What the run in `out` came to, also where an earlier process made it. */
static wagle_status read_run(wg_forget *f, const char *out, const char *objective, bool *is,
                             bool *met)
{
    json_t *m = NULL;
    const char *name;

    WG_TRY(wg_json_read_object(f->ctx, out, "manifest.json", &m));
    name = json_string_value(json_object_get(m, "objective"));
    *is = name != NULL && strcmp(name, objective) == 0;
    *met = json_is_true(json_object_get(m, "stopped"));
    json_decref(m);
    return WAGLE_OK;
}

/* One objective. *done: its model stays. */
static wagle_status try_objective(wg_forget *f, const char *objective, bool last, const char *rule,
                                  bool *done)
{
    const char *out = wg_forget_path(f, "model"), *undo = wg_forget_path(f, "undo.patch");
    bool is = true, met = false;

    if (out == NULL || undo == NULL)
        return WAGLE_E_RESOURCE;
    if (wg_exists(out)) {
        WG_TRY(read_run(f, out, objective, &is, &met));
        if (is || met) { /* else it is of the next one */
            *done = met || last;
            return WAGLE_OK;
        }
    }
    WG_TRY(unlearn(f, objective, out, undo, rule));
    *done = f->run.stopped || last;
    if (*done)
        return WAGLE_OK;
    wg_forget_say(f, "%s does not come down to the level of chance; trying %s", objective,
                  objectives[OBJECTIVES - 1]);
    wg_remove_tree(out);
    wg_remove_tree(undo);
    return WAGLE_OK;
}

wagle_status wg_forget_train(wg_forget *f)
{
    const char *given = f->o->objective;
    char rule[64] = "chance";
    bool done = f->planning;
    int i = 0;

    if (f->chance.n > 0)
        snprintf(rule, sizeof rule, "forget.probability<%.6g", f->chance.mean);
    while (!done) {
        WG_TRY(try_objective(f, given != NULL ? given : objectives[i],
                             given != NULL || i == OBJECTIVES - 1, rule, &done));
        i += !done;
    }
    return note(f, given != NULL ? given : objectives[i], rule);
}
