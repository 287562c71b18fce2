/* gamma.c - parses and formats gamma, the curvature in wagle's score: auto, diag, protect or a
 * number. */
#include "selector/selector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    wagle_gamma gamma;
} names[] = {{"diag", {WAGLE_GAMMA_DIAG, 0}},
             {"auto", {WAGLE_GAMMA_AUTO, 0}},
             {"protect", {WAGLE_GAMMA_PROTECT, 0}}};
enum { NAMES = sizeof names / sizeof *names };

bool wagle_gamma_read(const char *text, wagle_gamma *gamma)
{
    char *end;
    double value;

    for (int i = 0; i < NAMES; i++)
        if (strcmp(text, names[i].text) == 0) {
            *gamma = names[i].gamma;
            return true;
        }
    value = strtod(text, &end);
    if (*end != '\0' || !(value > 0) || !isfinite(value))
        return false;
    *gamma = (wagle_gamma){WAGLE_GAMMA_NUMBER, value};
    return true;
}

double wg_gamma_number(const wagle_gamma *gamma)
{
    return gamma->kind == WAGLE_GAMMA_NUMBER ? gamma->value : 0;
}

void wg_gamma_text(const wagle_gamma *gamma, char out[40])
{
    for (int i = 0; i < NAMES; i++)
        if (gamma->kind == names[i].gamma.kind) {
            snprintf(out, 40, "%s", names[i].text);
            return;
        }
    snprintf(out, 40, "%.15g", gamma->value);
    if (strtod(out, NULL) != gamma->value)
        snprintf(out, 40, "%.17g", gamma->value);
}

wagle_status wg_gamma_check(wagle_ctx *ctx, const wagle_gamma *gamma)
{
    const bool number = gamma->value > 0 && isfinite(gamma->value);

    return (int)gamma->kind >= 0 && gamma->kind <= WAGLE_GAMMA_PROTECT &&
                   (gamma->kind != WAGLE_GAMMA_NUMBER || number)
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE,
                         "@{gamma} must be diag, auto, protect or a number above 0");
}
