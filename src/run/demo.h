/* demo.h - what the demo found, and the pages that show it. */
#ifndef WG_RUN_DEMO_H
#define WG_RUN_DEMO_H

#include "base/text.h"

enum { WG_DEMO_MODELS = 4, WG_DEMO_SETS = 4, WG_DEMO_QUESTIONS = 2 };

typedef struct wg_demo_result {
    double probability[WG_DEMO_SETS][WG_DEMO_MODELS];
    char question[WG_DEMO_QUESTIONS][160];
    const char *fate[WG_DEMO_QUESTIONS]; /* to be forgotten, to be kept */
    char *answer[WG_DEMO_QUESTIONS][WG_DEMO_MODELS];
} wg_demo_result;

extern const char *const wg_demo_models[WG_DEMO_MODELS], *const wg_demo_sets[WG_DEMO_SETS];

WAGLE_CHECK wagle_status wg_demo_text(wagle_ctx *ctx, const wg_demo_result *r, wg_text *out);
WAGLE_CHECK wagle_status wg_demo_plot(wagle_ctx *ctx, const wg_demo_result *r, wg_text *out);

#endif
