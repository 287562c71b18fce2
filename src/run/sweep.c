/* sweep.c - runs a grid; what was run is not run again. */
#include "run/sweep.h"

#include "run/session.h"
#include "run/train.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const axes[] = {"objectives", "selectors", "exclude",
                                   "densities",  "lr",        "seeds"};
enum { OBJECTIVES, SELECTORS, EXCLUDE, DENSITIES, RATES, SEEDS, AXES };

static wagle_status bad_spec(wagle_ctx *ctx, const char *key, const char *what)
{
    return wg_fail(ctx, WAGLE_E_INPUT, "sweep: '%s': %s", key, what);
}

/* --- the grid --------------------------------------------------------------------------------- */

static const json_t *axis(const wg_sweep *s, int i)
{
    return json_object_get(s->spec, axes[i]);
}

static size_t length(const wg_sweep *s, int i)
{
    const size_t n = json_array_size(axis(s, i));

    return n > 0 ? n : 1;
}

static wagle_status check_axis(wagle_ctx *ctx, const wg_sweep *s, int i)
{
    const json_t *list = axis(s, i), *value;
    const bool text = i == OBJECTIVES || i == SELECTORS;
    size_t k;

    if (list == NULL && (i == EXCLUDE || i == DENSITIES || i == SEEDS))
        return WAGLE_OK;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return bad_spec(ctx, axes[i], "a list is wanted");
    json_array_foreach (list, k, value)
        if (i == EXCLUDE ? !json_is_array(value)
            : text       ? !json_is_string(value)
                         : !json_is_number(value))
            return bad_spec(ctx, axes[i],
                            i == EXCLUDE ? "a list of lists of patterns is wanted"
                            : text       ? "a list of names is wanted"
                                         : "a list of numbers is wanted");
    return WAGLE_OK;
}

/* Patterns of one entry of `exclude`, joined by +. */
static wagle_status join(wagle_ctx *ctx, wg_sweep *s, const json_t *list, const char **out)
{
    wg_text t = {0};
    size_t k;
    json_t *value;
    wagle_status st = wg_text_addz(ctx, &t, "");

    json_array_foreach (list, k, value)
        if (st == WAGLE_OK)
            st = wg_text_printf(ctx, &t, "%s%s", k > 0 ? "+" : "", json_string_value(value));
    *out = st == WAGLE_OK ? wg_arena_text(ctx, &s->arena, t.text, (size_t)t.bytes) : NULL;
    wg_text_free(&t);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* Of a dense run nothing is left out and there is one density. */
static bool is_repeated(const wg_point *p, size_t exclude, size_t density)
{
    return strcmp(p->selector, "none") == 0 && (exclude > 0 || density > 0);
}

static wagle_status add_point(wagle_ctx *ctx, wg_sweep *s, const size_t at[AXES])
{
    wg_point *p = &s->point[s->n];
    const json_t *density = json_array_get(axis(s, DENSITIES), at[DENSITIES]);
    const json_t *seed = json_array_get(axis(s, SEEDS), at[SEEDS]);

    *p = (wg_point){
        .objective = json_string_value(json_array_get(axis(s, OBJECTIVES), at[OBJECTIVES])),
        .selector = json_string_value(json_array_get(axis(s, SELECTORS), at[SELECTORS])),
        .density = density != NULL ? json_number_value(density) : 0.1,
        .lr = json_number_value(json_array_get(axis(s, RATES), at[RATES])),
        .seed = seed != NULL ? (int64_t)json_number_value(seed) : 0};
    if (is_repeated(p, at[EXCLUDE], at[DENSITIES]))
        return WAGLE_OK;
    WG_TRY(join(ctx, s, json_array_get(axis(s, EXCLUDE), at[EXCLUDE]), &p->exclude));
    if (strcmp(p->selector, "none") == 0) {
        p->density = 1;
        p->exclude = "";
    }
    s->n++;
    return WAGLE_OK;
}

static wagle_status make_grid(wagle_ctx *ctx, wg_sweep *s)
{
    size_t all = 1, at[AXES];

    for (int i = 0; i < AXES; i++) {
        WG_TRY(check_axis(ctx, s, i));
        all *= length(s, i);
        if (all > 1000000)
            return bad_spec(ctx, axes[i], "more than a million runs");
    }
    WG_TRY(WG_ALLOC(ctx, &s->point, (int64_t)all));
    for (size_t k = 0; k < all; k++) {
        size_t rest = k;
        /* seeds go slowest: the whole grid with one seed, then with the next */
        static const int order[] = {RATES, DENSITIES, EXCLUDE, SELECTORS, OBJECTIVES, SEEDS};
        for (int i = 0; i < AXES; i++) {
            at[order[i]] = rest % length(s, order[i]);
            rest /= length(s, order[i]);
        }
        WG_TRY(add_point(ctx, s, at));
    }
    return WAGLE_OK;
}

wagle_status wg_point_key(wagle_ctx *ctx, const wg_point *p, wg_text *out)
{
    return wg_text_printf(ctx, out, "%s %s%s%s %.6g lr %.6g seed %lld", p->objective, p->selector,
                          *p->exclude != '\0' ? " without " : "", p->exclude, p->density, p->lr,
                          (long long)p->seed);
}

/* --- paths -------------------------------------------------------------------------------------
 */

/* folder/name, in the sweep's arena. */
static wagle_status joined(wagle_ctx *ctx, wg_sweep *s, const char *folder, const char *name,
                           const char **out)
{
    char *path = wg_path_join(ctx, folder, name);

    *out = path != NULL ? wg_arena_text(ctx, &s->arena, path, strlen(path)) : NULL;
    wg_free(path);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* A path of the spec, from the folder of the spec; NULL stays NULL. */
static wagle_status path_of(wagle_ctx *ctx, wg_sweep *s, const char *path, const char **out)
{
    *out = path;
    return path == NULL || *path == '/' ? WAGLE_OK : joined(ctx, s, s->folder, path, out);
}

static wagle_status spec_path(wagle_ctx *ctx, wg_sweep *s, const char *key, const char **out)
{
    return path_of(ctx, s, json_string_value(json_object_get(s->spec, key)), out);
}

static wagle_status inside(wagle_ctx *ctx, wg_sweep *s, const char *name, const char **out)
{
    return joined(ctx, s, s->out, name, out);
}

/* --- masks, shared ------------------------------------------------------------------------------
 */

/* Name of a file for a key: what is no letter, digit, dot or minus becomes _. */
static void tame(char *name)
{
    for (char *c = name; *c != '\0'; c++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", *c) == NULL)
            *c = '_';
}

static wagle_data rows_of(const wg_sweep *s, const char *path)
{
    return (wagle_data){.path = path,
                        .prompt = json_string_value(json_object_get(s->spec, "prompt")),
                        .chat = json_string_value(json_object_get(s->spec, "chat")),
                        .eos = json_is_true(json_object_get(s->spec, "eos"))};
}

/* Scores of the point's selector; random ones by its seed. */
static wagle_status scores_for(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char **out)
{
    wagle_attribute_options a;
    char selector[64], name[128];
    char *gamma;
    const char *forget, *retain;

    snprintf(selector, sizeof selector, "%s", p->selector);
    gamma = strchr(selector, '@');
    snprintf(name, sizeof name, "scores-%s-%lld", selector,
             (long long)(strcmp(selector, "random") == 0 ? p->seed : 0));
    tame(name);
    WG_TRY(inside(ctx, s, name, out));
    if (wg_exists(*out))
        return WAGLE_OK;
    wagle_attribute_defaults(&a);
    if (gamma != NULL) {
        *gamma++ = '\0';
        a.gamma_diag = strcmp(gamma, "diag") == 0;
        a.gamma = a.gamma_diag ? 0 : strtod(gamma, NULL);
    }
    WG_TRY(spec_path(ctx, s, "model", &a.model));
    WG_TRY(spec_path(ctx, s, "forget", &forget));
    WG_TRY(spec_path(ctx, s, "retain", &retain));
    a.selector = selector;
    a.forget = rows_of(s, forget);
    a.retain = rows_of(s, retain);
    a.out = *out;
    a.seed = (uint64_t)p->seed;
    return wagle_attribute(ctx, &a);
}

static wagle_status mask_for(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char **out)
{
    wagle_mask_options m;
    const char *exclude[16] = {NULL};
    char name[256], patterns[256];
    int n = 0;

    snprintf(name, sizeof name, "mask-%s-%.6g-%s-%lld", p->selector, p->density, p->exclude,
             (long long)(strncmp(p->selector, "random", 6) == 0 ? p->seed : 0));
    tame(name);
    WG_TRY(inside(ctx, s, name, out));
    if (wg_exists(*out))
        return WAGLE_OK;
    wagle_mask_defaults(&m);
    WG_TRY(scores_for(ctx, s, p, &m.scores));
    snprintf(patterns, sizeof patterns, "%s", p->exclude);
    for (char *at = strtok(patterns, "+"); at != NULL && n < 15; at = strtok(NULL, "+"))
        exclude[n++] = at;
    m.exclude = exclude;
    m.density = p->density;
    m.out = *out;
    return wagle_mask(ctx, &m);
}

/* --- one run ------------------------------------------------------------------------------------
 */

static double number(const wg_sweep *s, const char *key, double otherwise)
{
    const json_t *value = json_object_get(s->spec, key);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static wagle_status options_for(wagle_ctx *ctx, wg_sweep *s, const wg_point *p,
                                wagle_train_options *o)
{
    const char *forget, *retain,
        *optimizer = json_string_value(json_object_get(s->spec, "optimizer"));
    const char *schedule = json_string_value(json_object_get(s->spec, "schedule"));

    wagle_unlearn_defaults(o);
    WG_TRY(spec_path(ctx, s, "model", &o->model));
    WG_TRY(spec_path(ctx, s, "forget", &forget));
    WG_TRY(spec_path(ctx, s, "retain", &retain));
    WG_TRY(spec_path(ctx, s, "refusal", &o->refusal));
    WG_TRY(inside(ctx, s, "model", &o->out));
    o->forget = rows_of(s, forget);
    o->retain = rows_of(s, retain);
    o->objective = p->objective;
    o->lr = p->lr;
    o->seed = (uint64_t)p->seed;
    o->optimizer = optimizer != NULL ? optimizer : o->optimizer;
    o->schedule = schedule != NULL ? schedule : o->schedule;
    o->steps = (int64_t)number(s, "steps", 200);
    o->batch = (int64_t)number(s, "batch", (double)o->batch);
    o->warmup = (int64_t)number(s, "warmup", (double)o->warmup);
    o->alpha = number(s, "alpha", o->alpha);
    o->weight_decay = number(s, "weight_decay", o->weight_decay);
    o->eval_every = (int64_t)number(s, "eval_every", (double)o->eval_every);
    o->stop_when = json_string_value(json_object_get(s->spec, "stop_when"));
    o->force = true;
    return strcmp(p->selector, "none") == 0 ? WAGLE_OK : mask_for(ctx, s, p, &o->mask);
}

static bool is_in(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        if (json_is_string(json_array_get(names, i)) &&
            strcmp(json_string_value(json_array_get(names, i)), name) == 0)
            return true;
    return names == NULL;
}

/* Means over the rows of each set in spec.eval that `names` has (NULL: all), into `into`. */
static wagle_status evaluate(wagle_ctx *ctx, wg_sweep *s, const char *model, const json_t *names,
                             json_t *into)
{
    const char *name;
    json_t *value;
    wg_session session;
    wagle_status st = WAGLE_OK;

    WG_TRY(wg_session_open(ctx, model, &session));
    json_object_foreach (json_object_get(s->spec, "eval"), name, value) {
        const char *path = NULL;
        wg_dataset rows = {0};
        double probability = 0, nll = 0;
        if (!is_in(names, name))
            continue;
        if (st == WAGLE_OK)
            st = path_of(ctx, s, json_string_value(value), &path);
        if (st == WAGLE_OK) {
            const wagle_data data = rows_of(s, path);
            st = wg_dataset_load(ctx, &session.reader, &data, &rows);
        }
        if (st == WAGLE_OK)
            st = wg_mean_probability(ctx, &session, &rows, &probability, &nll);
        if (st == WAGLE_OK)
            st = wg_json_set(ctx, into, name,
                             json_pack("{s:f, s:f, s:I}", "probability", probability, "nll", nll,
                                       "n", (json_int_t)rows.n));
        wg_dataset_free(&rows);
    }
    wg_session_close(&session);
    return st;
}

/* Fine-tunes the run's model on spec.relearn.data and evaluates again, under "relearned". */
static wagle_status relearn(wagle_ctx *ctx, wg_sweep *s, const char *model, int64_t seed,
                            json_t *result)
{
    const json_t *how = json_object_get(s->spec, "relearn");
    const char *data;
    wagle_train_options o;
    json_t *into = json_object();
    wagle_status st;

    if (how == NULL || into == NULL) {
        json_decref(into);
        return WAGLE_OK;
    }
    wagle_finetune_defaults(&o);
    st = path_of(ctx, s, json_string_value(json_object_get(how, "data")), &data);
    if (st == WAGLE_OK)
        st = inside(ctx, s, "relearned", &o.out);
    if (st == WAGLE_OK) {
        o.model = model;
        o.retain = rows_of(s, data);
        o.steps = (int64_t)json_number_value(json_object_get(how, "steps"));
        o.lr = json_number_value(json_object_get(how, "lr"));
        o.batch = (int64_t)number(s, "batch", (double)o.batch);
        o.seed = (uint64_t)seed;
        o.force = true;
        st = wagle_finetune(ctx, &o, NULL);
    }
    if (st == WAGLE_OK)
        st = evaluate(ctx, s, o.out, json_object_get(how, "eval"), into);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, result, "relearned", json_incref(into));
    json_decref(into);
    return st;
}

static wagle_status run_point(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, json_t **out)
{
    wagle_train_options o;
    wagle_train_result r;
    json_t *sets = json_object();
    wagle_status st = options_for(ctx, s, p, &o);

    *out = NULL;
    if (st == WAGLE_OK)
        st = wagle_unlearn(ctx, &o, &r);
    if (st == WAGLE_OK)
        st = evaluate(ctx, s, o.out, NULL, sets);
    if (st == WAGLE_OK)
        *out = json_pack("{s:s, s:s, s:s, s:f, s:f, s:I, s:I, s:b, s:f, s:I, s:f, s:O}",
                         "objective", p->objective, "selector", p->selector, "exclude", p->exclude,
                         "density", p->density, "lr", p->lr, "seed", (json_int_t)p->seed, "steps",
                         (json_int_t)r.steps, "stopped", (int)r.stopped, "loss", r.loss, "selected",
                         (json_int_t)r.selected, "seconds", r.seconds, "eval", sets);
    if (st == WAGLE_OK && *out == NULL)
        st = wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = relearn(ctx, s, o.out, p->seed, *out);
    json_decref(sets);
    return st;
}

/* A loss that is not finite is a result too: that learning rate is too high. */
static wagle_status run_or_note(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, json_t **out)
{
    wagle_progress_fn *progress = ctx->progress;
    wagle_log_fn *log = ctx->log;
    wagle_status st;

    ctx->progress = NULL;
    ctx->log = NULL;
    st = run_point(ctx, s, p, out);
    ctx->progress = progress;
    ctx->log = log;
    if (st != WAGLE_E_RUN)
        return st;
    wg_log(ctx, 0, "%s", ctx->message);
    *out = json_pack("{s:s, s:s, s:s, s:f, s:f, s:I, s:s}", "objective", p->objective, "selector",
                     p->selector, "exclude", p->exclude, "density", p->density, "lr", p->lr, "seed",
                     (json_int_t)p->seed, "failed", ctx->message);
    wg_begin(ctx);
    return *out != NULL ? WAGLE_OK : wg_json_memory(ctx);
}

static wagle_status save(wagle_ctx *ctx, wg_sweep *s)
{
    const char *path;

    WG_TRY(inside(ctx, s, "runs.json", &path));
    return wg_json_write(ctx, path, s->done, true);
}

/* Whether the point was run; its key is left in `key`. */
static wagle_status is_done(wagle_ctx *ctx, const wg_sweep *s, const wg_point *p, wg_text *key,
                            bool *done)
{
    key->bytes = 0;
    WG_TRY(wg_point_key(ctx, p, key));
    *done = json_object_get(s->done, key->text) != NULL;
    return WAGLE_OK;
}

static wagle_status run_all(wagle_ctx *ctx, wg_sweep *s)
{
    int64_t left = 0, made = 0;
    wg_text key = {0};
    bool done = false;
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < s->n; i++, left += !done)
        st = is_done(ctx, s, &s->point[i], &key, &done);
    for (int64_t i = 0; st == WAGLE_OK && i < s->n; i++) {
        json_t *result = NULL;
        st = is_done(ctx, s, &s->point[i], &key, &done);
        if (st == WAGLE_OK && !done)
            st = wg_sweep_is_left_out(ctx, s, &s->point[i], &done);
        if (st != WAGLE_OK || done)
            continue;
        st = run_or_note(ctx, s, &s->point[i], &result);
        if (st == WAGLE_OK)
            st = wg_json_set(ctx, s->done, key.text, result);
        if (st == WAGLE_OK)
            st = save(ctx, s);
        if (st == WAGLE_OK)
            wg_progress(ctx, "sweep", ++made, left, key.text);
    }
    wg_text_free(&key);
    return st;
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

/* What was run before, if it was of this spec. */
static wagle_status load_done(wagle_ctx *ctx, wg_sweep *s, bool force)
{
    const char *runs, *spec;
    json_t *before = NULL;
    wagle_status st;

    WG_TRY(inside(ctx, s, "runs.json", &runs));
    WG_TRY(inside(ctx, s, "spec.json", &spec));
    if (force || !wg_exists(spec)) {
        if (wg_exists(s->out) && !force)
            return wg_fail(ctx, WAGLE_E_USAGE, "%s: exists and is no sweep; --force replaces it",
                           s->out);
        wg_remove_tree(s->out);
        WG_TRY(wg_make_folder(ctx, s->out));
        WG_TRY(wg_json_write(ctx, spec, s->spec, true));
    }
    WG_TRY(wg_json_read(ctx, spec, &before));
    st = json_equal(before, s->spec)
             ? WAGLE_OK
             : wg_fail(ctx, WAGLE_E_USAGE, "%s: a sweep of another spec; --force starts again",
                       s->out);
    json_decref(before);
    if (st == WAGLE_OK && wg_exists(runs))
        return wg_json_read(ctx, runs, &s->done);
    s->done = st == WAGLE_OK ? json_object() : NULL;
    return st != WAGLE_OK || s->done != NULL ? st : wg_json_memory(ctx);
}

static void tidy(wagle_ctx *ctx, wg_sweep *s)
{
    static const char *const names[] = {"model", "model.partial", "relearned", "relearned.partial"};

    for (int i = 0; i < 4; i++) {
        char *path = wg_path_join(ctx, s->out, names[i]);
        if (path != NULL && wg_exists(path))
            wg_remove_tree(path);
        wg_free(path);
    }
}

wagle_status wagle_sweep(wagle_ctx *ctx, const wagle_sweep_options *o, char **table)
{
    wg_sweep s = {.out = o->out};
    wagle_status st;

    *table = NULL;
    wg_begin(ctx);
    if (o->spec == NULL || o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "sweep wants a SPEC.json and --out");
    WG_TRY(wg_json_read(ctx, o->spec, &s.spec));
    st = json_is_object(s.spec) && json_is_object(json_object_get(s.spec, "eval"))
             ? WAGLE_OK
             : bad_spec(ctx, "eval", "an object of NAME: ROWS is wanted");
    if (st == WAGLE_OK)
        st = folder_of(ctx, o->spec, &s.folder);
    if (st == WAGLE_OK)
        st = make_grid(ctx, &s);
    s.tune = json_is_true(json_object_get(s.spec, "tune"));
    if (st == WAGLE_OK)
        st = load_done(ctx, &s, o->force);
    if (st == WAGLE_OK)
        st = run_all(ctx, &s);
    if (st == WAGLE_OK)
        st = wg_sweep_report(ctx, &s, table);
    if (s.done != NULL)
        tidy(ctx, &s);
    json_decref(s.spec);
    json_decref(s.done);
    wg_free(s.point);
    wg_free(s.folder);
    wg_arena_free(&s.arena);
    return st;
}
