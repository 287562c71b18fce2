/* shared.h - the weights of a model, of which each process keeps a share.
 *
 *     file        |  0  |  1  |  2  |  3  |  4  |  5  |  6  |     blocks
 *     process        0     1     2     0     1     2     0        reads them from the file
 *
 * wg_shared_open gives addresses for the bytes of a mapped file. The blocks of this process are the
 * file's own pages there. The others cannot be accessed until wg_shared_need; they are read from
 * the processes that keep them, and wg_shared_release gives their memory back. A pass goes through
 * the layers so, and holds the layer at hand and the next one.
 *
 * A thread reads them, so that bytes asked for by wg_shared_ahead come during other work. The
 * processes need not do the same at the same time. */
#ifndef WG_DIST_SHARED_H
#define WG_DIST_SHARED_H

#include "base/file.h"

typedef struct wg_shared wg_shared;

/* *data: as many bytes as the map has, until wg_shared_close. Does nothing unless ctx->shared.
 * files: of the model, of which this is one. */
WAGLE_CHECK wagle_status wg_shared_open(wagle_ctx *ctx, const char *path, const wg_map *file,
                                        int64_t files, const unsigned char **data);
void wg_shared_close(wg_shared *s, const unsigned char *data);
/* About bytes of such a file; others, and s NULL, are left alone, and then false is returned.
 * need: returns once they can be read. Where a process cannot be reached they are zeros, and the
 * context is cut off (wg_check_cut_off). */
bool wg_shared_ahead(wg_shared *s, const void *data, size_t bytes);
bool wg_shared_need(wg_shared *s, const void *data, size_t bytes);
bool wg_shared_release(wg_shared *s, const void *data, size_t bytes);
/* Bytes that this process has read from others. */
int64_t wg_shared_received(const wagle_ctx *ctx);
/* After all files were closed. */
void wg_shared_free(wg_shared *s);

#endif
