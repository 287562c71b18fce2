/* plot.h - plots as SVG text, for a page or a file. */
#ifndef WG_PLOT_PLOT_H
#define WG_PLOT_PLOT_H

#include "base/text.h"

/* Grouped bars: value [groups][series] from 0 to 1. */
typedef struct wg_bars {
    const char *title;
    const char *const *group, *const *series;
    int groups, serieses;
    const double *value;
} wg_bars;

/* Appends one <svg> element. */
WAGLE_CHECK wagle_status wg_plot_bars(wagle_ctx *ctx, const wg_bars *bars, wg_text *out);
/* The layer number in a tensor's name, or -1. *module: the rest of the name after it, or the whole
 * name.
 */
int64_t wg_layer_of(const char *name, const char **module);

/* A heat map of shares by module and layer: value [rows][columns] from 0 to 1; below 0: none. */
typedef struct wg_heat {
    const char *title;
    const char **row; /* [rows] names */
    int64_t rows, columns, capacity;
    double *value;
} wg_heat;

/* Adds the share of one tensor: the row is its module, the column the layer in its name, which is
 * borrowed. Start with {title}. */
WAGLE_CHECK wagle_status wg_heat_add(wagle_ctx *ctx, wg_heat *h, const char *name, double value);
void wg_heat_free(wg_heat *h);

/* Appends one <svg> element with n maps below each other, with a common colour scale. */
WAGLE_CHECK wagle_status wg_plot_heats(wagle_ctx *ctx, const wg_heat *maps, int64_t n,
                                       wg_text *out);
/* A dot. Dots of one series have one colour and one legend entry. */
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
/* A dot with a vertical 95 % interval of y +- half (NAN: none) and a name. */
typedef struct wg_mark {
    double x, y, half;
    const char *label;
    const char *note; /* text after the name, or NULL */
} wg_mark;

typedef struct wg_marks {
    const char *title, *x, *y;
    const wg_mark *mark; /* [n] */
    int64_t n;
} wg_marks;

/* Appends one <svg> element with n panels below each other, with a common scale. Marks without x or
 * y are skipped. */
WAGLE_CHECK wagle_status wg_plot_marks(wagle_ctx *ctx, const wg_marks *panel, int64_t n,
                                       wg_text *out);
/* A line: points with increasing x. */
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
/* Opens an <svg> with a white background and text of `font` pixels; the caller closes it. */
WAGLE_CHECK wagle_status wg_svg_open(wagle_ctx *ctx, wg_text *out, int width, int height, int font);
/* Appends text with & < > " escaped. */
WAGLE_CHECK wagle_status wg_text_escaped(wagle_ctx *ctx, wg_text *out, const char *text);

#endif
