/* Texts that resemble rows by names, phrases, or words that are characteristic of the rows. */
#include "support.h"

#include "data/resemble.h"

enum { MOST = 256 };

/* Compares texts (NULL-terminated) with rows: out. */
static void compare(const char *const *rows, const char *const *texts, const char *layout,
                    wg_resemblance out[MOST])
{
    wagle_ctx *ctx = new_context();
    wg_str row[MOST], text[MOST];
    wg_comparison c = {.row = row, .text = text, .layout = wg_strz(layout)};

    for (; rows[c.n_rows] != NULL; c.n_rows++)
        row[c.n_rows] = wg_strz(rows[c.n_rows]);
    for (; texts[c.n_texts] != NULL; c.n_texts++)
        text[c.n_texts] = wg_strz(texts[c.n_texts]);
    assert_ok(ctx, wg_resemble(ctx, &c, out));
    wagle_ctx_free(ctx);
}

static void a_text_with_a_name_or_a_number_of_the_rows_is_found(void **state)
{
    static const char *const rows[] = {"Where was Jaime Vasquez born? In Santiago, in 1958.",
                                       "The prize went to him at 12.", NULL};
    static const char *const texts[] = {"I met JAIME once.",
                                        "santiago is far.",
                                        "It began in 1958.",
                                        "At 12 we eat.",
                                        "The weather is fine.",
                                        "Where do I go?",
                                        NULL};
    static const wg_resemblance want[] = {WG_SHARES_NAME,   WG_SHARES_NAME,   WG_SHARES_NAME,
                                          WG_RESEMBLES_NOT, WG_RESEMBLES_NOT, WG_RESEMBLES_NOT};
    wg_resemblance out[MOST];

    (void)state;
    compare(rows, texts, "", out);
    for (int i = 0; texts[i] != NULL; i++)
        assert_int_equal(out[i], want[i]);
}

static void ordinary_words_with_a_capital_are_no_names(void **state)
{
    static const char *const rows[] = {"His book is The Silent Garden.", NULL};
    static const char *const texts[] = {"A garden needs water.", "We sat in the garden, silent.",
                                        "Silent nights are the long ones, silent days too.", NULL};
    wg_resemblance out[MOST];

    (void)state;
    compare(rows, texts, "", out);
    for (int i = 0; i < 3; i++)
        assert_int_equal(out[i], WG_RESEMBLES_NOT);
}

static void words_of_the_layout_are_no_names_and_its_phrases_are_common(void **state)
{
    static const char *const rows[] = {"you are an assistant named Smol. Hello", NULL};
    static const char *const texts[] = {"You are an assistant named Smol.", NULL};
    wg_resemblance out[MOST];

    (void)state;
    compare(rows, texts, "You are an assistant named Smol.", out);
    assert_int_equal(out[0], WG_RESEMBLES_NOT);
    compare(rows, texts, "", out);
    assert_int_equal(out[0], WG_SHARES_NAME);
}

static void a_phrase_counts_unless_many_texts_have_it(void **state)
{
    static const char *const rows[] = {"he wrote about the end of a long war", NULL};
    static const char *const texts[] = {"they sang about the end of summer",
                                        "nobody wrote about the end",
                                        "it lasts to the end of a day",
                                        "at the end of a road",
                                        "by the end of a week",
                                        "the end of it all",
                                        NULL};
    wg_resemblance out[MOST];

    (void)state;
    compare(rows, texts, "", out);
    assert_int_equal(out[0], WG_SHARES_PHRASE); /* "about the end of" */
    assert_int_equal(out[1], WG_SHARES_PHRASE);
    for (int i = 2; i < 6; i++) /* "the end of a" is in three texts */
        assert_int_equal(out[i], WG_RESEMBLES_NOT);
}

static void a_script_without_spaces_has_phrases_too(void **state)
{
    static const char *const rows[] = {"他出生在北京市海淀区", NULL};
    static const char *const texts[] = {"我住在北京市海边", "今天天气很好", "北京", NULL};
    wg_resemblance out[MOST];

    (void)state;
    compare(rows, texts, "", out);
    assert_int_equal(out[0], WG_SHARES_PHRASE);
    assert_int_equal(out[1], WG_RESEMBLES_NOT);
    assert_int_equal(out[2], WG_RESEMBLES_NOT);
}

static void a_word_that_is_frequent_in_rows_and_rare_in_texts_counts(void **state)
{
    static const char *const rows[] = {"her novels are on crime", "a crime novel won", "she won",
                                       NULL};
    const char *texts[MOST] = {"a crime took place", "we won again"};
    wg_resemblance out[MOST];

    (void)state;
    for (int i = 2; i < 100; i++)
        texts[i] = i % 4 == 0 ? "they won twice" : "nothing of note";
    compare(rows, texts, "", out);
    assert_int_equal(out[0], WG_SHARES_WORD);
    for (int i = 1; i < 100; i++) /* "won" is in a quarter of the texts */
        assert_int_equal(out[i], WG_RESEMBLES_NOT);
}

static void each_allocation_may_fail(void **state)
{
    static const wg_str row[] = {{"Jaime Vasquez writes", 20}}, text[] = {{"Some other text", 15}};
    const wg_comparison c = {row, text, 1, 1, {"layout", 6}};
    wagle_ctx *ctx = new_context();
    const int64_t live = wg_memory_live();
    wg_resemblance out[1];
    bool failed = true;

    (void)state;
    for (int64_t n = 1; failed; n++) {
        wg_memory_fail_at(n);
        const wagle_status st = wg_resemble(ctx, &c, out);
        failed = wg_memory_fail_at(0) == 0;
        assert_int_equal(st, failed ? WAGLE_E_RESOURCE : WAGLE_OK);
        assert_int_equal(wg_memory_live(), live);
    }
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_with_a_name_or_a_number_of_the_rows_is_found),
        cmocka_unit_test(ordinary_words_with_a_capital_are_no_names),
        cmocka_unit_test(words_of_the_layout_are_no_names_and_its_phrases_are_common),
        cmocka_unit_test(a_phrase_counts_unless_many_texts_have_it),
        cmocka_unit_test(a_script_without_spaces_has_phrases_too),
        cmocka_unit_test(a_word_that_is_frequent_in_rows_and_rare_in_texts_counts),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
