/* rows.h - reads the rows of a data file as JSON objects. The file is JSON Lines, one JSON array,
 * or CSV with a header (RFC 4180). The first character decides: '[' means an array, '{' means
 * lines, anything else CSV. A text in an array becomes the row {"text": ..}. */
#ifndef WG_IO_ROWS_H
#define WG_IO_ROWS_H

#include "base/json.h"

typedef struct wg_rows {
    json_t **row;  /* [n] objects */
    int64_t *line; /* [n] line in the file, or element of the JSON array, from 1 */
    int64_t n;
} wg_rows;

/* limit: maximum number of rows, 0 for all. An empty file is an error. So is another format; the
 * message then says how to convert it (foreign.h). */
WAGLE_CHECK wagle_status wg_rows_read(wagle_ctx *ctx, const char *path, int64_t limit,
                                      wg_rows *out);
WAGLE_CHECK wagle_status wg_rows_parse(wagle_ctx *ctx, const char *what, const char *text,
                                       size_t bytes, int64_t limit, wg_rows *out);
void wg_rows_free(wg_rows *rows);

/* --- rows.c and csv.c ------------------------------------------------------------------------- */

typedef struct wg_rows_reader {
    wagle_ctx *ctx;
    const char *what, *at, *end;
    int64_t line, limit, capacity;
    wg_rows *rows;
} wg_rows_reader;

bool wg_rows_full(const wg_rows_reader *r);
/* Adds a row, which it takes over. */
WAGLE_CHECK wagle_status wg_rows_add(wg_rows_reader *r, json_t *row, int64_t line);
WAGLE_CHECK wagle_status wg_rows_refuse(const wg_rows_reader *r, int64_t line, const char *what);
WAGLE_CHECK wagle_status wg_rows_csv(wg_rows_reader *r);

#endif
