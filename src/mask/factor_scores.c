/* factor_scores.c - scores that use factors of the rows to protect (--gamma protect): the rows, the
 * factors, their memory, and the retain gradient multiplied by the factors. */
#include "mask/attribute.h"

#include "session/budget.h"
#include <string.h>

static bool needs_factors(const wg_attribution *a)
{
    return (a->selector->needs & WG_NEEDS_FACTORS) != 0;
}

bool wg_scores_by_factors(const wagle_train_options *o)
{
    return o->selector != NULL &&
           (strcmp(o->selector, "wagle-protect") == 0 ||
            (strcmp(o->selector, "wagle") == 0 && o->gamma.kind == WAGLE_GAMMA_PROTECT));
}

wagle_status wg_attribution_protection(wagle_ctx *ctx, wg_attribution *a,
                                       const wagle_train_options *o)
{
    if (!needs_factors(a))
        return WAGLE_OK;
    a->protection = *o;
    if (o->protect.path == NULL)
        a->protection.protect = (wagle_data){.path = "retain"};
    return wg_protect_check(ctx, &a->protection, false);
}

wagle_status wg_attribution_protect_rows(wagle_ctx *ctx, wg_attribution *a)
{
    if (!needs_factors(a))
        return WAGLE_OK;
    WG_TRY(wg_protect_check_model(ctx, a->session.model, &a->protection));
    WG_TRY(wg_protect_rows_load(ctx, &a->session, &a->protection, &a->forget, &a->retain,
                                &a->protect_rows));
    a->protected = &a->protect_rows.all;
    return WAGLE_OK;
}

wagle_status wg_attribution_factors(wagle_ctx *ctx, wg_attribution *a, const char *folder)
{
    const double start = wg_seconds();

    if (!needs_factors(a) || a->factors != NULL)
        return WAGLE_OK;
    WG_TRY(wg_protect_make(ctx, &a->session, a->protected, &a->protection,
                           a->spill_factors ? folder : NULL, &a->made_factors));
    a->factors = &a->made_factors;
    wg_log(ctx, 1, "factors of %lld rows of %lld tokens were made in %.1f s",
           (long long)a->protected->n, (long long)wg_protect_tokens(a->protected),
           wg_seconds() - start);
    return WAGLE_OK;
}

void wg_attribution_drop_factors(wg_attribution *a)
{
    wg_protect_free(&a->made_factors);
    wg_protect_rows_free(&a->protect_rows);
    a->factors = NULL;
    a->protected = NULL;
}

/* --- memory ------------------------------------------------------------------------------------
 */

/* Weights of the largest matrix that may have a factor. */
static int64_t largest_matrix(const wg_model *m)
{
    const int table = wg_model_tensor(m, WG_EMBED, 0);
    int64_t most = 0;

    for (int t = 0; t < m->files.n; t++)
        if (t != table && m->files.tensor[t].shape.rank == 2 && m->files.tensor[t].count > most)
            most = m->files.tensor[t].count;
    return most;
}

int64_t wg_attribution_factor_bytes(const wg_attribution *a)
{
    return needs_factors(a) && !a->spill_factors
               ? wg_protect_bytes(a->session.model, &a->protection, wg_protect_tokens(a->protected))
               : 0;
}

int64_t wg_attribution_product_bytes(const wg_attribution *a)
{
    return needs_factors(a) ? 3 * largest_matrix(a->session.model) * (int64_t)sizeof(float) : 0;
}

/* --- scoring -----------------------------------------------------------------------------------
 */

wagle_status wg_product_new(wagle_ctx *ctx, const wg_attribution *a, wg_product *out)
{
    const wg_model *m = a->session.model;
    int64_t most = 0;

    *out = (wg_product){.of = needs_factors(a) ? a->factors : NULL};
    if (out->of == NULL)
        return WAGLE_OK;
    for (int t = 0; t < m->files.n; t++)
        if (out->of->of[t] >= 0 && m->files.tensor[t].count > most)
            most = m->files.tensor[t].count;
    WG_TRY(WG_ALLOC(ctx, &out->product, most));
    return WG_ALLOC(ctx, &out->room, wg_protect_room(m, out->of));
}

const float *wg_product_of(const wg_product *p, const wg_model *m, int tensor, const float *grad)
{
    const int64_t n = m->files.tensor[tensor].count;

    if (grad == NULL || p->of == NULL || p->of->of[tensor] < 0)
        return grad;
    memcpy(p->product, grad, (size_t)n * sizeof *grad);
    wg_protect_update(wg_ops_on_host(m->ops), m, p->of, tensor, NULL, NULL, true, n, p->product,
                      p->room);
    return p->product;
}

void wg_product_free(wg_product *p)
{
    wg_free(p->product);
    wg_free(p->room);
}
