/* Paired tests against scipy 1.17.1 and statsmodels 0.15.0. The numbers come from
 *
 *   scipy.stats.t.cdf(t, df), scipy.stats.t.ppf(q, df)
 *   scipy.stats.permutation_test((d,), numpy.mean, permutation_type="samples",
 *                                n_resamples=numpy.inf).pvalue
 *   low, high = scipy.stats.t.interval(0.95, len(d) - 1, numpy.mean(d), scipy.stats.sem(d))
 *   statsmodels.stats.weightstats.ttost_paired(d, 0 * d, -0.02, 0.02)[0]
 *   statsmodels.stats.multitest.multipletests(p, method="holm")[1]
 */
#include "support.h"

#include "metric/paired.h"

static void near(double value, double want, double tolerance)
{
    if (!(fabs(value - want) <= tolerance))
        fail_msg("%.17g, %.17g expected", value, want);
}

static void students_distribution_is_that_of_scipy(void **state)
{
    static const struct {
        double t;
        int64_t df;
        double below;
    } at[] = {{0.5, 1, 0.64758361765043326},
              {-2.0, 2, 0.091751709536136983},
              {1.3, 7, 0.88261608230381139},
              {3.1, 12, 0.99540500181080438},
              {-0.7, 101, 0.24276827245999019}};

    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        near(wg_student(at[i].t, at[i].df), at[i].below, 1e-13);
    near(wg_student(INFINITY, 3), 1, 1e-15);
    near(wg_student_quantile(0.975, 1), 12.706204736174694, 1e-9);
    near(wg_student_quantile(0.975, 3), 3.1824463052837078, 1e-10);
    near(wg_student_quantile(0.975, 11), 2.2009851600916388, 1e-10);
    near(wg_student_quantile(0.95, 30), 1.6972608865939569, 1e-10);
}

static void pairs_are_tested_as_scipy_and_statsmodels_test_them(void **state)
{
    static const struct {
        int64_t n;
        double d[10], half, p, equivalence;
    } of[] = {
        {4, {0.12, 0.08, 0.2, 0.05}, 0.10342950492172051, 0.125, 0.9673424357499999},
        {5,
         {0.01, -0.004, 0.006, -0.002, 0.003},
         0.0071111691787975138,
         0.4375,
         0.001225928246308532},
        {6, {0.3, 0.2, 0.1, -0.1, -0.2, 0.4}, 0.24311296491391746, 0.34375, 0.82319605060842205},
        {3, {0.0, 0.0, 0.1}, 0.14342175765831541, 1, 0.63608276348795434},
        {10,
         {0.021, 0.035, -0.012, 0.04, 0.018, 0.027, -0.003, 0.009, 0.033, 0.0261},
         0.012054769757430875,
         0.01171875,
         0.45713507342514553},
    };

    (void)state;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const wg_paired t = wg_paired_test(of[i].d, of[i].n, 0.02, 0);
        assert_int_equal(t.n, of[i].n);
        near(t.half, of[i].half, 1e-12);
        near(t.p, of[i].p, 1e-15);
        near(t.equivalence, of[i].equivalence, 1e-12);
        near(t.smallest_p, pow(2, 1 - (double)t.n), 1e-18);
        assert_true(t.p >= t.smallest_p);
    }
}

/* The exact p of these 24 pairs, over all 2^24 patterns, is 0.45911682. */
static void more_than_20_pairs_are_sampled_by_the_seed(void **state)
{
    static const double d[] = {-0.028, -0.059, 0.005,  0.045,  0.088,  0.027, -0.013, -0.027,
                               0.065,  0.118,  0.036,  -0.054, -0.037, 0.116, 0.032,  -0.084,
                               0.015,  -0.05,  -0.018, -0.009, -0.023, 0.053, 0.016,  -0.015};
    const wg_paired a = wg_paired_test(d, 24, 0.02, 1), b = wg_paired_test(d, 24, 0.02, 1);
    const wg_paired c = wg_paired_test(d, 24, 0.02, 2);

    (void)state;
    near(a.p, 0.4591168165206909, 0.006); /* 3.8 standard errors of 100,000 draws */
    near(c.p, 0.4591168165206909, 0.006);
    assert_true(a.p == b.p && a.p != c.p);
    near(a.smallest_p, 1.0 / 100001, 1e-18);
    near(wg_paired_test(d, 20, 0.02, 1).smallest_p, pow(2, -19), 1e-18);
}

static void no_pair_has_no_statistics_and_one_pair_only_a_mean(void **state)
{
    static const double one = 0.3, same[] = {0.01, 0.01, 0.01};
    const wg_paired none = wg_paired_test(&one, 0, 0.02, 0),
                    single = wg_paired_test(&one, 1, 0.02, 0);

    (void)state;
    assert_true(isnan(none.mean) && isnan(none.p) && isnan(none.equivalence) && none.n == 0);
    assert_true(single.mean == one && single.p == 1 && single.smallest_p == 1);
    assert_true(isnan(single.half) && isnan(single.equivalence));
    /* differences without variance, inside the margin or not */
    assert_true(wg_paired_test(same, 3, 0.02, 0).equivalence == 0);
    assert_true(wg_paired_test(same, 3, 0.01, 0).equivalence == 1);
}

static void holms_correction_is_that_of_statsmodels(void **state)
{
    static const double p[3][5] = {
        {0.01, 0.04, 0.03, 0.005}, {0.125, 0.125, 0.25, 1.0, 0.5}, {0.02, 0.02, 0.9}};
    static const double want[3][5] = {
        {0.03, 0.06, 0.06, 0.02}, {0.625, 0.625, 0.75, 1.0, 1.0}, {0.06, 0.06, 0.9}};
    static const int64_t n[] = {4, 5, 3};
    const double gap[] = {0.01, NAN, 0.5};
    double out[5];

    (void)state;
    for (int i = 0; i < 3; i++) {
        wg_holm(p[i], n[i], out);
        for (int64_t k = 0; k < n[i]; k++)
            near(out[k], want[i][k], 1e-14);
    }
    wg_holm(gap, 3, out); /* a method without pairs does not count as a test */
    assert_true(out[0] == 0.02 && isnan(out[1]) && out[2] == 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(students_distribution_is_that_of_scipy),
        cmocka_unit_test(pairs_are_tested_as_scipy_and_statsmodels_test_them),
        cmocka_unit_test(more_than_20_pairs_are_sampled_by_the_seed),
        cmocka_unit_test(no_pair_has_no_statistics_and_one_pair_only_a_mean),
        cmocka_unit_test(holms_correction_is_that_of_statsmodels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
