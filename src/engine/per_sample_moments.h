/* per_sample_moments.h - sums over sequences of their own gradients, and of those squared: Fisher
 * diagonals.
 */
#ifndef WG_ENGINE_PER_SAMPLE_MOMENTS_H
#define WG_ENGINE_PER_SAMPLE_MOMENTS_H

#include "engine/engine.h"

/* Weights [first, first+n) of a tensor: of stream s the sum over its sequences of their gradients,
 * and of the squares; NULL unless asked for. Valid during the call; a tensor's pieces come in
 * order. */
typedef struct wg_moments {
    int tensor;
    int64_t first, n;
    const wg_real *sum[WG_STREAMS], *square[WG_STREAMS];
} wg_moments;

/* accept gets memory of the host. */
typedef struct wg_moment_sink {
    void *user;
    bool square[WG_STREAMS]; /* of which streams squares are wanted */
    wagle_status (*accept)(void *user, wagle_ctx *ctx, const wg_moments *m);
} wg_moment_sink;

/* After a forward of the same batch; weight as in wg_engine_backward. */
WAGLE_CHECK wagle_status wg_engine_moments(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                           const wg_real *weight, int streams, const char *progress,
                                           const wg_moment_sink *sink);

/* Shows `saw` what each matrix of a layer, and an untied head, reads in a forward pass: x [N,I]. */
typedef void wg_input_hook(void *user, int64_t layer, wg_role role, int64_t N, int64_t I,
                           const wg_real *x);
WAGLE_CHECK wagle_status wg_engine_inputs(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch,
                                          const char *progress, wg_input_hook *input_hook,
                                          void *user);

#endif
