/* Templates are rendered like jinja2 in transformers' environment: tests/gold/make/jinja.py. */
#include "support.h"

#include "text/jinja/jinja.h"

static wagle_status render(wagle_ctx *ctx, const json_t *template, const json_t *variables,
                           const char *date, wg_text *out)
{
    wg_jinja *t = NULL;
    wagle_status st;

    wg_begin(ctx);
    st = wg_jinja_compile(ctx, "t.jinja", json_string_value(template), json_string_length(template),
                          &t);
    if (st == WAGLE_OK)
        st = wg_jinja_render(ctx, t, variables, date, out);
    wg_jinja_free(t);
    return st;
}

/* Whether a message is one line that names the template and its line. */
static bool is_plain_error(const char *message)
{
    return strncmp(message, "t.jinja:", 8) == 0 && strpbrk(message, "\n\r") == NULL &&
           strlen(message) > 12;
}

static int differs(wagle_ctx *ctx, const json_t *file, const json_t *one)
{
    const json_t *template = json_object_get(one, "template");
    const json_t *want = json_object_get(one, "text"),
                 *variables = json_object_get(one, "variables");
    wg_text text = {0};
    wagle_status st;
    bool right;

    variables = variables != NULL ? variables : json_object_get(file, "variables");
    st = render(ctx, template, variables, json_string_value(json_object_get(file, "date")), &text);
    right = want != NULL ? st == WAGLE_OK && (size_t)text.bytes == json_string_length(want) &&
                               memcmp(text.text, json_string_value(want), (size_t)text.bytes) == 0
                         : st == WAGLE_E_INPUT && is_plain_error(wagle_message(ctx));
    if (!right)
        print_error("%s\n  wanted %s\n  got    %s\n", json_string_value(template),
                    want != NULL ? json_string_value(want) : "an error",
                    st == WAGLE_OK ? text.text : wagle_message(ctx));
    wg_text_free(&text);
    return !right;
}

static void texts_and_errors_are_those_of_jinja2(void **state)
{
    static const char folder[] = WG_GOLD "/jinja";
    wagle_ctx *ctx = new_context();
    char **names;
    int wrong = 0, cases = 0;

    (void)state;
    assert_ok(ctx, wg_list_folder(ctx, folder, &names));
    for (char **n = names; *n != NULL; n++) {
        char *path = wg_path_join(ctx, folder, *n);
        json_t *file = gold_json(path), *one;
        size_t i;
        json_array_foreach (json_object_get(file, "cases"), i, one) {
            wrong += differs(ctx, file, one);
            cases++;
        }
        json_decref(file);
        wg_free(path);
    }
    assert_int_equal(wrong, 0);
    assert_true(cases > 1000);
    wg_free_names(names);
    wagle_ctx_free(ctx);
}

static void expect_error(wagle_ctx *ctx, const char *template, const char *says)
{
    json_t *text = json_string(template), *none = json_object();
    wg_text out = {0};

    assert_int_equal(render(ctx, text, none, NULL, &out), WAGLE_E_INPUT);
    if (strstr(wagle_message(ctx), says) == NULL)
        fail_msg("%.60s: '%s' does not say '%s'", template, wagle_message(ctx), says);
    wg_text_free(&out);
    json_decref(text);
    json_decref(none);
}

static void errors_name_template_line_and_thing(void **state)
{
    static const char *const cases[][2] = {
        {"a\n{{ x | nope }}", "t.jinja:2: the filter 'nope' is not known"},
        {"a\n\n{% if a is nope %}{% endif %}", "t.jinja:3: the test 'nope' is not known"},
        {"{% block a %}{% endblock %}", "t.jinja:1: the tag 'block' is not supported"},
        {"\n{% nope %}", "t.jinja:2: the tag 'nope' is not known"},
        {"{{ a.b.c }}", "'a' is undefined"},
        {"{{ raise_exception('two\nlines') }}", "refuses these messages: two lines"},
        {"{{ [].append(1) }}", "unsafe"},
        {"{% if x %}", "the template ends before 'endif'"},
        {"{% for x in y %}{% if a %}{% endfor %}", "'endfor' is not known, or not expected here"},
        {"{{ 'a' ", "found the end of the template"},
        {"{% macro m() %}{% endmacro %}\n{{ m(1) }}", "t.jinja:2: macro 'm' takes not more than 0"},
    };
    wagle_ctx *ctx = new_context();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_error(ctx, cases[i][0], cases[i][1]);
    wagle_ctx_free(ctx);
}

static void templates_without_end_are_stopped(void **state)
{
    static const char *const cases[][2] = {
        {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested"},
        {"{% set l = range(99999) | list %}{% for a in l %}{{ -1 in l }}{% endfor %}", "steps"},
        {"{% set n = namespace(s='x') %}{% for i in range(40) %}{% set n.s = n.s + n.s %}"
         "{% endfor %}",
         "MB"},
        {"{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set n.x = [n.x] %}{% endfor %}",
         "nested more than"},
        {"{{ 'x' * 1000000000 }}", "MB"},
        {"{{ 'x'.ljust(100000000) }}", "width"},
        {"{% set n = namespace() %}{% set n.n = n %}{{ n }}", "nested"},
    };
    wagle_ctx *ctx = new_context();
    char deep[2001] = "{{ ";

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_error(ctx, cases[i][0], cases[i][1]);
    memset(deep + 3, '(', 1000);
    expect_error(ctx, deep, "nested brackets");
    memset(deep + 3, '-', 1000);
    expect_error(ctx, deep, "nested too deep");
    wagle_ctx_free(ctx);
}

static void every_failed_allocation_is_reported(void **state)
{
    static const char template[] =
        "{% macro m(a, b=2) %}{{ a ~ b }}{{ kwargs }}{% endmacro %}{% set n = namespace(s='') %}"
        "{% for k, v in d | dictsort if v %}{% set n.s = n.s + k | upper %}{{ loop.last }}"
        "{{ m(v, x=[1, (2,), {'a': 3}]) }}{% endfor %}{{ [n.s, d] | tojson(indent=2) }}"
        "{{ l | map('string') | join(',') }}{{ 'a,b'.split(',') }}{{ '%5.1f' % 2.5 }}"
        "{{ '{:>5}'.format('x') }}{{ l | sort(reverse=true) | unique | list }}{{ l[::-1] }}";
    wagle_ctx *ctx = new_context();
    json_t *text = json_string(template),
           *variables = json_pack("{s:{s:i,s:i},s:[i,i]}", "d", "b", 1, "a", 2, "l", 3, 1);
    int64_t n = 0, left;

    (void)state;
    do {
        wg_text out = {0};
        const int64_t live = wg_memory_live();
        wagle_status st;
        wg_memory_fail_at(++n);
        st = render(ctx, text, variables, NULL, &out);
        left = wg_memory_fail_at(0);
        assert_int_equal(st, left == 0 ? WAGLE_E_RESOURCE : WAGLE_OK);
        wg_text_free(&out);
        assert_int_equal(wg_memory_live(), live);
    } while (left == 0);
    assert_true(n > 10);
    json_decref(text);
    json_decref(variables);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_errors_are_those_of_jinja2),
        cmocka_unit_test(errors_name_template_line_and_thing),
        cmocka_unit_test(templates_without_end_are_stopped),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
