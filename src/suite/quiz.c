#include "suite/quiz.h"

#include <string.h>

/* --- a set -------------------------------------------------------------------------------------
 */

/* Either no row has TruthfulQA's second list, or all have it. */
static wagle_status check_mc2(wagle_ctx *ctx, const wg_quiz *q, int64_t i)
{
    const bool has = q->question[i].mc2 != NULL;

    return has == (q->question[0].mc2 != NULL)
               ? WAGLE_OK
               : wg_answers_fail(ctx, &q->rows, i, "%s 'mc2_targets', the first row %s",
                                 has ? "has" : "has no", has ? "has none" : "has them");
}

wagle_status wg_quiz_open(wagle_ctx *ctx, const char *set, const char *path, int64_t limit,
                          const wg_benchmark *b, wg_quiz *out)
{
    wagle_status st;

    *out = (wg_quiz){.benchmark = b, .rows.path = path};
    snprintf(out->set, sizeof out->set, "%.*s", (int)strcspn(set, ":"), set);
    st = wg_rows_read(ctx, path, limit, &out->rows.rows);
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

/* --- prompts -----------------------------------------------------------------------------------
 */

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

/* A header or prompt of the benchmark, filled in for choice k. */
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

/* What answers question q with choice k. */
static wagle_status answer(wagle_ctx *ctx, const wg_question *q, wg_way way, int64_t k,
                           wg_text *out)
{
    if (q->benchmark->rest != NULL)
        return add_string(ctx, json_object_get(q->texts, q->benchmark->rest), out);
    return way == WG_BY_LETTER
               ? wg_text_printf(ctx, out, "%c", (char)('A' + k))
               : add_string(ctx, json_array_get(choices_of(q, way), (size_t)k), out);
}

wagle_status wg_quiz_continuation(wagle_ctx *ctx, const wg_question *q, wg_way way, int64_t k,
                                  wg_text *out)
{
    WG_TRY(wg_text_addz(ctx, out, " "));
    return answer(ctx, q, way, k, out);
}

static const char *subject_of(const wg_question *q)
{
    return q->benchmark->subjects ? json_string_value(json_object_get(q->row, "subject")) : NULL;
}

/* The first e->o->shots solved examples of dev of q's subject, q itself passed over. */
static wagle_status add_shots(wagle_ctx *ctx, const wg_evaluation *e, const wg_quiz *dev,
                              const wg_question *q, wg_way way, wg_text *out)
{
    const char *subject = subject_of(q);
    int64_t had = 0, seen = 0;

    for (int64_t i = 0; i < dev->rows.rows.n && had < e->o->shots; i++) {
        const wg_question *s = &dev->question[i];
        if (subject != NULL && strcmp(subject, subject_of(s)) != 0)
            continue;
        seen++;
        if (json_equal(s->row, q->row))
            continue;
        WG_TRY(fill(ctx, s->benchmark->ask[way].prompt, s, way, s->answer, out));
        WG_TRY(wg_quiz_continuation(ctx, s, way, s->answer, out));
        WG_TRY(wg_text_addz(ctx, out, "\n\n"));
        had++;
    }
    return had == e->o->shots
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT,
                         "%s: %lld solved examples of subject '%s', --shots %lld wants more%s",
                         dev->rows.path, (long long)seen, subject != NULL ? subject : "any",
                         (long long)e->o->shots,
                         seen > had ? " (the question itself is not taken)" : "");
}

wagle_status wg_quiz_context(wagle_ctx *ctx, wg_evaluation *e, const wg_quiz *quiz,
                             const wg_quiz *dev, wg_way way, int64_t i, int64_t k, wg_text *out)
{
    const wg_question *q = &quiz->question[i];

    if (q->benchmark->ask[way].header != NULL)
        WG_TRY(fill(ctx, q->benchmark->ask[way].header, q, way, k, out));
    if (e->o->shots > 0)
        WG_TRY(add_shots(ctx, e, dev, q, way, out));
    return fill(ctx, q->benchmark->ask[way].prompt, q, way, k, out);
}
