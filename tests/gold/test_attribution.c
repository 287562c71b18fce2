/* Gradients, automatic gamma, scores and masks, compared with gold/attribution for each family in
 * it. */
#include "support.h"

#include "base/number.h"
#include "io/mask.h"
#include "mask/attribute.h"

static const char *family;

/* Path of a gold file of the family. */
static const char *gold(const char *name)
{
    static char path[4][512];
    static int next;

    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], WG_GOLD "/attribution/%s/%s", family, name);
    return path[next];
}

typedef struct fixture {
    wagle_ctx *ctx;
    wg_attribution of;
    wg_tensors data, gradients;
    wg_example forget[WG_MOST_SEQUENCES], retain[WG_MOST_SEQUENCES];
    json_t *facts;
} fixture;

static int open_fixture(void **state)
{
    static fixture f;
    char model[512];

    snprintf(model, sizeof model, WG_GOLD "/models/%s", family);
    f.ctx = new_context();
    assert_ok(f.ctx, wg_session_open(f.ctx, model, &f.of.session));
    assert_ok(f.ctx, wg_tensors_open(f.ctx, gold("data.safetensors"), &f.data));
    assert_ok(f.ctx, wg_tensors_open(f.ctx, gold("gradients.safetensors"), &f.gradients));
    f.of.forget.example = f.forget;
    f.of.forget.n = gold_sequences(&f.data, "forget.", f.forget);
    f.of.retain.example = f.retain;
    f.of.retain.n = gold_sequences(&f.data, "retain.", f.retain);
    f.facts = gold_json(gold("attribution.json"));
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;

    json_decref(f->facts);
    wg_tensors_close(&f->data);
    wg_tensors_close(&f->gradients);
    wg_session_close(&f->of.session);
    wagle_ctx_free(f->ctx);
    return 0;
}

/* Writes the scores of a selector to a file; returns its path. */
static const char *score(fixture *f, const char *name, double *gamma)
{
    static char path[512];

    snprintf(path, sizeof path, WG_SCRATCH "/%s.safetensors", name);
    assert_ok(f->ctx, wg_selector_find(f->ctx, name, &f->of.selector));
    f->of.gamma = *gamma;
    f->of.seed = 1;
    assert_ok(f->ctx, wg_attribute(f->ctx, &f->of, path, true));
    *gamma = f->of.gamma;
    return path;
}

/* The expected score, computed from the gold gradients and the weights. */
static float expected(const char *name, float theta, float gf, float gr, double gamma)
{
    if (strcmp(name, "magnitude") == 0)
        return fabsf(theta);
    if (strcmp(name, "gradient") == 0)
        return fabsf(gf);
    if (strcmp(name, "snip") == 0)
        return fabsf(theta * gf);
    return (float)fabs(((double)theta - (double)gr / gamma) * (double)gf);
}

/* Checks that masks have the gold's counts, in total and for each tensor. */
static void check_counts(fixture *f, const wg_tensors *mine, const char *tag)
{
    const json_t *facts = json_object_get(json_object_get(f->facts, "selectors"), tag), *row;
    const char *density;

    json_object_foreach ((json_t *)(uintptr_t)facts, density, row) {
        wg_mask mask;
        const char *name;
        json_t *want;
        int64_t off = 0;
        assert_ok(f->ctx, wg_select(f->ctx, mine, &(wg_choice){.density = atof(density)}, &mask));
        assert_int_equal(mask.selected, (int64_t)json_at(row, "k"));
        json_object_foreach (json_object_get(row, "per_tensor"), name, want)
            off += llabs(wg_mask_find(&mask, stored_name(f->of.session.model, name))->selected -
                         json_integer_value(want));
        if (off > 2 + mask.selected / 10000)
            fail_msg("%s at %s: counts are off by %d of %d", tag, density, (int)off,
                     (int)mask.selected);
        wg_mask_free(&mask);
    }
}

static void check_scores(fixture *f, const char *selector, double gamma, const char *tag)
{
    const char *path = score(f, selector, &gamma);
    wg_tensors mine;

    assert_ok(f->ctx, wg_tensors_open(f->ctx, path, &mine));
    for (int64_t t = 0; t < mine.n; t++) {
        const char *name = mine.tensor[t].name;
        const float *theta = wg_tensors_find(&f->of.session.model->files, name)->data;
        char key[256];
        snprintf(key, sizeof key, "forget.%s", gold_name(name));
        const float *gf = gold_tensor(&f->gradients, key)->data;
        snprintf(key, sizeof key, "retain.%s", gold_name(name));
        const float *gr = gold_tensor(&f->gradients, key)->data;
        const float *score_of = mine.tensor[t].data;
        double most = 0, error = 0;
        for (int64_t i = 0; i < mine.tensor[t].count; i++) {
            const double want = (double)expected(selector, theta[i], gf[i], gr[i], gamma);
            most = fmax(most, want);
            error = fmax(error, fabs(want - (double)score_of[i]));
        }
        if (error > 1e-4 * most)
            fail_msg("%s of %s: %g of %g", selector, name, error, most);
    }
    check_counts(f, &mine, tag);
    wg_tensors_close(&mine);
}

/* Compares scores that cannot be computed from the gold gradients with stored gold scores. */
static void check_stored(fixture *f, const char *selector)
{
    double gamma = 0;
    const char *path = score(f, selector, &gamma);
    char name[64];
    wg_tensors mine, want;

    snprintf(name, sizeof name, "scores_%s.safetensors", selector);
    assert_ok(f->ctx, wg_tensors_open(f->ctx, path, &mine));
    assert_ok(f->ctx, wg_tensors_open(f->ctx, gold(name), &want));
    assert_int_equal(mine.n, want.n);
    for (int64_t t = 0; t < mine.n; t++) {
        const wg_tensor *w = gold_tensor(&want, gold_name(mine.tensor[t].name));
        const double error = worst(mine.tensor[t].data, w->data, w->count);
        if (error > 1e-4 * largest(w->data, w->count))
            fail_msg("%s of %s: %g of %g", selector, w->name, error, largest(w->data, w->count));
    }
    check_counts(f, &mine, selector);
    wg_tensors_close(&mine);
    wg_tensors_close(&want);
}

static void selectors_of_curvature_and_inputs_are_those_of_the_gold(void **state)
{
    fixture *f = *state;

    f->of.damping = 1e-3;
    check_stored(f, "wagle-diag");
    check_stored(f, "leverage");
    check_stored(f, "fisher-ratio");
    check_stored(f, "wanda");
}

static void automatic_gamma_is_the_mean_fisher_of_the_retain_set(void **state)
{
    fixture *f = *state;
    double gamma = 0;

    score(f, "wagle", &gamma);
    assert_true(fabs(gamma - json_at(f->facts, "gamma_auto")) <= 1e-4 * gamma);
}

static void scores_and_counts_are_those_of_the_gold(void **state)
{
    check_scores(*state, "wagle", 1e-6, "wagle-1e-6");
    check_scores(*state, "wagle", 1, "wagle-1");
    check_scores(*state, "wagle", json_at(((fixture *)*state)->facts, "gamma_auto"), "wagle-auto");
    check_scores(*state, "magnitude", 1, "magnitude");
    check_scores(*state, "gradient", 1, "gradient");
    check_scores(*state, "snip", 1, "snip");
}

static void check_mask(fixture *f, const char *scores, const char *gold, double density)
{
    wg_tensors file;
    wg_mask mine, want;

    assert_ok(f->ctx, wg_tensors_open(f->ctx, scores, &file));
    assert_ok(f->ctx, wg_select(f->ctx, &file, &(wg_choice){.density = density}, &mine));
    assert_ok(f->ctx, wg_mask_read(f->ctx, gold, &want));
    assert_int_equal(mine.selected, want.selected);
    for (int64_t t = 0; t < want.n; t++) {
        const wg_mask_tensor *same = wg_mask_find(&mine, want.tensor[t].name);
        same = same != NULL ? same : wg_mask_find(&mine, "embed_out.weight");
        assert_memory_equal(same->bits, want.tensor[t].bits,
                            (size_t)(want.tensor[t].count + 63) / 64 * 8);
    }
    wg_mask_free(&mine);
    wg_mask_free(&want);
    wg_tensors_close(&file);
}

static void gold_scores_give_the_gold_masks_exactly(void **state)
{
    fixture *f = *state;
    double gamma = 1;
    const char *magnitude = score(f, "magnitude", &gamma);

    check_mask(f, magnitude, gold("mask_magnitude_0.1.safetensors"), 0.1);
    check_mask(f, magnitude, gold("mask_magnitude_0.8.safetensors"), 0.8);
    check_mask(f, gold("scores_wagle-auto.safetensors"), gold("mask_wagle-auto_0.1.safetensors"),
               0.1);
    check_mask(f, gold("scores_wagle-auto.safetensors"), gold("mask_wagle-auto_0.8.safetensors"),
               0.8);
}

static void a_mask_straight_from_data_is_that_of_the_score_file(void **state)
{
    static const char *const selectors[] = {"wagle",    "snip",  "magnitude",
                                            "leverage", "wanda", "random"};
    static const double densities[] = {0.001, 0.1, 0.4, 1};
    static const char *const no_embeddings[] = {"embeddings", NULL};
    fixture *f = *state;

    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 8; k++) {
            const wg_choice choice = {.density = densities[k / 2],
                                      .exclude = k % 2 ? no_embeddings : NULL};
            double gamma = 0;
            wg_tensors file;
            wg_mask want, mine;
            if (getenv("WG_TEST_CARD") != NULL && (8 * i + k) % 7 != 0)
                continue; /* all of them take minutes on a pretended card */
            assert_ok(f->ctx, wg_tensors_open(f->ctx, score(f, selectors[i], &gamma), &file));
            assert_ok(f->ctx, wg_select(f->ctx, &file, &choice, &want));
            assert_ok(f->ctx, wg_select_directly(f->ctx, &f->of, &choice, &mine));
            assert_int_equal(mine.selected, want.selected);
            for (int64_t t = 0; t < want.n; t++)
                assert_memory_equal(wg_mask_find(&mine, want.tensor[t].name)->bits,
                                    want.tensor[t].bits,
                                    (size_t)(want.tensor[t].count + 63) / 64 * 8);
            wg_mask_free(&want);
            wg_mask_free(&mine);
            wg_tensors_close(&file);
        }
}

static void equal_scores_go_to_the_earlier_tensor(void **state)
{
    static const float same[130] = {0};
    fixture *f = *state;
    const wg_tensor list[] = {
        {.name = "b", .dtype = WG_F32, .shape = {1, {130}}, .bytes = sizeof same, .data = same},
        {.name = "a", .dtype = WG_F32, .shape = {1, {130}}, .bytes = sizeof same, .data = same},
    };
    wg_tensors file;
    wg_mask mask;

    assert_ok(f->ctx,
              wg_safetensors_write(f->ctx, WG_SCRATCH "/ties.safetensors", list, 2, NULL, true));
    assert_ok(f->ctx, wg_tensors_open(f->ctx, WG_SCRATCH "/ties.safetensors", &file));
    assert_ok(f->ctx, wg_select(f->ctx, &file, &(wg_choice){.density = 0.51}, &mask));
    assert_int_equal(wg_mask_find(&mask, "a")->selected, 130);
    assert_int_equal(wg_mask_find(&mask, "b")->selected, 3);
    assert_int_equal(wg_mask_find(&mask, "b")->bits[0], 7);
    wg_mask_free(&mask);
    wg_tensors_close(&file);
}

static void masks_survive_both_file_layouts(void **state)
{
    fixture *f = *state;
    wg_mask want, mine;

    assert_ok(f->ctx, wg_mask_read(f->ctx, gold("mask_wagle-auto_0.1.safetensors"), &want));
    for (int packed = 0; packed < 2; packed++) {
        assert_ok(f->ctx,
                  wg_mask_write(f->ctx, WG_SCRATCH "/mask.safetensors", &want, packed, NULL, true));
        assert_ok(f->ctx, wg_mask_read(f->ctx, WG_SCRATCH "/mask.safetensors", &mine));
        assert_int_equal(mine.selected, want.selected);
        for (int64_t t = 0; t < want.n; t++) {
            assert_true(wg_shape_equal(&mine.tensor[t].shape, &want.tensor[t].shape));
            assert_memory_equal(mine.tensor[t].bits, want.tensor[t].bits,
                                (size_t)(want.tensor[t].count + 63) / 64 * 8);
        }
        wg_mask_free(&mine);
    }
    wg_mask_free(&want);
}

static void a_score_that_is_not_finite_names_its_tensor(void **state)
{
    static const float bad[3] = {1, NAN, 2};
    fixture *f = *state;
    const wg_tensor list[] = {
        {.name = "layer.x", .dtype = WG_F32, .shape = {1, {3}}, .bytes = sizeof bad, .data = bad}};
    wg_tensors file;
    wg_mask mask;

    assert_ok(f->ctx,
              wg_safetensors_write(f->ctx, WG_SCRATCH "/nan.safetensors", list, 1, NULL, true));
    assert_ok(f->ctx, wg_tensors_open(f->ctx, WG_SCRATCH "/nan.safetensors", &file));
    assert_int_equal(wg_select(f->ctx, &file, &(wg_choice){.density = 0.5}, &mask), WAGLE_E_INPUT);
    assert_non_null(strstr(wagle_message(f->ctx), "layer.x"));
    wg_tensors_close(&file);
}

/* Forget rows come in turn, retain rows as the first epoch of training pairs them. */
static void rows_are_drawn_by_the_seed(void **state)
{
    enum { FORGET = 5, RETAIN = 7, N = 13 };
    wagle_ctx *ctx = new_context();
    wg_attribution a = {.seed = 3};
    int seen[FORGET] = {0};
    int64_t order[FORGET];

    (void)state;
    assert_ok(ctx, WG_ALLOC(ctx, &a.forget.example, FORGET));
    assert_ok(ctx, WG_ALLOC(ctx, &a.retain.example, RETAIN));
    a.forget.n = FORGET;
    a.retain.n = RETAIN;
    for (int i = 0; i < FORGET; i++)
        a.forget.example[i].n = i;
    for (int i = 0; i < RETAIN; i++)
        a.retain.example[i].n = i;
    assert_ok(ctx, wg_attribution_draw(ctx, N, &a));
    assert_int_equal(a.forget.n, N);
    assert_int_equal(a.retain.n, N);
    wg_random_permutation(3, WG_STREAM_SHUFFLE, order, FORGET);
    for (int i = 0; i < N; i++) {
        if (i < FORGET) {
            assert_int_equal(a.forget.example[i].n, order[i]);
            assert_int_equal(a.retain.example[i].n,
                             wg_random_below(3, WG_STREAM_PAIR, (uint64_t)i, RETAIN));
        }
        assert_int_equal(seen[a.forget.example[i].n]++, i / FORGET);
    }
    wg_dataset_free(&a.forget);
    wg_dataset_free(&a.retain);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(automatic_gamma_is_the_mean_fisher_of_the_retain_set),
        cmocka_unit_test(scores_and_counts_are_those_of_the_gold),
        cmocka_unit_test(selectors_of_curvature_and_inputs_are_those_of_the_gold),
        cmocka_unit_test(gold_scores_give_the_gold_masks_exactly),
        cmocka_unit_test(a_mask_straight_from_data_is_that_of_the_score_file),
        cmocka_unit_test(equal_scores_go_to_the_earlier_tensor),
        cmocka_unit_test(masks_survive_both_file_layouts),
        cmocka_unit_test(a_score_that_is_not_finite_names_its_tensor),
        cmocka_unit_test(rows_are_drawn_by_the_seed),
    };
    static const char *const families[] = {"llama-gqa-tied", "mistral-swa", "gpt_neox"};
    int failed = 0;

    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        family = families[i];
        failed += cmocka_run_group_tests_name(family, tests, open_fixture, close_fixture);
    }
    return failed;
}
