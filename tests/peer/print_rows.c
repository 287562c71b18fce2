/* print_rows.c - prints the rows of a data file as JSON Lines, for check_columnar.py. */
#include "io/rows.h"

#include <stdio.h>

static wagle_status print(void *user, json_t *row, const char *file, int64_t line)
{
    (void)user;
    (void)file;
    (void)line;
    json_dumpf(row, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
    putchar('\n');
    json_decref(row);
    return WAGLE_OK;
}

int main(int argc, char **argv)
{
    wagle_ctx *ctx;
    wagle_status st = WAGLE_OK;

    if (argc < 2 || wagle_ctx_new(&ctx) != WAGLE_OK)
        return 2;
    for (int i = 1; st == WAGLE_OK && i < argc; i++)
        st = wg_rows_visit(ctx, argv[i], NULL, print, NULL);
    if (st != WAGLE_OK)
        fprintf(stderr, "%s\n", wagle_message(ctx));
    wagle_ctx_free(ctx);
    return (int)st;
}
