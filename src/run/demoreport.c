#include "run/demo.h"

#include "run/plot.h"

const char *const wg_demo_models[] = {"original", "dense", "wagle", "gold"};
const char *const wg_demo_sets[] = {"forget authors", "retain authors", "other authors",
                                    "sentences"};

wagle_status wg_demo_text(wagle_ctx *ctx, const wg_demo_result *r, wg_text *out)
{
    WG_TRY(wg_text_printf(ctx, out, "%-14s", "probability of"));
    for (int s = 0; s < WG_DEMO_SETS; s++)
        WG_TRY(wg_text_printf(ctx, out, " %14s", wg_demo_sets[s]));
    for (int m = 0; m < WG_DEMO_MODELS; m++) {
        WG_TRY(wg_text_printf(ctx, out, "\n%-14s", wg_demo_models[m]));
        for (int s = 0; s < WG_DEMO_SETS; s++)
            WG_TRY(wg_text_printf(ctx, out, " %14.3f", r->probability[s][m]));
    }
    for (int q = 0; q < WG_DEMO_QUESTIONS; q++) {
        WG_TRY(wg_text_printf(ctx, out, "\n\n%s (%s)", r->question[q], r->fate[q]));
        for (int m = 0; m < WG_DEMO_MODELS; m++)
            WG_TRY(wg_text_printf(ctx, out, "\n  %-10s%s", wg_demo_models[m], r->answer[q][m]));
    }
    return wg_text_addz(ctx, out, "\n");
}

wagle_status wg_demo_plot(wagle_ctx *ctx, const wg_demo_result *r, wg_text *out)
{
    const wg_bars bars = {.title = "Answer probability before and after forgetting two authors",
                          .group = wg_demo_sets,
                          .series = wg_demo_models,
                          .groups = WG_DEMO_SETS,
                          .serieses = WG_DEMO_MODELS,
                          .value = &r->probability[0][0]};

    return wg_plot_bars(ctx, &bars, out);
}

static wagle_status row(wagle_ctx *ctx, wg_text *out, const char *head, const char *cell)
{
    WG_TRY(wg_text_printf(ctx, out, "<tr><th>%s</th><td>", head));
    WG_TRY(wg_text_escaped(ctx, out, cell));
    return wg_text_addz(ctx, out, "</td></tr>\n");
}

wagle_status wg_demo_page(wagle_ctx *ctx, const wg_demo_result *r, uint64_t seed, wg_text *out)
{
    WG_TRY(wg_text_printf(
        ctx, out,
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>wagle demo</title>\n"
        "<style>body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
        "th{text-align:left;padding-right:1.5em;font-weight:normal;color:#555}"
        "svg{max-width:100%%;height:auto}</style>\n<h1>A small model forgets two authors</h1>\n"
        "<p>A tiny Llama learnt facts of 24 invented authors (<b>original</b>). Two of them were "
        "then forgotten by GradDiff until the probability of their answers fell below 0.1: by "
        "training all weights (<b>dense</b>), and by training only the weights that WAGLE selected "
        "(<b>wagle</b>). <b>gold</b> never met the two. Forget and retain authors were given to "
        "the unlearning, other authors and sentences were not. Seed %llu, wagle %s.</p>\n",
        (unsigned long long)seed, WAGLE_VERSION));
    WG_TRY(wg_demo_plot(ctx, r, out));
    WG_TRY(wg_text_addz(ctx, out,
                        "<p>Left group: lower is better. The others: as near to the original as "
                        "can be.</p>\n<h2>In their own words</h2>\n"));
    for (int q = 0; q < WG_DEMO_QUESTIONS; q++) {
        WG_TRY(wg_text_addz(ctx, out, "<h3>"));
        WG_TRY(wg_text_escaped(ctx, out, r->question[q]));
        WG_TRY(wg_text_printf(ctx, out, " <small>(%s)</small></h3>\n<table>\n", r->fate[q]));
        for (int m = 0; m < WG_DEMO_MODELS; m++)
            WG_TRY(row(ctx, out, wg_demo_models[m], r->answer[q][m]));
        WG_TRY(wg_text_addz(ctx, out, "</table>\n"));
    }
    return wg_text_addz(ctx, out, "</html>\n");
}
