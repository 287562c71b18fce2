/* Several processes make the files of one, bit for bit, whatever their number. */
#include "forked.h"

#include "base/number.h"
#include "dist/dist.h"
#include "dist/shared.h"
#include "model/model.h"
#include "objective/objective.h"
#include "optim/optimizer.h"
#include "selector/selector.h"

#include <inttypes.h>
#include <stddef.h>

#define MODEL WG_GOLD "/models/llama-gqa-tied"
#define FOLDER WG_SCRATCH "/processes"
#define ROWS(name) FOLDER "/" name ".jsonl"
#define ALONE FOLDER "/alone"
#define TOGETHER FOLDER "/together"

enum { PARTS = 8, EACH = 11 };

/* Whether the test should be short: with sanitizers, and more so on a card. */
static bool on_card(void)
{
    return getenv("WG_TEST_CARD") != NULL;
}

static bool shortened(void)
{
#ifdef WG_SANITIZED
    return true;
#else
    return on_card();
#endif
}

static int write_all_rows(void **state)
{
    wagle_ctx *ctx = new_context();

    (void)state;
    wg_remove_tree(FOLDER);
    assert_ok(ctx, wg_make_folder(ctx, FOLDER));
    write_token_rows(ctx, ROWS("forget"), EACH, 10);
    write_token_rows(ctx, ROWS("retain"), EACH, 100);
    write_token_rows(ctx, ROWS("refusal"), EACH, 200);
    wagle_ctx_free(ctx);
    return 0;
}

/* --- who has what ------------------------------------------------------------------------------
 */

static void parts_are_nodes_of_a_tree(void **state)
{
    (void)state;
    for (int parts = 1; parts <= 64; parts *= 2)
        for (int ranks = 1; ranks <= parts; ranks++) {
            const wagle_ctx ctx = {.parts = parts, .processes = {.count = ranks}};
            int next = 0, least = parts, most = 0;
            for (int r = 0; r < ranks; r++) {
                int first;
                const int n = wg_parts_of(&ctx, r, &first);
                assert_int_equal(first, next);
                assert_int_equal(n & (n - 1), 0); /* a power of two, */
                assert_int_equal(first % n, 0);   /* and at a multiple of itself */
                next += n;
                least = n < least ? n : least;
                most = n > most ? n : most;
            }
            assert_int_equal(next, parts);
            assert_true(most <= 2 * least);
        }
}

static void slices_are_everything(void **state)
{
    const int64_t n[] = {0, 1, 5, 4096, 135000001, (int64_t)1 << 52};

    (void)state;
    for (size_t i = 0; i < sizeof n / sizeof *n; i++)
        for (int ranks = 1; ranks <= 512; ranks += 37) {
            const wagle_ctx ctx = {.processes = {.count = ranks}};
            assert_int_equal(wg_slice(&ctx, n[i], 0), 0);
            assert_int_equal(wg_slice(&ctx, n[i], ranks), n[i]);
            for (int r = 0; r < ranks; r++)
                assert_true(wg_slice(&ctx, n[i], r) <= wg_slice(&ctx, n[i], r + 1));
        }
}

static void tables_that_do_not_fit_are_refused(void **state)
{
    wagle_ctx *ctx = new_context();
    wagle_processes p = {.size = sizeof p, .count = 4, .exchange = forked_exchange};

    (void)state;
    assert_int_equal(wagle_set_processes(ctx, &p, 2), WAGLE_E_USAGE);
    assert_int_equal(wagle_set_processes(ctx, &p, 6), WAGLE_E_USAGE);
    assert_int_equal(wagle_set_processes(ctx, &p, -1), WAGLE_E_USAGE);
    p.rank = 4;
    assert_int_equal(wagle_set_processes(ctx, &p, 8), WAGLE_E_USAGE);
    p.rank = 0;
    p.exchange = NULL;
    assert_int_equal(wagle_set_processes(ctx, &p, 8), WAGLE_E_USAGE);
    wagle_ctx_free(ctx);
}

/* --- sums --------------------------------------------------------------------------------------
 */

enum { LONG = 300001 };

static float part_value(int part, int64_t i)
{
    return (float)wg_random_normal(3, (uint64_t)part, (uint64_t)i);
}

static float tree_sum(int first, int n, int64_t i)
{
    return n == 1 ? part_value(first, i)
                  : tree_sum(first, n / 2, i) + tree_sum(first + n / 2, n / 2, i);
}

static wagle_status add_parts(wagle_ctx *ctx, int rank, void *user)
{
    int64_t slice[FORKED_MOST + 1];
    float *sum;
    int first;
    const int own = wg_parts_of(ctx, rank, &first);

    (void)user;
    for (int r = 0; r <= wg_ranks(ctx); r++)
        slice[r] = wg_slice(ctx, LONG, r);
    WG_TRY(WG_ALLOC(ctx, &sum, LONG));
    for (int64_t i = 0; i < LONG; i++)
        sum[i] = tree_sum(first, own, i);
    WG_TRY(wg_reduce_scatter(ctx, sum, slice, sum + slice[rank]));
    WG_TRY(wg_all_gather(ctx, sum, sizeof *sum, slice));
    for (int64_t i = 0; i < LONG; i++)
        if (sum[i] != tree_sum(0, PARTS, i))
            return wg_fail(ctx, WAGLE_E_RUN, "element %lld", (long long)i);
    wg_free(sum);
    return WAGLE_OK;
}

static void sums_are_those_of_the_tree(void **state)
{
    (void)state;
    for (int n = 1; n <= FORKED_MOST; n++)
        forked_expect("sums", n, PARTS, add_parts, NULL, WAGLE_OK);
}

/* --- attribution -------------------------------------------------------------------------------
 */

static wagle_status attribute(wagle_ctx *ctx, int rank, void *user)
{
    (void)rank;
    return wagle_attribute(ctx, user);
}

static void compare_scores(const char *selector, wagle_gamma gamma)
{
    static const int counts[] = {1, 2, 3, 4, 8};
    wagle_attribute_options o;
    wagle_ctx *ctx = new_context();

    wagle_attribute_defaults(&o);
    o.model = MODEL;
    o.forget.path = ROWS("forget");
    o.retain.path = ROWS("retain");
    o.selector = selector;
    o.gamma = gamma;
    o.force = true;
    o.out = ALONE;
    wagle_set_threads(ctx, 1);
    assert_ok(ctx, wagle_set_processes(ctx, NULL, PARTS));
    assert_ok(ctx, wagle_attribute(ctx, &o));
    wagle_ctx_free(ctx);
    o.out = TOGETHER;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (shortened() && counts[i] != 3)
            continue;
        forked_expect(selector, counts[i], PARTS, attribute, &o, WAGLE_OK);
        assert_same_file(selector, ALONE, TOGETHER);
    }
}

static void scores_are_those_of_one_process(void **state)
{
    (void)state;
    for (int s = 0; !on_card() && wg_selector_at(s) != NULL; s++)
        compare_scores(wg_selector_at(s)->name,
                       (wagle_gamma){.kind = WAGLE_GAMMA_NUMBER, .value = 1e-6});
    compare_scores("wagle", (wagle_gamma){.kind = WAGLE_GAMMA_AUTO});
    if (on_card())
        return;
    compare_scores("wagle", (wagle_gamma){.kind = WAGLE_GAMMA_DIAG});
    compare_scores("wagle", (wagle_gamma){.kind = WAGLE_GAMMA_PROTECT});
}

/* --- training ----------------------------------------------------------------------------------
 */

static wagle_train_options usual_run(void)
{
    wagle_train_options o;

    wagle_unlearn_defaults(&o);
    o.model = MODEL;
    o.forget.path = ROWS("forget");
    o.retain.path = ROWS("retain");
    o.refusal = ROWS("refusal");
    o.objective = "graddiff";
    o.steps = 3;
    o.batch = 5; /* fewer rows than parts: some are empty */
    o.warmup = 0;
    o.lr = 1e-3;
    o.force = true;
    return o;
}

static wagle_status unlearn(wagle_ctx *ctx, int rank, void *user)
{
    (void)rank;
    return wagle_unlearn(ctx, user, NULL);
}

static void train_alone(wagle_train_options *o)
{
    wagle_ctx *ctx = new_context();

    o->out = ALONE;
    wagle_set_threads(ctx, 1);
    assert_ok(ctx, wagle_set_processes(ctx, NULL, PARTS));
    assert_ok(ctx, wagle_unlearn(ctx, o, NULL));
    wagle_ctx_free(ctx);
    o->out = TOGETHER;
}

/* most: the largest number of processes that is tried. */
static void compare_models(const char *what, wagle_train_options o, int most)
{
    static const int counts[] = {3, 2, 8, 1, 4};

    train_alone(&o);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (counts[i] > most || (shortened() && i > 0))
            continue;
        forked_expect(what, counts[i], PARTS, unlearn, &o, WAGLE_OK);
        assert_same_file(what, ALONE "/model.safetensors", TOGETHER "/model.safetensors");
        assert_same_file(what, ALONE "/log.jsonl", TOGETHER "/log.jsonl");
    }
}

static void every_objective_trains_to_the_same_bits(void **state)
{
    (void)state;
    for (int k = 0; wg_objective_at(k) != NULL; k++) {
        wagle_train_options o = usual_run();
        o.objective = wg_objective_at(k)->name;
        if (on_card()
                ? strcmp(o.objective, "npo") == 0
                : !(wg_objective_at(k)->needs & WG_TRAINS_ONLY) && (!shortened() || k % 4 == 0))
            compare_models(o.objective, o, 3);
    }
}

static void every_optimizer_trains_to_the_same_bits(void **state)
{
    (void)state;
    for (int k = 0; !on_card() && wg_optimizer_kind_at(k) != NULL; k++) {
        wagle_train_options o = usual_run();
        o.optimizer = wg_optimizer_kind_at(k)->name;
        compare_models(o.optimizer, o, 8);
        o.state = WAGLE_STATE_BF16;
        compare_models("bf16 state", o, 3);
    }
}

static void other_options_train_to_the_same_bits(void **state)
{
    wagle_train_options o = usual_run();

    (void)state;
    if (on_card())
        return;
    o.selector = "wagle";
    o.density = 0.1;
    compare_models("selector", o, 8);
    o = usual_run();
    o.protect.path = "retain";
    compare_models("protect", o, 4);
    o = usual_run();
    o.clip = 0.5;
    o.clip_each = true;
    o.accumulate = 2;
    compare_models("clip of each tensor, two batches an update", o, 4);
    o = usual_run();
    o.reduction = WAGLE_REDUCE_TOKENS;
    o.retain_term = WAGLE_RETAIN_KL;
    compare_models("means over tokens, divergence", o, 3);
}

/* Scores that are zero, as those of tokens that no row has, are many equal ones. */
static void every_selection_is_that_of_one_process(void **state)
{
    static const struct {
        const char *selector;
        double density;
    } tried[] = {{"wagle", 0.9}, {"magnitude", 0.3}, {"random", 0.5}, {"wanda", 0.3}};

    (void)state;
    for (size_t i = 0; !on_card() && i < sizeof tried / sizeof *tried; i++) {
        wagle_train_options o = usual_run();
        o.selector = tried[i].selector;
        o.density = tried[i].density;
        o.steps = 1;
        compare_models(o.selector, o, 8);
    }
}

/* Sum of squares of what two models differ by, as a share of what they differ from the first one.
 */
static double apart(wagle_ctx *ctx, const char *one, const char *other)
{
    wg_tensors a, b, start;
    double between = 0, moved = 0;

    assert_ok(ctx, wg_tensors_open(ctx, one, &a));
    assert_ok(ctx, wg_tensors_open(ctx, other, &b));
    assert_ok(ctx, wg_tensors_open(ctx, MODEL, &start));
    for (int64_t i = 0; i < a.n; i++)
        for (int64_t j = 0; j < a.tensor[i].count; j++) {
            float x, y, z;
            wg_to_float(a.tensor[i].dtype, (const char *)a.tensor[i].data + j * 4, 1, &x);
            wg_to_float(b.tensor[i].dtype, (const char *)b.tensor[i].data + j * 4, 1, &y);
            wg_to_float(start.tensor[i].dtype, (const char *)start.tensor[i].data + j * 4, 1, &z);
            between += ((double)x - y) * ((double)x - y);
            moved += ((double)x - z) * ((double)x - z);
        }
    wg_tensors_close(&a);
    wg_tensors_close(&b);
    wg_tensors_close(&start);
    return between / moved;
}

/* Sums of parts differ from those of all rows by rounding alone. */
static void parts_change_the_rounding_alone(void **state)
{
    wagle_train_options o = usual_run();
    wagle_ctx *ctx = new_context();

    (void)state;
    o.protect.path = "retain";
    o.protect_rank = 0;
    o.optimizer = "sgd";
    o.lr = 0.1;
    o.batch = 8;
    o.steps = 2;
    train_alone(&o);
    o.out = TOGETHER;
    wagle_set_threads(ctx, 1);
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    const double share = apart(ctx, ALONE, TOGETHER);
    if (!(share < 1e-6))
        fail_msg("%g of the change differs", share);
    wagle_ctx_free(ctx);
}

static void weights_in_bf16_train_to_the_same_bits(void **state)
{
    wagle_train_options o = usual_run();

    (void)state;
    if (on_card())
        return;
    o.model = MODEL "-bf16";
    o.master = WAGLE_MASTER_BF16;
    compare_models("bf16", o, 4);
    o.master = WAGLE_MASTER_BF16_STOCHASTIC;
    o.selector = "wagle";
    o.density = 0.5;
    compare_models("bf16, rounded at random", o, 8);
    o.optimizer = "lion";
    o.state = WAGLE_STATE_BF16;
    compare_models("bf16, rounded at random, lion", o, 3);
}

static void what_is_not_there_is_refused(void **state)
{
    wagle_train_options o = usual_run();

    (void)state;
    o.out = TOGETHER;
    o.lora = 2;
    forked_expect("lora", 2, PARTS, unlearn, &o, WAGLE_E_USAGE);
    o = usual_run();
    o.out = TOGETHER;
    o.rectify = 0.8;
    forked_expect("rectify", 2, PARTS, unlearn, &o, WAGLE_E_USAGE);
}

/* --- shared weights ----------------------------------------------------------------------------
 */

/* What this process has of the addresses of a shared model, in kB. */
static int64_t resident(const wg_tensors *files)
{
    char line[512];
    int64_t total = 0, kb = 0;
    bool ours = false;
    FILE *f = fopen("/proc/self/smaps", "r");

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            ours = from >= (uintptr_t)files->region[0] &&
                   from < (uintptr_t)files->region[0] + files->map[0].bytes;
        else if (ours && sscanf(line, "Rss: %" SCNd64 " kB", &kb) == 1)
            total += kb;
    }
    if (f != NULL)
        fclose(f);
    return total;
}

/* All bytes are there when asked for, and those of others are given back. */
static wagle_status read_tensors(wagle_ctx *ctx, int rank, void *user)
{
    const int64_t kb = wg_file_bytes(MODEL "/model.safetensors") / 1024;
    wg_model *m;

    (void)user;
    WG_TRY(wg_model_open(ctx, MODEL, &m));
    for (int64_t i = 0; i < m->files.n; i++) {
        const wg_tensor *t = &m->files.tensor[(i + rank) % m->files.n];
        const void *data = m->ops->stored(m->ops, t->data, t->bytes);
        if (data != t->data || memcmp(data, t->place, t->bytes) != 0 || data == t->place)
            return wg_fail(ctx, WAGLE_E_RUN, "%s: other bytes", t->name);
        wg_map_release(t->data, t->bytes); /* advice that does not fit harms nothing */
        if (memcmp(data, t->place, t->bytes) != 0)
            return wg_fail(ctx, WAGLE_E_RUN, "%s: gone", t->name);
        if (i % 2 == 0)
            m->ops->ahead(m->ops, m->files.tensor[(i + rank + 1) % m->files.n].data, 1);
        m->ops->release(m->ops, t->data, t->bytes);
    }
    const int64_t left = resident(&m->files);
    if (left > kb * 3 / 4) /* pages in which a tensor ends stay, and tensors are small here */
        return wg_fail(ctx, WAGLE_E_RUN, "%lld of %lld kB stay", (long long)left, (long long)kb);
    if (wg_shared_received(ctx) < kb * 1024 * (wg_ranks(ctx) - 1) / wg_ranks(ctx) / 2)
        return wg_fail(ctx, WAGLE_E_RUN, "too little came");
    wg_model_close(m);
    return WAGLE_OK;
}

static void shared_weights_come_when_they_are_asked_for(void **state)
{
    (void)state;
    if (on_card())
        return;
    forked_shares = true;
    for (int count = 2; count <= 8; count *= 2)
        forked_expect("tensors", count, PARTS, read_tensors, NULL, WAGLE_OK);
    forked_shares = false;
}

static void shared_weights_train_to_the_same_bits(void **state)
{
    wagle_train_options o = usual_run();

    (void)state;
    forked_shares = true;
    compare_models("shared weights", o, 4);
    if (!on_card()) {
        wg_remove_tree(ALONE);
        wg_remove_tree(TOGETHER);
        compare_scores("wagle", (wagle_gamma){.kind = WAGLE_GAMMA_AUTO});
        unlink(ALONE);
        unlink(TOGETHER);
        o.objective = "npo";
        o.protect.path = "retain";
        compare_models("shared weights, protect", o, 2);
    }
    forked_shares = false;
}

static void shared_weights_need_a_way_to_read(void **state)
{
    wagle_ctx *ctx = new_context();
    wagle_processes p = {
        .size = offsetof(wagle_processes, read), .count = 2, .exchange = forked_exchange};

    (void)state;
    assert_ok(ctx, wagle_share_weights(ctx, true)); /* alone it changes nothing */
    assert_ok(ctx, wagle_set_processes(ctx, &p, 2));
    assert_refused(ctx, wagle_share_weights(ctx, true), WAGLE_E_USAGE, "share_weights");
    wagle_ctx_free(ctx);
}

/* --- sweeps ------------------------------------------------------------------------------------
 */

static wagle_status sweep(wagle_ctx *ctx, int rank, void *user)
{
    char *table = NULL;
    const wagle_status st = wagle_sweep(ctx, user, &table);
    const bool there = table != NULL && table[0] != '\0';

    wagle_string_free(table);
    if (st == WAGLE_OK && there != (rank == 0))
        return wg_fail(ctx, WAGLE_E_RUN, "process %d has %s table", rank, there ? "a" : "no");
    return st;
}

static void write_spec(wagle_ctx *ctx)
{
    json_t *spec = json_pack(
        "{s:s, s:s, s:s, s:{s:s}, s:[s, s], s:[s, s], s:[f], s:[f, f], s:[i], s:i, s:i}", "model",
        MODEL, "forget", ROWS("forget"), "retain", ROWS("retain"), "eval", "forget", ROWS("forget"),
        "objectives", "graddiff", "npo", "selectors", "none", "wagle@1e-6", "densities", 0.4, "lr",
        1e-4, 1e-3, "seeds", 1, "steps", 2, "batch", 2);

    assert_non_null(spec);
    assert_ok(ctx, wg_json_write(ctx, FOLDER "/spec.json", spec, true));
    json_decref(spec);
}

static void points_of_a_sweep_are_handed_out(void **state)
{
    wagle_sweep_options o;
    wagle_ctx *ctx = new_context();
    char *table;

    (void)state;
    write_spec(ctx);
    wagle_sweep_defaults(&o);
    o.spec = FOLDER "/spec.json";
    o.force = true;
    o.out = ALONE;
    if (!on_card()) {
        wagle_set_threads(ctx, 1);
        assert_ok(ctx, wagle_set_processes(ctx, NULL, PARTS));
        assert_ok(ctx, wagle_sweep(ctx, &o, &table));
        wagle_string_free(table);
        o.out = TOGETHER;
        for (int n = 3; n >= (shortened() ? 3 : 2); n--) {
            o.jobs = n == 2 ? 2 : 1;
            forked_expect("sweep", n, PARTS, sweep, &o, WAGLE_OK);
            assert_same_file("sweep", ALONE "/table.md", TOGETHER "/table.md");
        }
    }
    wagle_ctx_free(ctx);
}

/* --- interrupted and killed --------------------------------------------------------------------
 */

static void stop_at_two(void *user, const char *stage, int64_t done, int64_t total,
                        const char *detail)
{
    (void)stage;
    (void)detail;
    if (total == 6 && done == 2)
        wagle_interrupt(user);
}

/* One process alone is told to stop, and not the one that writes. */
static wagle_status unlearn_until_two(wagle_ctx *ctx, int rank, void *user)
{
    if (rank == 1)
        wagle_on_progress(ctx, stop_at_two, ctx);
    return wagle_unlearn(ctx, user, NULL);
}

static void resume_on_another_number(wagle_train_options o)
{
    o.steps = 6;
    train_alone(&o);
    forked_expect("interrupted", 2, PARTS, unlearn_until_two, &o, WAGLE_E_INTERRUPTED);
    o.resume = true;
    forked_expect("resumed", 3, PARTS, unlearn, &o, WAGLE_OK);
    assert_same_file("resumed", ALONE "/model.safetensors", TOGETHER "/model.safetensors");
    assert_same_file("resumed", ALONE "/log.jsonl", TOGETHER "/log.jsonl");
}

static void another_number_resumes_to_the_same_bits(void **state)
{
    wagle_train_options o = usual_run();

    (void)state;
    resume_on_another_number(o);
    o.model = MODEL "-bf16";
    o.master = WAGLE_MASTER_BF16;
    resume_on_another_number(o);
    o.master = WAGLE_MASTER_BF16_STOCHASTIC;
    resume_on_another_number(o);
}

static void a_killed_process_ends_all_and_the_run_resumes(void **state)
{
    wagle_train_options o = usual_run();
    const int kills = on_card() ? 0 : shortened() ? 3 : 12;

    (void)state;
    o.steps = 12;
    o.checkpoint_every = 1;
    train_alone(&o);
    for (int k = 0; k < kills; k++) {
        int code[FORKED_MOST];
        forked_shares = k % 2 == 1;
        wg_remove_tree(TOGETHER);
        wg_remove_tree(TOGETHER ".partial");
        o.resume = false;
        forked_run(3, PARTS, unlearn, &o, k % 3, 20 + 15 * k, code);
        if (code[k % 3] == 128 + SIGKILL)
            for (int r = 0; r < 3; r++)
                if (r != k % 3 && code[r] != WAGLE_E_RESOURCE && code[r] != WAGLE_OK)
                    fail_msg("process %d came to %d", r, code[r]);
        o.resume = true;
        forked_expect("after a kill", 1 + k % 4, PARTS, unlearn, &o, WAGLE_OK);
        assert_same_file("after a kill", ALONE "/model.safetensors", TOGETHER "/model.safetensors");
    }
    forked_shares = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_nodes_of_a_tree),
        cmocka_unit_test(slices_are_everything),
        cmocka_unit_test(tables_that_do_not_fit_are_refused),
        cmocka_unit_test(sums_are_those_of_the_tree),
        cmocka_unit_test(scores_are_those_of_one_process),
        cmocka_unit_test(every_objective_trains_to_the_same_bits),
        cmocka_unit_test(every_optimizer_trains_to_the_same_bits),
        cmocka_unit_test(other_options_train_to_the_same_bits),
        cmocka_unit_test(parts_change_the_rounding_alone),
        cmocka_unit_test(every_selection_is_that_of_one_process),
        cmocka_unit_test(weights_in_bf16_train_to_the_same_bits),
        cmocka_unit_test(what_is_not_there_is_refused),
        cmocka_unit_test(shared_weights_come_when_they_are_asked_for),
        cmocka_unit_test(shared_weights_train_to_the_same_bits),
        cmocka_unit_test(shared_weights_need_a_way_to_read),
        cmocka_unit_test(points_of_a_sweep_are_handed_out),
        cmocka_unit_test(another_number_resumes_to_the_same_bits),
        cmocka_unit_test(a_killed_process_ends_all_and_the_run_resumes),
    };
    return cmocka_run_group_tests(tests, write_all_rows, NULL);
}
