/* answers.c - rows of a file, several answers to each, their losses and a continuation. */
#include "suite/suite.h"

#include "base/number.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

wagle_status wg_answers_open(wagle_ctx *ctx, wg_evaluation *e, const char *path, wg_answers *out)
{
    *out = (wg_answers){.path = path};
    if (e->o->data.chat != NULL)
        WG_TRY(wg_chat_open(ctx, e->session->reader.folder,
                            &(wg_chat_options){.name = e->o->data.chat}, &out->chat));
    WG_TRY(wg_rows_read(ctx, path, e->o->data.limit, &out->rows));
    return WG_ALLOC(ctx, &out->first, out->rows.n + 1);
}

void wg_answers_close(wg_answers *a)
{
    for (int64_t i = 0; i < a->rows.n; i++) {
        wg_free(a->made != NULL ? a->made[i].id : NULL);
        wg_free(a->generated != NULL ? a->generated[i] : NULL);
    }
    wg_free(a->made);
    wg_free(a->generated);
    wg_free_scores(a->score, a->set.n);
    wg_free(a->first);
    wg_chat_free(a->chat);
    wg_dataset_free(&a->set);
    wg_rows_free(&a->rows);
    *a = (wg_answers){0};
}

wagle_status wg_answers_fail(wagle_ctx *ctx, const wg_answers *a, int64_t i, const char *format,
                             ...)
{
    char what[400];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return wg_fail(ctx, WAGLE_E_INPUT, "%s:%lld: %s", a->path, (long long)a->rows.line[i], what);
}

wagle_status wg_answers_text(wagle_ctx *ctx, const wg_answers *a, int64_t i, const char *key,
                             const char **out)
{
    wg_text found = {0};
    const char *other;
    json_t *value;
    wagle_status st = wg_text_addz(ctx, &found, "");

    *out = json_string_value(json_object_get(a->rows.row[i], key));
    json_object_foreach (a->rows.row[i], other, value) {
        if (st == WAGLE_OK && *out == NULL)
            st = wg_text_printf(ctx, &found, "%s%.40s", found.bytes > 0 ? ", " : "", other);
    }
    if (st == WAGLE_OK && *out == NULL)
        st = wg_answers_fail(ctx, a, i, "no text '%s' (found: %.200s)", key, found.text);
    wg_text_free(&found);
    return st;
}

wagle_status wg_answers_prompt(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a, int64_t i,
                               wg_text *out)
{
    const wagle_data data = wg_evaluation_data(e, a->path);

    return wg_row_prompt(ctx, &data, a->chat, a->rows.line[i], a->rows.row[i], out);
}

wagle_status wg_answers_add(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, int64_t i,
                            const char *prompt, const char *answer)
{
    const wagle_data data = wg_evaluation_data(e, a->path);

    return wg_dataset_add(ctx, &e->session->reader, &data, a->rows.line[i], prompt, answer, &a->set,
                          &a->room);
}

void wg_answers_end_row(wg_answers *a, int64_t i)
{
    a->first[i + 1] = a->set.n;
}

wagle_status wg_answers_score(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, bool hits,
                              bool spread, const char *progress)
{
    const wg_scoring how = {.hits = hits, .spread = spread, .progress = progress};

    WG_TRY(WG_ALLOC(ctx, &a->score, a->set.n));
    return wg_rows_score(ctx, e->session, &a->set, &how, a->score);
}

double wg_answers_mean(const wg_answers *a, int64_t k)
{
    return wg_sum(a->score[k].nll, a->score[k].n) / (double)a->score[k].n;
}

wagle_status wg_answers_generate(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a,
                                 double temperature)
{
    const wg_sampling how = {
        .temperature = temperature, .top_p = 1, .max_tokens = e->o->max_tokens, .seed = e->o->seed};
    const int64_t n = a->rows.n;
    wg_ids *prompt;
    wagle_status st;

    if (how.max_tokens < 1)
        return wg_fail(ctx, WAGLE_E_USAGE, "suite %s generates text: --max-tokens of 1 or more",
                       e->suite->name);
    WG_TRY(wg_reader_tokenizer(ctx, &e->session->reader));
    WG_TRY(WG_ALLOC(ctx, &a->made, n));
    WG_TRY(WG_ALLOC(ctx, &a->generated, n));
    WG_TRY(WG_ALLOC(ctx, &prompt, n));
    for (int64_t i = 0; i < n; i++) {
        const wg_example *first = &a->set.example[a->first[i]];
        prompt[i] = (wg_ids){.id = first->ids, .n = wg_example_given(first)};
    }
    st = wg_generate(ctx, e->session, prompt, n, &how, a->made);
    wg_free(prompt);
    WG_TRY(st);
    for (int64_t i = 0; i < n; i++) {
        wg_text text = {0};
        WG_TRY(wg_generated_text(ctx, e->session, &a->made[i], &text));
        a->generated[i] = wg_text_take(ctx, &text);
        if (a->generated[i] == NULL)
            return WAGLE_E_RESOURCE;
    }
    return WAGLE_OK;
}

/* The row's answer, by any of its usual names; NULL: none. */
static const char *answer_of(const wg_evaluation *e, const json_t *row)
{
    static const char *const keys[] = {"answer", "completion", "gt"};
    const char *answer = NULL;

    if (e->o->data.answer_field != NULL)
        return json_string_value(json_object_get(row, e->o->data.answer_field));
    for (int k = 0; k < 3 && answer == NULL; k++)
        answer = json_string_value(json_object_get(row, keys[k]));
    return answer;
}

wagle_status wg_answers_load(wagle_ctx *ctx, wg_evaluation *e, const char *path, bool answered,
                             wg_answers *out)
{
    wagle_status st = wg_answers_open(ctx, e, path, out);

    for (int64_t i = 0; st == WAGLE_OK && i < out->rows.n; i++) {
        const char *answer = answer_of(e, out->rows.row[i]);
        wg_text prompt = {0};
        if (answer == NULL && answered)
            st = wg_answers_text(
                ctx, out, i, e->o->data.answer_field != NULL ? e->o->data.answer_field : "answer",
                &answer);
        if (st == WAGLE_OK)
            st = wg_answers_prompt(ctx, e, out, i, &prompt);
        if (st == WAGLE_OK) /* what has no answer gets one: it only ends the prompt */
            st = wg_answers_add(ctx, e, out, i, prompt.text, answer != NULL ? answer : " .");
        wg_answers_end_row(out, i);
        wg_text_free(&prompt);
    }
    return st;
}
