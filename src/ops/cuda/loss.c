/* loss.c - losses over chunks of the vocabulary (kernels/loss.cu). */
#include "ops/cuda/state.h"

static void xent_forward(const wg_ops *self, int64_t M, int64_t first, int64_t n,
                         const float *logits, int64_t ld, const int32_t *target, float *maximum,
                         float *sum, float *picked)
{
    LAUNCH_ROWS(xent_forward, M, &first, &n, &logits, &ld, &target, &maximum, &sum, &picked);
}

static void xent_backward(const wg_ops *self, int64_t M, int64_t first, int64_t n, float *logits,
                          int64_t ld, const int32_t *target, const float *lse, const float *weight,
                          float cap)
{
    LAUNCH_ELEMENTS(xent_backward, M, n, &first, &n, &logits, &ld, &target, &lse, &weight, &cap);
}

static void xent_finish(const wg_ops *self, int64_t M, float *maximum, const float *sum,
                        const float *picked, float *nll)
{
    LAUNCH_EACH(xent_finish, M, &M, &maximum, &sum, &picked, &nll);
}

static void row_stats(const wg_ops *self, int64_t M, int64_t first, int64_t n, const float *logits,
                      int64_t ld, const float *lse, float *most, int32_t *best, double *mean,
                      double *square)
{
    LAUNCH_ROWS(row_stats, M, &first, &n, &logits, &ld, &lse, &most, &best, &mean, &square);
}

static void sample_rows(const wg_ops *self, int64_t M, int64_t first, int64_t n,
                        const float *logits, int64_t ld, int64_t row, uint64_t seed,
                        uint64_t stream, double *most, int32_t *which)
{
    LAUNCH_ROWS(sample_rows, M, &first, &n, &logits, &ld, &row, &seed, &stream, &most, &which);
}

static void softmax(const wg_ops *self, int64_t M, int64_t n, const float *lse, const float *factor,
                    float *x, int64_t ld)
{
    LAUNCH_ELEMENTS(softmax, M, n, &n, &lse, &factor, &x, &ld);
}

static void dot_rows(const wg_ops *self, int64_t M, int64_t n, const float *a, int64_t lda,
                     const float *b, int64_t ldb, double *sum)
{
    LAUNCH_ROWS(dot_rows, M, &n, &a, &lda, &b, &ldb, &sum);
}

static void runner_up(const wg_ops *self, int64_t M, int64_t first, int64_t n, const float *logits,
                      int64_t ld, const int32_t *target, float *most, int32_t *which)
{
    LAUNCH_ROWS(runner_up, M, &first, &n, &logits, &ld, &target, &most, &which);
}

static void shift_target(const wg_ops *self, int64_t M, int64_t first, int64_t n,
                         const int32_t *target, float by, const float *logits, int64_t ld, float *q)
{
    LAUNCH_ELEMENTS(shift_target, M, n, &first, &n, &target, &by, &logits, &ld, &q);
}

static void soft_finish(const wg_ops *self, int64_t M, bool divergence, const float *lse,
                        const float *target_lse, const double *cross, float *nll)
{
    const int diverges = divergence;

    LAUNCH_EACH(soft_finish, M, &M, &diverges, &lse, &target_lse, &cross, &nll);
}

static void hinge_finish(const wg_ops *self, int64_t M, const float *lse, float *token,
                         float *other, float *nll)
{
    LAUNCH_EACH(hinge_finish, M, &M, &lse, &token, &other, &nll);
}

static void hinge_target(const wg_ops *self, int64_t M, int64_t first, int64_t n,
                         const int32_t *target, const int32_t *second, const float *weight,
                         const float *token, const float *other, float *q, float *share)
{
    LAUNCH_ELEMENTS(hinge_target, M, n, &first, &n, &target, &second, &weight, &token, &other, &q,
                    &share);
}

static void xent_soft_backward(const wg_ops *self, int64_t M, int64_t n, float *logits, int64_t ld,
                               const float *q, const float *lse, const float *weight, float cap)
{
    LAUNCH_ELEMENTS(xent_soft_backward, M, n, &n, &logits, &ld, &q, &lse, &weight, &cap);
}

void wg_cuda_loss_ops(wg_ops *ops)
{
    ops->xent_forward = xent_forward;
    ops->xent_backward = xent_backward;
    ops->xent_finish = xent_finish;
    ops->row_stats = row_stats;
    ops->sample_rows = sample_rows;
    ops->softmax = softmax;
    ops->dot_rows = dot_rows;
    ops->runner_up = runner_up;
    ops->shift_target = shift_target;
    ops->soft_finish = soft_finish;
    ops->hinge_finish = hinge_finish;
    ops->hinge_target = hinge_target;
    ops->xent_soft_backward = xent_soft_backward;
}
