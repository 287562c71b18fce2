/* Exact top-k, compared with a sort, with ties, signs, zeros and patterns. */
#include "support.h"

#include "base/number.h"
#include "mask/topk.h"

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

/* levels: number of distinct values, half of them negative; 0: (almost) all different. */
static void write_scores(wagle_ctx *ctx, int levels)
{
    const struct {
        const char *name;
        float *data;
        int64_t n;
    } part[] = {{"beta", b, B}, {"alpha", a, A}, {"gamma", c, C}}; /* not sorted by name */
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
        assert_refused(ctx, wg_select(ctx, &scores, &(wg_choice){.density = 0.5}, &mask),
                       WAGLE_E_INPUT, "'spoilt' at 2");
        wg_mask_free(&mask);
        wg_tensors_close(&scores);
    }
    wagle_ctx_free(ctx);
}

/* With two rows of four, the density applies to the tensor or to each row. */
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
        const wg_choice choice = {.density = 0.5,
                                  .scope = i ? WAGLE_SCOPE_ROW : WAGLE_SCOPE_TENSOR};
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

/* --- whole neurons ---------------------------------------------------------------------------- */

/* Rows of `wide` sum to 12, 3 and 12; those of `high` to 7, 1; columns of `turned` to 9, 20. */
static const float wide[] = {3, 3, 3, 3, 0, 1, 2, 0, 12, 0, 0, 0}, high[] = {3, 4, 0, 1},
                   turned[] = {4, 10, 5, 0, 0, 10}, norm[] = {99, 99, 99};

static void write_matrices(wagle_ctx *ctx, const char *format, const char *transposed,
                           const char *selector)
{
    const wg_tensor list[] = {
        {.name = "a.norm", .shape = {1, {3}}, .count = 3, .bytes = sizeof norm, .data = norm},
        {.name = "high", .shape = {2, {2, 2}}, .count = 4, .bytes = sizeof high, .data = high},
        {.name = "turned",
         .shape = {2, {3, 2}},
         .count = 6,
         .bytes = sizeof turned,
         .data = turned},
        {.name = "wide", .shape = {2, {3, 4}}, .count = 12, .bytes = sizeof wide, .data = wide}};
    json_t *metadata = json_object();

    if (format != NULL)
        json_object_set_new(metadata, "format", json_string(format));
    if (transposed != NULL)
        json_object_set_new(metadata, "transposed", json_string(transposed));
    if (selector != NULL)
        json_object_set_new(metadata, "selector", json_string(selector));
    assert_ok(ctx, wg_safetensors_write(ctx, SCORES, list, 4, metadata, true));
    json_decref(metadata);
}

/* want: one character per weight of "a.norm|high|turned|wide". */
static void select_neurons(wagle_ctx *ctx, double density, const char *const *exclude,
                           const char *want)
{
    const wg_choice choice = {.density = density, .scope = WAGLE_SCOPE_NEURONS, .exclude = exclude};
    char found[64] = "";
    wg_tensors scores;
    wg_mask mask;

    assert_ok(ctx, wg_tensors_open(ctx, SCORES, &scores));
    assert_ok(ctx, wg_select(ctx, &scores, &choice, &mask));
    for (int64_t t = 0, at = 0; t < mask.n; t++) {
        if (t > 0)
            found[at++] = '|';
        for (int64_t i = 0; i < mask.tensor[t].count; i++)
            found[at++] = wg_mask_has(&mask.tensor[t], i) ? 'x' : '.';
    }
    assert_string_equal(found, want);
    wg_mask_free(&mask);
    wg_tensors_close(&scores);
}

static void neurons_are_taken_whole_by_their_sums_until_the_density_is_reached(void **state)
{
    static const char *const but[] = {"turned", NULL};
    wagle_ctx *ctx = new_context();

    (void)state;
    write_matrices(ctx, "wagle-scores", "[\"turned\"]", NULL);
    /* Of 22 weights, 3 are the best neuron (a column), 7 two and 11 three neurons. Of the two
     * equal sums of 12, the earlier row comes first. */
    select_neurons(ctx, 3.0 / 22, NULL, "...|....|.x.x.x|............");
    select_neurons(ctx, 7.0 / 22, NULL, "...|....|.x.x.x|xxxx........");
    select_neurons(ctx, 11.0 / 22, NULL, "...|....|.x.x.x|xxxx....xxxx");
    /* 6 is closer to 7 than to 3. 5 is equally close to both, so the neuron is not selected. */
    select_neurons(ctx, 6.0 / 22, NULL, "...|....|.x.x.x|xxxx........");
    select_neurons(ctx, 5.0 / 22, NULL, "...|....|.x.x.x|............");
    select_neurons(ctx, 1, NULL, "...|xxxx|xxxxxx|xxxxxxxxxxxx");
    /* The density applies to the remaining matrices: 4 of 16. */
    select_neurons(ctx, 0.25, but, "...|....|......|xxxx........");
    wagle_ctx_free(ctx);
}

static void without_a_list_of_transposed_matrices_neurons_are_rows(void **state)
{
    wagle_ctx *ctx = new_context();

    (void)state;
    write_matrices(ctx, NULL, NULL, NULL); /* rows of `turned` sum to 14, 5 and 10 */
    select_neurons(ctx, 2.0 / 22, NULL, "...|....|xx....|............");
    wagle_ctx_free(ctx);
}

/* With sums of random scores, the widest rows would come first. */
static void random_neurons_have_the_score_of_their_first_weight(void **state)
{
    wagle_ctx *ctx = new_context();

    (void)state;
    write_matrices(ctx, "wagle-scores", "[\"turned\"]", "random");
    select_neurons(ctx, 4.0 / 22, NULL, "...|....|......|........xxxx");
    select_neurons(ctx, 7.0 / 22, NULL, "...|....|.x.x.x|........xxxx");
    select_neurons(ctx, 12.0 / 22, NULL, "...|xx..|xxxxxx|........xxxx");
    wagle_ctx_free(ctx);
}

static void neurons_that_cannot_be_told_are_refused(void **state)
{
    static const char *const but[] = {"high", "turned", "wide", NULL};
    const struct {
        const char *format, *transposed, *message;
        double density;
        const char *const *exclude;
        wagle_status status;
    } cases[] = {
        {"wagle-scores", NULL, "does not say which matrices", 0.5, NULL, WAGLE_E_INPUT},
        {"wagle-scores", "{}", "is not a list", 0.5, NULL, WAGLE_E_INPUT},
        {"wagle-scores", "[", "", 0.5, NULL, WAGLE_E_INPUT},
        {"wagle-scores", "[]", "no matrix is left", 0.5, but, WAGLE_E_USAGE},
        {"wagle-scores", "[]", "the best neuron has 2", 0.03, NULL, WAGLE_E_USAGE},
        {"wagle-scores", "[]", "selects no weight", 0.01, NULL, WAGLE_E_USAGE},
    };
    wagle_ctx *ctx = new_context();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const wg_choice choice = {
            .density = cases[i].density, .scope = WAGLE_SCOPE_NEURONS, .exclude = cases[i].exclude};
        wg_tensors scores;
        wg_mask mask;
        wg_begin(ctx);
        write_matrices(ctx, cases[i].format, cases[i].transposed, NULL);
        assert_ok(ctx, wg_tensors_open(ctx, SCORES, &scores));
        assert_int_equal(wg_select(ctx, &scores, &choice, &mask), cases[i].status);
        assert_non_null(strstr(wagle_message(ctx), cases[i].message));
        wg_mask_free(&mask);
        wg_tensors_close(&scores);
    }
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_scores_are_selected_and_ties_go_to_the_earlier),
        cmocka_unit_test(density_counts_what_patterns_leave),
        cmocka_unit_test(density_counts_within_tensors_and_rows),
        cmocka_unit_test(a_score_that_is_no_number_names_its_tensor),
        cmocka_unit_test(neurons_are_taken_whole_by_their_sums_until_the_density_is_reached),
        cmocka_unit_test(without_a_list_of_transposed_matrices_neurons_are_rows),
        cmocka_unit_test(random_neurons_have_the_score_of_their_first_weight),
        cmocka_unit_test(neurons_that_cannot_be_told_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
