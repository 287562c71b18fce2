/* requests.c - wagle_unlearn_requests: options, the chain of runs, the folder that it leaves. */
#include "requests/requests.h"

#include "base/options.h"
#include "dist/dist.h"
#include "suite/settings.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- paths and options of a request -------------------------------------------------------------
 */

const char *wg_requests_path(wg_requests *r, const char *format, ...)
{
    char name[256];
    char *path;
    const char *kept;
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    path = wg_path_join(r->ctx, r->folder.path, name);
    kept = path != NULL ? wg_arena_text(r->ctx, &r->arena, path, strlen(path)) : NULL;
    wg_free(path);
    return kept;
}

const char *wg_requests_model(wg_requests *r, int k)
{
    return k == 0 ? r->t->model : wg_requests_path(r, "model-%d", k);
}

wagle_data wg_request_rows(const wg_requests *r, int i)
{
    wagle_data rows = r->t->forget;

    rows.path = r->file[i];
    rows.more = NULL;
    return rows;
}

const char *wg_request_name(const wg_requests *r, int i)
{
    return wg_path_name(r->file[i]);
}

wagle_train_options wg_request_options(const wg_requests *r, int k, const char *model,
                                       const char *out)
{
    wagle_train_options t = *r->t;

    t.model = model;
    t.out = out;
    t.forget = wg_request_rows(r, k - 1);
    t.out_patch = NULL;
    t.tensorboard = NULL;
    t.allow_unmet = true; /* the table says it, and in the end this call */
    return t;
}

/* --- checks ------------------------------------------------------------------------------------
 */

static wagle_status list_files(wg_requests *r)
{
    const wagle_data *d = &r->t->forget;
    int n = d->path != NULL;

    if (d->rows != NULL)
        return wg_fail(r->ctx, WAGLE_E_USAGE, "requests are files of rows, not rows in memory");
    for (const char *const *more = d->more; n > 0 && more != NULL && *more != NULL; more++)
        n++;
    if (n == 0)
        return wg_fail(r->ctx, WAGLE_E_USAGE, "@{requests}: name at least one file of rows");
    if (n > WG_REQUESTS_MOST)
        return wg_fail(r->ctx, WAGLE_E_USAGE, "@{requests}: at most %d", WG_REQUESTS_MOST);
    r->file = wg_arena_alloc(r->ctx, &r->arena, (size_t)n * sizeof *r->file);
    if (r->file == NULL)
        return WAGLE_E_RESOURCE;
    r->file[0] = d->path;
    for (r->n = 1; r->n < n; r->n++)
        r->file[r->n] = d->more[r->n - 1];
    return WAGLE_OK;
}

static wagle_status check_options(wg_requests *r)
{
    wagle_ctx *ctx = r->ctx;
    const wagle_train_options *t = r->t;

    if (t->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{out DIR} is missing");
    if (t->opened != NULL || t->made != NULL || t->mask_tensors != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "requests are unlearned in folders: give the model, the mask and `out` as "
                       "paths");
    if (t->out_adapter != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{out_adapter} cannot be used with @{requests}: each request trains "
                       "adapters of its own, which are merged into the model");
    if (wg_together(ctx))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{requests} run in one process; in several, start one unlearn after the "
                       "other, each from the model of the one before it");
    for (int i = 0; i < r->n; i++)
        if (*r->file[i] == '\0')
            return wg_fail(ctx, WAGLE_E_USAGE, "@{requests}: a name is empty");
    return WAGLE_OK;
}

/* --- one request -------------------------------------------------------------------------------
 */

/* Text in the place of what an interrupted run says of itself. */
static wagle_status explain(wg_requests *r, int k, wagle_status st)
{
    char detail[160];

    if (st == WAGLE_OK)
        return st;
    if (st == WAGLE_E_INTERRUPTED) {
        wg_forget_failure(r->ctx);
        return wg_fail(r->ctx, st,
                       r->t->force && !r->t->resume
                           ? "interrupted in request %d of %d; @{force=true} with "
                             "@{resume=true} goes on from there, without it starts again"
                           : "interrupted in request %d of %d; the same command goes on "
                             "from there",
                       k, r->n);
    }
    snprintf(detail, sizeof detail, "request %d of %d (%.100s)", k, r->n,
             wg_request_name(r, k - 1));
    return wg_note(r->ctx, st, detail);
}

static wagle_status unlearn(wg_requests *r, int k)
{
    const char *from = wg_requests_model(r, k - 1), *out = wg_requests_model(r, k);
    const char *partial = wg_requests_path(r, "model-%d.partial", k);
    wagle_train_options t;
    wg_text events = {0};
    wagle_status st = WAGLE_OK;

    if (from == NULL || out == NULL || partial == NULL)
        return WAGLE_E_RESOURCE;
    if (wg_exists(out)) /* it ended, but was not asked yet */
        return WAGLE_OK;
    t = wg_request_options(r, k, from, out);
    t.resume = wg_exists(partial);
    if (r->t->tensorboard != NULL) {
        WG_TRY(wg_make_folder(r->ctx, r->t->tensorboard));
        st = wg_text_printf(r->ctx, &events, "%s/request-%d", r->t->tensorboard, k);
        t.tensorboard = events.text;
    }
    wg_log(r->ctx, 1, "request %d of %d: %s", k, r->n, wg_request_name(r, k - 1));
    if (st == WAGLE_OK)
        st = wagle_unlearn(r->ctx, &t, NULL);
    wg_text_free(&events);
    return st;
}

/* What the run wrote beside its model stays when the model goes. */
static wagle_status keep_files(wg_requests *r, int k)
{
    static const char *const names[] = {"manifest.json", "log.jsonl",      "log.csv",
                                        "protect.jsonl", "controls.jsonl", "tries.json"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *from = wg_requests_path(r, "model-%d/%s", k, names[i]);
        const char *to = wg_requests_path(r, "requests/%d/%s", k, names[i]);
        if (from == NULL || to == NULL)
            return WAGLE_E_RESOURCE;
        if (wg_exists(from))
            WG_TRY(wg_copy_file(r->ctx, from, to));
    }
    return WAGLE_OK;
}

/* Models of requests that a later one has replaced. */
static wagle_status remove_models(wg_requests *r)
{
    for (int k = 1; k < wg_requests_done(r) - 1; k++) {
        const char *model = wg_requests_model(r, k);
        const char *partial = wg_requests_path(r, "model-%d.partial", k);
        if (model == NULL || partial == NULL)
            return WAGLE_E_RESOURCE;
        if (wg_exists(model))
            wg_remove_tree(model);
        if (wg_exists(partial))
            wg_remove_tree(partial);
    }
    return WAGLE_OK;
}

/* Requests that were not unlearned yet are others: what was begun of the next is not of it. Its
 * requests/K, by which its patch is known, goes last. */
static wagle_status take_change(wg_requests *r)
{
    const int next = wg_requests_done(r);
    const char *begun[] = {wg_requests_model(r, next),
                           wg_requests_path(r, "model-%d.partial", next),
                           wg_requests_path(r, "requests/%d", next)};
    const char *kept = wg_requests_path(r, "requests/%d/manifest.json", next);

    if (begun[0] == NULL || begun[1] == NULL || begun[2] == NULL || kept == NULL)
        return WAGLE_E_RESOURCE;
    if (wg_exists(kept)) /* the patch is written after it */
        WG_TRY(wg_requests_drop_patch(r, next));
    for (int i = 0; i < 3; i++)
        if (wg_exists(begun[i]))
            wg_remove_tree(begun[i]);
    WG_TRY(wg_requests_ask_again(r));
    return wg_requests_save(r);
}

static wagle_status make_folders(wg_requests *r, int k)
{
    const char *all = wg_requests_path(r, "requests"), *own = wg_requests_path(r, "requests/%d", k);

    if (all == NULL || own == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(wg_make_folder(r->ctx, all));
    return wg_make_folder(r->ctx, own);
}

/* Request k, or (0) what the model that was given knows. */
static wagle_status run_request(wg_requests *r, int k)
{
    WG_TRY(make_folders(r, k));
    if (k > 0)
        WG_TRY(unlearn(r, k));
    WG_TRY(wg_requests_ask(r, k));
    if (k > 0) {
        WG_TRY(keep_files(r, k));
        WG_TRY(wg_requests_patch(r, k));
    }
    WG_TRY(wg_requests_save(r));
    return remove_models(r);
}

/* --- the chain ----------------------------------------------------------------------------------
 */

/* What the caller must know of a result that is there. */
static wagle_status judge(wg_requests *r)
{
    const char *unchanged = json_string_value(json_object_get(r->state, "unchanged"));
    const json_t *row;
    size_t k;

    json_array_foreach (json_object_get(r->state, "table"), k, row)
        if (json_is_true(json_object_get(row, "unmet"))) {
            if (!r->t->allow_unmet)
                return wg_fail(r->ctx, WAGLE_E_UNMET,
                               "@{stop_when} was not reached in request %zu of %d (%.100s); the "
                               "model is in %.160s",
                               k, r->n, wg_request_name(r, (int)k - 1), r->t->out);
            wg_log(r->ctx, 0, "@{stop_when} was not reached in request %zu of %d", k, r->n);
        }
    return unchanged == NULL
               ? WAGLE_OK
               : wg_fail(r->ctx, WAGLE_E_RUN,
                         "@{out_patch} %.160s: not written, because no stored weight changed; the "
                         "model is in %.160s",
                         unchanged, r->t->out);
}

static wagle_status run_requests(wg_requests *r, bool *finished)
{
    WG_TRY(wg_requests_open(r, finished));
    if (*finished) {
        wg_log(r->ctx, 1, "%s has all %d requests", r->t->out, r->n);
        return wg_requests_finished_patch(r);
    }
    WG_TRY(wg_requests_take_back(r));
    WG_TRY(remove_models(r));
    if (r->changed)
        WG_TRY(take_change(r));
    for (int k = wg_requests_done(r); k <= r->n; k++) {
        const wg_stage stage = {
            .stage = "request", .done = k > 0 ? k - 1 : 0, .total = r->n, .outer = r->ctx->stage};
        r->ctx->stage = &stage;
        const wagle_status st = run_request(r, k);
        r->ctx->stage = stage.outer;
        WG_TRY(k > 0 ? explain(r, k, st) : st);
    }
    *finished = true;
    return wg_requests_finish(r);
}

/* Whether OUT.partial has what a later call goes on from: also that of another kind of run. */
static bool holds_work(wg_requests *r)
{
    static const char *const names[] = {WG_REQUESTS_FILE, "checkpoint.safetensors"};

    for (int i = 0; i < 2; i++) {
        const char *path = wg_requests_path(r, "%s", names[i]);
        if (path == NULL || wg_exists(path))
            return true;
    }
    return false;
}

static wagle_status run(wg_requests *r, char **json)
{
    bool finished = false;
    wagle_status st;

    WG_TRY(list_files(r));
    WG_TRY(check_options(r));
    if (r->ctx->dry_run)
        return wg_requests_plan(r);
    WG_TRY(wg_partial_begin(r->ctx, r->t->out, &r->folder));
    st = run_requests(r, &finished);
    if (st == WAGLE_OK && json != NULL)
        st = wg_json_text(r->ctx, r->state, true, json);
    wg_partial_end(&r->folder, st != WAGLE_OK && holds_work(r));
    return st == WAGLE_OK ? judge(r) : st;
}

/* --- the call ----------------------------------------------------------------------------------
 */

bool wg_requests_write(const wagle_requests_options *o)
{
    return o->metrics != NULL && strstr(o->metrics, "rouge") != NULL;
}

/* With ROUGE among the metrics, `max_tokens` may be for its texts alone, and not for the suites. */
static wagle_status share_tokens(wagle_ctx *ctx, const wagle_requests_options *o,
                                 wagle_suite_options *watch)
{
    wg_evaluation e = {.o = watch};

    if (!wg_requests_write(o) || watch->suites == NULL)
        return WAGLE_OK;
    WG_TRY(wg_evaluation_choose(ctx, &e));
    if (!wg_settings_reads(&e, "max_tokens"))
        watch->max_tokens = -1;
    return WAGLE_OK;
}

WG_DEFAULTS(wagle_requests_defaults, wagle_requests_options, .max_tokens = 128)

wagle_status wagle_unlearn_requests(wagle_ctx *ctx, const wagle_requests_options *given,
                                    char **json)
{
    wagle_requests_options own;
    wagle_train_options train;
    wagle_suite_options watch;
    wg_requests r = {.ctx = ctx, .o = &own, .t = &train, .folder = {.lock = -1}};
    wagle_status st;

    wg_begin(ctx);
    if (json != NULL)
        *json = NULL;
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_requests));
    WG_TRY(WG_TAKE(ctx, own.train, &train, wagle_unlearn));
    if (train.watch != NULL) {
        WG_TRY(WG_TAKE(ctx, train.watch, &watch, wagle_suite));
        train.watch = &watch;
        WG_TRY(share_tokens(ctx, &own, &watch));
    }
    wg_nest(ctx);
    st = run(&r, json);
    wg_unnest(ctx);
    json_decref(r.state);
    wg_arena_free(&r.arena);
    return st;
}
