#include "report/report.h"

#include "base/options.h"
#include "base/file.h"

WG_DEFAULTS(wagle_report_defaults, wagle_report_options, .resamples = 1000)

typedef wagle_status section(wagle_ctx *ctx, wg_report *r);

/* Writes the summary for the person who decides, then the evidence for the person who checks. */
static wagle_status compose(wagle_ctx *ctx, wg_report *r)
{
    static section *const evidence[] = {
        wg_report_settings,    wg_report_requests, wg_report_headline, wg_report_pareto,
        wg_report_differences, wg_report_attacks,  wg_report_curves,   wg_report_masks,
        wg_report_examples,    wg_report_metrics};
    const char *title = r->o->title != NULL      ? r->o->title
                        : r->certificate != NULL ? "Report on a request to forget data"
                                                 : "What was forgotten, and what was kept";

    WG_TRY(wg_page_begin(ctx, &r->page, title));
    WG_TRY(r->certificate != NULL ? wg_report_decision(ctx, r) : wg_report_verdict(ctx, r));
    for (size_t i = 0; r->n > 0 && i < sizeof evidence / sizeof *evidence; i++)
        WG_TRY(evidence[i](ctx, r));
    WG_TRY(wg_report_sources(ctx, r));
    WG_TRY(wg_report_limits(ctx, r));
    return wg_page_end(ctx, &r->page);
}

wagle_status wagle_report(wagle_ctx *ctx, const wagle_report_options *given)
{
    wagle_report_options own;
    const wagle_report_options *o = &own;
    wg_report r = {.o = o};
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_report));
    if (o->out == NULL || o->runs == NULL || o->runs[0] == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "report needs runs or results, and @{out FILE.html}");
    st = wg_output_check(ctx, o->out, o->force, NULL, 0);
    for (const char *const *run = o->runs; st == WAGLE_OK && *run != NULL; run++)
        st = wg_report_add(ctx, &r, *run);
    if (st == WAGLE_OK)
        st = wg_report_assign(ctx, &r);
    if (st == WAGLE_OK && o->redact)
        st = wg_report_redact(ctx, &r);
    if (st == WAGLE_OK)
        st = compose(ctx, &r);
    if (st == WAGLE_OK)
        st = wg_write_file(ctx, o->out, r.page.text, (size_t)r.page.bytes, o->force);
    wg_report_free(&r);
    return st;
}
