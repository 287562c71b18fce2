/* ops.h - the operations that touch tensor data; a back end is one table of them.
 *
 * Tensor data lies in memory of the back end (alloc, stored). Code outside src/ops may do
 * arithmetic on such addresses but never read or write through them: that is what the operations
 * are for. Every pointer that an operation takes points to memory of the back end. The exceptions
 * are the host pointers of upload, download and stored, and the small structures that describe a
 * call. An operation that fails is remembered; those after it do nothing, and the next alloc,
 * download or sync returns the failure. A back end may run operations later than they are called,
 * in order; structures that describe a call have been read when it returns, and memory may be freed
 * at any time.
 *
 * Matrices are row-major and dense unless a leading dimension (ld) is given. N tokens, D model,
 * F feed-forward, V vocabulary, H heads, K key/value heads, h head size. ref/ is the
 * specification in plain C, in float or (WG_REAL_DOUBLE, for the gradient check) in double;
 * cpu/ has threads and vector instructions. Neither depends on the number of threads: work is cut
 * into blocks of fixed size and sums run in a fixed order. */
#ifndef WG_OPS_OPS_H
#define WG_OPS_OPS_H

#include "base/file.h"
#include "base/pool.h"
#include "dist/shared.h"
#include "tensor/tensor.h"

#ifdef WG_REAL_DOUBLE
typedef double wg_real;
#else
typedef float wg_real;
#endif

typedef struct wg_ops wg_ops;
/* The first parameter of every operation: the back end that it belongs to. */
#define WG_SELF const wg_ops *self __attribute__((unused))

/* Sequences packed one after the other, and how their heads are laid out. Sequence s has rows
 * [start[s] - start[0], start[s+1] - start[0]) of q, k, v.
 * Query head i reads key/value head i / (H/K). */
typedef struct wg_attention {
    int64_t S, N, longest;     /* sequences, tokens, tokens of the longest */
    const int64_t *start;      /* [S+1] */
    const int64_t *prefix_len; /* [S] first tokens whose out is not wanted (forward); NULL: 0 */
    int64_t H, K, h;
    wg_real scale;
    int64_t window; /* a query sees so many keys, its own the last; 0: all before it */
    bool chunked;   /* sequences are cut every `window` tokens instead; a query sees its piece */
    wg_real cap;    /* score becomes cap*tanh(score/cap); 0: it stays (Gemma 2, arXiv 2408.00118) */
} wg_attention;

/* The first key of its sequence that a query sees. */
static inline int64_t wg_first_key(int64_t query, int64_t window, bool chunked)
{
    if (window > 0 && chunked)
        return query / window * window;
    return window > 0 && query >= window ? query - window + 1 : 0;
}

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
    int64_t longest;            /* of length */
    const int64_t *length;      /* [B] cached positions, the new one included */
    const int64_t *first;       /* [B] row of key and value that holds the first of them */
    const wg_real *key, *value; /* [rows, K*h] of all sequences */
    wg_real scale;
    int64_t window; /* as above */
    bool chunked;
    wg_real cap;
} wg_decode_attention;

/* One update of AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101), bias corrections worked in:
 *   g = scale*gradient;  m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2
 *   value = decay_factor*value - rate*m / (sqrt(bias_correction2*v) + epsilon) */
typedef struct wg_adamw_step {
    float scale, beta1, beta2, one_minus_beta1, one_minus_beta2, decay_factor, rate,
        bias_correction2, epsilon, bound, root_correction2; /* sqrt(1 - beta2^t) */
} wg_adamw_step;

/* A tensor's weights: as they are stored, and over them the selected ones, which live apart from
 * them in float32, or in bf16. */
typedef struct wg_weights {
    wg_dtype type;
    const void *stored;   /* [count], perhaps unaligned; of `stored` below */
    const uint64_t *bits; /* selected weights; NULL with value: every weight is, value [count] */
    const int64_t *rank;  /* selected weights before each block of WG_OVERLAY_BLOCK */
    const wg_real *value; /* NULL: none is selected, or they are in `half` */
    const uint16_t *half; /* their values as bf16, in place of `value`; or NULL */
} wg_weights;

/* Weights to be laid into a panel. */
typedef struct wg_panel {
    wg_weights weights;
    int64_t first, n; /* weights [first, first+n) */
    wg_dtype type;    /* of `to`: WG_F32, which stands for wg_real, or WG_BF16 */
    void *to;         /* [n] */
} wg_panel;

/* Selected values to be taken from a part of a tensor. */
typedef struct wg_gather {
    int64_t first, n; /* weights [first, first+n) */
    const uint64_t *bits;
    const int64_t *rank; /* as wg_weights has them */
    const wg_real *src;  /* [n] */
    float *value;        /* of all selected weights of the tensor */
} wg_gather;

/* A factor of a product: a matrix with rows of stride ld, or its transpose. Activations and
 * gradients are reals, or what `pack` made of them; weights are of the back end's panel_type. */
typedef struct wg_operand {
    wg_dtype type; /* WG_F32, which stands for wg_real, or WG_BF16 */
    const void *data;
    int64_t ld;
    bool transposed;
} wg_operand;

static inline wg_operand wg_matrix(const wg_real *x, int64_t ld)
{
    return (wg_operand){WG_F32, x, ld, false};
}

static inline wg_operand wg_transpose(wg_operand x)
{
    x.transposed = !x.transposed;
    return x;
}

/* Rows that several products read. */
typedef struct wg_pack {
    const wg_real *x; /* [rows,width] */
    int64_t rows, width, ld;
    void *room; /* of wg_packed_bytes */
} wg_pack;

/* One sequence's part of the moments of a table's gradient (embed_moments). */
typedef struct wg_embed_moments {
    int64_t T, D;               /* tokens of the sequence, width of the table */
    int64_t first, n;           /* rows of the table at hand */
    const int32_t *ids;         /* [T] */
    const wg_real *dx;          /* [T,D] gradient of what the table gave */
    int64_t M, ld;              /* label rows of the sequence; row stride of dlogits */
    const wg_real *dlogits, *h; /* [M,n], [M,D]: a tied head's part; NULL: none */
    wg_real *sum, *square;      /* [n,D]; square may be NULL */
} wg_embed_moments;

/* A matrix in 8 bits (WG_Q8): signed bytes [O,I], and `wg_q8_scales` bytes further on float32
 * scales [O,wg_q8_blocks]. A weight is its byte times the scale of its block of 32 in the row; the
 * last block of a row may be shorter. */
enum { WG_Q8_BLOCK = 32 };

static inline int64_t wg_q8_blocks(int64_t I)
{
    return (I + WG_Q8_BLOCK - 1) / WG_Q8_BLOCK;
}

static inline int64_t wg_q8_scales(int64_t O, int64_t I)
{
    return (O * I + 63) / 64 * 64;
}

/* Bytes of such a matrix: a multiple of 64. */
static inline int64_t wg_q8_bytes(int64_t O, int64_t I)
{
    return (wg_q8_scales(O, I) + O * wg_q8_blocks(I) * (int64_t)sizeof(float) + 63) / 64 * 64;
}

/* A matrix that is multiplied by few rows, and where the result goes. */
typedef struct wg_matvec {
    wg_dtype type; /* of weights; or WG_Q8, as of all others in the call */
    const void *W; /* [O,I], perhaps unaligned; of WG_Q8 at a multiple of 4 bytes */
    int64_t O;
    wg_real *y; /* [n,O] */
} wg_matvec;

/* Where the tokens of a mixture of experts go. Each token has a row with each of the experts that
 * it uses. Rows are in order of their expert, then of their token. All but the first six is in
 * memory of the back end. */
typedef struct wg_routing {
    int64_t N, X, used;   /* tokens, experts, those of a token */
    int64_t S;            /* sequences; 0: nobody reads `sequence` */
    bool sum_to_one;      /* weights of a token are divided by their sum */
    bool sigmoid;         /* shares are the sigmoids of the logits, in place of their softmax */
    const int64_t *start; /* [S+1] as wg_attention has it */
    wg_real *share;       /* [N,X] the router's logits, which become their softmax */
    int64_t *expert;      /* [N,used] ascending: those with the largest shares, ties to the lower;
                             with sigmoid: with the largest logits */
    int64_t *row;         /* [N,used] where they have the token */
    int64_t *token;       /* [N*used] of each row */
    wg_real *weight;      /* [N*used] of each row: its expert's share, perhaps divided */
    int64_t *sequence;    /* [X,S+1] row of each expert where each sequence begins */
} wg_routing;

/* One update of the other optimizers, g = scale*gradient.
 * SGD: m = beta1*m + g; value = decay_factor*value - rate*m.
 * Lion (Chen et al. 2023, arXiv 2302.06675): value = decay_factor*value - rate*sign(beta1*m +
 * one_minus_beta1*g); m = beta2*m + one_minus_beta2*g.
 * Sophia (Liu et al. 2023, arXiv 2305.14342): m = beta1*m + one_minus_beta1*g; value =
 * decay_factor*value - rate*clamp(m / max(bound*v, epsilon), -1, 1). */
typedef enum wg_rule { WG_RULE_SGD, WG_RULE_LION, WG_RULE_SOPHIA } wg_rule;

struct wg_ops {
    const char *name;
    /* What the bits of results depend on, for manifests. NULL: the host; float32. */
    const char *device, *precision;
    const struct wg_cpu_kernels *kernels; /* of products on the host's processor (ops/cpu) */
    /* Of the weights that products read: WG_F32, which stands for wg_real; or WG_BF16, and then
     * products round their other factors to it. */
    wg_dtype panel_type;
    int64_t card_bytes; /* of a card: memory that it may take; 0: it has none of its own */
    void *state;        /* of the back end */
    bool host;          /* its memory is the host's: it may be read where it is (wg_host_view) */
    wg_pool *pool;      /* worker threads on the host, for each operation; NULL: none */
    wg_shared *shared; /* weights that processes share, whose bytes come when they are asked for; or
                          NULL */
    const wg_ops *on_host; /* one for memory of the host, in float32; NULL: it is one itself */
    void (*close)(const wg_ops *self);

    /* --- memory --- */

    /* Zeroed memory of count x size bytes; folder: NULL, or where a back end that can do so keeps
     * it in a file. */
    wagle_status (*alloc)(const wg_ops *self, wagle_ctx *ctx, int64_t count, size_t size,
                          const char *folder, wg_scratch *out);
    void (*free)(const wg_ops *self, wg_scratch *memory);
    void (*zero)(const wg_ops *self, void *to, size_t bytes);
    void (*copy)(const wg_ops *self, void *to, const void *from, size_t bytes);
    /* to[i,:] = from[i,:] for `rows` rows of `width`, with row strides. */
    void (*copy2d)(const wg_ops *self, int64_t rows, int64_t width, const wg_real *from,
                   int64_t from_ld, wg_real *to, int64_t to_ld);
    /* to[to_row[i],:] = from[from_row[i],:] for n rows of `width`; a NULL list means row i. */
    void (*copy_rows)(const wg_ops *self, int64_t n, int64_t width, const int64_t *from_row,
                      const wg_real *from, const int64_t *to_row, wg_real *to);
    /* The host's bytes have been read when this returns. */
    void (*upload)(const wg_ops *self, void *to, const void *host, size_t bytes);
    wagle_status (*download)(const wg_ops *self, wagle_ctx *ctx, void *host, const void *from,
                             size_t bytes);
    /* Waits until all operations called so far have ended. Returns the first that failed. */
    wagle_status (*sync)(const wg_ops *self, wagle_ctx *ctx);
    /* Where the back end has `bytes` bytes of a mapped file: there, or in memory of its own, until
     * `release` or `forget`. NULL: it failed; operations that get this address then do nothing. */
    const void *(*stored)(const wg_ops *self, const void *mapped, size_t bytes);
    /* Call this before the bytes are unmapped. */
    void (*forget)(const wg_ops *self, const void *mapped, size_t bytes);
    /* About stored bytes, or memory that lies in a file: they will be used next (advice); they are
     * not used until they are asked for again, so that others may take their memory. */
    void (*ahead)(const wg_ops *self, const void *data, size_t bytes);
    void (*release)(const wg_ops *self, const void *data, size_t bytes);

    /* --- vectors --- */

    void (*fill)(const wg_ops *self, int64_t n, wg_real value, wg_real *x);
    void (*scale)(const wg_ops *self, int64_t n, wg_real a, wg_real *x); /* x *= a */
    void (*shift)(const wg_ops *self, int64_t n, wg_real a, wg_real *x); /* x += a */
    void (*axpy)(const wg_ops *self, int64_t n, wg_real a, const wg_real *x, wg_real *y);
    void (*axpby)(const wg_ops *self, int64_t n, wg_real a, const wg_real *x, wg_real b,
                  wg_real *y); /* y = a x + b y */
    /* y = y + share (x - y), in double */
    void (*interpolate)(const wg_ops *self, int64_t n, double share, const float *x, float *y);
    /* y += a sign(x); sign(0) = 0 */
    void (*add_sign)(const wg_ops *self, int64_t n, float a, const float *x, float *y);
    /* sum += x, square += x^2, element by element; square may be NULL. */
    void (*add_squares)(const wg_ops *self, int64_t n, const wg_real *x, wg_real *sum,
                        wg_real *square);
    /* x becomes what is left of it when stored as `type`. */
    void (*round)(const wg_ops *self, wg_dtype type, int64_t n, float *x);
    void (*dot)(const wg_ops *self, int64_t n, const float *x, const float *y, double *out);
    void (*abs_sum)(const wg_ops *self, int64_t n, const float *x, double *out);
    /* sum[i] += sum over n of x[n,i]^2; x [N,I] */
    void (*column_squares)(const wg_ops *self, int64_t N, int64_t I, const wg_real *x, float *sum);

    /* --- products --- */

    /* C [M,N] = A B, added to C if add; A [M,K], B [K,N]. */
    void (*gemm)(const wg_ops *self, int64_t M, int64_t N, int64_t K, wg_operand A, wg_operand B,
                 bool add, wg_real *C, int64_t ldc);
    /* out[i] = the rows of list[i] as products read them: where they are, or rounded into `room`. A
     * product whose factor is reals rounds it by itself; rows that several products read are
     * rounded here once. Rows of several matrices in one call, because each costs little. */
    void (*pack)(const wg_ops *self, int m, const wg_pack *list, wg_operand *out);
    /* Of each of `m` matrices: y [n,O] = x [n,I] W^T (+ y), W [O,I] as stored: for few rows n. With
     * WG_Q8 the products are in float32, whatever panel_type is. */
    void (*matvec)(const wg_ops *self, int m, const wg_matvec *list, int64_t n, int64_t I,
                   const wg_real *x, bool add);
    /* to [wg_q8_bytes] = the stored matrix [O,I], or [I,O] if it is transposed, in 8 bits. A
     * block's scale is its largest magnitude / 127, and its weights become the nearest multiples,
     * ties to even. A block whose scale is below the normal numbers becomes 0, one with a weight
     * that is not finite becomes NaN. NULL: this back end does not have it. */
    void (*quantise)(const wg_ops *self, wg_dtype type, const void *stored, bool transposed,
                     int64_t O, int64_t I, void *to);
    /* dst [n] = src [n] of a stored type. */
    void (*widen)(const wg_ops *self, wg_dtype type, const void *src, int64_t n, wg_real *dst);

    /* --- selected weights --- */

    /* Each of `m` panels: the stored weights, and over them the selected values, both as the
     * panel's type, rounded to nearest even. */
    void (*fill_panels)(const wg_ops *self, int m, const wg_panel *list);
    /* Of weights [first, first+n) of a tensor: dst[i] = its value, where bit first+i is set. The
     * values of a tensor's selected weights lie one after the other; rank[j] = bits set before
     * weight j*WG_OVERLAY_BLOCK. */
    void (*overlay)(const wg_ops *self, int64_t first, int64_t n, const uint64_t *bits,
                    const int64_t *rank, const wg_real *value, wg_real *dst);
    /* The inverse, of each of `m` parts of tensors. */
    void (*gather)(const wg_ops *self, int m, const wg_gather *list);
    void (*adamw)(const wg_ops *self, const wg_adamw_step *step, int64_t n, const float *gradient,
                  float *m, float *v, float *value);
    /* The same with moments stored as bf16, rounded at random so that their mean is right: the
     * bits that round element i are a hash of (seed, i). */
    void (*adamw_bf16)(const wg_ops *self, const wg_adamw_step *step, uint32_t seed, int64_t n,
                       const float *gradient, uint16_t *m, uint16_t *v, float *value);
    /* The same with weights and moments in bf16, and each operation rounded to it, in the order of
     * torch.optim.AdamW for parameters of that type. */
    void (*adamw_in_bf16)(const wg_ops *self, const wg_adamw_step *step, int64_t n,
                          const float *gradient, uint16_t *m, uint16_t *v, uint16_t *value);
    /* to [n] = x as bf16: the nearest, ties to even; or, with `random`, one of the two beside it,
     * so that the mean is right (the bits that round element i are a hash of (seed, i)). */
    void (*narrow)(const wg_ops *self, bool random, uint32_t seed, int64_t n, const float *x,
                   uint16_t *to);
    /* The same for the other rules; `bf16` as adamw_bf16. v NULL where the rule has none. */
    void (*update)(const wg_ops *self, wg_rule rule, const wg_adamw_step *step, bool bf16,
                   uint32_t seed, int64_t n, const float *gradient, void *m, const float *v,
                   float *value);
    /* v [n] = decay*v + rest*x^2, the curvature that Sophia divides by. */
    void (*square_average)(const wg_ops *self, int64_t n, float decay, float rest, const float *x,
                           float *v);

    /* --- layers --- */

    /* x[n,:] = scale * row (ids[n] + offset) of a table [.,D], added to x if `add`. */
    void (*embed)(const wg_ops *self, const wg_weights *table, int64_t N, int64_t D,
                  const int32_t *ids, int64_t offset, wg_real scale, bool add, wg_real *x);
    /* Normalisation of rows: RMS (Zhang & Sennrich 2019, arXiv 1910.07467) where mean is NULL, else
     * layer normalisation (Ba et al. 2016, arXiv 1607.06450).
     *   y[n,d] = (x[n,d] - mean[n]) * rstd[n] * weight[d] + bias[d]
     *   rstd[n] = 1/sqrt(mean_d (x - mean)^2 + eps)
     * bias may be NULL. mean, rstd [N] are kept for the backward pass; dx [N,D] and dweight [D] are
     * added to; the bias has bias_backward. */
    void (*norm_forward)(const wg_ops *self, int64_t N, int64_t D, wg_real eps, const wg_real *x,
                         const wg_real *weight, const wg_real *bias, wg_real *y, wg_real *mean,
                         wg_real *rstd);
    void (*norm_backward)(const wg_ops *self, int64_t N, int64_t D, const wg_real *x,
                          const wg_real *weight, const wg_real *mean, const wg_real *rstd,
                          const wg_real *dy, wg_real *dx);
    void (*norm_weight)(const wg_ops *self, int64_t N, int64_t D, const wg_real *x,
                        const wg_real *mean, const wg_real *rstd, const wg_real *dy,
                        wg_real *dweight);
    /* y [N,O] += bias [O]; dbias [O] += sum of the rows of dy [N,O]. Row stride ld. */
    void (*bias_forward)(const wg_ops *self, int64_t N, int64_t O, const wg_real *bias, wg_real *y,
                         int64_t ld);
    void (*bias_backward)(const wg_ops *self, int64_t N, int64_t O, const wg_real *dy, int64_t ld,
                          wg_real *dbias);
    /* y [N,O] = cap*tanh(y/cap) */
    void (*softcap)(const wg_ops *self, int64_t N, int64_t O, wg_real cap, wg_real *y, int64_t ld);

    /* x [n] = min(max(x, -most), most); backward: dx = 0 where clipped x has that magnitude. */
    void (*clip)(const wg_ops *self, int64_t n, wg_real most, wg_real *x);
    void (*clip_backward)(const wg_ops *self, int64_t n, wg_real most, const wg_real *x,
                          wg_real *dx);

    /* Rotary positions (Su et al. 2021, arXiv 2104.09864): pair i of the first r of each head of
     * q [N,H*h] and k [N,K*h] turns by position*frequency[i]. Pair i is (i, i + r/2), as in
     * GPT-NeoX, or (2i, 2i + 1) of neighbours, as in GPT-J.
     * cosine, sine [positions, r/2]; direction +1 forward, -1 backward (the transpose). */
    void (*rope)(const wg_ops *self, int64_t N, int64_t H, int64_t K, int64_t h, int64_t r,
                 bool neighbours, const int32_t *position, const wg_real *cosine,
                 const wg_real *sine, int direction, wg_real *q, wg_real *k);

    /* Causal attention by blocks with online softmax (Dao et al. 2022, arXiv 2205.14135).
     * q, out [N,H*h]; k, v [N,K*h]; lse [N,H] = log-sum-exp of each row's scores.
     * Backward writes dq, dk, dv. */
    void (*attention_forward)(const wg_ops *self, const wg_attention *a, const wg_real *q,
                              const wg_real *k, const wg_real *v, wg_real *out, wg_real *lse);
    void (*attention_backward)(const wg_ops *self, const wg_attention *a, const wg_real *q,
                               const wg_real *k, const wg_real *v, const wg_real *out,
                               const wg_real *lse, const wg_real *dout, wg_real *dq, wg_real *dk,
                               wg_real *dv);
    void (*attention_decode)(const wg_ops *self, const wg_decode_attention *a, const wg_real *q,
                             wg_real *out);

    /* out = act(gate) * up, all [n] (Shazeer 2020, arXiv 2002.05202); up NULL: act(gate). */
    void (*glu_forward)(const wg_ops *self, wg_activation act, int64_t n, const wg_real *gate,
                        const wg_real *up, wg_real *out);
    void (*glu_backward)(const wg_ops *self, wg_activation act, int64_t n, const wg_real *gate,
                         const wg_real *up, const wg_real *dout, wg_real *dgate, wg_real *dup);

    /* dtable[ids[n],:] += dx[n,:]; dx [N,D], dtable [V,D]. */
    void (*embed_backward)(const wg_ops *self, int64_t N, int64_t D, const int32_t *ids,
                           const wg_real *dx, wg_real *dtable);

    /* Cross-entropy over the vocabulary, a chunk [first, first+n) at a time. logits [M,n] with
     * row stride ld; target [M]. Forward keeps a running maximum and sum of exp(logit - maximum)
     * (start with -INFINITY and 0) and picks the target's logit when it passes.
     * Backward replaces logits by weight[m] * (softmax - [target]); where they went through softcap
     * (cap above 0), by the gradient of what they were before. */
    void (*xent_forward)(const wg_ops *self, int64_t M, int64_t first, int64_t n,
                         const wg_real *logits, int64_t ld, const int32_t *target, wg_real *maximum,
                         wg_real *sum, wg_real *picked);
    void (*xent_backward)(const wg_ops *self, int64_t M, int64_t first, int64_t n, wg_real *logits,
                          int64_t ld, const int32_t *target, const wg_real *lse,
                          const wg_real *weight, wg_real cap);

    /* After the last chunk: lse = maximum + log(sum), in place of maximum; nll = lse - picked. */
    void (*xent_finish)(const wg_ops *self, int64_t M, wg_real *maximum, const wg_real *sum,
                        const wg_real *picked, wg_real *nll);
    /* Of each row: the largest logit so far (start with -INFINITY) and its token, or the sums of
     * p log p and p (log p)^2, p = exp(logit - lse); NULL: not wanted. */
    void (*row_stats)(const wg_ops *self, int64_t M, int64_t first, int64_t n,
                      const wg_real *logits, int64_t ld, const wg_real *lse, wg_real *most,
                      int32_t *best, double *mean, double *square);
    /* Of each row: the largest of logit + Gumbel noise so far, and its token, that is, a draw from
     * the softmax; the chunk at 0 begins. Row m is number row + m of the draw (seed, stream). */
    void (*sample_rows)(const wg_ops *self, int64_t M, int64_t first, int64_t n,
                        const wg_real *logits, int64_t ld, int64_t row, uint64_t seed,
                        uint64_t stream, double *most, int32_t *which);

    /* Targets that are distributions over the vocabulary, a chunk of n columns at a time.
     * x [M,n] (row stride ld) = scale[m] * exp(x - lse[m]) */
    void (*softmax)(const wg_ops *self, int64_t M, int64_t n, const wg_real *lse,
                    const wg_real *scale, wg_real *x, int64_t ld);
    /* sum[m] += sum over v of a[m,v]*b[m,v] */
    void (*dot_rows)(const wg_ops *self, int64_t M, int64_t n, const wg_real *a, int64_t lda,
                     const wg_real *b, int64_t ldb, double *sum);
    /* The largest logit of a token that is not the target, and which token; start with -INFINITY.
     */
    void (*runner_up)(const wg_ops *self, int64_t M, int64_t first, int64_t n,
                      const wg_real *logits, int64_t ld, const int32_t *target, wg_real *most,
                      int32_t *which);
    /* q [M,n] = logits, less `shift` at the row's target. */
    void (*shift_target)(const wg_ops *self, int64_t M, int64_t first, int64_t n,
                         const int32_t *target, wg_real shift, const wg_real *logits, int64_t ld,
                         wg_real *q);
    /* The loss to a soft target: nll = lse - cross[m] (+ cross[M+m] - target_lse, a divergence). */
    void (*soft_finish)(const wg_ops *self, int64_t M, bool divergence, const wg_real *lse,
                        const wg_real *target_lse, const double *cross, wg_real *nll);
    /* nll becomes 1 + token - other, token = exp(-nll), other = exp(other - lse). */
    void (*hinge_finish)(const wg_ops *self, int64_t M, const wg_real *lse, wg_real *token,
                         wg_real *other, wg_real *nll);
    /* The gradient of that: q [M,n] = -weight*token at the target, weight*other at the runner-up, 0
     * elsewhere; share = weight*(other - token). */
    void (*hinge_target)(const wg_ops *self, int64_t M, int64_t first, int64_t n,
                         const int32_t *target, const int32_t *runner_up, const wg_real *weight,
                         const wg_real *token, const wg_real *other, wg_real *q, wg_real *share);
    /* logits = weight[m]*exp(logits - lse[m]) - q[m,v], q [M,n]; through softcap as above. */
    void (*xent_soft_backward)(const wg_ops *self, int64_t M, int64_t n, wg_real *logits,
                               int64_t ld, const wg_real *q, const wg_real *lse,
                               const wg_real *weight, wg_real cap);

    /* --- gradients of single sequences --- */

    /* out [T,M] = the columns ids[t] - first of dlogits [M,n], where they are among the n; other
     * rows stay. */
    void (*gather_columns)(const wg_ops *self, int64_t T, const int32_t *ids, int64_t first,
                           int64_t n, int64_t M, const wg_real *dlogits, int64_t ld, wg_real *out);
    /* square += squared norm of the sum of rows of dx [T,D] to table rows ids [T]. */
    void (*embed_squares)(const wg_ops *self, int64_t T, int64_t D, const int32_t *ids,
                          const wg_real *dx, double *square);
    /* Of the gradient G = A + B of a table by one sequence, A = dlogits^T h, B = the rows of dx
     * summed by ids: sum += B, square += (2 A + B) B. (A^2 and A come from gemm_squares.) */
    void (*embed_moments)(const wg_ops *self, const wg_embed_moments *of);
    /* g = column sums of d [M,n]; sum += g, square += g^2; square may be NULL. */
    void (*bias_squares)(const wg_ops *self, int64_t M, int64_t n, const wg_real *d, int64_t ld,
                         wg_real *sum, wg_real *square);
    /* Of S sequences, rows [start[s] - start[0], start[s+1] - start[0]) of dy [.,O] (stride ldy)
     * and x [.,I] (ldx): the sum over s of g_s = dy_s^T x_s, and of g_s squared element by element;
     * both [O,I], added to if `add`. A g_s of its own is never held whole. sum may be NULL. */
    void (*gemm_squares)(const wg_ops *self, int64_t S, const int64_t *start, int64_t O, int64_t I,
                         const wg_real *dy, int64_t ldy, const wg_real *x, int64_t ldx, bool add,
                         wg_real *sum, wg_real *square);

    /* --- mixtures of experts (Shazeer et al. 2017, arXiv 1701.06538); NULL: the back end has none
     */

    /* Fills the routing from the logits in r->share. first [X+1], on the host: the first row of
     * each expert, and N*used; it waits for the numbers. */
    void (*route)(const wg_ops *self, const wg_routing *r, int64_t *first);
    /* dlogits [N,X] from the gradient of each row's weight [N*used]. */
    void (*route_backward)(const wg_ops *self, const wg_routing *r, const double *dweight,
                           wg_real *dlogits);
    /* y[n,:] += sum over j < k of weight[i] * x[i,:], i = row[n,j]; y [N,D]. weight NULL: all 1;
     * row NULL: i = n. */
    void (*sum_rows)(const wg_ops *self, int64_t N, int64_t k, int64_t D, const int64_t *row,
                     const wg_real *weight, const wg_real *x, wg_real *y);
    /* x[n,:] *= weight[n]; x [N,D] */
    void (*scale_rows)(const wg_ops *self, int64_t N, int64_t D, const wg_real *weight, wg_real *x);
    /* x [n] = 1 / (1 + exp(-x)); backward: dx = dy y (1 - y), y what forward gave. */
    void (*sigmoid)(const wg_ops *self, int64_t n, wg_real *x);
    void (*sigmoid_backward)(const wg_ops *self, int64_t n, const wg_real *y, const double *dy,
                             wg_real *dx);
};

enum { WG_OVERLAY_BLOCK = 4096 };
/* How many weights before weight `first` are selected; bits and rank as for overlay, on the host.
 */
int64_t wg_selected_before(int64_t first, const uint64_t *bits, const int64_t *rank);

extern const wg_ops wg_ops_ref;
#ifndef WG_REAL_DOUBLE
extern const wg_ops wg_ops_cpu;
#endif

/* The back end on whose memory the host works: cpu, or ref where reals are double. */
const wg_ops *wg_ops_host(void);
/* A back end in float32 for memory of the host: on_host, or `ops` itself. */
const wg_ops *wg_ops_on_host(const wg_ops *ops);
/* Tests only: from now on every context opens its back end with this function; NULL: the usual way.
 */
typedef wagle_status wg_ops_opener(wagle_ctx *ctx, const wg_ops **out);
void wg_ops_use(wg_ops_opener *opener);
WAGLE_CHECK wg_ops_opener wg_guarded_open; /* tests/guarded */
/* The same over `inner`, whose memory is the host's, and which it closes. */
WAGLE_CHECK wagle_status wg_guarded_over(wagle_ctx *ctx, const wg_ops *inner, const wg_ops **out);
/* Opens the back end of the context; its threads are the context's. Models of one context share a
 * card's. Close with ops->close. */
WAGLE_CHECK wagle_status wg_ops_open(wagle_ctx *ctx, const wg_ops **out);

/* A buffer that grows and never shrinks: a batch no larger than any before allocates nothing. */
typedef struct wg_buffer {
    wg_real *data; /* [capacity]; its contents are lost when it grows */
    int64_t capacity;
    wg_scratch memory;
} wg_buffer;

WAGLE_CHECK wagle_status wg_buffer_reserve(wagle_ctx *ctx, const wg_ops *ops, wg_buffer *buffer,
                                           int64_t n);
/* The same; folder as in alloc. */
WAGLE_CHECK wagle_status wg_buffer_reserve_in(wagle_ctx *ctx, const wg_ops *ops, const char *folder,
                                              wg_buffer *buffer, int64_t n);
/* Where weights from `first` on are as `type` already: where they are stored if none is selected,
 * or the selected values if all are. NULL: they must be laid into a panel. */
const void *wg_weights_in_place(const wg_weights *w, wg_dtype type, int64_t first);
/* Weights [first, first+n) as `type`, in memory of ops: where they are, or in panel [n]. */
const void *wg_weights_as(const wg_ops *ops, const wg_weights *w, wg_dtype type, int64_t first,
                          int64_t n, void *panel);
/* Bytes that n weights take in a panel, where WG_F32 stands for wg_real: a multiple of 16, so that
 * what comes next is aligned for every back end. */
int64_t wg_panel_bytes(wg_dtype type, int64_t n);
/* Row stride of packed rows: a multiple of 16 bytes. */
static inline int64_t wg_packed_ld(int64_t width)
{
    return (width + 7) / 8 * 8;
}

/* Bytes of the room in which rows are packed: 0 where products read reals. */
int64_t wg_packed_bytes(const wg_ops *ops, int64_t rows, int64_t width);
/* Reals that hold n elements of `size` bytes. */
int64_t wg_reals_for(int64_t n, size_t size);
void wg_buffer_free(const wg_ops *ops, wg_buffer *buffer);

/* *out [bytes] = memory of the back end, to be read by the host: where it lies, or in `room`, which
 * grows. Valid until the memory changes or the next call with this room. */
typedef struct wg_host_room {
    char *data;
    int64_t capacity;
} wg_host_room;
WAGLE_CHECK wagle_status wg_host_view(wagle_ctx *ctx, const wg_ops *ops, const void *from,
                                      size_t bytes, wg_host_room *room, const void **out);

#endif
