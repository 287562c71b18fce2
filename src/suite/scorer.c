#include "suite/scorer.h"

#include "base/context.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

wagle_status wg_scorer_add(wagle_ctx *ctx, wg_text *line, wg_str text)
{
    const int64_t from = line->bytes;

    WG_TRY(wg_text_add(ctx, line, text.text != NULL ? text.text : "", text.bytes));
    for (int64_t k = from; k < line->bytes; k++)
        if (strchr("\n\r\t", line->text[k]) != NULL) /* and NUL */
            line->text[k] = ' ';
    return WAGLE_OK;
}

static wagle_status write_lines(wagle_ctx *ctx, const wg_text *lines, FILE *file)
{
    const size_t bytes = (size_t)lines->bytes;

    if (bytes > 0 && fwrite(lines->text, 1, bytes, file) != bytes)
        return wg_fail_errno(ctx, errno, "the texts for @{scorer}");
    return fflush(file) == 0 ? WAGLE_OK : wg_fail_errno(ctx, errno, "the texts for @{scorer}");
}

static wagle_status read_scores(wagle_ctx *ctx, const char *command, FILE *pipe, int64_t n,
                                double low, double *score)
{
    char line[256];

    for (int64_t i = 0; i < n; i++) {
        char *end;
        if (fgets(line, sizeof line, pipe) == NULL)
            return wg_fail(ctx, WAGLE_E_RUN, "@{scorer} '%s': %lld numbers for %lld texts", command,
                           (long long)i, (long long)n);
        score[i] = strtod(line, &end);
        if (end == line || end[strspn(end, " \t\r\n")] != '\0' ||
            !(score[i] >= low && score[i] <= 1.000001))
            return wg_fail(ctx, WAGLE_E_RUN,
                           "@{scorer} '%s': line %lld is not a number from %g to 1", command,
                           (long long)i + 1, low);
    }
    return fgets(line, sizeof line, pipe) == NULL
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_RUN, "@{scorer} '%s': more numbers than the %lld texts",
                         command, (long long)n);
}

wagle_status wg_scorer_run(wagle_ctx *ctx, const char *command, const wg_text *lines, int64_t n,
                           double low, double *score)
{
    wg_text line = {0};
    int status;

    if (ctx->dry_run) {
        memset(score, 0, (size_t)n * sizeof *score);
        return WAGLE_OK;
    }
    FILE *file = tmpfile(), *pipe;
    wagle_status st = file != NULL ? write_lines(ctx, lines, file)
                                   : wg_fail_errno(ctx, errno, "a file for @{scorer}");

    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, &line, "{ %s\n} </dev/fd/%d", command, fileno(file));
    if (st == WAGLE_OK)
        rewind(file);
    pipe = st == WAGLE_OK ? popen(line.text, "r") : NULL;
    if (st == WAGLE_OK && pipe == NULL)
        st = wg_fail_errno(ctx, errno, "@{scorer} '%s'", command);
    if (st == WAGLE_OK)
        st = read_scores(ctx, command, pipe, n, low, score);
    status = pipe != NULL ? pclose(pipe) : 0;
    if (st == WAGLE_OK && status != 0)
        st = wg_fail(ctx, WAGLE_E_RUN, "@{scorer} '%s' failed (%d)", command,
                     WIFEXITED(status) ? WEXITSTATUS(status) : status);
    if (file != NULL)
        fclose(file);
    wg_text_free(&line);
    return st;
}

wagle_status wg_scorer_texts(wagle_ctx *ctx, const char *command, const wg_text *text, int64_t n,
                             double *score)
{
    wg_text lines = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < n; i++) {
        st = wg_scorer_add(ctx, &lines, wg_text_str(&text[i]));
        if (st == WAGLE_OK)
            st = wg_text_addz(ctx, &lines, "\n");
    }
    if (st == WAGLE_OK)
        st = wg_scorer_run(ctx, command, &lines, n, 0, score);
    wg_text_free(&lines);
    return st;
}
