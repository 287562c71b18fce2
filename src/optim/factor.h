/* factor.h - what the update of a protected matrix is multiplied by.
 *
 * For y = W x with C = mean of x x^T over the tokens to protect and lambda = damping * trace(C) /
 * I, an update U of W [O,I] becomes U P, P = (I + C/lambda)^-1: it keeps to the directions of the
 * input that those tokens do not use. It is the proximal step that charges for |dW x|^2; Adam-NSCL
 * (Wang et al. 2021), AlphaEdit (arXiv 2410.02355) and K-FAC are related. With eigenvectors q_k of
 * C and eigenvalues c_k, P = 1 - sum_k c_k/(c_k + lambda) q_k q_k^T. */
#ifndef WG_OPTIM_FACTOR_H
#define WG_OPTIM_FACTOR_H

#include "base/file.h"
#include "ops/ops.h"

typedef struct wg_factor {
    int64_t I;         /* inputs */
    int64_t r;         /* 0: P is 1; I: memory holds P [I,I]; else B [r,I], and P = 1 - B^T B */
    int64_t pairs;     /* directions of the input that are protected */
    wg_scratch memory; /* wg_real */
    double lambda;
    bool transposed; /* the matrices are stored [I,O] */
} wg_factor;

/* How exact a factor is. */
typedef struct wg_factor_way {
    double damping; /* lambda as a share of the mean diagonal of C; above 0 */
    int64_t rank;   /* eigenpairs: 0 all; else the `rank` leading ones, below 0 a quarter of the
                       inputs, of those with c >= lambda/4 */
} wg_factor_way;

/* A factor to make of the inputs of T tokens. */
typedef struct wg_factor_job {
    int64_t I, T;
    wg_real *data; /* [I,I]: the sum of x x^T, of which j >= i is read, if T >= I; else the inputs
                      x [T,I] themselves, in the room of [I,I]. Spent */
    wg_factor *out;
    const char *name; /* of a tensor, for messages */
} wg_factor_job;

/* Makes them, several at once on the pool's threads; the bits do not depend on how many.
 * scratch: NULL, or a folder for files that hold them. out->transposed is kept. Inputs that are not
 * finite: WAGLE_E_RUN. */
WAGLE_CHECK wagle_status wg_factors_make(wagle_ctx *ctx, wg_pool *pool, const wg_factor_way *way,
                                         const char *scratch, const wg_factor_job *job, int n);
/* Bytes that this takes beside the jobs' data, which depends on the number of threads. Of the jobs,
 * I is read. The largest should come first. */
int64_t wg_factors_work(const wg_factor_job *job, int n, const wg_pool *pool);
void wg_factor_free(wg_factor *f);

/* Reals that a factor holds at most, before it is known. */
int64_t wg_factor_most(const wg_factor_way *way, int64_t I, int64_t T);

/* update [O,I] becomes update P; where matrices are transposed, [I,O] becomes P update. spare has
 * as many reals. */
void wg_factor_apply(const wg_ops *ops, const wg_factor *f, int64_t O, wg_real *update,
                     wg_real *spare);

#endif
