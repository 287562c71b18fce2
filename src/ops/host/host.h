/* host.h - operations that ref and cpu have in common: memory that is the host's own, and loops
 * that leave nothing to a faster form. */
#ifndef WG_OPS_HOST_HOST_H
#define WG_OPS_HOST_HOST_H

#include "ops/ops.h"

enum { WG_HOST_ROW = 256 }; /* elements of a row that are widened at once */

/* A back end of one's own: a copy of a table, with as many threads as the context says. Closing it
 * frees its state (wg_alloc). */
WAGLE_CHECK wagle_status wg_host_open(wagle_ctx *ctx, const wg_ops *table, const wg_ops **out);
void wg_host_close(WG_SELF);
WAGLE_CHECK wagle_status wg_host_alloc(WG_SELF, wagle_ctx *ctx, int64_t count, size_t size,
                                       const char *folder, wg_scratch *out);
void wg_host_free(WG_SELF, wg_scratch *memory);
void wg_host_zero(WG_SELF, void *to, size_t bytes);
void wg_host_copy(WG_SELF, void *to, const void *from, size_t bytes);
void wg_host_copy2d(WG_SELF, int64_t rows, int64_t width, const wg_real *from, int64_t from_ld,
                    wg_real *to, int64_t to_ld);
void wg_host_copy_rows(WG_SELF, int64_t n, int64_t width, const int64_t *from_row,
                       const wg_real *from, const int64_t *to_row, wg_real *to);
void wg_host_upload(WG_SELF, void *to, const void *host, size_t bytes);
wagle_status wg_host_download(WG_SELF, wagle_ctx *ctx, void *host, const void *from, size_t bytes);
wagle_status wg_host_sync(WG_SELF, wagle_ctx *ctx);
const void *wg_host_stored(WG_SELF, const void *mapped, size_t bytes);
void wg_host_forget(WG_SELF, const void *mapped, size_t bytes);
void wg_host_ahead(WG_SELF, const void *data, size_t bytes);
void wg_host_release(WG_SELF, const void *data, size_t bytes);
void wg_host_fill(WG_SELF, int64_t n, wg_real value, wg_real *x);
void wg_host_scale(WG_SELF, int64_t n, wg_real a, wg_real *x);
void wg_host_shift(WG_SELF, int64_t n, wg_real a, wg_real *x);
void wg_host_axpy(WG_SELF, int64_t n, wg_real a, const wg_real *x, wg_real *y);
void wg_host_axpby(WG_SELF, int64_t n, wg_real a, const wg_real *x, wg_real b, wg_real *y);
void wg_host_interpolate(WG_SELF, int64_t n, double share, const float *x, float *y);
void wg_host_add_sign(WG_SELF, int64_t n, float a, const float *x, float *y);
void wg_host_add_squares(WG_SELF, int64_t n, const wg_real *x, wg_real *sum, wg_real *square);
void wg_host_round(WG_SELF, wg_dtype type, int64_t n, float *x);
void wg_host_abs_sum(WG_SELF, int64_t n, const float *x, double *out);
void wg_host_column_squares(WG_SELF, int64_t N, int64_t I, const wg_real *x, float *sum);
void wg_host_embed(WG_SELF, const wg_weights *table, int64_t N, int64_t D, const int32_t *ids,
                   int64_t offset, wg_real scale, bool add, wg_real *x);
void wg_host_fill_panels(WG_SELF, int m, const wg_panel *list);
void wg_host_xent_finish(WG_SELF, int64_t M, wg_real *maximum, const wg_real *sum,
                         const wg_real *picked, wg_real *nll);
void wg_host_row_stats(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                       int64_t ld, const wg_real *lse, wg_real *most, int32_t *best, double *mean,
                       double *square);
void wg_host_sample_rows(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                         int64_t ld, int64_t row, uint64_t seed, uint64_t stream, double *most,
                         int32_t *which);
void wg_host_shift_target(WG_SELF, int64_t M, int64_t first, int64_t n, const int32_t *target,
                          wg_real shift, const wg_real *logits, int64_t ld, wg_real *q);
void wg_host_soft_finish(WG_SELF, int64_t M, bool divergence, const wg_real *lse,
                         const wg_real *target_lse, const double *cross, wg_real *nll);
void wg_host_hinge_finish(WG_SELF, int64_t M, const wg_real *lse, wg_real *token, wg_real *other,
                          wg_real *nll);
void wg_host_hinge_target(WG_SELF, int64_t M, int64_t first, int64_t n, const int32_t *target,
                          const int32_t *runner_up, const wg_real *weight, const wg_real *token,
                          const wg_real *other, wg_real *q, wg_real *share);
void wg_host_gather_columns(WG_SELF, int64_t T, const int32_t *ids, int64_t first, int64_t n,
                            int64_t M, const wg_real *dlogits, int64_t ld, wg_real *out);
void wg_host_embed_squares(WG_SELF, int64_t T, int64_t D, const int32_t *ids, const wg_real *dx,
                           double *square);
void wg_host_embed_moments(WG_SELF, const wg_embed_moments *of);
void wg_host_bias_squares(WG_SELF, int64_t M, int64_t n, const wg_real *d, int64_t ld, wg_real *sum,
                          wg_real *square);
void wg_host_route(WG_SELF, const wg_routing *r, int64_t *first);
void wg_host_route_backward(WG_SELF, const wg_routing *r, const double *dweight, wg_real *dlogits);
void wg_host_sum_rows(WG_SELF, int64_t N, int64_t k, int64_t D, const int64_t *row,
                      const wg_real *weight, const wg_real *x, wg_real *y);
void wg_host_scale_rows(WG_SELF, int64_t N, int64_t D, const wg_real *weight, wg_real *x);
void wg_host_sigmoid(WG_SELF, int64_t n, wg_real *x);
void wg_host_sigmoid_backward(WG_SELF, int64_t n, const wg_real *y, const double *dy, wg_real *dx);

#define WG_HOST_OPS                                                                                \
    .host = true, .close = wg_host_close, .alloc = wg_host_alloc, .free = wg_host_free,            \
    .zero = wg_host_zero, .copy = wg_host_copy, .copy2d = wg_host_copy2d,                          \
    .copy_rows = wg_host_copy_rows, .upload = wg_host_upload, .download = wg_host_download,        \
    .sync = wg_host_sync, .stored = wg_host_stored, .forget = wg_host_forget,                      \
    .ahead = wg_host_ahead, .release = wg_host_release, .fill = wg_host_fill,                      \
    .scale = wg_host_scale, .shift = wg_host_shift, .axpy = wg_host_axpy, .axpby = wg_host_axpby,  \
    .interpolate = wg_host_interpolate, .add_sign = wg_host_add_sign,                              \
    .add_squares = wg_host_add_squares, .round = wg_host_round, .abs_sum = wg_host_abs_sum,        \
    .column_squares = wg_host_column_squares, .embed = wg_host_embed,                              \
    .fill_panels = wg_host_fill_panels, .xent_finish = wg_host_xent_finish,                        \
    .row_stats = wg_host_row_stats, .sample_rows = wg_host_sample_rows,                            \
    .shift_target = wg_host_shift_target, .soft_finish = wg_host_soft_finish,                      \
    .hinge_finish = wg_host_hinge_finish, .hinge_target = wg_host_hinge_target,                    \
    .gather_columns = wg_host_gather_columns, .embed_squares = wg_host_embed_squares,              \
    .embed_moments = wg_host_embed_moments, .bias_squares = wg_host_bias_squares,                  \
    .route = wg_host_route, .route_backward = wg_host_route_backward,                              \
    .sum_rows = wg_host_sum_rows, .scale_rows = wg_host_scale_rows, .sigmoid = wg_host_sigmoid,    \
    .sigmoid_backward = wg_host_sigmoid_backward

#endif
