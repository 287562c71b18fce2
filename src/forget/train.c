/* train.c - one unlearning run, to the level of chance, that leaves other knowledge alone. */
#include "forget/forget.h"

#include <stdio.h>
#include <string.h>

enum { UPDATES_MOST = 240, CHECK_EVERY = 2 };
static const char self_texts[] = "self:128";
/* The run ends at this share of the level of chance: rounding, other layouts and a few updates
 * bring a little back. */
static const double END = 1.0 / 3;

/* NPO fades out as answers become unlikely, which spares the rest, but may end above chance.
 * GradDiff goes on. */
static const char *const objectives[] = {"npo", "graddiff"};
enum { OBJECTIVES = 2 };

/* Rows to keep: the caller's, or answers about people that do not exist; NULL: there are none. */
static const char *rows_to_keep(wg_forget *f)
{
    const char *invented = wg_forget_path(f, "rows/invented.jsonl");
    const bool any = invented != NULL && (f->planning || wg_file_bytes(invented) > 0);

    return f->o->retain != NULL ? f->o->retain
           : !any               ? NULL
           : f->planning        ? wg_forget_out(f, "rows/invented.jsonl")
                                : invented;
}

/* What is protected: the rows to keep, and texts of the model's own where the caller gave none. */
static void list_protected(wg_forget *f, const char *list[3])
{
    int n = 0;

    if (rows_to_keep(f) != NULL)
        list[n++] = "retain";
    if (f->o->retain == NULL)
        list[n++] = self_texts;
}

static wagle_status unlearn(wg_forget *f, const char *objective, const char *out, const char *undo,
                            const char *rule)
{
    const char *rows = wg_forget_path(f, "rows/forget.jsonl"), *keep = rows_to_keep(f);
    const char *partial = wg_forget_path(f, "model.partial"), *protect[3] = {0};
    wagle_train_options t;

    if (rows == NULL || partial == NULL)
        return WAGLE_E_RESOURCE;
    wagle_unlearn_defaults(&t);
    t.model = f->original;
    t.out = out;
    t.forget = wg_forget_data(f, rows, f->layout);
    if (f->o->retain != NULL)
        t.retain = wg_forget_data(f, keep, f->layout);
    else
        t.retain.path = keep; /* rows of tokens, which need no layout */
    list_protected(f, protect);
    t.protect.path = protect[0];
    t.protect.more = protect + 1;
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
    const char *protect[3] = {0}, *keep = rows_to_keep(f);
    char rate[32] = "auto", steps[16], every[16], seed[24];

    list_protected(f, protect);
    if (keep != NULL && f->o->retain == NULL)
        keep = wg_forget_out(f, "rows/invented.jsonl");

    if (f->o->lr > 0)
        snprintf(rate, sizeof rate, "%.6g", f->o->lr);
    snprintf(steps, sizeof steps, "%d", UPDATES_MOST);
    snprintf(every, sizeof every, "%d", CHECK_EVERY);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)f->o->seed);
    return wg_forget_command(
        f, "unlearn",
        (const wg_flag[]){{"--model", f->original_name},
                          {"--forget", wg_forget_out(f, "rows/forget.jsonl")},
                          {"--retain", keep},
                          {"--prompt", f->layout != NULL ? f->layout->prompt : NULL},
                          {f->layout != NULL ? f->layout->flag : NULL, ""},
                          {"--protect", protect[0]},
                          {"--protect", protect[1]},
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

/* Whether the model that a run by `objective` left is at or below the level of chance: where it
 * stopped by itself, and also where it only came close to the end it was given. *is: it is that
 * objective's; one that an earlier process made may be another's. */
static wagle_status judge(wg_forget *f, const char *out, const char *objective, bool *is,
                          bool *forgotten)
{
    const wagle_data rows = wg_forget_data(f, wg_forget_path(f, "rows/forget.jsonl"), f->layout);
    json_t *m = NULL;
    const char *name;
    wg_level now;

    WG_TRY(wg_json_read_object(f->ctx, out, "manifest.json", &m));
    name = json_string_value(json_object_get(m, "objective"));
    *is = name != NULL && strcmp(name, objective) == 0;
    *forgotten = json_is_true(json_object_get(m, "stopped"));
    json_decref(m);
    if (*forgotten || rows.path == NULL)
        return rows.path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    WG_TRY(wg_forget_level(f, out, &rows, &now));
    *forgotten = now.mean <= f->chance.mean;
    return WAGLE_OK;
}

/* Is there once the first objective has failed. */
static const char *mark(wg_forget *f)
{
    return wg_forget_path(f, "second.txt");
}

/* One objective. *done: its model stays. */
static wagle_status try_objective(wg_forget *f, const char *objective, bool last, const char *rule,
                                  bool *done)
{
    const char *out = wg_forget_path(f, "model"), *undo = wg_forget_path(f, "undo.patch");
    bool is = true, forgotten = false;

    if (out == NULL || undo == NULL)
        return WAGLE_E_RESOURCE;
    if (!wg_exists(out))
        WG_TRY(unlearn(f, objective, out, undo, rule));
    WG_TRY(judge(f, out, objective, &is, &forgotten));
    *done = forgotten || (is && last);
    if (*done || !is)
        return WAGLE_OK;
    wg_forget_say(f, "%s does not come down to the level of chance; trying %s", objective,
                  objectives[OBJECTIVES - 1]);
    WG_TRY(wg_write_file(f->ctx, mark(f), "", 0, true));
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

    if (mark(f) == NULL)
        return WAGLE_E_RESOURCE;
    if (!f->planning && wg_exists(mark(f)))
        i = OBJECTIVES - 1;
    if (f->chance.n > 0)
        snprintf(rule, sizeof rule, "forget.probability<%.6g", END * f->chance.mean);
    while (!done) {
        WG_TRY(try_objective(f, given != NULL ? given : objectives[i],
                             given != NULL || i == OBJECTIVES - 1, rule, &done));
        i += !done;
    }
    return note(f, given != NULL ? given : objectives[i], rule);
}
