/* parquet.h - reads the rows of a Parquet file, a page of each column at a time. */
#ifndef WG_IO_PARQUET_PARQUET_H
#define WG_IO_PARQUET_PARQUET_H

#include "io/rows.h"

/* Whether the bytes begin like a Parquet file. */
bool wg_is_parquet(const unsigned char *data, size_t bytes);
/* Gives the rows of a file in memory or mapped to wg_rows_add, until wg_rows_full. Columns that
 * r->select does not read, and those of types that have no form in JSON, have wg_rows_unread in
 * their place. */
WAGLE_CHECK wagle_status wg_rows_parquet(wg_rows_reader *r, const unsigned char *data,
                                         size_t bytes);

#endif
