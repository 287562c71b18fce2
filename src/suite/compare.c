/* compare.c - differences between two results, each of one or more seeds, with intervals from
 * paired resampling of their rows. */
#include "suite/results.h"
#include "suite/settings.h"

#include "base/options.h"

#include <math.h>
#include <string.h>

enum { MAX_SEEDS = 16 };

/* The results of one side, one per seed: rows, and the columns of one suite. */
typedef struct side {
    json_t *rows[MAX_SEEDS];
    json_t *described[MAX_SEEDS]; /* what X.json says, or NULL */
    wg_frame frame[MAX_SEEDS];
    const wg_frame *seed[MAX_SEEDS];
    int64_t n;
} side;

/* Reads the results A,B,... */
static wagle_status read_side(wagle_ctx *ctx, const char *paths, side *s)
{
    while (*paths != '\0') {
        const size_t n = strcspn(paths, ",");
        wg_text path = {0};
        wagle_status st = s->n < MAX_SEEDS ? wg_text_add(ctx, &path, paths, n)
                                           : wg_fail(ctx, WAGLE_E_USAGE,
                                                     "compare: more than %d seeds", MAX_SEEDS);
        if (st == WAGLE_OK)
            st = wg_results_read(ctx, path.text, &s->rows[s->n]);
        if (st == WAGLE_OK)
            st = wg_results_described(ctx, path.text, &s->described[s->n]);
        wg_text_free(&path);
        WG_TRY(st);
        s->n++;
        paths += n + (paths[n] == ',');
    }
    return s->n > 0 ? WAGLE_OK : wg_fail(ctx, WAGLE_E_USAGE, "compare: give two results of eval");
}

static void close_side(side *s)
{
    for (int64_t k = 0; k < MAX_SEEDS; k++) {
        json_decref(s->rows[k]);
        json_decref(s->described[k]);
    }
}

static bool has_suite(const side *s, const wg_suite *suite)
{
    for (int64_t k = 0; k < s->n; k++)
        if (!wg_results_has(s->rows[k], suite))
            return false;
    return true;
}

static wagle_status open_frames(wagle_ctx *ctx, const wg_suite *suite, side *s)
{
    for (int64_t k = 0; k < s->n; k++) {
        s->frame[k] = (wg_frame){0};
        s->seed[k] = &s->frame[k];
    }
    for (int64_t k = 0; k < s->n; k++)
        WG_TRY(wg_results_frame(ctx, suite, s->rows[k], "", &s->frame[k]));
    return WAGLE_OK;
}

static void close_frames(side *s)
{
    for (int64_t k = 0; k < s->n; k++)
        wg_frame_free(&s->frame[k]);
}

/* Benchmark and chat template of a row of suite mcq, as text. */
static json_t *prompt_kind(const json_t *row)
{
    const char *benchmark = json_string_value(json_object_get(row, "benchmark"));
    const char *chat = json_string_value(json_object_get(row, "chat"));

    return json_sprintf("%s%s%s", benchmark != NULL ? benchmark : "no benchmark",
                        chat != NULL ? " by " : "", chat != NULL ? chat : "");
}

/* Records in `asked` how each set was prompted. Fails if a set was prompted in two ways. */
static wagle_status check_prompts(wagle_ctx *ctx, const wg_suite *suite, const json_t *rows,
                                  json_t *asked)
{
    const json_t *row;
    size_t i;

    json_array_foreach (rows, i, row) {
        const char *set = json_string_value(json_object_get(row, "set"));
        const json_t *before = json_object_get(asked, set);
        json_t *as;
        if (strcmp(json_string_value(json_object_get(row, "suite")), suite->name) != 0)
            continue;
        as = prompt_kind(row);
        if (as == NULL)
            return wg_json_memory(ctx);
        if (before != NULL && !json_equal(before, as)) {
            const wagle_status st = wg_fail(
                ctx, WAGLE_E_INPUT, "%s, set '%s': asked as %s and as %s, so the prompts differ",
                suite->name, set, json_string_value(before), json_string_value(as));
            json_decref(as);
            return st;
        }
        WG_TRY(wg_json_set(ctx, asked, set, as));
    }
    return WAGLE_OK;
}

static wagle_status check_sides(wagle_ctx *ctx, const wg_suite *suite, const side s[2])
{
    json_t *asked = json_object();
    wagle_status st = asked != NULL ? WAGLE_OK : wg_json_memory(ctx);

    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; st == WAGLE_OK && i < s[k].n; i++)
            st = check_prompts(ctx, suite, s[k].rows[i], asked);
    json_decref(asked);
    return st;
}

/* Warns if the results were made with different options. */
static wagle_status compare_settings(wagle_ctx *ctx, const wagle_difference_options *o,
                                     const side s[2])
{
    json_t *names = json_object();
    wagle_status st = names != NULL ? WAGLE_OK : wg_json_memory(ctx);

    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; st == WAGLE_OK && i < s[k].n; i++)
            if (s[0].described[0] != NULL && s[k].described[i] != NULL)
                st = wg_settings_compare(ctx, s[0].described[0], s[k].described[i], false, names);
    if (s[0].n > 1 || s[1].n > 1) /* several seeds are what was asked for */
        json_object_del(names, "@{seed}");
    if (st == WAGLE_OK)
        st = wg_settings_warn(
            ctx, names, "%s and %s were made with different options, which may be why they differ",
            o->a, o->b);
    json_decref(names);
    return st;
}

static wagle_status add_difference(wagle_ctx *ctx, const wg_suite *suite, const wg_measure *d,
                                   json_t *list)
{
    const bool differs = d->low > 0 || d->high < 0;
    json_t *one = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:I}", "suite",
                            suite->name, "metric", d->name, "a", wg_json_real(d->side[0]), "b",
                            wg_json_real(d->side[1]), "difference", wg_json_real(d->value), "low",
                            wg_json_real(d->low), "high", wg_json_real(d->high), "p",
                            wg_json_real(d->p), "significant", (int)differs, "n", (json_int_t)d->n);

    return one != NULL && json_array_append_new(list, one) == 0 ? WAGLE_OK : wg_json_memory(ctx);
}

static wagle_status compare_suite(wagle_ctx *ctx, const wagle_difference_options *o,
                                  const wg_suite *suite, side s[2], json_t *list)
{
    wg_measures d = {0};
    wagle_status st = open_frames(ctx, suite, &s[0]);

    if (st == WAGLE_OK)
        st = open_frames(ctx, suite, &s[1]);
    if (st == WAGLE_OK)
        st = wg_bootstrap_difference(ctx, &(wg_side){s[0].seed, s[0].n},
                                     &(wg_side){s[1].seed, s[1].n}, suite->measure, o->resamples,
                                     o->seed, &d);
    for (int64_t i = 0; st == WAGLE_OK && i < d.n; i++)
        st = add_difference(ctx, suite, &d.measure[i], list);
    wg_measures_free(&d);
    close_frames(&s[0]);
    close_frames(&s[1]);
    return st;
}

WG_DEFAULTS(wagle_difference_defaults, wagle_difference_options, .resamples = 2000, .seed = 1)

wagle_status wagle_difference(wagle_ctx *ctx, const wagle_difference_options *given, char **json)
{
    wagle_difference_options own;
    const wagle_difference_options *o = &own;
    side *s = NULL;
    json_t *list, *root = NULL;
    bool any = false;
    wagle_status st;

    wg_begin(ctx);
    *json = NULL;
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_difference));
    list = json_array();
    st = WG_ALLOC(ctx, &s, 2);
    if (st == WAGLE_OK)
        st = read_side(ctx, o->a, &s[0]);
    if (st == WAGLE_OK)
        st = read_side(ctx, o->b, &s[1]);
    for (int i = 0; st == WAGLE_OK && wg_suite_at(i) != NULL; i++) {
        if (!has_suite(&s[0], wg_suite_at(i)) || !has_suite(&s[1], wg_suite_at(i)))
            continue;
        any = true;
        st = check_sides(ctx, wg_suite_at(i), s);
        if (st == WAGLE_OK)
            st = compare_suite(ctx, o, wg_suite_at(i), s, list);
    }
    if (st == WAGLE_OK && any)
        st = compare_settings(ctx, o, s);
    if (st == WAGLE_OK && !any)
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s and %s have no suite in common", o->a, o->b);
    if (st == WAGLE_OK) {
        root = json_pack("{s:s, s:o, s:o, s:O}", "schema", "wagle-compare-1", "a",
                         wg_json_bytes(o->a), "b", wg_json_bytes(o->b), "differences", list);
        st = root != NULL ? wg_json_text(ctx, root, true, json) : wg_json_memory(ctx);
    }
    for (int k = 0; s != NULL && k < 2; k++)
        close_side(&s[k]);
    wg_free(s);
    json_decref(root);
    json_decref(list);
    return st;
}
