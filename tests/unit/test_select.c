/* The exact top-k against a sort, with ties, signs, zeros and patterns. */
#include "support.h"

#include "base/number.h"
#include "run/session.h"

#define SCORES WG_SCRATCH "/select.safetensors"

enum { A = 5000, B = 70001, C = 3 };
static float a[A], b[B], c[C];

typedef struct item {
    float score;
    int tensor;
    int64_t index;
} item;

static int best_first(const void *x, const void *y)
{
    const item *p = x, *q = y;

    if (p->score != q->score)
        return p->score > q->score ? -1 : 1;
    if (p->tensor != q->tensor)
        return p->tensor - q->tensor;
    return p->index < q->index ? -1 : p->index > q->index;
}

/* levels 0: all different (almost); else so many distinct values, half of them negative. */
static void write_scores(wagle_ctx *ctx, int levels)
{
    const struct {
        const char *name;
        float *data;
        int64_t n;
    } part[] = {{"beta", b, B}, {"alpha", a, A}, {"gamma", c, C}}; /* not in order of name */
    wg_tensor list[3] = {{0}};

    for (int t = 0; t < 3; t++) {
        for (int64_t i = 0; i < part[t].n; i++) {
            const uint64_t r = wg_random(7, (uint64_t)t, (uint64_t)i);
            part[t].data[i] = levels ? (float)(int)(r % (uint64_t)levels) - (float)(levels / 2)
                                     : (float)wg_random_normal(7, (uint64_t)t, (uint64_t)i);
        }
        list[t] = (wg_tensor){.name = part[t].name,
                              .dtype = WG_F32,
                              .shape = {1, {part[t].n}},
                              .bytes = (size_t)part[t].n * 4,
                              .data = part[t].data};
    }
    a[17] = -0.0f;
    a[18] = 0.0f;
    assert_ok(ctx, wg_safetensors_write(ctx, SCORES, list, 3, NULL, true));
}

static void check(wagle_ctx *ctx, double density)
{
    static item all[A + B + C];
    const float *const data[] = {a, b, c};
    const int64_t size[] = {A, B, C};
    const char *const names[] = {"alpha", "beta", "gamma"};
    const int64_t k = (int64_t)floor(density * (A + B + C) + 0.5);
    wg_tensors scores;
    wg_mask mask;
    int64_t n = 0;

    for (int t = 0; t < 3; t++)
        for (int64_t i = 0; i < size[t]; i++)
            all[n++] = (item){data[t][i], t, i};
    qsort(all, (size_t)n, sizeof *all, best_first);
    assert_ok(ctx, wg_tensors_open(ctx, SCORES, &scores));
    assert_ok(ctx, wg_select(ctx, &scores, &(wg_choice){.density = density}, &mask));
    assert_int_equal(mask.selected, k);
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(wg_mask_has(wg_mask_find(&mask, names[all[i].tensor]), all[i].index),
                         i < k);
    wg_mask_free(&mask);
    wg_tensors_close(&scores);
}

static void the_highest_scores_are_selected_and_ties_go_to_the_earlier(void **state)
{
    static const double densities[] = {1e-4, 0.05, 0.4, 0.5, 0.95, 1};
    static const int levels[] = {0, 1, 2, 7, 1000};
    wagle_ctx *ctx = new_context();

    (void)state;
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        write_scores(ctx, levels[l]);
        for (size_t d = 0; d < sizeof densities / sizeof *densities; d++)
            check(ctx, densities[d]);
    }
    wagle_ctx_free(ctx);
}

static void density_counts_what_patterns_leave(void **state)
{
    static const char *const only[] = {"*a", NULL}, *const but[] = {"beta", NULL};
    const wg_choice choice = {.density = 0.5, .include = only, .exclude = but};
    wagle_ctx *ctx = new_context();
    wg_tensors scores;
    wg_mask mask;

    (void)state;
    write_scores(ctx, 0);
    assert_ok(ctx, wg_tensors_open(ctx, SCORES, &scores));
    assert_ok(ctx, wg_select(ctx, &scores, &choice, &mask));
    assert_int_equal(mask.selected, (A + C + 1) / 2);
    assert_int_equal(wg_mask_find(&mask, "beta")->selected, 0);
    wg_mask_free(&mask);
    wg_tensors_close(&scores);
    wagle_ctx_free(ctx);
}

static void a_score_that_is_no_number_names_its_tensor(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    wagle_ctx *ctx = new_context();

    (void)state;
    for (int i = 0; i < 3; i++) {
        const float values[] = {1, 2, bad[i]};
        const wg_tensor t = {
            .name = "spoilt", .dtype = WG_F32, .shape = {1, {3}}, .bytes = 12, .data = values};
        wg_tensors scores;
        wg_mask mask;
        wg_begin(ctx);
        assert_ok(ctx, wg_safetensors_write(ctx, SCORES, &t, 1, NULL, true));
        assert_ok(ctx, wg_tensors_open(ctx, SCORES, &scores));
        assert_int_equal(wg_select(ctx, &scores, &(wg_choice){.density = 0.5}, &mask),
                         WAGLE_E_INPUT);
        assert_non_null(strstr(wagle_message(ctx), "'spoilt' at 2"));
        wg_mask_free(&mask);
        wg_tensors_close(&scores);
    }
    wagle_ctx_free(ctx);
}

/* Two rows of four: the density is a share of the tensor, or of each row. */
static void density_counts_within_tensors_and_rows(void **state)
{
    static const float values[] = {1, 9, 2, 8, 30, 10, 20, 40};
    static const int64_t want[2][4] = {{4, 5, 6, 7}, {1, 3, 4, 7}};
    wagle_ctx *ctx = new_context();
    const wg_tensor t = {
        .name = "m", .dtype = WG_F32, .shape = {2, {2, 4}}, .bytes = 32, .data = values};
    wg_tensors scores;

    (void)state;
    assert_ok(ctx, wg_safetensors_write(ctx, SCORES, &t, 1, NULL, true));
    assert_ok(ctx, wg_tensors_open(ctx, SCORES, &scores));
    for (int i = 0; i < 2; i++) {
        const wg_choice choice = {.density = 0.5, .scope = i ? WG_SCOPE_ROW : WG_SCOPE_TENSOR};
        wg_mask mask;
        assert_ok(ctx, wg_select(ctx, &scores, &choice, &mask));
        assert_int_equal(mask.selected, 4);
        for (int k = 0; k < 4; k++)
            assert_true(wg_mask_has(&mask.tensor[0], want[i][k]));
        wg_mask_free(&mask);
    }
    wg_tensors_close(&scores);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_scores_are_selected_and_ties_go_to_the_earlier),
        cmocka_unit_test(density_counts_what_patterns_leave),
        cmocka_unit_test(density_counts_within_tensors_and_rows),
        cmocka_unit_test(a_score_that_is_no_number_names_its_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
