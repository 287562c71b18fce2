/* lines.c - curves over one axis. */
#include "run/plot.h"

#include <math.h>

enum { WIDTH = 760, HEIGHT = 320, LEFT = 64, RIGHT = 170, TOP = 40, BOTTOM = 46 };

static const char *const colour[] = {"#d55e00", "#0072b2", "#009e73", "#cc79a7",
                                     "#e69f00", "#56b4e9", "#7f7f7f", "#8c564b"};
static const char *const dashes[] = {"none", "6 3", "2 3", "8 3 2 3"};
enum { COLOURS = sizeof colour / sizeof *colour, DASHES = sizeof dashes / sizeof *dashes };

typedef struct view {
    double x0, x1, y0, y1;
} view;

static view view_of(const wg_lines *p)
{
    view v = {INFINITY, -INFINITY, INFINITY, -INFINITY};

    for (int64_t i = 0; i < p->n; i++)
        for (int64_t k = 0; k < p->line[i].n; k++) {
            v.x0 = fmin(v.x0, p->line[i].x[k]);
            v.x1 = fmax(v.x1, p->line[i].x[k]);
            v.y0 = fmin(v.y0, p->line[i].y[k]);
            v.y1 = fmax(v.y1, p->line[i].y[k]);
        }
    v.x1 = v.x1 > v.x0 ? v.x1 : v.x0 + 1;
    v.y1 = v.y1 > v.y0 ? v.y1 : v.y0 + 1;
    return isfinite(v.x0) && isfinite(v.y0) ? v : (view){0, 1, 0, 1};
}

static double across(const view *v, double x)
{
    return LEFT + (x - v->x0) / (v->x1 - v->x0) * (WIDTH - LEFT - RIGHT);
}

static double up(const view *v, double y)
{
    return HEIGHT - BOTTOM - (y - v->y0) / (v->y1 - v->y0) * (HEIGHT - TOP - BOTTOM);
}

static wagle_status words(wagle_ctx *ctx, wg_text *out, double x, double y, const char *style,
                          const char *text)
{
    WG_TRY(wg_text_printf(ctx, out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, style));
    WG_TRY(wg_text_escaped(ctx, out, text));
    return wg_text_addz(ctx, out, "</text>\n");
}

static wagle_status frame(wagle_ctx *ctx, const wg_lines *p, const view *v, wg_text *out)
{
    WG_TRY(wg_svg_open(ctx, out, WIDTH, HEIGHT, 12));
    WG_TRY(words(ctx, out, LEFT, 22, "font-size=\"14\" font-weight=\"bold\"", p->title));
    WG_TRY(wg_text_addz(ctx, out, "<g fill=\"#555555\">\n"));
    for (int i = 0; i <= 4; i++) {
        const double x = v->x0 + 0.25 * i * (v->x1 - v->x0), y = v->y0 + 0.25 * i * (v->y1 - v->y0);
        WG_TRY(wg_text_printf(ctx, out,
                              "<path d=\"M%d %.1fH%d\" stroke=\"#dddddd\"/>"
                              "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.4g</text>"
                              "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n",
                              LEFT, up(v, y), WIDTH - RIGHT, across(v, x), HEIGHT - BOTTOM + 16, x,
                              LEFT - 6, up(v, y) + 4, y));
    }
    WG_TRY(wg_text_addz(ctx, out, "</g>\n"));
    WG_TRY(
        words(ctx, out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8, "text-anchor=\"middle\"", p->x));
    WG_TRY(wg_text_printf(ctx, out, "<g transform=\"translate(14 %.1f) rotate(-90)\">",
                          (TOP + HEIGHT - BOTTOM) / 2.0));
    WG_TRY(words(ctx, out, 0, 0, "text-anchor=\"middle\"", p->y));
    return wg_text_addz(ctx, out, "</g>\n");
}

wagle_status wg_plot_lines(wagle_ctx *ctx, const wg_lines *p, wg_text *out)
{
    const view v = view_of(p);

    WG_TRY(frame(ctx, p, &v, out));
    for (int64_t i = 0; i < p->n; i++) {
        const double y = TOP + 18.0 * (double)i + 6;
        const char *ink = colour[i % COLOURS], *dash = dashes[i / COLOURS % DASHES];
        WG_TRY(wg_text_printf(ctx, out,
                              "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" "
                              "stroke-dasharray=\"%s\" d=\"",
                              ink, dash));
        for (int64_t k = 0; k < p->line[i].n; k++)
            WG_TRY(wg_text_printf(ctx, out, "%c%.1f %.1f", k == 0 ? 'M' : 'L',
                                  across(&v, p->line[i].x[k]), up(&v, p->line[i].y[k])));
        WG_TRY(wg_text_printf(ctx, out,
                              "\"/><path stroke=\"%s\" stroke-width=\"3\" stroke-dasharray=\"%s\" "
                              "d=\"M%d %.1fh18\"/>",
                              ink, dash, WIDTH - RIGHT + 14, y));
        WG_TRY(words(ctx, out, WIDTH - RIGHT + 38, y + 4, "", p->line[i].name));
    }
    return wg_text_addz(ctx, out, "</svg>\n");
}
