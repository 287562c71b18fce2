/* sequences.c - gradients of single sequences (kernels/sequences.cu). */
#include "ops/cuda/state.h"

static void gather_columns(const wg_ops *self, int64_t T, const int32_t *ids, int64_t first,
                           int64_t n, int64_t M, const float *dlogits, int64_t ld, float *out)
{
    LAUNCH_EACH(gather_columns, T * M, &T, &ids, &first, &n, &M, &dlogits, &ld, &out);
}

static void embed_squares(const wg_ops *self, int64_t T, int64_t D, const int32_t *ids,
                          const float *dx, double *square)
{
    wg_cuda *c = wg_cuda_ready(self);
    const int add = 1;

    if (c == NULL || !wg_cuda_grow(c, &c->parts, (size_t)T * sizeof(double)))
        return;
    const wg_cuda_address part = c->parts.data;
    LAUNCH(embed_squares, T, 1, WG_CUDA_THREADS, &T, &D, &ids, &dx, &part);
    LAUNCH(sum_parts, 1, 1, WG_CUDA_THREADS, &T, &part, &add, &square);
}

static void embed_moments(const wg_ops *self, const wg_embed_moments *of)
{
    const wg_cuda_embed_moments m = {of->T,   of->D,  of->first,   of->n, of->M,   of->ld,
                                     of->ids, of->dx, of->dlogits, of->h, of->sum, of->square};

    LAUNCH(embed_moments, of->T, wg_cuda_parts(of->D, WG_CUDA_THREADS), WG_CUDA_THREADS, &m);
}

static void bias_squares(const wg_ops *self, int64_t M, int64_t n, const float *d, int64_t ld,
                         float *sum, float *square)
{
    wg_cuda_columns(self, WG_CUDA_SUM, M, n, d, ld, NULL, NULL, NULL, sum, square);
}

static void gemm_squares(const wg_ops *self, int64_t S, const int64_t *start, int64_t O, int64_t I,
                         const float *dy, int64_t ldy, const float *x, int64_t ldx, bool add,
                         float *sum, float *square)
{
    const int adds = add;

    LAUNCH(gemm_squares, wg_cuda_parts(I, WG_CUDA_SQUARES_I), wg_cuda_parts(O, WG_CUDA_SQUARES_O),
           WG_CUDA_THREADS, &S, &start, &O, &I, &dy, &ldy, &x, &ldx, &adds, &sum, &square);
}

void wg_cuda_sequence_ops(wg_ops *ops)
{
    ops->gather_columns = gather_columns;
    ops->embed_squares = embed_squares;
    ops->embed_moments = embed_moments;
    ops->bias_squares = bias_squares;
    ops->gemm_squares = gemm_squares;
}
