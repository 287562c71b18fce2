/* value.c - parses and formats numbers, and the ranges of the table. */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cli_interval cli_interval_read(const char *range)
{
    cli_interval in = {.low = 0, .high = INFINITY};
    char *end;

    in.above = range[0] == '(';
    in.low = range[1] == ',' ? -INFINITY : strtod(range + 1, NULL);
    range = strchr(range, ',') + 1;
    in.high = strtod(range, &end);
    in.below = *end == ')';
    if (end == range)
        in.high = INFINITY;
    return in;
}

static bool is_inside(const cli_interval *in, double x)
{
    return isfinite(x) && (in->above ? x > in->low : x >= in->low) &&
           (in->below ? x < in->high : x <= in->high);
}

void cli_number(double value, char out[32])
{
    char *e;

    snprintf(out, 32, "%g", value);
    e = strchr(out, 'e');
    if (e == NULL)
        return;
    if (e[2] == '0') /* 1e-05 */
        memmove(e + 2, e + 3, strlen(e + 3) + 1);
    if (e[1] == '+')
        memmove(e + 1, e + 2, strlen(e + 2) + 1);
}

/* "above 0 and at most 1" */
static void describe(const cli_interval *in, char out[96])
{
    char low[32], high[32];
    int n = 0;

    cli_number(in->low, low);
    cli_number(in->high, high);
    if (in->low != -INFINITY && in->high != INFINITY && !in->above && !in->below) {
        snprintf(out, 96, "from %s to %s", low, high);
        return;
    }
    out[0] = '\0';
    if (in->low != -INFINITY)
        n = snprintf(out, 96, in->above ? "above %s" : "%s or more", low);
    if (in->high != INFINITY)
        snprintf(out + n, 96 - (size_t)n, "%s%s %s", n > 0 ? " and " : "",
                 in->below ? "below" : "at most", high);
}

void cli_describe_range(const char *range, char out[96])
{
    const cli_interval in = cli_interval_read(range);

    describe(&in, out);
}

static wagle_status check(const char *what, const char *text, const char *range, double x)
{
    const cli_interval in = cli_interval_read(range);
    char wanted[96], hint[64] = "";

    if (is_inside(&in, x))
        return WAGLE_OK;
    describe(&in, wanted);
    if (in.low == 0 && in.high == 1 && x >= 2 && x <= 100) /* a share given in per cent */
        snprintf(hint, sizeof hint, "; %s per cent is %g", text, x / 100);
    return cli_refuse("%s %s: must be %s%s", what, text, wanted, hint);
}

wagle_status cli_read_real(const char *what, const char *text, const char *range, double *out)
{
    char *end;

    *out = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(*out))
        return cli_refuse("%s %s: not a number", what, text);
    return check(what, text, range, *out);
}

wagle_status cli_read_whole(const char *what, const char *text, const char *range, int64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0)
        return cli_refuse("%s %s: not a whole number", what, text);
    return check(what, text, range, (double)*out);
}

/* Parses a size: 16G is 16 * 2^30; 16GB and 16GiB are the same. */
wagle_status cli_read_bytes(const char *what, const char *text, int64_t *out)
{
    static const char units[] = "KMGT";
    char *end;
    double bytes = strtod(text, &end);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    const char *rest = unit != NULL ? end + 1 : end;

    for (const char *u = units; unit != NULL && u <= unit; u++)
        bytes *= 1024;
    if (end == text || !(bytes > 0) || !(bytes < 1e15) ||
        (*rest != '\0' && strcmp(rest, "B") != 0 && strcmp(rest, "iB") != 0))
        return cli_refuse("%s %s: must be a size, as in 800M or 16G", what, text);
    *out = (int64_t)bytes;
    return WAGLE_OK;
}
