/* libcublaslt.c - pretended products, built as libcublasLt.so.13: OpenBLAS's, of operands that are
 * rounded as a card's units take them, with float32 sums. */
#include "counting.h"
#include "failing.h"
#include "stream.h"

#include <cblas.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = 0, BF16 = 14, COMPUTE_TF32 = 77, TRANSPOSE_A = 3, TRANSPOSE_B = 4 };

typedef struct layout { /* columns of `ld` numbers */
    int type;
    uint64_t rows, columns;
    int64_t ld;
} layout;

typedef struct desc {
    int32_t transpose[2];
    int compute;
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
    openblas_set_num_threads(1); /* for equal bits */
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
    (void)scale_type;
    *out = calloc(1, sizeof **out);
    if (*out != NULL)
        (*out)->compute = compute;
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

/* The operand as cublasLt's units take it: float32, or rounded. *made: what was allocated for it.
 */
static const float *operand(const void *x, const layout *l, bool tf32, int64_t *ld, float **made)
{
    const int64_t rows = (int64_t)l->rows, columns = (int64_t)l->columns;

    *ld = l->ld;
    if (l->type == F32 && !tf32)
        return x;
    *made = malloc((size_t)(rows * columns + 1) * sizeof **made);
    *ld = rows > 0 ? rows : 1;
    for (int64_t c = 0; *made != NULL && c < columns; c++)
        for (int64_t r = 0; r < rows; r++) {
            const int64_t i = r + c * l->ld;
            uint32_t bits;
            if (l->type == F32) { /* to the nearest of 11 bits, ties away from zero */
                memcpy(&bits, (const float *)x + i, sizeof bits);
                if ((bits & 0x7F800000) != 0x7F800000)
                    bits = (bits + 0x1000) & ~(uint32_t)0x1FFF;
            } else {
                bits = (uint32_t)((const uint16_t *)x)[i] << 16;
            }
            memcpy(*made + r + c * rows, &bits, sizeof bits);
        }
    return *made;
}

typedef struct call {
    desc d;
    layout a, b, c;
    float alpha, beta;
    const void *A, *B;
    float *C;
} call;

static void multiply(void *data)
{
    const call *p = data;
    const bool tf32 = p->d.compute == COMPUTE_TF32;
    const uint64_t K = p->d.transpose[0] ? p->a.rows : p->a.columns;
    float *left = NULL, *right = NULL;
    int64_t lda, ldb;

    const float *x = operand(p->A, &p->a, tf32, &lda, &left);
    const float *y = operand(p->B, &p->b, tf32, &ldb, &right);
    if (x == NULL || y == NULL)
        abort();
    cblas_sgemm(CblasColMajor, p->d.transpose[0] ? CblasTrans : CblasNoTrans,
                p->d.transpose[1] ? CblasTrans : CblasNoTrans, (int)p->c.rows, (int)p->c.columns,
                (int)K, p->alpha, x, (int)lda, y, (int)ldb, p->beta, p->C, (int)p->c.ld);
    free(left);
    free(right);
}

int cublasLtMatmul(void *blas, const desc *d, const float *alpha, const void *A, const layout *a,
                   const void *B, const layout *b, const float *beta, const float *C,
                   const layout *c, float *D, const layout *e, const void *algorithm,
                   void *workspace, size_t bytes, void *stream)
{
    MAY_FAIL(14);
    fake_counted("product");
    const call p = {*d, *a, *b, *c, *alpha, *beta, A, B, D};
    const uint64_t K = d->transpose[0] ? a->rows : a->columns;

    (void)blas, (void)e, (void)algorithm, (void)workspace, (void)bytes;
    if (K != (d->transpose[1] ? b->columns : b->rows) ||
        c->rows != (d->transpose[0] ? a->columns : a->rows) ||
        c->columns != (d->transpose[1] ? b->rows : b->columns) || C != D)
        return 7;
    ((fake_stream *)stream)->submit(stream, multiply, &p, sizeof p);
    return 0;
}
