/* LoRA adapters that PEFT saved: merged in memory and into a folder, compared with what PEFT's
 * merge_and_unload made of them (gold/make/adapters.py). */
#include "support.h"

#include "engine/engine.h"

enum { CASES = 10 };
static const char *const cases[CASES] = {"list",      "bf16",          "regex-rslora", "patterns",
                                         "dora",      "gpt2",          "gpt2-dora",    "whole",
                                         "embedding", "embedding-tied"};

static void folders(const char *name, char adapter[256], char model[256])
{
    char path[300];

    snprintf(adapter, 256, "%s/adapters/%s", WG_GOLD, name);
    snprintf(path, sizeof path, "%s/case.json", adapter);
    json_t *facts = gold_json(path);
    snprintf(model, 256, "%s/models/%s", WG_GOLD,
             json_string_value(json_object_get(facts, "model")));
    json_decref(facts);
}

static void open_gold(wagle_ctx *ctx, const char *adapter, wg_tensors *gold)
{
    char path[300];

    snprintf(path, sizeof path, "%s/gold.safetensors", adapter);
    assert_ok(ctx, wg_tensors_open(ctx, path, gold));
}

/* The logits of the gold row. */
static void check_logits(wagle_ctx *ctx, const char *model, const wg_tensors *gold, double allowed)
{
    wg_model *m;
    wg_engine *e;
    wg_batch batch = {.keep_unlabelled = true};
    wg_example example[WG_MOST_SEQUENCES];
    const wg_example *list[] = {&example[0]};
    const wg_tensor *want = gold_tensor(gold, "logits.0");
    float nll[64], *logits = malloc(want->bytes);

    assert_int_equal(gold_sequences(gold, "", example), 1);
    assert_ok(ctx, wg_model_open(ctx, model, &m));
    assert_ok(ctx, wg_batch_fill(ctx, &batch, list, 1, 1));
    assert_ok(ctx, wg_engine_new(ctx, m, &e));
    assert_ok(ctx, wg_engine_forward(ctx, e, &batch, false, NULL, nll));
    assert_ok(ctx, wg_engine_logits(ctx, e, 0, batch.N, logits));
    const double error = worst(logits, want->data, want->count);
    if (error > allowed)
        fail_msg("logits: %g, %g allowed", error, allowed);
    wg_engine_free(e);
    wg_batch_free(&batch);
    wg_model_close(m);
    free(logits);
}

/* float32: sums in another order than PyTorch's. bf16: of values at the border between two, some
 * round the other way. */
static void check_tensor(const wg_tensor *got, const wg_tensor *want)
{
    float *x = malloc((size_t)want->count * sizeof *x),
          *y = malloc((size_t)want->count * sizeof *y);
    int64_t differ = 0;

    assert_int_equal(got->dtype, want->dtype);
    assert_int_equal(got->count, want->count);
    wg_to_float(got->dtype, got->data, got->count, x);
    wg_to_float(want->dtype, want->data, want->count, y);
    const double most = largest(y, want->count);
    for (int64_t i = 0; i < want->count; i++) {
        const double near = 0x1p-21 * most, ulp = want->dtype == WG_BF16 ? 0x1p-7 : 0;
        differ += x[i] != y[i];
        if (fabs((double)x[i] - (double)y[i]) > near + ulp * fabs((double)y[i]))
            fail_msg("%s[%d]: %.9g, PEFT has %.9g", want->name, (int)i, (double)x[i], (double)y[i]);
    }
    if (want->dtype == WG_BF16 && differ * 500 > want->count)
        fail_msg("%s: %d of %d differ", want->name, (int)differ, (int)want->count);
    free(x);
    free(y);
}

static void check_merged(wagle_ctx *ctx, const char *folder, const wg_tensors *gold)
{
    wg_tensors files;

    assert_ok(ctx, wg_tensors_open(ctx, folder, &files));
    for (int64_t i = 0; i < gold->n; i++) {
        const char *name = gold->tensor[i].name + strlen("merged.");
        if (strncmp(gold->tensor[i].name, "merged.", 7) != 0)
            continue;
        if (wg_tensors_find(&files, name) == NULL) /* files of GPT-2 leave that out */
            name += strlen("transformer.");
        check_tensor(gold_tensor(&files, name), &gold->tensor[i]);
    }
    wg_tensors_close(&files);
}

static void assert_same_tensors(wagle_ctx *ctx, const char *a, const char *b, bool same)
{
    wg_tensors x, y;
    bool is = true;

    assert_ok(ctx, wg_tensors_open(ctx, a, &x));
    assert_ok(ctx, wg_tensors_open(ctx, b, &y));
    assert_int_equal(x.n, y.n);
    for (int64_t i = 0; i < x.n; i++)
        is &= memcmp(x.tensor[i].data, y.tensor[i].data, x.tensor[i].bytes) == 0;
    assert_int_equal(is, same);
    wg_tensors_close(&x);
    wg_tensors_close(&y);
}

static void merged_adapters_are_those_of_peft(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        wagle_ctx *ctx = new_context();
        char adapter[256], model[256];
        wg_tensors gold;

        print_message("%s\n", cases[i]);
        folders(cases[i], adapter, model);
        open_gold(ctx, adapter, &gold);
        assert_ok(ctx, wagle_set_adapter(ctx, model, adapter));
        check_merged(ctx, model, &gold);
        check_logits(ctx, model, &gold,
                     2e-5 * largest(gold_tensor(&gold, "logits.0")->data,
                                    gold_tensor(&gold, "logits.0")->count) +
                         (strcmp(cases[i], "bf16") == 0 ? 5e-4 : 0));
        wg_tensors_close(&gold);
        wagle_ctx_free(ctx);
    }
}

static void a_folder_has_the_same_bits_as_memory_with_any_threads(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        wagle_ctx *ctx = new_context();
        char adapter[256], model[256];
        wagle_merge_options o;

        folders(cases[i], adapter, model);
        wagle_merge_defaults(&o);
        o.models = (const char *const[]){model};
        o.n = 1;
        o.adapter = adapter;
        o.out = WG_SCRATCH "/merged-adapter";
        o.force = true;
        wagle_set_threads(ctx, 1);
        assert_ok(ctx, wagle_merge(ctx, &o));
        wagle_set_threads(ctx, 3);
        assert_ok(ctx, wagle_set_adapter(ctx, model, adapter));
        assert_same_tensors(ctx, model, o.out, true);
        assert_ok(ctx, wagle_set_adapter(ctx, NULL, NULL));
        assert_same_tensors(ctx, model, o.out, false);
        wg_remove_tree(o.out);
        wagle_ctx_free(ctx);
    }
}

static void an_open_model_outlives_the_context_that_merged_it(void **state)
{
    wagle_ctx *ctx = new_context(), *other = new_context();
    char adapter[256], model[256];
    wagle_model *m;

    (void)state;
    folders("list", adapter, model);
    assert_ok(ctx, wagle_set_adapter(ctx, model, adapter));
    assert_ok(ctx, wagle_model_open(ctx, model, &m));
    wagle_ctx_free(ctx);
    assert_ok(other, wagle_model_save(other, m, WG_SCRATCH "/saved-adapter", true));
    wagle_model_close(m);
    assert_ok(other, wagle_set_adapter(other, model, adapter));
    assert_same_tensors(other, model, WG_SCRATCH "/saved-adapter", true);
    wg_remove_tree(WG_SCRATCH "/saved-adapter");
    wagle_ctx_free(other);
}

/* Each allocation fails in turn: the call fails, and nothing is kept or left behind. */
static void any_allocation_may_fail(void **state)
{
    char adapter[256], model[256];

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        folders("gpt2-dora", adapter, model);
        for (int64_t n = 1;; n++) {
            wagle_ctx *ctx = new_context();
            const int64_t live = wg_memory_live();
            wagle_merge_options o;
            wagle_merge_defaults(&o);
            o.models = (const char *const[]){model};
            o.n = 1;
            o.adapter = adapter;
            o.out = WG_SCRATCH "/merged-failing";
            o.force = true;
            wg_memory_fail_at(n);
            const wagle_status st =
                kind == 0 ? wagle_set_adapter(ctx, model, adapter) : wagle_merge(ctx, &o);
            const bool failed = wg_memory_fail_at(0) == 0;
            if (!failed) {
                assert_ok(ctx, st);
                wagle_ctx_free(ctx);
                assert_true(n > 20);
                break;
            }
            assert_int_equal(st, WAGLE_E_RESOURCE);
            assert_ok(ctx, wagle_set_adapter(ctx, NULL, NULL));
            assert_int_equal(wg_memory_live(), live);
            assert_false(wg_exists(WG_SCRATCH "/merged-failing"));
            wagle_ctx_free(ctx);
        }
    }
    wg_remove_tree(WG_SCRATCH "/merged-failing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_adapters_are_those_of_peft),
        cmocka_unit_test(a_folder_has_the_same_bits_as_memory_with_any_threads),
        cmocka_unit_test(an_open_model_outlives_the_context_that_merged_it),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
