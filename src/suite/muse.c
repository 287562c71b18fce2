/* muse.c - the criteria of MUSE (Shi et al. 2024, arXiv 2407.06460) for a single model: verbatim
 * memorisation and knowledge by ROUGE-L F1 of greedy continuations (no stemming), PrivLeak by
 * Min-k% attacks, utility on the retain set.
 *
 * As in the authors' code (swj0419/muse_bench), a continuation has up to 128 tokens and is compared
 * with as many of the true one; an answer has up to 32. Knowledge is asked after all solved rows of
 * a set of examples; the answer then ends where a blank line or another question begins, and
 * privleak_muse is 100 (u - g) / g, u and g the shares of pairs in which the Min-40 % score of a
 * forget row is higher than that of a holdout row, under this model and under the gold model. */
#include "suite/attacks.h"

#include "metric/rouge.h"
#include "metric/statistics.h"
#include "text/tokenizer.h"
#include <math.h>
#include <string.h>

static const char *const asked[] = {"verbatim", "knowledge_forget", "knowledge_retain"};
static const char *const examples[] = {NULL, "examples_forget", "examples_retain"};

/* Cuts a text where a blank line or another question begins. */
static void cut_answer(wg_text *t)
{
    static const char *const ends[] = {"\n\n", "\nQuestion", "Question:"};

    for (int i = 0; i < 3 && t->text != NULL; i++) {
        const char *at = memmem(t->text, (size_t)t->bytes, ends[i], strlen(ends[i]));
        if (at != NULL)
            t->bytes = at - t->text;
    }
}

/* The first tokens of a true continuation, special ones counted, as many as are generated. */
static wagle_status cut_truth(wagle_ctx *ctx, const wg_evaluation *e, wg_str truth, wg_text *out)
{
    const wagle_tokenizer *t = e->session->reader.tokenizer;
    const int64_t most = wg_evaluation_tokens(e, asked[0]);
    wg_ids ids = {0};
    wagle_status st = wg_encode(ctx, t, truth.text, truth.bytes, true, &ids);

    if (st == WAGLE_OK)
        st = wg_decode(ctx, t, ids.id, ids.n < most ? ids.n : most, true, out);
    wg_free(ids.id);
    return st;
}

static wagle_status verbatim_rouge(wagle_ctx *ctx, const wg_evaluation *e, const wg_answers *a,
                                   int64_t i, double rouge[3][3])
{
    wg_text truth = {0};
    wagle_status st = cut_truth(ctx, e, a->set.example[a->first[i]].answer[0], &truth);
    const wg_str reference = wg_text_str(&truth);

    if (st == WAGLE_OK)
        st = wg_rouge(ctx, &reference, 1, wg_text_str(&a->generated[i]), false, rouge);
    wg_text_free(&truth);
    return st;
}

static wagle_status write_row(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a,
                              const char *set, int64_t i)
{
    const wg_example *example = &a->set.example[a->first[i]];
    double rouge[3][3];
    json_t *row;

    WG_TRY(set == asked[0] ? verbatim_rouge(ctx, e, a, i, rouge)
                           : wg_answers_rouge(ctx, a, i, false, rouge));
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

    if (st == WAGLE_OK)
        st = wg_answers_generate(ctx, e, &a, set, 0);
    for (int64_t i = 0; st == WAGLE_OK && before != NULL && i < a.rows.n; i++)
        cut_answer(&a.generated[i]);
    for (int64_t i = 0; st == WAGLE_OK && i < a.rows.n; i++)
        st = write_row(ctx, e, &a, set, i);
    wg_answers_close(&a);
    return st;
}

/* Whether questions are laid out by the data options, in this suite or in another one. */
static bool lays_out(const wg_evaluation *e)
{
    char name[64];
    const char *file;

    for (int i = 0; wg_evaluation_set_at(e, i, name, &file); i++)
        if (wg_suite_lists(e->suite, name) && strcmp(name, asked[0]) != 0)
            return true;
    for (int i = 0; i < e->n_chosen; i++)
        if (e->chosen[i] != e->suite && !e->chosen[i]->own_prompts)
            return true;
    return false;
}

/* Refuses the layout of questions where there are only texts to continue. */
static wagle_status check_layout(wagle_ctx *ctx, const wg_evaluation *e)
{
    const wagle_data *d = &e->o->data;
    const struct {
        bool given;
        const char *option;
    } layout[] = {{d->prompt != NULL, "@{prompt}"},
                  {wg_data_asks_chat(d), "@{chat=required}"},
                  {d->system != NULL, "@{system}"},
                  {d->chat_kwargs != NULL && d->chat_kwargs[0] != NULL, "@{chat_kwargs}"},
                  {d->date != NULL, "@{date}"},
                  {d->all_turns, "@{all_turns}"}};

    for (size_t i = 0; !lays_out(e) && i < sizeof layout / sizeof *layout; i++)
        if (layout[i].given)
            return wg_fail(
                ctx, WAGLE_E_USAGE,
                "%s has no effect: it is for questions (set knowledge_forget), and suite "
                "muse continues the texts of set verbatim as they are",
                layout[i].option);
    return WAGLE_OK;
}

static wagle_status check(wagle_ctx *ctx, const wg_evaluation *e)
{
    for (int i = 0; i < 3; i++)
        if (examples[i] != NULL && wg_evaluation_set(e, examples[i]) != NULL &&
            wg_evaluation_set(e, asked[i]) == NULL)
            return wg_fail(ctx, WAGLE_E_USAGE, "set %s of suite muse needs @{sets=%s=FILE}",
                           examples[i], asked[i]);
    return check_layout(ctx, e);
}

static wagle_status run(wagle_ctx *ctx, wg_evaluation *e)
{
    static const char *const sides[] = {"members", "nonmembers"};

    for (int i = 0; i < 3; i++) {
        const char *before = examples[i] != NULL ? wg_evaluation_set(e, examples[i]) : NULL;
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
    .set = {{"verbatim", "rows of a prompt and its true continuation", false,
             WAGLE_MUSE_VERBATIM_TOKENS},
            {"knowledge_forget", "questions and answers about what is to be forgotten", false,
             WAGLE_MUSE_KNOWLEDGE_TOKENS},
            {"knowledge_retain", "questions and answers about what is to be kept", false,
             WAGLE_MUSE_KNOWLEDGE_TOKENS},
            {"examples_forget", "solved questions to show before each of knowledge_forget", false},
            {"examples_retain", "the same for knowledge_retain", false},
            {"members", "rows that were trained on", false},
            {"nonmembers", "rows of the same kind that were never trained on", false}},
    .check = check,
    .run = run,
    .derive = derive,
    .measure = measure,
};
