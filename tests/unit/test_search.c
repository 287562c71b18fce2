/* The search for a learning rate, on simulated runs. */
#include "support.h"

#include "train/secant.h"
#include <math.h>

/* The work of a run at a rate, as a multiple of the target. */
typedef double response(double rate);

static double inverse(double rate)
{
    return 3e-5 / rate;
}

/* At high rates, updates are less effective than in proportion to the rate. */
static double flattening(double rate)
{
    return 0.4 + 0.6 * pow(2e-3 / rate, 1.5);
}

static double steep(double rate)
{
    return pow(1e-6 / rate, 3);
}

/* Number of tries until the work is within 10 %; 9 means more than eight. Rates from `broken` on
 * fail. */
static int tries(response *work, double start, double broken)
{
    wg_tried list[8] = {0};

    for (int n = 0; n < 8; n++) {
        const double rate = wg_search_next(list, n, start), real = work(rate);
        assert_true(rate > 0 && isfinite(rate));
        for (int i = 0; i < n; i++)
            assert_true(rate != list[i].rate);
        list[n] = (wg_tried){rate, real, real < 1.1, rate >= broken};
        if (!list[n].stopped)
            list[n].work = fmin(3, 0.5 + 0.7 * real); /* a poor estimate */
        if (!list[n].failed && fabs(real - 1) < 0.1)
            return n + 1;
    }
    return 9;
}

static void where_work_is_inverse_to_the_rate_two_or_three_tries_do(void **state)
{
    (void)state;
    assert_int_equal(tries(inverse, 3e-5, INFINITY), 1);
    assert_int_equal(tries(inverse, 1e-4, INFINITY), 2);
    assert_true(tries(inverse, 2e-5, INFINITY) <= 3);
    assert_true(tries(inverse, 1e-5, INFINITY) <= 4);
    assert_true(tries(inverse, 1e-3, INFINITY) <= 4);
}

static void other_slopes_are_found(void **state)
{
    (void)state;
    assert_true(tries(flattening, 1e-4, INFINITY) <= 6);
    assert_true(tries(flattening, 1e-2, INFINITY) <= 5);
    assert_true(tries(steep, 1e-7, INFINITY) <= 7);
    assert_true(tries(steep, 1e-5, INFINITY) <= 7);
}

/* If all tries were too slow to measure, the search continues from the highest rate. */
static void a_start_that_is_far_too_slow_is_left(void **state)
{
    (void)state;
    assert_true(tries(inverse, 1e-7, INFINITY) <= 8);
    assert_true(tries(flattening, 1e-5, INFINITY) <= 8);
}

static void rates_that_fail_are_too_high(void **state)
{
    (void)state;
    assert_true(tries(inverse, 1e-3, 1e-4) <= 6);
    assert_true(tries(flattening, 1e-1, 3e-3) <= 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_work_is_inverse_to_the_rate_two_or_three_tries_do),
        cmocka_unit_test(other_slopes_are_found),
        cmocka_unit_test(a_start_that_is_far_too_slow_is_left),
        cmocka_unit_test(rates_that_fail_are_too_high),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
