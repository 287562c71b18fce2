/* flat.h - FlatBuffers, in which Arrow keeps its metadata. A table is known by its offset; 0 is
 * none. Every offset and length is checked: a wrong one sets `bad` and reads as 0.
 * Source: https://flatbuffers.dev/internals */
#ifndef WG_IO_ARROW_FLAT_H
#define WG_IO_ARROW_FLAT_H

#include "base/text.h"

typedef struct wg_flat {
    const unsigned char *data;
    size_t bytes;
    bool bad;
} wg_flat;

/* A vector: the offset of its first element, and how many there are. */
typedef struct wg_flat_list {
    size_t at;
    int64_t n;
} wg_flat_list;

size_t wg_flat_root(wg_flat *f);
/* Fields are numbered from 0 in the order of the schema; a union takes two. width: bytes of the
 * signed number. missing: its value where the table does not have it. */
int64_t wg_flat_number(wg_flat *f, size_t table, int field, size_t width, int64_t missing);
size_t wg_flat_table(wg_flat *f, size_t table, int field);
wg_str wg_flat_text(wg_flat *f, size_t table, int field);
/* width: bytes of an element. */
wg_flat_list wg_flat_vector(wg_flat *f, size_t table, int field, size_t width);
/* Element i of a vector of tables. */
size_t wg_flat_table_at(wg_flat *f, wg_flat_list list, int64_t i);
/* Number `at` of element i of a vector of structs of `width` int64. */
int64_t wg_flat_number_at(wg_flat *f, wg_flat_list list, int64_t i, int width, int at);

#endif
