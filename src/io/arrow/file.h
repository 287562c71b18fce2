/* file.h - an Arrow file that is open, between the files of this folder.
 *
 * A stream is a list of messages, each
 *
 *   u32 0xFFFFFFFF | i32 bytes of the metadata | metadata (FlatBuffers) | body
 *
 * The first message is the schema, in which fields have a type and children. The others are
 * dictionaries and batches of rows. A batch has an array for each field, parents before children,
 * and each array has buffers: which values are there (a bit for each; no buffer: all), then offsets
 * and values, by its type. The random access form is a stream between two marks "ARROW1".
 * Source: https://arrow.apache.org/docs/format/Columnar.html, and format/{Schema,Message}.fbs */
#ifndef WG_IO_ARROW_FILE_H
#define WG_IO_ARROW_FILE_H

#include "base/json.h"
#include "io/arrow/flat.h"
#include "io/rows.h"

enum {
    WG_ARROW_DEEPEST = 24,       /* nodes above a node */
    WG_ARROW_NODES = 1 << 16,    /* of a schema */
    WG_ARROW_BUFFERS = 3,        /* of an array, at most */
    WG_ARROW_UNPACKED = 1 << 29, /* bytes of a batch when its buffers are unpacked */
};

typedef struct wg_arrow wg_arrow;
typedef struct wg_arrow_node wg_arrow_node;

typedef struct wg_arrow_type {
    const char *kind; /* for messages; NULL: files with it are not read */
    int buffers;
    int children; /* how many it must have; -1: any */
    /* The value at i, which is there. NULL: it has no form in JSON. */
    wagle_status (*value)(const wg_arrow *a, const wg_arrow_node *node, int64_t i, json_t **out);
    const char *name; /* in the specification */
} wg_arrow_type;

/* A field of the schema, and its array of the present batch. */
struct wg_arrow_node {
    const char *name;
    const wg_arrow_type *type;
    int width;                /* of a number, or of an offset: bits */
    bool is_unsigned;         /* of a whole number */
    int64_t size;             /* elements of a list of fixed size */
    int64_t n_children, next; /* next: the node after it and what is below it */
    int64_t dictionary;       /* its place in a->dictionary, or -1: values are their own */
    bool skipped;             /* nothing of it is read */
    int64_t length;
    wg_str buffer[WG_ARROW_BUFFERS];
};

typedef struct wg_arrow_dictionary {
    int64_t id;
    wg_arrow_node of; /* the array of its values */
    bool skipped;
    json_t **value; /* [n] */
    int64_t n, room;
} wg_arrow_dictionary;

struct wg_arrow {
    wagle_ctx *ctx;
    const char *what; /* the file, for messages */
    bool is_file;     /* the random access form */
    const unsigned char *data;
    size_t bytes;
    wg_arena arena;
    wg_arrow_node *node; /* [n_nodes], parents before children */
    int64_t n_nodes, nodes_room;
    wg_arrow_dictionary *dictionary; /* [n_dictionaries] */
    int64_t n_dictionaries, dictionaries_room;
    int64_t entries; /* of all arrays so far */
    /* the present message */
    wg_flat flat;
    const unsigned char *body;
    size_t body_bytes;
    wg_arena unpacked; /* buffers of the present batch */
    int64_t unpacked_bytes;
    size_t name_bytes; /* of all nodes */
};

WAGLE_CHECK wagle_status wg_arrow_fail(const wg_arrow *a, const char *format, ...) WG_PRINTF(2);
WAGLE_CHECK wagle_status wg_arrow_damaged(const wg_arrow *a);

/* --- schema.c --------------------------------------------------------------------------------- */

/* Reads the schema, a table of a->flat. */
WAGLE_CHECK wagle_status wg_arrow_schema(wg_arrow *a, size_t schema);
/* The place of a dictionary in a->dictionary, or a->n_dictionaries. */
int64_t wg_arrow_find(const wg_arrow *a, int64_t id);

/* --- batch.c ---------------------------------------------------------------------------------- */

/* Finds the arrays of a batch, a table of a->flat; *rows: how many it has. */
WAGLE_CHECK wagle_status wg_arrow_batch(wg_arrow *a, size_t batch, int64_t *rows);
/* Reads a batch of a dictionary's values. */
WAGLE_CHECK wagle_status wg_arrow_read_dictionary(wg_arrow *a, size_t batch);

/* --- value.c ---------------------------------------------------------------------------------- */

/* A type by its number in the file. */
const wg_arrow_type *wg_arrow_type_of(int64_t number);
/* Checks the offsets of a list's or text's array. */
WAGLE_CHECK wagle_status wg_arrow_check_offsets(const wg_arrow *a, const wg_arrow_node *node);
WAGLE_CHECK wagle_status wg_arrow_value(const wg_arrow *a, const wg_arrow_node *node, int64_t i,
                                        json_t **out);

#endif
