/* The progress line of the command: what fits, and the time left. */
#include "../cli/line.h"

#include "support.h"

#include <math.h>

static const cli_progress training = {
    .stage = "npo",
    .done = 45,
    .total = 300,
    .detail = "loss 0.1234  forget 1.5000  keep 0.5000  lr 1e-05  tok/s 812",
    .elapsed = 75,
    .left = 250,
    .peak = 1234567890};

static void shows(const cli_progress *p, int width, const char *want)
{
    char line[CLI_LINE];

    cli_line(p, width, line);
    assert_string_equal(line, want);
    assert_true(width == 0 || (int)strlen(line) <= width);
}

static void fields_are_dropped_in_the_order_of_the_table(void **state)
{
    (void)state;
    shows(&training, 0,
          "npo 45/300  loss 0.1234  forget 1.5000  keep 0.5000  lr 1e-05  tok/s 812  peak 1.23 GB  "
          "after 1:15  ETA 4:10");
    shows(&training, 200,
          "npo 45/300  loss 0.1234  forget 1.5000  keep 0.5000  lr 1e-05  tok/s 812  peak 1.23 GB  "
          "after 1:15  ETA 4:10");
    shows(&training, 79,
          "npo 45/300  loss 0.1234  forget 1.5000  keep 0.5000  tok/s 812  ETA 4:10");
    shows(&training, 45, "npo 45/300  loss 0.1234  ETA 4:10");
    shows(&training, 20, "npo 45/300  ETA 4:10");
    shows(&training, 12, "npo 45/300");
    shows(&training, 5, "npo 4");
}

static void a_sweep_says_its_point_before_its_loss(void **state)
{
    const cli_progress sweep = {.stage = "sweep",
                                .done = 2,
                                .total = 12,
                                .detail = "npo, wagle 0.1, seed 1  npo 45/300  loss 0.12",
                                .elapsed = 3725,
                                .left = 61};

    (void)state;
    shows(&sweep, 0,
          "sweep 2/12  npo, wagle 0.1, seed 1  npo 45/300  loss 0.12  after 1:02:05  ETA 1:01");
    shows(&sweep, 60, "sweep 2/12  npo, wagle 0.1, seed 1  npo 45/300  ETA 1:01");
    shows(&sweep, 45, "sweep 2/12  npo, wagle 0.1, seed 1  ETA 1:01");
}

static void characters_count_and_not_bytes(void **state)
{
    const cli_progress p = {.stage = "Überprüfung", .detail = "größe 1", .left = -1};
    char line[CLI_LINE];

    (void)state;
    assert_int_equal(cli_line(&p, 20, line), 11);
    assert_string_equal(line, "Überprüfung  größe 1");
    cli_line(&p, 19, line);
    assert_string_equal(line, "Überprüfung");
    cli_line(&p, 1, line);
    assert_string_equal(line, "Ü");
}

/* Units of `each(i)` seconds; the clock is looked at every second. *worst: the largest change of
 * the estimate from one second to the next, beside what the clock explains, as a share of it, or
 * of a minute. */
static double last_error(int total, double (*each)(int i), double *worst)
{
    cli_eta e = {0};
    double end = 0, now = 0, before = -1, error = 0;

    for (int i = 0; i < total; i++)
        end += each(i);
    *worst = 0;
    cli_eta_add(&e, 0, 0, total);
    for (int i = 0; i < total; i++) {
        const double done = now + each(i);
        for (double t = floor(now) + 1; t < done; t++) {
            const double left = cli_eta_left(&e, t);
            if (left >= 0 && before >= 0)
                *worst = fmax(*worst, fabs(left - (before - 1)) / fmax(before, 60));
            before = left;
            if (t < end / 2)
                error = fabs(left - (end - t)) / (end - t);
        }
        now = done;
        cli_eta_add(&e, now, i + 1, total);
    }
    return error;
}

static double even(int i)
{
    (void)i;
    return 0.7;
}

static double uneven(int i)
{
    return i % 3 == 0 ? 9 : 2;
}

/* Half of the points of a sweep take ten times as long. */
static double points(int i)
{
    return i % 2 == 0 ? 60 : 6;
}

static void estimates_are_right_and_do_not_jump(void **state)
{
    double worst;

    (void)state;
    assert_true(last_error(400, even, &worst) < 0.02);
    assert_true(worst < 0.02);
    assert_true(last_error(100, uneven, &worst) < 0.15);
    assert_true(worst < 0.05);
    assert_true(last_error(24, points, &worst) < 0.25);
    assert_true(worst < 0.1);
}

static void nothing_is_said_too_early(void **state)
{
    cli_eta e = {0};

    (void)state;
    assert_true(cli_eta_left(&e, 0) < 0);
    cli_eta_add(&e, 0, 4, 10); /* done before: a resumed run */
    cli_eta_add(&e, 2, 7, 10);
    assert_true(cli_eta_left(&e, 2) < 0); /* 2 s */
    cli_eta_add(&e, 4, 8, 10);
    assert_true(fabs(cli_eta_left(&e, 4) - 2.0 * 4 / 4) < 0.5);
}

static void an_estimate_that_was_too_short_stays_above_the_other_units(void **state)
{
    cli_eta e = {0};

    (void)state;
    cli_eta_add(&e, 0, 0, 3);
    cli_eta_add(&e, 10, 1, 3);
    for (double t = 11; t < 100; t++)
        assert_true(cli_eta_left(&e, t) >= 9.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_dropped_in_the_order_of_the_table),
        cmocka_unit_test(a_sweep_says_its_point_before_its_loss),
        cmocka_unit_test(characters_count_and_not_bytes),
        cmocka_unit_test(estimates_are_right_and_do_not_jump),
        cmocka_unit_test(nothing_is_said_too_early),
        cmocka_unit_test(an_estimate_that_was_too_short_stays_above_the_other_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
