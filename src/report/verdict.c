/* verdict.c - the page's first sentence, and the numbers that it rests on. */
#include "report/report.h"

#include "run/plot.h"
#include "suite/suite.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Metrics that say how much is forgotten, and how much is kept, most telling first. */
typedef struct headline {
    const char *suite, *metric, *words;
    bool forget, unit; /* unit: from 0 to 1, fit for bars */
} headline;

static const headline headlines[] = {
    {"tofu", "forget.probability", "forget: answer probability", true, true},
    {"tofu", "forget.rougeL", "forget: ROUGE-L", true, true},
    {"extraction", "forget.extraction_strength", "forget: extraction strength", true, true},
    {"muse", "verbatim.rougeL_f1", "forget: verbatim ROUGE-L", true, true},
    {"muse", "knowledge_forget.rougeL_f1", "forget: knowledge", true, true},
    {"copyright", "text.rougeL_f1", "forget: continuation ROUGE-L", true, true},
    {"mcq", "wmdp.letter_acc", "forget: WMDP accuracy", true, true},
    {"tofu", "model_utility", "kept: model utility", false, true},
    {"tofu", "retain.probability", "kept: retain probability", false, true},
    {"tofu", "retain.rougeL", "kept: retain ROUGE-L", false, true},
    {"tofu", "real_authors.probability", "kept: other authors", false, true},
    {"tofu", "world_facts.probability", "kept: world facts", false, true},
    {"muse", "knowledge_retain.rougeL_f1", "kept: knowledge", false, true},
    {"mcq", "mmlu.letter_acc", "kept: MMLU accuracy", false, true},
    {"general", "text.perplexity", "perplexity of text", false, false},
};
enum { HEADLINES = sizeof headlines / sizeof *headlines, BARS_MOST = 6 };

bool wg_report_told_first(int i, char key[96], const char **words)
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

/* "from 0.98 to 0.08 (gold 0.12)" */
static void change(const wg_report *r, const wg_report_model *m, const headline *h, char out[160])
{
    const wg_report_model *before = of_part(r, WG_PART_ORIGINAL), *gold = of_part(r, WG_PART_GOLD);
    char from[48] = "", to[64] = "";

    if (before != NULL && !isnan(value_of(before, h)))
        snprintf(from, sizeof from, "from %.3f ", value_of(before, h));
    if (gold != NULL && !isnan(value_of(gold, h)))
        snprintf(to, sizeof to, " (gold %.3f)", value_of(gold, h));
    snprintf(out, 160, "%sto %.3f%s", from, value_of(m, h), to);
}

static wagle_status sentence(wagle_ctx *ctx, wg_report *r, const wg_report_model *m,
                             const headline *forget, const headline *keep)
{
    char forgot[160] = "", kept[160] = "", line[640];

    if (forget != NULL)
        change(r, m, forget, forgot);
    if (keep != NULL)
        change(r, m, keep, kept);
    snprintf(line, sizeof line, "%s: %s%s%s%s%s%s%s.", m->label,
             forget != NULL ? forget->words : "", forget != NULL ? " went " : "", forgot,
             forget != NULL && keep != NULL ? "; " : "", keep != NULL ? keep->words : "",
             keep != NULL ? " went " : "", kept);
    WG_TRY(wg_text_addz(ctx, &r->page, "<p class=\"verdict\">"));
    WG_TRY(wg_page_text(ctx, &r->page, line));
    return wg_text_addz(ctx, &r->page, "</p>\n");
}

wagle_status wg_report_verdict(wagle_ctx *ctx, wg_report *r)
{
    const headline *forget = first(r, true), *keep = first(r, false);
    bool any = false;

    for (int i = 0; i < r->n; i++) {
        const wg_report_model *m = &r->model[i];
        if (m->part != WG_PART_UNLEARNED || (forget == NULL || isnan(value_of(m, forget))) +
                                                    (keep == NULL || isnan(value_of(m, keep))) >
                                                0)
            continue;
        WG_TRY(sentence(ctx, r, m, forget, keep));
        any = true;
    }
    return any ? WAGLE_OK
               : wg_page_paragraph(ctx, &r->page,
                                   "No model here has both a measure of what it "
                                   "forgot and one of what it kept: there is no "
                                   "verdict.");
}

/* "0.083 [0.071, 0.094]" as a cell. */
static wagle_status number_cell(wagle_ctx *ctx, wg_text *p, const json_t *metric)
{
    const json_t *value = json_object_get(metric, "value"), *low = json_object_get(metric, "low");
    const double x = json_number_value(value);

    if (!json_is_number(value))
        return wg_text_addz(ctx, p, "<td>-</td>");
    WG_TRY(wg_text_printf(ctx, p, fabs(x) < 1e-3 && x != 0 ? "<td>%.2e" : "<td>%.3f", x));
    if (json_is_number(low))
        WG_TRY(wg_text_printf(ctx, p, " <small>[%.3f, %.3f]</small>", json_number_value(low),
                              json_number_value(json_object_get(metric, "high"))));
    return wg_text_addz(ctx, p, "</td>");
}

/* A row a metric, a column a model. */
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
    WG_TRY(wg_page_cell(ctx, &r->page, true, "%s (n = %lld)", words, (long long)n));
    for (int i = 0; i < r->n; i++)
        WG_TRY(number_cell(ctx, &r->page, wg_report_metric(&r->model[i], suite, metric)));
    return wg_text_addz(ctx, &r->page, "</tr>\n");
}

static wagle_status bars(wagle_ctx *ctx, wg_report *r)
{
    const char *group[BARS_MOST], *series[WG_REPORT_MODELS];
    double value[BARS_MOST * WG_REPORT_MODELS];
    wg_text svg = {0};
    int groups = 0;
    wagle_status st;

    for (int i = 0; i < HEADLINES && groups < BARS_MOST; i++) {
        if (!headlines[i].unit || !any_has(r, &headlines[i]))
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
        st = wg_page_figure(ctx, &r->page, &svg,
                            "Bars of each model, side by side. Groups named forget should be low, "
                            "near the gold model; groups named kept should stay as high as the "
                            "original's. The table below has the numbers.");
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
    WG_TRY(wg_text_addz(ctx, &r->page, "</tbody></table></div>\n"));
    return wg_page_paragraph(ctx, &r->page,
                             "In brackets: 95 %% intervals, by drawing the rows of each set again "
                             "with replacement.");
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
                      &(wg_dots){.title = "What forgetting cost",
                                 .x = forget->words,
                                 .y = keep->words,
                                 .dot = dot,
                                 .n = n},
                      &svg);
    if (st == WAGLE_OK)
        st = wg_page_figure(ctx, &r->page, &svg,
                            "A dot a model: to the left what is forgotten, upwards what is kept. "
                            "A model is better than another that lies to its right and below.");
    wg_text_free(&svg);
    return st;
}

/* All metrics of a suite that some model has. */
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

/* --- does it stay forgotten, can one tell ------------------------------------------------------
 */

static const headline attacks[] = {
    {"robustness", "plain.probability", "as it is", true, true},
    {"robustness", "relearn_5.probability", "relearned, 5 steps", true, true},
    {"robustness", "relearn_10.probability", "relearned, 10 steps", true, true},
    {"robustness", "relearn_20.probability", "relearned, 20 steps", true, true},
    {"robustness", "q8_0.probability", "rounded to 8 bits", true, true},
    {"robustness", "q4_0.probability", "rounded to 4 bits", true, true},
    {"robustness", "jailbreak.probability", "with prefixes", true, true},
    {"robustness", "few_shot.probability", "few-shot", true, true},
    {"membership", "loss.auc", "AUC, loss", true, true},
    {"membership", "zlib.auc", "AUC, zlib", true, true},
    {"membership", "min_k_40.auc", "AUC, Min-40%", true, true},
    {"membership", "min_kpp_40.auc", "AUC, Min-40%++", true, true},
    {"membership", "grad_norm.auc", "AUC, gradient norm", true, true},
};
enum { ATTACKS = sizeof attacks / sizeof *attacks };

wagle_status wg_report_attacks(wagle_ctx *ctx, wg_report *r)
{
    bool any = false;

    for (int i = 0; i < ATTACKS; i++)
        any |= any_has(r, &attacks[i]);
    if (!any)
        return WAGLE_OK;
    WG_TRY(wg_page_section(ctx, &r->page, "Does it stay forgotten, and can one tell?"));
    WG_TRY(table_head(ctx, r));
    for (int i = 0; i < ATTACKS; i++)
        if (any_has(r, &attacks[i]))
            WG_TRY(table_row(ctx, r, attacks[i].words, attacks[i].suite, attacks[i].metric));
    WG_TRY(wg_text_addz(ctx, &r->page, "</tbody></table></div>\n"));
    return wg_page_paragraph(
        ctx, &r->page,
        "Answer probabilities of the forget rows after the weights or the prompts were changed: "
        "what comes back. AUC: how well a guesser tells rows that were trained on from rows that "
        "never were; 0.5 is chance, and a gold model's AUC is what forgetting should come to.");
}
