/* str.strip and str.capitalize, compared with Python 3.11. */
#include "support.h"

#include "text/pystring.h"

static const struct {
    const char *text, *capitalized;
} words[] = {
    {"", ""},
    {"he SAW New York", "He saw new york"},
    {"\xC3\xA9LAN", "\xC3\x89lan"}, /* élan */
    {"\xC3\x9F"
     "A",
     "Ssa"},                    /* sharp s */
    {"\xEF\xAC\x81nd", "Find"}, /* fi ligature */
    {"\xC7\x86"
     "A",
     "\xC7\x85"
     "a"},                                      /* dž has a title case of its own */
    {"x\xC4\xB0", "Xi\xCC\x87"},                /* dotted capital I */
    {"\xCE\x91\xCE\xA3", "\xCE\x91\xCF\x82"},   /* final sigma */
    {"\xCE\x91\xCE\xA3'", "\xCE\x91\xCF\x82'"}, /* still final */
    {"\xCE\x91\xCE\xA3'\xCE\x91", "\xCE\x91\xCF\x83'\xCE\xB1"}, /* not final */
    {" \xCE\xA3", " \xCF\x83"},                                 /* nothing before it */
};

static void capitalize_is_pythons(void **state)
{
    wagle_ctx *ctx;
    (void)state;

    assert_int_equal(wagle_ctx_new(&ctx), WAGLE_OK);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        wg_text out = {0};
        assert_ok(ctx, wg_text_addz(ctx, &out, ""));
        assert_ok(ctx, wg_py_capitalize(ctx, words[i].text, strlen(words[i].text), &out));
        assert_string_equal(out.text, words[i].capitalized);
        wg_text_free(&out);
    }
    wagle_ctx_free(ctx);
}

static void strip_takes_every_white_space_of_python(void **state)
{
    static const char *const spaces[] = {" ",
                                         "\t",
                                         "\n",
                                         "\v",
                                         "\f",
                                         "\r",
                                         "\x1C",
                                         "\x1F",
                                         "\xC2\x85",
                                         "\xC2\xA0",
                                         "\xE1\x9A\x80",
                                         "\xE2\x80\x83",
                                         "\xE2\x80\xA8",
                                         "\xE2\x80\xAF",
                                         "\xE2\x81\x9F",
                                         "\xE3\x80\x80"};
    static const char *const others[] = {"\x1B", "\xE2\x80\x8B", "\xEF\xBB\xBF", "\xC2"};
    char text[32];
    (void)state;

    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        size_t bytes =
            (size_t)snprintf(text, sizeof text, "%s%s a b%s", spaces[i], spaces[0], spaces[i]);
        assert_int_equal(wg_py_rstrip(text, bytes), bytes - strlen(spaces[i]));
        assert_memory_equal(wg_py_strip(text, &bytes), "a b", 3);
        assert_int_equal(bytes, 3);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        size_t bytes = strlen(others[i]);
        assert_ptr_equal(wg_py_strip(others[i], &bytes), others[i]);
        assert_int_equal(bytes, strlen(others[i]));
    }
    memcpy(text, " \t ", 4);
    size_t bytes = 3;
    (void)wg_py_strip(text, &bytes);
    assert_int_equal(bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capitalize_is_pythons),
        cmocka_unit_test(strip_takes_every_white_space_of_python),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
