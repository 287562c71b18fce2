/* copyright.c - verbatim reproduction of a text. The text is cut into windows of --prefix +
 * --length tokens; the greedy continuation of the prefix is compared with the rest. Also the
 * perplexity of held-out text over sliding windows, in which each token has at least half a window
 * of context. */
#include "suite/suite.h"

#include "metric/bleu.h"
#include "metric/overlap.h"
#include "metric/rouge.h"
#include "metric/statistics.h"
#include "suite/passages.h"
#include <math.h>
#include <string.h>

static wagle_status decode(wagle_ctx *ctx, const wg_evaluation *e, const char *const *stop,
                           const wg_ids *ids, wg_text *out)
{
    WG_TRY(wg_stop_text(ctx, e->session, stop, ids, out, NULL));
    return wg_text_addz(ctx, out, "");
}

static wagle_status write_row(wagle_ctx *ctx, wg_evaluation *e, int64_t i, int32_t *want,
                              wg_ids *made)
{
    const int64_t n = e->o->length;
    wg_text right = {0}, text = {0};
    wg_common common;
    wg_bleu_counts bleu;
    double rouge[3][3];
    json_t *row = NULL;
    wagle_status st = decode(ctx, e, NULL, &(wg_ids){.id = want, .n = n}, &right);

    if (st == WAGLE_OK)
        st = decode(ctx, e, e->o->stop, made, &text);
    if (st == WAGLE_OK)
        st = wg_stop_keep(ctx, e->session, e->o->stop, made);
    if (st == WAGLE_OK)
        st = wg_common_tokens(ctx, want, n, made->id, made->n, &common);
    if (st == WAGLE_OK)
        st = wg_bleu_count(ctx, wg_text_str(&right), wg_text_str(&text), &bleu);
    if (st == WAGLE_OK)
        st = wg_rouge(ctx, &(wg_str){right.text, (size_t)right.bytes}, 1, wg_text_str(&text), false,
                      rouge);
    if (st == WAGLE_OK)
        st = wg_evaluation_row(ctx, e, "text", i, &row);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, "tokens", json_integer(n));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, "longest_run", json_integer(common.run));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, "common_subsequence", json_integer(common.subsequence));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, "verbatim", json_boolean(common.run >= e->o->verbatim));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, "bleu", json_real(wg_bleu_score(&bleu, true)));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, "rougeL_f1", json_real(rouge[2][2]));
    if (st == WAGLE_OK)
        st = wg_row_set_text(ctx, row, "answer", wg_text_str(&right));
    if (st == WAGLE_OK)
        st = wg_row_set_text(ctx, row, "generated", wg_text_str(&text));
    wg_text_free(&right);
    wg_text_free(&text);
    return st;
}

static wagle_status reproduce(wagle_ctx *ctx, wg_evaluation *e, const char *path)
{
    const int64_t window = e->o->prefix + e->o->length;
    const wg_sampling how = {.top_p = 1, .max_tokens = e->o->length, .stop = e->o->stop};
    wg_ids text = {0}, *prompt = NULL, *made = NULL;
    int64_t n = 0;
    wagle_status st = wg_passages_read(ctx, e, path, &text);

    if (st == WAGLE_OK && text.n < window)
        st = wg_fail(ctx, WAGLE_E_INPUT,
                     "%s: only %lld tokens; a window needs @{prefix} %lld and @{length} %lld", path,
                     (long long)text.n, (long long)e->o->prefix, (long long)e->o->length);
    if (st == WAGLE_OK)
        n = text.n / window;
    if (e->o->data.limit > 0 && n > e->o->data.limit)
        n = e->o->data.limit;
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &prompt, n);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &made, n);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        prompt[i] = (wg_ids){.id = text.id + i * window, .n = e->o->prefix};
    if (st == WAGLE_OK)
        st = wg_generate(ctx, e->session, prompt, n, &how, made);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        st = write_row(ctx, e, i, prompt[i].id + e->o->prefix, &made[i]);
    wg_free_lists(made, n);
    wg_free(prompt);
    wg_free(text.id);
    return st;
}

static wagle_status run(wagle_ctx *ctx, wg_evaluation *e)
{
    const char *text = wg_evaluation_set(e, "text"), *held_out = wg_evaluation_set(e, "held_out");

    if (e->o->prefix < 1 || e->o->length < 1)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{prefix} and @{length} must be 1 or more");
    if (text != NULL && e->o->verbatim > e->o->length)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{verbatim} %lld: must be at most @{length}, %lld",
                       (long long)e->o->verbatim, (long long)e->o->length);
    if (text != NULL)
        WG_TRY(reproduce(ctx, e, text));
    return held_out != NULL ? wg_passages_losses(ctx, e, "held_out", held_out) : WAGLE_OK;
}

static wagle_status derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    const json_t *verbatim = json_object_get(row, "verbatim");
    double run_length, subsequence, tokens;

    if (strstr(set, "held_out") != NULL)
        return wg_passages_derive(ctx, row, set, f);
    WG_TRY(wg_row_number(ctx, row, "longest_run", &run_length));
    WG_TRY(wg_row_number(ctx, row, "common_subsequence", &subsequence));
    WG_TRY(wg_row_number(ctx, row, "tokens", &tokens));
    if (!(tokens >= 1))
        return wg_row_fail(ctx, row, "tokens", "is no number of tokens");
    if (!json_is_boolean(verbatim))
        return wg_row_fail(ctx, row, "verbatim", "is neither true nor false");
    WG_TRY(wg_frame_add(ctx, f, set, "longest_run", run_length));
    WG_TRY(wg_frame_add(ctx, f, set, "common_subsequence", subsequence / tokens));
    WG_TRY(wg_frame_add(ctx, f, set, "verbatim", json_is_true(verbatim)));
    WG_TRY(wg_row_column(ctx, row, set, "bleu", f));
    return wg_row_column(ctx, row, set, "rougeL_f1", f);
}

static wagle_status measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    WG_TRY(wg_measure_means(ctx, f, out));
    return wg_passages_measure(ctx, f, "held_out", out);
}

const wg_suite wg_suite_copyright = {
    .name = "copyright",
    .summary = "continuations of a text: BLEU, ROUGE-L, longest common runs, verbatim share",
    .set = {{"text", "text that should not be reproduced: a .txt file, or rows of text", false,
             WAGLE_USES_TEXTS | WAGLE_USES_WINDOWS, WG_OWN_LENGTH, false},
            {"held_out", "text whose perplexity should stay", false, 0, 0, false}},
    .run = run,
    .derive = derive,
    .measure = measure,
};
