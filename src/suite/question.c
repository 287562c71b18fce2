#include "suite/question.h"

#include <stdlib.h>
#include <string.h>

/* Where a benchmark keeps what; "a.b" is key b within object a. */
static const struct shape {
    const char *question, *choices, *labels, *answer;
} shapes[] = {
    {"question", "mc1_targets.choices", NULL, "mc1_targets.labels"},
    {"question", "choices.text", "choices.label", "answerKey"},
    {"question", "choices", NULL, "answer"},
    {"ctx", "endings", NULL, "label"},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static const json_t *get(const json_t *row, const char *path)
{
    const char *dot = strchr(path, '.');
    char first[32];

    if (dot == NULL)
        return json_object_get(row, path);
    memcpy(first, path, (size_t)(dot - path));
    first[dot - path] = '\0';
    return json_object_get(json_object_get(row, first), dot + 1);
}

static const struct shape *shape_of(const json_t *row)
{
    for (int i = 0; i < SHAPES; i++)
        if (json_is_string(get(row, shapes[i].question)) &&
            json_is_array(get(row, shapes[i].choices)))
            return &shapes[i];
    return NULL;
}

/* The right one's place: a number, a number or letter as text, a label, or 1 in a list of 0. */
static int64_t find_answer(const json_t *row, const struct shape *s, int64_t n)
{
    const json_t *answer = get(row, s->answer);
    const json_t *labels = s->labels != NULL ? get(row, s->labels) : NULL;
    const char *text = json_string_value(answer);
    char *end;

    if (json_is_integer(answer))
        return (int64_t)json_integer_value(answer);
    for (int64_t i = 0; json_is_array(answer) && i < n; i++)
        if (json_integer_value(json_array_get(answer, (size_t)i)) == 1)
            return i;
    if (text == NULL || *text == '\0')
        return -1;
    for (int64_t i = 0; i < n; i++) {
        const char *label = json_string_value(json_array_get(labels, (size_t)i));
        if (label != NULL && strcmp(label, text) == 0)
            return i;
    }
    if (text[1] == '\0' && text[0] >= 'A' && text[0] <= 'Z')
        return text[0] - 'A';
    const int64_t place = strtoll(text, &end, 10);
    return *end == '\0' ? place : -1;
}

wagle_status wg_question_read(wagle_ctx *ctx, const wg_answers *a, int64_t i, wg_question *out)
{
    const json_t *row = a->rows.row[i];
    const struct shape *s = shape_of(row);
    const char *subject = json_string_value(json_object_get(row, "subject"));

    if (s == NULL)
        return wg_answers_fail(ctx, a, i,
                               "no question with choices (question, choices, answer; or "
                               "as ARC, HellaSwag or TruthfulQA store them)");
    *out = (wg_question){.text = json_string_value(get(row, s->question)),
                         .subject = subject,
                         .n = (int64_t)json_array_size(get(row, s->choices))};
    if (out->n < 2 || out->n > WG_CHOICES_MOST)
        return wg_answers_fail(ctx, a, i, "%s has %lld choices; 2 to %d are wanted", s->choices,
                               (long long)out->n, WG_CHOICES_MOST);
    for (int64_t k = 0; k < out->n; k++) {
        out->choice[k] = json_string_value(json_array_get(get(row, s->choices), (size_t)k));
        if (out->choice[k] == NULL || out->choice[k][0] == '\0')
            return wg_answers_fail(ctx, a, i, "choice %lld is no text", (long long)k);
    }
    out->answer = find_answer(row, s, out->n);
    if (out->answer < 0 || out->answer >= out->n)
        return wg_answers_fail(ctx, a, i, "'%s' is none of the %lld choices (from 0)", s->answer,
                               (long long)out->n);
    return WAGLE_OK;
}
