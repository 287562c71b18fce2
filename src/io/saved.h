/* saved.h - folders that datasets wrote by save_to_disk. */
#ifndef WG_IO_SAVED_H
#define WG_IO_SAVED_H

#include "base/json.h"

/* Whether a folder is one. names: what is in it, ends with NULL. */
bool wg_is_saved(char *const *names);
/* Reads the names of its files with rows, in their order. *files: a list of texts that name files
 * of this folder; json_decref it. */
WAGLE_CHECK wagle_status wg_saved_files(wagle_ctx *ctx, const char *folder, json_t **files);

#endif
