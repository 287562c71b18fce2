/* wagle_paper.c - the evaluation of TOFU in WAGLE (Jia et al. 2024, arXiv 2410.17509), as the code
 * of its authors computes it (OPTML-Group/WAGLE, src/metrics/Tofu.py). Answers have no end token.
 *
 *   truth ratio   mean probability of the perturbed answers / (that of the paraphrased answer +
 *                 1e-12), after the paraphrased question; probability: exp(-token-mean nll)
 *   accuracy      forget, retain: the greedy answer to the paraphrased question is at least as
 *                 similar to the paraphrased answer as to each perturbed one. Similarity is the
 *                 cosine of their embeddings by an encoder (there: paraphrase-MiniLM-L6-v2), what
 *                 the user's scorer says of them, or ROUGE-L F1 (accuracy_by_rouge).
 *                 real authors, world facts: the greedy answer contains the right one
 *   rougeL        ROUGE-L recall of the greedy answer to the question, stemmed
 *   min_k_50      -mean of the lower half of the log probabilities of question and answer
 *
 * forget_quality is the p value of a Kolmogorov-Smirnov test between the truth ratios of the forget
 * and the retain set; mia the share of pairs of a forget and a retain row where min_k_50 of the
 * forget row is higher, ties half: 1 - AUC of an attack that takes likely rows for members.
 * efficacy: mean of forget_quality, mia, 1 - accuracy and 1 - rougeL of the forget set. utility:
 * mean of accuracy and rougeL of the three others. */
#include "suite/similar.h"

#include "metric/membership.h"
#include "metric/rouge.h"
#include "metric/statistics.h"
#include <math.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define PARAPHRASED "paraphrased_question"

static const char *const sets[] = {"forget", "retain", "real_authors", "world_facts"};
enum { SETS = 4, COMPARED = 2 }; /* the first two are compared with perturbed answers */

/* --- the paraphrased question ------------------------------------------------------------------
 */

/* Examples of row i: the paraphrased answer, then the perturbed ones. */
static wagle_status add_row(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, int64_t i,
                            int64_t *perturbed)
{
    const wg_record record = wg_answers_record(a, i);
    wg_str answer;
    wg_asked asked;
    wagle_status st;

    if (json_object_get(record.fields, PARAPHRASED) == NULL)
        return wg_answers_fail(ctx, a, i,
                               "no '" PARAPHRASED "'; the _perturbed files of TOFU have it");
    WG_TRY(wg_record_text(ctx, &record, "paraphrased_answer", &answer));
    WG_TRY(wg_answers_ask(ctx, e, a, i, NULL, true, &asked));
    st = wg_answers_add_to(ctx, e, a, i, &asked, answer);
    if (st == WAGLE_OK)
        st = wg_answers_add_perturbed(ctx, e, a, i, &asked, perturbed);
    wg_asked_free(&asked);
    wg_answers_end_row(a, i);
    return st;
}

static wagle_status ask_paraphrased(wagle_ctx *ctx, wg_evaluation *e, const char *set,
                                    const char *path, wg_answers *a)
{
    int64_t perturbed = 0;
    wagle_status st = wg_answers_open(ctx, e, path, a);

    a->data.prompt_field = PARAPHRASED;
    for (int64_t i = 0; st == WAGLE_OK && i < a->rows.n; i++)
        st = add_row(ctx, e, a, i, &perturbed);
    if (st == WAGLE_OK)
        st = wg_answers_score(ctx, e, a, false, false, "paraphrased questions");
    if (st == WAGLE_OK)
        st = wg_answers_generate(ctx, e, a, set, 0);
    return st;
}

/* Similarity of each row's generated text to each of its answers: similarity [set.n]. */
static wagle_status compare_answers(wagle_ctx *ctx, const wg_evaluation *e, const wg_answers *a,
                                    double *similarity)
{
    wg_text_pair *pair;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &pair, a->set.n));
    for (int64_t i = 0; i < a->rows.n; i++)
        for (int64_t k = a->first[i]; k < a->first[i + 1]; k++)
            pair[k] = (wg_text_pair){wg_text_str(&a->generated[i]), *a->set.example[k].answer};
    st = wg_similar(ctx, e, pair, a->set.n, similarity);
    wg_free(pair);
    return st;
}

/* --- the question ------------------------------------------------------------------------------
 */

/* All tokens of question and answer count, not the answer's alone. */
static void count_all_tokens(wg_dataset *d)
{
    for (int64_t k = 0; k < d->n; k++) {
        wg_example *x = &d->example[k];
        x->given = wg_example_given(x);
        memcpy(x->labels, x->ids, (size_t)x->n * sizeof *x->labels);
        x->n_labels = x->n - 1;
    }
}

static wagle_status ask(wagle_ctx *ctx, wg_evaluation *e, const char *set, const char *path,
                        bool attacked, wg_answers *a)
{
    WG_TRY(wg_answers_load(ctx, e, path, WG_ANSWERED, a));
    count_all_tokens(&a->set);
    if (attacked)
        WG_TRY(wg_answers_score(ctx, e, a, false, false, "questions and answers"));
    return wg_answers_generate(ctx, e, a, set, 0);
}

static wagle_status min_half(wagle_ctx *ctx, const wg_row_score *s, double *out)
{
    double *lp;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &lp, s->n));
    for (int64_t t = 0; t < s->n; t++)
        lp[t] = -(double)s->nll[t];
    st = wg_min_k(ctx, lp, s->n, 0.5, out);
    wg_free(lp);
    return st;
}

/* Whether text contains the answer, whatever the case of its letters. */
static wagle_status contains(wagle_ctx *ctx, wg_str text, wg_str answer, bool *out)
{
    const uint32_t how = PCRE2_LITERAL | PCRE2_CASELESS | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    int error;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)answer.text, answer.bytes, how, &error, &at, NULL);
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);

    *out = code != NULL && match != NULL && text.bytes > 0 &&
           pcre2_match(code, (PCRE2_SPTR)text.text, text.bytes, 0, 0, match, NULL) >= 0;
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    return code != NULL && match != NULL
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_RESOURCE, "an answer cannot be searched for");
}

/* --- rows --------------------------------------------------------------------------------------
 */

/* What all sets have; *row is borrowed. */
static wagle_status write_answer(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a,
                                 const char *set, int64_t i, json_t **row)
{
    double rouge[3][3];

    WG_TRY(wg_answers_rouge(ctx, a, i, true, rouge));
    WG_TRY(wg_evaluation_row(ctx, e, set, i, row));
    WG_TRY(wg_json_set(ctx, *row, "rougeL", json_real(rouge[2][1])));
    WG_TRY(wg_row_set_text(ctx, *row, "answer", a->set.example[a->first[i]].answer[0]));
    return wg_row_set_text(ctx, *row, "generated", wg_text_str(&a->generated[i]));
}

static wagle_status write_list(wagle_ctx *ctx, json_t *row, const char *key, const double *value,
                               int64_t n)
{
    json_t *list = json_array();

    for (int64_t k = 0; list != NULL && k < n; k++)
        if (json_array_append_new(list, json_real(value[k])) != 0) {
            json_decref(list);
            return wg_json_memory(ctx);
        }
    return wg_json_set(ctx, row, key, list);
}

/* The paraphrased question of row i: losses of its answers, and their similarity to the text. */
static wagle_status write_paraphrased(wagle_ctx *ctx, const wg_evaluation *e, const wg_answers *a,
                                      const double *similarity, int64_t i, json_t *row)
{
    const int64_t first = a->first[i], n = a->first[i + 1] - first;
    double *nll;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &nll, n));
    for (int64_t k = 0; k < n; k++)
        nll[k] = wg_answers_mean(a, first + k);
    st = wg_json_set(ctx, row, "paraphrased_nll", json_real(nll[0]));
    if (st == WAGLE_OK)
        st = write_list(ctx, row, "perturbed_nll", nll + 1, n - 1);
    if (st == WAGLE_OK)
        st = write_list(ctx, row, wg_similar_by_meaning(e) ? "similarity" : "rouge_similarity",
                        similarity + first, n);
    wg_free(nll);
    WG_TRY(st);
    return wg_row_set_text(ctx, row, "generated_paraphrased", wg_text_str(&a->generated[i]));
}

static wagle_status run_compared(wagle_ctx *ctx, wg_evaluation *e, const char *set,
                                 const char *path)
{
    wg_answers question = {0}, paraphrased = {0};
    double *similarity = NULL, half;
    json_t *row;
    wagle_status st;

    WG_TRY_GOTO(ask_paraphrased(ctx, e, set, path, &paraphrased), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &similarity, paraphrased.set.n), done);
    WG_TRY_GOTO(compare_answers(ctx, e, &paraphrased, similarity), done);
    WG_TRY_GOTO(ask(ctx, e, set, path, true, &question), done);
    for (int64_t i = 0; i < question.rows.n; i++) {
        WG_TRY_GOTO(write_answer(ctx, e, &question, set, i, &row), done);
        WG_TRY_GOTO(min_half(ctx, &question.score[i], &half), done);
        WG_TRY_GOTO(wg_json_set(ctx, row, "min_k_50", json_real(half)), done);
        WG_TRY_GOTO(write_paraphrased(ctx, e, &paraphrased, similarity, i, row), done);
    }
done:
    wg_free(similarity);
    wg_answers_close(&question);
    wg_answers_close(&paraphrased);
    return st;
}

static wagle_status run_other(wagle_ctx *ctx, wg_evaluation *e, const char *set, const char *path)
{
    wg_answers a = {0};
    wagle_status st = ask(ctx, e, set, path, false, &a);

    for (int64_t i = 0; st == WAGLE_OK && i < a.rows.n; i++) {
        const wg_str answer = a.set.example[a.first[i]].answer[0];
        bool right = false;
        json_t *row;
        st = write_answer(ctx, e, &a, set, i, &row);
        if (st == WAGLE_OK)
            st = contains(ctx, wg_text_str(&a.generated[i]), answer, &right);
        if (st == WAGLE_OK)
            st = wg_json_set(ctx, row, "accuracy", json_integer(right));
    }
    wg_answers_close(&a);
    return st;
}

static wagle_status check(wagle_ctx *ctx, const wg_evaluation *e)
{
    if (!wg_similar_by_meaning(e) || wg_evaluation_set(e, sets[0]) != NULL ||
        wg_evaluation_set(e, sets[1]) != NULL)
        return WAGLE_OK;
    return wg_fail(ctx, WAGLE_E_USAGE,
                   "%s has no effect on suite wagle-paper: answers of sets forget and retain are "
                   "compared",
                   e->o->encoder != NULL ? "@{encoder}" : "@{scorer}");
}

static wagle_status run(wagle_ctx *ctx, wg_evaluation *e)
{
    wagle_suite_options without_eos = *e->o;
    const wagle_suite_options *given = e->o;
    wagle_status st = WAGLE_OK;

    if (given->data.prompt != NULL && strstr(given->data.prompt, "{question}") != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "suite wagle-paper asks each row's question and its paraphrased question; "
                       "write @{prompt} with {prompt} in place of {question}");
    WG_TRY(wg_similar_begin(ctx, e));
    without_eos.data.eos = false;
    e->o = &without_eos;
    for (int s = 0; st == WAGLE_OK && s < SETS; s++)
        if (wg_evaluation_set(e, sets[s]) != NULL)
            st = (s < COMPARED ? run_compared : run_other)(ctx, e, sets[s],
                                                           wg_evaluation_set(e, sets[s]));
    e->o = given;
    wg_similar_end(e);
    return st;
}

/* --- metrics -----------------------------------------------------------------------------------
 */

static wagle_status derive_compared(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    const bool scored = json_object_get(row, "similarity") != NULL;
    double paraphrased, *list = NULL, sum = 0;
    int64_t n = 0;

    WG_TRY(wg_row_number(ctx, row, "paraphrased_nll", &paraphrased));
    WG_TRY(wg_row_numbers(ctx, row, "perturbed_nll", &list, &n));
    for (int64_t k = 0; k < n; k++)
        sum += wg_answer_probability(list[k]);
    wg_free(list);
    WG_TRY(wg_frame_add(ctx, f, set, "_ratio",
                        sum / (double)n / (wg_answer_probability(paraphrased) + 1e-12)));
    WG_TRY(wg_row_numbers(ctx, row, scored ? "similarity" : "rouge_similarity", &list, &n));
    const bool right = list[0] >= wg_highest(list, n);
    wg_free(list);
    WG_TRY(wg_frame_add(ctx, f, set, scored ? "accuracy" : "accuracy_by_rouge", right));
    return wg_row_column(ctx, row, set, "min_k_50", f);
}

static wagle_status derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    WG_TRY(wg_row_column(ctx, row, set, "rougeL", f));
    return json_object_get(row, "perturbed_nll") != NULL
               ? derive_compared(ctx, row, set, f)
               : wg_row_column(ctx, row, set, "accuracy", f);
}

/* Forget quality and mia, of the forget and the retain set. */
static wagle_status compare_sets(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    const wg_column *forget = wg_frame_find(f, "forget", "_ratio");
    const wg_column *retain = wg_frame_find(f, "retain", "_ratio");
    const wg_column *half[2] = {wg_frame_find(f, "forget", "min_k_50"),
                                wg_frame_find(f, "retain", "min_k_50")};
    double mia;
    wg_ks ks;

    if (forget == NULL || retain == NULL)
        return WAGLE_OK;
    WG_TRY(wg_ks_test(ctx, forget->value, forget->n, retain->value, retain->n, &ks));
    WG_TRY(wg_measures_add(ctx, out, ks.p, forget->n, "forget_quality"));
    wg_measures_is_test(out);
    WG_TRY(wg_auc(ctx, half[0]->value, half[0]->n, half[1]->value, half[1]->n, &mia));
    return wg_measures_add(ctx, out, mia, half[0]->n + half[1]->n, "mia");
}

/* The accuracy of a set, or its name ending in _by_rouge. */
static const wg_measure *accuracy_of(const wg_measures *m, const char *set, bool *by_rouge)
{
    char name[64];
    const wg_measure *found;

    snprintf(name, sizeof name, "%s.accuracy_by_rouge", set);
    found = wg_measures_find(m, name);
    *by_rouge |= found != NULL;
    snprintf(name, sizeof name, "%s.accuracy", set);
    return found != NULL ? found : wg_measures_find(m, name);
}

static const wg_measure *rouge_of(const wg_measures *m, const char *set)
{
    char name[64];

    snprintf(name, sizeof name, "%s.rougeL", set);
    return wg_measures_find(m, name);
}

static wagle_status efficacy(wagle_ctx *ctx, wg_measures *out)
{
    bool by_rouge = false;
    const wg_measure *quality = wg_measures_find(out, "forget_quality"),
                     *mia = wg_measures_find(out, "mia"), *rouge = rouge_of(out, "forget"),
                     *accuracy = accuracy_of(out, "forget", &by_rouge);

    if (quality == NULL || mia == NULL || rouge == NULL || accuracy == NULL)
        return WAGLE_OK;
    const double value = (quality->value + mia->value + 1 - accuracy->value + 1 - rouge->value) / 4;
    WG_TRY(
        wg_measures_add(ctx, out, value, accuracy->n, by_rouge ? "efficacy_by_rouge" : "efficacy"));
    wg_measures_is_test(out); /* it contains one */
    return WAGLE_OK;
}

static wagle_status utility(wagle_ctx *ctx, wg_measures *out)
{
    bool by_rouge = false;
    double sum = 0;
    int64_t rows = 0;

    for (int s = 1; s < SETS; s++) {
        const wg_measure *accuracy = accuracy_of(out, sets[s], &by_rouge);
        const wg_measure *rouge = rouge_of(out, sets[s]);
        if (accuracy == NULL || rouge == NULL)
            return WAGLE_OK;
        sum += accuracy->value + rouge->value;
        rows += accuracy->n;
    }
    return wg_measures_add(ctx, out, sum / (2 * (SETS - 1)), rows,
                           by_rouge ? "utility_by_rouge" : "utility");
}

static wagle_status measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    for (int s = 0; s < SETS; s++) {
        const wg_column *ratio = wg_frame_find(f, sets[s], "_ratio");
        WG_TRY(wg_measure_mean(ctx, f, sets[s], "accuracy", out));
        WG_TRY(wg_measure_mean(ctx, f, sets[s], "accuracy_by_rouge", out));
        WG_TRY(wg_measure_mean(ctx, f, sets[s], "rougeL", out));
        if (ratio != NULL)
            WG_TRY(wg_measures_add(ctx, out, wg_mean(ratio->value, ratio->n), ratio->n,
                                   "%s.truth_ratio", sets[s]));
    }
    WG_TRY(compare_sets(ctx, f, out));
    WG_TRY(efficacy(ctx, out));
    return utility(ctx, out);
}

const wg_suite wg_suite_wagle_paper = {
    .name = "wagle-paper",
    .summary = "efficacy and utility on TOFU as in the paper of WAGLE",
    .uses = WAGLE_USES_SCORER | WAGLE_USES_ENCODER,
    .set = {{"forget", "forget rows of TOFU (_perturbed), with both paraphrases", false,
             WAGLE_USES_TEXTS, 0, false},
            {"retain", "retain rows of TOFU, with the same columns", false, WAGLE_USES_TEXTS, 0,
             false},
            {"real_authors", "questions on real authors", false, WAGLE_USES_TEXTS, 0, false},
            {"world_facts", "questions on world facts", false, WAGLE_USES_TEXTS, 0, false}},
    .check = check,
    .run = run,
    .derive = derive,
    .measure = measure,
};
