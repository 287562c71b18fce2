/* ops.h - the operations that touch tensor data; a back end is one table of them.
 *
 * Matrices are row-major and dense unless a leading dimension (ld) is given. N tokens, D model,
 * F feed-forward, V vocabulary, H heads, K key/value heads, h head size. ref/ is the
 * specification in plain C, in float or (WG_REAL_DOUBLE, for the gradient check) in double;
 * cpu/ is OpenMP and vector instructions. Neither depends on the number of threads: work is cut
 * into blocks of fixed size and sums run in a fixed order. */
#ifndef WG_OPS_OPS_H
#define WG_OPS_OPS_H

#include "tensor/tensor.h"

#ifdef WG_REAL_DOUBLE
typedef double wg_real;
#else
typedef float wg_real;
#endif

/* Sequences packed one after the other, and how their heads are laid out.
 * Query head i reads key/value head i / (H/K). */
typedef struct wg_attention {
    int64_t S;                 /* sequences */
    const int64_t *start;      /* [S+1] first token of each; start[S] = N */
    const int64_t *prefix_len; /* [S] first tokens whose out is not wanted (forward); NULL: 0 */
    int64_t H, K, h;
    wg_real scale;
    int64_t window; /* a query sees so many keys, its own the last; 0: all before it */
    wg_real cap;    /* score becomes cap*tanh(score/cap); 0: it stays (Gemma 2, arXiv 2408.00118) */
} wg_attention;

/* The function between the products of a feed-forward layer. */
typedef enum wg_activation {
    WG_SILU,
    WG_GELU,      /* x Phi(x) (Hendrycks & Gimpel 2016, arXiv 1606.08415) */
    WG_GELU_TANH, /* its approximation by tanh */
    WG_RELU
} wg_activation;

/* One query row a sequence against its cache. */
typedef struct wg_decode_attention {
    int64_t B, H, K, h;
    const int64_t *length;     /* [B] cached positions, the new one included */
    const wg_real *const *key; /* [B] each [length, K*h] */
    const wg_real *const *value;
    wg_real scale;
    int64_t window; /* as above */
    wg_real cap;
} wg_decode_attention;

/* One update of AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101), bias corrections worked in:
 *   g = scale*gradient;  m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2
 *   value = decay_factor*value - rate*m / (sqrt(bias_correction2*v) + epsilon) */
typedef struct wg_adamw_step {
    float scale, beta1, beta2, one_minus_beta1, one_minus_beta2, decay_factor, rate,
        bias_correction2, epsilon, bound;
} wg_adamw_step;

/* A matrix that is multiplied by few rows, and where the result goes. */
typedef struct wg_matvec {
    wg_dtype type;
    const void *W; /* [O,I], perhaps unaligned */
    int64_t O;
    wg_real *y; /* [n,O] */
} wg_matvec;

/* One update of the other optimizers. g = scale*gradient
 *   SGD       m = beta1*m + g;  value = decay_factor*value - rate*m
 *   Lion      (Chen et al. 2023, arXiv 2302.06675) value = decay_factor*value - rate*sign(beta1*m +
 * one_minus_beta1*g); m = beta2*m + one_minus_beta2*g Sophia    (Liu et al. 2023, arXiv 2305.14342)
 * m = beta1*m + one_minus_beta1*g; value = decay_factor*value - rate*clamp(m / max(bound*v,
 * epsilon), -1, 1) */
typedef enum wg_rule { WG_RULE_SGD, WG_RULE_LION, WG_RULE_SOPHIA } wg_rule;

typedef struct wg_ops {
    const char *name;
    void (*set_threads)(int n); /* 0: as many as there are */

    /* C [M,N] = op(A) op(B), added to C if add; op(A) [M,K] is A, or A^T where A is [K,M]. */
    void (*gemm)(bool transpose_a, bool transpose_b, int64_t M, int64_t N, int64_t K,
                 const wg_real *A, int64_t lda, const wg_real *B, int64_t ldb, bool add, wg_real *C,
                 int64_t ldc);
    /* Of each of `m` matrices: y [n,O] = x [n,I] W^T (+ y), W [O,I] as stored: for few rows n. */
    void (*matvec)(int m, const wg_matvec *list, int64_t n, int64_t I, const wg_real *x, bool add);
    /* dst [n] = src [n] of a stored type. */
    void (*widen)(wg_dtype type, const void *src, int64_t n, wg_real *dst);
    /* dst[i] = value of the next selected weight, for each bit i set; rank[j] = bits set before
     * element j*WG_OVERLAY_BLOCK. */
    void (*overlay)(int64_t n, const uint64_t *bits, const int64_t *rank, const wg_real *value,
                    wg_real *dst);
    /* The inverse: values of the selected elements of src [n], one after the other. */
    void (*gather)(int64_t n, const uint64_t *bits, const int64_t *rank, const wg_real *src,
                   float *value);
    double (*dot)(int64_t n, const float *x, const float *y); /* the same bits with any threads */
    void (*adamw)(const wg_adamw_step *step, int64_t n, const float *gradient, float *m, float *v,
                  float *value);
    /* The same with moments stored as bf16, rounded at random so that their mean is right: the
     * bits that round element i are a hash of (seed, i). */
    void (*adamw_bf16)(const wg_adamw_step *step, uint32_t seed, int64_t n, const float *gradient,
                       uint16_t *m, uint16_t *v, float *value);
    /* The same for the other rules; `bf16` as adamw_bf16. v NULL where the rule has none. */
    void (*update)(wg_rule rule, const wg_adamw_step *step, bool bf16, uint32_t seed, int64_t n,
                   const float *gradient, void *m, const float *v, float *value);
    /* v [n] = decay*v + rest*x^2, the curvature that Sophia divides by. */
    void (*square_average)(int64_t n, float decay, float rest, const float *x, float *v);

    /* Normalisation of rows: RMS (Zhang & Sennrich 2019, arXiv 1910.07467) where mean is NULL, else
     * layer normalisation (Ba et al. 2016, arXiv 1607.06450).
     *   y[n,d] = (x[n,d] - mean[n]) * rstd[n] * weight[d] + bias[d]
     *   rstd[n] = 1/sqrt(mean_d (x - mean)^2 + eps)
     * bias may be NULL. mean, rstd [N] are kept for the backward pass; dx [N,D] and dweight [D] are
     * added to; the bias has bias_backward. */
    void (*norm_forward)(int64_t N, int64_t D, wg_real eps, const wg_real *x, const wg_real *weight,
                         const wg_real *bias, wg_real *y, wg_real *mean, wg_real *rstd);
    void (*norm_backward)(int64_t N, int64_t D, const wg_real *x, const wg_real *weight,
                          const wg_real *mean, const wg_real *rstd, const wg_real *dy, wg_real *dx);
    void (*norm_weight)(int64_t N, int64_t D, const wg_real *x, const wg_real *mean,
                        const wg_real *rstd, const wg_real *dy, wg_real *dweight);
    /* y [N,O] += bias [O]; dbias [O] += sum of the rows of dy [N,O]. Row stride ld. */
    void (*bias_forward)(int64_t N, int64_t O, const wg_real *bias, wg_real *y, int64_t ld);
    void (*bias_backward)(int64_t N, int64_t O, const wg_real *dy, int64_t ld, wg_real *dbias);
    /* y [N,O] = cap*tanh(y/cap) */
    void (*softcap)(int64_t N, int64_t O, wg_real cap, wg_real *y, int64_t ld);

    /* Rotary positions in halves (Su et al. 2021, arXiv 2104.09864; GPT-NeoX layout): the pair
     * (i, i + r/2) of the first r of each head of x [N, heads*h] turns by position*frequency[i].
     * cosine, sine [positions, r/2]; direction +1 forward, -1 backward (the transpose). */
    void (*rope)(int64_t N, int64_t heads, int64_t h, int64_t r, const int32_t *position,
                 const wg_real *cosine, const wg_real *sine, int direction, wg_real *x);

    /* Causal attention by blocks with online softmax (Dao et al. 2022, arXiv 2205.14135).
     * q, out [N,H*h]; k, v [N,K*h]; lse [N,H] = log-sum-exp of each row's scores.
     * Backward writes dq, dk, dv. */
    void (*attention_forward)(const wg_attention *a, const wg_real *q, const wg_real *k,
                              const wg_real *v, wg_real *out, wg_real *lse);
    void (*attention_backward)(const wg_attention *a, const wg_real *q, const wg_real *k,
                               const wg_real *v, const wg_real *out, const wg_real *lse,
                               const wg_real *dout, wg_real *dq, wg_real *dk, wg_real *dv);
    void (*attention_decode)(const wg_decode_attention *a, const wg_real *q, wg_real *out);

    /* out = act(gate) * up, all [n] (Shazeer 2020, arXiv 2002.05202); up NULL: act(gate). */
    void (*glu_forward)(wg_activation act, int64_t n, const wg_real *gate, const wg_real *up,
                        wg_real *out);
    void (*glu_backward)(wg_activation act, int64_t n, const wg_real *gate, const wg_real *up,
                         const wg_real *dout, wg_real *dgate, wg_real *dup);

    /* dtable[ids[n],:] += dx[n,:]; dx [N,D], dtable [V,D]. */
    void (*embed_backward)(int64_t N, int64_t D, const int32_t *ids, const wg_real *dx,
                           wg_real *dtable);

    /* Cross-entropy over the vocabulary, a chunk [first, first+n) at a time. logits [M,n] with
     * row stride ld; target [M]. Forward keeps a running maximum and sum of exp(logit - maximum)
     * (start with -INFINITY and 0) and picks the target's logit when it passes.
     * Backward replaces logits by weight[m] * (softmax - [target]); where they went through softcap
     * (cap above 0), by the gradient of what they were before. */
    void (*xent_forward)(int64_t M, int64_t first, int64_t n, const wg_real *logits, int64_t ld,
                         const int32_t *target, wg_real *maximum, wg_real *sum, wg_real *picked);
    void (*xent_backward)(int64_t M, int64_t first, int64_t n, wg_real *logits, int64_t ld,
                          const int32_t *target, const wg_real *lse, const wg_real *weight,
                          wg_real cap);

    /* Targets that are distributions over the vocabulary, a chunk of n columns at a time.
     * x [M,n] (row stride ld) = scale[m] * exp(x - lse[m]) */
    void (*softmax)(int64_t M, int64_t n, const wg_real *lse, const wg_real *scale, wg_real *x,
                    int64_t ld);
    /* sum[m] += sum over v of a[m,v]*b[m,v] */
    void (*dot_rows)(int64_t M, int64_t n, const wg_real *a, int64_t lda, const wg_real *b,
                     int64_t ldb, double *sum);
    /* The largest logit of a token that is not the target, and which token; start with -INFINITY.
     */
    void (*runner_up)(int64_t M, int64_t first, int64_t n, const wg_real *logits, int64_t ld,
                      const int32_t *target, wg_real *most, int32_t *which);
    /* logits = weight[m]*exp(logits - lse[m]) - q[m,v], q [M,n]; through softcap as above. */
    void (*xent_soft_backward)(int64_t M, int64_t n, wg_real *logits, int64_t ld, const wg_real *q,
                               const wg_real *lse, const wg_real *weight, wg_real cap);

    /* Of S sequences, rows [start[s], start[s+1]) of dy [.,O] (stride ldy) and x [.,I] (ldx): the
     * sum over s of g_s = dy_s^T x_s, and of g_s squared element by element; both [O,I], added to
     * if `add`. A g_s of its own is never held whole. sum may be NULL. */
    void (*gemm_squares)(int64_t S, const int64_t *start, int64_t O, int64_t I, const wg_real *dy,
                         int64_t ldy, const wg_real *x, int64_t ldx, bool add, wg_real *sum,
                         wg_real *square);
} wg_ops;

enum { WG_OVERLAY_BLOCK = 4096 };

extern const wg_ops wg_ops_ref;
#ifndef WG_REAL_DOUBLE
extern const wg_ops wg_ops_cpu;
#endif

/* The back end of this build: cpu, or ref where reals are double. */
const wg_ops *wg_ops_default(void);

#endif
