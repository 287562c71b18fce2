#include "protect/share_factors.h"

#include "base/memory.h"
#include <string.h>

wagle_status wg_token_parts_new(wagle_ctx *ctx, const int64_t *tokens, int64_t n,
                                wg_token_parts *out, int64_t *first, int64_t *own)
{
    const int parts = wg_parts(ctx);
    int64_t *before = NULL, at = 0;
    int part;

    *out = (wg_token_parts){0};
    *first = 0;
    *own = n;
    if (parts == 1 || n < parts)
        return WAGLE_OK;
    out->parts = wg_parts_of(ctx, wg_rank(ctx), &part);
    WG_TRY(WG_ALLOC(ctx, &out->start, out->parts + 1));
    WG_TRY(WG_ALLOC(ctx, &out->of, wg_ranks(ctx) + 1));
    WG_TRY(WG_ALLOC(ctx, &before, parts + 1)); /* tokens before each part */
    for (int p = 0; p < parts; p++) {
        const int64_t rows = wg_rows_of_part(n, p, parts, &at);
        before[p + 1] = before[p];
        for (int64_t i = at; i < at + rows; i++)
            before[p + 1] += tokens[i];
    }
    for (int r = 0, p = 0; r < wg_ranks(ctx); r++) {
        p += wg_parts_of(ctx, r, NULL);
        out->of[r + 1] = before[p];
    }
    for (int j = 0; j <= out->parts; j++)
        out->start[j] = before[part + j] - before[part];
    wg_free(before);
    (void)wg_rows_of_part(n, part, parts, first);
    *own = wg_rows_of_part(n, part + out->parts - 1, parts, &at);
    *own += at - *first;
    return WAGLE_OK;
}

void wg_token_parts_free(wg_token_parts *t)
{
    wg_free(t->start);
    wg_free(t->of);
    *t = (wg_token_parts){0};
}

void wg_add_products(const wg_ops *host, int64_t N, int64_t I, const wg_real *x, bool add,
                     wg_real *sum)
{
    enum { ROWS = 256 };

    for (int64_t i = 0; i < I; i += ROWS)
        host->gemm(host, I - i < ROWS ? I - i : ROWS, I - i, N, wg_transpose(wg_matrix(x + i, I)),
                   wg_matrix(x + i, I), add, sum + i * I + i, I);
}

/* --- sums --------------------------------------------------------------------------------------
 */

/* The products of part j's inputs [tokens of the part, I]. */
static void multiply_part(const wg_ops *host, const wg_token_parts *t, int j, int64_t I,
                          const wg_real *x, wg_real *sum)
{
    const int64_t first = t->start[j], n = t->start[j + 1] - first;

    memset(sum, 0, (size_t)(I * I) * sizeof *sum);
    if (n > 0)
        wg_add_products(host, n, I, x + first * I, false, sum);
}

/* The sum over this process's parts, in memory of its own. */
static wagle_status own_sum(wagle_ctx *ctx, const wg_ops *host, const wg_token_parts *t,
                            const wg_factor_job *job, wg_real **out)
{
    const int64_t n = job->I * job->I;
    const float *all = NULL;
    float *waits[WG_TREE_LEVELS] = {NULL};
    wagle_status st = WG_ALLOC(ctx, out, n);

    for (int level = 0; st == WAGLE_OK && level < wg_tree_levels(t->parts); level++)
        st = WG_ALLOC(ctx, &waits[level], n);
    for (int j = 0; st == WAGLE_OK && j < t->parts; j++) {
        multiply_part(host, t, j, job->I, job->data, *out);
        all = wg_tree_add(j, t->parts, n, *out, waits);
    }
    if (all != NULL && all != *out)
        memcpy(*out, all, (size_t)n * sizeof **out);
    for (int level = 0; level < WG_TREE_LEVELS; level++)
        wg_free(waits[level]);
    return st;
}

static wagle_status sum_at_owner(wagle_ctx *ctx, const wg_ops *host, const wg_token_parts *t,
                                 int owner, wg_factor_job *job)
{
    int64_t *slice;
    wg_real *sum = NULL;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &slice, wg_ranks(ctx) + 1));
    for (int r = owner; r < wg_ranks(ctx); r++)
        slice[r + 1] = job->I * job->I;
    st = own_sum(ctx, host, t, job, &sum);
    if (st == WAGLE_OK)
        st = wg_reduce_scatter(ctx, sum, slice, sum);
    wg_free(slice);
    wg_free(job->data);
    job->data = sum;
    return st;
}

/* Fewer tokens than inputs: the job takes the inputs themselves. */
static wagle_status gather(wagle_ctx *ctx, const wg_token_parts *t, wg_factor_job *job)
{
    const int me = wg_rank(ctx);
    wg_real *all;

    WG_TRY(WG_ALLOC(ctx, &all, job->I * job->I)); /* the factor takes their place */
    memcpy(all + t->of[me] * job->I, job->data,
           (size_t)((t->of[me + 1] - t->of[me]) * job->I) * sizeof *all);
    wg_free(job->data);
    job->data = all;
    return wg_all_gather(ctx, all, (size_t)job->I * sizeof *all, t->of);
}

wagle_status wg_share_inputs(wagle_ctx *ctx, const wg_ops *host, const wg_token_parts *t, int owner,
                             wg_factor_job *job)
{
    WG_TRY(job->T < job->I ? gather(ctx, t, job) : sum_at_owner(ctx, host, t, owner, job));
    if (owner == wg_rank(ctx))
        return WAGLE_OK;
    wg_free(job->data);
    job->data = NULL;
    return WAGLE_OK;
}

wagle_status wg_share_factor(wagle_ctx *ctx, const char *scratch, int owner, wg_factor *f)
{
    const wg_scratch memory = f->memory;

    WG_TRY(wg_spread(ctx, owner, f, sizeof *f));
    f->memory = memory;
    const int64_t n = f->r * f->I;
    if (n == 0)
        return WAGLE_OK;
    if (owner != wg_rank(ctx))
        WG_TRY(wg_scratch_new(ctx, scratch, n, sizeof(wg_real), scratch != NULL, &f->memory));
    return wg_spread(ctx, owner, f->memory.data, (size_t)n * sizeof(wg_real));
}
