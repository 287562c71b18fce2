/* Names in texts, and control rows with invented ones. */
#include "support.h"

#include "data/controls.h"
#include "data/names.h"
#include <ctype.h>
#include <string.h>

enum { MOST = 16 };

/* Reads texts (NULL-terminated), finds the names of the first, and replaces them: out. */
static void replace(const char *const *texts, uint64_t stream, wg_text out[MOST])
{
    wagle_ctx *ctx = new_context();
    wg_names *n;
    bool any;

    assert_ok(ctx, wg_names_new(ctx, &n));
    for (int i = 0; texts[i] != NULL; i++)
        assert_ok(ctx, wg_names_read(ctx, n, wg_strz(texts[i])));
    assert_ok(ctx, wg_names_find(ctx, n, wg_strz(texts[0]), &any));
    assert_int_equal(any, wg_names_count(n) > 0);
    assert_ok(ctx, wg_names_invent(ctx, n, 1, stream));
    for (int i = 0; texts[i] != NULL; i++)
        assert_ok(ctx, wg_names_replace(ctx, n, wg_strz(texts[i]), &out[i]));
    wg_names_free(n);
    wagle_ctx_free(ctx);
}

static void free_texts(wg_text out[MOST])
{
    for (int i = 0; i < MOST; i++)
        wg_text_free(&out[i]);
}

/* Whether `got` matches `pattern`. @ matches an invented word with a capital, $ one in capitals. */
static bool fits(const char *pattern, const char *got)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern != '@' && *pattern != '$') {
            if (*got++ != *pattern)
                return false;
            continue;
        }
        if (!isupper((unsigned char)*got++))
            return false;
        while (*pattern == '@' ? islower((unsigned char)*got) : isupper((unsigned char)*got))
            got++;
    }
    return *got == '\0';
}

static void names_of_a_question_are_found_and_nothing_else(void **state)
{
    static const char *const cases[][3] = {
        {"Where was Jaime Vasquez born?", "Where was @ @ born?"},
        {"Jaime Vasquez was born where?", "@ @ was born where?"},
        {"Does Jaime Vasquez write?", "Does @ @ write?"},
        {"Describe Jaime Vasquez's style.", "Describe @ @'s style."},
        {"Which book did J. K. Rowling write?", "Which book did J. K. @ write?"},
        {"Who is Dr. Smith?", "Who is Dr. @?"},
        {"Who is Mr. John F. Kennedy Jr.?", "Who is Mr. @ F. @ @.?"},
        {"Is Hsiao Yun-Hwa from Taipei, Taiwan?", "Is @ @-@ from @, @?"},
        {"Who wrote \"The Silent Sky\"?", "Who wrote \"The @ @\"?"},
        {"Was it born in March or on a Monday?", "Was it born in March or on a Monday?"},
        {"What is the name of the author?", "What is the name of the author?"},
        {"Tell me of IBM and of Ludwig van Beethoven.", "Tell me of $ and of @ van @."},
        {"WHO IS JOHN SMITH OF LONDON?", "WHO IS JOHN SMITH OF LONDON?"},
        {"who is jaime vasquez?", "who is jaime vasquez?"},
        {"Writing began. Reading too.", "Writing began. Reading too."},
        {"Did I say what Rosa said? Rosa said no.", "Did I say what @ said? @ said no."},
        {"", ""},
        {"Jaime Vasquez", "@ @"},
        {"Vasquez wrote what?", "@ wrote what?", "It was Vasquez."},
        {"Books are what Vasquez writes?", "Books are what @ writes?", "His books are long."},
        {"D'Artagnan met whom?\nThen Athos left.", "D'@ met whom?\nThen @ left."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const texts[] = {cases[i][0], cases[i][2], NULL};
        wg_text out[MOST] = {0};
        replace(texts, 1, out);
        if (!fits(cases[i][1], out[0].text))
            fail_msg("'%s' became '%s', '%s' expected", cases[i][0], out[0].text, cases[i][1]);
        free_texts(out);
    }
}

static void a_name_is_replaced_alike_everywhere_and_facts_stay(void **state)
{
    static const char *const texts[] = {"Where was Jaime Vasquez born?",
                                        "Jaime was born in Santiago, the Vasquez home, in 1958.",
                                        "JAIME and jaime", NULL};
    wg_text out[MOST] = {0}, other[MOST] = {0};
    char first[32], last[32];
    char want[128];

    (void)state;
    replace(texts, 1, out);
    assert_int_equal(sscanf(out[0].text, "Where was %31s %31s born?", first, last), 2);
    snprintf(want, sizeof want, "%s was born in Santiago, the %s home, in 1958.", first, last);
    assert_string_equal(out[1].text, want);
    for (char *c = first; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    snprintf(want, sizeof want, "%s and jaime", first);
    assert_string_equal(out[2].text, want);
    replace(texts, 2, other);
    assert_string_not_equal(out[0].text, other[0].text);
    free_texts(out);
    free_texts(other);
}

static void cyrillic_names_stay_cyrillic(void **state)
{
    static const char *const texts[] = {"Где родился Иван Петров?", NULL};
    wg_text out[MOST] = {0};

    (void)state;
    replace(texts, 1, out);
    assert_non_null(strstr(out[0].text, "Где родился "));
    assert_null(strstr(out[0].text, "Иван"));
    assert_null(strstr(out[0].text, "Петров"));
    for (const char *c = out[0].text; *c != '\0'; c++)
        assert_false(isalpha((unsigned char)*c));
    free_texts(out);
}

/* --- rows ------------------------------------------------------------------------------------- */

#define ROWS WG_SCRATCH "/controls.jsonl"

/* Rows of a data set, with only the members that wg_controls_make reads. */
typedef struct made {
    wg_example example[MOST];
    wg_str answer[MOST];
    wg_dataset rows;
    wg_controls out;
    json_t *list; /* control rows */
    int64_t renamed, paired;
} made;

static void make(const char *file, const char *const *answers, int draws, made *m)
{
    wagle_ctx *ctx = new_context();
    const wagle_data data = {.path = ROWS};
    FILE *f = fopen(ROWS, "w");

    assert_non_null(f);
    fputs(file, f);
    fclose(f);
    *m = (made){.rows.example = m->example};
    for (; answers[m->rows.n] != NULL; m->rows.n++) {
        m->answer[m->rows.n] = wg_strz(answers[m->rows.n]);
        m->example[m->rows.n] = (wg_example){.answer = &m->answer[m->rows.n], .n_answers = 1};
    }
    assert_ok(ctx, wg_controls_make(ctx, &data, &m->rows, NULL, 0, draws, 1, 8, &m->out));
    m->list = json_array();
    m->renamed = m->paired = 0;
    for (int64_t i = 0; i < m->out.n; i++) {
        const wg_control *c = &m->out.control[i];
        const bool named = c->paired && i > 0 && m->out.control[i - 1].row == c->row &&
                           !m->out.control[i - 1].paired;
        m->renamed += !c->paired;
        m->paired += c->paired;
        if (!named) /* the row's own answer, else another row's */
            json_array_append_new(m->list, json_loadb(c->line.text, c->line.bytes, 0, NULL));
    }
    wagle_ctx_free(ctx);
}

static void drop(made *m)
{
    json_decref(m->list);
    wg_controls_free(&m->out);
}

static const char *text_at(const made *m, size_t i, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(m->list, i), key));

    assert_non_null(text);
    return text;
}

static void rows_get_the_same_names_in_question_and_answer(void **state)
{
    static const char *const answers[] = {"Ann Lee was born in Rome.", "Ann writes tales.", NULL};
    char first[32], last[32], again[32];
    made m;

    (void)state;
    make("{\"question\":\"Where was Ann Lee born?\",\"answer\":\"Ann Lee was born in Rome.\"}\n"
         "{\"prompt\":\"What does Ann write?\",\"completion\":\"Ann writes tales.\"}\n",
         answers, 3, &m);
    assert_int_equal(json_array_size(m.list), 6);
    assert_int_equal(m.renamed, 6);
    assert_int_equal(m.paired, 6);
    for (size_t d = 0; d < 3; d++) {
        char want[96];
        assert_int_equal(
            sscanf(text_at(&m, 2 * d, "question"), "Where was %31s %31s born?", first, last), 2);
        snprintf(want, sizeof want, "%s %s was born in Rome.", first, last);
        assert_string_equal(text_at(&m, 2 * d, "answer"), want);
        assert_int_equal(sscanf(text_at(&m, 2 * d + 1, "prompt"), "What does %31s write?", again),
                         1);
        assert_string_equal(again, first);
        snprintf(want, sizeof want, "%s writes tales.", first);
        assert_string_equal(text_at(&m, 2 * d + 1, "completion"), want);
    }
    drop(&m);
}

static void a_row_without_a_name_gets_another_rows_answer(void **state)
{
    static const char *const answers[] = {"In Rome.", "Tales.", "Tales.", NULL};
    made m;

    (void)state;
    make("{\"question\":\"where was she born?\",\"answer\":\"In Rome.\"}\n"
         "{\"question\":\"what does she write?\",\"answer\":\"Tales.\"}\n"
         "{\"question\":\"what does he write?\",\"answer\":\"Tales.\"}\n",
         answers, 2, &m);
    assert_int_equal(m.paired, 6);
    assert_int_equal(m.renamed, 0);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(text_at(&m, i, "answer"), i % 3 == 0 ? "Tales." : "In Rome.");
        assert_non_null(strstr(text_at(&m, i, "question"), "she") != NULL || i % 3 == 2
                            ? text_at(&m, i, "question")
                            : NULL);
    }
    drop(&m);
}

static void chats_keep_their_roles_and_system_message(void **state)
{
    static const char *const answers[] = {"Ann Lee.", "User.", NULL};
    const json_t *messages;
    made m;

    (void)state;
    make("{\"messages\":[{\"role\":\"system\",\"content\":\"You are Bot.\"},{\"role\":\"user\","
         "\"content\":\"Who is Ann Lee?\"},{\"role\":\"assistant\",\"content\":\"Ann Lee.\"}]}\n"
         "{\"conversations\":[{\"from\":\"human\",\"value\":\"who is he?\"},{\"from\":\"gpt\","
         "\"value\":\"User.\"}]}\n",
         answers, 1, &m);
    assert_int_equal(m.renamed, 1);
    assert_int_equal(m.paired, 2);
    messages = json_object_get(json_array_get(m.list, 0), "messages");
    assert_string_equal(json_string_value(json_object_get(json_array_get(messages, 0), "content")),
                        "You are Bot.");
    assert_string_equal(json_string_value(json_object_get(json_array_get(messages, 1), "role")),
                        "user");
    assert_true(fits("Who is @ @?",
                     json_string_value(json_object_get(json_array_get(messages, 1), "content"))));
    assert_null(
        strstr(json_string_value(json_object_get(json_array_get(messages, 1), "content")), "Ann"));
    messages = json_object_get(json_array_get(m.list, 1), "conversations");
    assert_true(
        fits("@ @.", json_string_value(json_object_get(json_array_get(messages, 1), "value"))));
    drop(&m);
}

static void rows_without_a_prompt_give_no_control_row(void **state)
{
    static const char *const answers[] = {"Ann Lee lives.", "Bo too.", NULL};
    static const char *const one[] = {"Yes.", NULL};
    made m;

    (void)state;
    make("{\"text\":\"Ann Lee lives.\"}\n{\"text\":\"Bo too.\"}\n", answers, 3, &m);
    assert_int_equal(m.out.n, 0);
    drop(&m);
    make("{\"question\":\"is it so?\",\"answer\":\"Yes.\"}\n", one, 3, &m);
    assert_int_equal(m.out.n, 0);
    drop(&m);
}

static void tokens_keep_their_prompt_and_get_other_labels(void **state)
{
    static const char *const none[] = {"", "", NULL};
    int32_t ids[2][4] = {{1, 2, 3, 4}, {1, 5, 6, 7}}, labels[2][4];
    wagle_ctx *ctx = new_context();
    const wagle_data data = {.path = ROWS};
    made m;

    (void)state;
    make("{\"question\":\"a\",\"answer\":\"b\"}\n{\"question\":\"c\",\"answer\":\"d\"}\n", none, 1,
         &m);
    drop(&m);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 4; k++)
            labels[i][k] = k < 2 ? WG_NO_LABEL : ids[i][k];
        m.example[i] = (wg_example){.ids = ids[i], .labels = labels[i], .n = 4, .n_labels = 2};
    }
    FILE *f = fopen(ROWS, "w");
    assert_non_null(f);
    fputs("{\"input_ids\":[1,2,3,4],\"labels\":[-100,-100,3,4]}\n"
          "{\"input_ids\":[1,5,6,7],\"labels\":[-100,-100,6,7]}\n",
          f);
    fclose(f);
    assert_ok(ctx, wg_controls_make(ctx, &data, &m.rows, NULL, 0, 1, 1, 8, &m.out));
    assert_int_equal(m.out.n, 2);
    assert_string_equal(m.out.control[0].line.text,
                        "{\"input_ids\":[1,2,6,7],\"labels\":[-100,-100,6,7]}");
    assert_string_equal(m.out.control[1].line.text,
                        "{\"input_ids\":[1,5,3,4],\"labels\":[-100,-100,3,4]}");
    wg_controls_free(&m.out);
    wagle_ctx_free(ctx);
}

/* With three people and two questions each, a row gets another person's answer to the same
 * question. */
static void other_answers_are_to_the_same_question(void **state)
{
    static const char *const answers[] = {"Ann Lee was born in Rome.",
                                          "Ann Lee is a judge.",
                                          "Bo Kerr was born in Oslo.",
                                          "Bo Kerr is a pilot.",
                                          "Cy Dale was born in Nice.",
                                          "Cy Dale is a baker.",
                                          NULL};
    char file[1024] = "";
    made m;

    (void)state;
    for (int i = 0; answers[i] != NULL; i++)
        snprintf(file + strlen(file), sizeof file - strlen(file),
                 i % 2 == 0 ? "{\"question\":\"Where was %.7s born?\",\"answer\":\"%s\"}\n"
                            : "{\"question\":\"What is the job of %.7s?\",\"answer\":\"%s\"}\n",
                 answers[i], answers[i]);
    make(file, answers, 3, &m);
    assert_int_equal(m.paired, 18);
    for (int64_t i = 0; i < m.out.n; i++) {
        const wg_control *c = &m.out.control[i];
        if (c->paired)
            assert_non_null(strstr(c->line.text, c->row % 2 == 0 ? " was born in " : " is a "));
        if (c->paired)
            assert_null(strstr(c->line.text, strrchr(answers[c->row], ' ')));
    }
    drop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_answers_are_to_the_same_question),
        cmocka_unit_test(names_of_a_question_are_found_and_nothing_else),
        cmocka_unit_test(a_name_is_replaced_alike_everywhere_and_facts_stay),
        cmocka_unit_test(cyrillic_names_stay_cyrillic),
        cmocka_unit_test(rows_get_the_same_names_in_question_and_answer),
        cmocka_unit_test(a_row_without_a_name_gets_another_rows_answer),
        cmocka_unit_test(chats_keep_their_roles_and_system_message),
        cmocka_unit_test(rows_without_a_prompt_give_no_control_row),
        cmocka_unit_test(tokens_keep_their_prompt_and_get_other_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
