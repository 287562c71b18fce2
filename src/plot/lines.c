/* lines.c - line plots. */
#include "plot/axes.h"

enum { WIDTH = 760, HEIGHT = 320, RIGHT = 170 };

static const char *const colour[] = {"#d55e00", "#0072b2", "#009e73", "#cc79a7",
                                     "#e69f00", "#56b4e9", "#7f7f7f", "#8c564b"};
static const char *const dashes[] = {"none", "6 3", "2 3", "8 3 2 3"};
enum { COLOURS = sizeof colour / sizeof *colour, DASHES = sizeof dashes / sizeof *dashes };

static wagle_status draw_line(wagle_ctx *ctx, const wg_axes *a, const wg_line *line, int64_t i,
                              wg_text *out)
{
    const double y = WG_AXES_TOP + 18.0 * (double)i + 6;
    const char *ink = colour[i % COLOURS], *dash = dashes[i % DASHES];

    WG_TRY(wg_text_printf(ctx, out,
                          "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" "
                          "stroke-dasharray=\"%s\" d=\"",
                          ink, dash));
    for (int64_t k = 0; k < line->n; k++)
        WG_TRY(wg_text_printf(ctx, out, "%c%.1f %.1f", k == 0 ? 'M' : 'L',
                              wg_axes_across(a, line->x[k]), wg_axes_up(a, line->y[k])));
    WG_TRY(wg_text_printf(ctx, out,
                          "\"/><path stroke=\"%s\" stroke-width=\"3\" stroke-dasharray=\"%s\" "
                          "d=\"M%d %.1fh18\"/><text x=\"%d\" y=\"%.1f\">",
                          ink, dash, WIDTH - RIGHT + 14, y, WIDTH - RIGHT + 38, y + 4));
    WG_TRY(wg_text_escaped(ctx, out, line->name));
    return wg_text_addz(ctx, out, "</text>\n");
}

wagle_status wg_plot_lines(wagle_ctx *ctx, const wg_lines *p, wg_text *out)
{
    wg_axes a = {
        .title = p->title, .x = p->x, .y = p->y, .width = WIDTH, .height = HEIGHT, .right = RIGHT};

    wg_axes_start(&a);
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t k = 0; k < p->line[i].n; k++)
            wg_axes_fit(&a, p->line[i].x[k], p->line[i].y[k]);
    WG_TRY(wg_axes_open(ctx, &a, out));
    for (int64_t i = 0; i < p->n; i++)
        WG_TRY(draw_line(ctx, &a, &p->line[i], i, out));
    return wg_text_addz(ctx, out, "</svg>\n");
}
