/* sweep.c - runs a grid; what was run is not run again. */
#include "sweep/jobs.h"

#include "base/options.h"
#include "dist/dist.h"

#include <stdio.h>
#include <string.h>

/* --- runs --------------------------------------------------------------------------------------
 */

/* Adds the runs of a point that there are to `list`. */
static wagle_status list_runs(wagle_ctx *ctx, const wg_sweep *s, const wg_point *p, json_t *list)
{
    json_t *run = json_object_get(s->done, p->key);
    const char *key;

    if (s->updates == 0)
        return run != NULL ? wg_json_set(ctx, list, p->key, json_incref(run)) : WAGLE_OK;
    json_object_foreach (s->done, key, run)
        if (wg_sweep_is_try(run, p))
            WG_TRY(wg_json_set(ctx, list, key, json_incref(run)));
    return WAGLE_OK;
}

/* s->done in the order of the grid, then runs that are not of it. */
static wagle_status sort_runs(wagle_ctx *ctx, const wg_sweep *s, json_t *list)
{
    const char *key;
    json_t *run;

    for (int64_t i = 0; i < s->n; i++)
        WG_TRY(list_runs(ctx, s, &s->point[i], list));
    json_object_foreach (s->done, key, run)
        if (json_object_get(list, key) == NULL)
            WG_TRY(wg_json_set(ctx, list, key, json_incref(run)));
    return WAGLE_OK;
}

wagle_status wg_sweep_save(wagle_ctx *ctx, wg_sweep *s)
{
    const char *path;
    json_t *sorted = json_object();
    wagle_status st = sorted != NULL ? sort_runs(ctx, s, sorted) : wg_json_memory(ctx);

    if (st != WAGLE_OK) {
        json_decref(sorted);
        return st;
    }
    json_decref(s->done);
    s->done = sorted;
    WG_TRY(wg_sweep_path(ctx, s, "runs.json", &path));
    return wg_json_write(ctx, path, s->done, true);
}

bool wg_sweep_is_done(const wg_sweep *s, const wg_point *p)
{
    return json_object_get(s->done, p->key) != NULL;
}

wagle_status wg_sweep_next(wagle_ctx *ctx, wg_sweep *s, wg_point *p, wg_sweep_run *run, bool *any)
{
    bool skip;

    *any = false;
    *run = (wg_sweep_run){.point = *p};
    if (wg_sweep_is_done(s, p))
        return WAGLE_OK;
    WG_TRY(wg_sweep_is_left_out(ctx, s, p, &skip));
    *any = !skip;
    return s->updates > 0 ? wg_sweep_try(ctx, s, p, run, any) : WAGLE_OK;
}

/* *result as a sweep that goes on with runs.json reads it, where numbers have fewer digits. */
static wagle_status round_as_saved(wagle_ctx *ctx, json_t **result)
{
    json_t *saved = NULL;
    char *text;
    wagle_status st = wg_json_text(ctx, *result, true, &text);

    if (st == WAGLE_OK)
        st = wg_json_parse(ctx, "runs.json", text, strlen(text), &saved);
    wg_free(text);
    json_decref(*result);
    *result = saved;
    return st;
}

wagle_status wg_sweep_took(wagle_ctx *ctx, wg_sweep *s, wg_point *p, const wg_sweep_run *run,
                           json_t *result)
{
    WG_TRY(round_as_saved(ctx, &result));
    if (s->updates > 0)
        return wg_sweep_tried(ctx, s, p, run, result);
    WG_TRY(wg_json_set(ctx, s->done, p->key, result));
    return wg_sweep_save(ctx, s);
}

bool wg_sweep_waits(const wg_sweep *s, int64_t i, int64_t k)
{
    const wg_point *p = &s->point[i], *before = &s->point[k];

    if (s->updates > 0) /* a search starts at a rate that was found for the objective */
        return strcmp(p->objective, before->objective) == 0;
    return s->tune && p->seed != s->point[0].seed && before->seed == s->point[0].seed &&
           wg_sweep_same_method(p, before);
}

/* --- the command --------------------------------------------------------------------------------
 */

/* The folder of a path. */
static wagle_status folder_of(wagle_ctx *ctx, const char *path, char **out)
{
    const char *slash = strrchr(path, '/');

    *out = slash == NULL ? wg_copy_text(ctx, ".", 1)
                         : wg_copy_text(ctx, path, slash == path ? 1 : (size_t)(slash - path));
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* Empties the locked folder for a sweep that starts. */
static wagle_status start(wagle_ctx *ctx, wg_sweep *s)
{
    s->done = json_object();
    return s->done != NULL ? wg_empty_folder(ctx, s->out, NULL) : wg_json_memory(ctx);
}

/* What was run before, if it was of this spec. */
static wagle_status load_done(wagle_ctx *ctx, wg_sweep *s, bool force)
{
    const char *runs, *spec;
    json_t *before = NULL;
    bool goes_on;

    WG_TRY(wg_sweep_path(ctx, s, "runs.json", &runs));
    WG_TRY(wg_sweep_path(ctx, s, "spec.json", &spec));
    if (force || !wg_exists(spec)) {
        WG_TRY(start(ctx, s));
        return wg_json_write(ctx, spec, s->spec, true);
    }
    WG_TRY(wg_json_read(ctx, spec, &before));
    goes_on = wg_sweep_goes_on(before, s->spec);
    json_decref(before);
    if (!goes_on && wg_exists(runs))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: its sweep has another spec, which differs in more than the axes; add "
                       "@{force=true} to start again",
                       s->out);
    if (goes_on && wg_exists(runs))
        WG_TRY(wg_json_read(ctx, runs, &s->done));
    else
        WG_TRY(start(ctx, s));
    return wg_json_write(ctx, spec, s->spec, true);
}

/* Prints what there is; nothing runs and nothing is written. */
static wagle_status look(wagle_ctx *ctx, wg_sweep *s, char **table)
{
    const char *runs;
    int64_t planned, there;

    WG_TRY(wg_sweep_path(ctx, s, "runs.json", &runs));
    if (wg_exists(runs))
        WG_TRY(wg_json_read(ctx, runs, &s->done));
    WG_TRY(wg_sweep_adopt(ctx, s));
    WG_TRY(wg_sweep_count(ctx, s, &planned, &there));
    wg_log(ctx, 1, "%lld of %lld runs are done", (long long)there, (long long)planned);
    return wg_sweep_tell(ctx, s, table);
}

static wagle_status read_spec(wagle_ctx *ctx, const char *path, wg_sweep *s)
{
    WG_TRY(wg_json_read(ctx, path, &s->spec));
    s->updates = json_integer_value(json_object_get(s->spec, "updates"));
    WG_TRY(wg_sweep_check(ctx, s));
    WG_TRY(folder_of(ctx, path, &s->folder));
    s->tune = s->updates == 0 && json_is_true(json_object_get(s->spec, "tune"));
    WG_TRY(wg_sweep_grid(ctx, s));
    WG_TRY(wg_sweep_check_files(ctx, s));
    return wg_sweep_check_runs(ctx, s);
}

/* A sweep writes over no file that it reads. */
static wagle_status check_out(wagle_ctx *ctx, wg_sweep *s, const char *spec)
{
    static const char *const keys[] = {"model", "forget", "retain", "refusal", "reference"};
    const char *input[6] = {spec};

    for (int i = 0; i < 5; i++)
        WG_TRY(wg_sweep_file(ctx, s, json_string_value(json_object_get(s->spec, keys[i])),
                             &input[i + 1]));
    return wg_output_check(ctx, s->out, true, input, 6);
}

/* Whether the sweep may begin in its folder, or go on there. */
static wagle_status check_folder(wagle_ctx *ctx, wg_sweep *s, const wagle_sweep_options *o)
{
    const char *runs, *spec;

    WG_TRY(check_out(ctx, s, o->spec));
    WG_TRY(wg_sweep_path(ctx, s, "runs.json", &runs));
    WG_TRY(wg_sweep_path(ctx, s, "spec.json", &spec));
    if (wg_exists(s->out) && !wg_exists(spec) && !o->force)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: exists and is not a sweep; add @{force=true} to replace it", s->out);
    return o->force || !wg_exists(runs) ? wg_sweep_try_suites(ctx, s) : WAGLE_OK;
}

/* In the locked folder. The other processes learn whether process 0 can begin. */
static wagle_status run_locked(wagle_ctx *ctx, wg_sweep *s, const wagle_sweep_options *o,
                               char **table)
{
    int64_t planned = 0, there = 0;
    wagle_status st = load_done(ctx, s, o->force);

    if (st == WAGLE_OK)
        st = wg_sweep_adopt(ctx, s);
    if (st == WAGLE_OK)
        st = wg_sweep_count(ctx, s, &planned, &there);
    WG_TRY(wg_sweep_agree(ctx, s, st));
    WG_TRY(wg_sweep_run_jobs(ctx, s, (int)o->jobs, planned - there));
    return wg_sweep_report(ctx, s, table);
}

static wagle_status run(wagle_ctx *ctx, wg_sweep *s, const wagle_sweep_options *o, char **table)
{
    wagle_status st;
    int lock;

    if (s->rank > 0) {
        WG_TRY(wg_sweep_agree(ctx, s, WAGLE_OK));
        WG_TRY(wg_sweep_help(ctx, s, (int)o->jobs));
        *table = wg_copy_text(ctx, "", 0);
        return *table != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    }
    st = check_folder(ctx, s, o);
    if (st == WAGLE_OK)
        st = wg_lock_folder(ctx, s->out, &lock);
    if (st != WAGLE_OK)
        return wg_sweep_agree(ctx, s, st);
    st = run_locked(ctx, s, o, table);
    wg_unlock_folder(s->out, &lock);
    return st;
}

WG_DEFAULTS(wagle_sweep_defaults, wagle_sweep_options, .jobs = 1)

wagle_status wagle_sweep(wagle_ctx *ctx, const wagle_sweep_options *given, char **table)
{
    wagle_sweep_options own;
    const wagle_sweep_options *o = &own;
    wg_sweep s = {0};
    const int count = ctx->processes.count, parts = ctx->parts;
    wagle_status st;

    *table = NULL;
    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_sweep));
    s.out = o->out;
    s.rank = wg_rank(ctx);
    s.processes = wg_ranks(ctx);
    if (o->spec == NULL || o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "sweep needs SPEC.json and @{out DIR}");
    if (o->jobs < 1 || o->jobs > WG_SWEEP_JOBS)
        return wg_fail(ctx, WAGLE_E_USAGE, "sweep: @{jobs} %lld: expected 1 to %d",
                       (long long)o->jobs, WG_SWEEP_JOBS);
    wg_nest(ctx);
    wg_sweep_alone(ctx);
    st = read_spec(ctx, o->spec, &s);
    if (st == WAGLE_OK)
        st = ctx->dry_run ? look(ctx, &s, table) : run(ctx, &s, o, table);
    wg_sweep_together(ctx, count, parts);
    wg_unnest(ctx);
    json_decref(s.spec);
    json_decref(s.done);
    wg_free(s.point);
    wg_free(s.folder);
    wg_arena_free(&s.arena);
    return st;
}
