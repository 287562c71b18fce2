#include "line.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- the time left -----------------------------------------------------------------------------
 */

/* Units of the last minute count, but never fewer than the last 16. */
static const double memory_seconds = 60, memory_units = 16;
/* What a new estimate differs by is shown little by little, within about so many seconds. */
static const double smoothing_seconds = 10;

static bool is_too_early(const cli_eta *e)
{
    const double seen = e->at - e->began;

    return !e->started || seen < 3 || (e->done - e->first < 3 && seen < 10);
}

/* Seconds for the work left at the recent speed. The current unit may be nearly done; those after
 * it have not begun. */
static double work_left(const cli_eta *e, double now)
{
    const double each = e->seconds / e->units, units = (double)(e->total - e->done);

    return fmax(units * each - (now - e->at), fmax(units - 1, 0) * each);
}

double cli_eta_left(const cli_eta *e, double now)
{
    if (is_too_early(e))
        return -1;
    return fmax(work_left(e, now) + e->offset * exp(-(now - e->at) / smoothing_seconds), 0);
}

void cli_eta_add(cli_eta *e, double now, int64_t done, int64_t total)
{
    const double shown = cli_eta_left(e, now);

    if (!e->started || done < e->done) {
        *e = (cli_eta){
            .started = true, .first = done, .done = done, .total = total, .began = now, .at = now};
        return;
    }
    e->total = total;
    if (done == e->done)
        return;
    const double units = (double)(done - e->done), seconds = now - e->at;
    const double fade = exp(-fmin(seconds / memory_seconds, units / memory_units));
    e->units = e->units * fade + units;
    e->seconds = e->seconds * fade + seconds;
    e->done = done;
    e->at = now;
    e->offset = shown >= 0 ? shown - work_left(e, now) : 0;
}

/* --- the line ----------------------------------------------------------------------------------
 */

/* What goes first where the line is too long, by the first word of a field. "": all other fields,
 * of which the last goes first. The stage stays. */
static const char *const dropped[] = {"peak",   "after", "lr", "tok/s", "keep",
                                      "forget", "loss",  "",   "ETA"};
enum { RANKS = sizeof dropped / sizeof *dropped, FIELDS = 16 };

typedef struct field {
    const char *text;
    int bytes, columns, rank;
} field;

/* A byte of UTF-8 at which a character begins. Each takes one column. */
static bool begins_character(char byte)
{
    return ((unsigned char)byte & 0xC0) != 0x80;
}

static int columns_of(const char *text, int bytes)
{
    int n = 0;

    for (int i = 0; i < bytes; i++)
        n += begins_character(text[i]);
    return n;
}

static int rank_of(const char *text)
{
    const size_t word = strcspn(text, " ");
    int other = 0;

    for (int i = 0; i < RANKS; i++) {
        if (strlen(dropped[i]) == word && strncmp(dropped[i], text, word) == 0)
            return i;
        if (*dropped[i] == '\0')
            other = i;
    }
    return other;
}

/* Splits text at each two spaces. */
static int split(const char *text, field list[FIELDS])
{
    int n = 0;

    while (text != NULL && *text != '\0' && n < FIELDS) {
        const char *end = strstr(text, "  ");
        const int bytes = end != NULL ? (int)(end - text) : (int)strlen(text);
        list[n] = (field){text, bytes, columns_of(text, bytes), rank_of(text)};
        n++;
        text = end != NULL ? end + strspn(end, " ") : NULL;
    }
    return n;
}

/* The field to leave out next: of the lowest rank, and of these the last. */
static int next_dropped(const field *list, int n)
{
    int worst = n - 1;

    for (int i = n - 1; i > 0; i--)
        if (list[i].rank < list[worst].rank)
            worst = i;
    return worst;
}

static int width_of(const field *list, int n)
{
    int sum = 0;

    for (int i = 0; i < n; i++)
        sum += list[i].columns + (i > 0 ? 2 : 0);
    return sum;
}

/* "45 s", "4:05", "1:04:05" */
static void time_text(double seconds, char out[32])
{
    const long long s = (long long)(seconds + 0.5);

    if (s < 60)
        snprintf(out, 32, "%lld s", s);
    else if (s < 3600)
        snprintf(out, 32, "%lld:%02lld", s / 60, s % 60);
    else
        snprintf(out, 32, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

/* All fields, each after the first with two spaces before it. */
static void all_fields(const cli_progress *p, char out[CLI_LINE])
{
    char count[64] = "", peak[48] = "", after[32], left[32] = "";

    if (p->total > 0)
        snprintf(count, sizeof count, " %lld/%lld", (long long)p->done, (long long)p->total);
    if (p->peak > 0)
        snprintf(peak, sizeof peak, "  peak %.2f GB", (double)p->peak / 1e9);
    time_text(p->elapsed, after);
    if (p->left >= 0)
        time_text(p->left, left);
    snprintf(out, CLI_LINE, "%.64s%s%s%.250s%s  after %s%s%s", p->stage, count,
             p->detail != NULL && *p->detail != '\0' ? "  " : "",
             p->detail != NULL ? p->detail : "", peak, after, p->left >= 0 ? "  ETA " : "", left);
}

int cli_line(const cli_progress *p, int width, char out[CLI_LINE])
{
    char all[CLI_LINE];
    field list[FIELDS] = {{0}};
    int n, bytes = 0, at = 0;

    all_fields(p, all);
    n = split(all, list);
    while (width > 0 && n > 1 && width_of(list, n) > width) {
        const int gone = next_dropped(list, n);
        memmove(&list[gone], &list[gone + 1], (size_t)(n - gone - 1) * sizeof *list);
        n--;
    }
    for (int i = 0; i < n; i++)
        bytes += snprintf(out + bytes, (size_t)(CLI_LINE - bytes), "%s%.*s", i > 0 ? "  " : "",
                          list[i].bytes, list[i].text);
    for (int columns = 0; width > 0 && at < bytes; at++) { /* a stage that is too long alone */
        columns += begins_character(out[at]);
        if (columns > width)
            out[bytes = at] = '\0';
    }
    return list[0].columns < width || width == 0 ? list[0].columns : width;
}
