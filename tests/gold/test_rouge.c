/* ROUGE of every pair of gold/metrics/rouge.json, read from the shared folder alone. */
#include "support.h"

static void rouge_is_that_of_rouge_score(void **state)
{
    static const char *const names[] = {"rouge1", "rouge2", "rougeL"};
    const char *ci = getenv("CI");
    json_t *pairs = json_load_file(WG_SHARED "/gold/metrics/rouge.json", 0, NULL), *pair;
    wagle_ctx *ctx;
    size_t i;

    (void)state;
    if (pairs == NULL) {
        if (ci != NULL && ci[0] != '\0')
            fail_msg("%s is missing, and CI must have it", WG_SHARED);
        skip();
    }
    ctx = new_context();
    assert_true(json_array_size(pairs) > 100);
    json_array_foreach (pairs, i, pair) {
        double value[3][3];
        assert_ok(ctx, wagle_rouge(ctx, json_string_value(json_object_get(pair, "reference")),
                                   json_string_value(json_object_get(pair, "candidate")),
                                   json_is_true(json_object_get(pair, "stem")), value));
        for (int m = 0; m < 3; m++)
            for (size_t k = 0; k < 3; k++) {
                const double want =
                    json_number_value(json_array_get(json_object_get(pair, names[m]), k));
                if (fabs(value[m][k] - want) > 1e-9)
                    fail_msg("pair %d %s: %g, %g expected", (int)i, names[m], value[m][k], want);
            }
    }
    json_decref(pairs);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rouge_is_that_of_rouge_score)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
