/* hidden_loss.c - losses of a layer's output: rmu. */
#include "train/train.h"

#include "base/number.h"
#include <math.h>
#include <string.h>

static double length(const float *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* A direction by the seed, or from a file: one float32 tensor [D]. */
static wagle_status find_control(wagle_ctx *ctx, wg_trainer *t, const wagle_train_options *o)
{
    const int64_t D = t->session->model->config.D;
    wg_tensors file;
    wagle_status st = WAGLE_OK;
    double size;

    WG_TRY(WG_ALLOC(ctx, &t->control, D));
    if (o->rmu_control != NULL) {
        WG_TRY(wg_tensors_open(ctx, o->rmu_control, &file));
        if (file.n != 1 || file.tensor[0].dtype != WG_F32 || file.tensor[0].count != D)
            st = wg_fail(ctx, WAGLE_E_INPUT, "%s: expected one F32 tensor of %lld elements",
                         o->rmu_control, (long long)D);
        else
            memcpy(t->control, file.tensor[0].data, (size_t)D * sizeof *t->control);
        wg_tensors_close(&file);
        return st;
    }
    for (int64_t d = 0; d < D; d++)
        t->control[d] = (float)wg_random_unit(o->seed, WG_STREAM_CONTROL, (uint64_t)d);
    size = length(t->control, D);
    for (int64_t d = 0; d < D; d++)
        t->control[d] = (float)((double)t->control[d] / size * t->option[1]);
    return WAGLE_OK;
}

wagle_status wg_hidden_begin(wagle_ctx *ctx, wg_trainer *t, const wagle_train_options *o)
{
    const int64_t L = t->session->model->config.L;

    t->layer = t->option[0] < 0 ? L / 3 : (int64_t)t->option[0];
    if (t->layer >= L)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{rmu.layer} %lld: must be from 0 to %lld",
                       (long long)t->layer, (long long)L - 1);
    return find_control(ctx, t, o);
}

/* d = difference of h and `to` [D] at each position of a label, times scale; returns the mean of
 * its square before. h, d [tokens,D] of one sequence. */
static double mse_to_target(const wg_example *e, int64_t D, const wg_real *h, const wg_real *to,
                            int64_t to_stride, double scale, wg_real *d)
{
    int64_t rows = 0;
    double sum = 0;

    for (int64_t i = 0; i < e->n; i++)
        rows += e->labels[i] != WG_NO_LABEL;
    for (int64_t i = 0; i < e->n; i++)
        for (int64_t k = 0; e->labels[i] != WG_NO_LABEL && k < D; k++) {
            const double away = (double)h[i * D + k] - (double)to[i * to_stride + k];
            sum += away * away;
            d[i * D + k] = (wg_real)(scale * 2 * away / (double)(rows * D));
        }
    return sum / (double)(rows * D);
}

/* The reference's h of all sequences, or NULL where none is wanted. */
static wagle_status base_output(wagle_ctx *ctx, wg_trainer *t, int64_t total, const wg_real **h)
{
    const bool wanted = t->retain_term == WG_RETAIN_HIDDEN || t->option[2] > 0;

    *h = NULL;
    if (!wanted)
        return WAGLE_OK;
    WG_TRY(wg_trainer_base(ctx, t));
    t->base.batch.keep_unlabelled = true;
    WG_TRY(wg_batch_fill(ctx, &t->base.batch, t->list, total, total));
    WG_TRY(wg_engine_hidden(ctx, t->base.engine, &t->base.batch, t->layer, false, h));
    t->base.batch.keep_unlabelled = false;
    return WAGLE_OK;
}

/* Where the forget positions of a sequence are sent, [tokens,D]: as far as the untouched output. */
static void scale_control(const wg_trainer *t, int64_t tokens, const wg_real *base, wg_real *to)
{
    const int64_t D = t->session->model->config.D;
    const double size = length(t->control, D);

    for (int64_t i = 0; i < tokens; i++) {
        const double far = t->option[2] * length(base + i * D, D) / (size > 0 ? size : 1);
        for (int64_t k = 0; k < D; k++)
            to[i * D + k] = (wg_real)(far * (double)t->control[k]);
    }
}

static wagle_status pull_all(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *p, double share,
                             int64_t total, const wg_real *h, const wg_real *base, wg_loss *out,
                             double *per_sequence)
{
    const wg_batch *b = &t->session->batch;
    const int64_t D = t->session->model->config.D;
    const bool adaptive = t->option[2] > 0;
    wg_real *to = NULL;

    if (adaptive)
        WG_TRY(WG_ALLOC(ctx, &to, b->N * D));
    for (int64_t s = 0; s < total; s++) {
        const int64_t at = b->start[s] * D, n = b->start[s + 1] - b->start[s];
        const double weight = wg_row_weight(t->list[s]);
        if (s >= p->nf && base == NULL)
            continue; /* not there: the retain term is hidden, or none */
        if (s >= p->nf) {
            out->retain +=
                weight *
                mse_to_target(t->list[s], D, h + at, base + at, D,
                              share * weight * t->alpha / wg_retain_rows(p), t->dh + at) /
                wg_retain_rows(p);
            continue;
        }
        if (adaptive)
            scale_control(t, n, base + at, to);
        const double term =
            mse_to_target(t->list[s], D, h + at, adaptive ? to : t->control, adaptive ? D : 0,
                          share * weight * t->forget_weight / wg_forget_rows(p), t->dh + at);
        out->forget += weight * term / wg_forget_rows(p);
        if (per_sequence != NULL)
            per_sequence[s] = term;
    }
    wg_free(to);
    return WAGLE_OK;
}

wagle_status wg_hidden_loss(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *p, double share,
                            wg_loss *out, double *per_sequence)
{
    wg_session *s = t->session;
    const int64_t D = s->model->config.D;
    const wg_real *h, *base;
    int64_t n_first, total;

    WG_TRY(wg_list_batch(ctx, t, p, &n_first, &total));
    WG_TRY(base_output(ctx, t, total, &base));
    s->batch.keep_unlabelled = true;
    s->batch.n_full_label_seqs = 0;
    WG_TRY(wg_batch_fill(ctx, &s->batch, t->list, total, n_first));
    s->batch.keep_unlabelled = false;
    WG_TRY(WG_GROW(ctx, &t->dh, &t->dh_room, s->batch.N * D));
    memset(t->dh, 0, (size_t)(s->batch.N * D) * sizeof *t->dh);
    WG_TRY(wg_engine_hidden(ctx, s->engine, &s->batch, t->layer, true, &h));
    return pull_all(ctx, t, p, share, total, h, base, out, per_sequence);
}
