/* rectify.c - Gradient Rectified Unlearning (Wang et al. 2025, arXiv 2503.09117). The retain
 * gradient is not followed, it holds the forget gradient back:
 *
 *   m_t = G g_r + (1 - G) m_(t-1), m_0 = 0
 *   g   = g_f                          where <g_f, m_t> >= 0
 *         g_f - <g_f, m_t>/<m_t, m_t> m_t    otherwise
 *
 * so that to first order the update does not raise the retain loss. */
#include "optim/optimizer.h"

#include <math.h>

wagle_status wg_rectify(wagle_ctx *ctx, wg_optimizer *a, double *cosine)
{
    const wg_ops *ops = a->model->ops;
    const float keep = (float)(1 - a->rectify), share = (float)a->rectify;
    double *sum = a->squares.data, got[3]; /* as many as there are tensors, and one: 3 at least */

    ops->axpby(ops, a->n, share, a->retain, keep, a->retain_grad_ema);
    ops->dot(ops, a->n, a->gradient, a->retain_grad_ema, sum);
    ops->dot(ops, a->n, a->retain_grad_ema, a->retain_grad_ema, sum + 1);
    ops->dot(ops, a->n, a->gradient, a->gradient, sum + 2);
    WG_TRY(ops->download(ops, ctx, got, sum, sizeof got));
    const double along = got[0], squared = got[1], own = got[2];

    if (along < 0)
        ops->axpy(ops, a->n, -(float)(along / squared), a->retain_grad_ema, a->gradient);
    *cosine = along == 0 ? 0 : along / sqrt(squared * own);
    return WAGLE_OK;
}
