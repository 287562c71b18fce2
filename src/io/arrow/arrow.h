/* arrow.h - reads the rows of Arrow's IPC files: streams, as datasets keeps them, and the random
 * access form (Feather 2). */
#ifndef WG_IO_ARROW_ARROW_H
#define WG_IO_ARROW_ARROW_H

#include "io/rows.h"

/* Whether the bytes begin like one of the two. */
bool wg_is_arrow(const unsigned char *data, size_t bytes);
/* Gives the rows of a file in memory or mapped to wg_rows_add, until wg_rows_full. Columns that
 * r->select does not read, and values that have no form in JSON, have wg_rows_unread in their
 * place. */
WAGLE_CHECK wagle_status wg_rows_arrow(wg_rows_reader *r, const unsigned char *data, size_t bytes);

#endif
