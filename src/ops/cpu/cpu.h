/* cpu.h - what the files of this back end share.
 *
 * Loops over WG_LANES accumulators are written so that the compiler vectorises them without
 * reordering a sum: the same bits with SSE2, AVX2 and AVX-512, which WG_CLONES picks at run
 * time. */
#ifndef WG_OPS_CPU_CPU_H
#define WG_OPS_CPU_CPU_H

#include "base/number.h"
#include "ops/host/host.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define WG_CPU_X86 1
#endif

#if defined(WG_CPU_X86) && !defined(__clang__) && !defined(WG_SANITIZED)
#define WG_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define WG_CLONES
#endif

enum { WG_LANES = 16 };

/* e^x in float32, within 2 ulp; below -87.3 gives 0, above 88.7 the largest. Cephes' polynomial
 * after Cody and Waite's reduction. */
static inline float wg_exp(float x)
{
    const float clamped = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
    const float shifted = clamped * 1.44269504f + 12582912.0f; /* rounds in the low bits */
    const float n = shifted - 12582912.0f;
    const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;

    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    /* 2^n in two factors: n reaches 128 */
    const uint32_t half = (wg_float_bits(shifted) - 0x4B400000u + 512u) / 2u - 256u;
    const uint32_t rest = wg_float_bits(shifted) - 0x4B400000u - half;
    const float power = wg_bits_float((half + 127u) << 23) * wg_bits_float((rest + 127u) << 23);
    return x < -87.3f ? 0.0f : p * power;
}

/* tanh in float32, within 4 ulp: its series near 0, where 1 - 2/(e^2x + 1) cancels. */
static inline float wg_tanh(float x)
{
    const float s = x * x;
    const float series =
        x + x * s * (-0.333333333f + s * (0.133333333f + s * (-0.053968254f + s * 0.021869489f)));
    const float far = 1.0f - 2.0f / (wg_exp(2.0f * x) + 1.0f);

    return s < 0.0625f ? series : far;
}

static inline float wg_lanes_sum(const float lane[WG_LANES])
{
    float s[WG_LANES / 2];

    for (int i = 0; i < WG_LANES / 2; i++)
        s[i] = lane[i] + lane[i + WG_LANES / 2];
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* Units of the processor that products use; each machine that has one has those before it. */
typedef enum wg_cpu_unit {
    WG_CPU_PORTABLE, /* C */
    WG_CPU_AVX2,
    WG_CPU_AVX512,
    WG_CPU_AVX512_BF16,
    WG_CPU_AMX
} wg_cpu_unit;
enum { WG_CPU_UNITS = 5 };
extern const char *const wg_cpu_unit_names[WG_CPU_UNITS];
/* The last of them that this machine has. */
wg_cpu_unit wg_cpu_best_unit(void);
/* The one that products use where nothing else is asked for: the last, or AVX-512 where AVX512_BF16
 * is slower. */
wg_cpu_unit wg_cpu_usual_unit(void);
/* The last of them that the context's products use. */
wg_cpu_unit wg_cpu_unit_in(const wagle_ctx *ctx);

/* What products use where this unit is the best that they may use. */
typedef struct wg_cpu_kernels {
    wg_cpu_unit unit;
    const struct wg_tile *f32, *bf16;
} wg_cpu_kernels;
extern const wg_cpu_kernels wg_cpu_kernels_of[WG_CPU_UNITS];
/* Those of a back end; of the best units if it does not say. */
const wg_cpu_kernels *wg_cpu_kernels_in(const wg_ops *self);
/* At the context's precision; beside a card, at f32. */
WAGLE_CHECK wagle_status wg_cpu_open(wagle_ctx *ctx, const wg_ops **out);
WAGLE_CHECK wagle_status wg_cpu_open_at(wagle_ctx *ctx, wagle_precision precision,
                                        const wg_ops **out);

void wg_cpu_gemm(WG_SELF, int64_t M, int64_t N, int64_t K, wg_operand A, wg_operand B, bool add,
                 float *C, int64_t ldc);
/* Bytes that it needs for packed panels, in self->state: they take memory when they are written.
 * Without them it works in float32 on the calling thread, and slowly. */
int64_t wg_cpu_gemm_room(void);
void wg_cpu_pack(WG_SELF, int m, const wg_pack *list, wg_operand *out);
/* wg_cpu_gemm in float32 on the calling thread alone, from its stack; M at most 64. */
void wg_cpu_gemm_small(WG_SELF, bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A,
                       int64_t lda, const float *B, int64_t ldb, bool add, float *C, int64_t ldc);
/* Asks for memory that is read soon. A block of a few rows of a matrix asks, step by step, for the
 * next few: rows that are read side by side are no sequence that the processor sees by itself. */
__attribute__((always_inline)) static inline void wg_fetch(const void *at, size_t bytes)
{
#pragma GCC unroll 4
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)at + i);
}

void wg_cpu_matvec(WG_SELF, int m, const wg_matvec *list, int64_t n, int64_t I, const float *x,
                   bool add);
/* Outputs [first, last) of matrix k. */
typedef void wg_strip_fn(const void *task, const wg_matvec *k, int64_t first, int64_t last);
/* Runs all outputs of the matrices in strips, which the threads share. */
void wg_cpu_each_strip(WG_SELF, int m, const wg_matvec *list, int64_t I, wg_strip_fn *run,
                       const void *task);
/* The same in bf16; false: rows are too wide for the room, and nothing was done. */
bool wg_cpu_matvec_bf16(WG_SELF, int m, const wg_matvec *list, int64_t n, int64_t I, const float *x,
                        bool add);
void wg_cpu_quantise(WG_SELF, wg_dtype type, const void *stored, bool transposed, int64_t O,
                     int64_t I, void *to);
/* The same of matrices in 8 bits. */
void wg_cpu_matvec_q8(WG_SELF, int m, const wg_matvec *list, int64_t n, int64_t I, const float *x,
                      bool add);
/* wg_cpu_widen on the calling thread alone; src may be unaligned. */
void wg_cpu_widen_piece(wg_dtype type, const void *src, int64_t n, float *dst);
void wg_cpu_widen(WG_SELF, wg_dtype type, const void *src, int64_t n, float *dst);
void wg_cpu_overlay(WG_SELF, int64_t first, int64_t n, const uint64_t *bits, const int64_t *rank,
                    const float *value, float *dst);
void wg_cpu_gather(WG_SELF, int m, const wg_gather *list);
/* On the calling thread alone, in double. */
double wg_cpu_dot(int64_t n, const float *a, const float *b);
void wg_cpu_long_dot(WG_SELF, int64_t n, const float *x, const float *y, double *out);
void wg_cpu_adamw_bf16(WG_SELF, const wg_adamw_step *step, uint32_t seed, int64_t n,
                       const float *gradient, uint16_t *m, uint16_t *v, float *value);
void wg_cpu_adamw_in_bf16(WG_SELF, const wg_adamw_step *step, int64_t n, const float *gradient,
                          uint16_t *m, uint16_t *v, uint16_t *value);
void wg_cpu_narrow(WG_SELF, bool random, uint32_t seed, int64_t n, const float *x, uint16_t *to);
void wg_cpu_adamw(WG_SELF, const wg_adamw_step *step, int64_t n, const float *gradient, float *m,
                  float *v, float *value);
void wg_cpu_update(WG_SELF, wg_rule rule, const wg_adamw_step *step, bool bf16, uint32_t seed,
                   int64_t n, const float *gradient, void *m, const float *v, float *value);
void wg_cpu_square_average(WG_SELF, int64_t n, float decay, float rest, const float *x, float *v);
void wg_cpu_norm_forward(WG_SELF, int64_t N, int64_t D, float eps, const float *x,
                         const float *weight, const float *bias, float *y, float *mean,
                         float *rstd);
void wg_cpu_norm_backward(WG_SELF, int64_t N, int64_t D, const float *x, const float *weight,
                          const float *mean, const float *rstd, const float *dy, float *dx);
void wg_cpu_norm_weight(WG_SELF, int64_t N, int64_t D, const float *x, const float *mean,
                        const float *rstd, const float *dy, float *dweight);
void wg_cpu_bias_forward(WG_SELF, int64_t N, int64_t O, const float *bias, float *y, int64_t ld);
void wg_cpu_bias_backward(WG_SELF, int64_t N, int64_t O, const float *dy, int64_t ld, float *dbias);
void wg_cpu_softcap(WG_SELF, int64_t N, int64_t O, float cap, float *y, int64_t ld);
void wg_cpu_clip(WG_SELF, int64_t n, float most, float *x);
void wg_cpu_clip_backward(WG_SELF, int64_t n, float most, const float *x, float *dx);
void wg_cpu_rope(WG_SELF, int64_t N, int64_t H, int64_t K, int64_t h, int64_t r, bool neighbours,
                 const int32_t *position, const float *cosine, const float *sine, int direction,
                 float *q, float *k);
void wg_cpu_attention_forward(WG_SELF, const wg_attention *a, const float *q, const float *k,
                              const float *v, float *out, float *lse);
void wg_cpu_attention_backward(WG_SELF, const wg_attention *a, const float *q, const float *k,
                               const float *v, const float *out, const float *lse,
                               const float *dout, float *dq, float *dk, float *dv);
void wg_cpu_attention_decode(WG_SELF, const wg_decode_attention *a, const float *q, float *out);
void wg_cpu_glu_forward(WG_SELF, wg_activation act, int64_t n, const float *gate, const float *up,
                        float *out);
void wg_cpu_glu_backward(WG_SELF, wg_activation act, int64_t n, const float *gate, const float *up,
                         const float *dout, float *dgate, float *dup);
void wg_cpu_embed_backward(WG_SELF, int64_t N, int64_t D, const int32_t *ids, const float *dx,
                           float *dtable);
void wg_cpu_xent_forward(WG_SELF, int64_t M, int64_t first, int64_t n, const float *logits,
                         int64_t ld, const int32_t *target, float *maximum, float *sum,
                         float *picked);
void wg_cpu_xent_backward(WG_SELF, int64_t M, int64_t first, int64_t n, float *logits, int64_t ld,
                          const int32_t *target, const float *lse, const float *weight, float cap);
void wg_cpu_softmax(WG_SELF, int64_t M, int64_t n, const float *lse, const float *scale, float *x,
                    int64_t ld);
void wg_cpu_dot_rows(WG_SELF, int64_t M, int64_t n, const float *a, int64_t lda, const float *b,
                     int64_t ldb, double *sum);
void wg_cpu_runner_up(WG_SELF, int64_t M, int64_t first, int64_t n, const float *logits, int64_t ld,
                      const int32_t *target, float *most, int32_t *which);
void wg_cpu_xent_soft_backward(WG_SELF, int64_t M, int64_t n, float *logits, int64_t ld,
                               const float *q, const float *lse, const float *weight, float cap);
void wg_cpu_gemm_squares(WG_SELF, int64_t S, const int64_t *start, int64_t O, int64_t I,
                         const float *dy, int64_t ldy, const float *x, int64_t ldx, bool add,
                         float *sum, float *square);

#endif
