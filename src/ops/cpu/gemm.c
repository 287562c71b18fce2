/* gemm.c - one matrix product as a fixed grid of CBLAS calls.
 *
 * Each tile of C is one single-threaded call with the whole K, and the grid depends on M and N
 * alone: the bits of C are the same for any number of threads. */
#include "ops/cpu/cpu.h"

#include <cblas.h>

enum { TILE_M = 256, TILE_N = 512, ALIGN = 16 };

/* Rows a piece when `extent` is cut into pieces of about `tile`. */
static int64_t piece(int64_t extent, int64_t tile)
{
    const int64_t pieces = (extent + tile - 1) / tile;

    return pieces <= 1 ? extent : ((extent + pieces - 1) / pieces + ALIGN - 1) / ALIGN * ALIGN;
}

void wg_cpu_gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,
                 const float *B, int64_t ldb, float beta, float *C, int64_t ldc)
{
    const int64_t rows = piece(M, TILE_M), columns = piece(N, TILE_N);
    const int64_t across = (N + columns - 1) / (columns > 0 ? columns : 1);
    const int64_t tiles = M <= 0 || N <= 0 ? 0 : (M + rows - 1) / rows * across;

#pragma omp parallel for num_threads(wg_cpu_threads) schedule(dynamic, 1)
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t m = t / across * rows, n = t % across * columns;
        cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                    (int)(M - m < rows ? M - m : rows), (int)(N - n < columns ? N - n : columns),
                    (int)K, 1.0f, ta ? A + m : A + m * lda, (int)lda, tb ? B + n * ldb : B + n,
                    (int)ldb, beta, C + m * ldc + n, (int)ldc);
    }
}
