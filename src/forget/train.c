/* train.c - one unlearning run, to the level of chance, that leaves other knowledge alone. */
#include "forget/forget.h"

#include <stdio.h>

enum { UPDATES_MOST = 240, CHECK_EVERY = 2 };
static const char usual_objective[] = "npo", self_texts[] = "self:256";

static const char *objective_of(const wg_forget *f)
{
    return f->o->objective != NULL ? f->o->objective : usual_objective;
}

static wagle_status unlearn(wg_forget *f, const char *out, const char *undo, const char *rule)
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
    t.objective = objective_of(f);
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
static wagle_status note(wg_forget *f, const char *rule)
{
    char rate[32] = "auto", steps[16], seed[24];

    if (f->o->lr > 0)
        snprintf(rate, sizeof rate, "%.6g", f->o->lr);
    snprintf(steps, sizeof steps, "%d", UPDATES_MOST);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)f->o->seed);
    return wg_forget_command(
        f, "unlearn",
        (const wg_flag[]){{"--model", f->original_name},
                          {"--forget", wg_forget_out(f, "rows/forget.jsonl")},
                          {"--retain", f->o->retain},
                          {"--prompt", f->layout != NULL ? f->layout->prompt : NULL},
                          {f->layout != NULL ? f->layout->flag : NULL, ""},
                          {"--protect", f->o->retain != NULL ? "retain" : self_texts},
                          {"--objective", objective_of(f)},
                          {"--lr", rate},
                          {"--schedule", "constant"},
                          {"--stop-when", rule},
                          {"--land", ""},
                          {"--steps", steps},
                          {"--eval-every", "2"},
                          {"--seed", seed},
                          {"--out-patch", f->o->no_undo ? NULL : wg_forget_out(f, "undo.patch")},
                          {"--out", wg_forget_out(f, "model")},
                          {0}});
}

wagle_status wg_forget_train(wg_forget *f)
{
    const char *out = wg_forget_path(f, "model"), *undo = wg_forget_path(f, "undo.patch");
    char rule[64] = "chance";

    if (out == NULL || undo == NULL)
        return WAGLE_E_RESOURCE;
    if (f->chance.n > 0)
        snprintf(rule, sizeof rule, "forget.probability<%.6g", f->chance.mean);
    WG_TRY(note(f, rule));
    return f->planning || wg_exists(out) ? WAGLE_OK : unlearn(f, out, undo, rule);
}
