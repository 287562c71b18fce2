/* marks.c - dots with intervals, each with its name at the right margin and a line to it. */
#include "plot/axes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PLOT = 470, ROW = 17, LEAST = 380, GAP = 26 };

static const char *const colour[] = {"#000000", "#d55e00", "#0072b2", "#b07a00",
                                     "#009e73", "#a8508a", "#2b8cc4", "#7f7f7f",
                                     "#8c564b", "#7b7b00", "#6a4c93", "#2f4f4f"};
enum { COLOURS = sizeof colour / sizeof *colour };

/* Position of a mark in pixels, and y of its name. */
typedef struct position {
    const wg_mark *mark;
    double x, y, name;
} position;

static bool is_shown(const wg_mark *m)
{
    return isfinite(m->x) && isfinite(m->y);
}

/* The colour of a name, the same in all panels: by its first appearance. */
static const char *colour_of(const wg_marks *panel, int64_t n, const char *label)
{
    int64_t place = 0;

    for (int64_t p = 0; p < n; p++)
        for (int64_t i = 0; i < panel[p].n; i++, place++)
            if (strcmp(panel[p].mark[i].label, label) == 0)
                return colour[place % COLOURS];
    return colour[0];
}

static int downwards(const void *a, const void *b)
{
    const position *s = a, *t = b;

    return (s->y > t->y) - (s->y < t->y);
}

/* Places names as close to their marks as possible, in the same order and without overlap. */
static void place_names(position *s, int64_t n, double top, double bottom)
{
    qsort(s, (size_t)n, sizeof *s, downwards);
    for (int64_t i = 0; i < n; i++)
        s[i].name = fmax(s[i].y, i > 0 ? s[i - 1].name + ROW : top);
    for (int64_t i = n - 1; i >= 0; i--)
        s[i].name = fmin(s[i].name, i + 1 < n ? s[i + 1].name - ROW : bottom);
}

/* Draws the name and the line to it. */
static wagle_status draw_name(wagle_ctx *ctx, const wg_axes *a, const position *s, const char *ink,
                              wg_text *out)
{
    const double edge = a->width - a->right + 6;

    WG_TRY(wg_text_printf(ctx, out,
                          "<path d=\"M%.1f %.1fL%.1f %.1fH%.1f\" stroke=\"%s\" "
                          "stroke-opacity=\"0.35\" fill=\"none\"/>\n"
                          "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\">",
                          s->x, s->y, edge, s->name, edge + 12, ink, edge + 16, s->name + 4, ink));
    WG_TRY(wg_text_escaped(ctx, out, s->mark->label));
    WG_TRY(wg_text_escaped(ctx, out, s->mark->note != NULL ? s->mark->note : ""));
    return wg_text_addz(ctx, out, "</text>\n");
}

static wagle_status draw_mark(wagle_ctx *ctx, const wg_axes *a, const position *s, const char *ink,
                              wg_text *out)
{
    const wg_mark *m = s->mark;

    if (isfinite(m->half))
        WG_TRY(wg_text_printf(ctx, out,
                              "<path d=\"M%.1f %.1fV%.1fm-4 0h8M%.1f %.1fh8\" stroke=\"%s\" "
                              "stroke-width=\"1.5\" fill=\"none\"/>\n",
                              s->x, wg_axes_up(a, m->y - m->half), wg_axes_up(a, m->y + m->half),
                              s->x - 4, wg_axes_up(a, m->y - m->half), ink));
    WG_TRY(wg_text_printf(ctx, out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"><title>",
                          s->x, s->y, ink));
    WG_TRY(wg_text_escaped(ctx, out, m->label));
    return wg_text_printf(ctx, out, ": %.3f, %.3f</title></circle>\n", m->x, m->y);
}

static wagle_status draw_panel(wagle_ctx *ctx, const wg_marks *panel, int64_t n, int64_t at,
                               wg_axes a, wg_text *out)
{
    const wg_marks *p = &panel[at];
    int64_t shown = 0;
    position *spots;
    wagle_status st;

    a.title = p->title;
    a.x = p->x;
    a.y = p->y;
    WG_TRY(wg_axes_open(ctx, &a, out));
    WG_TRY(WG_ALLOC(ctx, &spots, p->n));
    for (int64_t i = 0; i < p->n; i++)
        if (is_shown(&p->mark[i]))
            spots[shown++] = (position){.mark = &p->mark[i],
                                        .x = wg_axes_across(&a, p->mark[i].x),
                                        .y = wg_axes_up(&a, p->mark[i].y)};
    place_names(spots, shown, WG_AXES_TOP, a.height - WG_AXES_BOTTOM);
    st = WAGLE_OK;
    for (int64_t i = 0; st == WAGLE_OK && i < 2 * shown; i++) { /* draws marks above the lines */
        const position *s = &spots[i % shown];
        const char *ink = colour_of(panel, n, s->mark->label);
        st = i < shown ? draw_name(ctx, &a, s, ink, out) : draw_mark(ctx, &a, s, ink, out);
    }
    wg_free(spots);
    return st == WAGLE_OK ? wg_text_addz(ctx, out, "</svg>\n") : st;
}

/* Sets the common scale of all panels. */
static void set_scale(const wg_marks *panel, int64_t n, wg_axes *a)
{
    int64_t max = 0;
    size_t longest = 0;

    wg_axes_start(a);
    for (int64_t p = 0; p < n; p++) {
        max = panel[p].n > max ? panel[p].n : max;
        for (int64_t i = 0; i < panel[p].n; i++) {
            const wg_mark *m = &panel[p].mark[i];
            const double half = isfinite(m->half) ? m->half : 0;
            const size_t length = strlen(m->label) + (m->note != NULL ? strlen(m->note) : 0);
            if (is_shown(m)) {
                wg_axes_fit(a, m->x, m->y - half);
                wg_axes_fit(a, m->x, m->y + half);
            }
            longest = length > longest ? length : longest;
        }
    }
    a->right = 40 + (int)(7.0 * (double)(longest < 120 ? longest : 120));
    a->width = WG_AXES_LEFT + PLOT + a->right;
    a->height = WG_AXES_TOP + WG_AXES_BOTTOM + ROW * (int)max;
    a->height = a->height > LEAST ? a->height : LEAST;
}

wagle_status wg_plot_marks(wagle_ctx *ctx, const wg_marks *panel, int64_t n, wg_text *out)
{
    wg_axes a = {.upright = true};

    set_scale(panel, n, &a);
    WG_TRY(wg_svg_open(ctx, out, a.width, (int)n * (a.height + GAP), 12));
    for (int64_t p = 0; p < n; p++) {
        WG_TRY(wg_text_printf(ctx, out, "<g transform=\"translate(0 %d)\">\n",
                              (int)p * (a.height + GAP)));
        WG_TRY(draw_panel(ctx, panel, n, p, a, out));
        WG_TRY(wg_text_addz(ctx, out, "</g>\n"));
    }
    return wg_text_addz(ctx, out, "</svg>\n");
}
