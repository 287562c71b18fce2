/* Metrics, compared with gold/metrics. Data derived from other people's text (ROUGE, BLEU, the TOFU
 * logs) are only in the shared folder; the rest is also in the repository. */
#include "support.h"

#include "metric/bleu.h"
#include "metric/membership.h"
#include "metric/overlap.h"
#include "metric/statistics.h"

/* Reads a document of the shared folder. If it is missing, the test is skipped, or fails in CI. */
static json_t *shared_json(const char *path)
{
    const char *ci = getenv("CI");
    json_t *json = json_load_file(path, 0, NULL);

    if (json == NULL && ci != NULL && ci[0] != '\0')
        fail_msg("%s is missing, and CI must have it", path);
    if (json == NULL)
        skip();
    return json;
}

static double number(const json_t *object, const char *key)
{
    assert_true(json_is_number(json_object_get(object, key)));
    return json_number_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    assert_true(json_is_string(json_object_get(object, key)));
    return json_string_value(json_object_get(object, key));
}

/* A list of numbers; free. */
static double *numbers(const json_t *list, int64_t *n)
{
    double *out;

    *n = (int64_t)json_array_size(list);
    out = malloc((size_t)(*n + 1) * sizeof *out);
    assert_non_null(out);
    for (int64_t i = 0; i < *n; i++)
        out[i] = json_number_value(json_array_get(list, (size_t)i));
    return out;
}

static void near(const char *what, double value, double want, double tolerance)
{
    if (!(fabs(value - want) <= tolerance))
        fail_msg("%s: %.17g, %.17g expected", what, value, want);
}

static void rouge_is_that_of_rouge_score(void **state)
{
    static const char *const names[] = {"rouge1", "rouge2", "rougeL"};
    json_t *pairs = shared_json(WG_SHARED "/gold/metrics/rouge.json"), *pair;
    wagle_ctx *ctx = new_context();
    size_t i;

    (void)state;
    assert_true(json_array_size(pairs) > 100);
    json_array_foreach (pairs, i, pair) {
        double value[3][3];
        assert_ok(ctx, wagle_rouge(ctx, text(pair, "reference"), text(pair, "candidate"),
                                   json_is_true(json_object_get(pair, "stem")), value));
        for (int m = 0; m < 3; m++)
            for (size_t k = 0; k < 3; k++)
                near(names[m], value[m][k],
                     json_number_value(json_array_get(json_object_get(pair, names[m]), k)), 1e-9);
    }
    json_decref(pairs);
    wagle_ctx_free(ctx);
}

static void bleu_is_that_of_sacrebleu(void **state)
{
    json_t *gold = shared_json(WG_SHARED "/gold/metrics/bleu.json"), *pair;
    wagle_ctx *ctx = new_context();
    wg_bleu_counts all = {0};
    size_t i;

    (void)state;
    assert_true(json_array_size(json_object_get(gold, "sentences")) > 100);
    json_array_foreach (json_object_get(gold, "sentences"), i, pair) {
        wg_bleu_counts one;
        assert_ok(ctx, wg_bleu_count(ctx, wg_strz(text(pair, "reference")),
                                     wg_strz(text(pair, "candidate")), &one));
        if (fabs(wg_bleu_score(&one, true) - number(pair, "bleu")) > 1e-9)
            fail_msg("'%s' of '%s': %.12g, %.12g expected", text(pair, "candidate"),
                     text(pair, "reference"), wg_bleu_score(&one, true), number(pair, "bleu"));
        for (int n = 0; n < WG_BLEU_ORDER; n++) {
            all.correct[n] += one.correct[n];
            all.total[n] += one.total[n];
        }
        all.candidate += one.candidate;
        all.reference += one.reference;
    }
    near("corpus", wg_bleu_score(&all, false), number(gold, "corpus"), 1e-9);
    json_decref(gold);
    wagle_ctx_free(ctx);
}

static void tests_and_ranks_are_those_of_scipy(void **state)
{
    json_t *gold = json_load_file(WG_GOLD "/metrics/statistics.json", 0, NULL), *one;
    wagle_ctx *ctx = new_context();
    const json_t *pair;
    int64_t n, m;
    double *a, *b, value;
    size_t i;

    (void)state;
    assert_non_null(gold);
    json_array_foreach (json_object_get(gold, "ks_2samp"), i, one) {
        wg_ks ks;
        a = numbers(json_object_get(one, "a"), &n);
        b = numbers(json_object_get(one, "b"), &m);
        assert_ok(ctx, wg_ks_test(ctx, a, n, b, m, &ks));
        near("KS statistic", ks.statistic, number(one, "statistic"), 1e-12);
        near("KS p", ks.p, number(one, "pvalue"), 1e-6 * number(one, "pvalue"));
        free(a);
        free(b);
    }
    json_array_foreach (json_object_get(gold, "roc_auc"), i, one) {
        a = numbers(json_object_get(one, "positive"), &n);
        b = numbers(json_object_get(one, "negative"), &m);
        assert_ok(ctx, wg_auc(ctx, a, n, b, m, &value));
        near("AUC", value, number(one, "auc"), 1e-9);
        free(a);
        free(b);
    }
    pair = json_object_get(gold, "spearman");
    a = numbers(json_object_get(pair, "x"), &n);
    b = numbers(json_object_get(pair, "y"), &m);
    assert_ok(ctx, wg_spearman(ctx, a, b, n, &value));
    near("Spearman", value, number(pair, "r"), 1e-9);
    near("Pearson", wg_pearson(a, b, n), number(pair, "pearson"), 1e-9);
    free(a);
    free(b);
    a = numbers(json_object_get(json_object_get(gold, "hmean"), "x"), &n);
    near("harmonic mean", wg_harmonic_mean(a, n), number(json_object_get(gold, "hmean"), "value"),
         1e-12);
    free(a);
    json_decref(gold);
    wagle_ctx_free(ctx);
}

/* For each position: the standardised log-probability of the label, and whether it is the largest.
 */
static void score_tokens(const json_t *sequence, int64_t n, double *standardised, bool *hit)
{
    for (int64_t t = 0; t < n; t++) {
        int64_t V,
            label =
                json_integer_value(json_array_get(json_object_get(sequence, "label"), (size_t)t));
        double *z = numbers(json_array_get(json_object_get(sequence, "logits"), (size_t)t), &V);
        double sum = 0, mean = 0, square = 0;
        int64_t best = 0;
        for (int64_t v = 0; v < V; v++) {
            sum += exp(z[v]);
            best = z[v] > z[best] ? v : best;
        }
        for (int64_t v = 0; v < V; v++) {
            const double lp = z[v] - log(sum);
            mean += exp(lp) * lp;
            square += exp(lp) * lp * lp;
        }
        standardised[t] = wg_standardised(z[label] - log(sum), mean, square);
        hit[t] = best == label;
        free(z);
    }
}

static void membership_scores_are_those_of_their_papers(void **state)
{
    static const char *const attacks[] = {"loss",     "zlib",       "min_k_20",
                                          "min_k_40", "min_kpp_20", "min_kpp_40"};
    json_t *gold = json_load_file(WG_GOLD "/metrics/membership.json", 0, NULL), *one;
    wagle_ctx *ctx = new_context();
    double side[2][64], value;
    size_t i;
    int with_logits = 0;

    (void)state;
    assert_non_null(gold);
    json_array_foreach (json_object_get(gold, "sequences"), i, one) {
        int64_t n, bytes;
        double *lp = numbers(json_object_get(one, "token_logprob"), &n), z[64];
        bool hit[64];
        assert_ok(ctx, wg_min_k(ctx, lp, n, 0.2, &value));
        near("min_k_20", value, number(one, "min_k_20"), 1e-4);
        assert_ok(ctx, wg_min_k(ctx, lp, n, 0.4, &value));
        near("min_k_40", value, number(one, "min_k_40"), 1e-4);
        assert_ok(ctx, wg_zlib_bytes(ctx, wg_strz(text(one, "text")), &bytes));
        near("zlib", -wg_mean(lp, n) / (double)bytes, number(one, "zlib"), 1e-9);
        if (json_object_get(one, "logits") != NULL) {
            score_tokens(one, n, z, hit);
            assert_ok(ctx, wg_min_k(ctx, z, n, 0.2, &value));
            near("min_kpp_20", value, number(one, "min_kpp_20"), 1e-4);
            assert_ok(ctx, wg_min_k(ctx, z, n, 0.4, &value));
            near("min_kpp_40", value, number(one, "min_kpp_40"), 1e-4);
            near("exact memorisation", wg_exact_memorisation(hit, n),
                 number(one, "exact_memorization"), 1e-9);
            near("extraction strength", wg_extraction_strength(hit, n),
                 number(one, "extraction_strength"), 1e-9);
            with_logits++;
        }
        free(lp);
    }
    assert_true(with_logits >= 10);
    for (int k = 0; k < 6; k++) {
        int64_t n[2] = {0};
        json_array_foreach (json_object_get(gold, "sequences"), i, one) {
            const bool member = json_is_true(json_object_get(one, "member"));
            side[member][n[member]++] = -number(one, attacks[k]);
        }
        assert_ok(ctx, wg_auc(ctx, side[1], n[1], side[0], n[0], &value));
        near(attacks[k], value,
             number(json_object_get(gold, "auc_members_score_lower"), attacks[k]), 1e-9);
    }
    json_decref(gold);
    wagle_ctx_free(ctx);
}

static void overlaps_of_small_sequences_are_as_counted_by_hand(void **state)
{
    const int32_t a[] = {1, 2, 3, 4, 5}, b[] = {9, 2, 3, 8, 5, 1}, c[] = {7, 7, 7, 7};
    wagle_ctx *ctx = new_context();
    wg_common common;
    double value;

    (void)state;
    assert_ok(ctx, wg_common_tokens(ctx, a, 5, b, 6, &common));
    assert_int_equal(common.run, 2);
    assert_int_equal(common.subsequence, 3);
    assert_ok(ctx, wg_common_tokens(ctx, a, 0, b, 6, &common));
    assert_int_equal(common.run, 0);
    assert_ok(ctx, wg_repeated_grams(ctx, c, 4, 2, &value));
    near("repeated", value, 2.0 / 3, 1e-12);
    assert_ok(ctx, wg_gram_entropy(ctx, c, 4, 1, &value));
    near("entropy", value, 0, 1e-12);
    assert_ok(ctx, wg_gram_entropy(ctx, a, 4, 1, &value));
    near("entropy", value, 2, 1e-12);
    assert_ok(ctx, wg_tpr_at(ctx, (double[]){1, 2, 3}, 3, (double[]){0, 2.5}, 2, 0.01, &value));
    near("TPR", value, 1.0 / 3, 1e-12);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rouge_is_that_of_rouge_score),
        cmocka_unit_test(bleu_is_that_of_sacrebleu),
        cmocka_unit_test(tests_and_ranks_are_those_of_scipy),
        cmocka_unit_test(membership_scores_are_those_of_their_papers),
        cmocka_unit_test(overlaps_of_small_sequences_are_as_counted_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
