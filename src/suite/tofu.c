/* tofu.c - the evaluation of TOFU (Maini et al. 2024, arXiv 2401.06121). For each row:
 *
 *   probability   p = exp(-token-mean nll of the answer); real authors and world facts: p over the
 *                 sum of p and those of the perturbed answers
 *   rougeL        ROUGE-L recall of the greedy answer, stemmed
 *   truth ratio   R = exp(paraphrase nll - mean perturbed nll); arithmetic: mean perturbed
 *                 probability over the paraphrase's. Forget: min(R, 1/R), others: max(0, 1 - R)
 *
 * With max_tokens 0 no text is generated, so there is no rougeL.
 *
 * The forget set also has exact memorisation, extraction strength and, with samples, leak@k. Of
 * these come the aggregates of OpenUnlearning (Dorna et al. 2025, arXiv 2506.12618, appendix F):
 *
 *   memorisation  harmonic mean of 1 - extraction strength, 1 - exact memorisation, 1 - paraphrased
 *                 probability, 1 - truth share (metric/aggregate.h)
 *   utility       harmonic mean of model utility and fluency, the mean score of the forget set's
 *                 texts by the user's classifier
 *   memorisation_utility  harmonic mean of both
 *
 * Their privacy score and the overall score, which needs it, are left out: how an AUC becomes a
 * score is not published (locuslab/open-unlearning, issue 172).
 *
 * Model utility is the harmonic mean of all three on the other three sets. Forget quality is the p
 * value of a Kolmogorov-Smirnov test between R on the forget set and R of the gold model. */
#include "suite/leak.h"
#include "suite/scorer.h"

#include "metric/aggregate.h"
#include "metric/membership.h"
#include "metric/statistics.h"
#include <math.h>
#include <string.h>

static const char *const utility_sets[] = {"retain", "real_authors", "world_facts"};
enum { UTILITY_SETS = 3 };

static bool has_paraphrase(const wg_answers *a, int64_t i)
{
    return json_object_get(a->rows.row[i], "paraphrased_answer") != NULL;
}

/* Adds the answer, its paraphrase if any, and the perturbed answers as examples of row i. */
static wagle_status add_row(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, int64_t i,
                            int64_t *perturbed)
{
    const wg_record record = wg_answers_record(a, i);
    wg_str paraphrase;
    wg_asked asked;
    wagle_status st;

    WG_TRY(wg_answers_ask(ctx, e, a, i, NULL, true, &asked));
    st = wg_answers_keep_question(ctx, a, i, asked.question);
    if (st == WAGLE_OK)
        st = wg_answers_add_to(ctx, e, a, i, &asked, asked.answer[0]);
    if (st == WAGLE_OK && has_paraphrase(a, i)) {
        st = wg_record_text(ctx, &record, "paraphrased_answer", &paraphrase);
        if (st == WAGLE_OK)
            st = wg_answers_add_to(ctx, e, a, i, &asked, paraphrase);
    }
    if (st == WAGLE_OK)
        st = wg_answers_add_perturbed(ctx, e, a, i, &asked, perturbed);
    wg_asked_free(&asked);
    wg_answers_end_row(a, i);
    return st;
}

/* What is known of the forget set besides losses and texts. */
typedef struct forgotten {
    wg_leak leak;
    double *fluency; /* [rows] of the generated texts, or NULL */
} forgotten;

static bool is_forget(const char *set)
{
    return strcmp(set, "forget") == 0;
}

static wagle_status write_text(wagle_ctx *ctx, const wg_answers *a, int64_t i, json_t *row)
{
    double rouge[3][3];

    WG_TRY(wg_answers_rouge(ctx, a, i, true, rouge));
    WG_TRY(wg_json_set(ctx, row, "rougeL", json_real(rouge[2][1])));
    return wg_row_set_text(ctx, row, "generated", wg_text_str(&a->generated[i]));
}

static wagle_status write_forgotten(wagle_ctx *ctx, const wg_answers *a, const forgotten *x,
                                    int64_t i, json_t *row)
{
    static const wg_leak_score how = {"rougeL", true, 1};
    const wg_row_score *s = &a->score[a->first[i]];
    const wg_example *example = &a->set.example[a->first[i]];

    WG_TRY(wg_json_set(ctx, row, "exact_memorisation",
                       json_real(wg_exact_memorisation(s->hit, s->n))));
    WG_TRY(wg_json_set(ctx, row, "extraction_strength",
                       json_real(wg_extraction_strength(s->hit, s->n))));
    WG_TRY(wg_json_set(ctx, row, "paraphrased", json_boolean(has_paraphrase(a, i))));
    if (x->fluency != NULL)
        WG_TRY(wg_json_set(ctx, row, "fluency", json_real(x->fluency[i])));
    return wg_leak_write(ctx, &x->leak, i, &how, example->answer, example->n_answers, row);
}

static wagle_status write_row(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a,
                              const forgotten *x, const char *set, int64_t i)
{
    const bool paraphrased = has_paraphrase(a, i);
    const int64_t first = a->first[i], wrong = first + 1 + paraphrased;
    json_t *row, *perturbed = json_array();
    wagle_status st = perturbed != NULL ? WAGLE_OK : wg_json_memory(ctx);

    for (int64_t k = wrong; st == WAGLE_OK && k < a->first[i + 1]; k++)
        if (json_array_append_new(perturbed, json_real(wg_answers_mean(a, k))) != 0)
            st = wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_evaluation_row(ctx, e, set, i, &row);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, "perturbed_nll", json_incref(perturbed));
    json_decref(perturbed);
    if (st != WAGLE_OK)
        return st;
    WG_TRY(wg_json_set(ctx, row, "nll", json_real(wg_answers_mean(a, first))));
    WG_TRY(wg_json_set(ctx, row, "paraphrased_nll",
                       json_real(wg_answers_mean(a, first + paraphrased))));
    WG_TRY(wg_row_set_text(ctx, row, "question", a->question[i]));
    WG_TRY(wg_row_set_text(ctx, row, "answer", a->set.example[first].answer[0]));
    if (a->generated != NULL)
        WG_TRY(write_text(ctx, a, i, row));
    return is_forget(set) ? write_forgotten(ctx, a, x, i, row) : WAGLE_OK;
}

static wagle_status score_fluency(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, forgotten *x)
{
    if (e->o->scorer == NULL)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &x->fluency, a->rows.n));
    return wg_scorer_texts(ctx, e->o->scorer, a->generated, a->rows.n, x->fluency);
}

static wagle_status run_set(wagle_ctx *ctx, wg_evaluation *e, const char *set, const char *path)
{
    wg_answers a;
    forgotten x = {0};
    int64_t perturbed = 0;
    wagle_status st = wg_answers_open(ctx, e, path, &a);

    for (int64_t i = 0; st == WAGLE_OK && i < a.rows.n; i++)
        st = add_row(ctx, e, &a, i, &perturbed);
    if (st == WAGLE_OK)
        st = wg_answers_score(ctx, e, &a, is_forget(set), false, set);
    if (st == WAGLE_OK && e->o->max_tokens != 0)
        st = wg_answers_generate(ctx, e, &a, set, 0);
    if (st == WAGLE_OK)
        st = wg_leak_draw(ctx, e, &a, set, &x.leak);
    if (st == WAGLE_OK && is_forget(set))
        st = score_fluency(ctx, e, &a, &x);
    for (int64_t i = 0; st == WAGLE_OK && i < a.rows.n; i++)
        st = write_row(ctx, e, &a, &x, set, i);
    wg_leak_free(&x.leak);
    wg_free(x.fluency);
    wg_answers_close(&a);
    return st;
}

static wagle_status check(wagle_ctx *ctx, const wg_evaluation *e)
{
    if (e->o->scorer == NULL || (wg_evaluation_set(e, "forget") != NULL && e->o->max_tokens != 0))
        return WAGLE_OK;
    return wg_fail(ctx, WAGLE_E_USAGE,
                   "@{scorer} has no effect on suite tofu: it scores the texts of set forget, so "
                   "give @{sets=forget=FILE}, and @{max_tokens} 1 or more");
}

static wagle_status run(wagle_ctx *ctx, wg_evaluation *e)
{
    wagle_suite_options with_eos = *e->o;
    const wagle_suite_options *given = e->o;
    wagle_status st = WAGLE_OK;

    with_eos.data.eos = !given->no_eos;
    e->o = &with_eos;
    for (const wg_set_info *s = e->suite->set; st == WAGLE_OK && s->name != NULL; s++)
        if (wg_evaluation_set(e, s->name) != NULL)
            st = run_set(ctx, e, s->name, wg_evaluation_set(e, s->name));
    e->o = given;
    return st;
}

static bool compares_answers(const char *set)
{
    return strstr(set, "real_authors") != NULL || strstr(set, "world_facts") != NULL;
}

/* Columns of the forget set; results of older versions have none of them. */
static wagle_status derive_forgotten(wagle_ctx *ctx, const json_t *row, const char *set,
                                     double paraphrased, double perturbed, wg_frame *f)
{
    if (json_object_get(row, "exact_memorisation") != NULL) {
        WG_TRY(wg_row_column(ctx, row, set, "exact_memorisation", f));
        WG_TRY(wg_row_column(ctx, row, set, "extraction_strength", f));
        WG_TRY(wg_frame_add(ctx, f, set, "_paraphrased",
                            json_is_true(json_object_get(row, "paraphrased"))));
        WG_TRY(wg_frame_add(ctx, f, set, "paraphrased_probability",
                            wg_answer_probability(paraphrased)));
        WG_TRY(wg_frame_add(ctx, f, set, "truth_share", wg_truth_share(paraphrased, perturbed)));
    }
    if (json_object_get(row, "fluency") != NULL)
        WG_TRY(wg_row_column(ctx, row, set, "fluency", f));
    return wg_leak_derive(ctx, row, set, f);
}

static wagle_status derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    double nll, paraphrased, *perturbed = NULL, sum = 0, mean;
    int64_t n = 0;

    WG_TRY(wg_row_number(ctx, row, "nll", &nll));
    WG_TRY(wg_row_number(ctx, row, "paraphrased_nll", &paraphrased));
    WG_TRY(wg_row_numbers(ctx, row, "perturbed_nll", &perturbed, &n));
    for (int64_t k = 0; k < n; k++)
        sum += wg_answer_probability(perturbed[k]);
    mean = wg_mean(perturbed, n);
    wg_free(perturbed);
    const double p = wg_answer_probability(nll), geometric = exp(paraphrased - mean);
    WG_TRY(wg_frame_add(ctx, f, set, "probability", compares_answers(set) ? p / (p + sum) : p));
    if (json_object_get(row, "rougeL") != NULL)
        WG_TRY(wg_row_column(ctx, row, set, "rougeL", f));
    WG_TRY(wg_frame_add(ctx, f, set, "_ratio", geometric));
    WG_TRY(wg_frame_add(ctx, f, set, "_ratio_arithmetic",
                        sum / (double)n / wg_answer_probability(paraphrased)));
    return strcmp(set, "forget") == 0 || strcmp(set, "gold/forget") == 0
               ? derive_forgotten(ctx, row, set, paraphrased, mean, f)
               : WAGLE_OK;
}

static wagle_status truth(wagle_ctx *ctx, const wg_frame *f, const char *set, const char *ratio,
                          const char *name, wg_measures *out)
{
    const wg_column *c = wg_frame_find(f, set, ratio);
    double sum = 0;

    for (int64_t i = 0; i < c->n; i++) {
        const double r = c->value[i];
        sum += strcmp(set, "forget") == 0 ? fmin(r, 1 / r) : fmax(0, 1 - r);
    }
    return wg_measures_add(ctx, out, sum / (double)c->n, c->n, "%s.%s", set, name);
}

/* Adds the harmonic mean of nine metrics if all three sets exist. */
static wagle_status utility(wagle_ctx *ctx, const char *truth_ratio, const char *name,
                            wg_measures *out)
{
    double part[3 * UTILITY_SETS];
    int64_t rows = 0;
    int n = 0;

    for (int s = 0; s < UTILITY_SETS; s++) {
        const char *const parts[] = {"probability", "rougeL", truth_ratio};
        for (int k = 0; k < 3; k++) {
            char key[80];
            snprintf(key, sizeof key, "%s.%s", utility_sets[s], parts[k]);
            const wg_measure *m = wg_measures_find(out, key);
            if (m == NULL)
                return WAGLE_OK;
            part[n++] = m->value;
            rows += k == 0 ? m->n : 0;
        }
    }
    return wg_measures_add(ctx, out, wg_harmonic_mean(part, n), rows, "%s", name);
}

static wagle_status forget_quality(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    const wg_column *own = wg_frame_find(f, "forget", "_ratio");
    const wg_column *gold = wg_frame_find(f, "gold/forget", "_ratio");
    wg_ks ks;

    if (own == NULL || gold == NULL)
        return WAGLE_OK;
    WG_TRY(wg_ks_test(ctx, own->value, own->n, gold->value, gold->n, &ks));
    WG_TRY(wg_measures_add(ctx, out, ks.p, own->n, "forget_quality"));
    wg_measures_is_test(out);
    WG_TRY(wg_measures_add(ctx, out, log10(ks.p), own->n, "forget_quality_log10"));
    wg_measures_is_test(out);
    return wg_measures_add(ctx, out, ks.statistic, own->n, "forget_ks");
}

static bool all_paraphrased(const wg_frame *f)
{
    const wg_column *c = wg_frame_find(f, "forget", "_paraphrased");

    return c != NULL && wg_mean(c->value, c->n) == 1;
}

static double value_of(const wg_measures *m, const char *name)
{
    const wg_measure *one = wg_measures_find(m, name);

    return one != NULL ? one->value : NAN;
}

/* The last metrics: whether they are there depends on values, not only on columns. */
static wagle_status add_memorisation(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    static const char *const own[] = {"paraphrased_probability", "truth_share"};
    const wg_column *exact = wg_frame_find(f, "forget", "exact_memorisation");
    double both[2];

    if (!all_paraphrased(f))
        return WAGLE_OK;
    for (int i = 0; i < 2; i++)
        WG_TRY(wg_measure_mean(ctx, f, "forget", own[i], out));
    both[0] = wg_memorisation(
        value_of(out, "forget.extraction_strength"), value_of(out, "forget.exact_memorisation"),
        value_of(out, "forget.paraphrased_probability"), value_of(out, "forget.truth_share"));
    WG_TRY(wg_measures_add(ctx, out, both[0], exact->n, "memorisation"));
    if (wg_measures_find(out, "utility") == NULL)
        return WAGLE_OK;
    both[1] = value_of(out, "utility");
    return wg_measures_add(ctx, out, wg_harmonic_mean(both, 2), exact->n, "memorisation_utility");
}

/* Adds the scores of the forget set, and the aggregates of OpenUnlearning. */
static wagle_status aggregates(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    static const char *const own[] = {"exact_memorisation", "extraction_strength", "fluency"};
    const wg_measure *utility;

    for (int i = 0; i < 3; i++)
        WG_TRY(wg_measure_mean(ctx, f, "forget", own[i], out));
    WG_TRY(wg_leak_measure(ctx, f, "forget", out));
    utility = wg_measures_find(out, "model_utility");
    if (utility != NULL && wg_measures_find(out, "forget.fluency") != NULL) {
        const double both[] = {utility->value, value_of(out, "forget.fluency")};
        WG_TRY(wg_measures_add(ctx, out, wg_harmonic_mean(both, 2), utility->n, "utility"));
    }
    return add_memorisation(ctx, f, out);
}

/* Says which aggregates are missing, and what they need. */
static wagle_status left_out(wagle_ctx *ctx, const wg_frame *f, const wg_measures *m, json_t *into)
{
    const struct {
        const char *name, *why;
    } aggregate[] = {
        {"memorisation", wg_frame_find(f, "forget", "exact_memorisation") == NULL
                             ? "the rows have no exact_memorisation; evaluate the model again"
                             : "not every row of set forget has a paraphrased_answer"},
        {"utility", wg_measures_find(m, "model_utility") == NULL
                        ? "it needs model_utility, so texts of sets retain, real_authors and "
                          "world_facts"
                        : "it needs fluency, by a scorer that tells fluent texts from others"},
        {"memorisation_utility", "it needs memorisation and utility"},
        {"privacy", "how OpenUnlearning makes a score of an AUC is not published; suite membership "
                    "has the AUCs"},
        {"overall", "it needs privacy"}};

    if (wg_frame_find(f, "forget", "_ratio") == NULL)
        return WAGLE_OK;
    if (wg_frame_has_gold(f) && wg_measures_find(m, "forget_quality") == NULL)
        WG_TRY(wg_json_set(ctx, into, "forget_quality",
                           json_string("the gold result has no set forget of suite tofu")));
    for (size_t i = 0; i < sizeof aggregate / sizeof *aggregate; i++)
        if (wg_measures_find(m, aggregate[i].name) == NULL)
            WG_TRY(wg_json_set(ctx, into, aggregate[i].name, json_string(aggregate[i].why)));
    return WAGLE_OK;
}

static wagle_status measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    static const char *const sets[] = {"forget", "retain", "real_authors", "world_facts"};

    for (int s = 0; s < 4; s++) {
        if (wg_frame_find(f, sets[s], "_ratio") == NULL)
            continue;
        WG_TRY(wg_measure_mean(ctx, f, sets[s], "probability", out));
        WG_TRY(wg_measure_mean(ctx, f, sets[s], "rougeL", out));
        WG_TRY(truth(ctx, f, sets[s], "_ratio", "truth_ratio", out));
        WG_TRY(truth(ctx, f, sets[s], "_ratio_arithmetic", "truth_ratio_arithmetic", out));
    }
    WG_TRY(utility(ctx, "truth_ratio", "model_utility", out));
    WG_TRY(utility(ctx, "truth_ratio_arithmetic", "model_utility_arithmetic", out));
    WG_TRY(forget_quality(ctx, f, out));
    return aggregates(ctx, f, out);
}

const wg_suite wg_suite_tofu = {
    .name = "tofu",
    .summary =
        "probability, ROUGE-L, truth ratio; model utility, forget quality (with a gold result)",
    .texts_if_asked = true,
    .uses = WAGLE_USES_GOLD | WAGLE_USES_EOS | WAGLE_USES_SCORER,
    .set = {{"forget", "forget rows, with paraphrased_answer and perturbed_answer", false,
             WAGLE_USES_TEXTS, 0, true},
            {"retain", "retain rows, with the same columns", false, WAGLE_USES_TEXTS, 0, false},
            {"real_authors", "questions on real authors, with the same columns", false,
             WAGLE_USES_TEXTS, 0, false},
            {"world_facts", "questions on world facts, with the same columns", false,
             WAGLE_USES_TEXTS, 0, false}},
    .check = check,
    .run = run,
    .derive = derive,
    .measure = measure,
    .left_out = left_out,
};
