/* dist.h - what processes that run one call exchange, and the order in which they add.
 *
 * The rows of an update are cut into P parts, P a power of two. Gradients of parts are added in a
 * binary tree:
 *
 *     P = 8           0 1  2 3  4 5  6 7      parts
 *                     \_/  \_/  \_/  \_/
 *     3 processes      |    |    \____/       process 0 has parts 0-1, 1 has 2-3, 2 has 4-7
 *                      \____/      |
 *                         \_______/
 *
 * Each process has one node of the tree. It adds its own parts to that node's sum, and the owners
 * of slices add the sums of the nodes above. So the sum has the same bits on any number of
 * processes. All functions may be called in a process that is alone. */
#ifndef WG_DIST_DIST_H
#define WG_DIST_DIST_H

#include "base/context.h"

enum { WG_TREE_LEVELS = 13 }; /* 2^12 = WAGLE_PARTS_MOST */

int wg_rank(const wagle_ctx *ctx);
int wg_ranks(const wagle_ctx *ctx);
/* Whether several processes run the call. */
bool wg_together(const wagle_ctx *ctx);
/* Whether this process writes the call's files. */
bool wg_writes(const wagle_ctx *ctx);
/* The parts that rows are cut into; 1: they are not. */
int wg_parts(const wagle_ctx *ctx);
/* The parts [*first, *first + n) of a process; returns n, a power of two. first may be NULL. */
int wg_parts_of(const wagle_ctx *ctx, int rank, int *first);
/* Rows [*first, *first + n) of so many that are part p of the whole; returns n. */
int64_t wg_rows_of_part(int64_t rows, int part, int parts, int64_t *first);
/* How often a sum is added to another that waits, once part j (from 0) of the process is there:
 * first to that of level 0, then to that of level 1, and so on. The sum then waits at the level of
 * that number. */
int wg_tree_merges(int j);
/* Levels at which sums of n parts wait. */
int wg_tree_levels(int n);
/* Adds the sum [n] of part j of `parts` to those that wait: waits[level] [n]. Returns the sum of
 * all parts after the last one, in its place there or (one part) where it was; NULL before. */
const float *wg_tree_add(int j, int parts, int64_t n, const float *sum, float *const *waits);
/* Where the slice of n elements of a process begins; that of the next one is its end. */
int64_t wg_slice(const wagle_ctx *ctx, int64_t n, int rank);
/* Where the rows of each process begin, those of its parts: *out [ranks + 1]; free with wg_free. */
WAGLE_CHECK wagle_status wg_row_starts(wagle_ctx *ctx, int64_t rows, int64_t **out);

/* --- exchanges: all processes call them in the same order --------------------------------------
 */

/* slice [ranks + 1]: where the slices of the processes begin in `sum`, which has the sum of this
 * process's parts. own [slice[rank + 1] - slice[rank]] becomes the sum over all parts of its own
 * slice; it may be that place in `sum`. */
WAGLE_CHECK wagle_status wg_reduce_scatter(wagle_ctx *ctx, const float *sum, const int64_t *slice,
                                           float *own);
/* Numbers of each slice that one exchange of it adds, at most; bytes that it keeps for sums of n
 * numbers. */
int64_t wg_sum_block(const wagle_ctx *ctx);
int64_t wg_sum_bytes(const wagle_ctx *ctx, int64_t n);
/* count [n] of all processes are added; each gets the sums. Also joins bits that one process alone
 * has. */
WAGLE_CHECK wagle_status wg_add_counts(wagle_ctx *ctx, int64_t *count, int64_t n);
/* The slices of elements of `size` bytes come to every process; each has its own in place. */
WAGLE_CHECK wagle_status wg_all_gather(wagle_ctx *ctx, void *all, size_t size,
                                       const int64_t *slice);
/* The same of one element a part; each process has those of its own parts. */
WAGLE_CHECK wagle_status wg_all_gather_parts(wagle_ctx *ctx, void *all, size_t size);
/* Lists of rows, list[i] [count[i]] of elements of `size` bytes: each process has those of its own
 * rows (wg_row_starts), and gets the others, which are its to free with wg_free. */
WAGLE_CHECK wagle_status wg_all_gather_lists(wagle_ctx *ctx, int64_t rows, int64_t *count,
                                             void **list, size_t size);
/* wg_all_gather to process 0 alone. */
WAGLE_CHECK wagle_status wg_gather_slices(wagle_ctx *ctx, void *all, size_t size,
                                          const int64_t *slice);
/* Each process gets its own slice from process 0. */
WAGLE_CHECK wagle_status wg_scatter_slices(wagle_ctx *ctx, void *all, size_t size,
                                           const int64_t *slice);
/* data [bytes] of one process comes to every process. */
WAGLE_CHECK wagle_status wg_spread(wagle_ctx *ctx, int from, void *data, size_t bytes);
/* The same of process 0. */
WAGLE_CHECK wagle_status wg_broadcast(wagle_ctx *ctx, void *data, size_t bytes);
/* The same of a text, or of none: *text of process 0 is read, that of the others is NULL before and
 * theirs to free with wg_free. */
WAGLE_CHECK wagle_status wg_broadcast_text(wagle_ctx *ctx, char **text);
/* Waits for every process; alone it does nothing. An interrupt of any one becomes one of all:
 * WAGLE_E_INTERRUPTED. Without this, processes that run together do not stop between exchanges
 * (wg_check_interrupt). */
WAGLE_CHECK wagle_status wg_agree(wagle_ctx *ctx);
/* Bytes that this process has sent since it joined. */
int64_t wg_sent_bytes(const wagle_ctx *ctx);
/* The parts of wagle_set_processes that hold memory; the second ends the first. */
WAGLE_CHECK wagle_status wg_join_processes(wagle_ctx *ctx, const wagle_processes *p);
void wg_leave_processes(wagle_ctx *ctx);

#endif
