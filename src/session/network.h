/* network.h - what the processes of a run send each other, and how long that takes.
 *
 * A model: each exchange waits for the network's latency once, and a process sends its bytes at the
 * rate of its link. bench/cluster-model compares it with measurements (docs/performance.md). */
#ifndef WG_SESSION_NETWORK_H
#define WG_SESSION_NETWORK_H

#include "model/model.h"

/* What one process sends. */
typedef struct wg_traffic {
    double bytes;
    int64_t exchanges; /* each with all other processes */
} wg_traffic;

/* A training step in which so many weights are updated: their gradients are summed and the new
 * values, of `value` bytes, come to every process. */
wg_traffic wg_step_traffic(const wagle_ctx *ctx, int64_t weights, int64_t value);
/* An attribution: `kinds` gradients of each of so many weights in `tensors` are summed, and the
 * scores come to process 0. Of a process that is not the first. */
wg_traffic wg_attribution_traffic(const wagle_ctx *ctx, int64_t weights, int64_t tensors,
                                  int kinds);
/* Seconds that it takes. gigabits: of the links, a second. */
double wg_traffic_seconds(const wagle_ctx *ctx, const wg_traffic *t, double gigabits);
/* Parts with rows that the process with most of them has, of so many rows: its passes. */
int wg_most_passes(const wagle_ctx *ctx, int64_t rows);
/* Adds what is sent of shared weights (dist/shared.h) for so many passes forward and back. */
void wg_add_shared_traffic(const wagle_ctx *ctx, const wg_model *m, int passes, wg_traffic *t);
/* Bytes of stored weights that each process maps from the model's files: of shared weights, its
 * share. Where memory is short the system drops pages of them, and reads them again in each pass.
 */
int64_t wg_mapped_weights(const wagle_ctx *ctx, const wg_model *m);

#endif
