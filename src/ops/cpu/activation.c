/* activation.c - what lies between the products of a feed-forward layer, gated or not. */
#include "ops/cpu/cpu.h"

#include <math.h>

static const float root_half = 0.70710678f, root_two_over_pi = 0.79788456f;

static inline float sigmoid(float x)
{
    return 1.0f / (1.0f + wg_exp(-x));
}

/* tanh(u) = 2 sigmoid(2u) - 1, so that x (1 + tanh(u)) / 2 = x sigmoid(2u). */
static inline float twice_inner(float x)
{
    return 2.0f * root_two_over_pi * (x + 0.044715f * x * x * x);
}

static inline float half_normal(float x)
{
    return 0.5f * erfcf(-x * root_half);
}

static inline float silu_value(float x)
{
    return x / (1.0f + wg_exp(-x));
}

static inline float silu_slope(float x)
{
    const float s = sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
}

static inline float gelu_value(float x)
{
    return x * half_normal(x);
}

static inline float gelu_slope(float x)
{
    return half_normal(x) + x * 0.5f * root_two_over_pi * wg_exp(-0.5f * x * x);
}

static inline float gelu_tanh_value(float x)
{
    return x * sigmoid(twice_inner(x));
}

static inline float gelu_tanh_slope(float x)
{
    const float s = sigmoid(twice_inner(x));
    return s + x * s * (1.0f - s) * 2.0f * root_two_over_pi * (1.0f + 3 * 0.044715f * x * x);
}

static inline float relu_value(float x)
{
    return x > 0 ? x : 0;
}

static inline float relu_slope(float x)
{
    return x > 0 ? 1.0f : 0.0f;
}

#define KIND(name)                                                                                 \
    WG_CLONES static void name##_forward(int64_t n, const float *gate, const float *up,            \
                                         float *out)                                               \
    {                                                                                              \
        for (int64_t i = 0; up != NULL && i < n; i++)                                              \
            out[i] = name##_value(gate[i]) * up[i];                                                \
        for (int64_t i = 0; up == NULL && i < n; i++)                                              \
            out[i] = name##_value(gate[i]);                                                        \
    }                                                                                              \
    WG_CLONES static void name##_backward(int64_t n, const float *gate, const float *up,           \
                                          const float *dout, float *dgate, float *dup)             \
    {                                                                                              \
        for (int64_t i = 0; up != NULL && i < n; i++) {                                            \
            const float value = name##_value(gate[i]);                                             \
            dgate[i] = dout[i] * up[i] * name##_slope(gate[i]);                                    \
            dup[i] = dout[i] * value;                                                              \
        }                                                                                          \
        for (int64_t i = 0; up == NULL && i < n; i++)                                              \
            dgate[i] = dout[i] * name##_slope(gate[i]);                                            \
    }
KIND(silu)
KIND(gelu)
KIND(gelu_tanh)
KIND(relu)

static const struct {
    void (*forward)(int64_t n, const float *gate, const float *up, float *out);
    void (*backward)(int64_t n, const float *gate, const float *up, const float *dout, float *dgate,
                     float *dup);
} kinds[] = {[WG_SILU] = {silu_forward, silu_backward},
             [WG_GELU] = {gelu_forward, gelu_backward},
             [WG_GELU_TANH] = {gelu_tanh_forward, gelu_tanh_backward},
             [WG_RELU] = {relu_forward, relu_backward}};

static const float *at(const float *x, int64_t from)
{
    return x != NULL ? x + from : NULL;
}

typedef struct glu_task {
    wg_activation act;
    const float *gate, *up, *dout;
    float *out, *dgate, *dup;
} glu_task;

static void forward_block(const void *task, int64_t from, int64_t to)
{
    const glu_task *t = task;

    kinds[t->act].forward(to - from, t->gate + from, at(t->up, from), t->out + from);
}

void wg_cpu_glu_forward(WG_SELF, wg_activation act, int64_t n, const float *gate, const float *up,
                        float *out)
{
    const glu_task task = {.act = act, .gate = gate, .up = up, .out = out};

    wg_parallel(self->pool, n, wg_grain(2), forward_block, &task);
}

static void backward_block(const void *task, int64_t from, int64_t to)
{
    const glu_task *t = task;

    kinds[t->act].backward(to - from, t->gate + from, at(t->up, from), t->dout + from,
                           t->dgate + from, t->dup != NULL ? t->dup + from : NULL);
}

void wg_cpu_glu_backward(WG_SELF, wg_activation act, int64_t n, const float *gate, const float *up,
                         const float *dout, float *dgate, float *dup)
{
    const glu_task task = {
        .act = act, .gate = gate, .up = up, .dout = dout, .dgate = dgate, .dup = dup};

    wg_parallel(self->pool, n, wg_grain(2), backward_block, &task);
}
