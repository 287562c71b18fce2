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
#include "suite/leak.h"

#include "metric/rouge.h"
#include "metric/statistics.h"
#include "text/tokenizer.h"
#include <math.h>
#include <string.h>

static const char *const asked[] = {"verbatim", "knowledge_forget", "knowledge_retain"};
enum { PRIVLEAK_PERCENT = 40 };
static const char *const examples[] = {NULL, "examples_forget", "examples_retain"};
/* A blank line, or another question. */
static const char *const ends[] = {"\n\n", "\nQuestion", "Question:", NULL};

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

static wagle_status write_scores(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a,
                                 const wg_leak *leak, const wg_str *truth, int64_t n,
                                 const char *set, int64_t i)
{
    static const wg_leak_score how = {"rougeL_f1", false, 2};
    const wg_str made = wg_text_str(&a->generated[i]);
    double rouge[3][3];
    json_t *row;

    WG_TRY(wg_rouge(ctx, truth, n, made, false, rouge));
    WG_TRY(wg_evaluation_row(ctx, e, set, i, &row));
    WG_TRY(wg_json_set(ctx, row, "rougeL_f1", json_real(rouge[2][2])));
    WG_TRY(wg_json_set(ctx, row, "rougeL_recall", json_real(rouge[2][1])));
    WG_TRY(wg_row_set_text(ctx, row, "answer", truth[0]));
    WG_TRY(wg_row_set_text(ctx, row, "generated", made));
    return wg_leak_write(ctx, leak, i, &how, truth, n, row);
}

static wagle_status write_row(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a,
                              const wg_leak *leak, const char *set, int64_t i)
{
    const wg_example *example = &a->set.example[a->first[i]];
    wg_text cut = {0};
    wg_str truth;
    wagle_status st;

    if (set != asked[0])
        return write_scores(ctx, e, a, leak, example->answer, example->n_answers, set, i);
    st = cut_truth(ctx, e, example->answer[0], &cut);
    truth = wg_text_str(&cut);
    if (st == WAGLE_OK)
        st = write_scores(ctx, e, a, leak, &truth, 1, set, i);
    wg_text_free(&cut);
    return st;
}

/* Prompts are tokenised by themselves, as there, and not with the answer: a space at the end of a
 * prompt stays a token. Chats, and rows that may be cut, keep the tokens of their layout. */
static wagle_status tokenise_prompts(wagle_ctx *ctx, wg_evaluation *e, const wg_preamble *before,
                                     wg_answers *a)
{
    wagle_status st = WAGLE_OK;

    if (a->data.truncate)
        return WAGLE_OK;
    WG_TRY(wg_reader_tokenizer(ctx, &e->session->reader));
    WG_TRY(WG_ALLOC(ctx, &a->given, a->rows.n));
    for (int64_t i = 0; st == WAGLE_OK && i < a->rows.n; i++) {
        wg_asked question;
        st = wg_answers_ask(ctx, e, a, i, before, true, &question);
        if (st != WAGLE_OK)
            break;
        if (!question.chat)
            st = wg_encode(ctx, e->session->reader.tokenizer, question.prompt.text,
                           (size_t)question.prompt.bytes, true, &a->given[i]);
        wg_asked_free(&question);
    }
    return st;
}

/* Questions, after their solved examples if there are any. */
static wagle_status load(wagle_ctx *ctx, wg_evaluation *e, const char *path, const char *before,
                         wg_answers *a)
{
    wg_solved solved;
    wagle_status st;

    if (before == NULL) {
        WG_TRY(wg_answers_load(ctx, e, path, WG_ANSWERED, a));
        return tokenise_prompts(ctx, e, NULL, a);
    }
    st = wg_solved_read(ctx, e, before, 0, &solved);
    if (st == WAGLE_OK)
        st = wg_answers_load_after(ctx, e, path, 0, &solved.before, a);
    if (st == WAGLE_OK)
        st = tokenise_prompts(ctx, e, &solved.before, a);
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
    if (st == WAGLE_OK)
        st = tokenise_prompts(ctx, e, NULL, a);
    e->o = given;
    return st;
}

static wagle_status run_set(wagle_ctx *ctx, wg_evaluation *e, const char *set, const char *path,
                            const char *before)
{
    wg_answers a = {0};
    wg_leak leak = {0};
    wagle_status st =
        set == asked[0] ? load_verbatim(ctx, e, path, &a) : load(ctx, e, path, before, &a);

    a.ends = before != NULL ? ends : NULL;
    if (st == WAGLE_OK)
        st = wg_answers_generate(ctx, e, &a, set, 0);
    if (st == WAGLE_OK)
        st = wg_leak_draw(ctx, e, &a, set, &leak);
    for (int64_t i = 0; st == WAGLE_OK && i < a.rows.n; i++)
        st = write_row(ctx, e, &a, &leak, set, i);
    wg_leak_free(&leak);
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

/* PrivLeak is of Min-40 %, whatever else is asked for. */
static wagle_status percents_of(wagle_ctx *ctx, const wagle_suite_options *o, wg_counts *out)
{
    WG_TRY(wg_attack_percents(ctx, o, out));
    if (!wg_counts_have(out, PRIVLEAK_PERCENT) && out->n == WG_COUNTS)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{min_k}: suite muse adds %d to the list, which is full", PRIVLEAK_PERCENT);
    if (!wg_counts_have(out, PRIVLEAK_PERCENT))
        out->at[out->n++] = PRIVLEAK_PERCENT;
    return WAGLE_OK;
}

static wagle_status check(wagle_ctx *ctx, const wg_evaluation *e)
{
    wg_counts percents;

    WG_TRY(percents_of(ctx, e->o, &percents));
    WG_TRY(wg_attack_check_gold(ctx, e, &percents));
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
    wg_counts percents;

    WG_TRY(percents_of(ctx, e->o, &percents));

    for (int i = 0; i < 3; i++) {
        const char *before = examples[i] != NULL ? wg_evaluation_set(e, examples[i]) : NULL;
        if (wg_evaluation_set(e, asked[i]) != NULL)
            WG_TRY(run_set(ctx, e, asked[i], wg_evaluation_set(e, asked[i]), before));
    }
    for (int i = 0; i < 2; i++)
        if (wg_evaluation_set(e, sides[i]) != NULL)
            WG_TRY(
                wg_attack_rows(ctx, e, sides[i], wg_evaluation_set(e, sides[i]), &percents, false));
    return WAGLE_OK;
}

static wagle_status derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    if (strstr(set, "members") != NULL)
        return wg_attack_derive(ctx, row, set, f);
    WG_TRY(wg_row_column(ctx, row, set, "rougeL_f1", f));
    WG_TRY(wg_row_column(ctx, row, set, "rougeL_recall", f));
    return wg_leak_derive(ctx, row, set, f);
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

static wagle_status left_out(wagle_ctx *ctx, const wg_frame *f, const wg_measures *m, json_t *into)
{
    WG_TRY(wg_attack_left_out(ctx, f, m, into));
    return wg_frame_has_gold(f) && wg_frame_find(f, "members", "loss") != NULL &&
                   wg_measures_find(m, "privleak_muse") == NULL
               ? wg_json_set(ctx, into, "privleak_muse",
                             json_string("it needs min_k_40 of sets members and nonmembers, here "
                                         "and in the gold result"))
               : WAGLE_OK;
}

static wagle_status measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    for (int i = 0; i < 3; i++) {
        WG_TRY(wg_measure_mean(ctx, f, asked[i], "rougeL_f1", out));
        WG_TRY(wg_measure_mean(ctx, f, asked[i], "rougeL_recall", out));
        WG_TRY(wg_leak_measure(ctx, f, asked[i], out));
    }
    WG_TRY(wg_attack_measure(ctx, f, out));
    return privleak(ctx, f, out);
}

const wg_suite wg_suite_muse = {
    .name = "muse",
    .summary =
        "verbatim and knowledge memorisation, PrivLeak (with a gold result), utility on retain",
    .uses = WAGLE_USES_GOLD,
    .set = {{"verbatim", "rows of a prompt and its true continuation", false, WAGLE_USES_TEXTS,
             WAGLE_MUSE_VERBATIM_TOKENS, true},
            {"knowledge_forget", "questions and answers about what is to be forgotten", false,
             WAGLE_USES_TEXTS, WAGLE_MUSE_KNOWLEDGE_TOKENS, true},
            {"knowledge_retain", "questions and answers about what is to be kept", false,
             WAGLE_USES_TEXTS, WAGLE_MUSE_KNOWLEDGE_TOKENS, false},
            {"examples_forget", "solved questions to show before each of knowledge_forget", false,
             0, 0, false},
            {"examples_retain", "the same for knowledge_retain", false, 0, 0, false},
            {"members", "rows that were trained on", false, WAGLE_USES_MIN_K, 0, false},
            {"nonmembers", "rows of the same kind that were never trained on", false,
             WAGLE_USES_MIN_K, 0, false}},
    .check = check,
    .run = run,
    .derive = derive,
    .measure = measure,
    .left_out = left_out,
};
