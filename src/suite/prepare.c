/* prepare.c - texts that lm-evaluation-harness derives from the columns (process_docs and doc_to_*
 * functions of each task). */
#include "suite/question.h"

#include "text/pystring.h"
#include <string.h>

wagle_status wg_prepare_stripped(wagle_ctx *ctx, const wg_answers *a, int64_t i, wg_question *q)
{
    const json_t *question, *subject;
    const char *text;
    size_t bytes;
    wg_text spaced = {0};
    wagle_status st;

    WG_TRY(wg_question_text(ctx, a, i, "question", &question));
    bytes = json_string_length(question);
    text = wg_py_strip(json_string_value(question), &bytes);
    WG_TRY(wg_question_set(ctx, q, "question", text, bytes));
    if (!q->benchmark->subjects)
        return WAGLE_OK;
    WG_TRY(wg_question_text(ctx, a, i, "subject", &subject));
    st = wg_text_add(ctx, &spaced, json_string_value(subject), json_string_length(subject));
    for (int64_t k = 0; st == WAGLE_OK && k < spaced.bytes; k++)
        spaced.text[k] = spaced.text[k] == '_' ? ' ' : spaced.text[k];
    if (st == WAGLE_OK)
        st = wg_question_set(ctx, q, "subject", spaced.text, (size_t)spaced.bytes);
    wg_text_free(&spaced);
    return st;
}

/* --- HellaSwag -------------------------------------------------------------------------------- */

/* Replaces every `old` by `new`, from left to right. */
static wagle_status replace(wagle_ctx *ctx, wg_text *text, const char *old, const char *new)
{
    const size_t n = strlen(old);
    wg_text out = {0};
    wagle_status st = wg_text_addz(ctx, &out, "");

    for (int64_t i = 0; st == WAGLE_OK && i < text->bytes;) {
        if (i + (int64_t)n <= text->bytes && memcmp(text->text + i, old, n) == 0) {
            st = wg_text_addz(ctx, &out, new);
            i += (int64_t)n;
        } else
            st = wg_text_add(ctx, &out, text->text + i++, 1);
    }
    wg_text_free(text);
    *text = out;
    return st;
}

/* Removes text in square brackets, with the brackets, if both are in one line. */
static void remove_marks(wg_text *text)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < text->bytes; i++) {
        int64_t end = i;
        if (text->text[i] == '[')
            for (end = i + 1; end < text->bytes && text->text[end] != ']'; end++)
                if (text->text[end] == '\n')
                    break;
        if (end > i && end < text->bytes && text->text[end] == ']')
            i = end;
        else
            text->text[kept++] = text->text[i];
    }
    text->bytes = kept;
    text->text[kept] = '\0';
}

static wagle_status clean(wagle_ctx *ctx, const char *text, size_t bytes, wg_text *out)
{
    text = wg_py_strip(text, &bytes);
    WG_TRY(wg_text_add(ctx, out, text, bytes));
    WG_TRY(replace(ctx, out, " [title]", ". "));
    remove_marks(out);
    return replace(ctx, out, "  ", " ");
}

/* The text of a column; it may be empty. */
static wagle_status any_text(wagle_ctx *ctx, const wg_answers *a, int64_t i, const char *column,
                             const json_t **out)
{
    *out = json_object_get(a->rows.row[i], column);
    return json_is_string(*out) ? WAGLE_OK : wg_question_text(ctx, a, i, column, out);
}

static wagle_status clean_endings(wagle_ctx *ctx, wg_question *q)
{
    wagle_status st = WAGLE_OK;

    for (size_t k = 0; st == WAGLE_OK && k < json_array_size(q->choices); k++) {
        const json_t *raw = json_array_get(q->choices, k);
        wg_text text = {0};
        st = clean(ctx, json_string_value(raw), json_string_length(raw), &text);
        if (st == WAGLE_OK &&
            json_array_set_new(q->choices, k, json_stringn(text.text, (size_t)text.bytes)) != 0)
            st = wg_json_memory(ctx);
        wg_text_free(&text);
    }
    return st;
}

wagle_status wg_prepare_hellaswag(wagle_ctx *ctx, const wg_answers *a, int64_t i, wg_question *q)
{
    const json_t *label, *first, *second;
    wg_text raw = {0}, text = {0};
    wagle_status st = wg_question_text(ctx, a, i, "activity_label", &label);

    if (st == WAGLE_OK)
        st = any_text(ctx, a, i, "ctx_a", &first);
    if (st == WAGLE_OK)
        st = any_text(ctx, a, i, "ctx_b", &second);
    if (st == WAGLE_OK)
        st = wg_text_add(ctx, &raw, json_string_value(label), json_string_length(label));
    if (st == WAGLE_OK)
        st = wg_text_addz(ctx, &raw, ": ");
    if (st == WAGLE_OK)
        st = wg_text_add(ctx, &raw, json_string_value(first), json_string_length(first));
    if (st == WAGLE_OK)
        st = wg_text_addz(ctx, &raw, " ");
    if (st == WAGLE_OK)
        st = wg_py_capitalize(ctx, json_string_value(second), json_string_length(second), &raw);
    if (st == WAGLE_OK)
        st = clean(ctx, raw.text, (size_t)raw.bytes, &text);
    if (st == WAGLE_OK)
        st = wg_question_set(ctx, q, "query", text.text, (size_t)text.bytes);
    wg_text_free(&raw);
    wg_text_free(&text);
    return st == WAGLE_OK ? clean_endings(ctx, q) : st;
}

/* --- WinoGrande ------------------------------------------------------------------------------- */

wagle_status wg_prepare_winogrande(wagle_ctx *ctx, const wg_answers *a, int64_t i, wg_question *q)
{
    const json_t *sentence;
    const char *text, *blank, *after;
    size_t bytes;

    WG_TRY(wg_question_text(ctx, a, i, "sentence", &sentence));
    text = json_string_value(sentence);
    blank = memchr(text, '_', json_string_length(sentence));
    if (blank == NULL)
        return wg_answers_fail(ctx, a, i, "'sentence' has no blank '_'");
    bytes = json_string_length(sentence) - (size_t)(blank + 1 - text);
    after = wg_py_strip(blank + 1, &bytes);
    WG_TRY(wg_question_set(ctx, q, "before", text, (size_t)(blank - text)));
    return wg_question_set(ctx, q, "after", after, bytes);
}
