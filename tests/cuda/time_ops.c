/* time_ops.c - how long each operation takes on a card, at the sizes of two models. Exits 77 where
 * there is no card. `time_ops [REPEATS]` */
#include "ops/cuda/cuda.h"
#include "sides.h"

typedef struct model {
    const char *name;
    int64_t D, F, H, K, h, V;
} model;

static int repeats = 20;

/* n numbers in [-1,1), the same million again and again. */
static float *noise(side *s, int64_t n)
{
    enum { SOME = 1 << 20 };
    static float some[SOME];
    uint32_t x = 1;
    float *data = room(s, n, sizeof *data);

    for (int i = 0; i < SOME; i++) {
        x = x * 1664525u + 1013904223u;
        some[i] = (float)(x >> 8) / 8388608.0f - 1;
    }
    for (int64_t i = 0; i < n; i += SOME)
        s->ops->upload(s->ops, data + i, some,
                       (size_t)(n - i < SOME ? n - i : SOME) * sizeof *data);
    return data;
}

static void say(const char *name, double seconds, double bytes, double flops)
{
    printf("  %-34s %9.3f ms", name, seconds * 1e3);
    if (bytes > 0)
        printf(" %8.0f GB/s", bytes / seconds / 1e9);
    if (flops > 0)
        printf(" %8.1f TFLOP/s", flops / seconds / 1e12);
    printf("\n");
    fflush(stdout);
}

/* Mean seconds of the statement, warm. */
#define TIME(name, bytes, flops, ...)                                                              \
    do {                                                                                           \
        s->ops->__VA_ARGS__;                                                                       \
        must(s, s->ops->sync(s->ops, &s->ctx));                                                    \
        const double from = wg_seconds();                                                          \
        for (int again = 0; again < repeats; again++)                                              \
            s->ops->__VA_ARGS__;                                                                   \
        must(s, s->ops->sync(s->ops, &s->ctx));                                                    \
        say(name, (wg_seconds() - from) / repeats, (double)(bytes), (double)(flops));              \
    } while (0)

static void products(side *s, const model *m, int64_t N)
{
    float *x = noise(s, N * m->D), *W = noise(s, m->F * m->D), *y = noise(s, N * m->F);
    const double flops = 2.0 * (double)N * (double)m->D * (double)m->F;

    TIME("x W^T", 0, flops,
         gemm(s->ops, N, m->F, m->D, wg_matrix(x, m->D), wg_transpose(wg_matrix(W, m->D)), false, y,
              m->F));
    TIME("dy W", 0, flops,
         gemm(s->ops, N, m->D, m->F, wg_matrix(y, m->F), wg_matrix(W, m->D), false, x, m->D));
    TIME("dy^T x", 0, flops,
         gemm(s->ops, m->F, m->D, N, wg_transpose(wg_matrix(y, m->F)), wg_matrix(x, m->D), true, W,
              m->D));
    side_clear(s);
}

static void layers(side *s, const model *m, int64_t N, int64_t T)
{
    const int64_t D = m->D, F = m->F, n = N * F, S = N / T, heads = m->H * m->h;
    float *x = noise(s, N * D), *y = noise(s, N * D), *dx = noise(s, N * D), *w = noise(s, D);
    float *mean = noise(s, N), *rstd = noise(s, N), *gate = noise(s, n), *up = noise(s, n);
    float *out = noise(s, n), *q = noise(s, N * (heads + m->K * m->h)),
          *table = noise(s, 64 * m->h);
    float *sum = noise(s, F * D), *square = noise(s, F * D), *dtable = noise(s, m->V * D);
    int32_t *ids = numbers(s, N, 0, m->V), *position = numbers(s, N, 0, 64);
    int64_t *start = calloc((size_t)S + 1, sizeof *start);
    const double ND = 4.0 * (double)(N * D), NF = 4.0 * (double)n;

    for (int64_t i = 0; i <= S; i++)
        start[i] = i * T;
    const int64_t *on = put(s, start, S + 1, 8);
    const wg_weights stored_table = {.type = WG_F32, .stored = dtable};
    free(start);
    TIME("embed", 2 * ND, 0, embed(s->ops, &stored_table, N, D, ids, 0, 1, false, x));
    TIME("norm_forward", 2 * ND, 0, norm_forward(s->ops, N, D, 1e-5f, x, w, NULL, y, NULL, rstd));
    TIME("norm_backward", 4 * ND, 0, norm_backward(s->ops, N, D, x, w, NULL, rstd, y, dx));
    TIME("norm_weight", 2 * ND, 0, norm_weight(s->ops, N, D, x, NULL, rstd, y, w));
    TIME("rope", 8.0 * (double)(N * (heads + m->K * m->h)), 0,
         rope(s->ops, N, m->H, m->K, m->h, m->h, false, position, table, table, 1, q,
              q + N * heads));
    TIME("glu_forward", 3 * NF, 0, glu_forward(s->ops, WG_SILU, n, gate, up, out));
    TIME("glu_backward", 5 * NF, 0, glu_backward(s->ops, WG_SILU, n, gate, up, out, gate, up));
    TIME("axpy", 3 * ND, 0, axpy(s->ops, N * D, 1, x, y));
    TIME("copy2d", 2 * ND, 0, copy2d(s->ops, N, D, x, D, y, D));
    TIME("column_squares", ND, 0, column_squares(s->ops, N, D, x, mean));
    TIME("embed_backward", 3 * ND, 0, embed_backward(s->ops, N, D, ids, dx, dtable));
    TIME("gemm_squares", 0, 2.0 * (double)N * (double)D * (double)F,
         gemm_squares(s->ops, S, on, F, D, gate, F, x, D, true, sum, square));
    side_clear(s);
}

static void attention(side *s, const model *m, int64_t N, int64_t T)
{
    const int64_t S = N / T, Q = N * m->H * m->h, P = N * m->K * m->h;
    int64_t *start = calloc((size_t)S + 1, sizeof *start);
    float *q = noise(s, Q), *k = noise(s, P), *v = noise(s, P), *out = noise(s, Q);
    float *lse = noise(s, N * m->H), *dq = noise(s, Q), *dk = noise(s, P), *dv = noise(s, P);
    /* of the products that a causal mask leaves */
    const double flops = 2.0 * (double)N * (double)T * (double)(m->H * m->h);
    wg_attention a = {.S = S, .N = N, .longest = T, .H = m->H, .K = m->K, .h = m->h, .scale = 0.1f};
    char name[64];

    for (int64_t i = 0; i <= S; i++)
        start[i] = i * T;
    a.start = put(s, start, S + 1, 8);
    free(start);
    snprintf(name, sizeof name, "attention_forward, %lld x %lld", (long long)S, (long long)T);
    TIME(name, 0, flops, attention_forward(s->ops, &a, q, k, v, out, lse));
    snprintf(name, sizeof name, "attention_backward, %lld x %lld", (long long)S, (long long)T);
    TIME(name, 0, 2.5 * flops, attention_backward(s->ops, &a, q, k, v, out, lse, out, dq, dk, dv));
    side_clear(s);
}

static void losses(side *s, const model *m, int64_t rows)
{
    const int64_t n = m->V;
    const double bytes = 4.0 * (double)(rows * n);
    float *z = noise(s, rows * n), *most = noise(s, rows), *sum = noise(s, rows);
    float *picked = noise(s, rows), *weight = noise(s, rows);
    int32_t *target = numbers(s, rows, 0, n), *best = numbers(s, rows, 0, n);
    double *mean = room(s, rows, 8), *square = room(s, rows, 8);

    TIME("xent_forward", bytes, 0,
         xent_forward(s->ops, rows, 0, n, z, n, target, most, sum, picked));
    TIME("row_stats", bytes, 0, row_stats(s->ops, rows, 0, n, z, n, sum, most, best, mean, square));
    TIME("runner_up", bytes, 0, runner_up(s->ops, rows, 0, n, z, n, target, most, best));
    TIME("sample_rows", bytes, 0, sample_rows(s->ops, rows, 0, n, z, n, 0, 1, 2, mean, best));
    TIME("xent_backward", 2 * bytes, 0,
         xent_backward(s->ops, rows, 0, n, z, n, target, sum, weight, 0));
    side_clear(s);
}

/* A tensor [F,D] of which a tenth is selected. */
static void selected(side *s, const model *m)
{
    const int64_t n = m->F * m->D, words = (n + 63) / 64, blocks = words / 64 + 1;
    uint64_t *bits = calloc((size_t)words, 8);
    int64_t *rank = calloc((size_t)blocks + 1, 8), count = 0;
    const wg_adamw_step step = {.scale = 1,
                                .beta1 = 0.9f,
                                .beta2 = 0.9f,
                                .bias_correction2 = 1,
                                .decay_factor = 1,
                                .rate = 1e-3f,
                                .epsilon = 1e-8f};

    for (int64_t i = 0; i < n; i++) {
        if (i % WG_OVERLAY_BLOCK == 0)
            rank[i / WG_OVERLAY_BLOCK] = count;
        if (wg_mix(1, (uint32_t)i) % 10 == 0) {
            bits[i / 64] |= (uint64_t)1 << (i % 64);
            count++;
        }
    }
    const uint64_t *b = put(s, bits, words, 8);
    const int64_t *r = put(s, rank, blocks, 8);
    float *value = noise(s, count), *dst = noise(s, n), *g = noise(s, count), *v = zeros(s, count);
    float *first = noise(s, count);
    void *half = room(s, n, 2);
    double *out = room(s, 1, 8);
    const double N = (double)n, C = (double)count;
    free(bits);
    free(rank);
    TIME("widen bf16", 6 * N, 0, widen(s->ops, WG_BF16, half, n, dst));
    TIME("overlay a tenth", 8 * C + N / 8, 0, overlay(s->ops, 0, n, b, r, value, dst));
    TIME("gather a tenth", 8 * C + N / 8, 0,
         gather(s->ops, 1, &(wg_gather){0, n, b, r, dst, value}));
    TIME("adamw", 28 * C, 0, adamw(s->ops, &step, count, g, first, v, value));
    TIME("adamw_bf16", 20 * C, 0, adamw_bf16(s->ops, &step, 7, count, g, half, half, value));
    TIME("dot", 8 * N, 0, dot(s->ops, n, dst, dst, out));
    side_clear(s);
}

static void generation(side *s, const model *m)
{
    enum { B = 8, T = 1024 };
    int64_t length[B], first[B];
    const int64_t P = m->K * m->h;
    float *x = noise(s, B * m->D), *y = noise(s, B * m->F), *out = noise(s, B * m->H * m->h);
    float *q = noise(s, B * m->H * m->h);
    const wg_matvec one = {WG_BF16, room(s, m->F * m->D, 2), m->F, y};
    const double bytes = 2.0 * (double)(m->F * m->D);

    for (int b = 0; b < B; b++) {
        length[b] = T;
        first[b] = b * T;
    }
    const wg_decode_attention a = {.B = B,
                                   .H = m->H,
                                   .K = m->K,
                                   .h = m->h,
                                   .longest = T,
                                   .length = put(s, length, B, 8),
                                   .first = put(s, first, B, 8),
                                   .key = noise(s, B * T * P),
                                   .value = noise(s, B * T * P),
                                   .scale = 0.1f};
    TIME("matvec bf16, 1 row", bytes, 0, matvec(s->ops, 1, &one, 1, m->D, x, false));
    TIME("matvec bf16, 4 rows", bytes, 0, matvec(s->ops, 1, &one, 4, m->D, x, false));
    TIME("matvec bf16, 8 rows", bytes, 0, matvec(s->ops, 1, &one, 8, m->D, x, false));
    TIME("attention_decode, 8 of 1024", 8.0 * (double)(B * T * P), 0,
         attention_decode(s->ops, &a, q, out));
    side_clear(s);
}

static void all_of(side *s, const model *m)
{
    printf("%s: D %lld, F %lld, H %lld, K %lld, h %lld, V %lld\n", m->name, (long long)m->D,
           (long long)m->F, (long long)m->H, (long long)m->K, (long long)m->h, (long long)m->V);
    for (int64_t N = 512; N <= 8192; N *= 16) {
        printf(" %lld tokens\n", (long long)N);
        layers(s, m, N, N < 1024 ? 64 : 128);
        attention(s, m, N, N < 1024 ? 64 : 128);
        if (N > 1024)
            attention(s, m, N, 2048);
    }
    printf(" 512 rows of logits, a tensor [F,D], generation\n");
    losses(s, m, 512);
    selected(s, m);
    generation(s, m);
}

int main(int count, char **arguments)
{
    static const model models[] = {{"SmolLM2-135M", 576, 1536, 9, 3, 64, 49152},
                                   {"Llama-3-8B", 4096, 14336, 32, 8, 128, 128256}};
    static const struct {
        wagle_precision precision;
        const char *name;
    } ways[] = {{WAGLE_PRECISION_BF16, "bf16"},
                {WAGLE_PRECISION_TF32, "tf32"},
                {WAGLE_PRECISION_F32, "f32"}};
    side one = {0}, *s = &one;
    wg_cuda_info info = {0};

    if (wg_cuda_look(&s->ctx, 0, &info) != WAGLE_OK) {
        printf("skipped: %s\n", s->ctx.message);
        return 77;
    }
    if (count > 1 && atoi(arguments[1]) > 0)
        repeats = atoi(arguments[1]);
    printf("%s, driver %d, NVRTC %d, cublasLt %lld; mean of %d\n", info.name, info.driver,
           info.nvrtc, (long long)info.cublaslt, repeats);
    for (int w = 0; w < 3; w++) {
        s->ctx.precision = ways[w].precision;
        must(s, wg_cuda_open(&s->ctx, 0, &s->ops));
        for (int i = 0; i < 2; i++)
            for (int64_t N = 512; N <= 8192; N *= 16) {
                printf("products in %s, %s, %lld tokens\n", ways[w].name, models[i].name,
                       (long long)N);
                products(s, &models[i], N);
            }
        if (ways[w].precision == WAGLE_PRECISION_F32)
            for (int i = 0; i < 2; i++)
                all_of(s, &models[i]);
        s->ops->close(s->ops);
    }
    return 0;
}
