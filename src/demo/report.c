#include "demo/demo.h"

#include "plot/plot.h"
#include <stdio.h>

const wg_demo_model wg_demo_models[] = {
    [WG_DEMO_ORIGINAL] = {"original", "has learnt all 24 authors."},
    [WG_DEMO_DENSE] = {"dense", "forgot two authors by GradDiff, with all weights."},
    [WG_DEMO_WAGLE] = {"wagle", "forgot them by GradDiff on the tenth of the weights that WAGLE "
                                "selects as published (gamma auto)."},
    [WG_DEMO_PROTECT] = {"protect",
                         "forgot them like wagle, but with gamma diag and --protect retain: "
                         "updates avoid what the retain authors use."},
    [WG_DEMO_GOLD] = {"gold", "never saw the two authors."},
};
const char *const wg_demo_sets[] = {"forget authors", "retain authors", "other authors",
                                    "sentences"};

static wagle_status add_table(wagle_ctx *ctx, const wg_demo_result *r, wg_text *out)
{
    WG_TRY(wg_text_printf(ctx, out, "\n%-14s", "probability of"));
    for (int s = 0; s < WG_DEMO_SETS; s++)
        WG_TRY(wg_text_printf(ctx, out, " %14s", wg_demo_sets[s]));
    WG_TRY(wg_text_printf(ctx, out, " %8s", "updates"));
    for (int m = 0; m < WG_DEMO_MODELS; m++) {
        char updates[24] = "-";
        if (r->updates[m] > 0)
            snprintf(updates, sizeof updates, "%lld", (long long)r->updates[m]);
        WG_TRY(wg_text_printf(ctx, out, "\n%-14s", wg_demo_models[m].name));
        for (int s = 0; s < WG_DEMO_SETS; s++)
            WG_TRY(wg_text_printf(ctx, out, " %14.3f", r->probability[s][m]));
        WG_TRY(wg_text_printf(ctx, out, " %8s", updates));
    }
    return WAGLE_OK;
}

wagle_status wg_demo_text(wagle_ctx *ctx, const wg_demo_result *r, wg_text *out)
{
    for (int m = 0; m < WG_DEMO_MODELS; m++)
        WG_TRY(
            wg_text_printf(ctx, out, "%-9s %s\n", wg_demo_models[m].name, wg_demo_models[m].what));
    WG_TRY(add_table(ctx, r, out));
    for (int q = 0; q < WG_DEMO_QUESTIONS; q++) {
        WG_TRY(wg_text_printf(ctx, out, "\n\n%s (%s)", r->question[q], r->fate[q]));
        for (int m = 0; m < WG_DEMO_MODELS; m++)
            WG_TRY(
                wg_text_printf(ctx, out, "\n  %-10s%s", wg_demo_models[m].name, r->answer[q][m]));
    }
    return wg_text_addz(ctx, out, "\n");
}

wagle_status wg_demo_plot(wagle_ctx *ctx, const wg_demo_result *r, wg_text *out)
{
    const char *name[WG_DEMO_MODELS];
    const wg_bars bars = {.title = "Answer probability before and after forgetting two authors",
                          .group = wg_demo_sets,
                          .series = name,
                          .groups = WG_DEMO_SETS,
                          .serieses = WG_DEMO_MODELS,
                          .value = &r->probability[0][0]};

    for (int m = 0; m < WG_DEMO_MODELS; m++)
        name[m] = wg_demo_models[m].name;
    return wg_plot_bars(ctx, &bars, out);
}
