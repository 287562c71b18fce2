#include "suite/quiz.h"

#include "text/pystring.h"
#include <string.h>

/* --- a set ------------------------------------------------------------------------------------ */

/* Checks that either all rows have TruthfulQA's mc2 list or none has. */
static wagle_status check_mc2(wagle_ctx *ctx, const wg_quiz *q, int64_t i)
{
    const bool has = q->question[i].mc2 != NULL;

    return has == (q->question[0].mc2 != NULL)
               ? WAGLE_OK
               : wg_answers_fail(ctx, &q->rows, i, "%s 'mc2_targets', the first row %s",
                                 has ? "has" : "has no", has ? "has none" : "has them");
}

wagle_status wg_quiz_open(wagle_ctx *ctx, const char *set, const char *path,
                          const wg_rows_select *select, const wg_benchmark *b, wg_quiz *out)
{
    wagle_status st;

    *out = (wg_quiz){.benchmark = b, .rows.path = path};
    snprintf(out->set, sizeof out->set, "%.*s", (int)strcspn(set, ":"), set);
    st = wg_rows_read(ctx, path, select, &out->rows.rows);
    if (st == WAGLE_OK && b == NULL)
        st = wg_benchmark_choose(ctx, set, &out->rows, 0, &out->benchmark);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &out->question, out->rows.rows.n);
    for (int64_t i = 0; st == WAGLE_OK && i < out->rows.rows.n; i++) {
        st = wg_question_read(ctx, out->benchmark, &out->rows, i, &out->question[i]);
        if (st == WAGLE_OK)
            st = check_mc2(ctx, out, i);
    }
    return st;
}

void wg_quiz_close(wg_quiz *q)
{
    for (int64_t i = 0; q->question != NULL && i < q->rows.rows.n; i++)
        wg_question_free(&q->question[i]);
    wg_free(q->question);
    wg_answers_close(&q->rows);
    *q = (wg_quiz){0};
}

/* --- prompts ---------------------------------------------------------------------------------- */

static wagle_status add_string(wagle_ctx *ctx, const json_t *text, wg_text *out)
{
    return wg_text_add(ctx, out, json_string_value(text), json_string_length(text));
}

static const json_t *choices_of(const wg_question *q, wg_way way)
{
    return way == WG_BY_MC2 ? q->mc2 : q->choices;
}

int64_t wg_quiz_choices(const wg_question *q, wg_way way)
{
    return (int64_t)json_array_size(choices_of(q, way));
}

static wagle_status add_letters(wagle_ctx *ctx, const wg_question *q, wg_text *out)
{
    for (int64_t k = 0; k < q->n; k++) {
        WG_TRY(wg_text_printf(ctx, out, "%c. ", (char)('A' + k)));
        WG_TRY(add_string(ctx, json_array_get(q->choices, (size_t)k), out));
        WG_TRY(wg_text_addz(ctx, out, "\n"));
    }
    return WAGLE_OK;
}

/* Fills in a header or prompt of the benchmark for choice k. */
static wagle_status fill(wagle_ctx *ctx, const char *form, const wg_question *q, wg_way way,
                         int64_t k, wg_text *out)
{
    while (*form != '\0') {
        const size_t plain = strcspn(form, "{");
        char name[32];
        WG_TRY(wg_text_add(ctx, out, form, plain));
        form += plain;
        if (*form == '\0')
            break;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(form + 1, "}"), form + 1);
        form += strlen(name) + 2;
        if (strcmp(name, "letters") == 0)
            WG_TRY(add_letters(ctx, q, out));
        else
            WG_TRY(add_string(ctx,
                              strcmp(name, "choice") == 0
                                  ? json_array_get(choices_of(q, way), (size_t)k)
                                  : json_object_get(q->texts, name),
                              out));
    }
    return WAGLE_OK;
}

/* The text that answers question q with choice k. */
static wagle_status answer(wagle_ctx *ctx, const wg_question *q, wg_way way, int64_t k,
                           wg_text *out)
{
    if (q->benchmark->rest != NULL)
        return add_string(ctx, json_object_get(q->texts, q->benchmark->rest), out);
    return way == WG_BY_LETTER
               ? wg_text_printf(ctx, out, "%c", (char)('A' + k))
               : add_string(ctx, json_array_get(choices_of(q, way), (size_t)k), out);
}

wagle_status wg_quiz_continuation(wagle_ctx *ctx, const wg_question *q,
                                  const wg_prompt_options *options, int64_t k, wg_text *out)
{
    if (options->chat == NULL)
        WG_TRY(wg_text_addz(ctx, out, " "));
    return answer(ctx, q, options->way, k, out);
}

/* --- turns ------------------------------------------------------------------------------------ */

/* A conversation: messages of a chat template, or one text. */
typedef struct turns {
    json_t *messages; /* NULL: plain */
    wg_text *text;
} turns;

/* Adds a turn and takes over its text. In plain text, `after` follows it. */
static wagle_status add_turn(wagle_ctx *ctx, turns *t, const char *role, wg_text *text,
                             const char *after)
{
    wagle_status st = WAGLE_OK;
    json_t *content;

    if (t->messages == NULL) {
        st = wg_text_add(ctx, t->text, text->text, (size_t)text->bytes);
        if (st == WAGLE_OK)
            st = wg_text_addz(ctx, t->text, after);
    } else {
        content = json_stringn(text->text, (size_t)text->bytes);
        if (content == NULL ||
            json_array_append_new(t->messages,
                                  json_pack("{s:s, s:o}", "role", role, "content", content)) != 0)
            st = wg_json_memory(ctx);
    }
    text->bytes = 0;
    return st;
}

/* Adds the system message: `system`, an empty line, and the benchmark's header. */
static wagle_status add_header(wagle_ctx *ctx, const wg_question *q,
                               const wg_prompt_options *options, wg_text *scratch, turns *t)
{
    const char *header = q->benchmark->template[options->way].header;
    const char *system = options->system;

    if (system != NULL)
        WG_TRY(wg_text_addz(ctx, scratch, system));
    if (header != NULL && scratch->bytes > 0 &&
        wg_py_rstrip(scratch->text, (size_t)scratch->bytes) == (size_t)scratch->bytes)
        WG_TRY(wg_text_addz(ctx, scratch, "\n\n"));
    if (header != NULL)
        WG_TRY(fill(ctx, header, q, options->way, 0, scratch));
    return scratch->bytes > 0 ? add_turn(ctx, t, "system", scratch, "") : WAGLE_OK;
}

static const char *subject_of(const wg_question *q)
{
    return q->benchmark->subjects ? json_string_value(json_object_get(q->row, "subject")) : NULL;
}

static wagle_status add_solved(wagle_ctx *ctx, const wg_question *s,
                               const wg_prompt_options *options, wg_text *scratch, turns *t)
{
    WG_TRY(fill(ctx, s->benchmark->template[options->way].prompt, s, options->way, s->answer,
                scratch));
    WG_TRY(add_turn(ctx, t, "user", scratch, " "));
    WG_TRY(answer(ctx, s, options->way, s->answer, scratch));
    return add_turn(ctx, t, "assistant", scratch, "\n\n");
}

/* Adds the first solved examples of q's subject, except q itself. */
static wagle_status add_shots(wagle_ctx *ctx, const wg_question *q,
                              const wg_prompt_options *options, wg_text *scratch, turns *t)
{
    const char *subject = subject_of(q);
    int64_t had = 0, seen = 0;

    for (int64_t i = 0; had < options->shots && i < options->dev->rows.rows.n; i++) {
        const wg_question *s = &options->dev->question[i];
        if (subject != NULL && strcmp(subject, subject_of(s)) != 0)
            continue;
        seen++;
        if (json_equal(s->row, q->row))
            continue;
        WG_TRY(add_solved(ctx, s, options, scratch, t));
        had++;
    }
    return had == options->shots
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT,
                         "%s: %lld solved examples of subject '%s', @{shots} %lld needs more%s",
                         options->dev->rows.path, (long long)seen,
                         subject != NULL ? subject : "any", (long long)options->shots,
                         seen > had ? " (the question itself is not taken)" : "");
}

wagle_status wg_quiz_context(wagle_ctx *ctx, const wg_quiz *quiz, const wg_prompt_options *options,
                             int64_t i, int64_t k, wg_text *out)
{
    const wg_question *q = &quiz->question[i];
    turns t = {.messages = options->chat != NULL ? json_array() : NULL, .text = out};
    wg_text scratch = {0};
    wagle_status st = options->chat != NULL && t.messages == NULL ? wg_json_memory(ctx) : WAGLE_OK;

    if (st == WAGLE_OK)
        st = add_header(ctx, q, options, &scratch, &t);
    if (st == WAGLE_OK)
        st = add_shots(ctx, q, options, &scratch, &t);
    if (st == WAGLE_OK)
        st = fill(ctx, q->benchmark->template[options->way].prompt, q, options->way, k, &scratch);
    if (st == WAGLE_OK)
        st = add_turn(ctx, &t, "user", &scratch, "");
    if (st == WAGLE_OK && options->chat != NULL)
        st = wg_chat_render(ctx, options->chat, t.messages, true, out);
    json_decref(t.messages);
    wg_text_free(&scratch);
    return st;
}
