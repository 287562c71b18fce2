/* ref.c - the specification of the operations: plain loops, sums in double. */
#include "ops/host/host.h"

#include "base/number.h"
#include <math.h>

/* Element (row, column) of a factor, as the back end's products read it. */
static double factor_at(const wg_ops *self, const wg_operand *x, int64_t row, int64_t column)
{
    const int64_t i = x->transposed ? column * x->ld + row : row * x->ld + column;

    if (x->type == WG_BF16)
        return (double)wg_bf16_float(((const uint16_t *)x->data)[i]);
    const wg_real real = ((const wg_real *)x->data)[i];
    return self->panel_type == WG_BF16 ? (double)wg_bf16_float(wg_float_bf16((float)real))
                                       : (double)real;
}

static void gemm(WG_SELF, int64_t M, int64_t N, int64_t K, wg_operand A, wg_operand B, bool add,
                 wg_real *C, int64_t ldc)
{
    for (int64_t m = 0; m < M; m++)
        for (int64_t n = 0; n < N; n++) {
            double sum = 0;
            for (int64_t k = 0; k < K; k++)
                sum += factor_at(self, &A, m, k) * factor_at(self, &B, k, n);
            const double old = add ? (double)C[m * ldc + n] : 0;
            C[m * ldc + n] = (wg_real)(sum + old);
        }
}

static void pack_rows(const wg_pack *p, wg_operand *out)
{
    uint16_t *to = p->room;

    *out = (wg_operand){WG_BF16, to, wg_packed_ld(p->width), false};
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t i = 0; i < out->ld; i++)
            *to++ = i < p->width ? wg_float_bf16((float)p->x[r * p->ld + i]) : 0;
}

static void pack(WG_SELF, int m, const wg_pack *list, wg_operand *out)
{
    for (int i = 0; i < m; i++)
        if (self->panel_type == WG_BF16)
            pack_rows(&list[i], &out[i]);
        else
            out[i] = wg_matrix(list[i].x, list[i].ld);
}

static void widen(WG_SELF, wg_dtype type, const void *src, int64_t n, wg_real *dst)
{
    const size_t size = wg_dtype_size(type);
    float x;

    for (int64_t i = 0; i < n; i++) {
        wg_to_float(type, (const char *)src + (size_t)i * size, 1, &x);
        dst[i] = (wg_real)x;
    }
}

static double weight_of(const wg_matvec *k, int64_t I, int64_t o, int64_t i)
{
    const char *W = k->W;
    float w;

    if (k->type == WG_Q8) {
        const float *scales = (const float *)(const void *)(W + wg_q8_scales(k->O, I));
        return (double)((const int8_t *)W)[o * I + i] *
               (double)scales[o * wg_q8_blocks(I) + i / WG_Q8_BLOCK];
    }
    wg_to_float(k->type, W + (size_t)(o * I + i) * wg_dtype_size(k->type), 1, &w);
    return (double)w;
}

static void matvec_one(const wg_matvec *k, int64_t n, int64_t I, const wg_real *x, bool add)
{
    for (int64_t t = 0; t < n; t++)
        for (int64_t o = 0; o < k->O; o++) {
            double sum = add ? (double)k->y[t * k->O + o] : 0;
            for (int64_t i = 0; i < I; i++)
                sum += weight_of(k, I, o, i) * (double)x[t * I + i];
            k->y[t * k->O + o] = (wg_real)sum;
        }
}

static void matvec(WG_SELF, int m, const wg_matvec *list, int64_t n, int64_t I, const wg_real *x,
                   bool add)
{
    for (int k = 0; k < m; k++)
        matvec_one(&list[k], n, I, x, add);
}

static void overlay(WG_SELF, int64_t first, int64_t n, const uint64_t *bits, const int64_t *rank,
                    const wg_real *value, wg_real *dst)
{
    value += wg_selected_before(first, bits, rank);
    for (int64_t i = first; i < first + n; i++)
        if (bits[i >> 6] >> (i & 63) & 1)
            dst[i - first] = *value++;
}

static void gather(WG_SELF, int m, const wg_gather *list)
{
    for (const wg_gather *g = list; g < list + m; g++) {
        float *value = g->value + wg_selected_before(g->first, g->bits, g->rank);
        for (int64_t i = g->first; i < g->first + g->n; i++)
            if (g->bits[i >> 6] >> (i & 63) & 1)
                *value++ = (float)g->src[i - g->first];
    }
}

static void long_dot(WG_SELF, int64_t n, const float *x, const float *y, double *out)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    *out = sum;
}

static void adamw(WG_SELF, const wg_adamw_step *s, int64_t n, const float *gradient, float *m,
                  float *v, float *value)
{
    for (int64_t i = 0; i < n; i++) {
        const double g = (double)gradient[i] * (double)s->scale;
        const double first = (double)s->beta1 * (double)m[i] + (double)s->one_minus_beta1 * g;
        const double second = (double)s->beta2 * (double)v[i] + (double)s->one_minus_beta2 * g * g;
        m[i] = (float)first;
        v[i] = (float)second;
        value[i] = (float)((double)value[i] * (double)s->decay_factor -
                           (double)s->rate * first /
                               (sqrt(second * (double)s->bias_correction2) + (double)s->epsilon));
    }
}

static void adamw_bf16(WG_SELF, const wg_adamw_step *s, uint32_t seed, int64_t n,
                       const float *gradient, uint16_t *m, uint16_t *v, float *value)
{
    for (int64_t i = 0; i < n; i++) {
        const uint32_t chance = wg_mix(seed, (uint32_t)i);
        float first = wg_bf16_float(m[i]), second = wg_bf16_float(v[i]);
        adamw(self, s, 1, gradient + i, &first, &second, value + i);
        m[i] = wg_float_bf16_random(first, chance);
        v[i] = wg_float_bf16_random(second, chance >> 16);
    }
}

static float rounded(float x)
{
    return wg_bf16_float(wg_float_bf16(x));
}

/* The two fused operations are those of PyTorch's lerp and addcmul. */
static void adamw_in_bf16(WG_SELF, const wg_adamw_step *s, int64_t n, const float *gradient,
                          uint16_t *m, uint16_t *v, uint16_t *value)
{
    for (int64_t i = 0; i < n; i++) {
        const float g = rounded(rounded(gradient[i]) * s->scale), old = wg_bf16_float(m[i]);
        const float one = rounded(fmaf(s->one_minus_beta1, g - old, old));
        const float kept = rounded(s->beta2 * wg_bf16_float(v[i]));
        const float two = rounded(fmaf(s->one_minus_beta2 * g, g, kept));
        const float root = rounded(rounded(sqrtf(two)) / s->root_correction2);
        const float theta = rounded(wg_bf16_float(value[i]) * s->decay_factor);
        m[i] = wg_float_bf16(one);
        v[i] = wg_float_bf16(two);
        value[i] = wg_float_bf16(theta - s->rate * one / rounded(root + s->epsilon));
    }
}

static void narrow(WG_SELF, bool random, uint32_t seed, int64_t n, const float *x, uint16_t *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] =
            random ? wg_float_bf16_random(x[i], wg_mix(seed, (uint32_t)i)) : wg_float_bf16(x[i]);
}

static float stepped(wg_rule rule, const wg_adamw_step *s, float g, float *m, float v, float value)
{
    float move = 0;

    if (rule == WG_RULE_LION) {
        const float blend = s->beta1 * *m + s->one_minus_beta1 * g;
        move = (float)((blend > 0) - (blend < 0));
        *m = s->beta2 * *m + s->one_minus_beta2 * g;
    } else if (rule == WG_RULE_SGD) {
        move = *m = s->beta1 * *m + g;
    } else {
        *m = s->beta1 * *m + s->one_minus_beta1 * g;
        move = fminf(fmaxf(*m / fmaxf(s->bound * v, s->epsilon), -1), 1);
    }
    return value * s->decay_factor - s->rate * move;
}

static void update(WG_SELF, wg_rule rule, const wg_adamw_step *s, bool bf16, uint32_t seed,
                   int64_t n, const float *gradient, void *m, const float *v, float *value)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t *half = (uint16_t *)m + i;
        float moment = bf16 ? wg_bf16_float(*half) : ((float *)m)[i];
        value[i] =
            stepped(rule, s, gradient[i] * s->scale, &moment, v != NULL ? v[i] : 0, value[i]);
        if (bf16)
            *half = wg_float_bf16_random(moment, wg_mix(seed, (uint32_t)i));
        else
            ((float *)m)[i] = moment;
    }
}

static void square_average(WG_SELF, int64_t n, float decay, float rest, const float *x, float *v)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = decay * v[i] + rest * x[i] * x[i];
}

static void norm_forward(WG_SELF, int64_t N, int64_t D, wg_real eps, const wg_real *x,
                         const wg_real *weight, const wg_real *bias, wg_real *y, wg_real *mean,
                         wg_real *rstd)
{
    for (int64_t n = 0; n < N; n++, x += D, y += D) {
        double sum = 0, square = 0;
        for (int64_t d = 0; mean != NULL && d < D; d++)
            sum += (double)x[d];
        const double middle = sum / (double)D;
        for (int64_t d = 0; d < D; d++)
            square += ((double)x[d] - middle) * ((double)x[d] - middle);
        rstd[n] = (wg_real)(1 / sqrt(square / (double)D + (double)eps));
        if (mean != NULL)
            mean[n] = (wg_real)middle;
        for (int64_t d = 0; d < D; d++)
            y[d] = (wg_real)(((double)x[d] - middle) * (double)rstd[n] * (double)weight[d] +
                             (bias != NULL ? (double)bias[d] : 0));
    }
}

static void norm_backward(WG_SELF, int64_t N, int64_t D, const wg_real *x, const wg_real *weight,
                          const wg_real *mean, const wg_real *rstd, const wg_real *dy, wg_real *dx)
{
    for (int64_t n = 0; n < N; n++, x += D, dy += D, dx += D) {
        const double middle = mean != NULL ? (double)mean[n] : 0, r = (double)rstd[n];
        double dot = 0, sum = 0;
        for (int64_t d = 0; d < D; d++) {
            dot += (double)dy[d] * (double)weight[d] * ((double)x[d] - middle);
            sum += (double)dy[d] * (double)weight[d];
        }
        const double pull = dot * r * r / (double)D, push = mean != NULL ? sum / (double)D : 0;
        for (int64_t d = 0; d < D; d++)
            dx[d] += (wg_real)(r * ((double)dy[d] * (double)weight[d] - push -
                                    ((double)x[d] - middle) * pull));
    }
}

static void norm_weight(WG_SELF, int64_t N, int64_t D, const wg_real *x, const wg_real *mean,
                        const wg_real *rstd, const wg_real *dy, wg_real *dweight)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t d = 0; d < D; d++)
            dweight[d] += dy[n * D + d] * (x[n * D + d] - (mean != NULL ? mean[n] : 0)) * rstd[n];
}

static void bias_forward(WG_SELF, int64_t N, int64_t O, const wg_real *bias, wg_real *y, int64_t ld)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t o = 0; o < O; o++)
            y[n * ld + o] += bias[o];
}

static void bias_backward(WG_SELF, int64_t N, int64_t O, const wg_real *dy, int64_t ld,
                          wg_real *dbias)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t o = 0; o < O; o++)
            dbias[o] += dy[n * ld + o];
}

static void softcap(WG_SELF, int64_t N, int64_t O, wg_real cap, wg_real *y, int64_t ld)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t o = 0; o < O; o++)
            y[n * ld + o] = (wg_real)((double)cap * tanh((double)y[n * ld + o] / (double)cap));
}

static void clip(WG_SELF, int64_t n, wg_real most, wg_real *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] > most ? most : x[i] < -most ? -most : x[i];
}

static void clip_backward(WG_SELF, int64_t n, wg_real most, const wg_real *x, wg_real *dx)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] = x[i] >= most || x[i] <= -most ? 0 : dx[i];
}

static void turn(int64_t N, int64_t heads, int64_t h, int64_t r, bool neighbours,
                 const int32_t *position, const wg_real *cosine, const wg_real *sine, int direction,
                 wg_real *x)
{
    const int64_t step = neighbours ? 2 : 1, apart = neighbours ? 1 : r / 2;

    for (int64_t n = 0; n < N; n++)
        for (int64_t head = 0; head < heads; head++, x += h)
            for (int64_t i = 0; i < r / 2; i++) {
                const wg_real c = cosine[position[n] * (r / 2) + i];
                const wg_real s = (wg_real)direction * sine[position[n] * (r / 2) + i];
                const wg_real a = x[step * i], b = x[step * i + apart];
                x[step * i] = a * c - b * s;
                x[step * i + apart] = b * c + a * s;
            }
}

static void rope(WG_SELF, int64_t N, int64_t H, int64_t K, int64_t h, int64_t r, bool neighbours,
                 const int32_t *position, const wg_real *cosine, const wg_real *sine, int direction,
                 wg_real *q, wg_real *k)
{
    turn(N, H, h, r, neighbours, position, cosine, sine, direction, q);
    turn(N, K, h, r, neighbours, position, cosine, sine, direction, k);
}

static double dot(const wg_real *x, const wg_real *y, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

static double score(double scale, double cap, const wg_real *q, const wg_real *k, int64_t h)
{
    const double s = scale * dot(q, k, h);

    return cap > 0 ? cap * tanh(s / cap) : s;
}

/* out [h] = softmax of the scores over rows [from,T) of stride ld, times the values there; returns
 * the log-sum-exp. */
static double attend(int64_t from, int64_t T, int64_t h, int64_t ld, double scale, double cap,
                     const wg_real *q, const wg_real *k, const wg_real *v, wg_real *out)
{
    double most = -INFINITY, sum = 0;

    for (int64_t t = from; t < T; t++)
        most = fmax(most, score(scale, cap, q, k + t * ld, h));
    for (int64_t t = from; t < T; t++)
        sum += exp(score(scale, cap, q, k + t * ld, h) - most);
    for (int64_t i = 0; i < h; i++) {
        double mixed = 0;
        for (int64_t t = from; t < T; t++)
            mixed += exp(score(scale, cap, q, k + t * ld, h) - most) / sum * (double)v[t * ld + i];
        out[i] = (wg_real)mixed;
    }
    return most + log(sum);
}

static void attention_forward(WG_SELF, const wg_attention *a, const wg_real *q, const wg_real *k,
                              const wg_real *v, wg_real *out, wg_real *lse)
{
    const int64_t Q = a->H * a->h, P = a->K * a->h, group = a->H / a->K;

    for (int64_t s = 0; s < a->S; s++) {
        const int64_t first = a->start[s] - a->start[0], end = a->start[s + 1] - a->start[0];
        for (int64_t n = first + (a->prefix_len != NULL ? a->prefix_len[s] : 0); n < end; n++)
            for (int64_t i = 0; i < a->H; i++) {
                const int64_t at = first * P + i / group * a->h, T = n + 1 - first;
                lse[n * a->H + i] = (wg_real)attend(
                    wg_first_key(T - 1, a->window, a->chunked), T, a->h, P, (double)a->scale,
                    (double)a->cap, q + n * Q + i * a->h, k + at, v + at, out + n * Q + i * a->h);
            }
    }
}

/* The gradient of one query row n of head i that sees the keys from row `first` on. */
static void attention_row_backward(const wg_attention *a, int64_t first, int64_t n, int64_t i,
                                   const wg_real *q, const wg_real *k, const wg_real *v,
                                   const wg_real *out, wg_real lse, const wg_real *dout,
                                   wg_real *dq, wg_real *dk, wg_real *dv)
{
    const int64_t P = a->K * a->h, head = i / (a->H / a->K) * a->h;
    const int64_t row = (n * a->H + i) * a->h;
    const double mean = dot(dout + row, out + row, a->h), cap = (double)a->cap;

    for (int64_t t = first; t <= n; t++) {
        const int64_t at = t * P + head;
        const double x = score((double)a->scale, cap, q + row, k + at, a->h);
        const double p = exp(x - (double)lse), slope = cap > 0 ? 1 - x * x / (cap * cap) : 1;
        const double ds = (double)a->scale * slope * p * (dot(dout + row, v + at, a->h) - mean);
        for (int64_t d = 0; d < a->h; d++) {
            dq[row + d] += (wg_real)(ds * (double)k[at + d]);
            dk[at + d] += (wg_real)(ds * (double)q[row + d]);
            dv[at + d] += (wg_real)(p * (double)dout[row + d]);
        }
    }
}

static void attention_backward(WG_SELF, const wg_attention *a, const wg_real *q, const wg_real *k,
                               const wg_real *v, const wg_real *out, const wg_real *lse,
                               const wg_real *dout, wg_real *dq, wg_real *dk, wg_real *dv)
{
    const int64_t N = a->N;

    for (int64_t i = 0; i < N * a->H * a->h; i++)
        dq[i] = 0;
    for (int64_t i = 0; i < N * a->K * a->h; i++)
        dk[i] = dv[i] = 0;
    for (int64_t s = 0; s < a->S; s++) {
        const int64_t first = a->start[s] - a->start[0], end = a->start[s + 1] - a->start[0];
        for (int64_t n = first; n < end; n++)
            for (int64_t i = 0; i < a->H; i++)
                attention_row_backward(a, first + wg_first_key(n - first, a->window, a->chunked), n,
                                       i, q, k, v, out, lse[n * a->H + i], dout, dq, dk, dv);
    }
}

static void attention_decode(WG_SELF, const wg_decode_attention *a, const wg_real *q, wg_real *out)
{
    const int64_t P = a->K * a->h, group = a->H / a->K;

    for (int64_t b = 0; b < a->B; b++)
        for (int64_t i = 0; i < a->H; i++)
            attend(wg_first_key(a->length[b] - 1, a->window, a->chunked), a->length[b], a->h, P,
                   (double)a->scale, (double)a->cap, q + (b * a->H + i) * a->h,
                   a->key + a->first[b] * P + i / group * a->h,
                   a->value + a->first[b] * P + i / group * a->h, out + (b * a->H + i) * a->h);
}

static const double root_half = 0.70710678118654752, root_two_over_pi = 0.79788456080286536;

/* act(x), and its slope. */
static double activate(wg_activation act, double x, double *slope)
{
    const double s = 1 / (1 + exp(-x)), half = 0.5 * (1 + erf(x * root_half));
    const double t = tanh(root_two_over_pi * (x + 0.044715 * x * x * x));

    switch (act) {
    case WG_GELU:
        *slope = half + x * exp(-0.5 * x * x) * root_two_over_pi * 0.5;
        return x * half;
    case WG_GELU_TANH:
        *slope =
            0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root_two_over_pi * (1 + 3 * 0.044715 * x * x);
        return 0.5 * x * (1 + t);
    case WG_RELU:
        *slope = x > 0 ? 1 : 0;
        return x > 0 ? x : 0;
    case WG_SILU:
        break;
    }
    *slope = s * (1 + x * (1 - s));
    return x * s;
}

static void glu_forward(WG_SELF, wg_activation act, int64_t n, const wg_real *gate,
                        const wg_real *up, wg_real *out)
{
    double slope;

    for (int64_t i = 0; i < n; i++)
        out[i] =
            (wg_real)(activate(act, (double)gate[i], &slope) * (up != NULL ? (double)up[i] : 1));
}

static void glu_backward(WG_SELF, wg_activation act, int64_t n, const wg_real *gate,
                         const wg_real *up, const wg_real *dout, wg_real *dgate, wg_real *dup)
{
    for (int64_t i = 0; i < n; i++) {
        double slope;
        const double value = activate(act, (double)gate[i], &slope), d = (double)dout[i];
        dgate[i] = (wg_real)(d * (up != NULL ? (double)up[i] : 1) * slope);
        if (up != NULL)
            dup[i] = (wg_real)(d * value);
    }
}

static void embed_backward(WG_SELF, int64_t N, int64_t D, const int32_t *ids, const wg_real *dx,
                           wg_real *dtable)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t d = 0; d < D; d++)
            dtable[ids[n] * D + d] += dx[n * D + d];
}

static void xent_forward(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                         int64_t ld, const int32_t *target, wg_real *maximum, wg_real *sum,
                         wg_real *picked)
{
    for (int64_t m = 0; m < M; m++) {
        const wg_real *row = logits + m * ld;
        double most = (double)maximum[m], total;
        for (int64_t v = 0; v < n; v++)
            most = fmax(most, (double)row[v]);
        total = (double)sum[m] * exp((double)maximum[m] - most);
        for (int64_t v = 0; v < n; v++)
            total += exp((double)row[v] - most);
        maximum[m] = (wg_real)most;
        sum[m] = (wg_real)total;
        if (target[m] >= first && target[m] < first + n)
            picked[m] = row[target[m] - first];
    }
}

static void xent_backward(WG_SELF, int64_t M, int64_t first, int64_t n, wg_real *logits, int64_t ld,
                          const int32_t *target, const wg_real *lse, const wg_real *weight,
                          wg_real cap)
{
    for (int64_t m = 0; m < M; m++)
        for (int64_t v = 0; v < n; v++) {
            const double x = (double)logits[m * ld + v], p = exp(x - (double)lse[m]);
            const double slope = cap > 0 ? 1 - x * x / (double)(cap * cap) : 1;
            logits[m * ld + v] =
                (wg_real)(slope * (double)weight[m] * (p - (target[m] == first + v ? 1 : 0)));
        }
}

static void softmax(WG_SELF, int64_t M, int64_t n, const wg_real *lse, const wg_real *scale,
                    wg_real *x, int64_t ld)
{
    for (int64_t m = 0; m < M; m++)
        for (int64_t v = 0; v < n; v++)
            x[m * ld + v] =
                (wg_real)((double)scale[m] * exp((double)x[m * ld + v] - (double)lse[m]));
}

static void dot_rows(WG_SELF, int64_t M, int64_t n, const wg_real *a, int64_t lda, const wg_real *b,
                     int64_t ldb, double *sum)
{
    for (int64_t m = 0; m < M; m++)
        for (int64_t v = 0; v < n; v++)
            sum[m] += (double)a[m * lda + v] * (double)b[m * ldb + v];
}

static void runner_up(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                      int64_t ld, const int32_t *target, wg_real *most, int32_t *which)
{
    for (int64_t m = 0; m < M; m++)
        for (int64_t v = 0; v < n; v++)
            if (first + v != target[m] && logits[m * ld + v] > most[m]) {
                most[m] = logits[m * ld + v];
                which[m] = (int32_t)(first + v);
            }
}

static void xent_soft_backward(WG_SELF, int64_t M, int64_t n, wg_real *logits, int64_t ld,
                               const wg_real *q, const wg_real *lse, const wg_real *weight,
                               wg_real cap)
{
    for (int64_t m = 0; m < M; m++)
        for (int64_t v = 0; v < n; v++) {
            const double x = (double)logits[m * ld + v], p = exp(x - (double)lse[m]);
            const double slope = cap > 0 ? 1 - x * x / (double)(cap * cap) : 1;
            logits[m * ld + v] = (wg_real)(slope * ((double)weight[m] * p - (double)q[m * n + v]));
        }
}

static void gemm_squares(WG_SELF, int64_t S, const int64_t *start, int64_t O, int64_t I,
                         const wg_real *dy, int64_t ldy, const wg_real *x, int64_t ldx, bool add,
                         wg_real *sum, wg_real *square)
{
    for (int64_t o = 0; o < O; o++)
        for (int64_t i = 0; i < I; i++) {
            double total = 0, squares = 0;
            for (int64_t s = 0; s < S; s++) {
                double g = 0;
                for (int64_t t = start[s] - start[0]; t < start[s + 1] - start[0]; t++)
                    g += (double)dy[t * ldy + o] * (double)x[t * ldx + i];
                total += g;
                squares += g * g;
            }
            if (sum != NULL)
                sum[o * I + i] = (wg_real)((add ? (double)sum[o * I + i] : 0) + total);
            square[o * I + i] = (wg_real)((add ? (double)square[o * I + i] : 0) + squares);
        }
}

const wg_ops wg_ops_ref = {
    .name = "ref",
    WG_HOST_OPS,
    .gemm = gemm,
    .pack = pack,
    .matvec = matvec,
    .widen = widen,
    .overlay = overlay,
    .gather = gather,
    .dot = long_dot,
    .adamw = adamw,
    .adamw_bf16 = adamw_bf16,
    .adamw_in_bf16 = adamw_in_bf16,
    .narrow = narrow,
    .update = update,
    .square_average = square_average,
    .norm_forward = norm_forward,
    .norm_backward = norm_backward,
    .norm_weight = norm_weight,
    .bias_forward = bias_forward,
    .bias_backward = bias_backward,
    .softcap = softcap,
    .clip = clip,
    .clip_backward = clip_backward,
    .rope = rope,
    .attention_forward = attention_forward,
    .attention_backward = attention_backward,
    .attention_decode = attention_decode,
    .glu_forward = glu_forward,
    .glu_backward = glu_backward,
    .embed_backward = embed_backward,
    .xent_forward = xent_forward,
    .xent_backward = xent_backward,
    .softmax = softmax,
    .dot_rows = dot_rows,
    .runner_up = runner_up,
    .xent_soft_backward = xent_soft_backward,
    .gemm_squares = gemm_squares,
};
