/* selected.c - selected weights (kernels/selected.cu). */
#include "ops/cuda/state.h"

/* Blocks of WG_OVERLAY_BLOCK weights that [first, first+n) touches. */
static int64_t blocks(int64_t first, int64_t n)
{
    return n > 0 ? (first + n - 1) / WG_OVERLAY_BLOCK - first / WG_OVERLAY_BLOCK + 1 : 0;
}

static void fill_some(const wg_ops *self, int m, const wg_panel *list)
{
    wg_cuda_panels a = {.m = m};

    for (int k = 0; k < m; k++) {
        const wg_panel *p = &list[k];
        a.weights[k] = wg_cuda_weights_of(&p->weights);
        a.first[k] = p->first;
        a.n[k] = p->n;
        a.type[k] = (int)p->type;
        a.to[k] = p->to;
        a.before[k + 1] = a.before[k] + blocks(p->first, p->n);
    }
    LAUNCH(fill_panels, a.before[m], 1, WG_CUDA_THREADS, &a);
}

static void fill_panels(const wg_ops *self, int m, const wg_panel *list)
{
    for (int k = 0; k < m; k += WG_CUDA_PANELS)
        fill_some(self, m - k < WG_CUDA_PANELS ? m - k : WG_CUDA_PANELS, list + k);
}

static void overlay(const wg_ops *self, int64_t first, int64_t n, const uint64_t *bits,
                    const int64_t *rank, const float *value, float *dst)
{
    LAUNCH(overlay, blocks(first, n), 1, WG_CUDA_THREADS, &first, &n, &bits, &rank, &value, &dst);
}

static void gather_some(const wg_ops *self, int m, const wg_gather *list)
{
    wg_cuda_gathers a = {.m = m};

    for (int k = 0; k < m; k++) {
        const wg_gather *g = &list[k];
        a.bits[k] = (const unsigned long long *)g->bits;
        a.rank[k] = (const long long *)g->rank;
        a.src[k] = g->src;
        a.value[k] = g->value;
        a.first[k] = g->first;
        a.n[k] = g->n;
        a.before[k + 1] = a.before[k] + blocks(g->first, g->n);
    }
    LAUNCH(gather, a.before[m], 1, WG_CUDA_THREADS, &a);
}

static void gather(const wg_ops *self, int m, const wg_gather *list)
{
    for (int k = 0; k < m; k += WG_CUDA_GATHERS)
        gather_some(self, m - k < WG_CUDA_GATHERS ? m - k : WG_CUDA_GATHERS, list + k);
}

static wg_cuda_step step_of(const wg_adamw_step *s)
{
    return (wg_cuda_step){s->scale,
                          s->beta1,
                          s->beta2,
                          s->one_minus_beta1,
                          s->one_minus_beta2,
                          s->decay_factor,
                          s->rate,
                          s->bias_correction2,
                          s->epsilon,
                          s->bound,
                          s->root_correction2};
}

static void adamw(const wg_ops *self, const wg_adamw_step *step, int64_t n, const float *gradient,
                  float *m, float *v, float *value)
{
    const wg_cuda_step s = step_of(step);

    LAUNCH_EACH(adamw, n, &s, &n, &gradient, &m, &v, &value);
}

static void adamw_bf16(const wg_ops *self, const wg_adamw_step *step, uint32_t seed, int64_t n,
                       const float *gradient, uint16_t *m, uint16_t *v, float *value)
{
    const wg_cuda_step s = step_of(step);

    LAUNCH_EACH(adamw_bf16, n, &s, &seed, &n, &gradient, &m, &v, &value);
}

static void adamw_in_bf16(const wg_ops *self, const wg_adamw_step *step, int64_t n,
                          const float *gradient, uint16_t *m, uint16_t *v, uint16_t *value)
{
    const wg_cuda_step s = step_of(step);

    LAUNCH_EACH(adamw_in_bf16, n, &s, &n, &gradient, &m, &v, &value);
}

static void narrow(const wg_ops *self, bool random, uint32_t seed, int64_t n, const float *x,
                   uint16_t *to)
{
    const int chance = random;

    LAUNCH_EACH(narrow, n, &chance, &seed, &n, &x, &to);
}

static void update(const wg_ops *self, wg_rule rule, const wg_adamw_step *step, bool bf16,
                   uint32_t seed, int64_t n, const float *gradient, void *m, const float *v,
                   float *value)
{
    const wg_cuda_step s = step_of(step);
    const int which = (int)rule, half = bf16;

    LAUNCH_EACH(update, n, &which, &s, &half, &seed, &n, &gradient, &m, &v, &value);
}

static void square_average(const wg_ops *self, int64_t n, float decay, float rest, const float *x,
                           float *v)
{
    LAUNCH_EACH(square_average, n, &n, &decay, &rest, &x, &v);
}

void wg_cuda_selected_ops(wg_ops *ops)
{
    ops->fill_panels = fill_panels;
    ops->overlay = overlay;
    ops->gather = gather;
    ops->adamw = adamw;
    ops->adamw_bf16 = adamw_bf16;
    ops->adamw_in_bf16 = adamw_in_bf16;
    ops->narrow = narrow;
    ops->update = update;
    ops->square_average = square_average;
}
