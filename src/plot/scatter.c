/* scatter.c - scatter plots of several series. */
#include "plot/axes.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 760, HEIGHT = 480, RIGHT = 190 };

static const char *const colour[] = {"#000000", "#d55e00", "#0072b2", "#e69f00",
                                     "#009e73", "#cc79a7", "#56b4e9", "#7f7f7f",
                                     "#8c564b", "#bcbd22", "#9467bd", "#2f4f4f"};
enum { COLOURS = sizeof colour / sizeof *colour };

/* The first dot of dot i's series. */
static int64_t first_of(const wg_dots *d, int64_t i)
{
    int64_t k = 0;

    while (strcmp(d->dot[k].series, d->dot[i].series) != 0)
        k++;
    return k;
}

/* The index of dot i's series, in order of appearance. *count: number of series up to dot i. */
static int64_t series_of(const wg_dots *d, int64_t i, int64_t *count)
{
    const int64_t first = first_of(d, i);
    int64_t place = 0;

    *count = 0;
    for (int64_t k = 0; k <= i; k++) {
        if (first_of(d, k) != k)
            continue;
        place = k == first ? *count : place;
        ++*count;
    }
    return place;
}

/* Opens a circle, square, triangle or diamond, so that series differ not only by colour. The caller
 * adds "/>" or ">". */
static wagle_status open_shape(wagle_ctx *ctx, int64_t place, double x, double y, const char *ink,
                               wg_text *out)
{
    static const char *const shape[] = {NULL, "m-5-5h10v10h-10z", "m0-6l6 11h-12z",
                                        "m0-7l6 7l-6 7l-6-7z"};
    const char *path = shape[place % 4];

    if (path == NULL)
        return wg_text_printf(ctx, out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"", x, y,
                              ink);
    return wg_text_printf(ctx, out, "<path d=\"M%.1f %.1f%s\" fill=\"%s\"", x, y, path, ink);
}

static wagle_status draw_dot(wagle_ctx *ctx, const wg_axes *a, const wg_dot *dot, int64_t place,
                             wg_text *out)
{
    WG_TRY(open_shape(ctx, place, wg_axes_across(a, dot->x), wg_axes_up(a, dot->y),
                      colour[place % COLOURS], out));
    WG_TRY(wg_text_addz(ctx, out, " fill-opacity=\"0.8\"><title>"));
    WG_TRY(wg_text_escaped(ctx, out, dot->label));
    return wg_text_printf(ctx, out, ": %.3f, %.3f</title></%s>\n", dot->x, dot->y,
                          place % 4 == 0 ? "circle" : "path");
}

static wagle_status name_series(wagle_ctx *ctx, const char *name, int64_t place, wg_text *out)
{
    const double y = WG_AXES_TOP + 18.0 * (double)place + 6;

    WG_TRY(open_shape(ctx, place, WIDTH - RIGHT + 20, y, colour[place % COLOURS], out));
    WG_TRY(wg_text_printf(ctx, out, "/><text x=\"%d\" y=\"%.1f\">", WIDTH - RIGHT + 32, y + 4));
    WG_TRY(wg_text_escaped(ctx, out, name));
    return wg_text_addz(ctx, out, "</text>\n");
}

wagle_status wg_plot_dots(wagle_ctx *ctx, const wg_dots *d, wg_text *out)
{
    wg_axes a = {.title = d->title,
                 .x = d->x,
                 .y = d->y,
                 .width = WIDTH,
                 .height = HEIGHT,
                 .right = RIGHT,
                 .upright = true};
    int64_t shown = 0;

    wg_axes_start(&a);
    for (int64_t i = 0; i < d->n; i++)
        wg_axes_fit(&a, d->dot[i].x, d->dot[i].y);
    WG_TRY(wg_axes_open(ctx, &a, out));
    for (int64_t i = 0; i < d->n; i++) {
        int64_t count;
        const int64_t place = series_of(d, i, &count);
        if (isfinite(d->dot[i].x) && isfinite(d->dot[i].y))
            WG_TRY(draw_dot(ctx, &a, &d->dot[i], place, out));
        if (count > shown)
            WG_TRY(name_series(ctx, d->dot[i].series, shown, out));
        shown = count > shown ? count : shown;
    }
    return wg_text_addz(ctx, out, "</svg>\n");
}
