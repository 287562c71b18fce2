/* Chat templates are found where transformers finds them, and render what it renders. */
#include "support.h"

#include "base/file.h"
#include "text/chat.h"

#define FOLDER WG_SCRATCH "/chat"

static void put(wagle_ctx *ctx, const char *name, const char *text)
{
    assert_ok(ctx, wg_write_file(ctx, name, text, strlen(text), true));
}

static void start(wagle_ctx *ctx)
{
    wg_remove_tree(FOLDER);
    assert_ok(ctx, wg_make_folder(ctx, FOLDER));
    assert_ok(ctx, wg_make_folder(ctx, FOLDER "/additional_chat_templates"));
}

static void expect(wagle_ctx *ctx, const wg_chat_options *o, const char *system, const char *name,
                   const char *want)
{
    wg_chat *chat;
    wg_text text = {0};

    assert_ok(ctx, wg_chat_open(ctx, FOLDER, o, &chat));
    assert_ok(ctx, wg_chat_render_prompt(ctx, chat, system, "Hi", &text));
    assert_string_equal(text.text, want);
    assert_string_equal(wg_chat_name(chat), name);
    wg_text_free(&text);
    wg_chat_free(chat);
}

static void expect_refused(wagle_ctx *ctx, const wg_chat_options *o, wagle_status status,
                           const char *says)
{
    wg_chat *chat;

    wg_begin(ctx);
    assert_int_equal(wg_chat_open(ctx, FOLDER, o, &chat), status);
    assert_null(chat);
    if (strstr(wagle_message(ctx), says) == NULL)
        fail_msg("'%s' does not say '%s'", wagle_message(ctx), says);
}

static void files_come_before_the_config(void **state)
{
    wagle_ctx *ctx = new_context();
    bool there;

    (void)state;
    start(ctx);
    assert_ok(ctx, wg_chat_present(ctx, FOLDER, &there));
    assert_false(there);
    expect_refused(ctx, NULL, WAGLE_E_USAGE, "no chat template in");
    put(ctx, FOLDER "/tokenizer_config.json",
        "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"T\"}, "
        "{\"name\": \"default\", \"template\": \"D{{ messages[0].content }}\"}]}");
    assert_ok(ctx, wg_chat_present(ctx, FOLDER, &there));
    assert_true(there);
    expect(ctx, NULL, NULL, "tokenizer_config.json chat_template 'default'", "DHi");
    expect(ctx, &(wg_chat_options){.name = "tool_use"}, NULL,
           "tokenizer_config.json chat_template 'tool_use'", "T");
    put(ctx, FOLDER "/additional_chat_templates/rag.jinja", "R");
    expect_refused(ctx, NULL, WAGLE_E_USAGE, "no default chat template in");
    expect_refused(ctx, &(wg_chat_options){.name = "tool_use"}, WAGLE_E_USAGE, "it has rag");
    put(ctx, FOLDER "/chat_template.jinja", "F");
    expect(ctx, &(wg_chat_options){.name = "auto"}, NULL, "chat_template.jinja", "F");
    expect(ctx, &(wg_chat_options){.name = "rag"}, NULL, "additional_chat_templates/rag.jinja",
           "R");
    put(ctx, FOLDER "/chat_template.jinja",
        "{% if messages %}\n{{ x | nope }}{% endif %}\n{% x %}");
    expect_refused(ctx, NULL, WAGLE_E_INPUT, "chat/chat_template.jinja:3: the tag 'x'");
    wg_remove_tree(FOLDER);
    wagle_ctx_free(ctx);
}

static void special_tokens_are_variables(void **state)
{
    static const char template[] =
        "{{ bos_token }}|{{ eos_token }}|{{ pad_token is defined }}|{{ image_token }}|"
        "{{ boi_token }}|{{ tools is none }}|{{ add_generation_prompt }}";
    wagle_ctx *ctx = new_context();

    (void)state;
    start(ctx);
    put(ctx, FOLDER "/chat_template.jinja", template);
    put(ctx, FOLDER "/special_tokens_map.json",
        "{\"bos_token\": {\"content\": \"<b>\"}, \"eos_token\": \"<e>\"}");
    put(ctx, FOLDER "/tokenizer_config.json",
        "{\"bos_token\": \"<s>\", \"eos_token\": {\"__type\": \"AddedToken\", \"content\": "
        "\"</s>\"}, \"pad_token\": null, \"image_token\": \"<i>\", "
        "\"extra_special_tokens\": {\"boi_token\": \"<boi>\"}}");
    expect(ctx, NULL, NULL, "chat_template.jinja", "<b>|<e>|False|<i>|<boi>|True|True");
    put(ctx, FOLDER "/tokenizer_config.json",
        "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"added_tokens_decoder\": {}}");
    expect(ctx, NULL, NULL, "chat_template.jinja", "<s>|</s>|False|||True|True");
    wg_remove_tree(FOLDER);
    wagle_ctx_free(ctx);
}

static void options_reach_the_template(void **state)
{
    static const char template[] =
        "{{ a }}{{ a is string }}{{ b }}{{ c }}{{ strftime_now('%d %b %Y') }}";
    const char *const given[] = {"a=1", "b=False", "c=x=y", NULL}, *const unread[] = {"z=1", NULL},
                      *const ours[] = {"messages=[]", NULL}, *const bad[] = {"a", NULL};
    wagle_ctx *ctx = new_context();

    (void)state;
    start(ctx);
    put(ctx, FOLDER "/chat_template.jinja", template);
    expect(ctx, &(wg_chat_options){.kwargs = given, .date = "2024-02-29"}, NULL,
           "chat_template.jinja", "1FalseFalsex=y29 Feb 2024");
    expect_refused(ctx, &(wg_chat_options){.kwargs = unread}, WAGLE_E_USAGE, "does not use it");
    expect_refused(ctx, &(wg_chat_options){.kwargs = ours}, WAGLE_E_USAGE, "wagle sets it");
    expect_refused(ctx, &(wg_chat_options){.kwargs = bad}, WAGLE_E_USAGE, "NAME=VALUE");
    expect_refused(ctx, &(wg_chat_options){.date = "2023-02-29"}, WAGLE_E_USAGE, "no such day");
    expect_refused(ctx, &(wg_chat_options){.date = "tomorrow"}, WAGLE_E_USAGE, "2026-07-31");
    wg_remove_tree(FOLDER);
    wagle_ctx_free(ctx);
}

static void layouts_are_templates_too(void **state)
{
    static const struct {
        const char *name, *system, *want; /* of the prompt "Hi" */
    } cases[] = {
        {"chatml", NULL, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"},
        {"chatml", "Be brief.",
         "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>"
         "assistant\n"},
        {"llama3", NULL,
         "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_"
         "id|>assistant<|end_header_id|>\n\n"},
        {"gemma", NULL, "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n"},
        {"gemma", "Be brief.",
         "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n"},
        {"phi3", NULL, "<|user|>\nHi<|end|>\n<|assistant|>\n"},
        {"zephyr", "Be brief.", "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\n"},
        {"llama2", "Be brief.", "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]"},
        {"mistral", "Be brief.", "[INST] Be brief.\n\nHi [/INST]"},
        {"mistral", NULL, "[INST] Hi [/INST]"},
        {"plain", "Be brief.", "Be brief.\n\nUser: Hi\nAssistant: "},
    };
    wagle_ctx *ctx = new_context();

    (void)state;
    start(ctx);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(ctx, &(wg_chat_options){.name = cases[i].name}, cases[i].system, cases[i].name,
               cases[i].want);
    expect_refused(ctx, &(wg_chat_options){.name = "nope"}, WAGLE_E_USAGE, "layouts are chatml");
    wg_remove_tree(FOLDER);
    wagle_ctx_free(ctx);
}

static void messages_are_made_plain_as_transformers_does(void **state)
{
    static const char text[] =
        "[{\"role\": \"user\", \"content\": null, \"z\": 1}, {\"role\": \"assistant\", "
        "\"reasoning\": \"hm\", \"content\": \"a\"}]";
    wagle_ctx *ctx = new_context();
    json_t *messages, *empty = json_array();
    wg_chat *chat;
    wg_text out = {0};

    (void)state;
    start(ctx);
    put(ctx, FOLDER "/chat_template.jinja",
        "{% for m in messages %}{{ m }}{% endfor %}{% if messages | length > 2 %}{{ "
        "raise_exception('too many') }}{% endif %}");
    assert_ok(ctx, wg_json_parse(ctx, "messages", text, sizeof text - 1, &messages));
    assert_ok(ctx, wg_chat_open(ctx, FOLDER, NULL, &chat));
    assert_ok(ctx, wg_chat_render(ctx, chat, messages, false, &out));
    assert_string_equal(out.text, "{'role': 'user', 'z': 1}{'thinking': 'hm', 'role': 'assistant', "
                                  "'reasoning': 'hm', 'content': 'a', 'reasoning_content': 'hm'}");
    assert_int_equal(wg_chat_render(ctx, chat, empty, true, &out), WAGLE_E_INPUT);
    json_array_append(messages, json_array_get(messages, 0));
    wg_begin(ctx);
    assert_refused(ctx, wg_chat_render(ctx, chat, messages, true, &out), WAGLE_E_INPUT,
                   "chat_template.jinja:1: the template refuses these "
                   "messages: too many");
    wg_text_free(&out);
    wg_chat_free(chat);
    json_decref(messages);
    json_decref(empty);
    wg_remove_tree(FOLDER);
    wagle_ctx_free(ctx);
}

static void every_failed_allocation_is_reported(void **state)
{
    const char *const given[] = {"a=1", NULL};
    const wg_chat_options o = {.name = "x", .kwargs = given, .date = "2026-07-31"};
    wagle_ctx *ctx = new_context();
    int64_t n = 0, left;

    (void)state;
    start(ctx);
    put(ctx, FOLDER "/additional_chat_templates/x.jinja", "{{ a }}{{ messages }}{{ bos_token }}");
    put(ctx, FOLDER "/tokenizer_config.json", "{\"bos_token\": \"<s>\"}");
    put(ctx, FOLDER "/special_tokens_map.json", "{\"eos_token\": \"</s>\"}");
    do {
        const int64_t live = wg_memory_live();
        wg_chat *chat = NULL;
        wg_text text = {0};
        wagle_status st;
        wg_begin(ctx);
        wg_memory_fail_at(++n);
        st = wg_chat_open(ctx, FOLDER, &o, &chat);
        if (st == WAGLE_OK)
            st = wg_chat_render_prompt(ctx, chat, "s", "Hi", &text);
        left = wg_memory_fail_at(0);
        assert_int_equal(st, left == 0 ? WAGLE_E_RESOURCE : WAGLE_OK);
        wg_text_free(&text);
        wg_chat_free(chat);
        assert_int_equal(wg_memory_live(), live);
    } while (left == 0);
    assert_true(n > 10);
    wg_remove_tree(FOLDER);
    wagle_ctx_free(ctx);
}

static void the_list_of_layouts_ends(void **state)
{
    int n = 0;

    (void)state;
    while (wagle_chat_info(n).name != NULL)
        n++;
    assert_int_equal(n, 8);
    assert_null(wagle_chat_info(n + 1).name);
    assert_null(wagle_chat_info(-1).name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_come_before_the_config),
        cmocka_unit_test(special_tokens_are_variables),
        cmocka_unit_test(options_reach_the_template),
        cmocka_unit_test(layouts_are_templates_too),
        cmocka_unit_test(messages_are_made_plain_as_transformers_does),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(the_list_of_layouts_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
