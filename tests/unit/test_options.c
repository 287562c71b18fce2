/* Structures of options of callers that were compiled with an older or a newer header, and those
 * that nobody filled. */
#include "support.h"

#include "base/options.h"

/* --- each function refuses options that were never filled --------------------------------------
 */

static union {
    size_t size;
    unsigned char bytes[4096];
} nothing; /* larger than every structure, its size is 0 */
static char *text;

#define CALL(name, function, type, ...)                                                            \
    static wagle_status name(wagle_ctx *ctx)                                                       \
    {                                                                                              \
        const type *o = (const type *)(const void *)&nothing;                                      \
        return function(ctx, o __VA_ARGS__);                                                       \
    }

CALL(import, wagle_import, wagle_import_options, )
CALL(export, wagle_export, wagle_export_options, )
CALL(init, wagle_init, wagle_init_options, )
CALL(inspect, wagle_inspect, wagle_inspect_options, , &text)
CALL(logits, wagle_logits, wagle_rows_options, )
CALL(gradient, wagle_gradient, wagle_rows_options, )
CALL(attribute, wagle_attribute, wagle_attribute_options, )
CALL(mask, wagle_mask, wagle_mask_options, )
CALL(compare, wagle_compare_masks, wagle_compare_options, , &text)
CALL(finetune, wagle_finetune, wagle_train_options, , NULL)
CALL(unlearn, wagle_unlearn, wagle_train_options, , NULL)
CALL(requests, wagle_unlearn_requests, wagle_requests_options, , &text)
CALL(objective, wagle_objective_gradient, wagle_train_options, , &text)
CALL(sweep, wagle_sweep, wagle_sweep_options, , &text)
CALL(join, wagle_join_sweeps, wagle_join_options, , &text)
CALL(diff, wagle_diff, wagle_diff_options, )
CALL(apply, wagle_apply, wagle_patch_options, )
CALL(revert, wagle_revert, wagle_patch_options, )
CALL(generate, wagle_generate, wagle_generate_options, , NULL)
CALL(eval, wagle_eval, wagle_eval_options, , &text)
CALL(suite, wagle_suite_run, wagle_suite_options, , &text)
CALL(difference, wagle_difference, wagle_difference_options, , &text)
CALL(report, wagle_report, wagle_report_options, )
CALL(forget, wagle_forget, wagle_forget_options, , NULL)
CALL(demo, wagle_demo, wagle_demo_options, , &text)

static void options_that_were_never_filled_are_refused(void **state)
{
    static wagle_status (*const call[])(wagle_ctx *) = {
        import,   export,  init,       inspect, logits, gradient, attribute, mask,   compare,
        finetune, unlearn, objective,  sweep,   join,   diff,     apply,     revert, generate,
        eval,     suite,   difference, report,  forget, demo,     requests};
    wagle_ctx *ctx = new_context();

    (void)state;
    for (size_t i = 0; i < sizeof call / sizeof *call; i++) {
        assert_int_equal(call[i](ctx), WAGLE_E_USAGE);
        assert_non_null(strstr(wagle_message(ctx), "size of the options is 0; call wagle_"));
    }
    wagle_ctx_free(ctx);
}

/* --- older and newer callers ------------------------------------------------------------------ */

/* An older caller's structure is shorter; what lies behind it is not his to lose. */
static void defaults_write_no_further_than_the_callers_structure(void **state)
{
    const size_t size = offsetof(wagle_generate_options, top_p);
    union {
        wagle_generate_options o;
        unsigned char bytes[sizeof(wagle_generate_options)];
    } caller;

    (void)state;
    memset(&caller, 0xA5, sizeof caller);
    wagle_generate_defaults_sized(&caller.o, size);
    assert_int_equal(caller.o.size, size);
    assert_int_equal(caller.o.max_tokens, 64);
    for (size_t i = size; i < sizeof caller; i++)
        assert_int_equal(caller.bytes[i], 0xA5);
}

static void members_that_an_older_caller_does_not_have_are_the_defaults(void **state)
{
    wagle_ctx *ctx = new_context();
    wagle_generate_options caller, own;

    (void)state;
    memset(&caller, 0xA5, sizeof caller);
    wagle_generate_defaults_sized(&caller, offsetof(wagle_generate_options, top_p));
    caller.max_tokens = 3;
    assert_ok(ctx, WG_TAKE(ctx, &caller, &own, wagle_generate));
    assert_int_equal(own.max_tokens, 3);
    assert_true(own.top_p == 1 && own.seed == 0 && own.on_token == NULL);
    assert_int_equal(own.size, sizeof own);
    wagle_ctx_free(ctx);
}

static void a_newer_callers_members_are_refused_where_they_are_set(void **state)
{
    struct {
        wagle_eval_options o;
        int64_t later;
    } caller;
    wagle_ctx *ctx = new_context();
    wagle_eval_options own;

    (void)state;
    wagle_eval_defaults_sized(&caller.o, sizeof caller);
    assert_int_equal(caller.later, 0);
    assert_ok(ctx, WG_TAKE(ctx, &caller.o, &own, wagle_eval));
    assert_int_equal(own.size, sizeof own);
    caller.later = 1;
    assert_refused(ctx, WG_TAKE(ctx, &caller.o, &own, wagle_eval), WAGLE_E_USAGE, "newer header");
    wagle_ctx_free(ctx);
}

static void results_are_written_no_further_than_the_callers_structure(void **state)
{
    const size_t size = offsetof(wagle_train_result, land);
    const wagle_train_result own = {.steps = 7, .land = 0.5};
    union {
        wagle_train_result r;
        unsigned char bytes[sizeof(wagle_train_result)];
    } caller;
    wagle_ctx *ctx = new_context();

    (void)state;
    memset(&caller, 0xA5, sizeof caller);
    wagle_train_result_init_sized(&caller.r, size);
    assert_ok(ctx, wg_result_check(ctx, "wagle_train_result", &caller.r));
    wg_result_give(&caller.r, &own, sizeof own);
    assert_int_equal(caller.r.steps, 7);
    for (size_t i = size; i < sizeof caller; i++)
        assert_int_equal(caller.bytes[i], 0xA5);
    caller.r.size = 0;
    assert_int_equal(wg_result_check(ctx, "wagle_train_result", &caller.r), WAGLE_E_USAGE);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_were_never_filled_are_refused),
        cmocka_unit_test(defaults_write_no_further_than_the_callers_structure),
        cmocka_unit_test(members_that_an_older_caller_does_not_have_are_the_defaults),
        cmocka_unit_test(a_newer_callers_members_are_refused_where_they_are_set),
        cmocka_unit_test(results_are_written_no_further_than_the_callers_structure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
