/* Leak@k, the aggregates of OpenUnlearning, and Min-k % at any percentage. Numbers are worked out
 * by hand, or counted over all choices of samples. */
#include "support.h"

#include "metric/aggregate.h"
#include "metric/membership.h"

static void near(double value, double want, double tolerance)
{
    if (!(fabs(value - want) <= tolerance))
        fail_msg("%.17g, %.17g expected", value, want);
}

static double highest(wagle_ctx *ctx, const double *x, int64_t n, int64_t k)
{
    double out;

    assert_ok(ctx, wg_expected_highest(ctx, x, n, k, &out));
    return out;
}

static void the_expected_highest_is_the_mean_over_all_choices(void **state)
{
    static const double few[] = {0.2, 0.8, 0.5, 0.1};
    static const double x[] = {0.31, 0.02, 0.77, 0.77, 0.5, 0.0, 0.94, 0.12, 0.5};
    enum { N = sizeof x / sizeof *x };
    wagle_ctx *ctx = new_context();

    (void)state;
    near(highest(ctx, few, 4, 1), 0.4, 1e-15);
    near(highest(ctx, few, 4, 2), 0.6, 1e-15);
    near(highest(ctx, few, 4, 3), 0.725, 1e-15);
    near(highest(ctx, few, 4, 4), 0.8, 1e-15);
    for (int k = 1; k <= N; k++) {
        double sum = 0;
        int choices = 0;
        for (unsigned chosen = 0; chosen < 1U << N; chosen++) {
            double most = 0;
            int size = 0;
            for (int i = 0; i < N; i++)
                if (chosen >> i & 1U) {
                    most = fmax(most, x[i]);
                    size++;
                }
            sum += size == k ? most : 0;
            choices += size == k;
        }
        near(highest(ctx, x, N, k), sum / choices, 1e-14);
    }
    wagle_ctx_free(ctx);
}

static void with_right_and_wrong_it_is_pass_at_k(void **state)
{
    double x[200] = {0, 1, 0, 0, 1, 0, 1, 0, 0, 0}, *many = calloc(100000, sizeof *many);
    wagle_ctx *ctx = new_context();

    (void)state;
    near(highest(ctx, x, 10, 4), 1 - 35.0 / 210, 1e-15); /* 1 - C(7, 4) / C(10, 4) */
    near(highest(ctx, x, 10, 8), 1, 1e-15);
    x[4] = x[6] = 0;
    near(highest(ctx, x, 200, 128), 128.0 / 200, 1e-13);
    assert_non_null(many);
    for (int i = 0; i < 100000; i++)
        many[i] = 0.7;
    near(highest(ctx, many, 100000, 50000), 0.7, 1e-10);
    near(highest(ctx, many, 100000, 1), 0.7, 1e-10);
    free(many);
    wagle_ctx_free(ctx);
}

static void memorisation_is_the_harmonic_mean_of_what_is_not_known(void **state)
{
    (void)state;
    /* 4 / (1/0.75 + 1/0.5 + 1/0.8 + 1/0.4) = 4 / (85/12) */
    near(wg_memorisation(0.25, 0.5, 0.2, 0.6), 48.0 / 85, 1e-15);
    near(wg_memorisation(0, 0, 0, 0), 1, 1e-15);
    near(wg_memorisation(0.25, 1, 0.2, 0.6), 0, 0);
    near(wg_truth_share(log(4), log(2)), 0.25 / (0.75 + 1e-10), 1e-15);
    near(wg_truth_share(100, 100), exp(-100) / (2 * exp(-100) + 1e-10), 1e-45);
}

static void min_k_takes_the_rounded_down_share_and_at_least_one(void **state)
{
    static const double five[] = {-3, -1, -5, -2, -4};
    static const struct {
        int percent;
        double score;
    } of[] = {{1, 5}, {20, 5}, {30, 5}, {40, 4.5}, {59, 4.5}, {60, 4}, {100, 3}};
    double hundred[100], score;
    wagle_ctx *ctx = new_context();

    (void)state;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        assert_ok(ctx, wg_min_k(ctx, five, 5, of[i].percent / 100.0, &score));
        near(score, of[i].score, 1e-15);
    }
    for (int i = 0; i < 100; i++)
        hundred[i] = -(double)(i + 1);
    assert_ok(ctx, wg_min_k(ctx, hundred, 100, 29 / 100.0, &score));
    near(score, 86.5, 1e-12); /* 28 tokens, as int(100 * 0.29) of Python */
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_expected_highest_is_the_mean_over_all_choices),
        cmocka_unit_test(with_right_and_wrong_it_is_pass_at_k),
        cmocka_unit_test(memorisation_is_the_harmonic_mean_of_what_is_not_known),
        cmocka_unit_test(min_k_takes_the_rounded_down_share_and_at_least_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
