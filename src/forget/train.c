/* train.c - one unlearning run that protects other knowledge. It stops when no answer is likelier
 * than the level of chance. Rows that are already below it are skipped. */
#include "forget/forget.h"

#include <stdio.h>
#include <string.h>

enum { MAX_UPDATES = 240, CHECK_EVERY = 2 };
static const char self_texts[] = "self:128";

/* The gradient of NPO vanishes as answers become unlikely. That preserves other knowledge, but NPO
 * may end above chance; then GradDiff is tried. */
static const char *const objectives[] = {"npo", "graddiff"};
enum { OBJECTIVES = 2 };

/* Rows to keep: the caller's, or answers about people that do not exist; NULL if there are none.
 * in_out: name the file in OUT rather than in OUT.partial. */
static const char *rows_to_keep(wg_forget *f, bool in_out)
{
    static const char file[] = "rows/invented.jsonl";
    const char *invented = wg_forget_path(f, "%s", file);

    if (f->o->retain != NULL)
        return f->o->retain;
    if (invented == NULL || (!f->planning && wg_file_bytes(invented) == 0))
        return NULL;
    return in_out ? wg_forget_out(f, file) : invented;
}

/* Lists what is protected: the rows to keep, and self-generated texts if the caller gave no rows.
 */
static void list_protected(wg_forget *f, const char *list[3])
{
    int n = 0;

    if (rows_to_keep(f, false) != NULL)
        list[n++] = "retain";
    if (f->o->retain == NULL)
        list[n++] = self_texts;
}

static wagle_status unlearn(wg_forget *f, const char *objective, const char *out, const char *undo,
                            const char *rule)
{
    const char *rows = wg_forget_path(f, "rows/forget.jsonl"), *keep = rows_to_keep(f, false);
    const char *partial = wg_forget_path(f, "model.partial"), *protect[3] = {0};
    wagle_train_options t;

    if (rows == NULL || partial == NULL)
        return WAGLE_E_RESOURCE;
    wagle_unlearn_defaults(&t);
    t.model = f->original;
    t.out = out;
    t.forget = wg_forget_data(f, rows, f->layout);
    if (f->o->retain != NULL) {
        t.retain = wg_forget_data(f, keep, f->layout);
        t.retain.facts_field = f->o->rows.facts_field;
    } else
        t.retain.path = keep; /* rows of token ids need no layout */
    list_protected(f, protect);
    t.protect.path = protect[0];
    t.protect.more = protect + 1;
    t.objective = objective;
    t.lr = f->o->lr;
    t.schedule = WAGLE_SCHEDULE_CONSTANT;
    t.stop_when = rule;
    t.land = true;
    t.allow_unmet = true;
    t.steps = MAX_UPDATES;
    t.eval_every = CHECK_EVERY;
    t.skip_forgotten = true;
    t.seed = f->o->seed;
    t.out_patch = f->o->no_undo ? NULL : undo;
    t.resume = wg_exists(partial);
    wagle_train_result_init(&f->run);
    return wagle_unlearn(f->ctx, &t, &f->run);
}

/* Records the equivalent command. */
static wagle_status record_command(wg_forget *f, const char *objective, const char *rule)
{
    const char *protect[3] = {0};
    char rate[32] = "auto", steps[16], every[16], seed[24];

    list_protected(f, protect);
    if (f->o->lr > 0)
        snprintf(rate, sizeof rate, "%.6g", f->o->lr);
    snprintf(steps, sizeof steps, "%d", MAX_UPDATES);
    snprintf(every, sizeof every, "%d", CHECK_EVERY);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)f->o->seed);
    return wg_forget_command(
        f, "unlearn", true,
        (const wg_flag[]){{"--model", f->original_name},
                          {"--forget", wg_forget_out(f, "rows/forget.jsonl")},
                          {"--retain", rows_to_keep(f, true)},
                          {"--protect", protect[0]},
                          {"--protect", protect[1]},
                          {"--objective", objective},
                          {"--lr", rate},
                          {"--schedule", "constant"},
                          {"--stop-when", rule},
                          {"--land", ""},
                          {"--steps", steps},
                          {"--eval-every", every},
                          {"--skip-forgotten", ""},
                          {"--seed", seed},
                          {"--out-patch", f->o->no_undo ? NULL : wg_forget_out(f, "undo.patch")},
                          {"--out", wg_forget_out(f, "model")},
                          {0}});
}

/* Whether the model in `out` is at or below the level of chance. It is if the run met its stopping
 * rule; otherwise the model is measured. */
static wagle_status check_forgotten(wg_forget *f, const char *out, bool *forgotten)
{
    const wagle_data rows = wg_forget_data(f, wg_forget_path(f, "rows/forget.jsonl"), f->layout);
    json_t *m = NULL;
    wg_level now;

    if (rows.path == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(wg_json_read_object(f->ctx, out, "manifest.json", &m));
    *forgotten = json_is_true(json_object_get(m, "stopped"));
    json_decref(m);
    if (*forgotten)
        return WAGLE_OK;
    WG_TRY(wg_forget_level(f, out, &rows, &now));
    *forgotten = now.mean <= f->chance.mean;
    return WAGLE_OK;
}

/* An empty folder that exists once the first objective has failed. */
static const char *failed_model(wg_forget *f)
{
    return wg_forget_path(f, "failed");
}

/* Trains with one objective. *done: its model is accepted. */
static wagle_status try_objective(wg_forget *f, const char *objective, bool last, const char *rule,
                                  bool *done)
{
    const char *out = wg_forget_path(f, "model"), *undo = wg_forget_path(f, "undo.patch");
    const char *failed = failed_model(f);

    if (out == NULL || undo == NULL || failed == NULL)
        return WAGLE_E_RESOURCE;
    if (!wg_exists(out))
        WG_TRY(unlearn(f, objective, out, undo, rule));
    if (last) {
        *done = true;
        return WAGLE_OK;
    }
    WG_TRY(check_forgotten(f, out, done));
    if (*done)
        return WAGLE_OK;
    wg_forget_log(f, "%s does not come down to the level of chance; trying %s", objective,
                  objectives[OBJECTIVES - 1]);
    wg_remove_tree(undo);
    WG_TRY(
        wg_replace_folder(f->ctx, out, failed)); /* atomic: a killed call leaves one of the two */
    return wg_empty_folder(f->ctx, failed, NULL);
}

wagle_status wg_forget_train(wg_forget *f)
{
    const char *given = f->o->objective;
    char rule[64] = "chance";
    bool done = f->planning;
    int i = 0;

    if (failed_model(f) == NULL)
        return WAGLE_E_RESOURCE;
    if (!f->planning && wg_exists(failed_model(f)))
        i = OBJECTIVES - 1;
    if (f->chance.n > 0)
        snprintf(rule, sizeof rule, "forget.highest<%.6g", f->chance.mean);
    while (!done) {
        WG_TRY(try_objective(f, given != NULL ? given : objectives[i],
                             given != NULL || i == OBJECTIVES - 1, rule, &done));
        i += !done;
    }
    return record_command(f, given != NULL ? given : objectives[i], rule);
}
