/* point.c - one run of a sweep: mask, unlearning, evaluation, relearning. */
#include "sweep/sweep.h"

#include "base/choose.h"
#include "mask/topk.h"
#include "modeldir/fake_quant.h"
#include "protect/factors.h"
#include "suite/results.h"
#include "suite/watch.h"
#include "train/members.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_NAME = 160 }; /* of the 255 bytes of a file's name; hash and endings follow */

/* --- paths -------------------------------------------------------------------------------------
 */

static wagle_status joined(wagle_ctx *ctx, wg_sweep *s, const char *folder, const char *name,
                           const char **out)
{
    char *path = wg_path_join(ctx, folder, name);

    *out = path != NULL ? wg_arena_text(ctx, &s->arena, path, strlen(path)) : NULL;
    wg_free(path);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

wagle_status wg_sweep_path(wagle_ctx *ctx, wg_sweep *s, const char *name, const char **out)
{
    return joined(ctx, s, s->out, name, out);
}

wagle_status wg_sweep_file(wagle_ctx *ctx, wg_sweep *s, const char *path, const char **out)
{
    *out = path;
    return path == NULL || *path == '/' ? WAGLE_OK : joined(ctx, s, s->folder, path, out);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* A folder of the run's own. */
static wagle_status work_path(wagle_ctx *ctx, wg_sweep *s, const char *name, const char **out)
{
    return joined(ctx, s, s->work != NULL ? s->work : s->out, name, out);
}

static wagle_status spec_path(wagle_ctx *ctx, wg_sweep *s, const char *key, const char **out)
{
    return wg_sweep_file(ctx, s, text_of(s->spec, key), out);
}

/* folder/name+ending, where what is no letter, digit, dot or minus becomes _, and the rest of a
 * long name is left out. names: it has paths or patterns, and several may become the same so: a
 * hash of it, which a long name has too, keeps them apart. */
static wagle_status tamed(wagle_ctx *ctx, wg_sweep *s, const char *folder, const char *name,
                          bool names, const char *ending, const char **out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    const uint64_t hash = wg_hash_bytes(name, strlen(name));
    char file[256];
    int n = 0;

    for (; name[n] != '\0' && n < LONGEST_NAME; n++)
        file[n] = (char)(strchr(plain, name[n]) != NULL ? name[n] : '_');
    if (names || name[n] != '\0')
        n += snprintf(file + n, sizeof file - (size_t)n, "-%016llx", (unsigned long long)hash);
    snprintf(file + n, sizeof file - (size_t)n, "%s", ending);
    return joined(ctx, s, folder, file, out);
}

/* The selector without its scope, which scores do not depend on. */
static int score_name(const wg_point *p)
{
    return (int)strcspn(p->selector, "/");
}

static bool scores_are(const wg_point *p, const char *name)
{
    return score_name(p) == (int)strlen(name) && strncmp(p->selector, name, strlen(name)) == 0;
}

/* The rows that the point's scores follow from beside forget and retain rows: "" or as `protect`
 * has them. */
static const char *rows_of_scores(const wg_point *p)
{
    return wg_sweep_protects(p) &&
                   (scores_are(p, "wagle@protect") || scores_are(p, "wagle-protect"))
               ? p->protect
               : "";
}

/* The seed that the point's scores follow from: 0 for all but random ones and those of rows that
 * the model writes. */
static long long seed_of_scores(const wg_point *p)
{
    return scores_are(p, "random") || strncmp(rows_of_scores(p), "self", 4) == 0
               ? (long long)p->seed
               : 0;
}

static wagle_data rows_of(const wg_sweep *s, const char *path)
{
    return (wagle_data){.path = path,
                        .prompt = text_of(s->spec, "prompt"),
                        .chat = text_of(s->spec, "chat"),
                        .system = text_of(s->spec, "system"),
                        .chat_kwargs = s->kwarg,
                        .date = text_of(s->spec, "date"),
                        .all_turns = json_is_true(json_object_get(s->spec, "all_turns")),
                        .where = s->where,
                        .fields = s->fields,
                        .eos = json_is_true(json_object_get(s->spec, "eos"))};
}

static wagle_status check_path(wagle_ctx *ctx, wg_sweep *s, const char *name)
{
    const char *path;

    WG_TRY(wg_sweep_file(ctx, s, name, &path));
    return path == NULL || wg_exists(path)
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT, "%s: no such file or folder (named in the spec)",
                         path);
}

static wagle_status take_texts(wagle_ctx *ctx, const wg_sweep *s, const char *key,
                               const char *texts[WG_SWEEP_TEXTS + 1])
{
    const json_t *value;
    size_t i;

    json_array_foreach (json_object_get(s->spec, key), i, value) {
        if (i >= WG_SWEEP_TEXTS || !json_is_string(value))
            return wg_sweep_refuse(ctx, key, "expected a list of up to 16 \"key=value\"");
        texts[i] = json_string_value(value);
    }
    return WAGLE_OK;
}

wagle_status wg_sweep_check_files(wagle_ctx *ctx, wg_sweep *s)
{
    static const char *const keys[] = {"model", "forget", "retain"};
    const json_t *suites = json_object_get(s->spec, "suites");
    const json_t *again = json_object_get(s->spec, "relearn");
    const char *name;
    json_t *value;
    size_t i;

    WG_TRY(take_texts(ctx, s, "chat_kwargs", s->kwarg));
    WG_TRY(take_texts(ctx, s, "where", s->where));
    WG_TRY(take_texts(ctx, s, "fields", s->fields));
    for (i = 0; i < 3; i++)
        WG_TRY(check_path(ctx, s, text_of(s->spec, keys[i])));
    for (const wg_member *m = wg_train_members; m->name != NULL; m++)
        if (m->swept && (m->kind == WG_MEMBER_FILE || m->kind == WG_MEMBER_FOLDER))
            WG_TRY(check_path(ctx, s, text_of(s->spec, m->name)));
    if (again != NULL &&
        (text_of(again, "data") == NULL || !json_is_number(json_object_get(again, "lr"))))
        return wg_sweep_refuse(ctx, "relearn", "expected data (a file) and lr (a number)");
    WG_TRY(check_path(ctx, s, text_of(again, "data")));
    WG_TRY(check_path(ctx, s, text_of(suites, "gold")));
    json_object_foreach (json_object_get(s->spec, "eval"), name, value) {
        if (!json_is_string(value) || strchr(name, '.') != NULL)
            return wg_sweep_refuse(ctx, "eval",
                                   "expected an object of NAME: ROWS, with names without dots");
        WG_TRY(check_path(ctx, s, json_string_value(value)));
    }
    json_object_foreach (json_object_get(suites, "sets"), name, value) {
        if (!json_is_string(value))
            return wg_sweep_refuse(ctx, "suites", "sets: expected an object of NAME: FILE");
        WG_TRY(check_path(ctx, s, json_string_value(value)));
    }
    for (int64_t k = 0; k < s->n; k++) {
        const char *mask = wg_sweep_mask_file(s->point[k].selector);
        WG_TRY(check_path(ctx, s, mask));
    }
    json_array_foreach (json_object_get(s->spec, "rounded"), i, value)
        if (!json_is_string(value) || wg_block_kind_find(json_string_value(value)) < 0)
            return wg_sweep_refuse(ctx, "rounded", "expected a list of q4_0 and q8_0");
    if (suites != NULL && text_of(suites, "run") == NULL)
        return wg_sweep_refuse(ctx, "suites", "run: expected names of suites");
    return WAGLE_OK;
}

/* Rows that the point protects, from the folder of the spec. */
static wagle_status set_protect(wagle_ctx *ctx, wg_sweep *s, const wg_point *p,
                                wagle_train_options *o)
{
    const char *path;

    if (!wg_sweep_protects(p))
        return WAGLE_OK;
    WG_TRY(wg_sweep_protect(ctx, s, p->protect, o));
    path = o->protect.path;
    if (wg_protect_names_file(path)) {
        WG_TRY(check_path(ctx, s, path));
        WG_TRY(wg_sweep_file(ctx, s, path, &path));
    }
    o->protect = rows_of(s, path);
    return WAGLE_OK;
}

/* --- masks, shared ------------------------------------------------------------------------------
 */

/* Scores of the point's selector; random ones by its seed, those of factors by the rows that it
 * protects. */
static wagle_status make_scores(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char *out)
{
    wagle_attribute_options a;
    wagle_train_options t;
    char selector[64];
    const char *forget, *retain;

    wagle_attribute_defaults(&a);
    WG_TRY(wg_sweep_selector(ctx, p->selector, selector, &a));
    WG_TRY(spec_path(ctx, s, "model", &a.model));
    WG_TRY(spec_path(ctx, s, "forget", &forget));
    WG_TRY(spec_path(ctx, s, "retain", &retain));
    a.selector = selector;
    a.forget = rows_of(s, forget);
    a.retain = rows_of(s, retain);
    a.out = out;
    a.seed = (uint64_t)seed_of_scores(p);
    if (*rows_of_scores(p) != '\0') {
        wagle_unlearn_defaults(&t);
        WG_TRY(set_protect(ctx, s, p, &t));
        a.protect = t.protect;
        a.protect_damping = t.protect_damping;
        a.protect_rank = t.protect_rank;
    }
    return wagle_attribute(ctx, &a);
}

/* A file that runs share: the first that needs it makes it. */
typedef wagle_status make_fn(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char *out);

/* Another process may make the same file at the same time: each makes its own, and they are equal.
 */
static wagle_status make_aside(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char *path,
                               make_fn *make)
{
    const char *aside;

    WG_TRY(work_path(ctx, s, strrchr(path, '/') + 1, &aside));
    WG_TRY(make(ctx, s, p, aside));
    return rename(aside, path) == 0 ? WAGLE_OK : wg_fail_errno(ctx, errno, "%s", path);
}

static wagle_status make_once(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char *path,
                              make_fn *make)
{
    wagle_status st = WAGLE_OK;

    wg_sweep_making(s, path);
    if (!wg_exists(path))
        st = s->processes > 1 ? make_aside(ctx, s, p, path, make) : make(ctx, s, p, path);
    wg_sweep_made(s, path);
    return st;
}

static wagle_status scores_for(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char **out)
{
    const bool paths = wg_sweep_adapts(p) || *rows_of_scores(p) != '\0';
    wg_text name = {0};
    wagle_status st =
        wg_text_printf(ctx, &name, "scores-%.*s%s-%lld%s%s", score_name(p), p->selector,
                       rows_of_scores(p), seed_of_scores(p), wg_sweep_adapts(p) ? "-adapter-" : "",
                       wg_sweep_adapts(p) ? p->adapter : "");

    if (st == WAGLE_OK)
        st = tamed(ctx, s, s->out, name.text, paths, "", out);
    wg_text_free(&name);
    return st == WAGLE_OK ? make_once(ctx, s, p, *out, make_scores) : st;
}

/* Whether embedding and head are one table, which --protect leaves as it is. */
static wagle_status keeps_table(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, bool *out)
{
    wg_session session;
    const char *model;

    *out = false;
    if (!wg_sweep_protects(p))
        return WAGLE_OK;
    WG_TRY(spec_path(ctx, s, "model", &model));
    WG_TRY(wg_session_open(ctx, model, &session));
    *out = session.model->config.tied;
    wg_session_close(&session);
    return WAGLE_OK;
}

wagle_status wg_sweep_excluded(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char *first,
                               const char *const **out)
{
    const size_t room = json_array_size(p->patterns) + 2;
    const char **list = wg_arena_alloc(ctx, &s->arena, room * sizeof *list);
    const json_t *value;
    size_t i, n = 0;

    *out = list;
    if (list == NULL)
        return WAGLE_E_RESOURCE;
    if (first != NULL)
        list[n++] = first;
    json_array_foreach (p->patterns, i, value)
        list[n++] = json_string_value(value);
    return WAGLE_OK;
}

static wagle_status make_mask(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char *out)
{
    wagle_mask_options m;
    bool table;

    WG_TRY(keeps_table(ctx, s, p, &table));
    wagle_mask_defaults(&m);
    WG_TRY(wg_sweep_excluded(ctx, s, p, table ? "embeddings" : NULL, &m.exclude));
    WG_TRY(scores_for(ctx, s, p, &m.scores));
    if (wg_sweep_scope(p->selector) != NULL)
        WG_TRY(wg_scope_find(ctx, wg_sweep_scope(p->selector), &m.scope));
    m.density = p->density;
    m.out = out;
    return wagle_mask(ctx, &m);
}

static wagle_status mask_for(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char **out)
{
    const char *given = wg_sweep_mask_file(p->selector);
    const bool names = wg_sweep_adapts(p) || *rows_of_scores(p) != '\0' || *p->exclude != '\0';
    wg_text name = {0};
    bool table;
    wagle_status st;

    if (given != NULL)
        return wg_sweep_file(ctx, s, given, out);
    WG_TRY(keeps_table(ctx, s, p, &table));
    st =
        wg_text_printf(ctx, &name, "mask-%s%s-%.6g-%s-%lld%s%s%s", p->selector, rows_of_scores(p),
                       p->density, p->exclude, seed_of_scores(p), table ? "-without-table" : "",
                       wg_sweep_adapts(p) ? "-adapter-" : "", wg_sweep_adapts(p) ? p->adapter : "");
    if (st == WAGLE_OK)
        st = tamed(ctx, s, s->out, name.text, names, "", out);
    wg_text_free(&name);
    return st == WAGLE_OK ? make_once(ctx, s, p, *out, make_mask) : st;
}

/* --- options ------------------------------------------------------------------------------------
 */

/* Options of training that the spec has. */
static wagle_status set_options(wagle_ctx *ctx, wg_sweep *s, wagle_train_options *o)
{
    for (const wg_member *m = wg_train_members; m->name != NULL; m++) {
        const json_t *value = json_object_get(s->spec, m->name);
        void *to = (char *)o + m->at;
        int choice;
        if (value == NULL || !m->swept)
            continue;
        switch (m->kind) {
        case WG_MEMBER_FILE:
        case WG_MEMBER_FOLDER:
            WG_TRY(spec_path(ctx, s, m->name, to));
            break;
        case WG_MEMBER_CHOICE:
            WG_TRY(wg_choose_word(ctx, m->name, json_string_value(value), m->words, &choice));
            memcpy(to, &choice, sizeof choice);
            break;
        case WG_MEMBER_FLAG:
            *(bool *)to = json_is_true(value);
            break;
        case WG_MEMBER_REAL:
        case WG_MEMBER_CLIP:
            *(double *)to = json_number_value(value);
            break;
        case WG_MEMBER_WHOLE:
            *(int64_t *)to = (int64_t)json_number_value(value);
            break;
        default:
            *(const char **)to = json_string_value(value);
        }
    }
    return WAGLE_OK;
}

/* Those of spec.params that the objective has. */
static wagle_status set_params(wagle_ctx *ctx, const wg_sweep *s, wagle_train_options *o,
                               wagle_param list[WG_OBJECTIVE_OPTIONS])
{
    const wg_objective *objective;
    const json_t *params = json_object_get(s->spec, "params");

    WG_TRY(wg_objective_find(ctx, o->objective, &objective));
    for (int i = 0; i < WG_OBJECTIVE_OPTIONS && objective->options[i].key != NULL; i++) {
        const json_t *value = json_object_get(params, objective->options[i].key);
        if (json_is_number(value))
            list[o->n_params++] =
                (wagle_param){objective->options[i].key, json_number_value(value)};
    }
    o->params = list;
    return WAGLE_OK;
}

wagle_status wg_sweep_options(wagle_ctx *ctx, wg_sweep *s, const wg_point *p,
                              wagle_train_options *o, wagle_param list[WG_OBJECTIVE_OPTIONS])
{
    const char *forget, *retain;

    wagle_unlearn_defaults(o);
    o->schedule = WAGLE_SCHEDULE_LINEAR;
    o->steps = s->updates > 0 ? 3 * s->updates : 200;
    if (s->updates > 0)
        o->eval_every = s->updates >= 60 ? s->updates / 30 : 1;
    o->allow_unmet = true; /* "stopped" says it */
    WG_TRY(set_options(ctx, s, o));
    WG_TRY(spec_path(ctx, s, "model", &o->model));
    WG_TRY(spec_path(ctx, s, "forget", &forget));
    WG_TRY(spec_path(ctx, s, "retain", &retain));
    WG_TRY(work_path(ctx, s, "model", &o->out));
    o->forget = rows_of(s, forget);
    o->retain = rows_of(s, retain);
    o->objective = p->objective;
    o->lr = s->updates > 0 && p->lr == 0 ? p->start : p->lr;
    if (!(o->lr > 0)) /* 0 would be a search, which a sweep makes by 'updates' */
        return wg_fail(ctx, WAGLE_E_USAGE, "@{lr} %g: a number above 0", o->lr);
    o->seed = (uint64_t)p->seed;
    o->force = true;
    WG_TRY(set_protect(ctx, s, p, o));
    return set_params(ctx, s, o, list);
}

/* --- evaluation ---------------------------------------------------------------------------------
 */

static bool is_in(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        if (json_is_string(json_array_get(names, i)) &&
            strcmp(json_string_value(json_array_get(names, i)), name) == 0)
            return true;
    return names == NULL;
}

/* Means over the rows of each set in spec.eval that `names` has (NULL: all), into `into`. Rows are
 * read by the tokenizer in `texts`. */
static wagle_status evaluate(wagle_ctx *ctx, wg_sweep *s, const char *model, const char *texts,
                             const json_t *names, json_t *into)
{
    const char *name;
    json_t *value;
    wg_session session;
    wagle_status st = WAGLE_OK;

    WG_TRY(wg_session_open(ctx, model, &session));
    session.reader.folder = texts;
    json_object_foreach (json_object_get(s->spec, "eval"), name, value) {
        const char *path = NULL;
        wg_dataset rows = {0};
        double probability = 0, nll = 0;
        if (!is_in(names, name))
            continue;
        if (st == WAGLE_OK)
            st = wg_sweep_file(ctx, s, json_string_value(value), &path);
        if (st == WAGLE_OK) {
            const wagle_data data = rows_of(s, path);
            st = wg_dataset_load(ctx, &session.reader, &data, &rows);
        }
        if (st == WAGLE_OK)
            st = wg_mean_probability(ctx, &session, &rows, NULL, &probability, &nll);
        if (st == WAGLE_OK)
            st = wg_json_set(ctx, into, name,
                             json_pack("{s:f, s:f, s:I}", "probability", probability, "nll", nll,
                                       "n", (json_int_t)rows.n));
        wg_dataset_free(&rows);
    }
    wg_session_close(&session);
    return st;
}

/* --- suites -------------------------------------------------------------------------------------
 */

/* NAME=FILE of each set of spec.suites.sets. */
static wagle_status list_sets(wagle_ctx *ctx, wg_sweep *s, const json_t *sets,
                              const char *list[WG_SWEEP_SETS + 1])
{
    const char *name, *path = NULL;
    json_t *value;
    int n = 0;

    json_object_foreach ((json_t *)(uintptr_t)sets, name, value) {
        wg_text entry = {0};
        wagle_status st =
            n < WG_SWEEP_SETS
                ? wg_sweep_file(ctx, s, json_string_value(value), &path)
                : wg_sweep_refuse(ctx, "suites",
                                  "sets: expected an object of NAME: FILE with at most 32 entries");
        if (st == WAGLE_OK)
            st = wg_text_printf(ctx, &entry, "%s=%s", name, path);
        if (st == WAGLE_OK)
            list[n] = wg_arena_text(ctx, &s->arena, entry.text, (size_t)entry.bytes);
        wg_text_free(&entry);
        WG_TRY(st);
        if (list[n++] == NULL)
            return WAGLE_E_RESOURCE;
    }
    list[n] = NULL;
    return WAGLE_OK;
}

/* results/KEY.json: what `compare` and `report` read. */
static wagle_status result_path(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char **out)
{
    const bool names = wg_sweep_adapts(p) || wg_sweep_protects(p) || *p->exclude != '\0' ||
                       wg_sweep_mask_file(p->selector) != NULL;
    const char *folder;

    WG_TRY(wg_sweep_path(ctx, s, "results", &folder));
    if (!wg_exists(folder))
        WG_TRY(wg_make_folder(ctx, folder));
    return tamed(ctx, s, folder, p->key, names, ".json", out);
}

static int64_t whole_of(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? (int64_t)json_number_value(value) : otherwise;
}

wagle_status wg_sweep_suite_options(wagle_ctx *ctx, wg_sweep *s, const wg_point *p,
                                    wagle_suite_options *o, const char *sets[WG_SWEEP_SETS + 1])
{
    const json_t *how = json_object_get(s->spec, "suites");

    wagle_suite_defaults(o);
    WG_TRY(list_sets(ctx, s, json_object_get(how, "sets"), sets));
    WG_TRY(wg_sweep_file(ctx, s, text_of(how, "gold"), &o->gold));
    o->suites = text_of(how, "run");
    /* a gold result has the attack of its own reference */
    if (o->gold == NULL || (o->suites != NULL && wg_suite_named_in(o->suites, "robustness")))
        WG_TRY(spec_path(ctx, s, "model", &o->reference));
    o->sets = sets;
    o->data = rows_of(s, NULL);
    o->data.where = o->data.fields = NULL; /* sets have the columns of their suite */
    o->data.limit = whole_of(how, "limit", 0);
    o->max_tokens = whole_of(how, "max_tokens", o->max_tokens);
    o->resamples = whole_of(how, "resamples", 0);
    o->shots = whole_of(how, "shots", o->shots);
    o->seed = (uint64_t)p->seed;
    o->force = true;
    return WAGLE_OK;
}

wagle_status wg_sweep_ask_suites(wagle_ctx *ctx, wg_sweep *s, json_t *result)
{
    const char *sets[WG_SWEEP_SETS + 1];
    wagle_suite_options o;
    char *json = NULL;
    wagle_status st;

    WG_TRY(wg_sweep_suite_options(ctx, s, &s->point[0], &o, sets));
    WG_TRY(spec_path(ctx, s, "model", &o.model));
    WG_TRY(wg_sweep_use_adapter(ctx, s, &s->point[0]));
    st = wagle_suite_run(ctx, &o, &json);
    wg_sweep_drop_adapter(ctx, &s->point[0]);
    if (st == WAGLE_OK)
        st = wg_results_values(ctx, json, result);
    wg_free(json);
    return st;
}

/* Suites that spec.suites names, under "suites". */
static wagle_status run_suites(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, const char *model,
                               json_t *result)
{
    const char *sets[WG_SWEEP_SETS + 1];
    wagle_suite_options o;
    char *json = NULL;
    wagle_status st;

    if (json_object_get(s->spec, "suites") == NULL)
        return WAGLE_OK;
    WG_TRY(wg_sweep_suite_options(ctx, s, p, &o, sets));
    WG_TRY(result_path(ctx, s, p, &o.out));
    o.model = model;
    st = wagle_suite_run(ctx, &o, &json);
    if (st == WAGLE_OK)
        st = wg_results_values(ctx, json, result);
    wg_free(json);
    return st;
}

bool wg_sweep_stops_by_suite(const wg_sweep *s)
{
    const char *rule = text_of(s->spec, "stop_when");

    return rule != NULL && json_object_get(s->spec, "suites") != NULL &&
           strncmp(rule, "forget.", 7) != 0 && strncmp(rule, "retain.", 7) != 0;
}

static wagle_status unlearn(wagle_ctx *ctx, wg_sweep *s, const wg_point *p,
                            const wagle_train_options *o, wg_trial *trial, wagle_train_result *r)
{
    const char *sets[WG_SWEEP_SETS + 1];
    wagle_suite_options suites;
    wg_watch watch;
    wg_train_hooks around = {.shared = &s->shared, .trial = trial};

    if (wg_sweep_stops_by_suite(s)) {
        WG_TRY(wg_sweep_suite_options(ctx, s, p, &suites, sets));
        WG_TRY(wg_suite_watch(ctx, &suites, &watch));
        around.watch = &watch;
    }
    return wg_train(ctx, o, false, &around, r);
}

/* --- relearning ---------------------------------------------------------------------------------
 */

/* Fine-tunes the run's model on spec.relearn.data and evaluates again, under "relearned". */
static wagle_status relearn(wagle_ctx *ctx, wg_sweep *s, const char *model, int64_t seed,
                            json_t *result)
{
    const json_t *how = json_object_get(s->spec, "relearn");
    const char *data;
    wagle_train_options o;
    json_t *into;

    if (how == NULL)
        return WAGLE_OK;
    into = json_object();
    WG_TRY(wg_json_set(ctx, result, "relearned", into));
    wagle_finetune_defaults(&o);
    WG_TRY(wg_sweep_file(ctx, s, text_of(how, "data"), &data));
    WG_TRY(work_path(ctx, s, "relearned", &o.out));
    o.model = model;
    o.retain = rows_of(s, data);
    o.steps = whole_of(how, "steps", 20);
    o.lr = json_number_value(json_object_get(how, "lr"));
    o.batch = whole_of(s->spec, "batch", o.batch);
    o.seed = (uint64_t)seed;
    o.force = true;
    WG_TRY(wg_train(ctx, &o, true, &(wg_train_hooks){0}, NULL));
    return evaluate(ctx, s, o.out, o.out, json_object_get(how, "eval"), into);
}

/* --- rounding ----------------------------------------------------------------------------------
 */

static wagle_status round_to(wagle_ctx *ctx, wg_sweep *s, const char *model, int kind,
                             const char *out, json_t *into)
{
    wg_model *m = NULL;
    wagle_status st = wg_model_open(ctx, model, &m);

    if (st == WAGLE_OK)
        st = wg_write_rounded(ctx, m, (wg_block_kind)kind, out);
    wg_model_close(m);
    if (st == WAGLE_OK)
        st = evaluate(ctx, s, out, model, NULL, into);
    if (wg_exists(out))
        wg_remove_tree(out);
    return st;
}

/* The run's model after each block format that the spec names, under "rounded". */
static wagle_status rounded(wagle_ctx *ctx, wg_sweep *s, const char *model, json_t *result)
{
    const json_t *kinds = json_object_get(s->spec, "rounded"), *name;
    json_t *all;
    const char *out;
    size_t i;

    if (kinds == NULL)
        return WAGLE_OK;
    all = json_object();
    WG_TRY(wg_json_set(ctx, result, "rounded", all));
    WG_TRY(work_path(ctx, s, "rounded", &out));
    json_array_foreach (kinds, i, name) {
        const char *text = json_string_value(name);
        json_t *into = json_object();
        WG_TRY(wg_json_set(ctx, all, text, into));
        WG_TRY(round_to(ctx, s, model, wg_block_kind_find(text), out, into));
    }
    return WAGLE_OK;
}

/* --- the run ------------------------------------------------------------------------------------
 */

static wagle_status describe(wagle_ctx *ctx, const wg_point *p, json_t **out)
{
    *out = json_pack("{s:s, s:s, s:s, s:f, s:f, s:I}", "objective", p->objective, "selector",
                     p->selector, "exclude", p->exclude, "density", p->density, "lr", p->lr, "seed",
                     (json_int_t)p->seed);
    if (*out == NULL)
        return wg_json_memory(ctx);
    return wg_sweep_set_extras(ctx, p, *out);
}

static wagle_status add_numbers(wagle_ctx *ctx, const wagle_train_options *o,
                                const wagle_train_result *r, json_t *out)
{
    json_t *numbers = json_pack("{s:I, s:b, s:f, s:I, s:f}", "steps", (json_int_t)r->steps,
                                "stopped", (int)r->stopped, "loss", r->loss, "selected",
                                (json_int_t)r->selected, "seconds", r->seconds);
    const int failed = numbers != NULL ? json_object_update(out, numbers) : -1;

    json_decref(numbers);
    if (failed != 0)
        return wg_json_memory(ctx);
    if (o->stop_when != NULL)
        WG_TRY(wg_json_set(ctx, out, "stop_value", wg_json_real(r->stop_value)));
    return o->land ? wg_json_set(ctx, out, "land", json_real(r->land)) : WAGLE_OK;
}

static wagle_status run_point(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, wg_trial *trial,
                              json_t *out)
{
    wagle_train_options o;
    wagle_param params[WG_OBJECTIVE_OPTIONS];
    wagle_train_result r;
    json_t *sets;

    WG_TRY(wg_sweep_options(ctx, s, p, &o, params));
    if (strcmp(p->selector, "none") != 0)
        WG_TRY(mask_for(ctx, s, p, &o.mask));
    WG_TRY(unlearn(ctx, s, p, &o, trial, &r));
    WG_TRY(add_numbers(ctx, &o, &r, out));
    if (trial != NULL && (!r.stopped || r.steps < trial->least))
        return WAGLE_OK; /* it left no model */
    sets = json_object();
    WG_TRY(wg_json_set(ctx, out, "eval", sets));
    WG_TRY(evaluate(ctx, s, o.out, o.out, NULL, sets));
    WG_TRY(rounded(ctx, s, o.out, out));
    WG_TRY(run_suites(ctx, s, p, o.out, out));
    return relearn(ctx, s, o.out, p->seed, out);
}

/* A loss that is not finite is a result too: that learning rate is too high. */
wagle_status wg_sweep_point(wagle_ctx *ctx, wg_sweep *s, const wg_point *p, wg_trial *trial,
                            json_t **out)
{
    wagle_status st = describe(ctx, p, out);

    if (st == WAGLE_OK)
        st = wg_sweep_use_adapter(ctx, s, p);
    if (st == WAGLE_OK)
        st = run_point(ctx, s, p, trial, *out);
    wg_sweep_drop_adapter(ctx, p);
    if (st == WAGLE_E_RUN) {
        st = wg_json_set(ctx, *out, "failed", json_string(ctx->message));
        wg_forget_failure(ctx);
    }
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    if (s->work != NULL && wg_exists(s->work))
        wg_remove_tree(s->work);
    return st;
}
