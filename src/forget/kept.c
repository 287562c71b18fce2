/* kept.c - tests whether the model kept its other abilities.
 *
 * The original model samples texts, with another seed than those that were protected, and continues
 * the first half of each greedily. A model that has lost nothing gives these continuations the same
 * probability. */
#include "forget/forget.h"
#include "protect/self_rows.h"
#include "session/generate.h"

#include <string.h>

enum { TEXTS = 64, TOKENS = 32, MIN_TOKENS = 8, OTHER_SEED = 1000003 };
static const double MIN_RATIO = 0.9;

/* Both models answer these; the certificate shows the answers. */
static const char *const questions[] = {
    "What is the capital of France?",
    "Why is the sky blue?",
    "How do I boil an egg?",
    "What is 7 times 8?",
    "Write one sentence about the sea.",
    "Who wrote Romeo and Juliet?",
};
enum { QUESTIONS = sizeof questions / sizeof *questions };

/* --- continuations by the original ------------------------------------------------------------ */

static wagle_status continue_texts(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                   wg_text *out)
{
    const wg_sampling options = {.max_tokens = TOKENS, .top_p = 1, .stage = "other texts"};
    wg_ids *begin = NULL, *end = NULL;
    wagle_status st = WG_ALLOC(ctx, &begin, rows->n);

    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &end, rows->n);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++)
        begin[i] = (wg_ids){.id = rows->example[i].ids, .n = (rows->example[i].n + 1) / 2};
    if (st == WAGLE_OK)
        st = wg_generate(ctx, s, begin, rows->n, &options, end);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++)
        st = end[i].n >= MIN_TOKENS ? wg_forget_add_written(ctx, s, &begin[i], &end[i], out)
                                    : WAGLE_OK;
    wg_free(begin);
    wg_free_lists(end, rows->n);
    return st;
}

static wagle_status write_texts(wg_forget *f, const char *to)
{
    const wagle_data data = wg_forget_data(f, wg_forget_path(f, "rows/forget.jsonl"), f->layout);
    const wg_self_options options = {TEXTS, WG_SELF_TOKENS, f->o->seed + OTHER_SEED};
    wg_session s;
    wg_dataset forget = {0}, rows = {0};
    wg_text text = {0};
    wagle_status st;

    if (data.path == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(wg_session_open(f->ctx, f->original, &s));
    st = wg_dataset_load(f->ctx, &s.reader, &data, &forget);
    if (st == WAGLE_OK)
        st = wg_self_rows(f->ctx, &s, &data, &forget, &options, &rows, NULL);
    if (st == WAGLE_OK)
        st = continue_texts(f->ctx, &s, &rows, &text);
    if (st == WAGLE_OK && text.bytes > 0)
        st = wg_write_file(f->ctx, to, text.text, (size_t)text.bytes, true);
    wg_text_free(&text);
    wg_dataset_free(&rows);
    wg_dataset_free(&forget);
    wg_session_close(&s);
    return st;
}

/* --- probabilities ---------------------------------------------------------------------------- */

static wagle_status add_kept(wg_forget *f, const char *name, const char *words,
                             const wagle_data *rows, const char *model)
{
    wg_level before, after;

    WG_TRY(wg_forget_level(f, f->original, rows, &before));
    WG_TRY(wg_forget_level(f, model, rows, &after));
    return wg_forget_add_test(f, &(wg_finding){"kept", name, words, NULL, before.mean, after.mean,
                                               MIN_RATIO * before.mean, after.n});
}

static wagle_status add_other(wg_forget *f, const char *model)
{
    const wagle_data rows = {.path = wg_forget_path(f, "rows/other.jsonl")};

    if (rows.path == NULL)
        return WAGLE_E_RESOURCE;
    if (!wg_exists(rows.path))
        WG_TRY(write_texts(f, rows.path));
    if (!wg_exists(rows.path))
        return wg_forget_add_test(f,
                                  &(wg_finding){"kept", "other", "What else the model says",
                                                "the model writes no text of its own", 0, 0, 0, 0});
    return add_kept(f, "other", "What else the model says", &rows, model);
}

/* --- answers for the reader
 * ------------------------------------------------------------------------
 */

static wagle_status answer(wg_forget *f, const char *model, wagle_generation out[QUESTIONS])
{
    wagle_generate_options o;

    wagle_generate_defaults(&o);
    o.model = model;
    o.prompts = questions;
    o.n = QUESTIONS;
    o.max_tokens = 40;
    o.temperature = 0;
    return wagle_generate(f->ctx, &o, out);
}

static wagle_status add_answers(wg_forget *f, const char *model)
{
    wagle_generation before[QUESTIONS] = {{0}}, after[QUESTIONS] = {{0}};

    WG_TRY(answer(f, f->original, before));
    wagle_status st = answer(f, model, after);
    for (int i = 0; i < QUESTIONS; i++) {
        json_t *one = st == WAGLE_OK ? json_pack("{s:s, s:o, s:o}", "question", questions[i],
                                                 "before", wg_json_bytes(before[i].text), "after",
                                                 wg_json_bytes(after[i].text))
                                     : NULL;
        if (st == WAGLE_OK && (one == NULL || json_array_append_new(f->answers, one) != 0))
            st = wg_json_memory(f->ctx);
        wagle_string_free(before[i].text);
        wagle_string_free(after[i].text);
    }
    return st;
}

wagle_status wg_forget_test_kept(wg_forget *f, const char *model)
{
    if (f->o->retain != NULL) {
        wagle_data rows = wg_forget_data(f, f->o->retain, f->layout);
        rows.facts_field = f->o->rows.facts_field;
        WG_TRY(add_kept(f, "retain", "The rows that were to be kept", &rows, model));
    }
    WG_TRY(add_other(f, model));
    return add_answers(f, model);
}
