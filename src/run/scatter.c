/* scatter.c - dots of several series, with x and y from 0 to 1. */
#include "run/plot.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 760, HEIGHT = 480, LEFT = 56, RIGHT = 190, TOP = 40, BOTTOM = 46 };

static const char *const colour[] = {"#000000", "#d55e00", "#0072b2", "#e69f00",
                                     "#009e73", "#cc79a7", "#56b4e9", "#7f7f7f",
                                     "#8c564b", "#bcbd22", "#9467bd", "#2f4f4f"};
enum { COLOURS = sizeof colour / sizeof *colour };

/* What of the unit square is drawn: tenths around the dots. */
typedef struct view {
    double x0, x1, y0, y1;
} view;

static view view_of(const wg_dots *d)
{
    view v = {1, 0, 1, 0};

    for (int64_t i = 0; i < d->n; i++) {
        v.x0 = fmin(v.x0, floor(10 * d->dot[i].x) / 10);
        v.x1 = fmax(v.x1, ceil(10 * d->dot[i].x) / 10);
        v.y0 = fmin(v.y0, floor(10 * d->dot[i].y) / 10);
        v.y1 = fmax(v.y1, ceil(10 * d->dot[i].y) / 10);
    }
    return v.x1 > v.x0 && v.y1 > v.y0 ? v : (view){0, 1, 0, 1};
}

static double across(const view *v, double x)
{
    return LEFT + (x - v->x0) / (v->x1 - v->x0) * (WIDTH - LEFT - RIGHT);
}

static double up(const view *v, double y)
{
    return HEIGHT - BOTTOM - (y - v->y0) / (v->y1 - v->y0) * (HEIGHT - TOP - BOTTOM);
}

/* The first dot of dot i's series. */
static int64_t first_of(const wg_dots *d, int64_t i)
{
    int64_t k = 0;

    while (strcmp(d->dot[k].series, d->dot[i].series) != 0)
        k++;
    return k;
}

/* The place of dot i's series in order of appearance; *count: how many there are up to dot i. */
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

static wagle_status frame(wagle_ctx *ctx, const wg_dots *d, const view *v, wg_text *out)
{
    WG_TRY(wg_svg_open(ctx, out, WIDTH, HEIGHT, 12));
    WG_TRY(wg_text_printf(ctx, out,
                          "<text x=\"%d\" y=\"22\" font-size=\"14\" font-weight=\"bold\">", LEFT));
    WG_TRY(wg_text_escaped(ctx, out, d->title));
    WG_TRY(wg_text_addz(ctx, out, "</text>\n<g stroke=\"#dddddd\" fill=\"#555555\">\n"));
    for (int i = 0; i <= 4; i++) {
        const double x = v->x0 + 0.25 * i * (v->x1 - v->x0), y = v->y0 + 0.25 * i * (v->y1 - v->y0);
        WG_TRY(wg_text_printf(ctx, out,
                              "<path d=\"M%.1f %dV%d M%d %.1fH%d\"/>"
                              "<text stroke=\"none\" x=\"%.1f\" y=\"%d\" "
                              "text-anchor=\"middle\">%.3g</text>"
                              "<text stroke=\"none\" x=\"%d\" y=\"%.1f\" "
                              "text-anchor=\"end\">%.3g</text>\n",
                              across(v, x), HEIGHT - BOTTOM, TOP, LEFT, up(v, y), WIDTH - RIGHT,
                              across(v, x), HEIGHT - BOTTOM + 16, x, LEFT - 6, up(v, y) + 4, y));
    }
    WG_TRY(wg_text_printf(ctx, out, "</g>\n<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">",
                          (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8));
    WG_TRY(wg_text_escaped(ctx, out, d->x));
    WG_TRY(wg_text_printf(ctx, out,
                          "</text>\n<text transform=\"translate(14 %.1f) rotate(-90)\" "
                          "text-anchor=\"middle\">",
                          (TOP + HEIGHT - BOTTOM) / 2.0));
    WG_TRY(wg_text_escaped(ctx, out, d->y));
    return wg_text_addz(ctx, out, "</text>\n");
}

wagle_status wg_plot_dots(wagle_ctx *ctx, const wg_dots *d, wg_text *out)
{
    const view v = view_of(d);
    int64_t shown = 0;

    WG_TRY(frame(ctx, d, &v, out));
    for (int64_t i = 0; i < d->n; i++) {
        int64_t count;
        const int64_t mine = series_of(d, i, &count);
        WG_TRY(wg_text_printf(ctx, out,
                              "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\" "
                              "fill-opacity=\"0.8\"><title>",
                              across(&v, d->dot[i].x), up(&v, d->dot[i].y),
                              colour[mine % COLOURS]));
        WG_TRY(wg_text_escaped(ctx, out, d->dot[i].label));
        WG_TRY(
            wg_text_printf(ctx, out, ": %.3f, %.3f</title></circle>\n", d->dot[i].x, d->dot[i].y));
        if (count <= shown)
            continue;
        WG_TRY(wg_text_printf(ctx, out,
                              "<circle cx=\"%d\" cy=\"%.1f\" r=\"5\" fill=\"%s\"/>"
                              "<text x=\"%d\" y=\"%.1f\">",
                              WIDTH - RIGHT + 20, TOP + 18.0 * (double)shown + 6,
                              colour[mine % COLOURS], WIDTH - RIGHT + 32,
                              TOP + 18.0 * (double)shown + 10));
        WG_TRY(wg_text_escaped(ctx, out, d->dot[i].series));
        WG_TRY(wg_text_addz(ctx, out, "</text>\n"));
        shown = count;
    }
    return wg_text_addz(ctx, out, "</svg>\n");
}
