/* test_cuda_ops.c - each operation on a card beside the reference; twice, which must give the same
 * bits. Exits 77 where there is no card. */
#include "ops/cuda/cuda.h"
#include "ops/host/host.h"
#include "sides.h"

typedef struct test {
    const char *name;
    void (*run)(side *s);
    double tolerance;
} test;

#define OP(name, ...) s->ops->name(s->ops, __VA_ARGS__)

/* --- memory and vectors --- */

static void memory(side *s)
{
    int64_t from[] = {4, 0, 2, 2}, to[] = {1, 3, 0, 5};
    int64_t *from_row = put(s, from, 4, 8), *to_row = put(s, to, 4, 8);
    float *x = reals(s, 6 * 300, -1, 1), *y = zeros(s, 6 * 300), *z = zeros(s, 6 * 300);
    float *w = reals(s, 6 * 300, -1, 1), *rows = zeros(s, 6 * 300);

    OP(copy_rows, 4, 300, from_row, x, to_row, y);
    OP(copy_rows, 4, 300, NULL, x, to_row, rows);
    OP(copy_rows, 4, 300, from_row, x, NULL, rows);
    OP(copy2d, 5, 211, x, 300, z, 250);
    OP(zero, w + 10, 100 * sizeof *w);
    OP(copy, w + 200, x, 50 * sizeof *w);
    give(s, y, 6 * 300 * 4, EXACTLY);
    give(s, z, 6 * 300 * 4, EXACTLY);
    give(s, w, 6 * 300 * 4, EXACTLY);
    give(s, rows, 6 * 300 * 4, EXACTLY);
}

/* Bytes of a file at an odd address, and a part of them. */
static void stored_bytes(side *s)
{
    static char file[5000];
    float *wide = zeros(s, 1000);

    for (int i = 0; i < 5000; i++)
        file[i] = (char)(i * 7 % 31);
    const char *at = OP(stored, file + 3, 4000), *part = OP(stored, file + 203, 1000);
    OP(widen, WG_BF16, at, 1000, wide);
    give(s, at, 4000, EXACTLY);
    give(s, part, 1000, EXACTLY);
    give(s, wide, 4000, EXACTLY);
}

static void vectors(side *s)
{
    const int64_t n = 100003;
    float *x = reals(s, n, -1, 1), *y = reals(s, n, -1, 1), *square = reals(s, n, 0, 1);

    OP(scale, n, 1.5f, x);
    OP(shift, n, 0.25f, x);
    OP(axpy, n, 0.5f, x, y);
    OP(axpby, n, 0.5f, x, -2, y);
    OP(interpolate, n, 0.3, x, y);
    OP(add_sign, n, 0.125f, x, y);
    OP(add_squares, n, x, y, square);
    OP(add_squares, n, x, y, NULL);
    OP(fill, 77, 3, x + 5);
    give(s, x, n, REALS);
    give(s, y, n, REALS);
    give(s, square, n, REALS);
}

static void rounding(side *s)
{
    static const float odd[] = {1e30f, -1e30f, 1e-30f, 6e-8f, 65519, 65520, 0, -0.0f, 1e-40f};
    float *a = reals(s, 5000, -3, 3), *b = reals(s, 5000, -1e-6f, 1e-6f), *c = reals(s, 100, -1, 1);

    OP(upload, a, odd, sizeof odd);
    OP(upload, b, odd, sizeof odd);
    OP(round, WG_BF16, 5000, a);
    OP(round, WG_F16, 5000, b);
    OP(round, WG_F32, 100, c);
    give(s, a, 20000, EXACTLY);
    give(s, b, 20000, EXACTLY);
    give(s, c, 400, EXACTLY);
}

static void sums(side *s)
{
    const int64_t n = 1000003;
    float *x = reals(s, n, -1, 1), *y = reals(s, n, 0, 1), *sum = reals(s, 333, 0, 1);
    double *out = room(s, 4, sizeof *out);

    OP(dot, n, x, y, out);
    OP(dot, 3, x, y, out + 1);
    OP(abs_sum, n, x, out + 2);
    OP(abs_sum, 0, x, out + 3);
    OP(column_squares, 1000, 333, x, sum);
    give(s, out, 4, DOUBLES);
    give(s, sum, 333, REALS);
}

/* --- products --- */

static void gemm_shapes(side *s, bool stored_weights)
{
    const struct {
        int64_t M, N, K, more;
    } shapes[] = {{64, 96, 128, 0}, {37, 53, 71, 3}, {1, 130, 65, 1}, {200, 8, 16, 8}};

    for (int i = 0; i < 4; i++)
        for (int way = 0; way < 4; way++) {
            const bool ta = way & 1, tb = way & 2;
            const int64_t M = shapes[i].M, N = shapes[i].N, K = shapes[i].K, more = shapes[i].more;
            const int64_t lda = (ta ? M : K) + more, ldb = (tb ? K : N) + more, ldc = N + more;
            const int64_t b = (tb ? N : K) * ldb;
            const wg_operand A = {WG_F32, reals(s, (ta ? K : M) * lda, -1, 1), lda, ta};
            const wg_operand B = stored_weights
                                     ? (wg_operand){WG_BF16, stored(s, WG_BF16, b), ldb, tb}
                                     : (wg_operand){WG_F32, reals(s, b, -1, 1), ldb, tb};
            float *C = reals(s, M * ldc, -1, 1);
            OP(gemm, M, N, K, A, B, i % 2 == 1, C, ldc);
            give(s, C, M * ldc, REALS);
        }
}

static void gemm(side *s)
{
    gemm_shapes(s, false);
}

static void gemm_of_stored(side *s)
{
    gemm_shapes(s, true);
}

static void gemm_of_nothing(side *s)
{
    float *A = reals(s, 10, -1, 1), *C = reals(s, 60, -1, 1), *D = reals(s, 60, -1, 1);

    OP(gemm, 6, 10, 0, wg_matrix(A, 10), wg_matrix(A, 10), false, C, 10);
    OP(gemm, 6, 10, 0, wg_matrix(A, 10), wg_matrix(A, 10), true, D, 10);
    OP(gemm, 0, 10, 5, wg_matrix(A, 10), wg_matrix(A, 10), true, D, 10);
    give(s, C, 60, REALS);
    give(s, D, 60, REALS);
}

static void matvec(side *s)
{
    static const wg_dtype types[] = {WG_F32, WG_F16, WG_BF16};

    for (int64_t n = 1; n <= 6; n += n == 1 ? 2 : 3)
        for (int odd = 0; odd < 2; odd++) {
            const int64_t I = odd ? 333 : 1024;
            const float *x = reals(s, n * I, -1, 1);
            wg_matvec list[3];
            for (int k = 0; k < 3; k++)
                list[k] = (wg_matvec){types[k], stored(s, types[k], (70 + k) * I), 70 + k,
                                      reals(s, n * (70 + k), -1, 1)};
            OP(matvec, 3, list, n, I, x, odd);
            for (int k = 0; n != 3 && k < 3; k++)
                give(s, list[k].y, n * (70 + k), REALS);
        }
}

static void widen(side *s)
{
    static const wg_dtype types[] = {WG_F32, WG_F16, WG_BF16};
    uint16_t every[65536];

    for (int k = 0; k < 3; k++) {
        float *wide = zeros(s, 3001);
        OP(widen, types[k], (char *)stored(s, types[k], 3002) + wg_dtype_size(types[k]), 3001,
           wide);
        give(s, wide, 3001 * 4, EXACTLY);
    }
    for (int i = 0; i < 65536; i++)
        every[i] = (uint16_t)((i & 0x7C00) == 0x7C00 ? 0 : i);
    float *halves = zeros(s, 65536);
    OP(widen, WG_F16, put(s, every, 65536, 2), 65536, halves);
    give(s, halves, 65536 * 4, EXACTLY);
}

/* --- selected weights --- */

typedef struct selection {
    uint64_t *bits;
    int64_t *rank, count;
} selection;

/* Of n weights about a share of 1/every. */
static selection select_some(side *s, int64_t n, int64_t every)
{
    const int64_t blocks = (n + WG_OVERLAY_BLOCK - 1) / WG_OVERLAY_BLOCK, words = (n + 63) / 64;
    uint64_t *bits = calloc((size_t)words, sizeof *bits);
    int64_t *rank = calloc((size_t)blocks + 1, sizeof *rank), count = 0;
    const uint64_t stream = ++s->draws;

    for (int64_t i = 0; i < n; i++) {
        if (i % WG_OVERLAY_BLOCK == 0)
            rank[i / WG_OVERLAY_BLOCK] = count;
        if (wg_random_below(7, stream, (uint64_t)i, every) == 0) {
            bits[i / 64] |= (uint64_t)1 << (i % 64);
            count++;
        }
    }
    const selection made = {put(s, bits, words, 8), put(s, rank, blocks + 1, 8), count};
    free(bits);
    free(rank);
    return made;
}

static void panels(side *s)
{
    static const wg_dtype types[] = {WG_F32, WG_F16, WG_BF16};
    const int64_t n = 20001, first = 4199, some = 9001;
    const selection k = select_some(s, n, 3);
    float *value = reals(s, n, 5, 6);
    const uint16_t *half = stored(s, WG_BF16, n);
    wg_panel list[30];
    int m = 0;

    for (int i = 0; i < 3; i++) {
        void *weights = stored(s, types[i], n);
        for (int how = 0; how < 10; how++, m++) {
            const bool some_of = how / 2 == 1 || how / 2 == 3;
            const wg_weights w = {types[i],
                                  weights,
                                  some_of ? k.bits : NULL,
                                  k.rank,
                                  how > 1 && how < 6 ? value : NULL,
                                  how > 5 ? half : NULL};
            list[m] =
                (wg_panel){w, how % 2 * first, some, how % 2 ? WG_BF16 : WG_F32, zeros(s, some)};
        }
    }
    OP(fill_panels, m, list);
    OP(fill_panels, 1, &(wg_panel){list[2].weights, 8191, 70, WG_F32, list[0].to});
    for (int i = 0; i < m; i++)
        give(s, list[i].to, some * 4, EXACTLY);
}

static void overlay(side *s)
{
    const int64_t n = 20001;
    const selection k = select_some(s, n, 3);
    float *value = reals(s, k.count, 5, 6), *dst = reals(s, n, -1, 1), *part = reals(s, n, -1, 1);
    float *back = zeros(s, k.count), *some = zeros(s, k.count);

    OP(overlay, 0, n, k.bits, k.rank, value, dst);
    OP(overlay, 4199, 9001, k.bits, k.rank, value, part);
    const wg_gather two[] = {{0, n, k.bits, k.rank, dst, back},
                             {8191, 70, k.bits, k.rank, dst, some}};
    OP(gather, 2, two);
    give(s, dst, n * 4, EXACTLY);
    give(s, part, n * 4, EXACTLY);
    give(s, back, k.count * 4, EXACTLY);
    give(s, some, k.count * 4, EXACTLY);
}

static const wg_adamw_step step = {.scale = 0.5f,
                                   .beta1 = 0.9f,
                                   .beta2 = 0.99f,
                                   .one_minus_beta1 = 0.1f,
                                   .one_minus_beta2 = 0.01f,
                                   .decay_factor = 0.999f,
                                   .rate = 0.01f,
                                   .bias_correction2 = 1.5f,
                                   .epsilon = 1e-8f,
                                   .bound = 0.04f,
                                   .root_correction2 = 0.8f};

static void adamw(side *s)
{
    const int64_t n = 5003;
    float *g = reals(s, n, -1, 1), *m = reals(s, n, -1, 1), *v = reals(s, n, 0, 1);
    float *value = reals(s, n, -1, 1), *other = reals(s, n, -1, 1), *curve = reals(s, n, 0, 1);
    uint16_t *m16 = stored(s, WG_BF16, n), *v16 = room(s, n, 2);

    OP(adamw, &step, n, g, m, v, value);
    OP(adamw_bf16, &step, 12345, n, g, m16, v16, other);
    OP(square_average, n, 0.9f, 0.1f, g, curve);
    give(s, m, n, REALS);
    give(s, v, n, REALS);
    give(s, value, n, REALS);
    give(s, other, n, REALS);
    give(s, curve, n, REALS);
}

static void in_bf16(side *s)
{
    const int64_t n = 5003;
    float *g = reals(s, n, -1, 1), *value = reals(s, n, -1, 1);
    uint16_t *m = stored(s, WG_BF16, n), *v = room(s, n, 2);
    uint16_t *half = stored(s, WG_BF16, n), *near = room(s, n, 2), *random = room(s, n, 2);

    OP(adamw_bf16, &step, 12345, n, g, m, v, value);
    OP(adamw_in_bf16, &step, n, g, m, v, half);
    OP(narrow, false, 0, n, g, near);
    OP(narrow, true, 5, n, g, random);
    give(s, m, n, HALVES);
    give(s, v, n, HALVES);
    give(s, half, n, HALVES);
    give(s, near, n * 2, EXACTLY);
    give(s, random, n * 2, EXACTLY);
    for (int rule = WG_RULE_SGD; rule <= WG_RULE_SOPHIA; rule++) {
        OP(update, (wg_rule)rule, &step, true, 99, n, g, m, NULL, value);
        give(s, m, n, HALVES);
    }
}

static void rules(side *s)
{
    const int64_t n = 5003;
    float *g = reals(s, n, -1, 1), *v = reals(s, n, 0, 1);

    for (int rule = WG_RULE_SGD; rule <= WG_RULE_SOPHIA; rule++) {
        float *m = reals(s, n, -1, 1), *value = reals(s, n, -1, 1);
        OP(update, (wg_rule)rule, &step, false, 0, n, g, m, rule == WG_RULE_SOPHIA ? v : NULL,
           value);
        give(s, m, n, REALS);
        give(s, value, n, REALS);
    }
}

/* --- layers --- */

static void embed(side *s)
{
    const int64_t V = 90, D = 130, N = 33;
    int32_t *ids = numbers(s, N, 0, V - 2);
    const selection k = select_some(s, V * D, 2);
    wg_weights w = {.type = WG_BF16, .stored = stored(s, WG_BF16, V * D)};
    float *plain = zeros(s, N * D), *over = reals(s, N * D, -1, 1), *whole = reals(s, N * D, -1, 1);

    OP(embed, &w, N, D, ids, 2, 1.5f, false, plain);
    w.bits = k.bits;
    w.rank = k.rank;
    w.value = reals(s, k.count, 3, 4);
    OP(embed, &w, N, D, ids, 0, 2, true, over);
    w.bits = NULL;
    w.value = reals(s, V * D, -1, 1);
    OP(embed, &w, N, D, ids, 0, 1, true, whole);
    give(s, plain, N * D * 4, EXACTLY);
    give(s, over, N * D, REALS);
    give(s, whole, N * D, REALS);
}

static void embed_backward(side *s)
{
    const int64_t V = 40, D = 130, N = 700;
    float *dtable = reals(s, V * D, -1, 1);

    OP(embed_backward, N, D, numbers(s, N, 0, V), reals(s, N * D, -1, 1), dtable);
    give(s, dtable, V * D * 4, EXACTLY);
}

static void norms(side *s)
{
    for (int layer = 0; layer < 2; layer++) {
        const int64_t N = 300, D = layer ? 1000 : 576;
        float *x = reals(s, N * D, -1, 2), *weight = reals(s, D, 0, 2), *bias = reals(s, D, -1, 1);
        float *y = zeros(s, N * D), *mean = layer ? zeros(s, N) : NULL, *rstd = zeros(s, N);
        float *dy = reals(s, N * D, -1, 1), *dx = reals(s, N * D, -1, 1), *dw = reals(s, D, -1, 1);
        OP(norm_forward, N, D, 1e-5f, x, weight, layer ? bias : NULL, y, mean, rstd);
        OP(norm_backward, N, D, x, weight, mean, rstd, dy, dx);
        OP(norm_weight, N, D, x, mean, rstd, dy, dw);
        give(s, y, N * D, REALS);
        give(s, rstd, N, REALS);
        give(s, dx, N * D, REALS);
        give(s, dw, D, REALS);
        if (layer)
            give(s, mean, N, REALS);
    }
}

static void biases(side *s)
{
    const int64_t N = 300, O = 77, ld = 90;
    float *y = reals(s, N * ld, -1, 1), *bias = reals(s, O, -1, 1), *dbias = reals(s, O, -1, 1);
    float *z = reals(s, N * ld, -90, 90);

    OP(bias_forward, N, O, bias, y, ld);
    OP(bias_backward, N, O, y, ld, dbias);
    OP(softcap, N, O, 30, z, ld);
    OP(clip, N * ld, 20, z);
    OP(clip_backward, N * ld, 20, z, y);
    give(s, y, N * ld, REALS);
    give(s, dbias, O, REALS);
    give(s, z, N * ld, REALS);
}

static void rope(side *s)
{
    const int64_t N = 50, H = 3, K = 2, h = 20, r = 16;
    int32_t *position = numbers(s, N, 0, 64);
    float *c = reals(s, 64 * h / 2, -1, 1), *d = reals(s, 64 * h / 2, -1, 1);
    float *q = reals(s, N * H * h, -1, 1), *k = reals(s, N * K * h, -1, 1);

    OP(rope, N, H, K, h, r, false, position, c, d, 1, q, k);
    OP(rope, N, H, K, h, h, false, position, c, d, -1, q, k);
    OP(rope, N, H, K, h, r, true, position, c, d, 1, q, k);
    give(s, q, N * H * h, REALS);
    give(s, k, N * K * h, REALS);
}

static void activations(side *s)
{
    const int64_t n = 7001;

    for (int act = WG_SILU; act <= WG_RELU; act++) {
        float *gate = reals(s, n, -8, 8), *up = act % 2 ? NULL : reals(s, n, -1, 1);
        float *out = zeros(s, n), *dgate = zeros(s, n), *dup = zeros(s, n);
        OP(glu_forward, (wg_activation)act, n, gate, up, out);
        OP(glu_backward, (wg_activation)act, n, gate, up, reals(s, n, -1, 1), dgate, dup);
        give(s, out, n, REALS);
        give(s, dgate, n, REALS);
        give(s, dup, n, REALS);
    }
}

typedef struct shape {
    int64_t H, K, h, window;
    float cap;
    int64_t length[6]; /* of sequences, 0 ends them */
} shape;

static void attend(side *s, const shape *k, bool prefixes)
{
    int64_t start[8] = {1000}, prefix[8] = {0};
    wg_attention a = {.H = k->H, .K = k->K, .h = k->h, .window = k->window, .cap = k->cap};

    a.scale = 1 / sqrtf((float)k->h);
    for (; k->length[a.S] > 0; a.S++) {
        start[a.S + 1] = start[a.S] + k->length[a.S];
        prefix[a.S] = k->length[a.S] / 3;
        a.longest = a.longest > k->length[a.S] ? a.longest : k->length[a.S];
    }
    a.N = start[a.S] - start[0];
    a.start = put(s, start, a.S + 1, 8);
    a.prefix_len = prefixes ? put(s, prefix, a.S, 8) : NULL;
    const int64_t Q = a.N * a.H * a.h, P = a.N * a.K * a.h;
    float *q = reals(s, Q, -2, 2), *key = reals(s, P, -2, 2), *v = reals(s, P, -1, 1);
    float *out = zeros(s, Q), *lse = zeros(s, a.N * a.H), *dout = reals(s, Q, -1, 1);
    float *dq = reals(s, Q, -1, 1), *dk = reals(s, P, -1, 1), *dv = reals(s, P, -1, 1);
    OP(attention_forward, &a, q, key, v, out, lse);
    give(s, out, Q, REALS);
    give(s, lse, a.N * a.H, REALS);
    if (prefixes)
        return;
    OP(attention_backward, &a, q, key, v, out, lse, dout, dq, dk, dv);
    give(s, dq, Q, REALS);
    give(s, dk, P, REALS);
    give(s, dv, P, REALS);
}

static void attention_64(side *s)
{
    attend(s, &(shape){6, 2, 64, 0, 0, {1, 64, 65, 130, 7}}, false);
}

static void attention_window_cap(side *s)
{
    attend(s, &(shape){2, 2, 20, 33, 1.5f, {150, 40, 200}}, false);
}

static void attention_128(side *s)
{
    attend(s, &(shape){4, 1, 128, 0, 0, {70, 129}}, false);
    attend(s, &(shape){2, 1, 96, 64, 0, {140}}, false);
}

static void attention_256(side *s)
{
    attend(s, &(shape){2, 1, 256, 0, 5, {70, 20}}, false);
    attend(s, &(shape){1, 1, 160, 16, 0, {80}}, false);
}

static void attention_prefix(side *s)
{
    attend(s, &(shape){3, 1, 16, 0, 0, {100, 9, 250}}, true);
}

static void decode(side *s)
{
    static const struct {
        int64_t H, K, h, window;
        float cap;
    } shapes[] = {{4, 2, 64, 0, 0}, {2, 1, 256, 50, 0}, {3, 3, 20, 0, 2}};
    const int64_t length[] = {1, 300, 128}, first[] = {5, 10, 400}, rows = 600;
    int64_t *on_length = put(s, length, 3, 8), *on_first = put(s, first, 3, 8);

    for (int i = 0; i < 3; i++) {
        const int64_t H = shapes[i].H, K = shapes[i].K, h = shapes[i].h;
        const wg_decode_attention a = {.B = 3,
                                       .H = H,
                                       .K = K,
                                       .h = h,
                                       .longest = 300,
                                       .length = on_length,
                                       .first = on_first,
                                       .key = reals(s, rows * K * h, -1, 1),
                                       .value = reals(s, rows * K * h, -1, 1),
                                       .scale = 0.3f,
                                       .window = shapes[i].window,
                                       .cap = shapes[i].cap};
        float *out = zeros(s, 3 * H * h);
        OP(attention_decode, &a, reals(s, 3 * H * h, -1, 1), out);
        give(s, out, 3 * H * h, REALS);
    }
}

/* --- losses: 37 rows over a vocabulary of 3001 in two chunks --- */

enum { M = 37, V = 3001, CUT = 1700, LD = 3010 };

static void xent(side *s)
{
    float *logits = reals(s, M * LD, -9, 9), *most = zeros(s, M), *sum = zeros(s, M);
    float *picked = zeros(s, M), *nll = zeros(s, M), *weight = reals(s, M, -1, 1);
    int32_t *target = numbers(s, M, 0, V);

    OP(fill, M, -INFINITY, most);
    OP(xent_forward, M, 0, CUT, logits, LD, target, most, sum, picked);
    OP(xent_forward, M, CUT, V - CUT, logits + CUT, LD, target, most, sum, picked);
    OP(xent_finish, M, most, sum, picked, nll);
    OP(xent_backward, M, 0, CUT, logits, LD, target, most, weight, 0);
    OP(xent_backward, M, CUT, V - CUT, logits + CUT, LD, target, most, weight, 10);
    give(s, most, M, REALS);
    give(s, nll, M, REALS);
    give(s, logits, M * LD, REALS);
}

static void rows(side *s)
{
    float *logits = reals(s, M * LD, -9, 9), *lse = reals(s, M, 15, 16), *most = zeros(s, 2 * M);
    int32_t *best = room(s, 2 * M, 4), *which = room(s, M, 4), *target = numbers(s, M, 0, V);
    double *mean = room(s, 3 * M, 8), *draw = room(s, M, 8), low[M];

    for (int m = 0; m < M; m++)
        low[m] = -INFINITY;
    OP(upload, draw, low, sizeof low);
    OP(fill, 2 * M, -INFINITY, most);
    for (int i = 0; i < 2; i++) {
        const int64_t first = i ? CUT : 0, n = i ? V - CUT : CUT;
        OP(row_stats, M, first, n, logits + first, LD, lse, most, best, mean, mean + M);
        OP(row_stats, M, first, n, logits + first, LD, lse, NULL, NULL, mean, mean + M);
        OP(runner_up, M, first, n, logits + first, LD, target, most + M, best + M);
        OP(sample_rows, M, first, n, logits + first, LD, 100, 42, 3, draw, which);
        OP(dot_rows, M, n, logits + first, LD, logits, LD, mean + 2 * M);
    }
    give(s, most, 2 * M * 4, EXACTLY);
    give(s, best, 2 * M * 4, EXACTLY);
    give(s, which, M * 4, EXACTLY);
    give(s, draw, M, DOUBLES);
    give(s, mean, M, DOUBLES);
    give(s, mean + M, M, DOUBLES);
    give(s, mean + 2 * M, M, DOUBLES);
}

static void soft_targets(side *s)
{
    float *logits = reals(s, M * LD, -9, 9), *lse = reals(s, M, 15, 16), *q = zeros(s, M * CUT);
    float *weight = reals(s, M, -1, 1), *nll = zeros(s, M), *x = reals(s, M * LD, -9, 9);
    int32_t *target = numbers(s, M, 0, V);
    double *cross = room(s, 2 * M, 8);

    OP(dot_rows, M, 200, logits, LD, x, LD, cross);
    OP(dot_rows, M, 300, logits, LD, x, LD, cross + M);
    OP(shift_target, M, 0, CUT, target, 2.5f, logits, LD, q);
    give(s, q, M * CUT, REALS);
    OP(softmax, M, V, lse, weight, x, LD);
    OP(xent_soft_backward, M, CUT, logits, LD, q, lse, weight, 12);
    OP(soft_finish, M, true, lse, weight, cross, nll);
    give(s, nll, M, REALS);
    OP(soft_finish, M, false, lse, NULL, cross, nll);
    give(s, nll, M, REALS);
    give(s, x, M * LD, REALS);
    give(s, logits, M * LD, REALS);
}

static void hinge(side *s)
{
    float *lse = reals(s, M, 2, 3), *token = zeros(s, M), *other = reals(s, M, 0, 1);
    float *nll = reals(s, M, 0, 3), *q = reals(s, M * 900, -1, 1), *share = zeros(s, M);
    int32_t *target = numbers(s, M, 0, 1200), *second = numbers(s, M, 1200, 2400);

    OP(hinge_finish, M, lse, token, other, nll);
    OP(hinge_target, M, 600, 900, target, second, lse, token, other, q, share);
    give(s, token, M, REALS);
    give(s, other, M, REALS);
    give(s, nll, M, REALS);
    give(s, q, M * 900, REALS);
    give(s, share, M, REALS);
}

/* --- gradients of single sequences --- */

static void sequences(side *s)
{
    const int64_t T = 60, D = 300, n = 25, m = 11, ld = 40;
    int32_t *ids = numbers(s, T, 0, 40);
    float *dx = reals(s, T * D, -1, 1), *dlogits = reals(s, m * ld, -1, 1);
    float *sum = reals(s, n * D, -1, 1), *square = reals(s, n * D, -1, 1);
    float *columns = reals(s, T * m, -1, 1), *g = reals(s, n, -1, 1), *gg = reals(s, n, -1, 1);
    double *norm = room(s, 1, 8);
    wg_embed_moments of = {.T = T,
                           .D = D,
                           .first = 10,
                           .n = n,
                           .ids = ids,
                           .dx = dx,
                           .M = m,
                           .ld = ld,
                           .dlogits = dlogits,
                           .h = reals(s, m * D, -1, 1),
                           .sum = sum,
                           .square = square};

    OP(gather_columns, T, ids, 10, n, m, dlogits, ld, columns);
    OP(embed_squares, T, D, ids, dx, norm);
    OP(embed_squares, T, D, ids, dx, norm);
    OP(embed_moments, &of);
    of.dlogits = NULL;
    OP(embed_moments, &of);
    of.square = NULL;
    OP(embed_moments, &of);
    OP(bias_squares, m, n, dlogits, ld, g, gg);
    OP(bias_squares, m, n, dlogits, ld, g, NULL);
    give(s, columns, T * m * 4, EXACTLY);
    give(s, norm, 1, DOUBLES);
    give(s, sum, n * D, REALS);
    give(s, square, n * D, REALS);
    give(s, g, n, REALS);
    give(s, gg, n, REALS);
}

static void gemm_squares(side *s)
{
    const int64_t start[] = {7, 40, 41, 41, 120}, O = 150, I = 90;
    int64_t *on = put(s, start, 5, 8);
    float *dy = reals(s, 113 * 160, -1, 1), *x = reals(s, 113 * 93, -1, 1);
    float *sum = reals(s, O * I, -1, 1), *square = reals(s, O * I, 0, 1), *alone = zeros(s, O * I);

    OP(gemm_squares, 4, on, O, I, dy, 160, x, 93, false, NULL, alone);
    OP(gemm_squares, 4, on, O, I, dy, 160, x, 93, false, sum, square);
    OP(gemm_squares, 4, on, O, I, dy, 160, x, 93, true, sum, square);
    give(s, alone, O * I, REALS);
    give(s, sum, O * I, REALS);
    give(s, square, O * I, REALS);
}

static const test tests[] = {
    {"memory, copies of rows", memory, 0},
    {"stored bytes", stored_bytes, 0},
    {"element by element", vectors, 1e-6},
    {"round", rounding, 0},
    {"dot, abs_sum, column_squares", sums, 1e-6},
    {"gemm", gemm, 2e-6},
    {"gemm of nothing", gemm_of_nothing, 0},
    {"matvec", matvec, 2e-6},
    {"widen", widen, 0},
    {"fill_panels", panels, 0},
    {"overlay, gather", overlay, 0},
    {"adamw, adamw_bf16, square_average", adamw, 2e-6},
    {"in bf16", in_bf16, 1e-2},
    {"sgd, lion, sophia", rules, 2e-6},
    {"embed", embed, 1e-6},
    {"embed_backward", embed_backward, 0},
    {"norms", norms, 5e-6},
    {"biases, softcap", biases, 2e-6},
    {"rope", rope, 2e-6},
    {"activations", activations, 5e-6},
    {"attention, h 64", attention_64, 1e-5},
    {"attention, window and cap", attention_window_cap, 1e-5},
    {"attention, h 128 and 96", attention_128, 1e-5},
    {"attention, h 256 and 160", attention_256, 1e-5},
    {"attention, known prefixes", attention_prefix, 1e-5},
    {"attention_decode", decode, 1e-5},
    {"cross-entropy", xent, 1e-5},
    {"sums and draws of rows", rows, 2e-6},
    {"soft targets", soft_targets, 1e-5},
    {"hinge", hinge, 2e-6},
    {"single sequences", sequences, 5e-6},
    {"gemm_squares", gemm_squares, 5e-6},
};

/* Runs a case on the reference and twice on the card; prints a line; true if it passed. */
static bool passes(const test *t, side *ref, side *card, side *again, double tolerance)
{
    double worst = 0;
    bool same = true;

    t->run(ref);
    t->run(card);
    t->run(again);
    for (int i = 0; i < ref->n_out; i++) {
        const double error = output_error(&ref->out[i], &card->out[i]);
        if (error > tolerance && worst <= tolerance)
            printf("  result %d differs by %.2g\n", i, error);
        worst = fmax(worst, error);
        same = same && memcmp(card->out[i].data, again->out[i].data, card->out[i].bytes) == 0;
    }
    const bool good = worst <= tolerance && same && card->n_out == ref->n_out;
    printf("%-34s %9.2g %9.2g  %-9s %s\n", t->name, worst, tolerance, same ? "same bits" : "DIFFER",
           good ? "ok" : "FAILED");
    fflush(stdout);
    side_clear(ref);
    side_clear(card);
    side_clear(again);
    return good;
}

/* Products alone. The reference rounds to bf16 too. */
static int other_precision(wagle_precision precision, const test *t)
{
    side ref = {0}, card = {0}, again = {0};
    wg_ops table = wg_ops_ref;

    card.ctx.precision = precision;
    must(&card, wg_cuda_open(&card.ctx, 0, &card.ops));
    again.ops = card.ops;
    table.panel_type = card.ops->panel_type;
    must(&ref, wg_host_open(&ref.ctx, &table, &ref.ops));
    const bool good = passes(t, &ref, &card, &again, t->tolerance);
    ref.ops->close(ref.ops);
    card.ops->close(card.ops);
    return !good;
}

/* The first failure is remembered, and what comes after it does nothing. */
static int failures_stick(void)
{
    side s = {0};
    wg_scratch m;
    float x = 0;

    s.ctx.precision = WAGLE_PRECISION_F32;
    must(&s, wg_cuda_open(&s.ctx, 0, &s.ops));
    const wagle_status large = s.ops->alloc(s.ops, &s.ctx, (int64_t)1 << 40, 8, NULL, &m);
    printf("too large: %s\n", s.ctx.message);
    s.ctx.message[0] = '\0';
    s.ops->attention_decode(s.ops, &(wg_decode_attention){.h = 1000}, NULL, NULL);
    const wagle_status sticky = s.ops->sync(s.ops, &s.ctx);
    printf("remembered: %s\n", s.ctx.message);
    const wagle_status after = s.ops->download(s.ops, &s.ctx, &x, &x, sizeof x);
    s.ops->close(s.ops);
    return large != WAGLE_E_RESOURCE || sticky != WAGLE_E_USAGE || after != WAGLE_E_USAGE;
}

/* While a model of a context is open, the next one must be on the same card in the same precision.
 */
static int another_precision_is_refused_while_one_is_open(void)
{
    side s = {0};
    const wg_ops *other = NULL;

    s.ctx.precision = WAGLE_PRECISION_F32;
    must(&s, wg_cuda_open(&s.ctx, 0, &s.ops));
    s.ctx.precision = WAGLE_PRECISION_BF16;
    const wagle_status st = wg_cuda_open(&s.ctx, 0, &other);
    printf("another precision: %s\n", s.ctx.message);
    s.ops->close(s.ops);
    const wagle_status after = wg_cuda_open(&s.ctx, 0, &other);
    if (after == WAGLE_OK)
        other->close(other);
    return st != WAGLE_E_USAGE || after != WAGLE_OK;
}

int main(void)
{
    side ref = {0}, card = {0}, again = {0};
    wg_cuda_info info = {0};
    int bad = 0;

    if (wg_cuda_look(&card.ctx, 0, &info) != WAGLE_OK) {
        printf("skipped: %s\n", card.ctx.message);
        return 77;
    }
    printf("%s, compute capability %d.%d, %d processors, %.1f GB, %.1f GB free\n"
           "driver %d (%s)\nNVRTC %d (%s)\ncublasLt %lld (%s)\n",
           info.name, info.major, info.minor, info.processors, (double)info.bytes / 1e9,
           (double)info.free / 1e9, info.driver, info.driver_path, info.nvrtc, info.nvrtc_path,
           (long long)info.cublaslt, info.cublaslt_path);
    must(&ref, wg_host_open(&ref.ctx, &wg_ops_ref, &ref.ops));
    card.ctx.precision = WAGLE_PRECISION_F32;
    must(&card, wg_cuda_open(&card.ctx, 0, &card.ops));
    again.ops = card.ops;
    printf("%-34s %9s %9s\n", "", "error", "allowed");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        bad += !passes(&tests[i], &ref, &card, &again, tests[i].tolerance);
    card.ops->close(card.ops);
    bad += other_precision(WAGLE_PRECISION_TF32, &(test){"gemm, tf32", gemm, 2e-3});
    bad += other_precision(WAGLE_PRECISION_BF16, &(test){"gemm, bf16", gemm, 2e-5});
    bad += other_precision(WAGLE_PRECISION_BF16,
                           &(test){"gemm of stored, bf16", gemm_of_stored, 2e-5});
    bad += failures_stick();
    bad += another_precision_is_refused_while_one_is_open();
    ref.ops->close(ref.ops);
    printf(bad ? "%d FAILED\n" : "all passed\n", bad);
    return bad > 0;
}
