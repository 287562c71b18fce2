/* know.c - how well the model knows the rows: the best layout, the probability of the facts, and
 * the level of chance.
 *
 * Chance is the probability of the facts in control rows, which ask the same questions about people
 * that do not exist (data/controls.h). A model that does not know the rows does no better on them.
 */
#include "forget/forget.h"
#include "metric/paired.h"
#include "metric/statistics.h"
#include "text/chat.h"
#include "train/chance.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOTS = 3 }; /* solved questions in the few-shot prompt */
/* A model knows the rows if their probability exceeds chance by this margin and by this factor. */
static const double MIN_MARGIN = 0.15, MIN_FACTOR = 1.25;

static const wg_forget_layout layouts[WG_FORGET_LAYOUTS] = {
    {"chat", "the model's own chat template", "required", NULL, "--chat"},
    {"question", "\"### Question: ... ### Answer: ...\"", "none", NULL, "--no-chat"},
    {"bare", "the question alone, with the answer on the next line", "none", "{prompt}\n",
     "--no-chat"},
};

static const wg_forget_layout given_layout = {"given", "what the options say", NULL, NULL, NULL};

const wg_forget_layout *wg_forget_layout_at(int i)
{
    return &layouts[i];
}

const wg_forget_layout *wg_forget_layout_find(const char *name)
{
    for (int i = 0; i < WG_FORGET_LAYOUTS; i++)
        if (strcmp(layouts[i].name, name) == 0)
            return &layouts[i];
    return strcmp(given_layout.name, name) == 0 ? &given_layout : NULL;
}

wagle_status wg_forget_has_chat(wg_forget *f, bool *out)
{
    return wg_chat_present(f->ctx, f->original, out);
}

const char *wg_forget_facts_column(const wg_forget *f)
{
    return f->o->rows.facts_field != NULL ? f->o->rows.facts_field : "facts";
}

wagle_data wg_forget_data(const wg_forget *f, const char *path, const wg_forget_layout *layout)
{
    wagle_data d = f->o->rows;

    d.path = path;
    d.where = d.fields =
        NULL; /* rows/forget.jsonl has what they chose; `retain` is read as it is */
    if (layout != NULL && layout->chat != NULL)
        d.chat = layout->chat;
    if (layout != NULL && layout->prompt != NULL)
        d.prompt = layout->prompt;
    if (f->has_facts)
        d.facts_field = wg_forget_facts_column(f);
    return d;
}

/* --- levels ----------------------------------------------------------------------------------- */

wg_level wg_level_of(const double *x, int64_t n)
{
    const double mean = wg_mean(x, n), half = wg_half_interval(x, n);

    return (wg_level){mean, isnan(half) ? mean : mean + half, n};
}

wagle_status wg_forget_level(wg_forget *f, const char *model, const wagle_data *rows, wg_level *out)
{
    wagle_eval_options o;
    char *text = NULL;
    json_t *root = NULL;
    const json_t *row;
    double *p = NULL;
    size_t i;
    wagle_status st;

    wagle_eval_defaults(&o);
    o.model = model;
    o.data = *rows;
    o.metrics = "probability";
    WG_TRY(wagle_eval(f->ctx, &o, &text));
    st = wg_json_parse(f->ctx, "eval", text, strlen(text), &root);
    wagle_string_free(text);
    const json_t *list = json_object_get(root, "rows");
    if (st == WAGLE_OK)
        st = WG_ALLOC(f->ctx, &p, (int64_t)json_array_size(list));
    if (st == WAGLE_OK) {
        json_array_foreach (list, i, row)
            p[i] = json_number_value(json_object_get(row, "probability"));
        *out = wg_level_of(p, (int64_t)json_array_size(list));
    }
    wg_free(p);
    json_decref(root);
    return st;
}

/* --- the layout ------------------------------------------------------------------------------- */

/* Whether the layout is fixed: the caller chose one, or the rows are conversations. */
static bool layout_is_fixed(const wg_forget *f)
{
    return f->o->rows.chat != NULL || f->o->rows.prompt != NULL || !f->questions;
}

/* Chooses the layout in which the model gives the answers the highest probability. */
static wagle_status try_layouts(wg_forget *f, const char *rows)
{
    bool chat = false;

    WG_TRY(wg_forget_has_chat(f, &chat));
    for (int i = chat ? 0 : 1; i < WG_FORGET_LAYOUTS; i++) {
        const wagle_data data = wg_forget_data(f, rows, &layouts[i]);
        wg_level level;
        WG_TRY(wg_forget_level(f, f->original, &data, &level));
        wg_forget_log(f, "asked by %s: the true answers have probability %.3f", layouts[i].words,
                      level.mean);
        if (f->layout != NULL && level.mean <= f->known.mean)
            continue;
        f->layout = &layouts[i];
        f->known = level;
    }
    return WAGLE_OK;
}

wagle_status wg_forget_choose_layout(wg_forget *f)
{
    const char *path = wg_forget_path(f, "rows/forget.jsonl");

    if (path == NULL)
        return WAGLE_E_RESOURCE;
    if (!layout_is_fixed(f))
        return try_layouts(f, path);
    f->layout = &given_layout;
    return WAGLE_OK;
}

/* --- chance ----------------------------------------------------------------------------------- */

static wagle_status measure_gold(wg_forget *f, const wagle_data *rows)
{
    return wg_forget_level(f, f->o->gold_model, rows, &f->chance);
}

/* Number of solved questions that fit into max_length. Rows count double, because invented names
 * and the prefixes of a test make them longer. */
static int64_t max_shots(const wg_dataset *rows, int64_t max_length)
{
    const int64_t fit = max_length / (2 * rows->longest) - 1;

    return fit < 0 ? 0 : fit < SHOTS ? fit : SHOTS;
}

/* Writes rows/controls-K.jsonl for each draw. */
static wagle_status write_controls(wg_forget *f, const wg_chance *c)
{
    for (int k = 0; k < WG_CHANCE_DRAWS; k++) {
        const char *path = wg_forget_path(f, "rows/controls-%d.jsonl", k + 1);
        wg_text lines = {0};
        wagle_status st = path != NULL ? wg_chance_lines(f->ctx, c, k, &lines) : WAGLE_E_RESOURCE;
        if (st == WAGLE_OK)
            st = wg_write_file(f->ctx, path, lines.text, (size_t)lines.bytes, true);
        wg_text_free(&lines);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

/* The draws of one row are not independent, so the interval is computed over the rows' means. */
static wagle_status control_level(wg_forget *f, const wg_chance *c, int64_t rows)
{
    double *sum = NULL, *n = NULL;
    int64_t all = 0;
    wagle_status st = WG_ALLOC(f->ctx, &sum, rows);

    if (st == WAGLE_OK)
        st = WG_ALLOC(f->ctx, &n, rows);
    for (int64_t i = 0; st == WAGLE_OK && i < c->made.n; i++)
        if (c->counts[i]) {
            sum[c->made.control[i].row] += c->p[i];
            n[c->made.control[i].row]++;
        }
    for (int64_t i = 0; st == WAGLE_OK && i < rows; i++)
        if (n[i] > 0)
            sum[all++] = sum[i] / n[i];
    if (st == WAGLE_OK)
        f->chance = wg_level_of(sum, all);
    wg_free(sum);
    wg_free(n);
    return st;
}

static wagle_status measure_controls(wg_forget *f, wg_session *s, const wagle_data *rows,
                                     const wg_dataset *forget)
{
    wg_chance c = {0};
    double *known = NULL, level = 0;
    wagle_status st = wg_probabilities(f->ctx, s, forget, &known);

    if (st == WAGLE_OK) {
        f->known = wg_level_of(known, forget->n);
        st = wg_chance_controls(f->ctx, s, rows, forget, WG_CHANCE_DRAWS, f->o->seed,
                                WG_STREAM_NAMES, &c);
    }
    if (st == WAGLE_OK && c.made.n == 0)
        st = wg_fail(f->ctx, WAGLE_E_INPUT, "%s: no row has a question to ask of invented people",
                     f->o->data);
    if (st == WAGLE_OK)
        st = wg_chance_level(f->ctx, s, forget, known, &c, &level);
    if (st == WAGLE_OK)
        st = write_controls(f, &c);
    if (st == WAGLE_OK)
        st = control_level(f, &c, forget->n);
    wg_free(known);
    wg_chance_free(&c);
    return st;
}

static wagle_status measure_chance(wg_forget *f, const wagle_data *rows)
{
    wg_session s;
    wg_dataset forget = {0};
    wagle_status st;

    WG_TRY(wg_session_open(f->ctx, f->original, &s));
    st = wg_dataset_load(f->ctx, &s.reader, rows, &forget);
    if (st == WAGLE_OK) {
        f->shots = max_shots(&forget, s.reader.max_length);
        st = measure_controls(f, &s, rows, &forget);
    }
    wg_dataset_free(&forget);
    wg_session_close(&s);
    return st;
}

/* --- the stage -------------------------------------------------------------------------------- */

static wagle_status check_known(wg_forget *f)
{
    const char *who = f->o->gold_model != NULL ? "the gold model" : "invented people";

    wg_forget_log(
        f,
        "the model gives the facts a probability of %.3f; for %s it is %.3f: that is the level "
        "of chance",
        f->known.mean, who, f->chance.mean);
    if (f->known.mean - f->chance.mean >= MIN_MARGIN &&
        f->known.mean >= MIN_FACTOR * f->chance.mean)
        return WAGLE_OK;
    return wg_fail(f->ctx, WAGLE_E_INPUT,
                   "%s: the model does not know this: it gives the facts of the true answers a "
                   "probability of %.3f, and %.3f to the same questions about %s; there is nothing "
                   "to forget",
                   f->o->data, f->known.mean, f->chance.mean, who);
}

wagle_status wg_forget_know(wg_forget *f)
{
    const wagle_data rows = wg_forget_data(f, wg_forget_path(f, "rows/forget.jsonl"), f->layout);

    if (rows.path == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(measure_chance(f, &rows));
    if (f->o->gold_model != NULL)
        WG_TRY(measure_gold(f, &rows));
    return check_known(f);
}
