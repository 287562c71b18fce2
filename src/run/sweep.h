/* sweep.h - a grid of runs, and what came of them. */
#ifndef WG_RUN_SWEEP_H
#define WG_RUN_SWEEP_H

#include "base/file.h"
#include "base/json.h"

/* One point of the grid. */
typedef struct wg_point {
    const char *objective, *selector; /* selector "none": all weights; "wagle@GAMMA" */
    const char *exclude;              /* its patterns, joined by + */
    double density, lr;
    int64_t seed;
} wg_point;

typedef struct wg_sweep {
    json_t *spec;
    const char *out;
    char *folder;    /* of the spec: its paths are relative to it */
    wg_point *point; /* [n] */
    int64_t n;
    bool tune;    /* seeds after the first run each method's best learning rate alone */
    json_t *done; /* runs so far, by key */
    wg_arena arena;
} wg_sweep;

/* Text that names a point. */
WAGLE_CHECK wagle_status wg_point_key(wagle_ctx *ctx, const wg_point *p, wg_text *out);
/* Whether a point need not run: spec.tune, and with the first seed another rate was better. */
WAGLE_CHECK wagle_status wg_sweep_is_left_out(wagle_ctx *ctx, const wg_sweep *s, const wg_point *p,
                                              bool *out);
/* table.md, summary.json, plots: each method at its own best learning rate, over seeds. */
WAGLE_CHECK wagle_status wg_sweep_report(wagle_ctx *ctx, const wg_sweep *s, char **table);

#endif
