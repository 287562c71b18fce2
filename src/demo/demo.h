/* demo.h - results of the demo, and their report. */
#ifndef WG_DEMO_DEMO_H
#define WG_DEMO_DEMO_H

#include "base/text.h"

enum {
    WG_DEMO_ORIGINAL,
    WG_DEMO_DENSE,
    WG_DEMO_WAGLE,
    WG_DEMO_PROTECT,
    WG_DEMO_GOLD,
    WG_DEMO_MODELS,
    WG_DEMO_SETS = 4,
    WG_DEMO_QUESTIONS = 2
};

typedef struct wg_demo_model {
    const char *name; /* also the model's folder */
    const char *what; /* completes a sentence after the name: how the model was made */
} wg_demo_model;

typedef struct wg_demo_result {
    double probability[WG_DEMO_SETS][WG_DEMO_MODELS];
    int64_t updates[WG_DEMO_MODELS]; /* updates of unlearning; 0: the model was not unlearned */
    char question[WG_DEMO_QUESTIONS][160];
    const char *fate[WG_DEMO_QUESTIONS]; /* "to be forgotten" or "to be kept" */
    char *answer[WG_DEMO_QUESTIONS][WG_DEMO_MODELS];
} wg_demo_result;

extern const wg_demo_model wg_demo_models[WG_DEMO_MODELS];
extern const char *const wg_demo_sets[WG_DEMO_SETS];

WAGLE_CHECK wagle_status wg_demo_text(wagle_ctx *ctx, const wg_demo_result *r, wg_text *out);
WAGLE_CHECK wagle_status wg_demo_plot(wagle_ctx *ctx, const wg_demo_result *r, wg_text *out);

#endif
