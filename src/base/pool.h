/* pool.h - worker threads that share the blocks of a loop.
 *
 * A pool serves the thread that calls wg_parallel, which works too. Blocks are handed out one at a
 * time to whoever is free, so a result must not depend on who computes a block. The call returns
 * when all blocks are done. A worker that the system does not run holds nothing up: the others do
 * its blocks. A thread that waits spins for a moment, then sleeps. */
#ifndef WG_BASE_POOL_H
#define WG_BASE_POOL_H

#include "base/context.h"

typedef struct wg_pool wg_pool;

/* Items [from,to) of a loop; `task` describes the loop. */
typedef void wg_block_fn(const void *task, int64_t from, int64_t to);

/* A pool of `threads`, the calling one included; they start with the first loop that needs them.
 * Threads that the system refuses are done without. Close with wg_pool_close, which waits for
 * them. */
WAGLE_CHECK wagle_status wg_pool_open(wagle_ctx *ctx, int threads, wg_pool **out);
void wg_pool_close(wg_pool *pool);
int wg_pool_threads(const wg_pool *pool);

/* Runs items [0,n), at least 1 and at most `grain` at a time. The calling thread runs all of them
 * where pool is NULL or n <= grain, while the pool runs another loop, and in a child of fork. */
void wg_parallel(wg_pool *pool, int64_t n, int64_t grain, wg_block_fn *run, const void *task);

/* Processors that this process may use: of the machine, or of its container. */
int wg_processors(void);

/* Items a block, where an item has `cost` elements: enough for a thread, about 10 us. */
int64_t wg_grain(int64_t cost);

#endif
