/* For every family: losses of sequences with shared prefixes have the same bits as those of
 * separate sequences, for every way of packing, and the token statistics agree with the logits. */
#include "support.h"

#include "engine/engine.h"

enum { SEQUENCES = 7, LONGEST = 40 };

/* Six sequences that continue one prompt differently (one is a prefix of another, one branches in
 * the middle of an answer), and one that shares nothing. */
static void make_sequences(int64_t V, int32_t ids[SEQUENCES][LONGEST],
                           int32_t labels[SEQUENCES][LONGEST], wg_example *e)
{
    static const int length[SEQUENCES] = {20, 25, 13, 12, 40, 13, 9};

    for (int s = 0; s < SEQUENCES; s++) {
        e[s] = (wg_example){.ids = ids[s], .labels = labels[s], .n = length[s]};
        for (int i = 0; i < length[s]; i++) {
            const int own = s == 6 || (i >= 12 && !(s == 4 && i < 18));
            ids[s][i] = (int32_t)((own ? 1000 * s + 31 * i : 7 + 5 * i) % V);
            labels[s][i] = i >= 12 || s == 6 || s == 3 ? ids[s][i] : WG_NO_LABEL;
            e[s].n_labels += i > 0 && labels[s][i] != WG_NO_LABEL;
        }
    }
}

/* Compares best, mean and square of each label row of `batch` with its logits. */
static void compare_stats(wagle_ctx *ctx, wg_engine *engine, const wg_batch *batch, int64_t V,
                          const wg_token_stats *look)
{
    float *z = malloc((size_t)V * sizeof *z);

    for (int64_t j = 0; j < batch->M; j++) {
        double sum = 0, mean = 0, square = 0;
        int64_t best = 0;
        assert_ok(ctx, wg_engine_logits(ctx, engine, batch->row[j], 1, z));
        for (int64_t v = 0; v < V; v++) {
            best = z[v] > z[best] ? v : best;
            sum += exp((double)z[v]);
        }
        for (int64_t v = 0; v < V; v++) {
            const double lp = (double)z[v] - log(sum);
            mean += exp(lp) * lp;
            square += exp(lp) * lp * lp;
        }
        assert_int_equal(look->best[j], best);
        assert_true(fabs(look->mean[j] - mean) < 1e-4 * fabs(mean));
        assert_true(fabs(look->square[j] - square) < 1e-4 * square);
    }
    free(z);
}

/* Computes losses [M] of all sequences in batches limited by `most` and `together`. Returns the
 * number of tokens computed. */
static int64_t losses_shared(wagle_ctx *ctx, wg_engine *engine, const wg_example *e, int64_t most,
                             int64_t together, float *nll)
{
    wg_batch b = {0};
    int64_t tokens = 0;

    for (int64_t s = 0; s < SEQUENCES; s += b.S) {
        assert_ok(ctx, wg_batch_fill_shared(ctx, &b, e + s, SEQUENCES - s, most, together));
        assert_true(b.S == 1 || (b.N <= most && b.M <= most));
        for (int64_t i = 0, to; i < b.S; i = to) {
            to = wg_group_end(&b, i);
            assert_true(to == i + 1 || b.start[to] - b.start[i] <= together);
        }
        assert_ok(ctx, wg_engine_forward(ctx, engine, &b, false, NULL, nll));
        nll += b.M;
        tokens += b.N;
    }
    wg_batch_free(&b);
    return tokens;
}

static void compare_shared(wagle_ctx *ctx, wg_engine *engine, const wg_example *e,
                           const wg_batch *apart, const float *nll)
{
    static const struct {
        int64_t most, together, chunk, spared; /* spared: tokens that are not computed */
    } how[] = {{1000, 1000, 0, 59}, {1000, 40, 16, 47}, {60, 1000, 0, 47}, {1, 1, 0, 0}};
    float again[SEQUENCES * LONGEST];

    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        wg_engine_limit(engine, &(wg_limit){.chunk_tokens = how[i].chunk});
        const int64_t tokens = losses_shared(ctx, engine, e, how[i].most, how[i].together, again);
        if (getenv("WG_TEST_CARD") == NULL)
            assert_memory_equal(nll, again, (size_t)apart->M * sizeof(float));
        else /* a card's products of other shapes may differ in the last bits */
            assert_true(worst(nll, again, apart->M) < 1e-5 * largest(nll, apart->M));
        assert_int_equal(tokens, apart->N - how[i].spared);
    }
    wg_engine_limit(engine, &(wg_limit){0});
}

static void compare_model(const char *name)
{
    static int32_t ids[SEQUENCES][LONGEST], labels[SEQUENCES][LONGEST];
    wagle_ctx *ctx = new_context();
    wg_model *model;
    wg_engine *engine;
    wg_batch apart = {0};
    wg_example e[SEQUENCES];
    const wg_example *list[SEQUENCES];
    float nll[SEQUENCES * LONGEST];
    double mean[SEQUENCES * LONGEST], square[SEQUENCES * LONGEST];
    int32_t best[SEQUENCES * LONGEST];
    char folder[512];

    snprintf(folder, sizeof folder, WG_GOLD "/models/%s", name);
    assert_ok(ctx, wg_model_open(ctx, folder, &model));
    assert_ok(ctx, wg_engine_new(ctx, model, &engine));
    make_sequences(model->config.V, ids, labels, e);
    for (int s = 0; s < SEQUENCES; s++)
        list[s] = &e[s];
    assert_ok(ctx, wg_batch_fill(ctx, &apart, list, SEQUENCES, SEQUENCES));
    assert_ok(ctx, wg_engine_forward(ctx, engine, &apart, false, NULL, nll));
    compare_shared(ctx, engine, e, &apart, nll);
    assert_ok(ctx, wg_engine_forward(ctx, engine, &apart, false, NULL, nll));
    const wg_token_stats look = {best, mean, square};
    assert_ok(ctx, wg_engine_token_stats(ctx, engine, &apart, &look));
    compare_stats(ctx, engine, &apart, model->config.V, &look);
    wg_batch_free(&apart);
    wg_engine_free(engine);
    wg_model_close(model);
    wagle_ctx_free(ctx);
}

#define GOLD_MODEL(id, name)                                                                       \
    static void id##_shares(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        if (!card_lacks(name))                                                                     \
            compare_model(name);                                                                   \
    }
#include "models.def"
#undef GOLD_MODEL

int main(void)
{
    const struct CMUnitTest tests[] = {
#define GOLD_MODEL(id, name) cmocka_unit_test(id##_shares),
#include "models.def"
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
