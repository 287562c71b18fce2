/* Mixtures of experts: where rows go, experts that no token uses, and bits that depend neither on
 * threads nor on chunks. That results are those of transformers is checked with all other families.
 */
#include "support.h"

#include "engine/engine.h"
#include "model/decode.h"

static const char *const folders[] = {WG_GOLD "/models/mixtral",   WG_GOLD "/models/olmoe",
                                      WG_GOLD "/models/qwen2_moe", WG_GOLD "/models/qwen3_moe",
                                      WG_GOLD "/models/llama4",    WG_GOLD "/models/llama4-bias"};
enum { FOLDERS = sizeof folders / sizeof *folders };

/* --- routing ----------------------------------------------------------------------------------
 */

enum { N = 5, X = 4, USED = 2, S = 2, R = N * USED };

typedef struct routed {
    float share[N * X], weight[R];
    int64_t expert[R], row[R], token[R], sequence[X * (S + 1)], first[X + 1];
} routed;

static const int64_t starts[S + 1] = {7, 9, 12}; /* sequences of 2 and 3 tokens */

typedef enum shares { SOFTMAX, SUM_TO_ONE, SIGMOID } shares;

static void route(const float logits[N * X], shares how, routed *out)
{
    const wg_routing r = {.N = N,
                          .X = X,
                          .used = USED,
                          .S = S,
                          .sum_to_one = how == SUM_TO_ONE,
                          .sigmoid = how == SIGMOID,
                          .start = starts,
                          .share = out->share,
                          .expert = out->expert,
                          .row = out->row,
                          .token = out->token,
                          .weight = out->weight,
                          .sequence = out->sequence};

    memcpy(out->share, logits, sizeof out->share);
    wg_ops_host()->route(wg_ops_host(), &r, out->first);
}

static void rows_are_in_order_of_expert_and_token(void **state)
{
    static const float logits[N * X] = {0, 1, 2, 3, /* 2 and 3 */ 3, 0, 0, 2, /* 0 and 3 */
                                        1, 1, 1, 1,                           /* a tie: 0 and 1 */
                                        9, 0, 8, 0, /* 0 and 2 */ 0, 0, 5, 6 /* 2 and 3 */};
    static const int64_t token[R] = {1, 2, 3, 2, 0, 3, 4, 0, 1, 4}, first[X + 1] = {0, 3, 4, 7, 10};
    static const int64_t sequence[X * (S + 1)] = {0, 1, 3, 3, 3, 4, 4, 5, 7, 7, 9, 10};
    static const int64_t row[R] = {4, 7, 0, 8, 1, 3, 2, 5, 6, 9};
    static routed a, b;

    (void)state;
    route(logits, SOFTMAX, &a);
    assert_memory_equal(a.token, token, sizeof token);
    assert_memory_equal(a.first, first, sizeof first);
    assert_memory_equal(a.sequence, sequence, sizeof sequence);
    assert_memory_equal(a.row, row, sizeof row);
    assert_float_equal(a.weight[0], expf(3) / (expf(3) + 2 + expf(2)), 1e-6f);
    assert_float_equal(a.weight[3], 0.25f, 1e-6f);
    route(logits, SUM_TO_ONE, &b);
    assert_float_equal(b.weight[0], expf(3) / (expf(3) + expf(2)), 1e-6f);
    assert_float_equal(b.weight[3], 0.5f, 1e-6f);
    assert_memory_equal(a.row, b.row, sizeof row);
}

/* Logits that the sigmoid takes to the same number choose by themselves; only those of chosen
 * experts have a gradient. */
static void sigmoids_of_the_largest_logits_are_the_weights(void **state)
{
    static const float logits[N * X] = {90, 95, 91, 94, 1,  2,  0,   -1, 0, 0,
                                        0,  0,  -5, -4, -3, -2, -60, 2,  1, -70};
    static const int64_t expert[R] = {1, 3, 0, 1, 0, 1, 2, 3, 1, 2};
    static routed a;
    double dweight[R];
    float dlogits[N * X];

    (void)state;
    route(logits, SIGMOID, &a);
    assert_memory_equal(a.expert, expert, sizeof expert);
    for (int64_t n = 0; n < N; n++)
        for (int64_t j = 0; j < USED; j++) {
            const int64_t row = a.row[n * USED + j];
            const double x = (double)logits[n * X + expert[n * USED + j]];
            assert_float_equal(a.weight[row], (float)(1 / (1 + exp(-x))), 1e-7f);
            dweight[row] = (double)(row + 1);
        }
    const wg_routing r = {.N = N,
                          .X = X,
                          .used = USED,
                          .sigmoid = true,
                          .share = a.share,
                          .expert = a.expert,
                          .row = a.row,
                          .weight = a.weight};
    wg_ops_host()->route_backward(wg_ops_host(), &r, dweight, dlogits);
    for (int64_t n = 0; n < N; n++)
        for (int64_t e = 0; e < X; e++) {
            double want = 0;
            for (int64_t j = 0; j < USED; j++)
                if (expert[n * USED + j] == e) {
                    const double p = 1 / (1 + exp(-(double)logits[n * X + e]));
                    want = p * (1 - p) * dweight[a.row[n * USED + j]];
                }
            assert_float_equal(dlogits[n * X + e], (float)want, 1e-5f);
        }
}

static void logits_that_are_no_numbers_go_to_experts_that_exist(void **state)
{
    float logits[N * X];
    static routed a;

    (void)state;
    for (int i = 0; i < N * X; i++)
        logits[i] = i % X == 1 ? NAN : i < X ? INFINITY : (float)i;
    route(logits, SUM_TO_ONE, &a);
    for (int n = 0; n < N; n++) {
        assert_in_range(a.expert[2 * n], 0, X - 2);
        assert_in_range(a.expert[2 * n + 1], a.expert[2 * n] + 1, X - 1);
    }
    assert_int_equal(a.first[X], R);
}

/* --- models -----------------------------------------------------------------------------------
 */

typedef struct trial {
    wagle_ctx *ctx;
    wg_model *model;
    wg_engine *engine;
    wg_tensors gold;
    wg_example example[WG_MOST_SEQUENCES];
    wg_batch batch;
    float nll[256], weight[256];
} trial;

static void open_trial(const char *folder, int threads, trial *t)
{
    const wg_example *list[WG_MOST_SEQUENCES];
    char name[512];

    *t = (trial){.ctx = new_context()};
    wagle_set_threads(t->ctx, threads);
    snprintf(name, sizeof name, "%s/gold.safetensors", folder);
    assert_ok(t->ctx, wg_tensors_open(t->ctx, name, &t->gold));
    assert_ok(t->ctx, wg_model_open(t->ctx, folder, &t->model));
    assert_ok(t->ctx, wg_engine_new(t->ctx, t->model, &t->engine));
    const int64_t n = gold_sequences(&t->gold, "", t->example);
    for (int64_t i = 0; i < n; i++)
        list[i] = &t->example[i];
    assert_ok(t->ctx, wg_batch_fill(t->ctx, &t->batch, list, n, 1));
    for (int64_t j = 0; j < t->batch.M; j++)
        t->weight[j] = 1;
}

static void close_trial(trial *t)
{
    wg_batch_free(&t->batch);
    wg_engine_free(t->engine);
    wg_model_close(t->model);
    wg_tensors_close(&t->gold);
    wagle_ctx_free(t->ctx);
}

static void backward(trial *t, int streams, const wg_sink *sink)
{
    assert_ok(t->ctx, wg_engine_forward(t->ctx, t->engine, &t->batch, true, NULL, t->nll));
    assert_ok(t->ctx,
              wg_engine_backward(t->ctx, t->engine, &t->batch, t->weight, streams, NULL, sink));
}

typedef struct zeros {
    const wg_model *model;
    int64_t seen, unused[WG_STREAMS];
} zeros;

static wagle_status count_zeros(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                                const wg_real *const grad[WG_STREAMS])
{
    zeros *z = user;
    const char *name = z->model->files.tensor[tensor].name;

    (void)ctx;
    z->seen++;
    for (int s = 0; s < WG_STREAMS && grad[s] != NULL; s++) {
        const double most = largest(grad[s], n);
        assert_true(most < 1e6);
        if (most == 0 && strstr(name, ".experts.") == NULL)
            fail_msg("%s: a gradient of 0", name);
        z->unused[s] += most == 0;
    }
    return WAGLE_OK;
}

/* Two tokens use at most 4 of 5 experts, and 4 + 2 of the forget rows' two and 3 more layers: the
 * memory held other gradients before. */
static void experts_without_tokens_have_gradients_of_zero(void **state)
{
    (void)state;
    trial t;
    int32_t ids[3] = {5, 6, 7};
    const wg_example two = {.ids = ids, .labels = ids, .n = 3, .n_labels = 2};
    const wg_example *list[2];

    open_trial(folders[0], 1, &t);
    for (int streams = 1; streams <= WG_STREAMS; streams++) {
        zeros z = {.model = t.model};
        const wg_sink sink = {.user = &z, .host = true, .accept = count_zeros};
        list[0] = &t.example[2];
        list[1] = &t.example[1];
        assert_ok(t.ctx, wg_batch_fill(t.ctx, &t.batch, list, 2, 1));
        backward(&t, streams, &sink);
        z = (zeros){.model = t.model};
        list[0] = &two;
        assert_ok(t.ctx, wg_batch_fill(t.ctx, &t.batch, list, streams, 1));
        backward(&t, streams, &sink);
        assert_int_equal(z.seen, t.model->files.n);
        assert_true(z.unused[0] >= 3 * t.model->config.L);
        assert_true(streams == 1 || z.unused[1] < z.unused[0]);
    }
    close_trial(&t);
}

typedef struct bits {
    float *at;
    int64_t n;
} bits;

static wagle_status keep_bits(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                              const wg_real *const grad[WG_STREAMS])
{
    bits *b = user;

    (void)ctx;
    (void)tensor;
    b->at = realloc(b->at, (size_t)(b->n + n) * sizeof *b->at);
    memcpy(b->at + b->n, grad[0], (size_t)n * sizeof *b->at);
    b->n += n;
    return WAGLE_OK;
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    for (int f = 0; f < FOLDERS; f++) {
        bits kept[3] = {{0}};
        for (int threads = 1; threads <= 3; threads++) {
            trial t;
            const wg_sink sink = {.user = &kept[threads - 1], .host = true, .accept = keep_bits};
            open_trial(folders[f], threads, &t);
            backward(&t, 1, &sink);
            close_trial(&t);
            assert_int_equal(kept[threads - 1].n, kept[0].n);
            assert_memory_equal(kept[threads - 1].at, kept[0].at,
                                (size_t)kept[0].n * sizeof(float));
        }
        for (int i = 0; i < 3; i++)
            free(kept[i].at);
    }
}

static void losses_do_not_depend_on_chunks(void **state)
{
    static const int64_t tokens[] = {20, 1};

    (void)state;
    for (int f = 0; f < FOLDERS; f++) {
        trial t;
        float again[256];
        open_trial(folders[f], 2, &t);
        assert_ok(t.ctx, wg_engine_forward(t.ctx, t.engine, &t.batch, false, NULL, t.nll));
        for (int i = 0; i < 2; i++) {
            wg_engine_limit(t.engine, &(wg_limit){.streams = 1, .chunk_tokens = tokens[i]});
            assert_ok(t.ctx, wg_engine_forward(t.ctx, t.engine, &t.batch, false, NULL, again));
            assert_memory_equal(t.nll, again, (size_t)t.batch.M * sizeof *again);
        }
        close_trial(&t);
    }
}

/* Rows that are all the same add sequences without a token of their own: more sequences than
 * tokens. */
static void equal_rows_share_one_token(void **state)
{
    enum { ROWS = 4000 };
    static wg_example example[ROWS];
    static float nll[ROWS];
    static int32_t ids[2] = {5, 6}, labels[2] = {WG_NO_LABEL, 6};

    (void)state;
    for (int i = 0; i < ROWS; i++)
        example[i] = (wg_example){.ids = ids, .labels = labels, .n = 2, .n_labels = 1};
    for (int f = 0; f < FOLDERS; f++) {
        trial t;
        float alone;
        open_trial(folders[f], 2, &t);
        assert_ok(t.ctx, wg_batch_fill_shared(t.ctx, &t.batch, example, 1, ROWS, ROWS));
        assert_ok(t.ctx, wg_engine_forward(t.ctx, t.engine, &t.batch, false, NULL, &alone));
        assert_ok(t.ctx, wg_batch_fill_shared(t.ctx, &t.batch, example, ROWS, ROWS, ROWS));
        assert_int_equal(t.batch.N, 1);
        assert_int_equal(t.batch.S, ROWS);
        assert_ok(t.ctx, wg_engine_forward(t.ctx, t.engine, &t.batch, false, NULL, nll));
        for (int i = 0; i < ROWS; i++)
            assert_memory_equal(&nll[i], &alone, sizeof alone);
        close_trial(&t);
    }
}

/* Of a prompt all but the last token is read ahead: of most of these, nothing. */
static void prompts_of_one_token_have_nothing_to_read_ahead(void **state)
{
    enum { PROMPTS = 400 };
    static int64_t which[PROMPTS], length[PROMPTS] = {1};
    static const int32_t *ids[PROMPTS];
    static int32_t token[2] = {5, 6}, next[PROMPTS];

    (void)state;
    for (int i = 0; i < PROMPTS; i++) {
        which[i] = i;
        ids[i] = token;
        next[i] = token[length[i]];
    }
    for (int f = 0; f < FOLDERS; f++) {
        trial t;
        wg_decoder *d;
        open_trial(folders[f], 2, &t);
        const size_t V = (size_t)t.model->config.V;
        float *logits = malloc(PROMPTS * V * sizeof *logits);
        assert_ok(t.ctx, wg_decoder_new(t.ctx, t.model, PROMPTS, 4, &d));
        assert_ok(t.ctx, wg_decoder_prefill(t.ctx, d, which, ids, length, PROMPTS));
        assert_ok(t.ctx, wg_decoder_step(t.ctx, d, which, next, PROMPTS, logits));
        for (size_t i = 2; i < PROMPTS; i++)
            assert_memory_equal(logits + i * V, logits + V, V * sizeof *logits);
        free(logits);
        wg_decoder_free(d);
        close_trial(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_in_order_of_expert_and_token),
        cmocka_unit_test(sigmoids_of_the_largest_logits_are_the_weights),
        cmocka_unit_test(logits_that_are_no_numbers_go_to_experts_that_exist),
        cmocka_unit_test(experts_without_tokens_have_gradients_of_zero),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(losses_do_not_depend_on_chunks),
        cmocka_unit_test(equal_rows_share_one_token),
        cmocka_unit_test(prompts_of_one_token_have_nothing_to_read_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
