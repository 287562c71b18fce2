/* sections.c - settings of the runs, training curves, masks, examples, sources, limits. */
#include "report/report.h"

#include "base/file.h"
#include "base/hash.h"
#include "plot/plot.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- settings --------------------------------------------------------------------------------- */

static const char *const part_names[] = {"", "original", "gold", "unlearned"};

static const char *text_member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "-";
}

static double real_member(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* "wagle, gamma diag, density 0.1, some tensors left out", "all weights" */
static void selection(const json_t *m, char out[160])
{
    const char *gamma = json_string_value(json_object_get(m, "gamma"));

    if (json_object_get(m, "selector") != NULL)
        snprintf(
            out, 160, "%s%s%s, density %.4g%s", text_member(m, "selector"),
            gamma != NULL ? ", gamma " : "", gamma != NULL ? gamma : "", real_member(m, "density"),
            json_array_size(json_object_get(m, "exclude")) > 0 ? ", some tensors excluded" : "");
    else
        snprintf(out, 160, "%s",
                 json_object_get(m, "mask_sha256") != NULL ? "a mask" : "all weights");
}

/* "; 96 rows protected, damping 0.1", or an empty text */
static void protection(const json_t *m, char out[80])
{
    const json_t *p = json_object_get(m, "protection");

    out[0] = '\0';
    if (p != NULL)
        snprintf(out, 80, "; %.0f rows protected, damping %.4g", real_member(p, "rows"),
                 real_member(p, "damping"));
}

/* A wide cell that shows which weights were trained and what was protected. */
static wagle_status what_cell(wagle_ctx *ctx, wg_report *r, const json_t *m)
{
    char what[160] = "-", protected[80] = "";

    if (m != NULL) {
        selection(m, what);
        protection(m, protected);
    }
    WG_TRY(wg_text_addz(ctx, &r->page, "<td class=\"t\">"));
    WG_TRY(wg_page_text(ctx, &r->page, what));
    WG_TRY(wg_page_text(ctx, &r->page, protected));
    return wg_text_addz(ctx, &r->page, "</td>");
}

static wagle_status number_or_dash(wagle_ctx *ctx, wg_report *r, const json_t *m, const char *key)
{
    return m != NULL ? wg_page_cell(ctx, &r->page, false, "%.6g", real_member(m, key))
                     : wg_page_cell(ctx, &r->page, false, "-");
}

/* A cell with the layout of questions in training. */
static wagle_status layout_cell(wagle_ctx *ctx, wg_report *r, const json_t *layout)
{
    const char *chat = json_string_value(json_object_get(layout, "chat"));
    const char *eos =
        json_is_true(json_object_get(layout, "eos")) ? ", with the end-of-text token" : "";

    if (layout == NULL)
        return wg_page_cell(ctx, &r->page, false, "-");
    WG_TRY(wg_text_addz(ctx, &r->page, "<td class=\"t\">"));
    WG_TRY(wg_page_text(ctx, &r->page, chat != NULL ? "chat template: " : "prompt: "));
    WG_TRY(wg_page_text(ctx, &r->page, chat != NULL ? chat : text_member(layout, "prompt")));
    WG_TRY(wg_page_text(ctx, &r->page, eos));
    return wg_text_addz(ctx, &r->page, "</td>");
}

static wagle_status made_row(wagle_ctx *ctx, wg_report *r, const wg_report_model *model)
{
    const json_t *m = model->manifest;
    const double share =
        m != NULL ? 100 * real_member(m, "selected") / fmax(real_member(m, "weights"), 1) : 0;
    const bool stopped = json_is_true(json_object_get(m, "stopped"));
    char trained[64] = "-";

    if (m != NULL)
        snprintf(trained, sizeof trained, "%.0f (%.3g %%)", real_member(m, "selected"), share);
    WG_TRY(wg_text_addz(ctx, &r->page, "<tr>"));
    WG_TRY(wg_page_cell(ctx, &r->page, true, "%s", model->label));
    WG_TRY(wg_page_cell(ctx, &r->page, false, "%s", part_names[model->part]));
    WG_TRY(wg_page_cell(ctx, &r->page, false, "%s", text_member(m, "objective")));
    WG_TRY(what_cell(ctx, r, m));
    WG_TRY(wg_page_cell(ctx, &r->page, false, "%s", trained));
    WG_TRY(number_or_dash(ctx, r, m, "steps"));
    WG_TRY(number_or_dash(ctx, r, m, "lr"));
    WG_TRY(wg_page_cell(ctx, &r->page, false, "%s", stopped ? text_member(m, "stop_when") : "-"));
    WG_TRY(layout_cell(ctx, r, json_object_get(m, "layout")));
    return wg_text_addz(ctx, &r->page, "</tr>\n");
}

/* Writes the settings of the runs, or nothing if no model has a manifest. */
wagle_status wg_report_settings(wagle_ctx *ctx, wg_report *r)
{
    static const char *const heads[] = {
        "model",           "role",    "objective",     "selection of weights",
        "weights trained", "updates", "learning rate", "stopping rule",
        "layout"};

    bool any = false, gold = false;

    for (int i = 0; i < r->n; i++) {
        any |= r->model[i].manifest != NULL;
        gold |= r->model[i].part == WG_PART_GOLD;
    }
    if (!any)
        return WAGLE_OK;
    WG_TRY(wg_page_section(ctx, &r->page, "How each model was made"));
    WG_TRY(wg_page_table(ctx, &r->page, heads, 9));
    for (int i = 0; i < r->n; i++)
        WG_TRY(made_row(ctx, r, &r->model[i]));
    WG_TRY(wg_page_table_end(ctx, &r->page));
    return gold ? wg_page_paragraph(ctx, &r->page, "The gold model never saw the forget set.")
                : WAGLE_OK;
}

/* --- curves ----------------------------------------------------------------------------------- */

typedef struct curve {
    double *x, *y;
    int64_t n;
} curve;

/* Reads the values of a key of the log, by step. */
static wagle_status read_curve(wagle_ctx *ctx, const json_t *log, const char *key, curve *out)
{
    const int64_t max = (int64_t)json_array_size(log);
    const json_t *line;
    size_t i;

    WG_TRY(WG_ALLOC(ctx, &out->x, max));
    WG_TRY(WG_ALLOC(ctx, &out->y, max));
    json_array_foreach (log, i, line) {
        const json_t *value = json_object_get(line, key);
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            continue;
        out->x[out->n] = real_member(line, "step");
        out->y[out->n++] = json_number_value(value);
    }
    return WAGLE_OK;
}

static wagle_status draw_curves(wagle_ctx *ctx, wg_report *r, const char *key, const char *title,
                                const char *measure, const char *words)
{
    curve c[WG_REPORT_MODELS] = {{NULL, NULL, 0}};
    wg_line line[WG_REPORT_MODELS];
    wg_text svg = {0};
    int64_t n = 0;
    wagle_status st = WAGLE_OK;

    for (int i = 0; st == WAGLE_OK && i < r->n; i++) {
        if (r->model[i].log == NULL || r->model[i].part != WG_PART_UNLEARNED)
            continue;
        st = read_curve(ctx, r->model[i].log, key, &c[i]);
        if (c[i].n > 1)
            line[n++] = (wg_line){r->model[i].label, c[i].x, c[i].y, c[i].n};
    }
    if (st == WAGLE_OK && n > 0)
        st = wg_plot_lines(
            ctx, &(wg_lines){.title = title, .x = "update", .y = measure, .line = line, .n = n},
            &svg);
    if (st == WAGLE_OK && n > 0)
        st = wg_page_figure(ctx, &r->page, &svg, words);
    for (int i = 0; i < r->n; i++) {
        wg_free(c[i].x);
        wg_free(c[i].y);
    }
    wg_text_free(&svg);
    return st;
}

wagle_status wg_report_curves(wagle_ctx *ctx, wg_report *r)
{
    bool any = false;
    char key[96];
    const char *words;

    for (int i = 0; i < r->n; i++)
        any |= r->model[i].log != NULL && r->model[i].part == WG_PART_UNLEARNED;
    if (!any)
        return WAGLE_OK;
    WG_TRY(wg_page_section(ctx, &r->page, "During training"));
    WG_TRY(draw_curves(ctx, r, "forget.probability", "Forget set: answer probability",
                       "answer probability",
                       "Answer probability of the forget set during training. One line for each "
                       "run. A line ends where the run met its stopping rule or used up its "
                       "updates."));
    for (int i = 0; wg_report_headline_metric(i, key, &words); i++)
        WG_TRY(draw_curves(ctx, r, key, words, words, "This metric during training (--suite)."));
    WG_TRY(draw_curves(ctx, r, "retain_term", "Retain loss of each batch", "loss",
                       "The retain term of the loss during training. If it rises, the run damages "
                       "what should be kept."));
    return draw_curves(ctx, r, "grad_norm", "Gradient norm", "norm",
                       "The norm of the gradient of the trained weights during training.");
}

/* --- masks ------------------------------------------------------------------------------------ */

wagle_status wg_report_masks(wagle_ctx *ctx, wg_report *r)
{
    wg_heat heat[WG_REPORT_MODELS];
    wg_text svg = {0};
    int64_t n = 0;
    wagle_status st = WAGLE_OK;

    for (int i = 0; st == WAGLE_OK && i < r->n; i++) {
        const char *tensor;
        json_t *share;
        if (json_object_size(json_object_get(r->model[i].manifest, "share")) == 0)
            continue;
        heat[n++] = (wg_heat){.title = r->model[i].label};
        json_object_foreach (json_object_get(r->model[i].manifest, "share"), tensor, share) {
            if (st == WAGLE_OK)
                st = wg_heat_add(ctx, &heat[n - 1], tensor, json_number_value(share));
        }
    }
    if (st == WAGLE_OK && n > 0)
        st = wg_page_section(ctx, &r->page, "Which weights were trained");
    if (st == WAGLE_OK && n > 0)
        st = wg_plot_heats(ctx, heat, n, &svg);
    if (st == WAGLE_OK && n > 0)
        st = wg_page_figure(
            ctx, &r->page, &svg,
            "Each cell is one tensor: the layer from left to right, the module from top to "
            "bottom. The darker the cell, the larger the share of its weights that "
            "was trained. All other weights are unchanged.");
    for (int64_t i = 0; i < n; i++)
        wg_heat_free(&heat[i]);
    wg_text_free(&svg);
    return st;
}

/* --- examples --------------------------------------------------------------------------------- */

enum { EXAMPLES = 5 };

/* The model's row of that set and number that has a generated text, or NULL. */
static const json_t *find_row(const wg_report_model *m, const char *set, int64_t number)
{
    const json_t *row;
    size_t i;

    json_array_foreach (m->rows, i, row)
        if (strcmp(text_member(row, "set"), set) == 0 &&
            json_object_get(row, "generated") != NULL &&
            json_integer_value(json_object_get(row, "row")) == number)
            return row;
    return NULL;
}

static wagle_status write_answer(wagle_ctx *ctx, wg_report *r, const char *who, const char *other,
                                 const char *text)
{
    WG_TRY(wg_text_addz(ctx, &r->page, "<tr>"));
    WG_TRY(wg_page_cell(ctx, &r->page, true, "%s", who));
    WG_TRY(wg_text_addz(ctx, &r->page, "<td class=\"t\"><div class=\"said\" dir=\"auto\">"));
    WG_TRY(other != NULL ? wg_page_difference(ctx, &r->page, other, text)
                         : wg_page_text(ctx, &r->page, text));
    return wg_text_addz(ctx, &r->page, "</div></td></tr>\n");
}

/* Shows one question with the true answer, the original's answer and the other models' answers.
 * Differences from the original (or from the true answer if there is none) are marked. */
static wagle_status example(wagle_ctx *ctx, wg_report *r, const char *set, int64_t number)
{
    static const char *const heads[] = {"model", "answer"};
    const json_t *source = NULL, *before = NULL;
    const char *against;

    for (int i = 0; i < r->n; i++) {
        const json_t *row = find_row(&r->model[i], set, number);
        source = source == NULL ? row : source;
        before = r->model[i].part == WG_PART_ORIGINAL && row != NULL ? row : before;
    }
    if (source == NULL)
        return WAGLE_OK;
    WG_TRY(wg_text_addz(ctx, &r->page, "<h3><span dir=\"auto\">"));
    WG_TRY(wg_page_text(ctx, &r->page,
                        json_object_get(source, "question") != NULL
                            ? text_member(source, "question")
                            : "A text to continue"));
    WG_TRY(wg_text_printf(ctx, &r->page, "</span> <small>(%s)</small></h3>\n",
                          strcmp(set, "forget") == 0 ? "to be forgotten" : "to be kept"));
    WG_TRY(wg_page_table(ctx, &r->page, heads, 2));
    if (json_object_get(source, "answer") != NULL)
        WG_TRY(write_answer(ctx, r, "true answer", NULL, text_member(source, "answer")));
    against = before != NULL ? text_member(before, "generated") : text_member(source, "answer");
    for (int i = 0; i < r->n; i++) {
        const json_t *row = find_row(&r->model[i], set, number);
        if (row != NULL)
            WG_TRY(write_answer(ctx, r, r->model[i].label, row == before ? NULL : against,
                                text_member(row, "generated")));
    }
    return wg_page_table_end(ctx, &r->page);
}

/* Shows up to `max` rows, spread over the set. */
static wagle_status examples(wagle_ctx *ctx, wg_report *r, const char *set, int max)
{
    int64_t rows = 0;

    for (int i = 0; i < r->n; i++) {
        int64_t n = 0;
        while (find_row(&r->model[i], set, n) != NULL && n < 100000)
            n++;
        rows = n > rows ? n : rows;
    }
    for (int k = 0; k < max && k < rows; k++)
        WG_TRY(example(ctx, r, set, max < rows ? k * (rows - 1) / (max - 1) : k));
    return WAGLE_OK;
}

wagle_status wg_report_examples(wagle_ctx *ctx, wg_report *r)
{
    bool any = false;

    for (int i = 0; i < r->n; i++)
        any |= find_row(&r->model[i], "forget", 0) != NULL;
    if (!any)
        return WAGLE_OK;
    WG_TRY(wg_page_section(ctx, &r->page, "What the models answer"));
    WG_TRY(wg_page_paragraph(
        ctx, &r->page, "%s",
        r->o->redact ? "Greedy answers. Texts are replaced by keyed hashes: the same hash "
                       "in one table means the same text."
                     : "Greedy answers. Words that the original model did not write "
                       "are marked."));
    WG_TRY(examples(ctx, r, "forget", EXAMPLES));
    return examples(ctx, r, "retain", 2);
}

/* --- sources and limits ----------------------------------------------------------------------- */

static wagle_status source(wagle_ctx *ctx, wg_report *r, const char *label, const char *path)
{
    char hash[WG_SHA256_TEXT] = "";
    char *manifest = wg_path_join(ctx, path, "manifest.json");
    wagle_status st = manifest != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK)
        st = wg_sha256_file(ctx, wg_is_folder(path) ? manifest : path, hash);
    wg_free(manifest);
    WG_TRY(st);
    WG_TRY(wg_text_addz(ctx, &r->page, "<tr>"));
    WG_TRY(wg_page_cell(ctx, &r->page, true, "%s", label));
    WG_TRY(wg_page_cell(ctx, &r->page, false, "%s", wg_path_name(path)));
    return wg_text_printf(ctx, &r->page, "<td class=\"t\">%s</td></tr>\n", hash);
}

static wagle_status data_hashes(wagle_ctx *ctx, wg_report *r, const wg_report_model *m)
{
    static const char *const keys[] = {"forget", "retain", "data"};
    const json_t *file;
    size_t i;

    for (int k = 0; k < 3; k++)
        json_array_foreach (json_object_get(m->manifest, keys[k]), i, file) {
            WG_TRY(wg_text_addz(ctx, &r->page, "<tr>"));
            WG_TRY(wg_page_cell(ctx, &r->page, true, "%s, %s", m->label, keys[k]));
            WG_TRY(wg_page_cell(ctx, &r->page, false, "%s", text_member(file, "file")));
            WG_TRY(wg_text_addz(ctx, &r->page, "<td class=\"t\">"));
            WG_TRY(wg_page_text(ctx, &r->page, text_member(file, "sha256")));
            WG_TRY(wg_text_addz(ctx, &r->page, "</td></tr>\n"));
        }
    return WAGLE_OK;
}

/* A path relative to the page's folder, if it is inside that folder. */
static const char *relative_path(const wg_report *r, const char *path)
{
    const size_t folder = (size_t)(wg_path_name(r->o->out) - r->o->out);

    return folder > 0 && strncmp(path, r->o->out, folder) == 0 ? path + folder : path;
}

wagle_status wg_report_sources(wagle_ctx *ctx, wg_report *r)
{
    static const char *const heads[] = {"of", "file", "SHA-256 (for a run: of its manifest)"};
    const json_t *path;
    size_t k;

    WG_TRY(wg_page_section(ctx, &r->page, "Sources"));
    WG_TRY(wg_page_table(ctx, &r->page, heads, 3));
    if (r->certificate != NULL)
        WG_TRY(source(ctx, r, "certificate", r->certificate_path));
    for (int i = 0; i < r->n; i++) {
        json_array_foreach (r->model[i].sources, k, path)
            WG_TRY(source(ctx, r, r->model[i].label, json_string_value(path)));
        WG_TRY(data_hashes(ctx, r, &r->model[i]));
    }
    WG_TRY(wg_page_table_end(ctx, &r->page));
    WG_TRY(wg_page_paragraph(ctx, &r->page, "Made by wagle %s. %s", WAGLE_VERSION,
                             r->n > 0 ? "These commands make the page again, and compute the "
                                        "metrics again from their rows without a model:"
                                      : "This command makes the page again:"));
    WG_TRY(wg_text_addz(ctx, &r->page, "<pre>wagle report"));
    if (r->certificate != NULL) {
        WG_TRY(wg_text_addz(ctx, &r->page, " "));
        WG_TRY(wg_page_text(ctx, &r->page, relative_path(r, r->certificate_path)));
    }
    for (int i = 0; i < r->n; i++)
        json_array_foreach (r->model[i].sources, k, path) {
            char entry[400];
            snprintf(entry, sizeof entry, " %.60s=%.300s", r->model[i].label,
                     relative_path(r, json_string_value(path)));
            WG_TRY(wg_page_text(ctx, &r->page, entry));
        }
    return wg_text_printf(ctx, &r->page, "%s --out report.html\n%s</pre>\n",
                          r->o->redact ? " --redact" : "",
                          r->n > 0 ? "wagle eval --recompute RESULT.json\n" : "");
}

wagle_status wg_report_limits(wagle_ctx *ctx, wg_report *r)
{
    static const char *const limits[] = {
        ("A model that does not answer may still hold the data. Relearning, rounding of the "
         "weights and other prompts can bring out what plain questions do not. This page says "
         "nothing about methods that were not tried."),
        ("The confidence intervals cover the choice of rows, not the training. Training again with "
         "another seed gives another model, whose figures may differ by more."),
        "A small forget set has wide confidence intervals. Check n.",
        "What the model kept is known only for the sets that were measured."};

    WG_TRY(wg_page_section(ctx, &r->page, "What this page does not show"));
    WG_TRY(wg_text_addz(ctx, &r->page, "<ul>\n"));
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        WG_TRY(wg_text_addz(ctx, &r->page, "<li>"));
        WG_TRY(wg_page_text(ctx, &r->page, limits[i]));
        WG_TRY(wg_text_addz(ctx, &r->page, "</li>\n"));
    }
    return wg_text_addz(ctx, &r->page, "</ul>\n");
}
