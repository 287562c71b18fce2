#include "optim/factor.h"

#include "base/memory.h"
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>
#undef I /* of complex numbers, in lapacke.h */

/* OpenBLAS gives the same bits again only with the same number of threads. */
void openblas_set_num_threads(int n);
/* 0: a serial build, which several threads may not call at once. */
int openblas_get_parallel(void);

/* What a thread needs, in double precision. */
typedef struct room {
    double *a, *z, *b, *w; /* [I,I] each, and [2I] */
    int *support;          /* [2I] */
} room;

static wagle_status new_room(wagle_ctx *ctx, int64_t I, room *out)
{
    WG_TRY(WG_ALLOC(ctx, &out->a, I * I));
    WG_TRY(WG_ALLOC(ctx, &out->z, I * I));
    WG_TRY(WG_ALLOC(ctx, &out->b, I * I));
    WG_TRY(WG_ALLOC(ctx, &out->w, 2 * I));
    return WG_ALLOC(ctx, &out->support, 2 * I);
}

static void free_room(room *r)
{
    wg_free(r->a);
    wg_free(r->z);
    wg_free(r->b);
    wg_free(r->w);
    wg_free(r->support);
}

/* --- parts -------------------------------------------------------------------------------------
 * Matrices are LAPACK's here, column by column: a triangle j >= i of rows is a lower one of
 * columns.
 */

static void narrow(int64_t n, const double *from, wg_real *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (wg_real)from[i];
}

static void mirror(int64_t n, double *a)
{
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = j + 1; i < n; i++)
            a[j + i * n] = a[i + j * n];
}

/* Eigenpairs of a [n,n], which is spent: of those with a value of `least` or more the `rank`
 * leading ones (below 0: all), in ascending order, into w and z. Returns how many, -1: none can be
 * found. Single precision takes half the time, and errs by far less than `least`. */
static int64_t eigenpairs(int64_t n, double *a, double least, double most, int64_t rank,
                          const room *own)
{
    const bool leading = rank > 0 && rank < n;
    float *single = (float *)own->z, *vector = single + n * n, *value = (float *)(own->w + n);
    int found = 0;
    int64_t below = 0;

    for (int64_t i = 0; i < n * n; i++)
        single[i] = (float)a[i];
    if (LAPACKE_ssyevr(LAPACK_COL_MAJOR, 'V', leading ? 'I' : 'V', 'L', (int)n, single, (int)n,
                       (float)least, (float)most, (int)(n - (leading ? rank : n) + 1), (int)n, 0,
                       &found, value, vector, (int)n, own->support) != 0)
        return -1;
    while (below < found && (double)value[below] < least)
        below++;
    for (int64_t i = 0; i < (found - below) * n; i++)
        a[i] = (double)vector[i + below * n];
    memcpy(own->z, a, (size_t)((found - below) * n) * sizeof *a);
    for (int64_t k = 0; k < found - below; k++)
        own->w[k] = (double)value[k + below];
    return found - below;
}

/* P [I,I] = 1 - B^T B into a, from B [r,I]. */
static void fill_in(int64_t I, int64_t r, const double *b, double *a)
{
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)I, (int)r, -1, b, (int)I, 0, a,
                (int)I);
    for (int64_t i = 0; i < I; i++)
        a[i + i * I] += 1;
    mirror(I, a);
}

/* B [r,I] in b: kept as it is, or as P where that costs fewer products. */
static void settle(wg_factor *f, int64_t r, const double *b, double *a, wg_real *data)
{
    f->pairs = r;
    f->r = 2 * r < f->I ? r : f->I;
    if (f->r == f->I) {
        fill_in(f->I, r, b, a);
        narrow(f->I * f->I, a, data);
    } else
        narrow(r * f->I, b, data);
}

static double shrink(double c, double lambda)
{
    return sqrt(c / (c + lambda));
}

/* Eigenpairs that are wanted of a matrix with I inputs; 0: all, exactly. */
static int64_t rank_of(const wg_factor_way *way, int64_t I)
{
    return way->rank >= 0 ? way->rank : (I + 3) / 4;
}

/* --- from the covariance -----------------------------------------------------------------------
 */

static bool invert(wg_factor *f, wg_real *data, const room *own)
{
    const int I = (int)f->I;
    double *a = own->a;

    for (int64_t i = 0; i < f->I * f->I; i++)
        a[i] /= f->lambda;
    for (int64_t i = 0; i < f->I; i++)
        a[i + i * f->I] += 1;
    if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', I, a, I) != 0 ||
        LAPACKE_dpotri(LAPACK_COL_MAJOR, 'L', I, a, I) != 0)
        return false;
    mirror(f->I, a);
    f->r = f->pairs = f->I;
    narrow(f->I * f->I, a, data);
    return true;
}

static bool from_covariance(const wg_factor_way *way, int64_t T, wg_real *data, const room *own,
                            wg_factor *f)
{
    const int64_t I = f->I;
    double trace = 0;
    int64_t r;

    for (int64_t j = 0; j < I; j++)
        for (int64_t i = j; i < I; i++)
            own->a[i + j * I] = (double)data[j * I + i] / (double)T;
    for (int64_t i = 0; i < I; i++)
        trace += own->a[i + i * I];
    f->lambda = way->damping * trace / (double)I;
    if (!(f->lambda > 0) || !isfinite(f->lambda))
        return trace == 0;
    if (way->rank == 0)
        return invert(f, data, own);
    r = eigenpairs(I, own->a, f->lambda / 4, 2 * trace, rank_of(way, I), own);
    for (int64_t k = 0; k < r; k++)
        cblas_dscal((int)I, shrink(own->w[k], f->lambda), own->z + k * I, 1);
    if (r >= 0)
        settle(f, r, own->z, own->a, data);
    return r >= 0;
}

/* --- from fewer inputs than there are of them: Woodbury -----------------------------------------
 * C = x^T x / T has the eigenvalues of x x^T / T, and u_k there is x^T u_k / sqrt(T c_k) here. With
 * all of them P = 1 - x^T (lambda T + x x^T)^-1 x, so B = L^-1 x with L the Cholesky factor.
 */

static bool from_inputs(const wg_factor_way *way, int64_t T, wg_real *data, const room *own,
                        wg_factor *f)
{
    const int I = (int)f->I, t = (int)T;
    double *x = own->b, *gram = own->a, trace = 0;
    int64_t r;

    for (int64_t i = 0; i < T * f->I; i++)
        x[i] = (double)data[i];
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, t, I, 1 / (double)T, x, I, 0, gram, t);
    for (int64_t i = 0; i < T; i++)
        trace += gram[i + i * T];
    f->lambda = way->damping * trace / (double)I;
    if (!(f->lambda > 0) || !isfinite(f->lambda))
        return trace == 0;
    if (way->rank == 0) {
        for (int64_t i = 0; i < T; i++)
            gram[i + i * T] += f->lambda;
        if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', t, gram, t) != 0)
            return false;
        cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, I, t,
                    1 / sqrt((double)T), gram, t, x, I);
        settle(f, T, x, own->z, data);
        return true;
    }
    r = eigenpairs(T, gram, f->lambda / 4, 2 * trace, rank_of(way, I), own);
    for (int64_t k = 0; k < r; k++)
        cblas_dscal(t, shrink(own->w[k], f->lambda) / sqrt((double)T * own->w[k]), own->z + k * T,
                    1);
    if (r > 0)
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, I, (int)r, t, 1, x, I, own->z, t, 0,
                    gram, I);
    if (r >= 0)
        settle(f, r, gram, own->z, data);
    return r >= 0;
}

/* Returns false where there is no solution. */
static bool make(const wg_factor_way *way, const wg_factor_job *job, const room *own)
{
    *job->out = (wg_factor){.I = job->I, .transposed = job->out->transposed};
    return job->T < job->I ? from_inputs(way, job->T, job->data, own, job->out)
                           : from_covariance(way, job->T, job->data, own, job->out);
}

/* --- keeping and applying ----------------------------------------------------------------------
 */

static wagle_status keep(wagle_ctx *ctx, const char *scratch, const wg_factor_job *job)
{
    const int64_t n = job->out->r * job->I;

    if (n == 0)
        return WAGLE_OK;
    WG_TRY(wg_scratch_new(ctx, scratch, n, sizeof *job->data, scratch != NULL, &job->out->memory));
    memcpy(job->out->memory.data, job->data, (size_t)n * sizeof *job->data);
    return WAGLE_OK;
}

/* --- several at once ---------------------------------------------------------------------------
 * Worker w of `workers` makes the factors w, w + workers, ...: in a room of its own, which has the
 * size that the widest of them needs.
 */

static int workers_for(int n, int offered)
{
    const int threads = openblas_get_parallel() != 0 ? offered : 1;

    return threads < 1 ? 1 : threads < n ? threads : n;
}

static int64_t widest_of(const wg_factor_job *job, int n, int w, int workers)
{
    int64_t most = 0;

    for (int i = w; i < n; i += workers)
        most = job[i].I > most ? job[i].I : most;
    return most;
}

int64_t wg_factors_work(const wg_factor_job *job, int n, const wg_pool *pool)
{
    const int workers = workers_for(n, wg_pool_threads(pool));
    int64_t bytes = 0;

    for (int w = 0; w < workers; w++) {
        const int64_t I = widest_of(job, n, w, workers);
        bytes += 3 * I * I * (int64_t)sizeof(double);
    }
    return bytes;
}

typedef struct factors_task {
    const wg_factor_way *way;
    const wg_factor_job *job;
    const room *own;
    int n, workers;
    bool *made;
} factors_task;

static void make_of_workers(const void *task, int64_t from, int64_t to)
{
    const factors_task *t = task;

    for (int64_t w = from; w < to; w++)
        for (int64_t i = w; i < t->n; i += t->workers)
            t->made[i] = make(t->way, &t->job[i], &t->own[w]);
}

wagle_status wg_factors_make(wagle_ctx *ctx, wg_pool *pool, const wg_factor_way *way,
                             const char *scratch, const wg_factor_job *job, int n)
{
    const int workers = workers_for(n, wg_pool_threads(pool));
    room *own = NULL;
    bool *made = NULL;
    wagle_status st = WG_ALLOC(ctx, &own, workers);

    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &made, n);
    for (int w = 0; st == WAGLE_OK && w < workers; w++)
        st = new_room(ctx, widest_of(job, n, w, workers), &own[w]);
    if (st == WAGLE_OK) {
        openblas_set_num_threads(1);
        wg_parallel(pool, workers, 1, make_of_workers,
                    &(factors_task){way, job, own, n, workers, made});
    }
    for (int i = 0; st == WAGLE_OK && i < n; i++)
        st = made[i]
                 ? keep(ctx, scratch, &job[i])
                 : wg_fail(ctx, WAGLE_E_RUN,
                           "the input of '%s' is not finite on the rows to protect", job[i].name);
    for (int w = 0; own != NULL && w < workers; w++)
        free_room(&own[w]);
    wg_free(own);
    wg_free(made);
    return st;
}

void wg_factor_free(wg_factor *f)
{
    wg_scratch_free(&f->memory);
    *f = (wg_factor){0};
}

int64_t wg_factor_most(const wg_factor_way *way, int64_t I, int64_t T)
{
    int64_t r = rank_of(way, I) > 0 ? rank_of(way, I) : I;

    r = T < r ? T : r;
    return 2 * r < I ? r * I : I * I;
}

/* update P */
static void apply_whole(const wg_ops *ops, const wg_factor *f, int64_t O, wg_real *update,
                        wg_real *spare)
{
    const int64_t I = f->I;
    const wg_real *p = f->memory.data;

    if (f->transposed)
        ops->gemm(ops, I, O, I, wg_matrix(p, I), wg_matrix(update, O), false, spare, O);
    else
        ops->gemm(ops, O, I, I, wg_matrix(update, I), wg_matrix(p, I), false, spare, I);
    ops->copy(ops, update, spare, (size_t)(O * I) * sizeof *update);
}

/* update - (update B^T) B */
static void apply_pairs(const wg_ops *ops, const wg_factor *f, int64_t O, wg_real *update,
                        wg_real *spare)
{
    const int64_t I = f->I, r = f->r;
    const wg_real *b = f->memory.data;

    if (f->transposed)
        ops->gemm(ops, r, O, I, wg_matrix(b, I), wg_matrix(update, O), false, spare, O);
    else
        ops->gemm(ops, O, r, I, wg_matrix(update, I), wg_transpose(wg_matrix(b, I)), false, spare,
                  r);
    ops->scale(ops, O * r, -1, spare);
    if (f->transposed)
        ops->gemm(ops, I, O, r, wg_transpose(wg_matrix(b, I)), wg_matrix(spare, O), true, update,
                  O);
    else
        ops->gemm(ops, O, I, r, wg_matrix(spare, r), wg_matrix(b, I), true, update, I);
}

void wg_factor_apply(const wg_ops *ops, const wg_factor *f, int64_t O, wg_real *update,
                     wg_real *spare)
{
    if (f->r == f->I)
        apply_whole(ops, f, O, update, spare);
    else if (f->r > 0)
        apply_pairs(ops, f, O, update, spare);
}
