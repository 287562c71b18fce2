/* rows.h - reads the rows of a data file as JSON objects. The content decides what it is: JSON
 * Lines ('{' first), one JSON array ('[' first), Parquet, Arrow, or a table with a header, whose
 * columns are separated by commas (CSV, RFC 4180) or tabs. Text may be compressed by gzip or zstd.
 * A text in an array becomes the row {"text": ..}. A folder stands for the files in it, sorted by
 * name; one that datasets wrote by save_to_disk, for the files that it lists.
 *
 * A file is read a row at a time, so that it may be larger than memory. */
#ifndef WG_IO_ROWS_H
#define WG_IO_ROWS_H

#include "base/json.h"

/* Which rows and columns of a file are read; {0}: all. */
typedef struct wg_rows_select {
    int64_t limit;             /* first rows of each file, counted after `where`; 0: all */
    const char *const *where;  /* "column=text" or "column!=text", all of which hold, or NULL */
    const char *const *fields; /* "column=name": the column gets this name, or NULL */
    /* Whether a column is read, by its new name; NULL: all are. Formats that store columns apart
     * then skip the others (wg_rows_unread). */
    bool (*reads)(const void *of, const char *column);
    const void *of;
} wg_rows_select;

/* Gets a row, which it takes over. line: of the file, or the number of the row, from 1. */
typedef wagle_status wg_row_fn(void *user, json_t *row, const char *file, int64_t line);

/* Gives each row of a file or folder to `accept`. An empty file is an error. So is another format;
 * the message then says how to convert it (foreign.h). */
WAGLE_CHECK wagle_status wg_rows_visit(wagle_ctx *ctx, const char *path,
                                       const wg_rows_select *select, wg_row_fn *accept, void *user);

/* Whether a file's name says that it holds rows; of a folder, other files are refused, or left out
 * if their name begins with . or _. */
bool wg_rows_named_so(const char *name);

typedef struct wg_rows {
    json_t **row;  /* [n] objects */
    int64_t *line; /* [n] line in the file, or number of the row, from 1 */
    int64_t n, capacity;
} wg_rows;

/* Keeps all rows. select: may be NULL. Of a folder, line counts the rows of all its files. */
WAGLE_CHECK wagle_status wg_rows_read(wagle_ctx *ctx, const char *path,
                                      const wg_rows_select *select, wg_rows *out);
WAGLE_CHECK wagle_status wg_rows_parse(wagle_ctx *ctx, const char *what, const char *text,
                                       size_t bytes, const wg_rows_select *select, wg_rows *out);
/* Gives rows that are kept to `accept`; `what` names them. */
WAGLE_CHECK wagle_status wg_rows_offer(wagle_ctx *ctx, const char *what, const wg_rows *rows,
                                       const wg_rows_select *select, wg_row_fn *accept, void *user);
/* Checks that a row is an object. */
WAGLE_CHECK wagle_status wg_rows_check(wagle_ctx *ctx, const char *what, const json_t *row,
                                       int64_t line);
/* Adds a row, which it takes over, even on failure. */
WAGLE_CHECK wagle_status wg_rows_keep(wagle_ctx *ctx, wg_rows *rows, json_t *row, int64_t line);
void wg_rows_free(wg_rows *rows);

/* A value that was not read, or has no form in JSON: an object that says what it is ("a text"). A
 * value that is used has the wrong type then. */
json_t *wg_rows_unread(const char *kind);
/* As wg_json_kind, also for values that were not read. */
const char *wg_rows_kind(const json_t *value);

/* --- between the readers of formats ----------------------------------------------------------- */

typedef struct wg_rows_reader {
    wagle_ctx *ctx;
    const char *what, *at, *end; /* the text in memory from here on */
    struct wg_source *source;    /* where more text comes from, or NULL */
    bool ended;                  /* all text is in memory */
    char *buffer;                /* of a source: the text [room] */
    int64_t room;
    int64_t line;
    const wg_rows_select *select;
    int64_t n; /* rows accepted */
    wg_row_fn *accept;
    void *user;
    uint64_t seen;  /* a bit for each of `where` and `fields` whose column was in a row */
    wg_text found;  /* the columns of the first row */
    bool is_mapped; /* the text is in a mapped file; released: up to here */
    const char *released;
} wg_rows_reader;

/* Refuses a file: "FILE: KIND with ..". */
WAGLE_CHECK wagle_status wg_rows_broken(wagle_ctx *ctx, const char *file, const char *kind,
                                        const char *format, va_list args);
bool wg_rows_full(const wg_rows_reader *r);
bool wg_rows_reads(const wg_rows_reader *r, const char *column);
/* *unread: what stands for values of a column that is not read; NULL: it is read. */
WAGLE_CHECK wagle_status wg_rows_choose(const wg_rows_reader *r, const char *column,
                                        const char *kind, json_t **unread);
/* Filters, renames and gives on a row, which it takes over. */
WAGLE_CHECK wagle_status wg_rows_add(wg_rows_reader *r, json_t *row, int64_t line);
WAGLE_CHECK wagle_status wg_rows_refuse(const wg_rows_reader *r, int64_t line, const char *what);
/* Adds to the text in memory, if more comes (else r->ended). r->at and r->end change; what was
 * before r->at is gone. */
WAGLE_CHECK wagle_status wg_rows_more(wg_rows_reader *r);
WAGLE_CHECK wagle_status wg_rows_lines(wg_rows_reader *r); /* jsonrows.c */
WAGLE_CHECK wagle_status wg_rows_array(wg_rows_reader *r);
WAGLE_CHECK wagle_status wg_rows_csv(wg_rows_reader *r); /* csv.c */

/* --- select.c --------------------------------------------------------------------------------- */

/* Checks the syntax of `where` and `fields`. */
WAGLE_CHECK wagle_status wg_select_check(wagle_ctx *ctx, const wg_rows_select *s);
/* Notes which of their columns the row has. */
WAGLE_CHECK wagle_status wg_select_note(wg_rows_reader *r, const json_t *row);
WAGLE_CHECK wagle_status wg_select_takes(const wg_rows_reader *r, const json_t *row, bool *out);
/* Replaces *row by one with the new names. */
WAGLE_CHECK wagle_status wg_select_rename(wg_rows_reader *r, json_t **row, int64_t line);
/* Refuses a column that no row had, with those that the first row has. st: of the reading, which
 * this explains if it is an error of input. */
WAGLE_CHECK wagle_status wg_select_end(wg_rows_reader *r, wagle_status st);

#endif
