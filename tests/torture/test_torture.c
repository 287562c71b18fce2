/* Each allocation, and each write, of a job fails in turn: the job ends with "no memory or disk",
 * a message, nothing leaked and no file left; the first n that is not reached succeeds. */
#include "support.h"

#include "base/file.h"

#define MODEL WG_GOLD "/models/llama-gqa-tied"
#define OUT WG_SCRATCH "/torture-out"

typedef wagle_status job(wagle_ctx *ctx);

static wagle_status gradient(wagle_ctx *ctx)
{
    const wagle_data rows = {.path = WG_SCRATCH "/torture.jsonl"};
    return wagle_gradient(ctx, MODEL, &rows, OUT, true);
}

static wagle_status attribute(wagle_ctx *ctx)
{
    wagle_attribute_options o;

    wagle_attribute_defaults(&o);
    o.model = MODEL;
    o.out = OUT;
    o.force = true;
    o.forget.path = o.retain.path = WG_SCRATCH "/torture.jsonl";
    return wagle_attribute(ctx, &o);
}

/* Options that all runs here share. */
static void training(wagle_train_options *o, const char *out)
{
    wagle_unlearn_defaults(o);
    o->model = MODEL;
    o->out = out;
    o->force = true;
    o->forget.path = o->retain.path = WG_SCRATCH "/torture.jsonl";
}

static wagle_status unlearn(wagle_ctx *ctx)
{
    wagle_train_options o;

    training(&o, OUT);
    o.selector = "snip";
    o.objective = "npo";
    o.steps = 2;
    o.stop_when = "forget.nll>1e9";
    o.eval_every = 1;
    return wagle_unlearn(ctx, &o, NULL);
}

/* Scores by Fisher diagonals, through a file: --scope row. */
static wagle_status mask(wagle_ctx *ctx)
{
    wagle_mask_options o;

    wagle_mask_defaults(&o);
    o.data.model = MODEL;
    o.data.selector = "leverage";
    o.data.forget.path = o.data.retain.path = WG_SCRATCH "/torture.jsonl";
    o.scope = "row";
    o.out = OUT;
    o.force = true;
    return wagle_mask(ctx, &o);
}

static wagle_status objective_gradient(wagle_ctx *ctx, const char *objective, const char *term)
{
    wagle_train_options o;
    char *json;

    training(&o, OUT);
    o.refusal = o.forget.path;
    o.objective = objective;
    o.retain_term = term;
    const wagle_status st = wagle_objective_gradient(ctx, &o, &json);
    wagle_string_free(json);
    return st;
}

static wagle_status soft_gradient(wagle_ctx *ctx)
{
    return objective_gradient(ctx, "undial", "kl");
}

static wagle_status hidden_gradient(wagle_ctx *ctx)
{
    return objective_gradient(ctx, "rmu", NULL);
}

static wagle_status adapters(wagle_ctx *ctx)
{
    wagle_train_options o;

    training(&o, OUT);
    o.refusal = o.forget.path;
    o.objective = "dpo";
    o.optimizer = "sophia";
    o.lora = 2;
    o.batch = 1;
    o.accumulate = 2;
    o.steps = 2;
    return wagle_unlearn(ctx, &o, NULL);
}

#define TRAINED WG_SCRATCH "/torture-trained"
#define PATCH WG_SCRATCH "/torture-patch"

/* Where something was trained: for a patch. */
static void train_once(void)
{
    wagle_ctx *ctx = new_context();
    wagle_train_options o;

    training(&o, TRAINED);
    o.steps = 1;
    o.warmup = 0;
    o.out_patch = PATCH;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    wagle_ctx_free(ctx);
}

static wagle_status diff(wagle_ctx *ctx)
{
    const wagle_diff_options o = {.before = MODEL, .after = TRAINED, .out = OUT, .force = true};

    return wagle_diff(ctx, &o);
}

static wagle_status apply(wagle_ctx *ctx)
{
    const wagle_patch_options o = {MODEL, PATCH, OUT, true};

    return wagle_apply(ctx, &o);
}

static wagle_status encode(wagle_ctx *ctx)
{
    wagle_tokenizer *t;
    int32_t *ids;
    int64_t n;
    const wagle_status st = wagle_tokenizer_open(ctx, WG_GOLD "/tokenizers/qwen2", &t);

    if (st != WAGLE_OK)
        return st;
    const wagle_status encoded =
        wagle_encode(ctx, t, "Hello <mask> 123 w\xC3\xB6rld", 22, true, &ids, &n);
    wagle_ids_free(ids);
    wagle_tokenizer_free(t);
    return encoded;
}

static void each_failure_is_survived(job *run, void (*fail_at)(int64_t), int64_t stride)
{
    wagle_ctx *ctx = new_context();
    const int64_t live = wg_memory_live();

    for (int64_t n = 1; n < 1000000; n += n < 400 ? 1 : stride) {
        fail_at(n);
        const wagle_status st = run(ctx);
        fail_at(0);
        if (wg_memory_live() != live)
            fail_msg("failure %d: %d allocations leaked", (int)n, (int)(wg_memory_live() - live));
        assert_false(wg_exists(OUT ".partial"));
        assert_false(wg_exists(OUT ".unsigned"));
        assert_false(wg_exists(OUT ".scores"));
        wg_remove_tree(OUT);
        if (st == WAGLE_OK) {
            wagle_ctx_free(ctx);
            return;
        }
        if (st != WAGLE_E_RESOURCE || wagle_message(ctx)[0] == '\0')
            fail_msg("failure %d: status %d, '%s'", (int)n, (int)st, wagle_message(ctx));
    }
    fail_msg("the job never succeeded");
}

static void allocations_that_fail_are_survived(void **state)
{
    (void)state;
    each_failure_is_survived(encode, wg_memory_fail_at, 97);
    each_failure_is_survived(gradient, wg_memory_fail_at, 1);
    each_failure_is_survived(attribute, wg_memory_fail_at, 1);
    each_failure_is_survived(unlearn, wg_memory_fail_at, 1);
    each_failure_is_survived(mask, wg_memory_fail_at, 1);
    each_failure_is_survived(soft_gradient, wg_memory_fail_at, 1);
    each_failure_is_survived(hidden_gradient, wg_memory_fail_at, 1);
    each_failure_is_survived(adapters, wg_memory_fail_at, 1);
    train_once();
    each_failure_is_survived(diff, wg_memory_fail_at, 1);
    each_failure_is_survived(apply, wg_memory_fail_at, 1);
}

static void writes_that_fail_are_survived(void **state)
{
    (void)state;
    each_failure_is_survived(gradient, wg_file_fail_at, 1);
    each_failure_is_survived(attribute, wg_file_fail_at, 1);
    each_failure_is_survived(unlearn, wg_file_fail_at, 1);
    each_failure_is_survived(mask, wg_file_fail_at, 1);
    train_once();
    each_failure_is_survived(diff, wg_file_fail_at, 1);
    each_failure_is_survived(apply, wg_file_fail_at, 1);
}

static int write_rows(void **state)
{
    FILE *file = fopen(WG_SCRATCH "/torture.jsonl", "w");

    (void)state;
    fputs("{\"input_ids\":[5,6,7,8,9]}\n{\"input_ids\":[15,16,17]}\n", file);
    return fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_that_fail_are_survived),
        cmocka_unit_test(writes_that_fail_are_survived),
    };
    return cmocka_run_group_tests(tests, write_rows, NULL);
}
