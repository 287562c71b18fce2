/* muse.c - the criteria of MUSE (Shi et al. 2024, arXiv 2407.06460) for a single model: verbatim
 * memorisation and knowledge by ROUGE-L F1 of greedy continuations (no stemming), PrivLeak by
 * Min-k% attacks, utility on the retain set. */
#include "suite/attacks.h"

#include <string.h>

static const char *const asked[] = {"verbatim", "knowledge_forget", "knowledge_retain"};

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

static wagle_status run_set(wagle_ctx *ctx, wg_evaluation *e, const char *set, const char *path)
{
    wg_answers a;
    wagle_status st =
        wg_answers_load(ctx, e, path, set == asked[0] ? WG_CONTINUED : WG_ANSWERED, &a);

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

    for (int i = 0; i < 3; i++)
        if (wg_evaluation_set(e, asked[i]) != NULL)
            WG_TRY(run_set(ctx, e, asked[i], wg_evaluation_set(e, asked[i])));
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

static wagle_status measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    for (int i = 0; i < 3; i++) {
        WG_TRY(wg_measure_mean(ctx, f, asked[i], "rougeL_f1", out));
        WG_TRY(wg_measure_mean(ctx, f, asked[i], "rougeL_recall", out));
    }
    return wg_attack_measure(ctx, f, out);
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
            {"members", "rows that were trained on", false},
            {"nonmembers", "rows of the same kind that were never trained on", false}},
    .run = run,
    .derive = derive,
    .measure = measure,
};
