/* foreign.h - recognises files that are not rows of text by their first bytes. */
#ifndef WG_IO_FOREIGN_H
#define WG_IO_FOREIGN_H

#include "base/context.h"

/* Refuses known formats that are not UTF-8 text (Parquet, archives, UTF-16, ..). The message names
 * the format and says how to convert it to rows. */
WAGLE_CHECK wagle_status wg_rows_foreign(wagle_ctx *ctx, const char *what, const char *text,
                                         size_t bytes);

/* Refuses folders of datasets that may have several splits. names: what is in it, ends with NULL.
 */
WAGLE_CHECK wagle_status wg_rows_foreign_folder(wagle_ctx *ctx, const char *path,
                                                char *const *names);

#endif
