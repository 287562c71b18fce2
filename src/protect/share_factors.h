/* share_factors.h - factors by several processes: each adds up what its rows give, and makes some
 * of the factors. */
#ifndef WG_PROTECT_SHARE_FACTORS_H
#define WG_PROTECT_SHARE_FACTORS_H

#include "dist/dist.h"
#include "optim/factor.h"

/* Which tokens are whose. */
typedef struct wg_token_parts {
    int parts;      /* of this process; 0: the rows are not cut into parts */
    int64_t *start; /* [parts + 1] first token of each of its parts, from its first */
    int64_t *of;    /* [ranks + 1] first token of each process */
} wg_token_parts;

/* tokens [n]: of each row. The rows are cut if there are at least as many as parts. *first, *own:
 * the rows of this process. Free with wg_token_parts_free. */
WAGLE_CHECK wagle_status wg_token_parts_new(wagle_ctx *ctx, const int64_t *tokens, int64_t n,
                                            wg_token_parts *out, int64_t *first, int64_t *own);
void wg_token_parts_free(wg_token_parts *t);
/* job->data [own tokens, I], inputs of this process's rows, become what the job takes, of all rows:
 * in process `owner`, and NULL in the others. */
WAGLE_CHECK wagle_status wg_share_inputs(wagle_ctx *ctx, const wg_ops *host,
                                         const wg_token_parts *t, int owner, wg_factor_job *job);
/* A factor that `owner` has comes to the others; scratch as for wg_factors_make. */
WAGLE_CHECK wagle_status wg_share_factor(wagle_ctx *ctx, const char *scratch, int owner,
                                         wg_factor *f);
/* Upper triangle of sum [I,I] (+)= x^T x; x [N,I]. */
void wg_add_products(const wg_ops *host, int64_t N, int64_t I, const wg_real *x, bool add,
                     wg_real *sum);

#endif
