/* An interrupt ends the whole current call, and no later one. */
#include "support.h"

#define MODEL WG_GOLD "/models/llama-gqa-tied"
#define ROWS WG_SCRATCH "/context.jsonl"
#define OUT WG_SCRATCH "/context-out"

static void write_rows(void)
{
    FILE *file = fopen(ROWS, "w");

    assert_non_null(file);
    fputs("{\"input_ids\":[3,4,5,6,7],\"labels\":[-100,4,5,6,7]}\n", file);
    fclose(file);
    wg_remove_tree(OUT ".partial");
}

static wagle_train_options training(void)
{
    wagle_train_options o;

    wagle_finetune_defaults(&o);
    o.model = MODEL;
    o.retain.path = ROWS;
    o.out = OUT;
    o.steps = 2;
    o.force = true;
    return o;
}

static void interrupt_when_asked(void *user, const char *stage, int64_t done, int64_t total,
                                 const char *detail)
{
    (void)stage;
    (void)done;
    (void)total;
    (void)detail;
    wagle_interrupt(user);
}

static void an_interrupted_context_runs_again(void **state)
{
    const wagle_train_options o = training();
    wagle_ctx *ctx = new_context();

    (void)state;
    write_rows();
    wagle_on_progress(ctx, interrupt_when_asked, ctx);
    assert_int_equal(wagle_finetune(ctx, &o, NULL), WAGLE_E_INTERRUPTED);
    wagle_on_progress(ctx, NULL, NULL);
    assert_ok(ctx, wagle_finetune(ctx, &o, NULL));
    wagle_interrupt(ctx); /* no call is running */
    assert_ok(ctx, wagle_finetune(ctx, &o, NULL));
    wagle_ctx_free(ctx);
}

/* Interrupts within the first second, during or between the nested calls. */
static void an_interrupt_ends_all_of_a_demo(void **state)
{
    wagle_demo_options o;
    wagle_ctx *ctx = new_context();
    char *text = NULL;

    (void)state;
    wagle_demo_defaults(&o);
    o.out = WG_SCRATCH "/context-demo";
    o.force = true;
    wagle_on_progress(ctx, interrupt_when_asked, ctx);
    assert_int_equal(wagle_demo(ctx, &o, &text), WAGLE_E_INTERRUPTED);
    assert_null(text);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interrupted_context_runs_again),
        cmocka_unit_test(an_interrupt_ends_all_of_a_demo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
