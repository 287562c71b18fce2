/* axes.h - the axes of a plot: title, grid, ticks at round numbers, names. */
#ifndef WG_PLOT_AXES_H
#define WG_PLOT_AXES_H

#include "plot/plot.h"

typedef struct wg_axes {
    const char *title, *x, *y;
    int width, height, right; /* right: space beside the grid, for a legend */
    bool upright;             /* also vertical grid lines */
    double x0, x1, y0, y1;    /* data bounds, set by wg_axes_fit, rounded by wg_axes_open */
    double x_step, y_step;
} wg_axes;

enum { WG_AXES_LEFT = 64, WG_AXES_TOP = 40, WG_AXES_BOTTOM = 46 };

/* Call before the first point. */
void wg_axes_start(wg_axes *a);
/* Extends the bounds by a point. Points that are not finite are ignored. */
void wg_axes_fit(wg_axes *a, double x, double y);
/* Rounds the bounds outwards and opens the <svg>; the caller closes it. */
WAGLE_CHECK wagle_status wg_axes_open(wagle_ctx *ctx, wg_axes *a, wg_text *out);
/* Coordinates of a point in pixels. */
double wg_axes_across(const wg_axes *a, double x);
double wg_axes_up(const wg_axes *a, double y);

#endif
