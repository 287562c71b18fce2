/* lists.h - lists of numbers that the host makes for operations, uploaded in one piece.
 *
 *   wg_lists_begin    room for so many lists and bytes
 *   wg_lists_take     a list to fill on the host ...
 *   wg_lists_at       ... and its address in memory of the back end, for operations
 *   wg_lists_upload   all of them, before the first operation reads one
 *
 * Begin, take and upload again for the next batch: earlier addresses are then invalid. */
#ifndef WG_OPS_LISTS_H
#define WG_OPS_LISTS_H

#include "ops/ops.h"

typedef struct wg_lists {
    char *host; /* [room] */
    int64_t room, used;
    wg_buffer uploaded;
} wg_lists;

/* Makes room for n lists of `bytes` bytes together. */
WAGLE_CHECK wagle_status wg_lists_begin(wagle_ctx *ctx, const wg_ops *ops, wg_lists *l, int64_t n,
                                        int64_t bytes);
/* The next list, of n elements of `size` bytes; aligned for any of them. */
void *wg_lists_take(wg_lists *l, int64_t n, size_t size);
/* Where the back end will have what lies at `host`, an address within a list. */
void *wg_lists_at(const wg_lists *l, const void *host);
/* A list with the elements `from` [n]; returns where the back end will have it. */
void *wg_lists_put(wg_lists *l, const void *from, int64_t n, size_t size);
void wg_lists_upload(const wg_ops *ops, wg_lists *l);
void wg_lists_free(const wg_ops *ops, wg_lists *l);

#endif
