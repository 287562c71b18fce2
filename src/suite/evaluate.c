/* evaluate.c - runs suites, saves their rows, and computes metrics with intervals. */
#include "dist/dist.h"
#include "suite/attacks.h"
#include "suite/leak.h"
#include "suite/results.h"
#include "suite/settings.h"

#include "base/choose.h"
#include "base/options.h"
#include "data/distinct.h"
#include "data/redact.h"
#include "session/opened.h"
#include "session/tally.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

WG_DEFAULTS(wagle_suite_defaults, wagle_suite_options, .max_tokens = -1, .resamples = 2000,
            .prefix = 50, .length = 50, .verbatim = 20, .temperature = 0.7, .relearn_steps = 20,
            .relearn_lr = 5e-5, .seed = 1, .min_k = "20,40", .top_p = 1)

/* --- sets ------------------------------------------------------------------------------------- */

static bool takes_set(const wg_suite *s, const char *name)
{
    return wg_suite_lists(s, name) || wg_suite_lists(s, "*");
}

/* --set dev and --shots must be given together. */
static wagle_status check_shots(wagle_ctx *ctx, const wg_evaluation *e)
{
    const bool given = wg_evaluation_set(e, "dev") != NULL;

    if (!wg_suite_lists(e->suite, "dev") || given == (e->o->shots > 0))
        return WAGLE_OK;
    return given
               ? wg_fail(ctx, WAGLE_E_USAGE, "set dev of suite %s needs @{shots N}", e->suite->name)
               : wg_fail(ctx, WAGLE_E_USAGE, "@{shots} needs solved examples: @{sets=dev=FILE}");
}

/* Checks that the suite has the sets that it needs, and at least one set other than dev. */
static wagle_status check_suite(wagle_ctx *ctx, wg_evaluation *e)
{
    bool any = false;
    char name[64];
    const char *file;

    for (int i = 0; wg_evaluation_set_at(e, i, name, &file); i++)
        any |= takes_set(e->suite, name) && strcmp(name, "dev") != 0;
    for (const wg_set_info *s = e->suite->set; s->name != NULL; s++)
        if (s->needed && wg_evaluation_set(e, s->name) == NULL)
            return wg_fail(ctx, WAGLE_E_USAGE, "suite %s needs @{sets=%s=FILE}: %s", e->suite->name,
                           s->name, s->what);
    if (any && e->suite->check != NULL)
        WG_TRY(e->suite->check(ctx, e));
    return any ? check_shots(ctx, e)
               : wg_fail(ctx, WAGLE_E_USAGE, "suite %s needs @{sets=%s=FILE}: %s", e->suite->name,
                         e->suite->set[0].name, e->suite->set[0].what);
}

wagle_status wg_evaluation_each(wagle_ctx *ctx, wg_evaluation *e,
                                wagle_status (*visit)(wagle_ctx *ctx, wg_evaluation *e))
{
    for (int i = 0; i < e->n_chosen; i++) {
        e->suite = e->chosen[i];
        WG_TRY(visit(ctx, e));
    }
    return WAGLE_OK;
}

/* Length of a set's name, without the benchmark after a colon. */
static size_t name_length(const char *entry)
{
    return strcspn(entry, ":=");
}

/* Checks that the names of sets are short enough and unique. */
static wagle_status check_names(wagle_ctx *ctx, const wg_evaluation *e)
{
    enum { MAX_BYTES = 40 };
    const char *const *sets = e->o->sets;

    for (int i = 0; sets != NULL && sets[i] != NULL; i++) {
        const size_t n = name_length(sets[i]);
        if (strcspn(sets[i], "=") > MAX_BYTES)
            return wg_fail(ctx, WAGLE_E_USAGE, "@{sets} %.50s: the name may have at most %d bytes",
                           sets[i], MAX_BYTES);
        if (n == 3 && strncmp(sets[i], "dev:", 4) == 0)
            return wg_fail(
                ctx, WAGLE_E_USAGE,
                "@{sets} %s: solved examples must be of the same benchmark as the questions",
                sets[i]);
        for (int k = 0; k < i; k++)
            if (name_length(sets[k]) == n && strncmp(sets[k], sets[i], n) == 0)
                return wg_fail(ctx, WAGLE_E_USAGE, "@{sets} %.*s is given twice", (int)n, sets[i]);
    }
    return WAGLE_OK;
}

/* Refuses sets that no suite uses, and files that do not exist. */
static wagle_status check_sets(wagle_ctx *ctx, wg_evaluation *e)
{
    char name[64];
    const char *file;

    for (int i = 0; wg_evaluation_set_at(e, i, name, &file); i++) {
        bool taken = false;
        if (name[0] == '\0')
            return wg_fail(ctx, WAGLE_E_USAGE, "@{sets} %s: write it as NAME=FILE", file);
        for (int k = 0; k < e->n_chosen; k++)
            taken |= takes_set(e->chosen[k], name);
        if (!taken)
            return wg_fail(ctx, WAGLE_E_USAGE, "@{sets} %s: suite %s has no such set", name,
                           e->o->suites);
        if (!wg_exists(file))
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: no such file", file);
    }
    return WAGLE_OK;
}

/* --- running ---------------------------------------------------------------------------------- */

/* Records the layout of the suite's questions and compares it with the model's training layout.
 * Texts to be continued have their own layout and are not compared. */
static wagle_status record_layout(wagle_ctx *ctx, wg_evaluation *e)
{
    const wg_reader *reader = &e->session->reader;

    if (reader->laid_out == 0)
        return WAGLE_OK;
    WG_TRY(wg_layout_say(ctx, &e->session->reader.layout));
    if (e->model != NULL && reader->layout.of.prompt == e->o->data.prompt)
        WG_TRY(wg_layout_compare(ctx, e->session->model->folder, &reader->layout));
    return wg_json_set(ctx, e->layouts, e->suite->name, wg_layout_json(&reader->layout));
}

static wagle_status run_suite(wagle_ctx *ctx, wg_evaluation *e)
{
    const wg_stage suite = {.stage = e->suite->name, .outer = ctx->stage};
    const double start = wg_seconds();
    wagle_status st;

    e->session->reader.laid_out = 0;
    ctx->stage = &suite;
    st = e->suite->run(ctx, e);
    ctx->stage = suite.outer;
    WG_TRY(st);
    WG_TRY(record_layout(ctx, e));
    if (e->session->tally == NULL)
        wg_log(ctx, 2, "suite %s took %.1f s", e->suite->name, wg_seconds() - start);
    return wg_json_set(ctx, e->seconds, e->suite->name, json_real(wg_seconds() - start));
}

wagle_status wg_evaluation_choose(wagle_ctx *ctx, wg_evaluation *e)
{
    const char *at = e->o->suites;
    wg_str name;

    e->n_chosen = 0;
    while (wg_next_name(&at, &name)) {
        if (e->n_chosen == WG_MAX_SUITES)
            return wg_fail(ctx, WAGLE_E_USAGE, "@{suites}: more than there are");
        WG_TRY(wg_suite_find(ctx, name, &e->chosen[e->n_chosen]));
        for (int i = 0; i < e->n_chosen; i++)
            if (e->chosen[i] == e->chosen[e->n_chosen])
                return wg_fail(ctx, WAGLE_E_USAGE, "@{suites}: %s is given twice",
                               e->chosen[i]->name);
        e->n_chosen++;
    }
    return e->n_chosen > 0 ? WAGLE_OK
                           : wg_fail(ctx, WAGLE_E_USAGE, "@{suites}: name at least one suite");
}

/* A scorer is for one suite: what it reads, and what its number means, is another in each. An
 * encoder takes its place. */
static wagle_status check_scorer(wagle_ctx *ctx, const wg_evaluation *e)
{
    const wg_suite *first = NULL;

    for (int i = 0; e->o->scorer != NULL && i < e->n_chosen; i++) {
        const wg_suite *s = e->chosen[i];
        if ((s->uses & WAGLE_USES_SCORER) == 0 ||
            (e->o->encoder != NULL && (s->uses & WAGLE_USES_ENCODER) != 0))
            continue;
        if (first != NULL)
            return wg_fail(ctx, WAGLE_E_USAGE,
                           "@{scorer}: its number means another thing in suite %s than in %s; "
                           "evaluate them one after the other",
                           first->name, s->name);
        first = s;
    }
    if (e->o->scorer != NULL && e->o->encoder != NULL && first == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{scorer} and @{encoder} both say how similar texts are: give one of them");
    return WAGLE_OK;
}

wagle_status wg_evaluation_check(wagle_ctx *ctx, wg_evaluation *e)
{
    WG_TRY(wg_evaluation_choose(ctx, e));
    WG_TRY(check_scorer(ctx, e));
    WG_TRY(check_names(ctx, e));
    WG_TRY(wg_evaluation_each(ctx, e, check_suite));
    WG_TRY(check_sets(ctx, e));
    return wg_settings_check(ctx, e);
}

wagle_status wg_evaluation_begin(wagle_ctx *ctx, wg_evaluation *e)
{
    e->seconds = json_object();
    e->rows = json_array();
    e->layouts = json_object();
    if (e->seconds == NULL || e->rows == NULL || e->layouts == NULL)
        return wg_json_memory(ctx);
    return e->o->gold != NULL ? wg_results_read(ctx, e->o->gold, &e->gold) : WAGLE_OK;
}

void wg_evaluation_end(wg_evaluation *e)
{
    json_decref(e->rows);
    json_decref(e->seconds);
    json_decref(e->layouts);
    json_decref(e->gold);
}

wagle_status wg_evaluation_run(wagle_ctx *ctx, wg_evaluation *e)
{
    return wg_evaluation_each(ctx, e, run_suite);
}

/* Refuses layout options that none of the suites uses. */
static wagle_status check_layout(wagle_ctx *ctx, const wg_evaluation *e)
{
    const wagle_data *d = &e->o->data;
    const struct {
        bool given;
        const char *name;
    } option[] = {{d->prompt != NULL, "prompt"},
                  {d->prompt_field != NULL, "prompt_field"},
                  {d->answer_field != NULL, "answer_field"},
                  {d->text_field != NULL, "text_field"},
                  {d->system != NULL && !wg_data_asks_chat(d), "system"},
                  {d->chat_kwargs != NULL && d->chat_kwargs[0] != NULL && !wg_data_asks_chat(d),
                   "chat_kwargs"},
                  {d->date != NULL && !wg_data_asks_chat(d), "date"},
                  {d->all_turns, "all_turns"},
                  {d->eos, "eos"}};
    bool used = false;

    for (int i = 0; i < e->n_chosen; i++)
        used |= !e->chosen[i]->own_prompts;
    for (size_t i = 0; !used && i < sizeof option / sizeof *option; i++)
        if (option[i].given)
            return wg_fail(ctx, WAGLE_E_USAGE,
                           "@{%s} has no effect: suite %s has prompts of its own", option[i].name,
                           e->o->suites);
    return WAGLE_OK;
}

/* Warns if two sets that are compared with each other come from the same file. */
static void warn_same_groups(wagle_ctx *ctx, const wg_evaluation *e)
{
    const wagle_data a = {.path = wg_evaluation_set(e, "members")},
                     b = {.path = wg_evaluation_set(e, "nonmembers")};

    if (a.path != NULL && b.path != NULL && wg_data_share(&a, &b))
        wg_log(ctx, 0,
               "sets members and nonmembers are the same file, so no attack can tell them apart");
}

static wagle_status open_and_run(wagle_ctx *ctx, wg_evaluation *e)
{
    wg_session session;
    wg_tally tally = {0};
    wagle_status st;

    WG_TRY(wg_evaluation_check(ctx, e));
    WG_TRY(check_layout(ctx, e));
    warn_same_groups(ctx, e);
    WG_TRY(wg_session_begin(ctx, e->o->model, e->o->opened, &session));
    e->session = &session;
    session.tally = ctx->dry_run ? &tally : NULL;
    st = wg_evaluation_run(ctx, e);
    if (tally.left_out == NULL && (e->o->scorer != NULL || e->o->encoder != NULL))
        tally.left_out = "what the scorer or the encoder takes";
    if (st == WAGLE_OK && ctx->dry_run)
        st = wg_tally_tell(ctx, &session, &tally);
    wg_session_close(&session);
    e->session = NULL;
    return st;
}

/* --- results ---------------------------------------------------------------------------------- */

static wagle_status add_metrics(wagle_ctx *ctx, const wg_measures *m, json_t *into)
{
    for (int64_t i = 0; i < m->n; i++) {
        const wg_measure *one = &m->measure[i];
        json_t *metric = json_object();
        WG_TRY(wg_json_set(ctx, into, one->name, metric));
        WG_TRY(wg_json_set(ctx, metric, "value", wg_json_real(one->value)));
        if (isfinite(one->low)) {
            WG_TRY(wg_json_set(ctx, metric, "low", wg_json_real(one->low)));
            WG_TRY(wg_json_set(ctx, metric, "high", wg_json_real(one->high)));
        }
        WG_TRY(wg_json_set(ctx, metric, "n", json_integer(one->n)));
    }
    return WAGLE_OK;
}

/* Adds the benchmark and the chat template of each set, if its rows name them. */
static wagle_status add_benchmarks(wagle_ctx *ctx, const wg_suite *s, const json_t *rows,
                                   json_t *suite)
{
    json_t *benchmarks = json_object();
    wagle_status st = benchmarks != NULL ? WAGLE_OK : wg_json_memory(ctx);
    const json_t *row;
    size_t i;

    json_array_foreach (rows, i, row) {
        const char *name = json_string_value(json_object_get(row, "suite"));
        const char *set = json_string_value(json_object_get(row, "set"));
        json_t *benchmark = json_object_get(row, "benchmark"), *chat = json_object_get(row, "chat");
        if (st == WAGLE_OK && json_is_string(benchmark) && strcmp(name, s->name) == 0 &&
            json_object_get(benchmarks, set) == NULL)
            st = wg_json_set(ctx, benchmarks, set, json_incref(benchmark));
        if (st == WAGLE_OK && json_is_string(chat) && strcmp(name, s->name) == 0)
            st = wg_json_set(ctx, suite, "chat", json_incref(chat));
    }
    if (st == WAGLE_OK && json_object_size(benchmarks) > 0)
        st = wg_json_set(ctx, suite, "benchmarks", json_incref(benchmarks));
    json_decref(benchmarks);
    return st;
}

/* Adds the metrics that could not be computed, and why. gold: rows, or NULL. */
static wagle_status add_left_out(wagle_ctx *ctx, const wg_suite *s, const wg_frame *f,
                                 const wg_measures *m, const json_t *gold, json_t *suite)
{
    json_t *names = json_object();
    wagle_status st = names != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (st == WAGLE_OK && s->left_out != NULL)
        st = s->left_out(ctx, f, m, names);
    if (st == WAGLE_OK && gold != NULL && (s->uses & WAGLE_USES_GOLD) != 0 &&
        !wg_results_has(gold, s))
        st = wg_json_set(ctx, names, "metrics relative to the gold result",
                         json_sprintf("it has no rows of suite %s", s->name));
    if (st == WAGLE_OK && json_object_size(names) > 0)
        st = wg_json_set(ctx, suite, "left_out", json_incref(names));
    json_decref(names);
    return st;
}

/* Computes the metrics of one suite, relative to the gold result if there is one. */
static wagle_status measure_suite(wagle_ctx *ctx, const wagle_suite_options *o, const wg_suite *s,
                                  const json_t *rows, const json_t *gold, json_t *suites)
{
    wg_frame f = {0};
    wg_measures m = {0};
    json_t *metrics = json_object();
    wagle_status st = wg_results_frame(ctx, s, rows, "", &f);

    if (st == WAGLE_OK && gold != NULL)
        st = wg_results_frame(ctx, s, gold, "gold/", &f);
    if (st == WAGLE_OK)
        st = wg_bootstrap(ctx, &f, s->measure, o->resamples, o->seed, &m);
    if (st == WAGLE_OK)
        st = add_metrics(ctx, &m, metrics);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, suites, s->name, json_pack("{s:O}", "metrics", metrics));
    if (st == WAGLE_OK)
        st = add_benchmarks(ctx, s, rows, json_object_get(suites, s->name));
    if (st == WAGLE_OK)
        st = add_left_out(ctx, s, &f, &m, gold, json_object_get(suites, s->name));
    json_decref(metrics);
    wg_measures_free(&m);
    wg_frame_free(&f);
    return st;
}

wagle_status wg_evaluation_measure(wagle_ctx *ctx, const wg_evaluation *e, json_t *suites)
{
    for (int i = 0; wg_suite_at(i) != NULL; i++)
        if (wg_results_has(e->rows, wg_suite_at(i)))
            WG_TRY(measure_suite(ctx, e->o, wg_suite_at(i), e->rows, e->gold, suites));
    if (json_object_size(suites) == 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: no rows of any suite",
                       e->o->recompute != NULL ? e->o->recompute : e->o->suites);
    return WAGLE_OK;
}

/* Metrics that are computed again are of the model and settings of the first result. */
static wagle_status copy_description(wagle_ctx *ctx, const char *path, json_t *root)
{
    json_t *first;
    wagle_status st = wg_results_described(ctx, path, &first);

    if (st == WAGLE_OK && first != NULL)
        st = wg_settings_copy(ctx, first, root);
    json_decref(first);
    return st;
}

/* Warns if the gold result was made in a way that changes what is computed from it. */
static wagle_status compare_with_gold(wagle_ctx *ctx, const wg_evaluation *e, const json_t *root)
{
    json_t *gold = NULL, *names = json_object();
    wagle_status st = names != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (st == WAGLE_OK && e->o->gold != NULL)
        st = wg_results_described(ctx, e->o->gold, &gold);
    if (st == WAGLE_OK && gold != NULL)
        st = wg_settings_compare(ctx, root, gold, true, names);
    if (st == WAGLE_OK)
        st = wg_settings_warn(ctx, names,
                              "gold result %s was made with different options, which may be why "
                              "metrics differ from it",
                              e->o->gold);
    json_decref(names);
    json_decref(gold);
    return st;
}

static wagle_status describe(wagle_ctx *ctx, const wg_evaluation *e, json_t *root)
{
    char name[64];
    const char *file;
    json_t *sets = json_object();

    WG_TRY(wg_json_set(ctx, root, "sets", sets));
    if (e->o->recompute != NULL)
        WG_TRY(copy_description(ctx, e->o->recompute, root));
    for (int i = 0; wg_evaluation_set_at(e, i, name, &file); i++)
        WG_TRY(wg_json_set(ctx, sets, name, wg_json_bytes(file)));
    WG_TRY(wg_settings_add_model(ctx, e->o->model, root));
    if (e->o->gold != NULL)
        WG_TRY(wg_json_set(ctx, root, "gold", wg_json_bytes(e->o->gold)));
    WG_TRY(wg_json_set(ctx, root, "seconds", json_incref(e->seconds)));
    if (json_object_size(e->layouts) > 0)
        WG_TRY(wg_json_set(ctx, root, "layouts", json_incref(e->layouts)));
    WG_TRY(wg_json_set(ctx, root, "resamples", json_integer(e->o->resamples)));
    if (e->o->recompute == NULL)
        WG_TRY(wg_settings_add_suites(ctx, e->o, root));
    return wg_json_set(ctx, root,
                       json_object_get(root, "seed") != NULL && e->o->recompute != NULL
                           ? "resampling_seed"
                           : "seed",
                       json_integer((json_int_t)e->o->seed));
}

static wagle_status finish(wagle_ctx *ctx, wg_evaluation *e, char **json)
{
    json_t *root =
        json_pack("{s:s, s:s, s:{}}", "schema", "wagle-result-1", "wagle", WAGLE_VERSION, "suites");
    wagle_status st = root != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        st = wg_evaluation_measure(ctx, e, json_object_get(root, "suites"));
    if (st == WAGLE_OK)
        st = describe(ctx, e, root);
    if (st == WAGLE_OK && e->o->redact)
        st = wg_json_set(ctx, root, "redacted", json_true());
    if (st == WAGLE_OK && e->o->redact)
        st = wg_redact_rows(ctx, e->rows);
    if (st == WAGLE_OK)
        st = wg_json_text(ctx, root, true, json);
    if (st == WAGLE_OK && e->o->out != NULL && wg_writes(ctx))
        st = wg_results_write(ctx, e->o->out, root, e->rows, e->o->force);
    if (st == WAGLE_OK)
        st = compare_with_gold(ctx, e, root);
    if (st != WAGLE_OK) {
        wg_free(*json);
        *json = NULL;
    }
    json_decref(root);
    return st;
}

/* Checks that the result may be written and overwrites no input. */
static wagle_status check_output(wagle_ctx *ctx, const wagle_suite_options *o)
{
    const wg_evaluation e = {.o = o};
    char name[64];
    const char *file;

    WG_TRY(wg_results_check(ctx, o->out, o->force,
                            WG_INPUTS(o->model, o->gold, o->recompute, o->reference, o->encoder)));
    for (int i = 0; wg_evaluation_set_at(&e, i, name, &file); i++)
        WG_TRY(wg_results_spare(ctx, o->out, file));
    return WAGLE_OK;
}

static wagle_status check_options(wagle_ctx *ctx, const wagle_suite_options *o)
{
    wg_counts counts;

    if (o->recompute == NULL && (o->model == NULL || o->suites == NULL || *o->suites == '\0'))
        return wg_fail(ctx, WAGLE_E_USAGE, "give a model and a suite");
    if (o->out != NULL && !wg_ends_with(o->out, ".json"))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{out} %s: the name must end in .json", o->out);
    if (!(o->temperature >= 0) || !isfinite(o->temperature) || o->max_tokens < -1 || o->shots < 0 ||
        o->resamples < 0 || o->relearn_steps < 0 || !(o->relearn_lr > 0))
        return wg_fail(
            ctx, WAGLE_E_USAGE,
            "@{temperature}, @{max_tokens}, @{shots}, @{resamples} and @{relearn_steps} must "
            "be 0 or more, @{relearn_lr} above 0");
    if (!(o->top_p > 0 && o->top_p <= 1))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{top_p} must be above 0, at most 1");
    WG_TRY(wg_attack_percents(ctx, o, &counts));
    WG_TRY(wg_leak_counts(ctx, o, &counts));
    WG_TRY(wg_stop_check(ctx, o->stop));
    return o->out != NULL ? check_output(ctx, o) : WAGLE_OK;
}

wagle_status wagle_suite_run(wagle_ctx *ctx, const wagle_suite_options *given, char **json)
{
    wagle_suite_options own;
    const wagle_suite_options *o = &own;
    wg_evaluation e = {.o = o};
    wagle_status st;

    wg_begin(ctx);
    *json = NULL;
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_suite));
    if (own.opened != NULL)
        own.model = wg_opened_path(own.opened);
    e.model = own.model;
    WG_TRY(check_options(ctx, o));
    if (ctx->dry_run && o->recompute != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{recompute} reads rows only: there is nothing to plan");
    st = wg_evaluation_begin(ctx, &e);
    if (st == WAGLE_OK && o->recompute != NULL) {
        json_decref(e.rows);
        e.rows = NULL;
        st = wg_results_read(ctx, o->recompute, &e.rows);
    } else if (st == WAGLE_OK)
        st = open_and_run(ctx, &e);
    if (st == WAGLE_OK && !ctx->dry_run)
        st = finish(ctx, &e, json);
    wg_evaluation_end(&e);
    return st;
}
