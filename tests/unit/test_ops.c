/* The CPU operations agree with the reference over odd shapes. */
#include "support.h"

#include "base/number.h"
#include "two_threads.h"

enum { MOST = 160000 };
static float a[MOST], b[MOST], c[MOST], d[MOST], x[2][MOST], y[2][MOST], z[2][MOST], w[2][MOST];
static const wg_ops *const back_end[] = {&wg_ops_ref, &cpu};

static void randomise(float *v, int64_t n, uint64_t stream, double scale)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(scale * wg_random_normal(17, stream, (uint64_t)i));
}

static void both(float v[2][MOST], int64_t n, uint64_t stream)
{
    randomise(v[0], n, stream, 1);
    memcpy(v[1], v[0], (size_t)n * sizeof(float));
}

static void agree(const char *what, float v[2][MOST], int64_t n, double tolerance)
{
    const double error = worst(v[0], v[1], n), scale = fmax(1, largest(v[0], n));

    if (!(error <= tolerance * scale))
        fail_msg("%s: %g of %g", what, error, scale);
}

static int use_two_threads(void **state)
{
    (void)state;
    return open_at(WAGLE_PRECISION_F32);
}

static void gemm_shapes(void)
{
    static const int64_t shapes[][3] = {{1, 1, 1},     {3, 5, 7},     {17, 16, 15},   {64, 1, 9},
                                        {1, 70, 33},   {257, 31, 13}, {33, 600, 20},  {300, 520, 3},
                                        {13, 33, 384}, {7, 17, 385},  {20, 40, 1000}, {2, 3100, 5},
                                        {4100, 3, 2},  {5, 7, 0}};

    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int kind = 0; kind < 8; kind++) {
            const int64_t M = shapes[s][0], N = shapes[s][1], K = shapes[s][2];
            const bool ta = kind & 1, tb = kind & 2;
            assert_true(M * N <= MOST && M * K <= MOST && K * N <= MOST);
            randomise(a, M * K, 1, 1);
            randomise(b, K * N, 2, 1);
            both(x, M * N, 3);
            memcpy(y[0], x[0], sizeof y[0]);
            for (int i = 0; i < 2; i++)
                back_end[i]->gemm(back_end[i], M, N, K, (wg_operand){WG_F32, a, ta ? M : K, ta},
                                  (wg_operand){WG_F32, b, tb ? K : N, tb}, kind & 4, x[i], N);
            agree("gemm", x, M * N, 1e-5);
            if (M > 64)
                continue;
            wg_cpu_gemm_small(&cpu, ta, tb, M, N, K, a, ta ? M : K, b, tb ? K : N, kind & 4, y[0],
                              N);
            assert_memory_equal(y[0], x[1], sizeof(float) * (size_t)(M * N));
        }
}

/* Element (row, column) of a factor, of bf16 at any rate. */
static double half_of(const wg_operand *f, int64_t row, int64_t column)
{
    const int64_t i = f->transposed ? column * f->ld + row : row * f->ld + column;
    uint16_t half = f->type == WG_BF16 ? ((const uint16_t *)f->data)[i]
                                       : wg_float_bf16(((const float *)f->data)[i]);

    return (double)wg_bf16_float(half);
}

static void products_of_bf16_round_the_other_factor(void **state)
{
    enum { M = 9, N = 14, K = 33, MORE = 3 };
    static uint16_t stored[(N + K + MORE) * (N + K)];
    wg_ops ref = wg_ops_ref;

    (void)state;
    ref.panel_type = WG_BF16;
    randomise(a, (M + MORE) * (K + MORE), 1, 1);
    randomise(b, (N + MORE) * (K + MORE), 2, 1);
    wg_from_float(WG_BF16, b, (N + MORE) * (K + MORE), stored);
    for (int kind = 0; kind < 16; kind++) {
        const bool ta = kind & 1, tb = kind & 2, add = kind & 4, left = kind & 8;
        const wg_operand A = {WG_F32, a, (ta ? M : K) + MORE, ta};
        const wg_operand B = {WG_BF16, stored, (tb ? K : N) + MORE, tb};
        const int64_t rows = left ? N : M, columns = left ? M : N; /* B^T A^T, the other way */
        const wg_operand first = left ? wg_transpose(B) : A, second = left ? wg_transpose(A) : B;
        both(x, rows * columns, 3);
        ref.gemm(&ref, rows, columns, K, first, second, add, x[0], columns);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                double sum = 0;
                for (int64_t k = 0; k < K; k++)
                    sum += half_of(&first, i, k) * half_of(&second, k, j);
                sum += add ? (double)x[1][i * columns + j] : 0;
                assert_true(fabs((double)x[0][i * columns + j] - sum) < 1e-6);
            }
    }
}

static void gemm_agrees_on_every_unit(void **state)
{
    (void)state;
    for (int u = 0; u <= (int)wg_cpu_best_unit(); u++) {
        cpu.kernels = &wg_cpu_kernels_of[u];
        gemm_shapes();
    }
    for (int u = (int)wg_cpu_best_unit() + 1; u < WG_CPU_UNITS; u++)
        print_message("no %s on this machine\n", wg_cpu_unit_names[u]);
    cpu.kernels = NULL;
}

static void the_bits_of_a_product_depend_on_its_row_and_column_alone(void **state)
{
    enum { M = 150, N = 200, K = 800 };

    (void)state;
    randomise(a, M * K, 1, 1);
    randomise(b, K * N, 2, 1);
    cpu.gemm(&cpu, M, N, K, wg_matrix(a, K), wg_transpose(wg_matrix(b, K)), false, x[0], N);
    wg_ops_cpu.gemm(&wg_ops_cpu, M, N, K, wg_matrix(a, K), wg_transpose(wg_matrix(b, K)), false,
                    x[1], N);
    assert_memory_equal(x[0], x[1], sizeof(float) * M * N);
    for (int i = 0; i < M; i += 7) /* a few rows and columns alone */
        for (int j = 0; j < N; j += 33) {
            const int m = M - i < 9 ? M - i : 9, n = N - j < 40 ? N - j : 40;
            cpu.gemm(&cpu, m, n, K, wg_matrix(a + i * K, K), wg_transpose(wg_matrix(b + j * K, K)),
                     false, y[0], n);
            for (int r = 0; r < m; r++)
                assert_memory_equal(y[0] + r * n, x[0] + (i + r) * N + j,
                                    sizeof(float) * (size_t)n);
        }
}

static void matvec_agrees_whatever_the_type_and_the_rows_beside(void **state)
{
    static const int64_t shapes[][3] = {
        {1, 1, 1}, {1, 33, 70}, {5, 17, 100}, {9, 3, 4103}, {16, 40, 64}};

    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int type = WG_F32; type <= WG_BF16; type++) {
            const int64_t n = shapes[s][0], O = shapes[s][1], I = shapes[s][2];
            char *stored = (char *)c + 2; /* unaligned for floats */
            randomise(a, n * I, 1, 1);
            randomise(b, O * I, 2, 1);
            wg_from_float((wg_dtype)type, b, O * I, stored);
            both(x, n * O, 3);
            const wg_dtype kind = (wg_dtype)type;
            const int64_t less = (O + 1) / 2; /* a second matrix in the same call: its first rows */
            both(z, n * less, 4);
            const wg_matvec two[2][2] = {{{kind, stored, O, x[0]}, {kind, stored, less, z[0]}},
                                         {{kind, stored, O, x[1]}, {kind, stored, less, z[1]}}};
            for (int i = 0; i < 2; i++)
                back_end[i]->matvec(back_end[i], 2, two[i], n, I, a, s & 1);
            agree("matvec", x, n * O, 1e-5);
            agree("matvec beside it", z, n * less, 1e-5);
            both(y, n * O, 3);
            for (int64_t t = 0; t < n; t++)
                cpu.matvec(&cpu, 1, &(wg_matvec){(wg_dtype)type, stored, O, y[0] + t * O}, 1, I,
                           a + t * I, s & 1);
            assert_memory_equal(y[0], x[1], sizeof(float) * (size_t)(n * O));
        }
}

static void norms_agree(void **state)
{
    static const int64_t shapes[][2] = {{1, 1}, {1, 2}, {3, 17}, {40, 48}, {33, 129}, {5, 576}};
    static float mean[2][MOST], bias[MOST];

    (void)state;
    for (size_t s = 0; s < 2 * sizeof shapes / sizeof *shapes; s++) {
        const int64_t N = shapes[s / 2][0], D = shapes[s / 2][1];
        float *const middle[] = {s % 2 ? mean[0] : NULL, s % 2 ? mean[1] : NULL};
        randomise(a, N * D, 1, 3);
        randomise(b, D, 2, 1);
        randomise(c, N * D, 3, 1);
        randomise(bias, D, 6, 1);
        both(z, N * D, 4);
        both(w, D, 5);
        for (int i = 0; i < 2; i++) {
            back_end[i]->norm_forward(back_end[i], N, D, 1e-3f, a, b, s % 3 ? bias : NULL, x[i],
                                      middle[i], y[i]);
            back_end[i]->norm_backward(back_end[i], N, D, a, b, middle[0], y[0], c, z[i]);
            back_end[i]->norm_weight(back_end[i], N, D, a, middle[0], y[0], c, w[i]);
            back_end[i]->bias_backward(back_end[i], N, D, c, D, w[i]);
        }
        agree("norm", x, N * D, 4e-6);
        agree("rstd", y, N, 4e-6);
        agree("norm backward", z, N * D, 2e-5);
        agree("norm weight and bias", w, D, 1e-5);
    }
}

static void activations_agree_over_the_whole_range(void **state)
{
    static const wg_activation kinds[] = {WG_SILU, WG_GELU, WG_GELU_TANH, WG_RELU};

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int gated = 0; gated < 2; gated++) {
            const int64_t n = MOST;
            for (int64_t i = 0; i < n; i++)
                d[i] = (float)(i - n / 2) * 1e-3f;
            randomise(a, n, 1, 1);
            randomise(c, n, 3, 1);
            both(z, n, 4);
            for (int i = 0; i < 2; i++) {
                back_end[i]->glu_forward(back_end[i], kinds[k], n, d, gated ? a : NULL, x[i]);
                back_end[i]->glu_backward(back_end[i], kinds[k], n, d, gated ? a : NULL, c, y[i],
                                          z[i]);
            }
            for (int64_t i = 0; i < n; i++) { /* relative to each element, not to the largest */
                assert_true(fabsf(x[0][i] - x[1][i]) <= 4e-6f * fmaxf(1e-2f, fabsf(x[0][i])));
                assert_true(fabsf(y[0][i] - y[1][i]) <= 4e-6f * fmaxf(1, fabsf(y[0][i])));
                assert_true(fabsf(z[0][i] - z[1][i]) <= 4e-6f * fmaxf(1e-2f, fabsf(z[0][i])));
            }
        }
}

static void softcaps_agree_over_the_whole_range(void **state)
{
    (void)state;
    for (int64_t i = 0; i < MOST; i++)
        x[0][i] = x[1][i] = (float)(i - MOST / 2) * (i % 2 ? 5e-3f : 1e-6f);
    for (int i = 0; i < 2; i++)
        back_end[i]->softcap(back_end[i], MOST / 100, 100, 30, x[i], 100);
    for (int64_t i = 0; i < MOST; i++)
        assert_true(fabsf(x[0][i] - x[1][i]) <= 6e-7f * fabsf(x[0][i]));
}

/* Results for the rows from `known` on have the same bits as those for all rows: in x[0], x[1]. */
static void known_rows_agree(const wg_attention *all)
{
    static const int64_t prefix_len[] = {0, 1, 63, 40, 129};
    static float out[MOST], lse[MOST];
    const int64_t Q = all->H * all->h;
    wg_attention some = *all;

    some.prefix_len = prefix_len;
    for (int side = 0; side < 2; side++) {
        memset(out, 0, sizeof out);
        back_end[side]->attention_forward(back_end[side], &some, a, b, c, out, lse);
        for (int64_t s = 0; s < all->S; s++) {
            const int64_t from = all->start[s], own = from + prefix_len[s];
            for (int64_t n = from * Q; n < own * Q; n++)
                assert_true(out[n] == 0);
            assert_memory_equal(out + own * Q, x[side] + own * Q,
                                (size_t)((all->start[s + 1] - own) * Q) * sizeof *out);
        }
    }
}

static void attention_agrees(void **state)
{
    static const int64_t start[] = {0, 1, 4, 68, 133, 263};
    static const int64_t heads[][3] = {{1, 1, 2}, {4, 2, 6}, {6, 2, 8}, {3, 3, 10}};

    static const int64_t windows[] = {0, 1, 9, 64, 100};
    static const float caps[] = {0, 3, 0, 5, 50};

    (void)state;
    for (size_t i = 0; i < 10 * sizeof heads / sizeof *heads; i++) {
        const size_t k = i / 10, v = i % 5;
        const bool chunked = i / 5 % 2 == 1;
        const wg_attention t = {.S = 5,
                                .N = start[5],
                                .longest = 130,
                                .start = start,
                                .H = heads[k][0],
                                .K = heads[k][1],
                                .h = heads[k][2],
                                .scale = 0.4f,
                                .window = windows[v],
                                .chunked = chunked,
                                .cap = caps[v]};
        const int64_t N = start[5], Q = t.H * t.h, P = t.K * t.h;
        static float lse[2][MOST], dv[2][MOST];
        randomise(a, N * Q, 1, 2);
        randomise(b, N * P, 2, 2);
        randomise(c, N * P, 3, 1);
        randomise(d, N * Q, 4, 1);
        for (int side = 0; side < 2; side++) {
            back_end[side]->attention_forward(back_end[side], &t, a, b, c, x[side], lse[side]);
            back_end[side]->attention_backward(back_end[side], &t, a, b, c, x[0], lse[0], d,
                                               y[side], z[side], dv[side]);
        }
        agree("attention", x, N * Q, 1e-5);
        agree("attention lse", lse, N * t.H, 1e-5);
        known_rows_agree(&t);
        agree("attention dq", y, N * Q, 5e-5);
        agree("attention dk", z, N * P, 5e-5);
        agree("attention dv", dv, N * P, 5e-5);
        const int64_t length[] = {1, 65, 130}, first[] = {7, 3, 0};
        const wg_decode_attention one = {.B = 3,
                                         .H = t.H,
                                         .K = t.K,
                                         .h = t.h,
                                         .longest = 130,
                                         .length = length,
                                         .first = first,
                                         .key = b,
                                         .value = c,
                                         .scale = 0.4f,
                                         .window = t.window,
                                         .chunked = chunked,
                                         .cap = t.cap};
        for (int side = 0; side < 2; side++)
            back_end[side]->attention_decode(back_end[side], &one, a, w[side]);
        agree("attention decode", w, 3 * Q, 1e-5);
    }
}

static void check_cross_entropy(float cap)
{
    static const int32_t target[] = {0, 36, 12, 5, 30};
    enum { M = 5, V = 37, FIRST = 20 };

    randomise(a, M * V, 1, 40);
    if (cap > 0)
        wg_ops_ref.softcap(&wg_ops_ref, M, V, cap, a, V);
    for (int i = 0; i < 2; i++) {
        for (int m = 0; m < M; m++) {
            y[i][m] = -INFINITY;
            z[i][m] = w[i][m] = 0;
        }
        back_end[i]->xent_forward(back_end[i], M, 0, FIRST, a, V, target, y[i], z[i], w[i]);
        back_end[i]->xent_forward(back_end[i], M, FIRST, V - FIRST, a + FIRST, V, target, y[i],
                                  z[i], w[i]);
        memcpy(x[i], a, sizeof(float) * M * V);
        for (int m = 0; m < M; m++)
            b[m] = y[0][m] + logf(z[0][m]);
        randomise(c, M, 9, 1);
        back_end[i]->xent_backward(back_end[i], M, 0, V, x[i], V, target, b, c, cap);
    }
    agree("maximum", y, M, 0);
    agree("sum", z, M, 1e-6);
    agree("picked", w, M, 0);
    agree("gradient", x, M * V, 1e-6);
}

static void cross_entropy_agrees_and_survives_large_logits(void **state)
{
    (void)state;
    check_cross_entropy(0);
    check_cross_entropy(30);
}

static void check_rope(bool neighbours)
{
    static const int32_t position[] = {0, 3, 1, 7, 2};
    enum { N = 5, HEADS = 3, KEYS = 2, H = 10 };

    randomise(a, N * HEADS * H, 1, 1);
    randomise(d, N * KEYS * H, 2, 1);
    for (int i = 0; i < 8 * H / 2; i++) {
        b[i] = cosf((float)i);
        c[i] = sinf((float)i);
    }
    for (int r = 4; r <= H; r += 6) {
        for (int i = 0; i < 2; i++) {
            memcpy(x[i], a, sizeof(float) * N * HEADS * H);
            memcpy(y[i], d, sizeof(float) * N * KEYS * H);
            back_end[i]->rope(back_end[i], N, HEADS, KEYS, H, r, neighbours, position, b, c, 1,
                              x[i], y[i]);
        }
        agree("rope of queries", x, N * HEADS * H, 1e-6);
        agree("rope of keys", y, N * KEYS * H, 1e-6);
        wg_ops_cpu.rope(&wg_ops_cpu, N, HEADS, KEYS, H, r, neighbours, position, b, c, -1, x[1],
                        y[1]);
        assert_true(worst(x[1], a, N * HEADS * H) < 1e-6);
        assert_true(worst(y[1], d, N * KEYS * H) < 1e-6);
    }
}

static void rope_turns_back(void **state)
{
    (void)state;
    check_rope(false);
    check_rope(true);
}

static void clipping_stops_values_and_gradients(void **state)
{
    (void)state;
    both(x, MOST, 1);
    both(y, MOST, 2);
    x[0][5] = x[1][5] = 0.5f; /* at the limit already */
    for (int i = 0; i < 2; i++) {
        back_end[i]->clip(back_end[i], MOST, 0.5f, x[i]);
        back_end[i]->clip_backward(back_end[i], MOST, 0.5f, x[i], y[i]);
    }
    agree("clipped", x, MOST, 0);
    agree("gradient of clipped", y, MOST, 0);
    for (int64_t i = 0; i < MOST; i++)
        assert_true(fabsf(x[1][i]) <= 0.5f && (fabsf(x[1][i]) < 0.5f) == (y[1][i] != 0));
}

static void overlays_and_embeddings_agree(void **state)
{
    enum { N = 3 * WG_OVERLAY_BLOCK + 77 };
    static uint64_t bits[N / 64 + 1];
    static const int32_t ids[] = {3, 0, 3, 2};
    int64_t rank[N / WG_OVERLAY_BLOCK + 1], n = 0;

    (void)state;
    for (int64_t i = 0; i < N; i++) {
        if (i % WG_OVERLAY_BLOCK == 0)
            rank[i / WG_OVERLAY_BLOCK] = n;
        if (wg_random(3, 1, (uint64_t)i) % 3 == 0) {
            bits[i / 64] |= (uint64_t)1 << (i % 64);
            n++;
        }
    }
    randomise(a, n, 1, 1);
    both(x, N, 2);
    both(y, 4 * 100, 3);
    randomise(b, 4 * 100, 4, 1);
    for (int i = 0; i < 2; i++) {
        back_end[i]->overlay(back_end[i], 0, N, bits, rank, a, x[i]);
        back_end[i]->embed_backward(back_end[i], 4, 100, ids, b, y[i]);
    }
    agree("overlay", x, N, 0);
    for (int i = 0; i < 2; i++) {
        both(z, n, 5);
        back_end[i]->gather(back_end[i], 1, &(wg_gather){0, N, bits, rank, x[0], z[i]});
        assert_memory_equal(z[i], a, sizeof(float) * (size_t)n);
        both(z, n, 5); /* in ranges with arbitrary bounds */
        for (int64_t at = 0, some = 1; at < N; at += some, some = 3 * some + 1) {
            some = N - at < some ? N - at : some;
            memset(w[i], 0, sizeof(float) * (size_t)some);
            back_end[i]->overlay(back_end[i], at, some, bits, rank, a, w[i]);
            for (int64_t k = 0; k < some; k++)
                assert_true(w[i][k] ==
                            (bits[(at + k) / 64] >> ((at + k) % 64) & 1 ? x[0][at + k] : 0));
            back_end[i]->gather(back_end[i], 1,
                                &(wg_gather){at, some, bits, rank, x[0] + at, z[i]});
        }
        assert_memory_equal(z[i], a, sizeof(float) * (size_t)n);
    }
    agree("embedding", y, 4 * 100, 1e-6);
}

static void panels_have_stored_and_selected_weights_rounded(void **state)
{
    enum { N = 2 * WG_OVERLAY_BLOCK + 91, FIRST = 1234, SOME = WG_OVERLAY_BLOCK + 500 };
    static uint64_t bits[N / 64 + 1];
    static char stored[4 * N + 1];
    static uint16_t halves[N];
    static const wg_dtype to[] = {WG_F32, WG_BF16};
    int64_t rank[N / WG_OVERLAY_BLOCK + 1];

    (void)state;
    for (int64_t i = 0, n = 0; i < N; i++) {
        if (i % WG_OVERLAY_BLOCK == 0)
            rank[i / WG_OVERLAY_BLOCK] = n;
        if (wg_random(3, 1, (uint64_t)i) % 3 == 0) {
            bits[i / 64] |= (uint64_t)1 << (i % 64);
            n++;
        }
    }
    randomise(a, N, 1, 1);            /* stored */
    randomise(b, N, 2, 1);            /* selected */
    for (int64_t i = 0; i < N; i++) { /* values that bf16 has */
        halves[i] = wg_float_bf16(b[i]);
        b[i] = wg_bf16_float(halves[i]);
    }
    for (int type = WG_F32; type <= WG_BF16; type++)
        for (int kind = 0; kind < 10; kind++) {
            const int how = kind < 6 ? kind / 2 : kind / 2 - 2; /* none is selected, some, all */
            const bool half = kind >= 6;                        /* those that are, in bf16 */
            const wg_weights of = {(wg_dtype)type,
                                   stored + 1,
                                   how == 1 ? bits : NULL,
                                   rank,
                                   how > 0 && !half ? b : NULL,
                                   half ? halves : NULL};
            wg_from_float((wg_dtype)type, a, N, stored + 1);
            wg_to_float((wg_dtype)type, stored + 1, N, c);
            for (int64_t i = 0, at = 0; i < N; i++) {
                const bool selected = how == 2 || (how == 1 && bits[i / 64] >> (i % 64) & 1);
                c[i] = selected ? b[at++] : c[i];
            }
            wg_from_float(to[kind % 2], c, N, d);
            const size_t size = wg_dtype_size(to[kind % 2]);
            const char *want = (const char *)d + FIRST * size;
            for (int i = 0; i < 2; i++) {
                const wg_panel two[] = {{of, FIRST, SOME, to[kind % 2], x[i]},
                                        {of, 0, 7, to[kind % 2], y[i]}};
                back_end[i]->fill_panels(back_end[i], 2, two);
                assert_memory_equal(x[i], want, SOME * size);
                assert_memory_equal(y[i], d, 7 * size);
            }
        }
}

static void the_optimizer_agrees(void **state)
{
    static const wg_adamw_step step = {0.5f,  0.9f, 0.999f, 0.1f, 0.001f, 0.99f,
                                       1e-2f, 1000, 1e-8f,  0,    0.0316f};
    static const int64_t sizes[] = {1, 17, 1000, MOST};

    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t n = sizes[s];
        randomise(a, n, 6, 1);
        both(x, n, 7);
        randomise(y[0], n, 8, 1);
        for (int64_t i = 0; i < n; i++)
            y[0][i] = y[1][i] = y[0][i] * y[0][i];
        both(z, n, 9);
        for (int i = 0; i < 2; i++)
            back_end[i]->adamw(back_end[i], &step, n, a, x[i], y[i], z[i]);
        agree("first moment", x, n, 1e-6);
        agree("second moment", y, n, 1e-6);
        agree("value", z, n, 1e-6);
        for (int i = 0; i < 2; i++) {
            const float *other = i == 0 ? a : z[0];
            double dot[2], own[2];
            for (int side = 0; side < 2; side++)
                back_end[side]->dot(back_end[side], n, a, other, &dot[side]);
            wg_ops_ref.dot(&wg_ops_ref, n, a, a, &own[0]);
            wg_ops_ref.dot(&wg_ops_ref, n, other, other, &own[1]);
            const double size = sqrt(own[0] * own[1]);
            assert_true(fabs(dot[0] - dot[1]) <= 1e-12 * size);
        }
    }
}

static void the_other_rules_agree(void **state)
{
    static const wg_adamw_step step = {0.5f,  0.9f, 0.99f, 0.1f,  0.01f, 0.99f,
                                       1e-2f, 1,    1e-3f, 0.05f, 1};
    const int64_t n = MOST;

    (void)state;
    randomise(a, n, 6, 1);
    for (int rule = WG_RULE_SGD; rule <= WG_RULE_SOPHIA; rule++) {
        both(x, n, 7);
        both(y, n, 8);
        both(z, n, 9);
        for (int i = 0; i < 2; i++) {
            for (int64_t k = 0; k < n; k++)
                y[i][k] *= y[i][k];
            back_end[i]->square_average(back_end[i], n, 0.9f, 0.1f, a, y[i]);
            back_end[i]->update(back_end[i], (wg_rule)rule, &step, false, 7, n, a, x[i], y[i],
                                z[i]);
        }
        agree("curvature", y, n, 1e-6);
        agree("moment", x, n, 1e-6);
        agree("value", z, n, 1e-6);
    }
}

/* A row of the softmax sums to its scale; dot products, runner-up and soft gradients agree. */
static void distributions_agree(void **state)
{
    enum { M = 5, V = 700, LD = 711 };
    static const int32_t target[M] = {0, 3, 699, -100, 350};
    float lse[M], scale[M], most[2][M];
    double sum[2][M] = {{0}};
    int32_t which[2][M];

    (void)state;
    randomise(lse, M, 1, 1);
    randomise(scale, M, 2, 1);
    randomise(a, (int64_t)M * V, 3, 1e-3);
    both(x, (int64_t)M * LD, 4);
    both(y, (int64_t)M * LD, 5);
    for (int i = 0; i < 2; i++) {
        for (int m = 0; m < M; m++)
            most[i][m] = -INFINITY;
        x[i][17] = -INFINITY; /* an excluded token */
        back_end[i]->softmax(back_end[i], M, V, lse, scale, x[i], LD);
        back_end[i]->dot_rows(back_end[i], M, V, x[i], LD, y[i], LD, sum[i]);
        back_end[i]->runner_up(back_end[i], M, 10, V, y[i], LD, target, most[i], which[i]);
        back_end[i]->xent_soft_backward(back_end[i], M, V, y[i], LD, a, lse, scale, 30.0f);
    }
    agree("softmax", x, (int64_t)M * LD, 1e-6);
    agree("soft gradient", y, (int64_t)M * LD, 1e-5);
    assert_true(x[1][17] == 0);
    for (int m = 0; m < M; m++) {
        assert_true(fabs(sum[0][m] - sum[1][m]) <= 1e-5 * fabs(sum[0][m]) + 1e-6);
        assert_true(most[0][m] == most[1][m] && which[0][m] == which[1][m]);
    }
}

static void squares_of_sequences_agree(void **state)
{
    enum { O = 150, I = 300, T = 61 };
    static const int64_t start[] = {0, 7, 7, 8, 40, T};

    (void)state;
    randomise(a, (int64_t)T * O, 1, 1);
    randomise(b, (int64_t)T * I, 2, 1);
    both(x, (int64_t)O * I, 3);
    both(y, (int64_t)O * I, 4);
    for (int add = 0; add < 2; add++) {
        for (int i = 0; i < 2; i++)
            back_end[i]->gemm_squares(back_end[i], 5, start, O, I, a, O, b, I, add, x[i], y[i]);
        agree("sum", x, (int64_t)O * I, 1e-4);
        agree("squares", y, (int64_t)O * I, 1e-3);
    }
    for (int i = 0; i < 2; i++)
        back_end[i]->gemm_squares(back_end[i], 5, start, O, I, a, O, b, I, false, NULL, y[i]);
    agree("squares alone", y, (int64_t)O * I, 1e-3);
}

static void moments_in_bf16_keep_their_mean(void **state)
{
    enum { N = 100000 };
    static const wg_adamw_step step = {1, 0.5f, 0.5f, 0.5f, 0.5f, 1, 1e-2f, 1, 1e-8f, 0, 1};
    static uint16_t m[2][N], v[2][N];
    double mean = 0;

    (void)state;
    for (int i = 0; i < N; i++) {
        a[i] = 2.0078125f; /* half of it is midway between two bf16 numbers */
        x[0][i] = x[1][i] = 1;
    }
    for (int i = 0; i < 2; i++)
        back_end[i]->adamw_bf16(back_end[i], &step, 7, N, a, m[i], v[i], x[i]);
    agree("value", x, N, 1e-6);
    for (int i = 0; i < N; i++) {
        assert_true(m[1][i] == 0x3F80 || m[1][i] == 0x3F81);
        mean += (double)wg_bf16_float(m[1][i]) / N;
    }
    assert_memory_equal(m[0], m[1], sizeof m[0]);
    assert_true(fabs(mean - 1.00390625) < 1e-4);
}

/* The bits of both are equal: each operation is rounded in the same order. */
static void weights_in_bf16_get_equal_bits(void **state)
{
    static const wg_adamw_step step = {0.5f,  0.9f, 0.999f, 0.1f, 0.001f, 0.99f,
                                       1e-2f, 1000, 1e-8f,  0,    0.0316f};
    enum { N = 5003 };
    static uint16_t m[2][N], v[2][N], value[2][N], nearest[2][N], random[2][N];
    double mean = 0;

    (void)state;
    randomise(a, N, 6, 1);
    randomise(b, N, 7, 1);
    for (int i = 0; i < 2; i++)
        for (int64_t k = 0; k < N; k++) {
            m[i][k] = wg_float_bf16(a[N - 1 - k]);
            v[i][k] = wg_float_bf16(b[k] * b[k]);
            value[i][k] = wg_float_bf16(b[k]);
        }
    for (int i = 0; i < 2; i++) {
        back_end[i]->adamw_in_bf16(back_end[i], &step, N, a, m[i], v[i], value[i]);
        back_end[i]->narrow(back_end[i], false, 0, N, b, nearest[i]);
        back_end[i]->narrow(back_end[i], true, 7, N, b, random[i]);
    }
    assert_memory_equal(m[0], m[1], sizeof m[0]);
    assert_memory_equal(v[0], v[1], sizeof v[0]);
    assert_memory_equal(value[0], value[1], sizeof value[0]);
    assert_memory_equal(nearest[0], nearest[1], sizeof nearest[0]);
    assert_memory_equal(random[0], random[1], sizeof random[0]);
    for (int64_t k = 0; k < N; k++) {
        assert_int_equal(nearest[0][k], wg_float_bf16(b[k]));
        assert_true(fabsf(wg_bf16_float(random[0][k]) - b[k]) < fabsf(b[k]) / 128);
        a[k] = 1.001953125f; /* a quarter of the way between two */
    }
    back_end[1]->narrow(back_end[1], true, 9, N, a, random[0]);
    for (int64_t k = 0; k < N; k++)
        mean += (double)wg_bf16_float(random[0][k]) / N;
    assert_true(fabs(mean - 1.001953125) < 2e-4);
}

static void sixteen_bit_floats_round_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = wg_f16_float((uint16_t)h), g = wg_bf16_float((uint16_t)h);
        if (f == f)
            assert_int_equal(wg_float_f16(f), h);
        if (g == g)
            assert_int_equal(wg_float_bf16(g), h);
    }
    assert_int_equal(wg_float_bf16(1.00390625f), 0x3F80); /* a tie rounds to even */
    assert_int_equal(wg_float_bf16(1.01171875f), 0x3F82);
    assert_int_equal(wg_float_f16(1.00048828125f), 0x3C00);
    assert_int_equal(wg_float_f16(65520.0f), 0x7C00);
    assert_int_equal(wg_float_f16(65519.0f), 0x7BFF);
    assert_int_equal(wg_float_f16(0x1p-25f), 0);
    assert_int_equal(wg_float_f16(0x1.8p-25f), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_agrees_on_every_unit),
        cmocka_unit_test(products_of_bf16_round_the_other_factor),
        cmocka_unit_test(panels_have_stored_and_selected_weights_rounded),
        cmocka_unit_test(the_bits_of_a_product_depend_on_its_row_and_column_alone),
        cmocka_unit_test(matvec_agrees_whatever_the_type_and_the_rows_beside),
        cmocka_unit_test(norms_agree),
        cmocka_unit_test(activations_agree_over_the_whole_range),
        cmocka_unit_test(softcaps_agree_over_the_whole_range),
        cmocka_unit_test(attention_agrees),
        cmocka_unit_test(cross_entropy_agrees_and_survives_large_logits),
        cmocka_unit_test(rope_turns_back),
        cmocka_unit_test(clipping_stops_values_and_gradients),
        cmocka_unit_test(overlays_and_embeddings_agree),
        cmocka_unit_test(the_optimizer_agrees),
        cmocka_unit_test(the_other_rules_agree),
        cmocka_unit_test(distributions_agree),
        cmocka_unit_test(squares_of_sequences_agree),
        cmocka_unit_test(moments_in_bf16_keep_their_mean),
        cmocka_unit_test(weights_in_bf16_get_equal_bits),
        cmocka_unit_test(sixteen_bit_floats_round_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, use_two_threads, end_threads);
}
