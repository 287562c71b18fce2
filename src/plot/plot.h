/* plot.h - plots as SVG text, to stand in a page or alone. */
#ifndef WG_PLOT_PLOT_H
#define WG_PLOT_PLOT_H

#include "base/text.h"

/* Bars of `series` side by side in each group; value [groups][series] from 0 to 1. */
typedef struct wg_bars {
    const char *title;
    const char *const *group, *const *series;
    int groups, serieses;
    const double *value;
} wg_bars;

/* Appends one <svg> element. */
WAGLE_CHECK wagle_status wg_plot_bars(wagle_ctx *ctx, const wg_bars *bars, wg_text *out);
/* Shares of tensors by layer and module; value [rows][columns] from 0 to 1, below 0: none. */
typedef struct wg_heat {
    const char *title;
    const char **row; /* [rows] names */
    int64_t rows, columns, room;
    double *value;
} wg_heat;

/* The share of one tensor: row by its module, column by the layer in its name, which is borrowed.
 * Start with {title}. */
WAGLE_CHECK wagle_status wg_heat_add(wagle_ctx *ctx, wg_heat *h, const char *name, double value);
void wg_heat_free(wg_heat *h);

/* Appends one <svg> element with n maps, one below the other, in one scale of colours. */
WAGLE_CHECK wagle_status wg_plot_heats(wagle_ctx *ctx, const wg_heat *maps, int64_t n,
                                       wg_text *out);
/* Dots; those of one series have one colour and one line of the legend. */
typedef struct wg_dot {
    double x, y;
    const char *series, *label;
} wg_dot;

typedef struct wg_dots {
    const char *title, *x, *y;
    const wg_dot *dot; /* [n] */
    int64_t n;
} wg_dots;

WAGLE_CHECK wagle_status wg_plot_dots(wagle_ctx *ctx, const wg_dots *dots, wg_text *out);
/* A dot with its 95 % interval upwards and downwards (half; NAN: none) and its name. */
typedef struct wg_mark {
    double x, y, half;
    const char *label;
    const char *note; /* stands after the name; NULL: nothing */
} wg_mark;

typedef struct wg_marks {
    const char *title, *x, *y;
    const wg_mark *mark; /* [n] */
    int64_t n;
} wg_marks;

/* Appends one <svg> element with n panels, one below the other, in one scale. A mark without x or y
 * is left out. */
WAGLE_CHECK wagle_status wg_plot_marks(wagle_ctx *ctx, const wg_marks *panel, int64_t n,
                                       wg_text *out);
/* Lines of y over x; each series a list of points with rising x. */
typedef struct wg_line {
    const char *name;
    const double *x, *y; /* [n] */
    int64_t n;
} wg_line;

typedef struct wg_lines {
    const char *title, *x, *y;
    const wg_line *line; /* [n] */
    int64_t n;
} wg_lines;

WAGLE_CHECK wagle_status wg_plot_lines(wagle_ctx *ctx, const wg_lines *lines, wg_text *out);
/* Opens an <svg> on white, with text of `font` pixels; the caller closes it. */
WAGLE_CHECK wagle_status wg_svg_open(wagle_ctx *ctx, wg_text *out, int width, int height, int font);
/* Appends text with & < > " escaped. */
WAGLE_CHECK wagle_status wg_text_escaped(wagle_ctx *ctx, wg_text *out, const char *text);

#endif
