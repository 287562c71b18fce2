/* adapter_merge.c - the arithmetic of merging one tensor. */
#include "modeldir/adapter.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { CHUNK = 512 };

/* Rows and columns are those of the stored tensor [R,C]: the product is left [R,r] times right
 * [r,C], whichever of A and B these are. */
typedef struct merging {
    const wg_adapter_change *change;
    const wg_tensor *from; /* the base, or what stands in its place */
    const float *left, *right;
    int64_t R, C, r;
    const float *factor; /* of each output: DoRA's m / norm; or NULL */
    float *norm;         /* [out] that are being computed */
    char *out;
    atomic_bool *bad; /* a weight is not finite */
} merging;

/* x [n]: row i from column j, before DoRA's factor. */
static void sum_row(const merging *m, int64_t i, int64_t j, int64_t n, float *x)
{
    const size_t size = wg_dtype_size(m->from->dtype);
    float product[CHUNK] = {0};

    wg_to_float(m->from->dtype, (const char *)m->from->data + (size_t)(i * m->C + j) * size, n, x);
    if (m->left == NULL)
        return;
    for (int64_t k = 0; k < m->r; k++) {
        const float *right = m->right + k * m->C + j, left = m->left[i * m->r + k];
        for (int64_t c = 0; c < n; c++)
            product[c] += left * right[c];
    }
    for (int64_t c = 0; c < n; c++)
        x[c] += (float)m->change->scale * product[c];
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Norms of rows [from,to). */
static void norm_rows(const void *task, int64_t from, int64_t to)
{
    const merging *m = task;
    float x[CHUNK];

    for (int64_t i = from; i < to; i++) {
        double sum = 0;
        for (int64_t j = 0; j < m->C; j += CHUNK) {
            const int64_t n = least(CHUNK, m->C - j);
            sum_row(m, i, j, n, x);
            for (int64_t c = 0; c < n; c++)
                sum += (double)x[c] * x[c];
        }
        m->norm[i] = (float)sqrt(sum);
    }
}

/* Norms of columns, in chunks [from,to) of them. */
static void norm_columns(const void *task, int64_t from, int64_t to)
{
    const merging *m = task;
    float x[CHUNK];

    for (int64_t j = from * CHUNK; j < least(to * CHUNK, m->C); j += CHUNK) {
        const int64_t n = least(CHUNK, m->C - j);
        double sum[CHUNK] = {0};
        for (int64_t i = 0; i < m->R; i++) {
            sum_row(m, i, j, n, x);
            for (int64_t c = 0; c < n; c++)
                sum[c] += (double)x[c] * x[c];
        }
        for (int64_t c = 0; c < n; c++)
            m->norm[j + c] = (float)sqrt(sum[c]);
    }
}

static void merge_rows(const void *task, int64_t from, int64_t to)
{
    const merging *m = task;
    const wg_dtype dtype = m->change->base->dtype;
    const float limit = dtype == WG_F16 ? WG_F16_LIMIT : INFINITY;
    float x[CHUNK];

    for (int64_t i = from; i < to; i++)
        for (int64_t j = 0; j < m->C; j += CHUNK) {
            const int64_t n = least(CHUNK, m->C - j);
            sum_row(m, i, j, n, x);
            for (int64_t c = 0; m->factor != NULL && c < n; c++)
                x[c] *= m->factor[m->change->turned ? j + c : i];
            for (int64_t c = 0; c < n; c++)
                if (!(fabsf(x[c]) < limit))
                    atomic_store(m->bad, true);
            wg_from_float(dtype, x, n, m->out + (size_t)(i * m->C + j) * wg_dtype_size(dtype));
        }
}

/* t [rows,columns] as float32, or its transpose. */
static wagle_status as_float(wagle_ctx *ctx, const wg_tensor *t, bool transpose, float **out)
{
    const int64_t rows = t->shape.dim[0], columns = t->count / (rows > 0 ? rows : 1);
    float *x;

    WG_TRY(WG_ALLOC(ctx, out, t->count > 0 ? t->count : 1));
    if (!transpose) {
        wg_to_float(t->dtype, t->data, t->count, *out);
        return WAGLE_OK;
    }
    WG_TRY(WG_ALLOC(ctx, &x, columns));
    for (int64_t i = 0; i < rows; i++) {
        wg_to_float(t->dtype,
                    (const char *)t->data + (size_t)(i * columns) * wg_dtype_size(t->dtype),
                    columns, x);
        for (int64_t j = 0; j < columns; j++)
            (*out)[j * rows + i] = x[j];
    }
    wg_free(x);
    return WAGLE_OK;
}

/* factor [out] = m / norm. */
static wagle_status find_factors(wagle_ctx *ctx, wg_pool *pool, merging *m, float **factor)
{
    const wg_adapter_change *c = m->change;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &m->norm, c->magnitude->count));
    WG_TRY_GOTO(as_float(ctx, c->magnitude, false, factor), done);
    if (c->turned)
        wg_parallel(pool, (m->C + CHUNK - 1) / CHUNK, 1, norm_columns, m);
    else
        wg_parallel(pool, m->R, wg_grain(m->C * m->r), norm_rows, m);
    for (int64_t i = 0; i < c->magnitude->count; i++)
        (*factor)[i] /= m->norm[i];
    m->factor = *factor;
done:
    wg_free(m->norm);
    m->norm = NULL;
    return st;
}

wagle_status wg_adapter_merge(wagle_ctx *ctx, wg_pool *pool, const wg_adapter_change *c, void *out)
{
    const wg_tensor *base = c->base;
    atomic_bool bad = false;
    merging m = {.change = c,
                 .from = c->whole != NULL ? c->whole : base,
                 .R = base->shape.rank == 2 ? base->shape.dim[0] : 1,
                 .C = base->shape.rank == 2 ? base->shape.dim[1] : base->count,
                 .out = out,
                 .bad = &bad};
    float *left = NULL, *right = NULL, *factor = NULL;
    wagle_status st = WAGLE_OK;

    if (c->a != NULL) {
        WG_TRY_GOTO(as_float(ctx, c->turned ? c->a : c->b, c->turned, &left), done);
        WG_TRY_GOTO(as_float(ctx, c->turned ? c->b : c->a, c->turned, &right), done);
        m.left = left;
        m.right = right;
        m.r = c->a->shape.dim[0];
    }
    if (c->magnitude != NULL)
        WG_TRY_GOTO(find_factors(ctx, pool, &m, &factor), done);
    if (base->count > 0)
        wg_parallel(pool, m.R, wg_grain(m.C * (m.r + 1)), merge_rows, &m);
    if (bad)
        st = wg_fail(ctx, WAGLE_E_INPUT,
                     "adapter: a weight of '%s' would be more than %s can hold, or no number",
                     base->name, wg_dtype_name(base->dtype));
done:
    wg_free(left);
    wg_free(right);
    wg_free(factor);
    return st;
}
