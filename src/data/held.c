#include "data/held.h"

#define NAME "rows in memory"

void wg_data_hold(wagle_data *data)
{
    if (data->rows == NULL)
        return;
    data->path = NAME;
    data->more = NULL;
}

wagle_status wg_held_add(wagle_ctx *ctx, wagle_dataset *rows, json_t *row)
{
    return row != NULL ? wg_rows_keep(ctx, &rows->rows, row, rows->rows.n + 1)
                       : wg_json_memory(ctx);
}
