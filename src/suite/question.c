#include "suite/question.h"

#include "text/pystring.h"
#include <stdlib.h>
#include <string.h>

/* --- columns ---------------------------------------------------------------------------------- */

/* Reads a required column. */
static wagle_status column(wagle_ctx *ctx, const wg_answers *a, int64_t i, const char *path,
                           const json_t **out)
{
    char what[80];

    *out = wg_column_of(a->rows.row[i], path);
    snprintf(what, sizeof what, "no '%s'", path);
    return *out != NULL ? WAGLE_OK : wg_columns_fail(ctx, a, i, what);
}

wagle_status wg_question_text(wagle_ctx *ctx, const wg_answers *a, int64_t i, const char *name,
                              const json_t **out)
{
    WG_TRY(column(ctx, a, i, name, out));
    if (!json_is_string(*out))
        return wg_answers_fail(ctx, a, i, "'%s' is %s, a text is expected", name,
                               wg_json_kind(*out));
    return json_string_length(*out) > 0 ? WAGLE_OK
                                        : wg_answers_fail(ctx, a, i, "'%s' is an empty text", name);
}

wagle_status wg_question_set(wagle_ctx *ctx, wg_question *q, const char *name, const char *text,
                             size_t bytes)
{
    return wg_json_set(ctx, q->texts, name, json_stringn(text, bytes));
}

static wagle_status list(wagle_ctx *ctx, const wg_answers *a, int64_t i, const char *path,
                         const json_t **out)
{
    WG_TRY(column(ctx, a, i, path, out));
    return json_is_array(*out) ? WAGLE_OK
                               : wg_answers_fail(ctx, a, i, "'%s' is %s, a list is expected", path,
                                                 wg_json_kind(*out));
}

/* Reads the texts that a prompt names and `prepare` has not set. */
static wagle_status read_texts(wagle_ctx *ctx, const wg_answers *a, int64_t i, wg_question *q,
                               const char *prompt)
{
    for (const char *c = prompt; c != NULL && (c = strchr(c, '{')) != NULL; c++) {
        const size_t n = strcspn(c + 1, "}");
        char name[32];
        const json_t *text;
        snprintf(name, sizeof name, "%.*s", (int)n, c + 1);
        if (strcmp(name, "letters") == 0 || strcmp(name, "choice") == 0 ||
            json_object_get(q->texts, name) != NULL)
            continue;
        WG_TRY(wg_question_text(ctx, a, i, name, &text));
        WG_TRY(wg_question_set(ctx, q, name, json_string_value(text), json_string_length(text)));
    }
    return WAGLE_OK;
}

/* --- choices ---------------------------------------------------------------------------------- */

static wagle_status add_choice(wagle_ctx *ctx, json_t *choices, const char *text, size_t bytes)
{
    return json_array_append_new(choices, json_stringn(text, bytes)) == 0 ? WAGLE_OK
                                                                          : wg_json_memory(ctx);
}

/* Reads the texts of a list column. */
static wagle_status read_list(wagle_ctx *ctx, const wg_answers *a, int64_t i, const char *path,
                              int64_t max, json_t *out)
{
    const json_t *from, *one;
    size_t k;

    WG_TRY(list(ctx, a, i, path, &from));
    if (json_array_size(from) < 2 || (int64_t)json_array_size(from) > max)
        return wg_answers_fail(ctx, a, i, "%s has %lld choices; 2 to %lld are expected", path,
                               (long long)json_array_size(from), (long long)max);
    json_array_foreach (from, k, one) {
        if (!json_is_string(one) || json_string_length(one) == 0)
            return wg_answers_fail(ctx, a, i, "choice %lld is no text but %s", (long long)k,
                                   json_is_string(one) ? "empty" : wg_json_kind(one));
        WG_TRY(add_choice(ctx, out, json_string_value(one), json_string_length(one)));
    }
    return WAGLE_OK;
}

static wagle_status read_choices(wagle_ctx *ctx, const wg_answers *a, int64_t i, wg_question *q)
{
    const wg_benchmark *b = q->benchmark;
    const bool letters = b->template[WG_BY_LETTER].prompt != NULL;
    const json_t *text;

    if (b->choices != NULL)
        return read_list(ctx, a, i, b->choices, letters ? WG_LETTERS : WG_CHOICES_MOST, q->choices);
    for (int k = 0; k < 2; k++) {
        if (b->fixed[k] != NULL) {
            WG_TRY(add_choice(ctx, q->choices, b->fixed[k], strlen(b->fixed[k])));
            continue;
        }
        WG_TRY(wg_question_text(ctx, a, i, b->option[k], &text));
        WG_TRY(add_choice(ctx, q->choices, json_string_value(text), json_string_length(text)));
    }
    return WAGLE_OK;
}

/* --- answers ---------------------------------------------------------------------------------- */

enum { NONE = -1, AMBIGUOUS = -2 }; /* no choice; ambiguous */

/* Index of a text in a list, or NONE. */
static int64_t index_of(const json_t *texts, const char *text, size_t bytes)
{
    for (size_t k = 0; k < json_array_size(texts); k++) {
        const json_t *one = json_array_get(texts, k);
        if (json_is_string(one) && json_string_length(one) == bytes &&
            memcmp(json_string_value(one), text, bytes) == 0)
            return (int64_t)k;
    }
    return NONE;
}

static int64_t merge(int64_t a, int64_t b)
{
    return a == NONE || a == b ? b : b == NONE ? a : AMBIGUOUS;
}

/* The right choice, given as text: one of the benchmark's names of choices, or a number. If choices
 * have letters or are fixed, it may also be a letter or a choice. */
static int64_t parse_text(const wg_question *q, const char *text, size_t bytes)
{
    const wg_benchmark *b = q->benchmark;
    const bool letters = b->template[WG_BY_LETTER].prompt != NULL;
    int64_t found = letters || b->fixed[0] != NULL ? index_of(q->choices, text, bytes) : NONE;
    char *end;

    for (int k = 0; k < 2; k++)
        for (int j = 0; j < 2; j++)
            if (b->names[k][j] != NULL && strlen(b->names[k][j]) == bytes &&
                memcmp(b->names[k][j], text, bytes) == 0)
                return k;
    if (bytes == 1 && letters && text[0] >= 'A' && text[0] < 'A' + q->n)
        found = merge(found, text[0] - 'A');
    if (bytes > 0 && bytes < 4 && strspn(text, "0123456789") == bytes) {
        const int64_t k = strtoll(text, &end, 10) - b->first;
        found = merge(found, k >= 0 && k < q->n ? k : NONE);
    }
    return found;
}

/* The right choice, given as one value. labels: labels of the choices, or NULL. */
static int64_t parse_value(const wg_question *q, const json_t *answer, const json_t *labels)
{
    const char *text = json_string_value(answer);
    size_t bytes = json_string_length(answer);
    char number[32];

    if (json_is_boolean(answer)) { /* BoolQ */
        const char *word = json_is_true(answer) ? "true" : "false";
        return q->benchmark->names[1][0] != NULL && strcmp(q->benchmark->names[1][0], "true") == 0
                   ? parse_text(q, word, strlen(word))
                   : NONE;
    }
    if (json_is_integer(answer) && labels == NULL) {
        const json_int_t k = json_integer_value(answer);
        return k >= q->benchmark->first && k < q->benchmark->first + q->n ? k - q->benchmark->first
                                                                          : NONE;
    }
    if (json_is_integer(answer)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(answer));
        return index_of(labels, number, strlen(number));
    }
    if (text == NULL)
        return NONE;
    text = wg_py_strip(text, &bytes);
    return labels != NULL ? index_of(labels, text, bytes) : parse_text(q, text, bytes);
}

/* Reads a list of n marks, 1 for right and 0 for wrong. *right is the index of the first 1, *count
 * the number of ones. */
static wagle_status read_marks(wagle_ctx *ctx, const wg_answers *a, int64_t i, const char *path,
                               int64_t n, int64_t *right, int64_t *count)
{
    const json_t *marks;

    WG_TRY(list(ctx, a, i, path, &marks));
    if ((int64_t)json_array_size(marks) != n)
        return wg_answers_fail(ctx, a, i, "%s has %lld labels for %lld choices", path,
                               (long long)json_array_size(marks), (long long)n);
    *count = 0;
    for (int64_t k = n - 1; k >= 0; k--) {
        const json_t *mark = json_array_get(marks, (size_t)k);
        if (!json_is_integer(mark) || json_integer_value(mark) < 0 || json_integer_value(mark) > 1)
            return wg_answers_fail(ctx, a, i, "%s: label %lld is neither 0 nor 1", path,
                                   (long long)k);
        *count += json_integer_value(mark);
        *right = json_integer_value(mark) == 1 ? k : *right;
    }
    return WAGLE_OK;
}

/* Fails because the answer is no choice or is ambiguous; the message shows what was found. */
static wagle_status bad_answer(wagle_ctx *ctx, const wg_answers *a, int64_t i, const wg_question *q,
                               const char *name, const json_t *answer)
{
    char *found = NULL;
    wagle_status st;

    WG_TRY(wg_json_text(ctx, answer, false, &found));
    if (q->answer == AMBIGUOUS)
        st = wg_answers_fail(ctx, a, i,
                             "'%s' %.60s is the text of one choice and the place of another", name,
                             found);
    else
        st = wg_answers_fail(ctx, a, i, "'%s' is none of the %lld choices (from %d): %.60s", name,
                             (long long)q->n, q->benchmark->first, found);
    wg_free(found);
    return st;
}

static wagle_status read_answer(wagle_ctx *ctx, const wg_answers *a, int64_t i, wg_question *q)
{
    const wg_benchmark *b = q->benchmark;
    const bool second = b->answer[1] != NULL && wg_column_of(q->row, b->answer[0]) == NULL;
    const char *name = b->answer[second];
    const json_t *answer, *labels = NULL;
    int64_t count = 0;

    WG_TRY(column(ctx, a, i, name, &answer));
    if (b->labels != NULL)
        WG_TRY(list(ctx, a, i, b->labels, &labels));
    if (labels != NULL && (int64_t)json_array_size(labels) != q->n)
        return wg_answers_fail(ctx, a, i, "%s has %lld names for %lld choices", b->labels,
                               (long long)json_array_size(labels), (long long)q->n);
    if (json_is_array(answer)) {
        WG_TRY(read_marks(ctx, a, i, name, q->n, &q->answer, &count));
        return count == 1 ? WAGLE_OK
                          : wg_answers_fail(ctx, a, i,
                                            "%s marks %lld choices as right; 1 is "
                                            "expected",
                                            name, (long long)count);
    }
    q->answer = parse_value(q, answer, labels);
    return q->answer >= 0 ? WAGLE_OK : bad_answer(ctx, a, i, q, name, answer);
}

/* Reads TruthfulQA's mc2 list. */
static wagle_status read_mc2(wagle_ctx *ctx, const wg_answers *a, int64_t i, wg_question *q)
{
    int64_t first = 0, count = 0, n;

    if (!wg_benchmark_asks(q->benchmark, WG_BY_MC2, q->row))
        return WAGLE_OK;
    q->mc2 = json_array();
    if (q->mc2 == NULL)
        return wg_json_memory(ctx);
    WG_TRY(read_list(ctx, a, i, "mc2_targets.choices", WG_CHOICES_MOST, q->mc2));
    n = (int64_t)json_array_size(q->mc2);
    WG_TRY(read_marks(ctx, a, i, "mc2_targets.labels", n, &first, &count));
    if (count == 0 || count == n)
        return wg_answers_fail(ctx, a, i, "mc2_targets marks %lld of %lld choices as right",
                               (long long)count, (long long)n);
    q->mc2_right = json_incref((json_t *)(uintptr_t)wg_column_of(q->row, "mc2_targets.labels"));
    return WAGLE_OK;
}

wagle_status wg_question_read(wagle_ctx *ctx, const wg_benchmark *b, const wg_answers *a, int64_t i,
                              wg_question *out)
{
    wagle_status st = WAGLE_OK;

    *out = (wg_question){.benchmark = b, .row = a->rows.row[i]};
    out->texts = json_object();
    out->choices = json_array();
    if (out->texts == NULL || out->choices == NULL)
        return wg_json_memory(ctx);
    WG_TRY(read_choices(ctx, a, i, out));
    out->n = (int64_t)json_array_size(out->choices);
    if (b->prepare != NULL)
        WG_TRY(b->prepare(ctx, a, i, out));
    for (int w = 0; st == WAGLE_OK && w < WG_WAYS; w++) {
        st = read_texts(ctx, a, i, out, b->template[w].header);
        if (st == WAGLE_OK)
            st = read_texts(ctx, a, i, out, b->template[w].prompt);
    }
    WG_TRY(st);
    WG_TRY(read_answer(ctx, a, i, out));
    return read_mc2(ctx, a, i, out);
}

void wg_question_free(wg_question *q)
{
    json_decref(q->texts);
    json_decref(q->choices);
    json_decref(q->mc2);
    json_decref(q->mc2_right);
    *q = (wg_question){0};
}
