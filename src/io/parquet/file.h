/* file.h - a Parquet file that is open, between the files of this folder.
 *
 *   "PAR1" | pages of row group 0, column 0 | pages of column 1 | .. | metadata | u32 its bytes |
 * "PAR1"
 *
 * The metadata (Thrift) has the schema as a list of nodes, each group before its children, and for
 * each row group where the pages of each leaf are. A leaf's entries say by two numbers where a
 * value belongs: the repetition level, at which list the entry continues (0: a new row), and the
 * definition level, how many of the optional and repeated nodes above it are there. */
#ifndef WG_IO_PARQUET_FILE_H
#define WG_IO_PARQUET_FILE_H

#include "base/json.h"
#include "io/parquet/runs.h"
#include "io/parquet/thrift.h"
#include "io/rows.h"

enum {
    WG_PQ_PAGE_MOST = 1 << 28, /* bytes of a page when it is unpacked */
    WG_PQ_DEEPEST = 24,        /* nodes above a leaf */
};

typedef enum wg_pq_type { /* physical types, as numbered in the file */
                          WG_PQ_BOOLEAN,
                          WG_PQ_INT32,
                          WG_PQ_INT64,
                          WG_PQ_INT96,
                          WG_PQ_FLOAT,
                          WG_PQ_DOUBLE,
                          WG_PQ_BYTE_ARRAY,
                          WG_PQ_FIXED,
} wg_pq_type;

typedef enum wg_pq_repetition { WG_PQ_REQUIRED, WG_PQ_OPTIONAL, WG_PQ_REPEATED } wg_pq_repetition;

typedef struct wg_pq_node {
    const char *name;
    int64_t type; /* of a leaf: wg_pq_type */
    int64_t repetition, children;
    int64_t bits;        /* of an integer: its width, 0 as the physical type */
    bool is_unsigned;    /* of an integer */
    bool is_list;        /* LIST or MAP */
    const char *refused; /* of a leaf: what it is, if values of its kind are not read; or NULL */
    int rep, def;        /* levels at which it is there */
    int64_t first, n;    /* leaves below it, or itself */
    int64_t next;        /* the node after it and what is below it */
} wg_pq_node;

/* The entries of one leaf in one row group, page by page. */
typedef struct wg_pq_column {
    const wg_pq_node *node;
    bool skipped;                  /* nothing of it is read */
    int64_t codec, left;           /* entries that are in pages not yet read */
    const unsigned char *at, *end; /* the next page, and the end of the data of all columns */
    unsigned char *page;           /* unpacked [room] */
    int64_t room;
    int64_t in_page; /* entries left in the page */
    wg_pq_runs reps, defs;
    int rep, def; /* of the present entry */
    bool live;    /* there is one */
    /* values of the page */
    int64_t encoding;
    const unsigned char *values, *values_end;
    uint64_t index; /* PLAIN booleans and BYTE_STREAM_SPLIT: how many were read */
    wg_pq_runs runs;
    wg_pq_deltas deltas, prefixes;
    wg_text before;      /* DELTA_BYTE_ARRAY: the value before */
    int64_t grown;       /* DELTA_BYTE_ARRAY: bytes of values of this page */
    json_t **dictionary; /* [n_dictionary] */
    int64_t n_dictionary, dictionary_room;
} wg_pq_column;

typedef struct wg_parquet {
    wagle_ctx *ctx;
    const char *what; /* the file, for messages */
    const unsigned char *data;
    size_t bytes, data_end; /* data_end: where the metadata begins */
    wg_arena arena;
    wg_pq_node *node; /* [n_nodes]; node 0 is the root, whose children are the columns of rows */
    int64_t n_nodes;
    wg_pq_column *column; /* [n_columns], one for each leaf */
    int64_t n_columns;
    int64_t n_rows, n_groups;
    wg_thrift groups;   /* at the next row group */
    int64_t group_rows; /* of the present row group */
    uint64_t unpacked;  /* bytes of all pages read */
    uint64_t entries;   /* of all row groups read */
} wg_parquet;

WAGLE_CHECK wagle_status wg_pq_fail(const wg_parquet *p, const char *format, ...) WG_PRINTF(2);

/* --- schema.c --------------------------------------------------------------------------------- */

/* Reads the metadata up to the row groups. */
WAGLE_CHECK wagle_status wg_pq_read_metadata(wg_parquet *p);
/* Reads where the pages of the next row group are, and goes to the first entry of each leaf. */
WAGLE_CHECK wagle_status wg_pq_next_group(wg_parquet *p);
/* The words for a node's kind: "a text", "a number", "true or false", "a list", .. */
const char *wg_pq_kind(const wg_parquet *p, const wg_pq_node *node);

/* --- column.c --------------------------------------------------------------------------------- */

/* Goes to the next entry; c->live is false after the last of the row group. */
WAGLE_CHECK wagle_status wg_pq_advance(wg_parquet *p, wg_pq_column *c);
void wg_pq_column_reset(wg_pq_column *c);

/* --- values.c --------------------------------------------------------------------------------- */

/* Begins with the values of a page, c->values. entries: how many it has at most. */
WAGLE_CHECK wagle_status wg_pq_values_open(wg_parquet *p, wg_pq_column *c, int64_t entries);
WAGLE_CHECK wagle_status wg_pq_value(wg_parquet *p, wg_pq_column *c, json_t **out);
/* Reads a dictionary of n values in PLAIN from c->values. */
WAGLE_CHECK wagle_status wg_pq_read_dictionary(wg_parquet *p, wg_pq_column *c, int64_t n);

/* --- assemble.c ------------------------------------------------------------------------------- */

/* Builds the value of a child of the root for the present row and goes to the next row. */
WAGLE_CHECK wagle_status wg_pq_assemble(wg_parquet *p, const wg_pq_node *node, json_t **out);

#endif
