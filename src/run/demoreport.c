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
