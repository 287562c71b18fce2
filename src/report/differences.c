/* differences.c - significant differences between the unlearned models, by paired resampling. */
#include "report/report.h"

#include "suite/results.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_MODELS = 4 };

static const struct {
    const char *suite, *metric, *words;
} compared[] = {
    {"tofu", "forget.probability", "forget set: answer probability"},
    {"tofu", "forget.rougeL", "forget set: ROUGE-L"},
    {"extraction", "forget.extraction_strength", "forget set: extraction strength"},
    {"tofu", "model_utility", "kept: model utility"},
    {"tofu", "retain.probability", "kept: retain set probability"},
    {"tofu", "real_authors.probability", "kept: real authors"},
    {"tofu", "world_facts.probability", "kept: world facts"},
    {"mcq", "mmlu.letter_acc", "kept: MMLU accuracy"},
};
enum { COMPARED = sizeof compared / sizeof *compared };

static wagle_status row(wagle_ctx *ctx, wg_report *r, const wg_report_model *a,
                        const wg_report_model *b, const char *words, const wg_measure *d)
{
    const bool differs = d->low > 0 || d->high < 0;

    WG_TRY(wg_text_addz(ctx, &r->page, "<tr>"));
    WG_TRY(wg_page_cell(ctx, &r->page, true, "%s", words));
    WG_TRY(
        wg_page_cell(ctx, &r->page, false, "%s\xC2\xA0\xE2\x88\x92\xC2\xA0%s", b->label, a->label));
    WG_TRY(wg_page_cell(ctx, &r->page, false, "%+.4f [%+.4f, %+.4f]", d->value, d->low, d->high));
    WG_TRY(wg_page_cell(ctx, &r->page, false, "%s", differs ? "yes" : "no"));
    return wg_text_addz(ctx, &r->page, "</tr>\n");
}

static wagle_status compare_suite(wagle_ctx *ctx, wg_report *r, const wg_report_model *a,
                                  const wg_report_model *b, const wg_suite *s)
{
    wg_frame f[2] = {{0}, {0}};
    const wg_frame *side[2] = {&f[0], &f[1]};
    wg_measures d = {0};
    wagle_status st = wg_results_frame(ctx, s, a->rows, "", &f[0]);

    if (st == WAGLE_OK)
        st = wg_results_frame(ctx, s, b->rows, "", &f[1]);
    if (st == WAGLE_OK)
        st = wg_bootstrap_difference(ctx, &(wg_side){&side[0], 1}, &(wg_side){&side[1], 1},
                                     s->measure, r->o->resamples, 1, &d);
    for (int i = 0; st == WAGLE_OK && i < COMPARED; i++) {
        const wg_measure *one = strcmp(compared[i].suite, s->name) == 0
                                    ? wg_measures_find(&d, compared[i].metric)
                                    : NULL;
        if (one != NULL && isfinite(one->low))
            st = row(ctx, r, a, b, compared[i].words, one);
    }
    wg_measures_free(&d);
    wg_frame_free(&f[0]);
    wg_frame_free(&f[1]);
    return st;
}

static wagle_status compare(wagle_ctx *ctx, wg_report *r, const wg_report_model *a,
                            const wg_report_model *b)
{
    for (int i = 0; wg_suite_at(i) != NULL; i++) {
        const wg_suite *s = wg_suite_at(i);
        if (wg_results_has(a->rows, s) && wg_results_has(b->rows, s))
            WG_TRY(compare_suite(ctx, r, a, b, s));
    }
    return WAGLE_OK;
}

wagle_status wg_report_differences(wagle_ctx *ctx, wg_report *r)
{
    static const char *const heads[] = {"metric", "models", "difference (95 % confidence interval)",
                                        "significant"};
    const wg_report_model *model[MAX_MODELS];
    int n = 0;

    for (int i = 0; i < r->n && n < MAX_MODELS; i++)
        if (r->model[i].part == WG_PART_UNLEARNED && json_array_size(r->model[i].rows) > 0)
            model[n++] = &r->model[i];
    if (n < 2)
        return WAGLE_OK;
    WG_TRY(wg_page_section(ctx, &r->page, "Significant differences between the models"));
    WG_TRY(wg_page_table(ctx, &r->page, heads, 4));
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++)
            WG_TRY(compare(ctx, r, model[i], model[k]));
    WG_TRY(wg_page_table_end(ctx, &r->page));
    return wg_page_paragraph(
        ctx, &r->page,
        "Each difference is the first model's figure minus the second's. It is "
        "significant if its 95 %% confidence interval does not contain 0. "
        "The interval comes from %lld paired resamples: the same rows are "
        "drawn for both models.",
        (long long)r->o->resamples);
}
