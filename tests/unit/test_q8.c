/* Matrices in 8 bits: how they are rounded, and products with few rows on every unit. */
#include "support.h"

#include "base/number.h"
#include "two_threads.h"

enum { MOST = 40000 };
static float w[MOST], x[MOST], y[2][MOST];
static _Alignas(64) char eight[2][2 * MOST];

/* Rows of x, outputs, inputs. */
static const int64_t shapes[][3] = {{1, 1, 1},   {1, 33, 70}, {2, 9, 16},    {3, 17, 31},
                                    {4, 16, 32}, {5, 18, 33}, {7, 3, 4103},  {9, 40, 96},
                                    {16, 5, 64}, {6, 20, 65}, {1, 100, 200}, {8, 19, 160}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void randomise(float *v, int64_t n, uint64_t stream)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)wg_random_normal(23, stream, (uint64_t)i);
}

static int use_two_threads(void **state)
{
    (void)state;
    return open_at(WAGLE_PRECISION_F32);
}

static float scale_of(const char *W, int64_t O, int64_t I, int64_t o, int64_t i)
{
    float scale;

    memcpy(&scale, W + wg_q8_scales(O, I) + (o * wg_q8_blocks(I) + i / 32) * 4, sizeof scale);
    return scale;
}

static void every_weight_becomes_the_nearest_of_255_steps(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (int type = WG_F32; type <= WG_BF16; type++) {
            const int64_t O = shapes[s][1], I = shapes[s][2];
            char stored[4 * MOST + 2], *at = stored + 2; /* unaligned for floats */
            randomise(w, O * I, s);
            wg_from_float((wg_dtype)type, w, O * I, at);
            wg_to_float((wg_dtype)type, at, O * I, w);
            cpu.quantise(&cpu, (wg_dtype)type, at, false, O, I, eight[0]);
            for (int64_t o = 0; o < O; o++)
                for (int64_t first = 0; first < I; first += 32) {
                    const int64_t n = I - first < 32 ? I - first : 32;
                    const float *block = w + o * I + first;
                    const float scale = scale_of(eight[0], O, I, o, first);
                    assert_true(scale == (float)largest(block, n) / 127);
                    for (int64_t i = 0; i < n; i++) {
                        const double q = (double)eight[0][o * I + first + i];
                        assert_true(fabs(q) <= 127);
                        assert_true(fabs(q - (double)block[i] / (double)scale) <= 0.50002);
                    }
                }
        }
}

static void a_transposed_matrix_is_rounded_along_its_columns(void **state)
{
    const int64_t O = 37, I = 70;
    uint16_t plain[37 * 70], turned[37 * 70];

    (void)state;
    randomise(w, O * I, 1);
    wg_from_float(WG_BF16, w, O * I, plain);
    for (int64_t o = 0; o < O; o++)
        for (int64_t i = 0; i < I; i++)
            turned[i * O + o] = plain[o * I + i];
    memset(eight, 0, sizeof eight);
    cpu.quantise(&cpu, WG_BF16, plain, false, O, I, eight[0]);
    cpu.quantise(&cpu, WG_BF16, turned, true, O, I, eight[1]);
    assert_memory_equal(eight[0], eight[1], (size_t)wg_q8_bytes(O, I));
}

static void blocks_of_zeros_tiny_numbers_and_infinities(void **state)
{
    enum { I = 3 * 32 };

    (void)state;
    memset(w, 0, I * sizeof *w);
    w[40] = -1e-40f;
    w[70] = INFINITY;
    cpu.quantise(&cpu, WG_F32, w, false, 1, I, eight[0]);
    assert_true(scale_of(eight[0], 1, I, 0, 0) == 0 && scale_of(eight[0], 1, I, 0, 40) == 0);
    assert_true(isnan(scale_of(eight[0], 1, I, 0, 70)));
    w[70] = 3e38f;
    cpu.quantise(&cpu, WG_F32, w, false, 1, I, eight[0]);
    assert_true(eight[0][70] == 127 && scale_of(eight[0], 1, I, 0, 70) == 3e38f / 127);
}

static void multiply(const wg_ops *ops, size_t s, bool add, float *to)
{
    const int64_t n = shapes[s][0], O = shapes[s][1], I = shapes[s][2];
    const wg_matvec two[] = {{WG_Q8, eight[0], O, to}, {WG_Q8, eight[0], O, to + n * O}};

    randomise(to, 2 * n * O, 3);
    ops->matvec(ops, 2, two, n, I, x, add);
}

static void fill(size_t s)
{
    const int64_t n = shapes[s][0], O = shapes[s][1], I = shapes[s][2];

    assert_true(O * I <= MOST && wg_q8_bytes(O, I) <= 2 * MOST && 2 * n * O <= MOST);
    randomise(w, O * I, 1);
    randomise(x, n * I, 2);
    cpu.quantise(&cpu, WG_F32, w, false, O, I, eight[0]);
}

static void products_agree_with_the_specification_on_every_unit(void **state)
{
    (void)state;
    for (int u = 0; u <= (int)wg_cpu_best_unit(); u++)
        for (size_t s = 0; s < 2 * SHAPES; s++) {
            const int64_t size = 2 * shapes[s / 2][0] * shapes[s / 2][1];
            fill(s / 2);
            cpu.kernels = &wg_cpu_kernels_of[u];
            multiply(&wg_ops_ref, s / 2, s & 1, y[0]);
            multiply(&cpu, s / 2, s & 1, y[1]);
            const double error = worst(y[0], y[1], size);
            if (!(error <= 1e-5 * fmax(1, largest(y[0], size))))
                fail_msg("%s, shape %zu: %g", wg_cpu_unit_names[u], s / 2, error);
        }
    cpu.kernels = NULL;
}

/* They do not depend on threads and on the rows beside; nor, from AVX2 on, on the unit. bf16's
 * products of stored weights round x; these never do. */
static void the_bits_are_those_of_one_row_on_one_thread(void **state)
{
    (void)state;
    for (int u = 0; u <= (int)wg_cpu_best_unit(); u++)
        for (size_t s = 0; s < SHAPES; s++) {
            const int64_t n = shapes[s][0], O = shapes[s][1], I = shapes[s][2];
            wg_ops alone = cpu, both = cpu;
            fill(s);
            both.kernels = &wg_cpu_kernels_of[u];
            both.panel_type = WG_BF16;
            multiply(&both, s, true, y[0]);
            alone.kernels = &wg_cpu_kernels_of[u >= WG_CPU_AVX2 ? WG_CPU_AVX2 : u];
            alone.pool = NULL;
            randomise(y[1], 2 * n * O, 3);
            for (int64_t t = 0; t < n; t++)
                alone.matvec(&alone, 1, &(wg_matvec){WG_Q8, eight[0], O, y[1] + t * O}, 1, I,
                             x + t * I, true);
            assert_memory_equal(y[0], y[1], (size_t)(n * O) * sizeof *y[0]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_weight_becomes_the_nearest_of_255_steps),
        cmocka_unit_test(a_transposed_matrix_is_rounded_along_its_columns),
        cmocka_unit_test(blocks_of_zeros_tiny_numbers_and_infinities),
        cmocka_unit_test(products_agree_with_the_specification_on_every_unit),
        cmocka_unit_test(the_bits_are_those_of_one_row_on_one_thread),
    };

    return cmocka_run_group_tests(tests, use_two_threads, end_threads);
}
