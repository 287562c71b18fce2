/* Every combination of selector, objective and optimizer runs, keeps the bits of unselected
 * weights, and after an interruption resumes to the same bits. */
#include "support.h"

#include "io/mask.h"
#include "objective/objective.h"
#include "optim/optimizer.h"
#include "selector/selector.h"

#define MODEL WG_GOLD "/models/llama-gqa-tied"
#define FOLDER WG_SCRATCH "/combinations"
#define ROWS(name) FOLDER "/" name ".jsonl"

/* rectify: weight of the newest retain gradient in the moving average, or 0 for no rectification.
 */
static wagle_train_options run_of(const char *mask, const char *objective, const char *optimizer,
                                  double rectify)
{
    wagle_train_options o;

    wagle_unlearn_defaults(&o);
    o.model = MODEL;
    o.forget.path = ROWS("forget");
    o.retain.path = ROWS("retain");
    o.refusal = ROWS("refusal");
    o.mask = mask;
    o.objective = objective;
    o.optimizer = optimizer;
    o.rectify = rectify;
    o.steps = 4;
    o.batch = 2;
    o.warmup = 0;
    o.lr = 1e-3;
    o.force = true;
    return o;
}

static void check_unselected(wagle_ctx *ctx, const char *what, const char *folder,
                             const wg_mask *mask)
{
    wg_tensors before, after;
    int64_t changed = 0;

    assert_ok(ctx, wg_tensors_open(ctx, MODEL, &before));
    assert_ok(ctx, wg_tensors_open(ctx, folder, &after));
    for (int64_t t = 0; t < before.n; t++) {
        const wg_mask_tensor *m = wg_mask_find(mask, before.tensor[t].name);
        const float *a = before.tensor[t].data, *b = after.tensor[t].data;
        for (int64_t i = 0; i < before.tensor[t].count; i++) {
            const bool same = memcmp(&a[i], &b[i], sizeof *a) == 0;
            if (!same && (m == NULL || !wg_mask_has(m, i)))
                fail_msg("%s: unselected weight %d of %s changed", what, (int)i, m->name);
            changed += !same;
        }
    }
    if (changed == 0)
        fail_msg("%s: nothing changed", what);
    wg_tensors_close(&before);
    wg_tensors_close(&after);
}

/* Stops the run after its second step. */
static void stop_at_two(void *user, const char *stage, int64_t done, int64_t total,
                        const char *detail)
{
    (void)stage;
    (void)detail;
    if (total == 4 && done == 2)
        wagle_interrupt(user);
}

/* resumes: also whether the run, interrupted and resumed, has the same bits. */
static void check(wagle_ctx *ctx, const char *mask_path, const wg_mask *mask, const char *selector,
                  const char *objective, const char *optimizer, double rectify, bool resumes)
{
    wagle_train_options o = run_of(mask_path, objective, optimizer, rectify);
    wagle_ctx *cut = new_context();
    char what[128];

    snprintf(what, sizeof what, "%s, %s, %s%s", selector, objective, optimizer,
             rectify > 0 ? ", rectified" : "");
    o.out = FOLDER "/whole";
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    check_unselected(ctx, what, o.out, mask);
    if (!resumes) {
        wagle_ctx_free(cut);
        return;
    }
    o.out = FOLDER "/cut";
    wagle_on_progress(cut, stop_at_two, cut);
    if (wagle_unlearn(cut, &o, NULL) != WAGLE_E_INTERRUPTED)
        fail_msg("%s: was not interrupted: %s", what, wagle_message(cut));
    wagle_ctx_free(cut);
    o.resume = true;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_same_file(what, FOLDER "/whole/model.safetensors", FOLDER "/cut/model.safetensors");
}

/* How many combinations are tested: all; in guarded memory and with sanitizers, one optimizer for
 * some pairs; on a card, each selector, objective and optimizer at least once, and resuming once
 * for each optimizer. */
typedef enum extent { ALL, SOME, ONCE } extent;

static extent extent_of_test(void)
{
    if (getenv("WG_TEST_CARD") != NULL)
        return ONCE;
#ifdef WG_SANITIZED
    return SOME;
#else
    return getenv("WG_TEST_GUARDED") != NULL ? SOME : ALL;
#endif
}

static bool is_tried(extent tried, int selector, int objective, int optimizer)
{
    int selectors = 0, optimizers = 0;

    while (wg_selector_at(selectors) != NULL)
        selectors++;
    while (wg_optimizer_kind_at(optimizers) != NULL)
        optimizers++;
    if (tried == ONCE)
        return objective % selectors == selector && objective % optimizers == optimizer;
    return tried == ALL ||
           ((selector + objective) % 4 == optimizer && selector % 3 == objective % 3);
}

static void every_combination_runs_keeps_and_resumes(void **state)
{
    const extent tried = extent_of_test();
    wagle_ctx *ctx = new_context();

    (void)state;
    wg_remove_tree(FOLDER);
    assert_ok(ctx, wg_make_folder(ctx, FOLDER));
    write_token_rows(ctx, ROWS("forget"), 3, 10);
    write_token_rows(ctx, ROWS("retain"), 3, 100);
    write_token_rows(ctx, ROWS("refusal"), 3, 200);
    for (int s = 0; wg_selector_at(s) != NULL; s++) {
        wagle_mask_options m;
        wagle_attribute_options data;
        wg_mask mask;
        wagle_mask_defaults(&m);
        wagle_attribute_defaults(&data);
        m.data = &data;
        data.model = MODEL;
        data.selector = wg_selector_at(s)->name;
        data.forget.path = ROWS("forget");
        data.retain.path = ROWS("retain");
        m.density = 0.1;
        m.out = FOLDER "/mask";
        m.force = true;
        assert_ok(ctx, wagle_mask(ctx, &m));
        assert_ok(ctx, wg_mask_read(ctx, m.out, &mask));
        for (int k = 0; wg_objective_at(k) != NULL; k++)
            for (int r = 0; wg_optimizer_kind_at(r) != NULL; r++)
                if (!(wg_objective_at(k)->needs & WG_TRAINS_ONLY) && is_tried(tried, s, k, r))
                    check(ctx, m.out, &mask, data.selector, wg_objective_at(k)->name,
                          wg_optimizer_kind_at(r)->name, 0, tried != ONCE || k == r);
        for (int r = 0; wg_optimizer_kind_at(r) != NULL; r++)
            if (tried != ONCE || r == s)
                check(ctx, m.out, &mask, data.selector, r % 2 == 0 ? "npo" : "dpo",
                      wg_optimizer_kind_at(r)->name, 0.8, true);
        wg_mask_free(&mask);
    }
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_combination_runs_keeps_and_resumes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
