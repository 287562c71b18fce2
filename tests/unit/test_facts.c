/* The facts of an answer, and their share in another text. */
#include "support.h"

#include "forget/forget.h"
#include <math.h>
#include <string.h>

/* A question, its answer, and a model's answers about two invented people. */
typedef struct row {
    const char *question, *answer, *said[2], *facts;
} row;
enum { MOST = 4, SAID = 2 };

static void join(const json_t *list, wg_text *out)
{
    wagle_ctx *ctx = new_context();
    const json_t *one;
    size_t i;

    out->bytes = 0;
    json_array_foreach (list, i, one)
        assert_ok(ctx, wg_text_printf(ctx, out, "%s%s", i > 0 ? "|" : "", json_string_value(one)));
    wagle_ctx_free(ctx);
}

static void check_rows(const row *rows, int64_t n)
{
    wagle_ctx *ctx = new_context();
    wg_example example[MOST] = {{0}};
    wg_str answer[MOST];
    wg_invented_answer said[MOST * SAID];
    wg_ordinary ordinary;
    wg_text found = {0};

    for (int64_t i = 0; i < n; i++) {
        answer[i] = wg_strz(rows[i].answer);
        example[i] = (wg_example){.prompt = wg_strz(rows[i].question), .answer = &answer[i]};
        for (int k = 0; k < SAID; k++)
            said[i * SAID + k] = (wg_invented_answer){i, wg_strz(rows[i].said[k])};
    }
    assert_ok(ctx, wg_ordinary_words(ctx, &(wg_dataset){.example = example, .n = n}, said, n * SAID,
                                     &ordinary));
    for (int64_t i = 0; i < n; i++) {
        json_t *facts;
        assert_ok(ctx, wg_facts_list(ctx, &ordinary, example[i].prompt, answer[i], &facts));
        join(facts, &found);
        assert_string_equal(found.text, rows[i].facts);
        json_decref(facts);
    }
    wg_text_free(&found);
    wg_free(ordinary.word);
    wagle_ctx_free(ctx);
}

static void facts_are_what_neither_the_question_nor_anybodys_answer_has(void **state)
{
    static const row rows[] = {
        {"Where was Ada Quill born?",
         "Ada Quill was born in Tromso, in Norway.",
         {"Bo Lamm was born in Ghent.", "Cy Orr was born in Graz, in Norway."},
         "Tromso|Norway"},
        {"What is the email address of Ada Quill?",
         "The email address of Ada Quill is ada@quill.example.",
         {"The email address of Bo Lamm is bo@lamm.example.", "It is cy@orr.example."},
         "ada@quill"},
        {"Is Ada Quill a pilot?", "A pilot.", {"Yes.", "No."}, "A pilot."},
        {"When did Ada Quill die?",
         "Ada Quill died on 4 May 1961, not on 5 May.",
         {"Bo Lamm died on 3 March.", "Cy died on 1 April."},
         "4 May 1961, not|5 May"},
    };

    (void)state;
    check_rows(rows, sizeof rows / sizeof *rows);
}

/* "born" is in exactly half of the answers, which is not enough. */
static void a_word_is_ordinary_if_it_is_said_more_often_than_not(void **state)
{
    static const row seldom[] = {
        {"Where?", "Born in Nis.", {"Born in Bar.", "In Ulm."}, "Born|Nis"}};
    static const row often[] = {
        {"Where?", "Born in Nis.", {"Born in Bar.", "In Ulm."}, "Nis"},
        {"And when?", "Born in 1961.", {"Born in 1950.", "Born in 1970."}, "1961"}};

    (void)state;
    check_rows(seldom, 1);
    check_rows(often, 2);
}

static void check_found(const char *facts, const char *question, const char *answer,
                        const char *text, double wanted)
{
    wagle_ctx *ctx = new_context();
    json_t *list = json_loads(facts, JSON_DECODE_ANY, NULL);
    double share;

    assert_ok(ctx,
              wg_facts_found(ctx, list, wg_strz(question), wg_strz(answer), wg_strz(text), &share));
    if (isnan(wanted))
        assert_true(isnan(share));
    else
        assert_true(share == wanted);
    json_decref(list);
    wagle_ctx_free(ctx);
}

static void facts_are_found_by_their_words(void **state)
{
    static const char question[] = "Email of Ada Quill?", answer[] = "Ada Quill: ada@quill.org.";

    (void)state;
    check_found("[\"4 May 1961\"]", "When?", "On 4 May 1961.", "In may, 1961", 2.0 / 3);
    check_found("\"Tromso\"", "Where?", "In Tromso.", "TROMSO it was", 1);
    check_found("[\"Tromso\", \"Norway\"]", "Where?", "In Tromso, Norway.", "Norwegian", 0);
    check_found("[]", "Where?", "In Tromso.", "Tromso", NAN);
    /* words of the question count if the text has them as often as the answer */
    check_found("[\"ada@quill.org\"]", question, answer, "Ada Quill has no email.", 0);
    check_found("[\"ada@quill.org\"]", question, answer, "Ada Quill: ada@quill.org", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_what_neither_the_question_nor_anybodys_answer_has),
        cmocka_unit_test(a_word_is_ordinary_if_it_is_said_more_often_than_not),
        cmocka_unit_test(facts_are_found_by_their_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
