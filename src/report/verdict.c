/* verdict.c - the first sentences of a page without a certificate, and the metrics behind them. */
#include "report/report.h"

#include "plot/plot.h"
#include "suite/suite.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A metric of the forget set or of what should be kept. Tables list the most informative first.
 * `words` is for rows and plots, `phrase` for sentences. */
typedef struct headline {
    const char *suite, *metric, *words, *phrase;
    bool forget, unit; /* unit: from 0 to 1, so it can be a bar */
} headline;

static const headline headlines[] = {
    {"tofu", "forget.probability", "forget set: answer probability",
     "the answer probability on the forget set", true, true},
    {"tofu", "forget.rougeL", "forget set: ROUGE-L", "ROUGE-L on the forget set", true, true},
    {"extraction", "forget.probability", "forget set: probability (extraction)",
     "the answer probability on the forget set", true, true},
    {"extraction", "forget.extraction_strength", "forget set: extraction strength",
     "the extraction strength on the forget set", true, true},
    {"muse", "verbatim.rougeL_f1", "forget set: ROUGE-L, verbatim",
     "ROUGE-L of continued passages of the forget set", true, true},
    {"muse", "knowledge_forget.rougeL_f1", "forget set: ROUGE-L, answers",
     "ROUGE-L of answers about the forget set", true, true},
    {"copyright", "text.rougeL_f1", "forget set: ROUGE-L, passages",
     "ROUGE-L of continued passages of the forget set", true, true},
    {"mcq", "wmdp.letter_acc", "forget set: WMDP accuracy", "the accuracy on WMDP", true, true},
    {"tofu", "model_utility", "kept: model utility", "model utility", false, true},
    {"tofu", "retain.probability", "kept: retain set probability",
     "the answer probability on the retain set", false, true},
    {"tofu", "retain.rougeL", "kept: retain set ROUGE-L", "ROUGE-L on the retain set", false, true},
    {"tofu", "real_authors.probability", "kept: real authors",
     "the answer probability on real authors", false, true},
    {"tofu", "world_facts.probability", "kept: world facts",
     "the answer probability on world facts", false, true},
    {"muse", "knowledge_retain.rougeL_f1", "kept: ROUGE-L, answers",
     "ROUGE-L of answers about the retain set", false, true},
    {"mcq", "mmlu.letter_acc", "kept: MMLU accuracy", "the accuracy on MMLU", false, true},
    {"general", "text.perplexity", "kept: perplexity of text",
     "the perplexity of other text (lower is better)", false, false},
};
enum { HEADLINES = sizeof headlines / sizeof *headlines, BARS_MOST = 6 };

bool wg_report_headline_metric(int i, char key[96], const char **words)
{
    if (i >= HEADLINES)
        return false;
    snprintf(key, 96, "%s.%s", headlines[i].suite, headlines[i].metric);
    *words = headlines[i].words;
    return true;
}

const json_t *wg_report_metric(const wg_report_model *m, const char *suite, const char *metric)
{
    return json_object_get(json_object_get(json_object_get(m->suites, suite), "metrics"), metric);
}

double wg_report_value(const wg_report_model *m, const char *suite, const char *metric)
{
    const json_t *value = json_object_get(wg_report_metric(m, suite, metric), "value");

    return json_is_number(value) ? json_number_value(value) : NAN;
}

static double value_of(const wg_report_model *m, const headline *h)
{
    return wg_report_value(m, h->suite, h->metric);
}

static bool any_has(const wg_report *r, const headline *h)
{
    for (int i = 0; i < r->n; i++)
        if (!isnan(value_of(&r->model[i], h)))
            return true;
    return false;
}

static const headline *first(const wg_report *r, bool forget)
{
    for (int i = 0; i < HEADLINES; i++)
        if (headlines[i].forget == forget && any_has(r, &headlines[i]))
            return &headlines[i];
    return NULL;
}

static const wg_report_model *of_part(const wg_report *r, wg_part part)
{
    for (int i = 0; i < r->n; i++)
        if (r->model[i].part == part)
            return &r->model[i];
    return NULL;
}

/* "fell from 0.980 to 0.083", "is 0.083" */
static void format_change(const wg_report *r, const wg_report_model *m, const headline *h,
                          char out[80])
{
    const wg_report_model *before = of_part(r, WG_PART_ORIGINAL);
    const double from = before != NULL ? value_of(before, h) : NAN, to = value_of(m, h);
    char a[32], b[32];

    snprintf(a, sizeof a, "%.4f", from);
    snprintf(b, sizeof b, "%.4f", to);
    if (isnan(from))
        snprintf(out, 80, "is %s", b);
    else if (strcmp(a, b) == 0)
        snprintf(out, 80, "stayed at %s", b);
    else
        snprintf(out, 80, "%s from %s to %s", to < from ? "fell" : "rose", a, b);
}

/* Writes the metric of the gold model, which never saw the forget set. */
static wagle_status write_gold(wagle_ctx *ctx, wg_report *r, const headline *h)
{
    const wg_report_model *gold = of_part(r, WG_PART_GOLD);

    if (gold == NULL || h == NULL || isnan(value_of(gold, h)))
        return WAGLE_OK;
    return wg_page_paragraph(ctx, &r->page,
                             "For comparison, %s is %.4f for a model that never saw the forget set "
                             "(%s).",
                             h->phrase, value_of(gold, h), gold->label);
}

/* Writes a metric of a model in a sentence, or nothing if the model does not have it. */
static wagle_status write_metric(wagle_ctx *ctx, wg_report *r, const wg_report_model *m,
                                 const headline *h)
{
    char went[80], line[400];

    if (h == NULL || isnan(value_of(m, h)))
        return WAGLE_OK;
    format_change(r, m, h, went);
    snprintf(line, sizeof line, "%s: %s %s.", m->label, h->phrase, went);
    return wg_page_long(ctx, &r->page, line);
}

/* Writes what is missing for a verdict, and which suites would provide it. */
static wagle_status write_missing(wagle_ctx *ctx, wg_report *r, bool forget, bool keep)
{
    if (!forget)
        WG_TRY(wg_page_paragraph(
            ctx, &r->page,
            "These results do not say whether the data was forgotten: no suite measured the forget "
            "set. Run one of: wagle eval --suite tofu, extraction, muse or copyright with the "
            "forget set, or --suite mcq with WMDP."));
    if (!keep)
        WG_TRY(wg_page_paragraph(
            ctx, &r->page,
            "These results do not say what the model kept. Run one of: wagle eval --suite tofu or "
            "muse with the retain set, --suite mcq with MMLU, or --suite general with other "
            "text."));
    if (forget && of_part(r, WG_PART_GOLD) == NULL)
        WG_TRY(wg_page_paragraph(
            ctx, &r->page,
            "No model here has never seen the forget set, so this page cannot say which figure "
            "counts as forgotten. Add the result of such a model as gold=FILE.json, or use wagle "
            "forget, which measures the limit itself."));
    return WAGLE_OK;
}

wagle_status wg_report_verdict(wagle_ctx *ctx, wg_report *r)
{
    const headline *forget = first(r, true), *keep = first(r, false);
    bool measured[2] = {false, false};

    WG_TRY(wg_text_addz(ctx, &r->page, "<div class=\"verdict\">\n"));
    for (int i = 0; i < r->n; i++) {
        const wg_report_model *m = &r->model[i];
        if (m->part != WG_PART_UNLEARNED)
            continue;
        measured[0] |= forget != NULL && !isnan(value_of(m, forget));
        measured[1] |= keep != NULL && !isnan(value_of(m, keep));
        WG_TRY(write_metric(ctx, r, m, forget));
        WG_TRY(write_metric(ctx, r, m, keep));
    }
    WG_TRY(write_gold(ctx, r, forget));
    WG_TRY(write_gold(ctx, r, keep));
    WG_TRY(write_missing(ctx, r, measured[0], measured[1]));
    return wg_text_addz(ctx, &r->page, "</div>\n");
}

/* A cell "0.083 [0.071, 0.094]". */
static wagle_status number_cell(wagle_ctx *ctx, wg_text *p, const json_t *metric)
{
    const json_t *value = json_object_get(metric, "value"), *low = json_object_get(metric, "low");
    const double x = json_number_value(value);

    if (!json_is_number(value))
        return wg_text_addz(ctx, p, "<td>-</td>");
    WG_TRY(wg_text_printf(ctx, p, fabs(x) < 1e-3 && x != 0 ? "<td>%.2e" : "<td>%.4f", x));
    if (json_is_number(low))
        WG_TRY(wg_text_printf(ctx, p, " <small>[%.4f, %.4f]</small>", json_number_value(low),
                              json_number_value(json_object_get(metric, "high"))));
    return wg_text_addz(ctx, p, "</td>");
}

/* Opens a table with one row per metric and one column per model. */
static wagle_status table_head(wagle_ctx *ctx, wg_report *r)
{
    const char *head[WG_REPORT_MODELS + 1] = {"metric"};

    for (int i = 0; i < r->n; i++)
        head[i + 1] = r->model[i].label;
    return wg_page_table(ctx, &r->page, head, r->n + 1);
}

static wagle_status table_row(wagle_ctx *ctx, wg_report *r, const char *words, const char *suite,
                              const char *metric)
{
    int64_t n = 0;

    for (int i = 0; i < r->n; i++) {
        const json_t *m = json_object_get(wg_report_metric(&r->model[i], suite, metric), "n");
        n = json_integer_value(m) > n ? json_integer_value(m) : n;
    }
    WG_TRY(wg_text_addz(ctx, &r->page, "<tr>"));
    WG_TRY(wg_page_cell(ctx, &r->page, true, "%s (n\xC2\xA0=\xC2\xA0%lld)", words, (long long)n));
    for (int i = 0; i < r->n; i++)
        WG_TRY(number_cell(ctx, &r->page, wg_report_metric(&r->model[i], suite, metric)));
    return wg_text_addz(ctx, &r->page, "</tr>\n");
}

/* Whether suite tofu already has a bar for the same quantity. */
static bool is_repeated(const wg_report *r, int i)
{
    return i > 0 && strcmp(headlines[i].metric, headlines[0].metric) == 0 &&
           any_has(r, &headlines[0]);
}

static wagle_status bars(wagle_ctx *ctx, wg_report *r)
{
    const char *group[BARS_MOST], *series[WG_REPORT_MODELS];
    double value[BARS_MOST * WG_REPORT_MODELS];
    wg_text svg = {0};
    int groups = 0;
    wagle_status st;

    for (int i = 0; i < HEADLINES && groups < BARS_MOST; i++) {
        if (!headlines[i].unit || !any_has(r, &headlines[i]) || is_repeated(r, i))
            continue;
        group[groups] = headlines[i].words;
        for (int k = 0; k < r->n; k++) {
            const double x = value_of(&r->model[k], &headlines[i]);
            value[groups * r->n + k] = isnan(x) ? 0 : x;
        }
        groups++;
    }
    for (int k = 0; k < r->n; k++)
        series[k] = r->model[k].label;
    if (groups == 0)
        return WAGLE_OK;
    st = wg_plot_bars(ctx,
                      &(wg_bars){.title = "Forgotten and kept",
                                 .group = group,
                                 .series = series,
                                 .groups = groups,
                                 .serieses = r->n,
                                 .value = value},
                      &svg);
    if (st == WAGLE_OK)
        st = wg_page_figure(
            ctx, &r->page, &svg,
            "One bar for each model. The bars of the forget set should be low, close to the "
            "gold model (a model that never saw the forget set). The bars of what "
            "is kept should stay as high as those of the original model. The "
            "table below has the numbers.");
    wg_text_free(&svg);
    return st;
}

wagle_status wg_report_headline(wagle_ctx *ctx, wg_report *r)
{
    WG_TRY(wg_page_section(ctx, &r->page, "Forgotten and kept"));
    WG_TRY(bars(ctx, r));
    WG_TRY(table_head(ctx, r));
    for (int i = 0; i < HEADLINES; i++)
        if (any_has(r, &headlines[i]))
            WG_TRY(table_row(ctx, r, headlines[i].words, headlines[i].suite, headlines[i].metric));
    WG_TRY(wg_page_table_end(ctx, &r->page));
    return wg_page_paragraph(
        ctx, &r->page,
        "In brackets: the 95 %% confidence interval, from resampling the rows of "
        "each set. n is the number of rows.");
}

wagle_status wg_report_pareto(wagle_ctx *ctx, wg_report *r)
{
    const headline *forget = first(r, true), *keep = first(r, false);
    wg_dot dot[WG_REPORT_MODELS];
    wg_text svg = {0};
    int64_t n = 0;
    wagle_status st;

    for (int i = 0; forget != NULL && keep != NULL && i < r->n; i++) {
        const double x = value_of(&r->model[i], forget), y = value_of(&r->model[i], keep);
        if (!isnan(x) && !isnan(y))
            dot[n++] = (wg_dot){x, y, r->model[i].label, r->model[i].label};
    }
    if (n < 2)
        return WAGLE_OK;
    st = wg_plot_dots(ctx,
                      &(wg_dots){.title = "Forgetting against keeping",
                                 .x = forget->words,
                                 .y = keep->words,
                                 .dot = dot,
                                 .n = n},
                      &svg);
    if (st == WAGLE_OK)
        st = wg_page_figure(
            ctx, &r->page, &svg,
            "Each dot is a model. Further left means more is forgotten, further up means more "
            "is kept. The best models are at the top left.");
    wg_text_free(&svg);
    return st;
}

/* Writes a table of all metrics of a suite that at least one model has. */
static wagle_status suite_table(wagle_ctx *ctx, wg_report *r, const char *suite)
{
    json_t *names = json_object(), *value;
    const char *metric;
    wagle_status st = names != NULL ? WAGLE_OK : wg_json_memory(ctx);

    for (int i = 0; st == WAGLE_OK && i < r->n; i++) {
        json_object_foreach (json_object_get(json_object_get(r->model[i].suites, suite), "metrics"),
                             metric, value)
            if (st == WAGLE_OK)
                st = wg_json_set(ctx, names, metric, json_true());
    }
    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, &r->page, "<details><summary>%s: %d metrics</summary>\n", suite,
                            (int)json_object_size(names));
    if (st == WAGLE_OK)
        st = table_head(ctx, r);
    json_object_foreach (names, metric, value) {
        if (st == WAGLE_OK)
            st = table_row(ctx, r, metric, suite, metric);
    }
    if (st == WAGLE_OK)
        st = wg_text_addz(ctx, &r->page, "</tbody></table></div></details>\n");
    json_decref(names);
    return st;
}

wagle_status wg_report_metrics(wagle_ctx *ctx, wg_report *r)
{
    bool titled = false;

    for (int s = 0; wg_suite_at(s) != NULL; s++) {
        const char *name = wg_suite_at(s)->name;
        bool any = false;
        for (int i = 0; i < r->n; i++)
            any |= json_object_get(r->model[i].suites, name) != NULL;
        if (any && !titled)
            WG_TRY(wg_page_section(ctx, &r->page, "All metrics"));
        titled |= any;
        if (any)
            WG_TRY(suite_table(ctx, r, name));
    }
    return WAGLE_OK;
}

/* --- robustness and membership inference ------------------------------------------------------ */

static const headline attacks[] = {
    {"robustness", "plain.probability", "unchanged", NULL, true, true},
    {"robustness", "relearn_5.probability", "after 5 relearning steps", NULL, true, true},
    {"robustness", "relearn_10.probability", "after 10 relearning steps", NULL, true, true},
    {"robustness", "relearn_20.probability", "after 20 relearning steps", NULL, true, true},
    {"robustness", "q8_0.probability", "weights rounded to 8 bits", NULL, true, true},
    {"robustness", "q4_0.probability", "weights rounded to 4 bits", NULL, true, true},
    {"robustness", "jailbreak.probability", "with jailbreak prefixes", NULL, true, true},
    {"robustness", "few_shot.probability", "after solved examples (few-shot)", NULL, true, true},
    {"membership", "loss.auc", "membership AUC, loss", NULL, true, true},
    {"membership", "zlib.auc", "membership AUC, zlib", NULL, true, true},
    {"membership", "min_k_40.auc", "membership AUC, Min-40%", NULL, true, true},
    {"membership", "min_kpp_40.auc", "membership AUC, Min-40%++", NULL, true, true},
    {"membership", "grad_norm.auc", "membership AUC, gradient norm", NULL, true, true},
};
enum { ATTACKS = sizeof attacks / sizeof *attacks };

wagle_status wg_report_attacks(wagle_ctx *ctx, wg_report *r)
{
    bool any = false;

    for (int i = 0; i < ATTACKS; i++)
        any |= any_has(r, &attacks[i]);
    if (!any)
        return WAGLE_OK;
    WG_TRY(wg_page_section(ctx, &r->page, "Does it stay forgotten?"));
    WG_TRY(table_head(ctx, r));
    for (int i = 0; i < ATTACKS; i++)
        if (any_has(r, &attacks[i]))
            WG_TRY(table_row(ctx, r, attacks[i].words, attacks[i].suite, attacks[i].metric));
    WG_TRY(wg_page_table_end(ctx, &r->page));
    return wg_page_paragraph(
        ctx, &r->page,
        "Answer probability of the forget set after the weights or the prompts were changed. A "
        "higher figure than before means that part of the data comes back. Membership inference: "
        "how well an attack separates rows of the training data from other rows (area under the "
        "ROC curve). 0.5 is chance; after forgetting it should be that of the gold model.");
}
