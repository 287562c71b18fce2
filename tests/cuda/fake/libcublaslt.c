/* libcublaslt.c - pretended products, built as libcublasLt.so.13: loops, sums in double. */
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
    static char made;
    *blas = &made;
    return 0;
}

int cublasLtDestroy(void *blas)
{
    (void)blas;
    return 0;
}

int cublasLtMatmulDescCreate(desc **out, int compute, int scale_type)
{
    (void)compute, (void)scale_type;
    *out = calloc(1, sizeof **out);
    return *out == NULL;
}

int cublasLtMatmulDescDestroy(desc *d)
{
    free(d);
    return 0;
}

int cublasLtMatmulDescSetAttribute(desc *d, int attribute, const void *value, size_t bytes)
{
    memcpy(&d->transpose[attribute == TRANSPOSE_B], value, bytes);
    return 0;
}

int cublasLtMatrixLayoutCreate(layout **out, int type, uint64_t rows, uint64_t columns, int64_t ld)
{
    *out = calloc(1, sizeof **out);
    if (*out != NULL)
        **out = (layout){type, rows, columns, ld};
    return *out == NULL || ld < (int64_t)rows;
}

int cublasLtMatrixLayoutDestroy(layout *l)
{
    free(l);
    return 0;
}

int cublasLtMatmulPreferenceCreate(void **out)
{
    *out = malloc(1);
    return *out == NULL;
}

int cublasLtMatmulPreferenceDestroy(void *p)
{
    free(p);
    return 0;
}

int cublasLtMatmulPreferenceSetAttribute(void *p, int attribute, const void *value, size_t bytes)
{
    (void)p, (void)attribute, (void)value, (void)bytes;
    return 0;
}

int cublasLtMatmulAlgoGetHeuristic(void *blas, const desc *d, const layout *a, const layout *b,
                                   const layout *c, const layout *e, void *preference, int wanted,
                                   choice *out, int *found)
{
    (void)blas, (void)d, (void)a, (void)b, (void)c, (void)e, (void)preference, (void)wanted;
    *out = (choice){0};
    *found = 1;
    return 0;
}

/* Element (row, column) of op(x). */
static double at(const void *x, const layout *l, int transposed, uint64_t row, uint64_t column)
{
    const uint64_t i = transposed ? column + row * (uint64_t)l->ld : row + column * (uint64_t)l->ld;
    float value;
    uint32_t bits;

    if (l->type == F32)
        return (double)((const float *)x)[i];
    bits = (uint32_t)((const uint16_t *)x)[i] << 16;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

int cublasLtMatmul(void *blas, const desc *d, const float *alpha, const void *A, const layout *a,
                   const void *B, const layout *b, const float *beta, const float *C,
                   const layout *c, float *D, const layout *e, const void *algorithm,
                   void *workspace, size_t bytes, void *stream)
{
    const uint64_t K = d->transpose[0] ? a->rows : a->columns;

    (void)blas, (void)e, (void)algorithm, (void)workspace, (void)bytes, (void)stream;
    if (K != (d->transpose[1] ? b->columns : b->rows) ||
        c->rows != (d->transpose[0] ? a->columns : a->rows) ||
        c->columns != (d->transpose[1] ? b->rows : b->columns))
        return 7;
    for (uint64_t n = 0; n < c->columns; n++)
        for (uint64_t m = 0; m < c->rows; m++) {
            double sum = 0;
            for (uint64_t k = 0; k < K; k++)
                sum += at(A, a, d->transpose[0], m, k) * at(B, b, d->transpose[1], k, n);
            const uint64_t i = m + n * (uint64_t)c->ld;
            D[i] = (float)((double)*alpha * sum + (*beta != 0 ? (double)(*beta * C[i]) : 0));
        }
    return 0;
}
