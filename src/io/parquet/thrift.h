/* thrift.h - reads Thrift's compact protocol, in which Parquet writes its metadata.
 *
 *   struct    fields, then a byte 0
 *   field     a byte: (id - id before) << 4 | type; difference 0: the id follows as an integer
 *   integer   zigzag varint
 *   bool      no bytes: type 1 is true, type 2 is false; in a list, one byte
 *   binary    varint length, bytes
 *   list      a byte: count << 4 | type; count 15: it follows as a varint
 *
 * A reader never reads beyond `end`. After the first error it is `bad` and gives only zeros. */
#ifndef WG_IO_PARQUET_THRIFT_H
#define WG_IO_PARQUET_THRIFT_H

#include "base/text.h"

typedef struct wg_thrift {
    const unsigned char *at, *end;
    bool bad;
} wg_thrift;

typedef enum wg_thrift_type {
    WG_THRIFT_TRUE = 1,
    WG_THRIFT_FALSE,
    WG_THRIFT_BYTE,
    WG_THRIFT_I16,
    WG_THRIFT_I32,
    WG_THRIFT_I64,
    WG_THRIFT_DOUBLE,
    WG_THRIFT_BINARY,
    WG_THRIFT_LIST,
    WG_THRIFT_SET,
    WG_THRIFT_MAP,
    WG_THRIFT_STRUCT,
} wg_thrift_type;

/* A field of a struct; {0} before the first. */
typedef struct wg_thrift_field {
    int64_t id;
    int type;
} wg_thrift_field;

uint64_t wg_thrift_varint(wg_thrift *t);
int64_t wg_thrift_zigzag(wg_thrift *t);
/* Reads the head of the next field; false at the end of the struct, and when the reader is bad. Its
 * value is then read by one of the functions below. */
bool wg_thrift_next(wg_thrift *t, wg_thrift_field *f);
int64_t wg_thrift_whole(wg_thrift *t, const wg_thrift_field *f);
bool wg_thrift_flag(wg_thrift *t, const wg_thrift_field *f);
wg_str wg_thrift_text(wg_thrift *t, const wg_thrift_field *f); /* borrowed */
/* The number of elements of a list of `type`; each takes at least one byte of what is left. */
int64_t wg_thrift_count(wg_thrift *t, const wg_thrift_field *f, wg_thrift_type type);
/* Checks that the field is a struct, whose fields follow. */
bool wg_thrift_enter(wg_thrift *t, const wg_thrift_field *f);
void wg_thrift_skip(wg_thrift *t, int type);

#endif
