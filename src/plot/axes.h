/* axes.h - the frame of a plot: title, grid, ticks at round numbers, names of the axes. */
#ifndef WG_PLOT_AXES_H
#define WG_PLOT_AXES_H

#include "plot/plot.h"

typedef struct wg_axes {
    const char *title, *x, *y;
    int width, height, right; /* right: kept free beside the grid, for a legend */
    bool upright;             /* grid lines upwards too */
    double x0, x1, y0, y1;    /* of what is drawn; wg_axes_fit, then wg_axes_open round them */
    double x_step, y_step;
} wg_axes;

enum { WG_AXES_LEFT = 64, WG_AXES_TOP = 40, WG_AXES_BOTTOM = 46 };

/* Before the first point. */
void wg_axes_start(wg_axes *a);
/* Makes room for a point; what is not finite is not drawn. */
void wg_axes_fit(wg_axes *a, double x, double y);
/* Rounds the bounds outwards and opens the <svg>; the caller closes it. */
WAGLE_CHECK wagle_status wg_axes_open(wagle_ctx *ctx, wg_axes *a, wg_text *out);
/* Where a point lies, in pixels. */
double wg_axes_across(const wg_axes *a, double x);
double wg_axes_up(const wg_axes *a, double y);

#endif
