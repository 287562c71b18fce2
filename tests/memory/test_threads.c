/* Two contexts in two threads work at the same time, on one open model and on folders, and give
 * what one thread alone gives. So do the jobs of a sweep. Each context has worker threads of its
 * own. */
#include "torture/textmodel.h"

#include "base/json.h"
#include <pthread.h>

enum { THREADS = 2, ROUNDS = 3, ROUNDS_ON_CARD = 1, WORKERS = 3 };

#define ROWS WG_SCRATCH "/threads-rows.jsonl"

typedef struct work {
    const wagle_model *model;
    const wagle_dataset *rows;
    uint64_t seed;
    int workers;
    char out[512]; /* a folder of its own */
    wagle_status status;
    char message[256];
    char *answer; /* of the model that was trained in memory */
    double loss;  /* of the run that wrote the folder */
} work;

static wagle_status in_memory(wagle_ctx *ctx, work *w)
{
    static const char *const prompt[] = {"Who"};
    wagle_train_options o;
    wagle_generate_options g;
    wagle_generation made;
    wagle_model *trained;

    wagle_unlearn_defaults(&o);
    o.opened = w->model;
    o.forget.rows = o.retain.rows = w->rows;
    o.lr = 1e-2;
    o.steps = 3;
    o.warmup = 0;
    o.seed = w->seed;
    o.made = &trained;
    WG_TRY(wagle_unlearn(ctx, &o, NULL));
    wagle_generate_defaults(&g);
    g.opened = trained;
    g.prompts = prompt;
    g.n = 1;
    g.max_tokens = 12;
    const wagle_status st = wagle_generate(ctx, &g, &made);
    wagle_model_close(trained);
    if (st == WAGLE_OK)
        w->answer = made.text;
    return st;
}

static wagle_status on_disk(wagle_ctx *ctx, work *w)
{
    wagle_train_options o;
    wagle_train_result result;

    wagle_finetune_defaults(&o);
    wagle_train_result_init(&result);
    o.model = TEXT_MODEL;
    o.retain.path = ROWS;
    o.steps = 3;
    o.seed = w->seed;
    o.out = w->out;
    o.force = true;
    WG_TRY(wagle_finetune(ctx, &o, &result));
    w->loss = result.loss;
    return WAGLE_OK;
}

static void *run(void *user)
{
    work *w = user;
    wagle_ctx *ctx = new_context(); /* on a card, where the test is of one */
    const int rounds = getenv("WG_TEST_CARD") != NULL ? ROUNDS_ON_CARD : ROUNDS;

    w->status = WAGLE_OK;
    wagle_set_threads(ctx, w->workers);
    for (int i = 0; w->status == WAGLE_OK && i < rounds; i++) {
        wagle_string_free(w->answer);
        w->answer = NULL;
        w->status = in_memory(ctx, w);
        if (w->status == WAGLE_OK)
            w->status = on_disk(ctx, w);
    }
    snprintf(w->message, sizeof w->message, "%s", wagle_message(ctx));
    wagle_ctx_free(ctx);
    return NULL;
}

static void contexts_in_two_threads_give_what_each_gives_alone(void **state)
{
    wagle_ctx *ctx = new_context();
    wagle_model *model;
    wagle_dataset *rows;
    work w[2 * THREADS] = {{0}};
    pthread_t thread[THREADS];

    (void)state;
    make_text_model();
    write_text(ROWS, "{\"prompt\":\"Who\",\"answer\":\"me\"}\n{\"text\":\"abc\"}\n");
    wagle_set_threads(ctx, 1);
    assert_ok(ctx, wagle_model_open(ctx, TEXT_MODEL, &model));
    assert_ok(ctx, wagle_dataset_new(ctx, &rows));
    assert_ok(ctx, wagle_dataset_add_text(ctx, rows, "Who", "me"));
    assert_ok(ctx, wagle_dataset_add_text(ctx, rows, NULL, "abc"));
    for (int i = 0; i < 2 * THREADS; i++) {
        w[i].model = model;
        w[i].rows = rows;
        w[i].seed = (uint64_t)(i % THREADS);
        w[i].workers = i < THREADS ? WORKERS : 1;
        snprintf(w[i].out, sizeof w[i].out, WG_SCRATCH "/threads-%d", i);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run, &w[i]), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        run(&w[THREADS + i]); /* alone */
        if (w[i].status != WAGLE_OK)
            fail_msg("%s", w[i].message);
        assert_string_equal(w[i].answer, w[THREADS + i].answer);
        assert_true(w[i].loss == w[THREADS + i].loss);
        wagle_string_free(w[i].answer);
        wagle_string_free(w[THREADS + i].answer);
    }
    wagle_dataset_free(rows);
    wagle_model_close(model);
    wagle_ctx_free(ctx);
}

#define SPEC WG_SCRATCH "/threads-spec.json"

/* runs.json of a sweep by so many jobs, each with two worker threads. Free with wg_free. */
static char *swept(wagle_ctx *ctx, int jobs)
{
    const char *out = WG_SCRATCH "/threads-sweep";
    wagle_sweep_options o;
    char *table, *text;
    const char *key;
    json_t *runs, *run;

    wagle_sweep_defaults(&o);
    o.spec = SPEC;
    o.out = out;
    o.force = true;
    o.jobs = jobs;
    wagle_set_threads(ctx, 2 * jobs);
    assert_ok(ctx, wagle_sweep(ctx, &o, &table));
    wagle_string_free(table);
    assert_ok(ctx, wg_json_read(ctx, WG_SCRATCH "/threads-sweep/runs.json", &runs));
    assert_int_equal(json_object_size(runs), 12);
    json_object_foreach (runs, key, run)
        assert_int_equal(json_object_del(run, "seconds"), 0);
    assert_ok(ctx, wg_json_text(ctx, runs, false, &text));
    json_decref(runs);
    return text;
}

static void jobs_of_a_sweep_share_masks_and_give_what_one_gives(void **state)
{
    wagle_ctx *ctx = new_context();
    char *one, *three;

    (void)state;
    make_text_model();
    write_text(SPEC,
               "{\"model\":\"" TEXT_MODEL "\",\"forget\":\"" QUESTIONS "\",\"retain\":\"" QUESTIONS
               "\",\"eval\":{\"forget\":\"" QUESTIONS
               "\"},\"objectives\":[\"npo\",\"graddiff\"],\"selectors\":[\"none\",\"wagle@1\","
               "\"random\"],\"densities\":[0.5],\"lr\":[1e-4,1e-3],\"steps\":1,\"batch\":1,"
               "\"seeds\":[1],\"relearn\":{\"data\":\"" QUESTIONS "\",\"steps\":1,\"lr\":1e-3}}");
    one = swept(ctx, 1);
    three = swept(ctx, 3);
    assert_string_equal(one, three);
    wg_free(one);
    wg_free(three);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contexts_in_two_threads_give_what_each_gives_alone),
        cmocka_unit_test(jobs_of_a_sweep_share_masks_and_give_what_one_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
