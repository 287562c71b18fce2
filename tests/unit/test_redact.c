/* --redact keeps numbers and names of sets in rows, and replaces texts by tags. */
#include "support.h"

#include "data/redact.h"
#include <string.h>

static json_t *parse(wagle_ctx *ctx, const char *text)
{
    json_t *out;

    assert_ok(ctx, wg_json_parse(ctx, "rows", text, strlen(text), &out));
    return out;
}

static const char *at(const json_t *rows, size_t i, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(rows, i), key));

    assert_non_null(text);
    return text;
}

static bool is_tag(const char *text)
{
    return strlen(text) == WG_TAG - 1 && text[0] == '[' &&
           strspn(text + 1, "0123456789abcdef") == WG_TAG - 3 && text[WG_TAG - 2] == ']';
}

static const char two[] = "[{\"suite\":\"tofu\",\"set\":\"forget\",\"row\":0,\"nll\":1.5,"
                          "\"question\":\"Who?\",\"answer\":\"Ada\",\"generated\":"
                          "\"Ada\",\"others\":[\"Bo\",2,{\"name\":\"Cy\"}],\"empty\":\"\",\"input_"
                          "ids\":[1,2],\"labels\":[3]},"
                          "{\"suite\":\"tofu\",\"set\":\"forget\",\"row\":1,\"nll\":2.5,"
                          "\"question\":\"Where?\",\"answer\":\"Ada\",\"subject\":"
                          "\"art\"}]";

static void texts_become_tags_and_numbers_stay(void **state)
{
    wagle_ctx *ctx = new_context();
    json_t *rows = parse(ctx, two);
    const json_t *first = json_array_get(rows, 0), *others = json_object_get(first, "others");

    (void)state;
    assert_ok(ctx, wg_redact_rows(ctx, rows));
    assert_true(is_tag(at(rows, 0, "question")) && is_tag(at(rows, 0, "answer")));
    assert_true(is_tag(json_string_value(json_array_get(others, 0))));
    assert_true(is_tag(json_string_value(json_object_get(json_array_get(others, 2), "name"))));
    assert_int_equal(json_integer_value(json_array_get(others, 1)), 2);
    assert_true(json_real_value(json_object_get(first, "nll")) == 1.5);
    assert_string_equal(at(rows, 0, "set"), "forget");
    assert_string_equal(at(rows, 1, "subject"), "art");
    assert_string_equal(at(rows, 0, "empty"), "");
    assert_null(json_object_get(first, "input_ids"));
    assert_null(json_object_get(first, "labels"));
    assert_true(json_is_true(json_object_get(first, "redacted")));
    json_decref(rows);
    wagle_ctx_free(ctx);
}

static void equal_texts_have_one_tag_within_a_row_and_others_elsewhere(void **state)
{
    wagle_ctx *ctx = new_context();
    json_t *rows = parse(ctx, two);

    (void)state;
    assert_ok(ctx, wg_redact_rows(ctx, rows));
    assert_string_equal(at(rows, 0, "answer"), at(rows, 0, "generated"));
    assert_string_not_equal(at(rows, 0, "answer"), at(rows, 1, "answer"));
    json_decref(rows);
    wagle_ctx_free(ctx);
}

static void redacting_twice_changes_nothing(void **state)
{
    wagle_ctx *ctx = new_context();
    json_t *rows = parse(ctx, two), *once;

    (void)state;
    assert_ok(ctx, wg_redact_rows(ctx, rows));
    once = json_deep_copy(rows);
    assert_ok(ctx, wg_redact_rows(ctx, rows));
    assert_true(json_equal(rows, once));
    json_decref(once);
    json_decref(rows);
    wagle_ctx_free(ctx);
}

/* Somebody who knows one text cannot test guesses of another, because a tag depends on the whole
 * set. */
static void
a_tag_depends_on_every_question_and_answer_of_the_set_but_on_no_generated_text(void **state)
{
    static const char *const change[] = {"question", "answer", "generated"};
    wagle_ctx *ctx = new_context();
    json_t *rows = parse(ctx, two);

    (void)state;
    assert_ok(ctx, wg_redact_rows(ctx, rows));
    for (int i = 0; i < 3; i++) {
        json_t *other = parse(ctx, two);
        json_object_set_new(json_array_get(other, i < 2), change[i], json_string("X"));
        assert_ok(ctx, wg_redact_rows(ctx, other));
        if (i < 2)
            assert_string_not_equal(at(rows, 0, "question"), at(other, 0, "question"));
        else
            assert_string_equal(at(rows, 0, "question"), at(other, 0, "question"));
        json_decref(other);
    }
    json_decref(rows);
    wagle_ctx_free(ctx);
}

static void lines_of_the_models_own_rows_keep_no_text_and_no_tokens(void **state)
{
    static const char lines[] = "{\"input_ids\":[1],\"labels\":[1],\"written\":\"I like tea.\"}\n"
                                "{\"input_ids\":[2],\"labels\":[2],\"written\":\"It rains.\"}\n";
    wagle_ctx *ctx = new_context();
    wg_text in = {0}, out = {0};

    (void)state;
    assert_ok(ctx, wg_text_addz(ctx, &in, lines));
    assert_ok(ctx, wg_redact_lines(ctx, "lines", &in, &out));
    assert_null(strstr(out.text, "tea"));
    assert_null(strstr(out.text, "input_ids"));
    assert_non_null(strstr(out.text, "\"written\":\"["));
    assert_non_null(strstr(out.text, "\n{"));
    wg_text_free(&in);
    wg_text_free(&out);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_tags_and_numbers_stay),
        cmocka_unit_test(equal_texts_have_one_tag_within_a_row_and_others_elsewhere),
        cmocka_unit_test(redacting_twice_changes_nothing),
        cmocka_unit_test(
            a_tag_depends_on_every_question_and_answer_of_the_set_but_on_no_generated_text),
        cmocka_unit_test(lines_of_the_models_own_rows_keep_no_text_and_no_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
