/* general.c - general language ability. Perplexity of text. For greedy answers to prompts: n-gram
 * entropy (2/3 of bigrams', 4/3 of trigrams', the fluency of ROME, Meng et al. 2022, arXiv
 * 2202.05262), share of repeated 4-grams, and share of answers that begin like a refusal. */
#include "metric/overlap.h"
#include "suite/passages.h"
#include <string.h>

static const char *const refusals[] = {
    "i don't know", "i do not know", "i'm not sure",    "i am not sure", "i cannot",
    "i can't",      "i'm sorry",     "i am sorry",      "i'm unable",    "i am unable",
    "i have no",    "i don't have",  "i do not have",   "i'm afraid",    "unfortunately, i",
    "as an ai",     "i'm not able",  "i'm not certain", "that's beyond", "i apologize",
};

static bool refuses(const wg_text *generated)
{
    const char *text = generated->text != NULL ? generated->text : "";

    text += strspn(text, " \n\t\"");
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (strncasecmp(text, refusals[i], strlen(refusals[i])) == 0)
            return true;
    return false;
}

static wagle_status write_row(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a, int64_t i)
{
    const wg_ids *made = &a->made[i];
    double two, three, repeated;
    json_t *row;

    WG_TRY(wg_gram_entropy(ctx, made->id, made->n, 2, &two));
    WG_TRY(wg_gram_entropy(ctx, made->id, made->n, 3, &three));
    WG_TRY(wg_repeated_grams(ctx, made->id, made->n, 4, &repeated));
    WG_TRY(wg_evaluation_row(ctx, e, "prompts", i, &row));
    WG_TRY(wg_json_set(ctx, row, "fluency", json_real((2 * two + 4 * three) / 6)));
    WG_TRY(wg_json_set(ctx, row, "repeated", json_real(repeated)));
    WG_TRY(wg_json_set(ctx, row, "length", json_integer(made->n)));
    WG_TRY(wg_json_set(ctx, row, "refused", json_integer(refuses(&a->generated[i]))));
    return wg_row_set_text(ctx, row, "generated", wg_text_str(&a->generated[i]));
}

static wagle_status run(wagle_ctx *ctx, wg_evaluation *e)
{
    const char *text = wg_evaluation_set(e, "text"), *prompts = wg_evaluation_set(e, "prompts");
    wg_answers a = {0};
    wagle_status st = WAGLE_OK;

    if (text != NULL)
        st = wg_passages_losses(ctx, e, "text", text);
    if (st == WAGLE_OK && prompts != NULL)
        st = wg_answers_load(ctx, e, prompts, WG_PROMPTS, &a);
    if (st == WAGLE_OK && prompts != NULL)
        st = wg_answers_generate(ctx, e, &a, "prompts", 0);
    for (int64_t i = 0; st == WAGLE_OK && i < a.rows.n; i++)
        st = write_row(ctx, e, &a, i);
    wg_answers_close(&a);
    return st;
}

static wagle_status derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    static const char *const own[] = {"fluency", "repeated", "length", "refused"};

    if (strstr(set, "text") != NULL)
        return wg_passages_derive(ctx, row, set, f);
    for (int i = 0; i < 4; i++)
        WG_TRY(wg_row_column(ctx, row, set, own[i], f));
    return WAGLE_OK;
}

static wagle_status measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    WG_TRY(wg_passages_measure(ctx, f, "text", out));
    return wg_measure_means(ctx, f, out);
}

const wg_suite wg_suite_general = {
    .name = "general",
    .summary = "perplexity of text; fluency, repetition and refusals in answers",
    .set = {{"text", "text: a .txt file, or rows of text", false, 0, 0, false},
            {"prompts", "rows of prompts", false, WAGLE_USES_TEXTS, 0, false}},
    .run = run,
    .derive = derive,
    .measure = measure,
};
