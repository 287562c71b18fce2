/* answers.c - rows of a file with several answers each: losses of the answers, generated text. */
#include "suite/suite.h"

#include "base/number.h"
#include "metric/rouge.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

wagle_status wg_answers_open(wagle_ctx *ctx, wg_evaluation *e, const char *path, wg_answers *out)
{
    *out = (wg_answers){.path = path, .data = wg_evaluation_data(e, path)};
    const wg_rows_select select = wg_data_select(&e->o->data, false);
    WG_TRY(wg_rows_read(ctx, path, &select, &out->rows));
    WG_TRY(WG_ALLOC(ctx, &out->question, out->rows.n));
    return WG_ALLOC(ctx, &out->first, out->rows.n + 1);
}

void wg_answers_close(wg_answers *a)
{
    for (int64_t i = 0; i < a->rows.n; i++) {
        wg_free(a->made != NULL ? a->made[i].id : NULL);
        if (a->generated != NULL)
            wg_text_free(&a->generated[i]);
    }
    wg_free_lists(a->given, a->rows.n);
    wg_free(a->made);
    wg_free(a->generated);
    wg_free_scores(a->score, a->set.n);
    wg_free(a->first);
    wg_free(a->question);
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

wg_record wg_answers_record(const wg_answers *a, int64_t i)
{
    return (wg_record){a->rows.row[i], a->path, a->rows.line[i]};
}

wagle_status wg_answers_keep_question(wagle_ctx *ctx, wg_answers *a, int64_t i, wg_str question)
{
    a->question[i].bytes = question.bytes;
    a->question[i].text = wg_arena_text(ctx, &a->set.arena,
                                        question.text != NULL ? question.text : "", question.bytes);
    return a->question[i].text != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

wagle_status wg_answers_ask(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a, int64_t i,
                            const wg_preamble *before, bool answered, wg_asked *out)
{
    const wg_record record = wg_answers_record(a, i);

    return wg_row_ask(ctx, &e->session->reader, &a->data, &record, before, answered, out);
}

wagle_status wg_answers_add_to(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, int64_t i,
                               const wg_asked *asked, wg_str answer)
{
    const wg_record record = wg_answers_record(a, i);

    return wg_dataset_add(ctx, &e->session->reader, &a->data, &record, asked, answer, &a->set,
                          &a->room);
}

void wg_answers_end_row(wg_answers *a, int64_t i)
{
    a->first[i + 1] = a->set.n;
}

/* Logs the layout once rows are read, before the model starts on them. */
static wagle_status log_layout(wagle_ctx *ctx, wg_evaluation *e)
{
    wg_reader *reader = &e->session->reader;

    return reader->laid_out > 0 ? wg_layout_say(ctx, &reader->layout) : WAGLE_OK;
}

wagle_status wg_answers_score(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, bool hits,
                              bool spread, const char *progress)
{
    const wg_scoring how = {.hits = hits, .spread = spread, .progress = progress};

    WG_TRY(log_layout(ctx, e));
    WG_TRY(WG_ALLOC(ctx, &a->score, a->set.n));
    return wg_rows_score(ctx, e->session, &a->set, &how, a->score);
}

double wg_answers_mean(const wg_answers *a, int64_t k)
{
    return wg_token_mean(a->score[k].nll, a->score[k].n);
}

wagle_status wg_answers_sample(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a, int64_t each,
                               const wg_sampling *how, wg_ids *made, wg_text *text)
{
    const int64_t rows = a->rows.n, n = each * rows;
    wg_ids *prompt;
    wagle_status st;

    if (how->max_tokens < 1)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "suite %s generates text, so @{max_tokens} must be 1 or more",
                       e->suite->name);
    WG_TRY(log_layout(ctx, e));
    WG_TRY(wg_reader_tokenizer(ctx, &e->session->reader));
    WG_TRY(WG_ALLOC(ctx, &prompt, n));
    for (int64_t k = 0; k < n; k++) {
        const wg_example *first = &a->set.example[a->first[k % rows]];
        prompt[k] = wg_example_prompt(first);
        if (a->given != NULL && a->given[k % rows].n > 0)
            prompt[k] = a->given[k % rows];
    }
    st = wg_generate(ctx, e->session, prompt, n, how, made);
    wg_free(prompt);
    for (int64_t k = 0; st == WAGLE_OK && k < n; k++) {
        st = wg_stop_text(ctx, e->session, how->stop, &made[k], &text[k], NULL);
        if (st == WAGLE_OK)
            st = wg_stop_keep(ctx, e->session, how->stop, &made[k]);
    }
    return st;
}

wg_sampling wg_answers_sampling(const wg_evaluation *e, const wg_answers *a, const char *set,
                                double temperature)
{
    return (wg_sampling){.temperature = temperature,
                         .top_p = e->o->top_p,
                         .max_tokens = wg_evaluation_tokens(e, set),
                         .stop = e->o->stop != NULL ? e->o->stop : a->ends,
                         .seed = e->o->seed};
}

wagle_status wg_answers_generate(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, const char *set,
                                 double temperature)
{
    const wg_sampling how = wg_answers_sampling(e, a, set, temperature);

    WG_TRY(WG_ALLOC(ctx, &a->made, a->rows.n));
    WG_TRY(WG_ALLOC(ctx, &a->generated, a->rows.n));
    return wg_answers_sample(ctx, e, a, 1, &how, a->made, a->generated);
}

wagle_status wg_answers_rouge(wagle_ctx *ctx, const wg_answers *a, int64_t i, bool stem,
                              double out[3][3])
{
    const wg_example *first = &a->set.example[a->first[i]];

    return wg_rouge(ctx, first->answer, first->n_answers, wg_text_str(&a->generated[i]), stem, out);
}

static wagle_status load_row(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, bool answered,
                             int64_t i)
{
    wg_asked asked;
    wagle_status st;

    WG_TRY(wg_answers_ask(ctx, e, a, i, NULL, answered, &asked));
    /* a row without an answer gets a dummy, which only marks the end of the prompt */
    st = wg_answers_add_to(ctx, e, a, i, &asked,
                           asked.n_answers > 0 ? asked.answer[0] : wg_strz(" ."));
    wg_answers_end_row(a, i);
    wg_asked_free(&asked);
    return st;
}

wagle_status wg_answers_load(wagle_ctx *ctx, wg_evaluation *e, const char *path, wg_load how,
                             wg_answers *out)
{
    wagle_status st = wg_answers_open(ctx, e, path, out);

    if ((how == WG_CONTINUED || how == WG_STARTS) && out->data.prompt == NULL) {
        out->data.prompt = "{prompt}";
        out->data.chat = "none";
        out->data.system = out->data.date = NULL;
        out->data.chat_kwargs = NULL;
        out->data.all_turns = false;
    }
    for (int64_t i = 0; st == WAGLE_OK && i < out->rows.n; i++)
        st = load_row(ctx, e, out, how == WG_ANSWERED || how == WG_CONTINUED, i);
    return st;
}
