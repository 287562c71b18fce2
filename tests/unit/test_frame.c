/* Resampling of rows: intervals agree with theory, pairs stay together, results depend on the seed.
 * Also quantisation to block formats, which agrees with ggml. */
#include "support.h"

#include "base/number.h"
#include "gguf/reader.h"
#include "gguf/writer.h"
#include "metric/frame.h"
#include "metric/statistics.h"
#include "modeldir/fake_quant.h"

static wagle_status means(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    for (int64_t i = 0; i < f->n; i++) {
        const wg_column *c = &f->column[i];
        WG_TRY(wg_measures_add(ctx, out, wg_mean(c->value, c->n), c->n, "%s.%s", c->set, c->name));
    }
    return WAGLE_OK;
}

static void normal_rows(wagle_ctx *ctx, wg_frame *f, double shift)
{
    for (uint64_t i = 0; i < 400; i++) {
        const double x = wg_random_normal(5, 1, i);
        assert_ok(ctx, wg_frame_add(ctx, f, "a", "x", x + shift));
        assert_ok(ctx, wg_frame_add(ctx, f, "a", "twice", 2 * x));
    }
}

static void intervals_of_a_mean_are_those_of_theory(void **state)
{
    wagle_ctx *ctx = new_context();
    wg_frame f = {0};
    wg_measures m = {0}, again = {0}, other = {0};

    (void)state;
    normal_rows(ctx, &f, 0);
    assert_ok(ctx, wg_bootstrap(ctx, &f, means, 2000, 1, &m));
    assert_ok(ctx, wg_bootstrap(ctx, &f, means, 2000, 1, &again));
    assert_ok(ctx, wg_bootstrap(ctx, &f, means, 2000, 2, &other));
    /* half of the interval is 1.96 / sqrt(400), times a standard deviation near 1 */
    const wg_measure *x = wg_measures_find(&m, "a.x"), *twice = wg_measures_find(&m, "a.twice");
    assert_true(fabs((x->high - x->low) / 2 - 1.96 / 20) < 0.01);
    assert_true(fabs(twice->low - 2 * x->low) < 1e-12); /* a row is drawn with all its columns */
    assert_true(again.measure[0].low == x->low && other.measure[0].low != x->low);
    assert_int_equal(x->n, 400);
    wg_measures_free(&m);
    wg_measures_free(&again);
    wg_measures_free(&other);
    wg_frame_free(&f);
    wagle_ctx_free(ctx);
}

static void differences_pair_rows(void **state)
{
    wagle_ctx *ctx = new_context();
    wg_frame a = {0}, b = {0};
    wg_measures d = {0};

    (void)state;
    normal_rows(ctx, &a, 0);
    normal_rows(ctx, &b, 0.01); /* much less than the interval of either mean */
    const wg_frame *const seeds[] = {&a, &b};
    const wg_side one = {seeds, 1}, other = {seeds + 1, 1}, both = {seeds, 2};
    assert_ok(ctx, wg_bootstrap_difference(ctx, &one, &other, means, 500, 1, &d));
    const wg_measure *x = wg_measures_find(&d, "a.x"), *twice = wg_measures_find(&d, "a.twice");
    assert_true(fabs(x->value - 0.01) < 1e-9);
    assert_true(x->low > 0.0099 && x->high < 0.0101 && x->p < 0.01);
    assert_true(twice->low == 0 && twice->high == 0 && twice->p == 1);
    wg_measures_free(&d);
    /* seeds a and b against a: half of the difference; the seeds are resampled too */
    assert_ok(ctx, wg_bootstrap_difference(ctx, &one, &both, means, 500, 1, &d));
    assert_true(fabs(wg_measures_find(&d, "a.x")->value - 0.005) < 1e-9);
    assert_true(fabs(wg_measures_find(&d, "a.x")->low) < 1e-9);
    assert_true(fabs(wg_measures_find(&d, "a.x")->high - 0.01) < 1e-9);
    wg_measures_free(&d);
    wg_frame_free(&a);
    wg_frame_free(&b);
    wagle_ctx_free(ctx);
}

static void eight_bit_rounding_is_that_of_the_file_format(void **state)
{
    enum { N = 512 };
    float x[N], file[N];
    unsigned char bytes[N / 32 * 34];

    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = i / 32 == 3 ? 0 : (float)wg_random_normal(7, 2, (uint64_t)i);
    wg_ggml_quantise(WG_GGML_Q8_0, x, N, bytes);
    wg_gguf_dequantise(&(wg_gguf_tensor){.type = WG_GGML_Q8_0, .data = bytes, .count = N}, 0, N,
                       file);
    wg_block_round(WG_BLOCK_Q8_0, N, x);
    assert_memory_equal(x, file, sizeof x);
}

static void four_bit_rounding_keeps_sixteen_steps(void **state)
{
    float x[64] = {0}, was[64];

    (void)state;
    for (int i = 0; i < 32; i++)
        x[i] = was[i] = (float)wg_random_normal(9, 3, (uint64_t)i);
    wg_block_round(WG_BLOCK_Q4_0, 64, x);
    float most = 0;
    for (int i = 0; i < 32; i++)
        most = fabsf(was[i]) > fabsf(most) ? was[i] : most;
    const float step = wg_f16_float(wg_float_f16(most / -8));
    for (int i = 0; i < 32; i++) {
        const float steps = x[i] / step;
        assert_true(fabsf(steps - roundf(steps)) < 1e-4f && steps >= -8 && steps <= 7);
        assert_true(fabsf(x[i] - was[i]) <= 0.51f * fabsf(step) || steps == 7);
    }
    for (int i = 32; i < 64; i++)
        assert_true(x[i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_of_a_mean_are_those_of_theory),
        cmocka_unit_test(differences_pair_rows),
        cmocka_unit_test(eight_bit_rounding_is_that_of_the_file_format),
        cmocka_unit_test(four_bit_rounding_keeps_sixteen_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
