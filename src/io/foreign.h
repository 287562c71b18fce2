/* foreign.h - files that are no rows of text, by their first bytes. */
#ifndef WG_IO_FOREIGN_H
#define WG_IO_FOREIGN_H

#include "base/context.h"

/* Refuses what is known and no text in UTF-8 (Parquet, archives, UTF-16, ..): says what it is, and
 * how to make rows of it. */
WAGLE_CHECK wagle_status wg_rows_foreign(wagle_ctx *ctx, const char *what, const char *text,
                                         size_t bytes);

#endif
