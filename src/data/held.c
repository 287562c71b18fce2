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
    const int64_t line = rows->rows.n + 1;
    const wagle_status st = row != NULL ? wg_rows_check(ctx, NAME, row, line) : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        return wg_rows_keep(ctx, &rows->rows, row, line);
    json_decref(row);
    return st;
}
