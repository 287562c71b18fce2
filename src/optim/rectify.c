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

double wg_rectify(wg_optimizer *a)
{
    const wg_ops *ops = a->model->ops;
    const float keep = (float)(1 - a->rectify), share = (float)a->rectify;

    for (int64_t i = 0; i < a->n; i++)
        a->retain_grad_ema[i] = keep * a->retain_grad_ema[i] + share * a->retain[i];
    const double along = ops->dot(a->n, a->gradient, a->retain_grad_ema);
    const double squared = ops->dot(a->n, a->retain_grad_ema, a->retain_grad_ema);
    const double own = ops->dot(a->n, a->gradient, a->gradient);
    const float part = (float)(along / squared);

    for (int64_t i = 0; along < 0 && i < a->n; i++)
        a->gradient[i] -= part * a->retain_grad_ema[i];
    return along == 0 ? 0 : along / sqrt(squared * own);
}
