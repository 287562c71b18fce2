/* muse.c - the criteria of MUSE (Shi et al. 2024, arXiv 2407.06460) for a single model: verbatim
 * memorisation and knowledge by ROUGE-L F1 of greedy continuations (no stemming), PrivLeak by
 * Min-k% attacks, utility on the retain set.
 *
 * As the authors' code (swj0419/muse_bench) does it, knowledge is asked after all solved rows of a
 * set of examples; the answer then ends where a blank line or another question begins, and
 * privleak_muse is 100 (u - g) / g, u and g the shares of pairs in which the Min-40 % score of a
 * forget row is higher than that of a holdout row, under this model and under the gold model. */
#include "suite/attacks.h"

#include "metric/statistics.h"
#include <math.h>
#include <string.h>

static const char *const asked[] = {"verbatim", "knowledge_forget", "knowledge_retain"};
static const char *const examples[] = {NULL, "examples_forget", "examples_retain"};
/* A blank line, or another question. */
static const char *const ends[] = {"\n\n", "\nQuestion", "Question:", NULL};

static wagle_status write_row(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a,
                              const char *set, int64_t i)
{
    const wg_example *example = &a->set.example[a->first[i]];
    double rouge[3][3];
    json_t *row;

    WG_TRY(wg_answers_rouge(ctx, a, i, false, rouge));
    WG_TRY(wg_evaluation_row(ctx, e, set, i, &row));
    WG_TRY(wg_json_set(ctx, row, "rougeL_f1", json_real(rouge[2][2])));
    WG_TRY(wg_json_set(ctx, row, "rougeL_recall", json_real(rouge[2][1])));
    WG_TRY(wg_row_set_text(ctx, row, "answer", example->answer[0]));
    return wg_row_set_text(ctx, row, "generated", wg_text_str(&a->generated[i]));
}

/* Questions, after their solved examples if there are any. */
static wagle_status load(wagle_ctx *ctx, wg_evaluation *e, const char *path, const char *before,
                         wg_answers *a)
{
    wg_solved solved;
    wagle_status st;

    if (before == NULL)
        return wg_answers_load(ctx, e, path, WG_ANSWERED, a);
    st = wg_solved_read(ctx, e, before, 0, &solved);
    if (st == WAGLE_OK)
        st = wg_answers_load_after(ctx, e, path, 0, &solved.before, a);
    wg_solved_free(&solved);
    return st;
}

/* --prompt is the layout of questions; texts to continue have none. */
static wagle_status load_verbatim(wagle_ctx *ctx, wg_evaluation *e, const char *path, wg_answers *a)
{
    const wagle_suite_options *given = e->o;
    wagle_suite_options without_prompt = *given;
    wagle_status st;

    without_prompt.data.prompt = NULL;
    e->o = &without_prompt;
    st = wg_answers_load(ctx, e, path, WG_CONTINUED, a);
    e->o = given;
    return st;
}

static wagle_status run_set(wagle_ctx *ctx, wg_evaluation *e, const char *set, const char *path,
                            const char *before)
{
    wg_answers a = {0};
    wagle_status st =
        set == asked[0] ? load_verbatim(ctx, e, path, &a) : load(ctx, e, path, before, &a);

    a.ends = before != NULL ? ends : NULL;
    if (st == WAGLE_OK)
        st = wg_answers_generate(ctx, e, &a, 0);
    for (int64_t i = 0; st == WAGLE_OK && i < a.rows.n; i++)
        st = write_row(ctx, e, &a, set, i);
    wg_answers_close(&a);
    return st;
}

static wagle_status run(wagle_ctx *ctx, wg_evaluation *e)
{
    static const char *const sides[] = {"members", "nonmembers"};

    for (int i = 0; i < 3; i++) {
        const char *before = examples[i] != NULL ? wg_evaluation_set(e, examples[i]) : NULL;
        if (before != NULL && wg_evaluation_set(e, asked[i]) == NULL)
            return wg_fail(ctx, WAGLE_E_USAGE, "set %s of suite muse needs @{sets=%s=FILE}",
                           examples[i], asked[i]);
        if (wg_evaluation_set(e, asked[i]) != NULL)
            WG_TRY(run_set(ctx, e, asked[i], wg_evaluation_set(e, asked[i]), before));
    }
    for (int i = 0; i < 2; i++)
        if (wg_evaluation_set(e, sides[i]) != NULL)
            WG_TRY(wg_attack_rows(ctx, e, sides[i], wg_evaluation_set(e, sides[i]), false));
    return WAGLE_OK;
}

static wagle_status derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    if (strstr(set, "members") != NULL)
        return wg_attack_derive(ctx, row, set, f);
    WG_TRY(wg_row_column(ctx, row, set, "rougeL_f1", f));
    return wg_row_column(ctx, row, set, "rougeL_recall", f);
}

/* How often a forget row has a higher score than a holdout row; *n 0: a set is missing. */
static wagle_status forgotten(wagle_ctx *ctx, const wg_frame *f, const char *const side[2],
                              double *out, int64_t *n)
{
    const wg_column *a = wg_frame_find(f, side[0], "min_k_40");
    const wg_column *b = wg_frame_find(f, side[1], "min_k_40");

    *n = a != NULL && b != NULL ? a->n + b->n : 0;
    return *n > 0 ? wg_auc(ctx, a->value, a->n, b->value, b->n, out) : WAGLE_OK;
}

static wagle_status privleak(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    static const char *const own[] = {"members", "nonmembers"};
    static const char *const gold[] = {"gold/members", "gold/nonmembers"};
    double u = NAN, g = NAN;
    int64_t n, n_gold;

    WG_TRY(forgotten(ctx, f, own, &u, &n));
    WG_TRY(forgotten(ctx, f, gold, &g, &n_gold));
    if (n == 0 || n_gold == 0)
        return WAGLE_OK;
    return wg_measures_add(ctx, out, g > 0 ? 100 * (u - g) / g : NAN, n, "privleak_muse");
}

static wagle_status measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    for (int i = 0; i < 3; i++) {
        WG_TRY(wg_measure_mean(ctx, f, asked[i], "rougeL_f1", out));
        WG_TRY(wg_measure_mean(ctx, f, asked[i], "rougeL_recall", out));
    }
    WG_TRY(wg_attack_measure(ctx, f, out));
    return privleak(ctx, f, out);
}

const wg_suite wg_suite_muse = {
    .name = "muse",
    .summary =
        "verbatim and knowledge memorisation, PrivLeak (with a gold result), utility on retain",
    .writes = WG_TEXTS,
    .uses = WAGLE_USES_REFERENCE | WAGLE_USES_GOLD,
    .set = {{"verbatim", "rows of a prompt and its true continuation", false},
            {"knowledge_forget", "questions and answers about what is to be forgotten", false},
            {"knowledge_retain", "questions and answers about what is to be kept", false},
            {"examples_forget", "solved questions to show before each of knowledge_forget", false},
            {"examples_retain", "the same for knowledge_retain", false},
            {"members", "rows that were trained on", false},
            {"nonmembers", "rows of the same kind that were never trained on", false}},
    .run = run,
    .derive = derive,
    .measure = measure,
};
