/* Each allocation, and each write, of a job fails in turn: the job ends with "no memory or disk",
 * a message, nothing leaked and no file left; the first n that is not reached succeeds. And a run
 * that is interrupted at each of its checks in turn resumes to the same bits. */
#include "jobs.h"

#include "base/json.h"

typedef wagle_status job(wagle_ctx *ctx);

static wagle_status gradient(wagle_ctx *ctx)
{
    wagle_rows_options o;

    wagle_rows_defaults(&o);
    o.model = MODEL;
    o.data.path = WG_SCRATCH "/torture.jsonl";
    o.out = OUT;
    o.force = true;
    return wagle_gradient(ctx, &o);
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
    o->allow_unmet = true;
    o->lr = 1e-5;
    o->schedule = WAGLE_SCHEDULE_LINEAR;
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

/* Factors in a scratch file, used for scores and for updates. */
static wagle_status protected_twice(wagle_ctx *ctx)
{
    wagle_train_options o;

    training(&o, OUT);
    o.selector = "wagle";
    o.gamma.kind = WAGLE_GAMMA_PROTECT;
    o.protect.path = WG_SCRATCH "/torture.jsonl";
    o.steps = 1;
    wagle_set_memory(ctx, (int64_t)1 << 30);
    return wagle_unlearn(ctx, &o, NULL);
}

static wagle_status objective_gradient(wagle_ctx *ctx, const char *objective,
                                       wagle_retain_term term)
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
    return objective_gradient(ctx, "undial", WAGLE_RETAIN_KL);
}

static wagle_status hidden_gradient(wagle_ctx *ctx)
{
    return objective_gradient(ctx, "rmu", WAGLE_RETAIN_AUTO);
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

/* Trains a model once, for patches. */
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
    wagle_diff_options o;

    wagle_diff_defaults(&o);
    o.before = MODEL;
    o.after = TRAINED;
    o.out = OUT;
    o.force = true;
    return wagle_diff(ctx, &o);
}

static wagle_status apply(wagle_ctx *ctx)
{
    wagle_patch_options o;

    wagle_patch_defaults(&o);
    o.model = MODEL;
    o.patch = PATCH;
    o.out = OUT;
    o.force = true;
    return wagle_apply(ctx, &o);
}

/* Of a patch and a folder. */
static wagle_status merge(wagle_ctx *ctx)
{
    const char *const models[] = {PATCH, TRAINED};
    const double weights[] = {0.5, -0.25};
    wagle_merge_options o;

    wagle_merge_defaults(&o);
    o.models = models;
    o.n = o.n_weights = 2;
    o.weights = weights;
    o.base = MODEL;
    o.out = OUT;
    o.force = true;
    return wagle_merge(ctx, &o);
}

/* --- rows to protect -------------------------------------------------------------------------- */

#define PROTECTED WG_SCRATCH "/torture-protected.jsonl"

/* Writes rows with more tokens than most matrices have inputs, so that factors of both forms occur.
 */
static void write_protected(void)
{
    FILE *file = fopen(PROTECTED, "w");

    for (int row = 0; row < 3; row++) {
        fputs("{\"input_ids\":[", file);
        for (int i = 0; i < 20; i++)
            fprintf(file, "%s%d", i > 0 ? "," : "", 3 + (row * 97 + i * 41) % 300);
        fputs("]}\n", file);
    }
    fclose(file);
}

/* A protected run with all eigenpairs, the leading ones, or those that matter (by rank). */
static wagle_status protected_run(wagle_ctx *ctx, const char *selector, int64_t rank)
{
    static const char *const more[] = {"retain", NULL};
    wagle_train_options o;

    training(&o, OUT);
    o.selector = selector;
    o.protect.path = PROTECTED;
    o.protect.more = more;
    o.protect_rank = rank;
    o.batch = 1;
    o.steps = 1;
    o.warmup = 0;
    return wagle_unlearn(ctx, &o, NULL);
}

static wagle_status protect(wagle_ctx *ctx)
{
    return protected_run(ctx, NULL, 0);
}

static wagle_status protect_masked(wagle_ctx *ctx)
{
    return protected_run(ctx, "snip", 3);
}

/* With too little memory for factors and optimizer state, which are then in scratch files. Two
 * threads, so that the preparation needs the same memory on every machine. */
static wagle_status protect_in_files(wagle_ctx *ctx)
{
    wagle_set_threads(ctx, 2);
    wagle_set_memory(ctx, 41900 << 10);
    const wagle_status st = protected_run(ctx, NULL, -1);
    wagle_set_memory(ctx, 0);
    wagle_set_threads(ctx, 0);
    return st;
}

/* --- suites, which read text ------------------------------------------------------------------ */

/* The level of chance and the search for a rate. */
static wagle_status searched(wagle_ctx *ctx)
{
    wagle_train_options o;

    training(&o, OUT);
    o.model = KNOWING;
    o.forget.path = o.retain.path = KNOWN;
    o.objective = "ga";
    o.lr = 0;
    o.schedule = WAGLE_SCHEDULE_AUTO;
    o.warmup = 0;
    o.steps = 2;
    o.redact = true;
    return wagle_unlearn(ctx, &o, NULL);
}

#define FORGOTTEN WG_SCRATCH "/torture-forgotten"

/* The whole pipeline of `wagle forget`; its folders are removed afterwards. */
static wagle_status forgotten(wagle_ctx *ctx)
{
    wagle_forget_options o;
    wagle_forget_result result;

    wagle_forget_result_init(&result);
    wagle_forget_defaults(&o);
    o.model = KNOWING;
    o.data = KNOWN;
    o.out = FORGOTTEN;
    o.objective = "ga";
    o.lr = 1e-2;
    o.redact = true;
    const wagle_status st = wagle_forget(ctx, &o, &result);
    wagle_string_free(result.text);
    assert_true(wg_exists(FORGOTTEN) == (st == WAGLE_OK));
    wg_remove_tree(FORGOTTEN);
    wg_remove_tree(FORGOTTEN ".partial");
    return st;
}

static wagle_status run_suites(wagle_ctx *ctx, const char *suites, const char *out)
{
    const char *const sets[] = {"forget=" QUESTIONS,
                                "quiz=" CHOICES,
                                "swag=" ENDINGS,
                                "members=" QUESTIONS,
                                "nonmembers=" QUESTIONS,
                                "prompts=" QUESTIONS,
                                NULL};
    const char *const few[] = {"forget=" QUESTIONS, "relearn=" QUESTIONS, NULL};
    const bool robustness = strcmp(suites, "robustness") == 0;
    wagle_suite_options o;
    char *json = NULL;

    wagle_suite_defaults(&o);
    o.model = TEXT_MODEL;
    o.suites = suites;
    o.sets = robustness ? few : sets;
    o.out = out;
    o.max_tokens = robustness ? o.max_tokens : 2;
    o.samples = robustness ? 0 : 2;
    o.relearn_steps = robustness ? 1 : o.relearn_steps;
    o.resamples = 2;
    o.force = true;
    const wagle_status st = wagle_suite_run(ctx, &o, &json);
    wagle_string_free(json);
    return st;
}

/* A result has two files; either both exist or none. */
static wagle_status suites(wagle_ctx *ctx)
{
    const wagle_status st = run_suites(ctx, "tofu,mcq,extraction,membership,general", RESULT);

    assert_true(wg_exists(RESULT) == (st == WAGLE_OK));
    assert_true(wg_exists(WG_SCRATCH "/torture-result.rows.jsonl") == (st == WAGLE_OK));
    wg_remove_tree(RESULT);
    wg_remove_tree(WG_SCRATCH "/torture-result.rows.jsonl");
    return st;
}

static wagle_status planned(wagle_ctx *ctx)
{
    wagle_set_dry_run(ctx, true);
    const wagle_status st = run_suites(ctx, "tofu,mcq,extraction,membership,general", RESULT);

    wagle_set_dry_run(ctx, false);
    wg_free(ctx->plan);
    wg_free(ctx->plan_json);
    ctx->plan = ctx->plan_json = NULL;
    assert_false(wg_exists(RESULT));
    return st;
}

static wagle_status robustness(wagle_ctx *ctx)
{
    const wagle_status st = run_suites(ctx, "robustness", NULL);

    assert_false(wg_exists("wagle-robustness.models"));
    assert_false(wg_exists("wagle-robustness.models.partial"));
    return st;
}

/* Questions with a chat template and one solved example each. */
static wagle_status quizzed(wagle_ctx *ctx)
{
    static const char *const sets[] = {"quiz=" ENDINGS, "dev=" SOLVED, NULL};
    wagle_suite_options o;
    char *json = NULL;

    wagle_suite_defaults(&o);
    o.model = TEXT_MODEL;
    o.suites = "mcq";
    o.sets = sets;
    o.data.chat = "plain";
    o.shots = 1;
    o.resamples = 0;
    const wagle_status st = wagle_suite_run(ctx, &o, &json);
    wagle_string_free(json);
    return st;
}

static wagle_status watched(wagle_ctx *ctx)
{
    static const char *const sets[] = {"forget=" QUESTIONS, "quiz=" CHOICES, NULL};
    wagle_suite_options watch;
    wagle_train_options o;

    wagle_suite_defaults(&watch);
    watch.suites = "tofu,mcq";
    watch.sets = sets;
    watch.max_tokens = 1;
    training(&o, OUT);
    o.model = TEXT_MODEL;
    o.steps = 1;
    o.eval_every = 1;
    o.watch = &watch;
    o.stop_when = "mcq.quiz.acc>2";
    return wagle_unlearn(ctx, &o, NULL);
}

#define SPEC WG_SCRATCH "/torture-spec.json"

static void write_spec(void)
{
    write_text(SPEC, "{\"model\":\"" TEXT_MODEL "\",\"forget\":\"" QUESTIONS
                     "\",\"retain\":\"" QUESTIONS "\",\"eval\":{\"forget\":\"" QUESTIONS
                     "\"},\"objectives\":[\"npo\"],\"selectors\":[\"none\",\"snip\"],"
                     "\"exclude\":[[\"norms\"]],\"densities\":[0.5],\"lr\":[1e-3],\"steps\":1,"
                     "\"batch\":1,\"suites\":{\"run\":\"tofu\",\"sets\":{\"forget\":\"" QUESTIONS
                     "\"},\"max_tokens\":0},\"columns\":[\"forget\",\"tofu.forget.probability\"],"
                     "\"relearn\":{\"data\":\"" QUESTIONS "\",\"steps\":1,\"lr\":1e-3}}");
}

#define SEARCH WG_SCRATCH "/torture-search.json"

/* A spec that searches for a rate, protects rows, and scales the change back. */
static void write_search(void)
{
    write_text(SEARCH, "{\"model\":\"" MODEL "\",\"forget\":\"" WG_SCRATCH
                       "/torture.jsonl\",\"retain\":\"" WG_SCRATCH
                       "/torture.jsonl\",\"eval\":{\"forget\":\"" WG_SCRATCH
                       "/torture.jsonl\"},\"objectives\":[\"ga\"],\"protect\":[\"retain@1\"],"
                       "\"selectors\":[\"random/neurons\"],\"densities\":[0.5],\"batch\":1,"
                       "\"updates\":2,\"lr\":1e-5,\"stop_when\":\"forget.nll>6\","
                       "\"land\":true}");
}

/* A sweep. Its folder may remain after failure, because it can be resumed. */
static wagle_status sweep_of(wagle_ctx *ctx, const char *spec)
{
    wagle_sweep_options o;
    char *table = NULL;
    wagle_status st;

    wagle_sweep_defaults(&o);
    o.spec = spec;
    o.out = OUT;
    st = wagle_sweep(ctx, &o, &table);
    wagle_string_free(table);
    return st;
}

static wagle_status sweep(wagle_ctx *ctx)
{
    return sweep_of(ctx, SPEC);
}

static wagle_status search(wagle_ctx *ctx)
{
    return sweep_of(ctx, SEARCH);
}

#define TASKS                                                                                      \
    {                                                                                              \
        WG_SCRATCH "/torture-task1", WG_SCRATCH "/torture-task2"                                   \
    }

/* Writes two folders like those of sweeps. */
static void write_tasks(void)
{
    static const char *const folders[] = TASKS;
    wagle_ctx *ctx = new_context();

    for (int i = 0; i < 2; i++) {
        char path[4096];
        assert_ok(ctx, wg_make_folder(ctx, folders[i]));
        snprintf(path, sizeof path, "%s/spec.json", folders[i]);
        write_text(path, "{\"model\":\"m\",\"forget\":\"f\",\"retain\":\"r\","
                         "\"eval\":{\"forget\":\"f\",\"kept\":\"k\"},\"objectives\":[\"npo\"],"
                         "\"selectors\":[\"none\"],\"lr\":[1e-3]}");
        snprintf(path, sizeof path, "%s/runs.json", folders[i]);
        write_text(path,
                   "{\"a\":{\"objective\":\"npo\",\"selector\":\"none\",\"exclude\":\"\","
                   "\"density\":1,\"lr\":1e-3,\"seed\":1,\"steps\":9,"
                   "\"eval\":{\"kept\":{\"probability\":0.5}}},"
                   "\"b\":{\"objective\":\"npo\",\"selector\":\"snip\",\"exclude\":\"norms\","
                   "\"density\":0.1,\"lr\":1e-3,\"seed\":1,\"steps\":9,"
                   "\"eval\":{\"kept\":{\"probability\":0.6},\"forget\":{\"probability\":0.1}}}}");
    }
    wagle_ctx_free(ctx);
}

static wagle_status joined(wagle_ctx *ctx)
{
    static const char *const folders[] = TASKS;
    wagle_join_options o;
    char *table = NULL;
    wagle_status st;

    wagle_join_defaults(&o);
    o.sweeps = folders;
    o.n = 2;
    o.out = OUT;
    st = wagle_join_sweeps(ctx, &o, &table);
    wagle_string_free(table);
    return st;
}

static wagle_status masks_of(wagle_ctx *ctx, wagle_scope scope)
{
    static const double density[] = {0.1, 0.5};
    wagle_mask_options o;
    wagle_status st;

    wagle_mask_defaults(&o);
    o.scores = WG_SCRATCH "/torture-scores";
    o.scope = scope;
    o.out = OUT "{}";
    o.densities = density;
    o.n_densities = 2;
    o.force = true;
    st = wagle_mask(ctx, &o);
    wg_remove_tree(OUT "0.1");
    wg_remove_tree(OUT "0.5");
    return st;
}

static wagle_status several_masks(wagle_ctx *ctx)
{
    return masks_of(ctx, WAGLE_SCOPE_GLOBAL);
}

static wagle_status neurons(wagle_ctx *ctx)
{
    return masks_of(ctx, WAGLE_SCOPE_NEURONS);
}

static void score_once(void)
{
    wagle_ctx *ctx = new_context();
    wagle_attribute_options o;

    wagle_attribute_defaults(&o);
    o.model = MODEL;
    o.out = WG_SCRATCH "/torture-scores";
    o.selector = "magnitude";
    o.force = true;
    o.forget.path = WG_SCRATCH "/torture.jsonl";
    assert_ok(ctx, wagle_attribute(ctx, &o));
    wagle_ctx_free(ctx);
}

#define KEPT WG_SCRATCH "/torture-kept.json"

static void evaluate_once(void)
{
    wagle_ctx *ctx = new_context();

    assert_ok(ctx, run_suites(ctx, "tofu,mcq,membership,general", KEPT));
    wagle_ctx_free(ctx);
}

static wagle_status report(wagle_ctx *ctx)
{
    const char *const runs[] = {"a=" KEPT, "b=" KEPT, "b=" TRAINED,
                                WG_GOLD "/certificates/forgotten", NULL};
    wagle_report_options o;

    wagle_report_defaults(&o);
    o.runs = runs;
    o.out = OUT;
    o.resamples = 2;
    o.redact = true;
    o.force = true;
    return wagle_report(ctx, &o);
}

static wagle_status difference(wagle_ctx *ctx)
{
    wagle_difference_options o;
    char *json = NULL;
    wagle_status st;

    wagle_difference_defaults(&o);
    o.a = o.b = KEPT;
    o.resamples = 2;
    st = wagle_difference(ctx, &o, &json);
    wagle_string_free(json);
    return st;
}

/* A job. After the first few failures, only every stride-th is tested. */
typedef struct trial {
    job *run;
    int64_t stride, sanitized; /* stride with sanitizers, which are slow. Above LONG: a
                                  composite job, which is tested at fewer points */
} trial;

enum { LONG = 1000 };

static void each_failure_is_survived(const trial *of, int64_t (*fail_at)(int64_t))
{
#ifdef WG_SANITIZED
    const int64_t each = of->sanitized, first = of->stride > LONG ? 5 : 40;
#else
    const int64_t each = of->stride, first = of->stride > LONG ? 10 : 400;
#endif
    const bool writes = fail_at == wg_file_fail_at;
    const int64_t stride =
        of->stride > LONG && writes ? each / 400 + 1 : each; /* writes are fewer than allocations */
    const int64_t all = each > 1 ? first : INT64_MAX;
    wagle_ctx *ctx = new_context();
    const int64_t live = wg_memory_live();

    for (int64_t n = 1; n < 1000000; n += n < all ? 1 : stride) {
        fail_at(n);
        const wagle_status st = of->run(ctx);
        const bool failed = fail_at(0) == 0;
        if (wg_memory_live() != live)
            fail_msg("failure %d: %d allocations leaked", (int)n, (int)(wg_memory_live() - live));
        /* a trained model that could not be written is kept as a checkpoint, and requests that
         * ended stay */
        assert_true(wg_exists(OUT ".partial") ==
                    (wg_exists(OUT ".partial/checkpoint.safetensors") ||
                     wg_exists(OUT ".partial/requests.json")));
        wg_remove_tree(OUT ".partial");
        assert_false(wg_exists(OUT ".unsigned"));
        assert_false(wg_exists(OUT ".scores"));
        wg_remove_tree(OUT);
        if (!failed) {
            assert_ok(ctx, st);
            wagle_ctx_free(ctx);
            return;
        }
        if (st != WAGLE_E_RESOURCE || wagle_message(ctx)[0] == '\0')
            fail_msg("failure %d: status %d, '%s'", (int)n, (int)st, wagle_message(ctx));
    }
    fail_msg("the job never succeeded");
}

static const trial trials[] = {{encode, 97, 1552},
                               {encode_older, 7, 97},
                               {encode_flags, 7, 97},
                               {embedded, 1, 48},
                               {compared_by_meaning, 1, 48},
                               {gradient, 1, 1},
                               {attribute, 1, 1},
                               {unlearn, 1, 1},
                               {requests, 29, 300},
                               {mask_by_rows, 1, 1},
                               {mixture, 1, 7},
                               {in_memory, 1, 7},
                               {several_masks, 1, 1},
                               {soft_gradient, 1, 1},
                               {hidden_gradient, 1, 1},
                               {adapters, 1, 1},
                               {diff, 1, 1},
                               {apply, 1, 1},
                               {merge, 1, 1},
                               {suites, 1, 48},
                               {planned, 97, 480},
                               {robustness, 1, 48},
                               {difference, 1, 1},
                               {watched, 1, 48},
                               {sweep, 1, 80},
                               {search, 23, 200},
                               {searched, 31, 300},
                               {forgotten, 4001, 20001},
                               {joined, 1, 1},
                               {report, 1, 48},
                               {quizzed, 7, 96},
                               {neurons, 1, 1},
                               {protect, 1, 7},
                               {protect_masked, 1, 7},
                               {protect_in_files, 1, 7},
                               {mask_by_factors, 1, 7},
                               {protected_twice, 1, 7}};

static void allocations_that_fail_are_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++)
        each_failure_is_survived(&trials[i], wg_memory_fail_at);
}

static void writes_that_fail_are_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++)
        each_failure_is_survived(&trials[i], wg_file_fail_at);
}

static void *no_memory(size_t bytes)
{
    (void)bytes;
    return NULL;
}

static void a_document_without_memory_is_not_called_invalid(void **state)
{
    wagle_ctx *ctx = new_context();
    json_t *document;

    (void)state;
    json_set_alloc_funcs(no_memory, free);
    assert_int_equal(wg_json_parse(ctx, "file", "{\"a\":1}", 7, &document), WAGLE_E_RESOURCE);
    json_set_alloc_funcs(malloc, free);
    wagle_ctx_free(ctx);
}

/* --- interruptions ---------------------------------------------------------------------------- */

#define WHOLE WG_SCRATCH "/torture-whole"

/* Interrupts a run at every n-th check and resumes it until it ends. Returns the number of
 * interruptions. */
static int run_in_pieces(wagle_train_options *o, int64_t n)
{
    int pieces = 0;

    for (wagle_status st = WAGLE_E_INTERRUPTED; st == WAGLE_E_INTERRUPTED; pieces++) {
        wagle_ctx *ctx = new_context();
        o->resume = wg_exists(OUT ".partial");
        wg_interrupt_at(pieces < 3 ? n : 0);
        st = wagle_unlearn(ctx, o, NULL);
        wg_interrupt_at(0);
        if (st != WAGLE_E_INTERRUPTED)
            assert_ok(ctx, st);
        wagle_ctx_free(ctx);
    }
    return pieces - 1;
}

static void interruptions_at_each_check_change_no_bit(void **state)
{
    static const struct {
        const char *objective, *optimizer;
        double rectify;
        int64_t lora, accumulate;
        const char *protect;
        wagle_state state;
    } how[] = {{"npo", "adamw", 0.8, 0, 1, NULL, WAGLE_STATE_F32},
               {"dpo", "sophia", 0, 0, 1, NULL, WAGLE_STATE_F32},
               {"npo", "sophia", 0.8, 0, 2, NULL, WAGLE_STATE_F32},
               {"undial", "sgd", 0, 0, 1, NULL, WAGLE_STATE_F32},
               {"rmu", "lion", 0, 0, 2, NULL, WAGLE_STATE_F32},
               {"graddiff", "adamw", 0, 2, 1, NULL, WAGLE_STATE_F32},
               {"pdu", "adamw", 0, 0, 1, NULL, WAGLE_STATE_F32},
               {"graddiff", "adamw", 0, 0, 1, PROTECTED, WAGLE_STATE_BF16},
               {"npo", "lion", 0.8, 0, 2, PROTECTED, WAGLE_STATE_F32}};

    (void)state;
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        wagle_train_options o;
        wagle_ctx *ctx = new_context();
        char what[96];
        training(&o, WHOLE);
        o.refusal = o.forget.path;
        o.objective = how[i].objective;
        o.optimizer = how[i].optimizer;
        o.rectify = how[i].rectify;
        o.lora = how[i].lora;
        o.accumulate = how[i].accumulate;
        o.protect.path = how[i].protect;
        o.state = how[i].state;
        o.batch = 1;
        o.steps = 3;
        o.warmup = 0;
        o.lr = 1e-3;
        o.stop_when = "forget.nll>1e9";
        o.eval_every = 1;
        assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
        o.out = OUT;
        for (int64_t n = 1, pieces = 1; pieces > 0; n++) {
            pieces = run_in_pieces(&o, n);
            snprintf(what, sizeof what, "%s, %s, interrupted at check %d", how[i].objective,
                     how[i].optimizer, (int)n);
            assert_same_file(what, WHOLE "/model.safetensors", OUT "/model.safetensors");
            wg_remove_tree(OUT);
        }
        wagle_ctx_free(ctx);
    }
}

/* Writes the inputs of the jobs. */
static int prepare(void **state)
{
    static const char *const left[] = {OUT, OUT ".partial", RESULT,
                                       WG_SCRATCH "/torture-result.rows.jsonl"};

    (void)state;
    for (int i = 0; i < 4; i++) /* left by a killed run of this test */
        wg_remove_tree(left[i]);
    write_text(WG_SCRATCH "/torture-2.jsonl", "{\"input_ids\":[11,12,13,14,15]}\n");
    write_text(WG_SCRATCH "/torture.jsonl",
               "{\"input_ids\":[5,6,7,8,9]}\n{\"input_ids\":[15,16,17]}\n");
    write_protected();
    train_once();
    score_once();
    make_text_model();
    know_once();
    write_spec();
    write_search();
    write_tasks();
    evaluate_once();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_that_fail_are_survived),
        cmocka_unit_test(writes_that_fail_are_survived),
        cmocka_unit_test(a_document_without_memory_is_not_called_invalid),
        cmocka_unit_test(interruptions_at_each_check_change_no_bit),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
