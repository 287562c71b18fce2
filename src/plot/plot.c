#include "plot/plot.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 760, HEIGHT = 300, LEFT = 44, TOP = 64, BOTTOM = 46, GAP = 18 };

/* Colours of Okabe and Ito, which colour-blind people can distinguish. */
static const char *const colour[] = {"#999999", "#d55e00", "#0072b2", "#e69f00",
                                     "#009e73", "#cc79a7", "#56b4e9", "#8c564b"};
enum { COLOURS = sizeof colour / sizeof *colour };

wagle_status wg_text_escaped(wagle_ctx *ctx, wg_text *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *as = *text == '&'   ? "&amp;"
                         : *text == '<' ? "&lt;"
                         : *text == '>' ? "&gt;"
                         : *text == '"' ? "&quot;"
                                        : NULL;
        WG_TRY(as != NULL ? wg_text_addz(ctx, out, as) : wg_text_add(ctx, out, text, 1));
    }
    return WAGLE_OK;
}

wagle_status wg_svg_open(wagle_ctx *ctx, wg_text *out, int width, int height, int font)
{
    return wg_text_printf(
        ctx, out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\" font-family=\"sans-serif\" font-size=\"%d\" role=\"img\">\n"
        "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
        width, height, width, height, font, width, height);
}

static double height_of(double value)
{
    return (value < 0 ? 0 : value > 1 ? 1 : value) * (HEIGHT - TOP - BOTTOM);
}

static wagle_status label(wagle_ctx *ctx, wg_text *out, double x, double y, const char *anchor,
                          const char *text)
{
    WG_TRY(
        wg_text_printf(ctx, out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor));
    WG_TRY(wg_text_escaped(ctx, out, text));
    return wg_text_addz(ctx, out, "</text>\n");
}

static wagle_status axes(wagle_ctx *ctx, const wg_bars *b, wg_text *out)
{
    WG_TRY(wg_svg_open(ctx, out, WIDTH, HEIGHT, 12));
    WG_TRY(wg_text_addz(ctx, out, "<g font-size=\"14\" font-weight=\"bold\">"));
    WG_TRY(label(ctx, out, LEFT, 20, "start", b->title));
    WG_TRY(wg_text_addz(ctx, out, "</g>\n"));
    for (int i = 0; i <= 4; i++) {
        const double y = HEIGHT - BOTTOM - height_of(0.25 * i);
        char tick[16];
        snprintf(tick, sizeof tick, "%.2f", 0.25 * i);
        WG_TRY(wg_text_printf(ctx, out,
                              "<path d=\"M%d %.1fH%d\" stroke=\"#dddddd\"/>\n<g fill=\"#555555\">",
                              LEFT, y, WIDTH - 8));
        WG_TRY(label(ctx, out, LEFT - 6, y + 4, "end", tick));
        WG_TRY(wg_text_addz(ctx, out, "</g>\n"));
    }
    return WAGLE_OK;
}

static wagle_status legend(wagle_ctx *ctx, const wg_bars *b, wg_text *out)
{
    double x = LEFT;

    for (int s = 0; s < b->serieses; s++) {
        WG_TRY(wg_text_printf(ctx, out,
                              "<rect x=\"%.1f\" y=\"32\" width=\"12\" height=\"12\" "
                              "fill=\"%s\"/>\n",
                              x, colour[s % COLOURS]));
        WG_TRY(label(ctx, out, x + 17, 42, "start", b->series[s]));
        x += 17 + 7.5 * (double)strlen(b->series[s]) + 18;
    }
    return WAGLE_OK;
}

/* Writes "set: metric" on two lines. */
static wagle_status group_name(wagle_ctx *ctx, wg_text *out, double x, const char *name)
{
    const char *colon = strstr(name, ": ");
    char first[64];

    if (colon == NULL)
        return label(ctx, out, x, HEIGHT - 22, "middle", name);
    snprintf(first, sizeof first, "%.*s", (int)(colon - name), name);
    WG_TRY(label(ctx, out, x, HEIGHT - 26, "middle", first));
    return label(ctx, out, x, HEIGHT - 10, "middle", colon + 2);
}

wagle_status wg_plot_bars(wagle_ctx *ctx, const wg_bars *b, wg_text *out)
{
    const double group = (double)(WIDTH - LEFT - 8) / b->groups;
    const double bar = (group - GAP) / b->serieses;

    WG_TRY(axes(ctx, b, out));
    WG_TRY(legend(ctx, b, out));
    for (int g = 0; g < b->groups; g++) {
        const double left = LEFT + g * group + GAP / 2.0;
        for (int s = 0; s < b->serieses; s++) {
            const double value = b->value[g * b->serieses + s], height = height_of(value);
            const double x = left + s * bar, y = HEIGHT - BOTTOM - height;
            char number[16];
            snprintf(number, sizeof number, "%.2f", value);
            WG_TRY(wg_text_printf(ctx, out,
                                  "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                                  "fill=\"%s\"/>\n",
                                  x + 1, y, bar - 2, height, colour[s % COLOURS]));
            WG_TRY(wg_text_addz(ctx, out, bar < 26 ? "<g font-size=\"9\">" : "<g>"));
            WG_TRY(label(ctx, out, x + bar / 2, y - 4, "middle", number));
            WG_TRY(wg_text_addz(ctx, out, "</g>\n"));
        }
        WG_TRY(group_name(ctx, out, left + (group - GAP) / 2, b->group[g]));
    }
    return wg_text_addz(ctx, out, "</svg>\n");
}
