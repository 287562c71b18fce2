/* The three formats of a data file, and the fields of rows. */
#include "support.h"

#include "io/rows.h"
#include "optim/optimizer.h"

static const char *field(const wg_rows *rows, int64_t i, const char *key)
{
    return json_string_value(json_object_get(rows->row[i], key));
}

static void lines_arrays_and_csv_give_the_same_rows(void **state)
{
    static const char *const forms[] = {
        "{\"q\":\"a \\\"b\\\", c\",\"a\":\"d\"}\n\n{\"q\":\"x\",\"a\":\"two\\nlines\"}",
        " [ {\"q\":\"a \\\"b\\\", c\",\"a\":\"d\"} , {\"q\":\"x\",\"a\":\"two\\nlines\"} ]\n",
        "q,a\r\n\"a \"\"b\"\", c\",d\r\nx,\"two\nlines\"\r\n",
        "\xEF\xBB\xBFq,a\n\"a \"\"b\"\", c\",d\nx,\"two\nlines\"",
    };
    wagle_ctx *ctx = new_context();

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        wg_rows rows;
        assert_ok(ctx, wg_rows_parse(ctx, "f", forms[i], strlen(forms[i]), NULL, &rows));
        assert_int_equal(rows.n, 2);
        assert_string_equal(field(&rows, 0, "q"), "a \"b\", c");
        assert_string_equal(field(&rows, 0, "a"), "d");
        assert_string_equal(field(&rows, 1, "q"), "x");
        assert_string_equal(field(&rows, 1, "a"), "two\nlines");
        wg_rows_free(&rows);
        assert_ok(ctx, wg_rows_parse(ctx, "f", forms[i], strlen(forms[i]),
                                     &(wg_rows_select){.limit = 1}, &rows));
        assert_int_equal(rows.n, 1);
        wg_rows_free(&rows);
    }
    wagle_ctx_free(ctx);
}

static void the_rate_rises_from_zero_and_falls_to_zero(void **state)
{
    (void)state;
    assert_true(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 0, 4, 10) == 0);
    assert_true(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 2, 4, 10) == 0.5);
    assert_true(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 4, 4, 10) == 1);
    assert_true(fabs(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 9, 4, 10) - 1.0 / 6) < 1e-15);
    assert_true(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 0, 0, 10) == 1);
    assert_true(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 3, 4, 4) == 0.75);
    assert_true(wg_schedule(WAGLE_SCHEDULE_CONSTANT, 1, 9, 4, 10) == 1);
    assert_true(fabs(wg_schedule(WAGLE_SCHEDULE_COSINE, 1, 4, 4, 10) - 1) < 1e-15);
    assert_true(fabs(wg_schedule(WAGLE_SCHEDULE_COSINE, 1, 7, 4, 10) - 0.5) < 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_arrays_and_csv_give_the_same_rows),
        cmocka_unit_test(the_rate_rises_from_zero_and_falls_to_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
