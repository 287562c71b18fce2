/* held.h - rows in memory: what wagle_dataset_* fill, read as rows of a file are. */
#ifndef WG_DATA_HELD_H
#define WG_DATA_HELD_H

#include "io/rows.h"

struct wagle_dataset {
    wg_rows rows;
};

/* Rows in memory get a name in place of a path: where the library asks whether there are rows, or
 * names them in a message, they are as those of a file. */
void wg_data_hold(wagle_data *data);
/* Adds the row, which it takes over; on failure it is freed. */
WAGLE_CHECK wagle_status wg_held_add(wagle_ctx *ctx, wagle_dataset *rows, json_t *row);

#endif
