#include "plot/axes.h"

#include <math.h>

enum { TICKS = 5 };

void wg_axes_start(wg_axes *a)
{
    a->x0 = a->y0 = INFINITY;
    a->x1 = a->y1 = -INFINITY;
}

void wg_axes_fit(wg_axes *a, double x, double y)
{
    if (!isfinite(x) || !isfinite(y))
        return;
    a->x0 = fmin(a->x0, x);
    a->x1 = fmax(a->x1, x);
    a->y0 = fmin(a->y0, y);
    a->y1 = fmax(a->y1, y);
}

/* Chooses a step of 1, 2 or 5 times a power of ten, about TICKS of them between the bounds, and
 * rounds the bounds outwards to multiples of it. */
static double round_bounds(double *low, double *high)
{
    double size, step;

    if (!isfinite(*low) || !isfinite(*high)) {
        *low = 0;
        *high = 1;
    }
    if (*high - *low < 1e-9 * (fabs(*low) + 1e-300)) {
        *low -= 0.5;
        *high += 0.5;
    }
    step = (*high - *low) / TICKS;
    size = pow(10, floor(log10(step)));
    step = step / size > 5   ? 10 * size
           : step / size > 2 ? 5 * size
           : step / size > 1 ? 2 * size
                             : size;
    *low = step * floor(*low / step + 1e-9);
    *high = step * ceil(*high / step - 1e-9);
    return step;
}

double wg_axes_across(const wg_axes *a, double x)
{
    return WG_AXES_LEFT + (x - a->x0) / (a->x1 - a->x0) * (a->width - WG_AXES_LEFT - a->right);
}

double wg_axes_up(const wg_axes *a, double y)
{
    const int high = a->height - WG_AXES_TOP - WG_AXES_BOTTOM;

    return a->height - WG_AXES_BOTTOM - (y - a->y0) / (a->y1 - a->y0) * high;
}

static wagle_status words(wagle_ctx *ctx, wg_text *out, double x, double y, const char *style,
                          const char *text)
{
    WG_TRY(wg_text_printf(ctx, out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, style));
    WG_TRY(wg_text_escaped(ctx, out, text));
    return wg_text_addz(ctx, out, "</text>\n");
}

/* Tick i, without rounding errors like that of 3 * 0.1. */
static double tick(double low, double step, int i)
{
    const double value = low + i * step;

    return fabs(value) < 1e-9 * step ? 0 : value;
}

static wagle_status draw_ticks(wagle_ctx *ctx, const wg_axes *a, wg_text *out)
{
    const int below = a->height - WG_AXES_BOTTOM, end = a->width - a->right;

    for (int i = 0; a->y0 + i * a->y_step <= a->y1 + 1e-9 * a->y_step; i++) {
        const double y = tick(a->y0, a->y_step, i);
        WG_TRY(wg_text_printf(ctx, out,
                              "<path d=\"M%d %.1fH%d\" stroke=\"#dddddd\"/>"
                              "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n",
                              WG_AXES_LEFT, wg_axes_up(a, y), end, WG_AXES_LEFT - 6,
                              wg_axes_up(a, y) + 4, y));
    }
    for (int i = 0; a->x0 + i * a->x_step <= a->x1 + 1e-9 * a->x_step; i++) {
        const double x = tick(a->x0, a->x_step, i), at = wg_axes_across(a, x);
        if (a->upright)
            WG_TRY(wg_text_printf(ctx, out, "<path d=\"M%.1f %dV%d\" stroke=\"#dddddd\"/>", at,
                                  below, WG_AXES_TOP));
        WG_TRY(wg_text_printf(ctx, out,
                              "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.6g</text>\n", at,
                              below + 16, x));
    }
    return WAGLE_OK;
}

wagle_status wg_axes_open(wagle_ctx *ctx, wg_axes *a, wg_text *out)
{
    a->x_step = round_bounds(&a->x0, &a->x1);
    a->y_step = round_bounds(&a->y0, &a->y1);
    WG_TRY(wg_svg_open(ctx, out, a->width, a->height, 12));
    WG_TRY(words(ctx, out, WG_AXES_LEFT, 22, "font-size=\"14\" font-weight=\"bold\"", a->title));
    WG_TRY(wg_text_addz(ctx, out, "<g fill=\"#555555\">\n"));
    WG_TRY(draw_ticks(ctx, a, out));
    WG_TRY(wg_text_addz(ctx, out, "</g>\n"));
    WG_TRY(words(ctx, out, (WG_AXES_LEFT + a->width - a->right) / 2.0, a->height - 8,
                 "text-anchor=\"middle\"", a->x));
    WG_TRY(wg_text_printf(ctx, out, "<g transform=\"translate(14 %.1f) rotate(-90)\">",
                          (WG_AXES_TOP + a->height - WG_AXES_BOTTOM) / 2.0));
    WG_TRY(words(ctx, out, 0, 0, "text-anchor=\"middle\"", a->y));
    return wg_text_addz(ctx, out, "</g>\n");
}
