/* heatmap.c - heat maps of masks: layers across, modules down, darker where more is selected. */
#include "plot/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 760, LEFT = 230, CELL = 16, HEAD = 44, FOOT = 26, MOST_LAYERS = 1000 };

static double height_of(const wg_heat *h)
{
    return HEAD + CELL * (double)h->rows + FOOT;
}

static double max_of(const wg_heat *maps, int64_t n)
{
    double max = 0;

    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < maps[i].rows * maps[i].columns; k++)
            max = fmax(max, maps[i].value[k]);
    return max > 0 ? max : 1;
}

static wagle_status cells(wagle_ctx *ctx, const wg_heat *h, double top, double max, wg_text *out)
{
    const double width = fmin(CELL, (double)(WIDTH - LEFT - 10) / (double)h->columns);

    for (int64_t r = 0; r < h->rows; r++) {
        const double y = top + HEAD + CELL * (double)r;
        WG_TRY(wg_text_printf(ctx, out,
                              "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" "
                              "font-size=\"11\">",
                              LEFT - 6, y + 12));
        WG_TRY(wg_text_escaped(ctx, out, h->row[r]));
        WG_TRY(wg_text_addz(ctx, out, "</text>\n"));
        for (int64_t c = 0; c < h->columns; c++) {
            const double value = h->value[r * h->columns + c];
            const int light =
                (int)(240 -
                      200 * sqrt(fmax(value, 0) / max)); /* the root makes small shares visible */
            if (value < 0)
                continue;
            WG_TRY(wg_text_printf(ctx, out,
                                  "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
                                  "fill=\"rgb(%d,%d,%d)\"><title>layer %lld: %.4g</title></rect>\n",
                                  LEFT + width * (double)c, y, width - 1, CELL - 1, light,
                                  (light + 240) / 2, 245, (long long)c, value));
        }
    }
    return WAGLE_OK;
}

wagle_status wg_plot_heats(wagle_ctx *ctx, const wg_heat *maps, int64_t n, wg_text *out)
{
    const double max = max_of(maps, n);
    double height = 0, top = 0;

    for (int64_t i = 0; i < n; i++)
        height += height_of(&maps[i]);
    WG_TRY(wg_svg_open(ctx, out, WIDTH, (int)height, 13));
    for (int64_t i = 0; i < n; i++) {
        const wg_heat *h = &maps[i];
        WG_TRY(
            wg_text_printf(ctx, out, "<text x=\"8\" y=\"%.1f\" font-weight=\"bold\">", top + 20));
        WG_TRY(wg_text_escaped(ctx, out, h->title));
        WG_TRY(wg_text_printf(ctx, out,
                              "</text>\n<text x=\"%d\" y=\"%.1f\" font-size=\"11\">layer 0 to "
                              "%lld, share selected; darkest: %.3g</text>\n",
                              LEFT, top + 38, (long long)h->columns - 1, max));
        WG_TRY(cells(ctx, h, top, max, out));
        top += height_of(h);
    }
    return wg_text_addz(ctx, out, "</svg>\n");
}

int64_t wg_layer_of(const char *name, const char **module)
{
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        char *end;
        const long layer = strtol(dot + 1, &end, 10);
        if (end > dot + 1 && *end == '.') {
            *module = end + 1;
            return layer;
        }
    }
    *module = name;
    return -1;
}

/* Grows to `columns` columns; new cells are -1. */
static wagle_status widen(wagle_ctx *ctx, wg_heat *h, int64_t rows, int64_t columns)
{
    double *value;

    if (rows <= h->rows && columns <= h->columns)
        return WAGLE_OK;
    rows = rows > h->rows ? rows : h->rows;
    columns = columns > h->columns ? columns : h->columns;
    WG_TRY(WG_ALLOC(ctx, &value, rows * columns));
    for (int64_t i = 0; i < rows * columns; i++) {
        const int64_t r = i / columns, c = i % columns;
        value[i] = r < h->rows && c < h->columns ? h->value[r * h->columns + c] : -1;
    }
    wg_free(h->value);
    h->value = value;
    h->rows = rows;
    h->columns = columns;
    return WAGLE_OK;
}

wagle_status wg_heat_add(wagle_ctx *ctx, wg_heat *h, const char *name, double value)
{
    const char *module;
    const int64_t layer = wg_layer_of(name, &module);
    int64_t row = 0;

    while (row < h->rows && strcmp(h->row[row], module) != 0)
        row++;
    if (layer > MOST_LAYERS)
        return WAGLE_OK;
    if (row == h->rows) {
        WG_TRY(WG_GROW(ctx, &h->row, &h->capacity, row + 1));
        h->row[row] = module;
    }
    WG_TRY(widen(ctx, h, row + 1, layer > 0 ? layer + 1 : 1));
    h->value[row * h->columns + (layer > 0 ? layer : 0)] = value;
    return WAGLE_OK;
}

void wg_heat_free(wg_heat *h)
{
    wg_free(h->row);
    wg_free(h->value);
    *h = (wg_heat){0};
}
