/* libcublaslt.c - pretended products, built as libcublasLt.so.13: loops, sums in double. */
#include "counting.h"
#include "failing.h"
#include "stream.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = 0, BF16 = 14, TRANSPOSE_A = 3, TRANSPOSE_B = 4 };

typedef struct layout { /* columns of `ld` numbers */
    int type;
    uint64_t rows, columns;
    int64_t ld;
} layout;

typedef struct desc {
    int32_t transpose[2];
} desc;

typedef struct choice {
    uint64_t algorithm[8];
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
} choice;

size_t cublasLtGetVersion(void)
{
    return 130000;
}

int cublasLtCreate(void **blas)
{
    MAY_FAIL(14);
    static char made;
    *blas = &made;
    return 0;
}

int cublasLtDestroy(void *blas)
{
    MAY_FAIL(14);
    (void)blas;
    return 0;
}

int cublasLtMatmulDescCreate(desc **out, int compute, int scale_type)
{
    MAY_FAIL(14);
    (void)compute, (void)scale_type;
    *out = calloc(1, sizeof **out);
    return *out == NULL;
}

int cublasLtMatmulDescDestroy(desc *d)
{
    MAY_FAIL(14);
    free(d);
    return 0;
}

int cublasLtMatmulDescSetAttribute(desc *d, int attribute, const void *value, size_t bytes)
{
    MAY_FAIL(14);
    memcpy(&d->transpose[attribute == TRANSPOSE_B], value, bytes);
    return 0;
}

int cublasLtMatrixLayoutCreate(layout **out, int type, uint64_t rows, uint64_t columns, int64_t ld)
{
    MAY_FAIL(14);
    *out = calloc(1, sizeof **out);
    if (*out != NULL)
        **out = (layout){type, rows, columns, ld};
    return *out == NULL || ld < (int64_t)rows;
}

int cublasLtMatrixLayoutDestroy(layout *l)
{
    MAY_FAIL(14);
    free(l);
    return 0;
}

int cublasLtMatmulPreferenceCreate(void **out)
{
    MAY_FAIL(14);
    *out = malloc(1);
    return *out == NULL;
}

int cublasLtMatmulPreferenceDestroy(void *p)
{
    MAY_FAIL(14);
    free(p);
    return 0;
}

int cublasLtMatmulPreferenceSetAttribute(void *p, int attribute, const void *value, size_t bytes)
{
    MAY_FAIL(14);
    (void)p, (void)attribute, (void)value, (void)bytes;
    return 0;
}

int cublasLtMatmulAlgoGetHeuristic(void *blas, const desc *d, const layout *a, const layout *b,
                                   const layout *c, const layout *e, void *preference, int wanted,
                                   choice *out, int *found)
{
    MAY_FAIL(14);
    (void)blas, (void)d, (void)a, (void)b, (void)c, (void)e, (void)preference, (void)wanted;
    *out = (choice){0};
    *found = 1;
    return 0;
}

/* op(x) with its columns one after the other. */
static float *unpack(const void *x, const layout *l, int transposed)
{
    const uint64_t rows = l->rows, columns = l->columns;
    float *out = malloc((rows * columns + 1) * sizeof *out);

    for (uint64_t c = 0; out != NULL && c < columns; c++)
        for (uint64_t r = 0; r < rows; r++) {
            const uint64_t i = r + c * (uint64_t)l->ld;
            float *to = &out[transposed ? r * columns + c : r + c * rows];
            if (l->type == F32) {
                *to = ((const float *)x)[i];
            } else {
                const uint32_t bits = (uint32_t)((const uint16_t *)x)[i] << 16;
                memcpy(to, &bits, sizeof bits);
            }
        }
    return out;
}

typedef struct call {
    desc d;
    layout a, b, c;
    float alpha, beta;
    const void *A, *B;
    const float *C;
    float *D;
} call;

static void multiply(void *data)
{
    const call *p = data;
    const uint64_t M = p->c.rows, K = p->d.transpose[0] ? p->a.rows : p->a.columns;
    float *x = unpack(p->A, &p->a, p->d.transpose[0]); /* [K,M] */
    float *y = unpack(p->B, &p->b, p->d.transpose[1]); /* [N,K] */
    double *sum = malloc((M + 1) * sizeof *sum);

    if (x == NULL || y == NULL || sum == NULL)
        abort();
    for (uint64_t n = 0; n < p->c.columns; n++) {
        memset(sum, 0, M * sizeof *sum);
        for (uint64_t k = 0; k < K; k++) {
            const double factor = (double)y[n * K + k];
            for (uint64_t m = 0; m < M; m++)
                sum[m] += factor * (double)x[k * M + m];
        }
        for (uint64_t m = 0; m < M; m++) {
            const uint64_t i = m + n * (uint64_t)p->c.ld;
            p->D[i] = (float)((double)p->alpha * sum[m] +
                              (p->beta != 0 ? (double)(p->beta * p->C[i]) : 0));
        }
    }
    free(x);
    free(y);
    free(sum);
}

int cublasLtMatmul(void *blas, const desc *d, const float *alpha, const void *A, const layout *a,
                   const void *B, const layout *b, const float *beta, const float *C,
                   const layout *c, float *D, const layout *e, const void *algorithm,
                   void *workspace, size_t bytes, void *stream)
{
    MAY_FAIL(14);
    fake_counted("product");
    const call p = {*d, *a, *b, *c, *alpha, *beta, A, B, C, D};
    const uint64_t K = d->transpose[0] ? a->rows : a->columns;

    (void)blas, (void)e, (void)algorithm, (void)workspace, (void)bytes;
    if (K != (d->transpose[1] ? b->columns : b->rows) ||
        c->rows != (d->transpose[0] ? a->columns : a->rows) ||
        c->columns != (d->transpose[1] ? b->rows : b->columns))
        return 7;
    ((fake_stream *)stream)->submit(stream, multiply, &p, sizeof p);
    return 0;
}
